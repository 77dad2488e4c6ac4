/*
 * An asker: one libpq connection that puts one question at a time and never
 * blocks its loop.  It connects when a question needs it, keeps the connection
 * for the next one, and notices at once when an idle connection is lost.
 */
#ifndef PGWEIR_CLUSTER_ASKER_H
#define PGWEIR_CLUSTER_ASKER_H

#include "config/config.h"
#include "loop.h"

#include <libpq-fe.h>
#include <sys/socket.h>

struct asker;

enum asker_outcome {
	ASKER_ROWS, /* the rows of the answer */
	ASKER_REFUSED, /* the server answered with an error; the connection lives */
	ASKER_LOST, /* no connection, or lost, or no answer in time */
};

struct asker_answer {
	enum asker_outcome outcome;
	PGresult *rows; /* ASKER_ROWS: valid during the callback */
	const char *reason; /* else: one line, for people; without a password */
	bool was_asked; /* false: the connection was lost while nothing was asked */
	bool was_fresh; /* the connection was opened for this very question */
	bool is_timeout;
};

/* May ask the next question or close; must not destroy the asker. */
typedef void on_answer(void *context, const struct asker_answer *answer);

/* Who connects; the texts are borrowed for the asker's life.  A password of
 * NULL leaves it to ~/.pgpass, as psql does. */
struct asker_login {
	const char *user;
	const char *password;
	const char *application;
	const char *settings; /* "-c name=value ..." */
	enum tls_mode tls;
	const char *tls_ca; /* "" : none */
};

/* Where a question goes when there is no connection; borrowed for the call. */
struct asker_place {
	const char *host; /* a Unix socket directory, or for messages and certificates */
	int port;
	const struct sockaddr_storage *address; /* resolved; unused for a directory */
	socklen_t address_size;
	const char *database;
};

struct asker *asker_create(struct loop *loop, const struct asker_login *login,
			   on_answer *on_answer, void *context);
/* Not from its own callback. */
void asker_destroy(struct asker *a);

/* Asks one statement with text parameters and text results.  The answer, or
 * what went wrong, comes to the callback, never from inside this call, within
 * `deadline_ms`.  The asker must not be busy. */
void asker_ask(struct asker *a, const struct asker_place *place, const char *query,
	       int value_count, const char *const *values, int deadline_ms);
bool asker_is_busy(const struct asker *a);
bool asker_is_connected(const struct asker *a);
/* Drops the connection and the question: no callback follows. */
void asker_close(struct asker *a);

#endif
