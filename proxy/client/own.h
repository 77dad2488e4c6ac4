/*
 * Requests of our own on the connection that a session has: nobody but we see
 * their answers.
 */
#ifndef PGWEIR_CLIENT_OWN_H
#define PGWEIR_CLIENT_OWN_H

#include "client/session.h"

/* What they are for: struct request's purpose. */
enum own_purpose {
	OWN_NOTHING,
	OWN_SET_UP, /* the session's settings, before anything of it is sent */
	OWN_RESTORE, /* those of start-up, after a RESET */
	OWN_VALUES, /* what was touched */
	OWN_PINS, /* what still binds the session to its connection */
	OWN_NAMES, /* prepared statements by the client's names; may fail */
};

/* So many groups of Parse, Bind and Execute with a Sync behind them were written. */
void own_ask(struct session *s, enum own_purpose purpose, int groups);

/* What another session's nextval() left is not this one's to read: an error (55000) is
 * what it would get on a connection of its own. */
void own_discard_sequences(struct session *s);

/* For answer.c. */
void own_on_row(struct session *s, const struct request *r, struct span row);
bool own_on_error(struct session *s, const struct request *r, const struct error_fields *fields);
/* One more set-up failed: on another connection? */
bool own_may_try_again(struct session *s);
/* Its Sync was answered. */
void own_end(struct session *s, enum own_purpose purpose);

#endif
