/*
 * A batch of the extended protocol, in three steps: look.c judges it as a whole,
 * batch.c finds it a server, pass.c passes its messages on.
 */
#ifndef PGWEIR_CLIENT_BATCH_H
#define PGWEIR_CLIENT_BATCH_H

#include "client/session.h"
#include "wire/extended.h"

/* What a Parse of this session is known by. */
struct statement_key batch_key(struct session *s, const struct parse_message *p);

/* look.c: what the batch at the start of `ahead` needs.  TAKE_DONE: `need` is
 * known, and s->is_local and s->is_detached say how it is to be dealt with. */
enum take batch_judge(struct session *s, struct span ahead, struct need *need);

/* batch.c: the server reads COPY data. */
enum take batch_take_while_copying(struct session *s, const struct incoming *m);

/* pass.c: the session is LINKED; the message goes to its server. */
enum take batch_pass(struct session *s, const struct incoming *m);
void batch_pass_sync(struct session *s);
/* The server gets to know the session's prepared statements by the client's names,
 * for SQL that uses them; from here on, as long as the session is pinned, it does. */
void batch_make_verbatim(struct session *s);
/* False: the session has failed. */
bool batch_parse_is_allowed(struct session *s, const struct parse_message *p);

#endif
