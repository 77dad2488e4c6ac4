/*
 * The settings of a session, which it carries from connection to connection.
 *
 *   a statement that touches settings is sent      carried_note
 *   the last answer came: what are they now?       carried_ask → carried_on_row → carried_end
 *   another connection, other settings on it       carried_set_up
 *
 * Values are never worked out here: the server is asked for those that were touched,
 * before the connection is given back.  So whatever a transaction, a savepoint or
 * an error took back is not there.
 */
#ifndef PGWEIR_CLIENT_CARRIED_H
#define PGWEIR_CLIENT_CARRIED_H

#include "client/session.h"

/* It is about to run with this text: which settings may it touch? */
void carried_note(struct session *s, const struct verdict *v, struct span text);
/* It did not run to its end: what it touched may be as it was. */
void carried_note_failure(struct session *s, const struct verdict *v);
/* It ran: what it reset goes back to what the client gave at start-up, as on a
 * connection of its own; carried_restore does it when the answer is complete. */
void carried_note_reset(struct session *s, const struct verdict *v);
/* Does this one have to be answered before anything behind it is sent? */
bool carried_must_wait(const struct session *s, const struct verdict *v);
bool carried_restores(const struct session *s);
void carried_restore(struct session *s);
/* The transaction failed, and its RESET with it. */
void carried_restore_not(struct session *s);
/* Would its connection take settings with it that are nowhere else? */
bool carried_is_unsaved(const struct session *s);

/* Must the server be asked before the connection may be another's? */
bool carried_is_due(const struct session *s);
void carried_ask(struct session *s);
void carried_on_row(struct session *s, struct span row);
/* All rows came; or the server refused, and the session keeps its connection. */
void carried_end(struct session *s);

/* Gives the server what the session has set.  False: it has that already. */
bool carried_set_up(struct session *s, struct server *server);

/* Of the settings in force (settings_digest); as long as they are not known, one that
 * nothing else has. */
uint64_t carried_digest(struct session *s);

/* Where its names are looked up.  Not known while settings are not, nor with what SET LOCAL
 * or, in a pinned session, a function may have set. */
struct lookup carried_lookup(const struct session *s);

/* From start-up: `s->settings` is what was given. */
void carried_begin(struct session *s);
void carried_finish(struct session *s);

#endif
