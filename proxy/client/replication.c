/*
 * Replication connections (replication.h): messages are only counted, so that each
 * answer finds its request, and held back when nobody reads them.  Knows no
 * replication command.  Runs on the worker's thread.
 */
#include "client/replication.h"

#include "client/batch.h"
#include "client/pins.h"
#include "client/query.h"
#include "base/ensure.h"
#include "wire/error.h"

#include <stdlib.h>

struct replication {
	struct buf startup; /* what the client said, but for its names */
	struct pool *pool; /* its own; NULL: none so far */
};

static const struct asker_ops replication_asker_ops;

/* --- its connection --- */

void replication_begin(struct session *s, const struct startup *startup)
{
	s->replication = memory_get_zeroed(sizeof *s->replication);
	startup_write_pairs(&s->replication->startup, startup);
	s->asker.ops = &replication_asker_ops;
}

/* Another node may have become the primary since it was asked last. */
static struct pool *find_pool(struct session *s, int node)
{
	struct replication *r = s->replication;

	if (r->pool && r->pool->node == node)
		return r->pool;
	if (r->pool)
		pool_end_private(r->pool);
	r->pool = pools_make_private(s->sessions->pools, node, s->database, s->user,
				     buf_waiting(&r->startup));
	return r->pool;
}

void replication_ask(struct session *s)
{
	struct route route =
		router_choose_primary(s->sessions->router, ROUTE_FIRST_OWN + ROUTE_PINNED);
	struct pool *pool;

	if (route.target != TARGET_NODE)
		return; /* a new topology or the deadline looks again */
	pool = find_pool(s, route.node);
	if (!pool) {
		session_fail(s, "53400", "too many databases are in use");
		return;
	}
	/* on_lent comes when it is open: nobody has left one there. */
	ensure(pool_lend(pool, &s->asker) == POOL_WAIT);
}

void replication_destroy(struct replication *r)
{
	if (!r)
		return;
	if (r->pool)
		pool_end_private(r->pool);
	buf_finish(&r->startup);
	free(r);
}

/* --- what the client sends --- */

static enum request_kind kind_of(char type)
{
	switch (type) {
	case CLIENT_PARSE:
		return REQUEST_PARSE;
	case CLIENT_BIND:
		return REQUEST_BIND;
	case CLIENT_DESCRIBE:
		return REQUEST_DESCRIBE;
	case CLIENT_EXECUTE:
		return REQUEST_EXECUTE;
	case CLIENT_CLOSE:
		return REQUEST_CLOSE;
	case CLIENT_SYNC:
		return REQUEST_SYNC;
	case CLIENT_FUNCTION_CALL:
		return REQUEST_FUNCTION;
	}
	ensure(type == CLIENT_QUERY);
	return REQUEST_QUERY;
}

static bool is_of_batch(char type)
{
	return type != CLIENT_QUERY && type != CLIENT_FUNCTION_CALL && type != CLIENT_SYNC &&
	       type != CLIENT_FLUSH;
}

/* PostgreSQL ends a stream in which something else comes. */
static enum take take_while_copying(struct session *s, const struct incoming *m)
{
	if (!s->asker.server->is_streaming)
		return batch_take_while_copying(s, m);
	session_fail(s, "08P01", "invalid standby message type \"%c\"", m->f.type);
	return TAKE_HOLD;
}

enum take replication_take(struct session *s, const struct incoming *m)
{
	struct server *server = s->asker.server;

	s->passing_is_dropped = s->skips_to_sync && m->f.type != CLIENT_SYNC;
	if (s->passing_is_dropped)
		return TAKE_DONE;
	if (s->is_copying_in)
		return take_while_copying(s, m);
	conn_send(&server->conn, m->raw);
	if (m->f.type != CLIENT_FLUSH)
		server_ask(server, &(struct request){ .kind = kind_of(m->f.type),
						      .plan = ANSWER_PASS,
						      .asker = &s->asker });
	if (is_of_batch(m->f.type))
		s->is_batch_open = true;
	if (m->f.type == CLIENT_SYNC)
		s->is_batch_open = s->skips_to_sync = false;
	query_sent(s);
	return TAKE_DONE;
}

/* --- what comes back --- */

static void let_go_on(struct session *s)
{
	if (!s->holds_for_answers)
		return;
	s->holds_for_answers = false;
	conn_release(&s->conn);
}

static void on_lent(struct asker *a, struct server *server)
{
	struct session *s = session_of(a);

	session_pin(s, PIN_REPLICATION);
	login_greet(s, server);
}

static void on_refused(struct asker *a, const struct error *e, bool node_failed)
{
	struct session *s = session_of(a);

	/* The topology will say so soon; the tick asks again until the login's deadline. */
	if (node_failed && !s->sessions->is_draining)
		return;
	session_fail_with(s, e);
}

static void on_request_end(struct asker *a, struct server *server, struct request *r,
			   enum request_outcome outcome)
{
	struct session *s = session_of(a);

	(void)r, (void)outcome;
	if (server->queue_count == 0 && s->is_batch_open)
		let_go_on(s);
}

static void on_batch_failed(struct asker *a, struct server *server)
{
	struct session *s = session_of(a);

	(void)server;
	s->skips_to_sync = true;
	let_go_on(s);
}

static void on_ready(struct asker *a, struct server *server, char status, enum answer_plan plan)
{
	struct session *s = session_of(a);

	(void)plan;
	s->is_copying_in = false;
	if (server->queue_count > 0)
		return;
	if (status == 'I' && s->sessions->is_draining)
		replication_drain(s);
	else
		let_go_on(s);
}

static void on_copy_in(struct asker *a, struct server *server, bool wants)
{
	struct session *s = session_of(a);

	(void)server;
	s->is_copying_in = wants;
	if (wants)
		let_go_on(s);
	if (wants && server->is_streaming && s->sessions->is_draining)
		replication_drain(s);
}

static void on_parameter(struct asker *a, struct span name, struct span value)
{
	(void)a, (void)name, (void)value;
}

static void on_room(struct asker *a, struct server *server)
{
	struct session *s = session_of(a);

	(void)server;
	if (!s->holds_for_answers)
		conn_release(&s->conn);
}

static void on_lost(struct asker *a, struct server *server, const struct error *e)
{
	struct session *s = session_of(a);

	if (s->state != SESSION_REPLICATION)
		return; /* GREETING: the tick asks again, until the login's deadline */
	stats_node_error(s->sessions->stats, server->pool->node);
	if (server->passing > 0)
		session_close(s); /* in the middle of a message nothing else can be said */
	else if (server->has_streamed)
		session_end(s); /* so ends a WAL sender when its server is shut down */
	else
		session_fail_with(s, e);
}

/* Every request is the client's: there is no error of our own (on_own_error). */
static const struct asker_ops replication_asker_ops = {
	.on_lent = on_lent,
	.on_refused = on_refused,
	.on_request_end = on_request_end,
	.on_batch_failed = on_batch_failed,
	.on_ready = on_ready,
	.on_copy_in = on_copy_in,
	.on_parameter = on_parameter,
	.on_room = on_room,
	.on_lost = on_lost,
};

/* --- the end of the process --- */

/* A stream never ends by itself. */
static bool is_busy(const struct session *s)
{
	const struct server *server = s->asker.server;

	return !server->is_streaming && (server->queue_count > 0 || server->status != 'I');
}

void replication_drain(struct session *s)
{
	if (is_busy(s))
		return;
	if (s->asker.server->passing > 0)
		session_close(s);
	else
		session_fail(s, "57P01", "terminating connection due to administrator command");
}
