/*
 * What simple queries (query.c) and batches (batch.c) share: judging a text,
 * getting a server for it, holding it back.
 */
#ifndef PGWEIR_CLIENT_QUERY_H
#define PGWEIR_CLIENT_QUERY_H

#include "client/session.h"

/* The query of a text; the caller drops it. */
struct known_query *query_know(struct session *s, struct span text);
/* Adds what this query needs to what its message needs. */
void query_need_add(struct session *s, struct need *need, struct known_query *q);
/* It is being sent to the session's server: may pin the session; may be a write. */
enum query_use { USE_CONTROL, USE_READ, USE_WRITE };
enum query_use query_note_use(struct session *s, struct known_query *q);
/* It ends prepared statements, whichever there are when it runs: nothing that
 * names one may be sent before it has ended. */
static inline bool query_drops_names(const struct known_query *q)
{
	return q->verdict->drops_prepared || q->verdict->deallocates;
}
/* Nothing may be sent behind it before it has ended. */
bool query_must_be_answered(const struct session *s, const struct known_query *q);
/* The route of the next message was no choice: counts it, unless it was looked for. */
void query_count_bound(struct session *s);
/* Counts it for the node. */
void query_count_use(struct session *s, enum query_use use);

/* IDLE: routes and asks for a server.  True: the session is LINKED now.  False:
 * it waits (and will see the message again) or has failed. */
bool query_get_server(struct session *s, const struct need *need);
/* LINKED: the next message has no choice. */
bool query_is_bound(const struct session *s);
/* LINKED to a replica that will not do: waits for what is outstanding, then
 * looks for another. */
enum take query_change_server(struct session *s);
/* Nothing more is looked at until all outstanding answers came; the ReadyForQuery,
 * too, unless a batch is open. */
enum take query_hold(struct session *s);
/* Bytes went to the server's queue: back-pressure. */
void query_sent(struct session *s);
/* IDLE or WAITING: the message that waits is answered 57014. */
void query_refuse_cancelled(struct session *s);
/* Writes the error of s->refusal to the client. */
void query_give_refusal(struct session *s);

#endif
