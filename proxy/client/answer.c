/*
 * What comes back to a session from the server side: a connection, the end of a
 * request, ReadyForQuery, an error, the loss of the connection.
 */
#include "client/query.h"

#include "client/carried.h"
#include "client/own.h"
#include "client/pins.h"
#include "client/prepared.h"
#include "base/ensure.h"
#include "base/log.h"
#include "wire/write.h"

#include <stdio.h>

static void on_lent(struct asker *a, struct server *server)
{
	(void)server;
	query_link(session_of(a));
}

/* The node could not be used: the topology will say so soon, and then the
 * message is looked at again.  Anything else is an answer. */
static void on_refused(struct asker *a, const struct error *e, bool node_failed)
{
	struct session *s = session_of(a);

	if (!node_failed || s->sessions->is_draining) {
		query_refuse(s, e);
		return;
	}
	s->lacks = TARGET_NO_PRIMARY;
	if (s->state == SESSION_GREETING)
		return; /* the tick asks again, until the login's deadline */
	s->deadline_us =
		s->arrived_us + (uint64_t)s->sessions->config->route_primary_wait_ms * 1000;
}

/* --- the end of a request --- */

static void let_go_on(struct session *s)
{
	s->holds_for_answers = false;
	conn_release(&s->conn);
}

static void log_slow(const struct session *s, const struct stats_sample *sample)
{
	uint64_t limit_us = (uint64_t)s->sessions->config->log_slow_query_ms * 1000;

	if (limit_us && sample->total_us >= limit_us)
		log_info("slow query: %.3f ms (server %.3f ms, wait %.3f ms), user \"%s\", "
			 "database \"%s\": %s",
			 (double)sample->total_us / 1e3, (double)sample->server_us / 1e3,
			 (double)sample->wait_us / 1e3, s->user, s->database, sample->text);
}

static void count_query(struct session *s, struct server *server, const struct request *r,
			enum request_outcome outcome)
{
	uint64_t now = loop_now_us();
	/* In a pipeline the server starts a request when it has ended the one before. */
	uint64_t begun = r->sent_us > server->last_end_us ? r->sent_us : server->last_end_us;
	struct stats_sample sample = {
		.digest = r->query->digest,
		.text = r->query->text,
		.total_us = now - r->asked_us,
		.server_us = now - begun,
		.wait_us = s->wait_us,
		.rows = r->rows,
		.node = server->pool->node,
		.on_primary = s->sessions->router->topology->primary == server->pool->node,
		.is_error = outcome == REQUEST_FAILED,
	};

	server->last_end_us = now;
	s->wait_us = 0;
	stats_query(s->sessions->stats, &sample);
	stats_count(s->sessions->stats, COUNT_QUERIES, 1);
	log_slow(s, &sample);
}

/* It ran: what it changed on the connection and in the session. */
static void apply_effects(struct session *s, struct server *server, const struct verdict *v)
{
	if (v->resets_settings)
		carried_note_reset(s, v);
	pins_note_end(s, v);
	if (v->drops_prepared) {
		server_forget_all(server);
		prepared_forget_all(s);
	}
	for (int i = 0; i < v->deallocated_count; i++)
		prepared_undo_forget(prepared_set(s, span_of(v->deallocated[i]), NULL));
	if (v->changes_schema || v->pin == PIN_TEMPORARY_TABLE)
		statements_begin_epoch(&s->sessions->statements);
	if (v->changes_schema) {
		s->changed_schema = true;
		s->sessions->on_schema_change(s->sessions->context, s->database);
	}
}

/* What it changed in a transaction, all see from now on. */
static void note_transaction_end(struct session *s)
{
	if (s->changed_schema)
		s->sessions->on_schema_change(s->sessions->context, s->database);
	s->changed_schema = false;
}

static bool ends_with_ready(enum request_kind kind)
{
	return kind == REQUEST_QUERY || kind == REQUEST_FUNCTION || kind == REQUEST_SYNC;
}

static void on_request_end(struct asker *a, struct server *server, struct request *r,
			   enum request_outcome outcome)
{
	struct session *s = session_of(a);
	bool ran = r->kind == REQUEST_QUERY || r->kind == REQUEST_EXECUTE;

	if (r->purpose) {
		if (ends_with_ready(r->kind) && outcome == REQUEST_DONE)
			own_end(s, r->purpose);
		return;
	}
	prepared_settle(s, r, outcome);
	/* The Sync that ends a batch which only prepared was ours: the client's
	 * own is still to come, and ends what must be skipped. */
	if (outcome != REQUEST_DONE && r->is_detached && s->owes_sync)
		s->skips_to_sync = true;
	/* Skipped by the server: a Query in a failed batch, a Sync before COPY data. */
	if (outcome == REQUEST_SKIPPED && server->state != SERVER_CLOSED &&
	    r->plan == ANSWER_PASS && ends_with_ready(r->kind))
		s->readies_due--;
	if (ran && r->query && r->plan == ANSWER_PASS && outcome != REQUEST_SKIPPED)
		count_query(s, server, r, outcome);
	if (r->kind == REQUEST_PARSE && r->statement && outcome == REQUEST_DONE &&
	    r->plan != ANSWER_LOCAL)
		r->statement->proved_epoch = r->epoch;
	if (r->query && outcome == REQUEST_FAILED)
		pins_note_failure(s, r->query->verdict);
	if (r->statement && outcome == REQUEST_FAILED)
		pins_note_failure(s, r->statement->query->verdict);
	if (ran && r->query && outcome == REQUEST_DONE)
		apply_effects(s, server, r->query->verdict);
	if (ran && r->query && outcome != REQUEST_DONE)
		carried_note_failure(s, r->query->verdict);
	/* DEALLOCATE is not taken back by an error behind it; or did that come before? */
	if (ran && r->query && outcome == REQUEST_FAILED && r->query->verdict->drops_prepared)
		server_doubt_all(server);
	if (s->holds_for_answers && s->is_batch_open && server->queue_count == 0)
		let_go_on(s);
}

static void on_batch_failed(struct asker *a, struct server *server)
{
	struct session *s = session_of(a);

	(void)server;
	s->skips_to_sync = true;
	if (s->holds_for_answers)
		let_go_on(s);
}

static void on_own_row(struct asker *a, struct server *server, const struct request *r,
		       struct span row)
{
	(void)server;
	own_on_row(session_of(a), r, row);
}

static bool on_own_error(struct asker *a, struct server *server, const struct request *r,
			 struct error_fields *fields)
{
	(void)server;
	return own_on_error(session_of(a), r, fields);
}

/* --- ReadyForQuery --- */

void answer_release(struct session *s)
{
	struct server *server = s->asker.server;
	uint64_t now = loop_now_us();

	bool needs_reset = s->needs_reset;

	policy_end(&s->sessions->router->policy, s->linked_node, now - s->linked_us, now);
	s->needs_reset = false;
	server->last_key = s->key;
	session_set_state(s, SESSION_IDLE);
	pool_give_back(server, needs_reset);
}

/* Everything came; may the connection serve somebody else? */
void answer_settle(struct session *s)
{
	struct server *server = s->asker.server;
	bool is_free = server->status == 'I' && !s->is_batch_open && s->passing == 0;

	if (is_free && s->sessions->is_draining) {
		session_fail(s, "57P01", "terminating connection due to administrator command");
		return;
	}
	if (is_free && pins_are_due(s))
		pins_ask(s);
	else if (is_free && s->pin == PIN_NONE && carried_is_due(s))
		carried_ask(s);
	else if (is_free && s->pin == PIN_NONE)
		answer_release(s);
	/* A server that took no more of a failed COPY cannot say that it has room
	 * when it is another's. */
	if (s->own_holds)
		query_hold(s);
	else if (s->holds_for_answers || (s->state == SESSION_IDLE && s->conn.is_held))
		let_go_on(s);
}

static void on_ready(struct asker *a, struct server *server, char status, enum answer_plan plan)
{
	struct session *s = session_of(a);

	if (s->state == SESSION_GREETING) {
		login_greet(s, server);
		return;
	}
	if (s->state == SESSION_SETTING_UP) {
		if (server->queue_count == 0)
			query_on_set_up(s);
		return; /* its message comes first, not the end of its lease */
	}
	if (plan == ANSWER_PASS)
		s->readies_due--;
	if (status == 'I')
		note_transaction_end(s);
	if (plan == ANSWER_PASS && status == 'I') {
		stats_count(s->sessions->stats, COUNT_TRANSACTIONS, 1);
		if (s->wrote)
			freshness_note_write(&s->freshness, loop_now_us());
		/* In a pipeline the write may be the one that is still to come. */
		if (server->queue_count == 0 && !s->is_batch_open)
			s->wrote = s->may_look_elsewhere = false;
	}
	s->is_copying_in = false;
	if (server->queue_count > 0)
		return;
	if (status == 'E')
		carried_restore_not(s);
	if (carried_restores(s) && !s->is_batch_open)
		carried_restore(s);
	else
		answer_settle(s);
}

static void on_copy_in(struct asker *a, struct server *server, bool wants)
{
	struct session *s = session_of(a);

	(void)server;
	s->is_copying_in = wants;
	if (wants && s->holds_for_answers)
		let_go_on(s);
}

static void on_parameter(struct asker *a, struct span name, struct span value)
{
	query_on_parameter(session_of(a), name, value);
}

static void on_changed(struct asker *a, struct statement *st)
{
	st->changed_epoch = statements_begin_epoch(st->owner);
	prepared_renew(session_of(a), st);
}

static struct span name_of(struct asker *a, const struct statement *st)
{
	return prepared_name_of(session_of(a), st);
}

static void on_room(struct asker *a, struct server *server)
{
	struct session *s = session_of(a);

	(void)server;
	if (s->state == SESSION_LINKED && !s->holds_for_answers)
		conn_release(&s->conn);
}

/* --- the loss of a connection --- */

/* The client can be told by an ERROR and go on, if it waits for exactly one end
 * and no transaction or session state went with the connection. */
static bool can_go_on(const struct session *s, const struct server *server)
{
	if (server->status != 'I' || s->pin != PIN_NONE || s->is_copying_in || s->passing > 0 ||
	    carried_is_unsaved(s))
		return false;
	return s->readies_due + s->is_batch_open == 1;
}

static void go_on(struct session *s, const struct error *e)
{
	struct error error = *e;

	error.severity = "ERROR";
	if (s->wrote) {
		error.detail = "It is not known whether the statement took effect.";
		freshness_note_write(&s->freshness, loop_now_us());
	}
	session_complain(s, &error);
	if (s->is_batch_open) {
		s->skips_to_sync = true;
	} else {
		write_ready(conn_out(&s->conn), 'I');
		conn_sent(&s->conn);
	}
	s->is_batch_open = false;
	s->readies_due = 0;
	s->arrived_us = 0;
	s->wrote = s->may_look_elsewhere = false;
	s->holds_for_answers = false;
	session_set_state(s, SESSION_IDLE);
	conn_release(&s->conn);
}

static void on_lost(struct asker *a, struct server *server, const struct error *e)
{
	struct session *s = session_of(a);
	uint64_t now = loop_now_us();

	if (s->state == SESSION_GREETING)
		return; /* the tick asks again, until the login's deadline */
	/* Nothing of the client's was sent: another connection may do. */
	if (s->state == SESSION_SETTING_UP && own_may_try_again(s))
		session_set_state(s, SESSION_IDLE);
	else if (s->state == SESSION_SETTING_UP)
		session_fail_with(s, e);
	if (s->state != SESSION_LINKED)
		return;
	policy_end(&s->sessions->router->policy, s->linked_node, now - s->linked_us, now);
	stats_node_error(s->sessions->stats, s->linked_node);
	if (server->passing > 0 && !server->passing_is_dropped)
		session_close(s); /* in the middle of a row nothing else can be said */
	else if (can_go_on(s, server))
		go_on(s, e);
	else
		session_fail_with(s, e);
}

const struct asker_ops session_asker_ops = {
	.on_lent = on_lent,
	.on_refused = on_refused,
	.on_request_end = on_request_end,
	.on_batch_failed = on_batch_failed,
	.on_own_row = on_own_row,
	.on_own_error = on_own_error,
	.on_ready = on_ready,
	.on_copy_in = on_copy_in,
	.on_parameter = on_parameter,
	.on_changed = on_changed,
	.name_of = name_of,
	.on_room = on_room,
	.on_lost = on_lost,
};
