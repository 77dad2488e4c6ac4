/*
 * Batches of the extended protocol: Parse, Bind, Describe, Execute, Close up to
 * a Sync.  A batch is one unit: it is judged as a whole (look.c), gets one
 * server, and its messages are passed on (pass.c).
 */
#include "client/batch.h"

#include "base/ensure.h"
#include "client/prepared.h"
#include "client/query.h"
#include "wire/write.h"

/* Messages that the client must not send now, or that mean nothing now. */
static enum take take_skipped(struct session *s, const struct incoming *m)
{
	s->passing_is_dropped = true;
	if (m->f.type != CLIENT_SYNC)
		return TAKE_DONE;
	if (s->state == SESSION_LINKED) {
		batch_pass_sync(s);
		query_sent(s);
		return TAKE_DONE;
	}
	s->skips_to_sync = false;
	s->owes_sync = false;
	write_ready(conn_out(&s->conn), 'I');
	conn_sent(&s->conn);
	return TAKE_DONE;
}

static enum take take_refused(struct session *s, const struct incoming *m)
{
	query_give_refusal(s);
	s->skips_to_sync = true;
	return take_skipped(s, m);
}

/* PostgreSQL ignores both while it reads COPY data; anything else breaks it.  They
 * are not even sent: should the COPY have failed meanwhile, the server would answer
 * a Sync that nobody counted, perhaps to the next client. */
enum take batch_take_while_copying(struct session *s, const struct incoming *m)
{
	if (m->f.type == CLIENT_SYNC || m->f.type == CLIENT_FLUSH) {
		s->passing_is_dropped = true;
		return TAKE_DONE;
	}
	session_fail(s, "08P01", "unexpected message %s during COPY from stdin",
		     frame_name(FRAME_FROM_CLIENT, m->f.type));
	return TAKE_HOLD;
}

/* A Sync or Flush outside of a batch needs no server. */
static bool take_alone(struct session *s, const struct incoming *m)
{
	if (m->f.type == CLIENT_FLUSH && !s->is_batch_open)
		return true;
	if (s->state != SESSION_IDLE)
		return false;
	if (m->f.type != CLIENT_SYNC)
		return false;
	s->owes_sync = false;
	write_ready(conn_out(&s->conn), 'I');
	conn_sent(&s->conn);
	return true;
}

/* A new batch: which server? */
static enum take begin_batch(struct session *s, const struct incoming *m)
{
	struct need need;
	enum take taken;

	/* What a name means is known when an earlier batch has not failed. */
	if (s->names_due > 0)
		return query_hold(s);
	if (s->state == SESSION_LINKED && query_is_bound(s)) {
		query_count_bound(s);
		s->is_detached = false;
		return TAKE_DONE;
	}
	taken = batch_judge(s, m->ahead, &need);
	if (taken != TAKE_DONE)
		return taken;
	if (s->is_local)
		return TAKE_DONE;
	if (s->state == SESSION_IDLE && !query_get_server(s, &need))
		return TAKE_HOLD;
	if (!need.is_harmless && !query_is_bound(s))
		return query_change_server(s);
	return TAKE_DONE;
}

/* A batch of nothing but Parses that servers accepted before needs no server now:
 * the statement is made known to one when it is bound.  (pgbench, for one, waits
 * for a Parse with all its other clients' transactions open: were that to wait
 * for a connection of theirs, it would wait for ever.) */
static enum take take_locally(struct session *s, const struct incoming *m)
{
	struct buf *out = conn_out(&s->conn);
	struct parse_message parse;
	struct statement_key key;

	if (m->f.type == CLIENT_SYNC) {
		s->is_local = false;
		s->arrived_us = 0;
		write_ready(out, 'I');
		conn_sent(&s->conn);
		return TAKE_DONE;
	}
	ensure(m->is_whole && parse_message_read(m->f.body, &parse));
	if (!batch_parse_is_allowed(s, &parse))
		return TAKE_HOLD;
	key = batch_key(s, &parse);
	prepared_undo_forget(prepared_set(s, parse.name,
					  statement_find(&s->sessions->statements, &key)));
	write_empty(out, SERVER_PARSE_COMPLETE);
	conn_sent(&s->conn);
	return TAKE_DONE;
}

enum take query_take_batch(struct session *s, const struct incoming *m)
{
	enum take taken;

	if (s->skips_to_sync)
		return take_skipped(s, m);
	if (s->is_copying_in)
		return batch_take_while_copying(s, m);
	if (s->refusal)
		return take_refused(s, m);
	if (!s->is_local && take_alone(s, m))
		return TAKE_DONE;
	if (!s->is_batch_open && !s->is_local) {
		taken = begin_batch(s, m);
		if (taken != TAKE_DONE)
			return taken;
	}
	if (s->is_local)
		return take_locally(s, m);
	s->passing_is_dropped = false;
	taken = batch_pass(s, m);
	if (taken != TAKE_DONE)
		return taken;
	if (m->f.type != CLIENT_SYNC && !(m->f.type == CLIENT_FLUSH && s->owes_sync))
		s->is_batch_open = true;
	query_sent(s);
	return TAKE_DONE;
}
