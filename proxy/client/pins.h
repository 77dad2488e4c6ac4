/*
 * What binds a session to one server connection: it was noted when the statement
 * was sent, and is asked for at the server when it may be over.
 */
#ifndef PGWEIR_CLIENT_PINS_H
#define PGWEIR_CLIENT_PINS_H

#include "client/session.h"

/* Bound to its connection from here on; PIN_NONE: nothing. */
void session_pin(struct session *s, enum pin_reason reason);
/* Is it bound whatever it does, until it leaves? */
bool pins_are_for_life(const struct session *s);

/* A statement ran that may have ended something. */
void pins_note_end(struct session *s, const struct verdict *v);
/* A statement failed. */
void pins_note_failure(struct session *s, const struct verdict *v);
/* Nothing is outstanding: is it time to ask the server? */
bool pins_are_due(const struct session *s);
void pins_ask(struct session *s);
void pins_on_row(struct session *s, struct span row);
void pins_end(struct session *s);

/* With pool.pin_policy = error: the error that a statement of this verdict gets,
 * in place of the server's; NULL: it may run. */
struct substitute *pins_refuse(const struct session *s, const struct verdict *v, struct span text);
/* Are there any that it would refuse? */
bool pins_refuse_any(const struct session *s);
/* What is sent in its place, for the server to refuse. */
#define PINS_REFUSED_TEXT "pgweir"

#endif
