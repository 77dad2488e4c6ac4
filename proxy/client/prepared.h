/*
 * A client's names of prepared statements: name → statement.  Names change when
 * a Parse or Close is sent, and change back if the server then skips it.
 */
#ifndef PGWEIR_CLIENT_PREPARED_H
#define PGWEIR_CLIENT_PREPARED_H

#include "client/session.h"

enum { PREPARED_NAMES_MAX = 10000 }; /* of one session */

/* The statement of this name (empty: the unnamed one); NULL: none. */
struct statement *prepared_find(const struct session *s, struct span name);
/* When the name was parsed last (struct statements' epoch). */
uint64_t prepared_epoch(const struct session *s, struct span name);
/* Whoever uses a name of it was told that the row type changed. */
void prepared_renew(struct session *s, const struct statement *st);
/* A name of the session that means it; empty: none. */
struct span prepared_name_of(const struct session *s, const struct statement *st);
/* All names of the session, one by one; the unnamed one is none. */
struct prepared_cursor {
	struct span name;
	struct statement *statement;
	void *next;
	bool has_begun;
};

bool prepared_next(const struct session *s, struct prepared_cursor *at);
/* The name now means `st` (NULL: nothing; the reference is the name's own).
 * Returns how to take that back: give it to exactly one of undo and forget. */
struct prepared_undo *prepared_set(struct session *s, struct span name, struct statement *st);
void prepared_undo(struct session *s, struct prepared_undo *undo);
/* Does the outcome of this request decide what a name means, here or on its
 * server?  (A later Parse of the unnamed statement need not wait: it replaces.) */
bool prepared_depends_on(const struct request *r);
/* The request ended: what its undo was for is settled. */
void prepared_settle(struct session *s, struct request *r, enum request_outcome outcome);
void prepared_undo_forget(struct prepared_undo *undo);
bool prepared_is_full(const struct session *s);
void prepared_forget_all(struct session *s);

#endif
