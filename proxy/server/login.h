/*
 * pgweir's own login on a server: SCRAM-SHA-256, md5, cleartext, without ever
 * blocking.  (PostgreSQL documentation, "Message Flow: Start-up".)
 */
#ifndef PGWEIR_SERVER_LOGIN_H
#define PGWEIR_SERVER_LOGIN_H

#include "auth/scram.h"
#include "server/server.h"

/* What a pool logs in with. */
struct login_secret {
	char *password; /* owned; NULL: none */
	char *md5_hex; /* owned; NULL: none */
	bool has_keys;
	struct scram_keys keys;
};

void login_secret_finish(struct login_secret *secret);

/* Sends the startup packet; the state is LOGIN from here. */
void login_begin(struct server *s);
/* The server's answers until ReadyForQuery (conn_ops.on_bytes). */
size_t login_bytes(struct server *s, struct span bytes);
void login_destroy(struct server_login *login);

#endif
