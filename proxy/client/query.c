/*
 * The way out of a statement: judged, routed, lent a server, passed on.  Here
 * are simple queries, function calls and COPY data; batches of the extended
 * protocol are in batch.c, both share link and refusal.
 */
#include "client/query.h"

#include "base/ensure.h"
#include "client/batch.h"
#include "client/carried.h"
#include "client/own.h"
#include "client/pins.h"
#include "client/prepared.h"
#include "wire/write.h"

#include <stdio.h>
#include <stdlib.h>

/* The answer that a waiting message gets when no server came. */
struct refusal {
	char sqlstate[6];
	char message[400];
};

/* --- what a text needs --- */

struct known_query *query_know(struct session *s, struct span text)
{
	struct query_context context = session_query_context(s);

	return verdicts_find(s->sessions->verdicts, text, &context);
}

void query_need_add(struct session *s, struct need *need, struct known_query *q)
{
	struct lookup lookup = carried_lookup(s);
	int reason = ROUTE_FIRST_OWN + ROUTE_SERIALIZABLE;

	need->reads_sequence |= q->verdict->reads_sequence;
	if (s->is_serializable ||
	    !router_is_harmless(s->sessions->router, &lookup, q, &reason)) {
		if (need->is_harmless)
			need->reason = reason;
		need->is_harmless = false;
	}
}

enum query_use query_note_use(struct session *s, struct known_query *q)
{
	const struct verdict *v = q->verdict;
	struct lookup lookup = carried_lookup(s);
	int reason;

	session_pin_all(s, v->pins);
	session_pin(s, router_traces(s->sessions->router, &lookup, q));
	/* SET LOCAL may be in a message with others; set_config() passes for a write. */
	s->may_look_elsewhere |= v->kind == VERDICT_SESSION || v->kind == VERDICT_WRITE;
	if (v->kind == VERDICT_CONTROL || v->kind == VERDICT_EMPTY)
		return USE_CONTROL;
	if (v->writes_nothing)
		return USE_READ;
	if (router_is_harmless(s->sessions->router, &lookup, q, &reason))
		return USE_READ;
	s->wrote = true;
	return USE_WRITE;
}

bool query_must_be_answered(const struct session *s, const struct known_query *q)
{
	return query_drops_names(q) || carried_must_wait(s, q->verdict);
}

void query_count_bound(struct session *s)
{
	if (!s->is_routed)
		router_count_bound(s->sessions->router, s->pin != PIN_NONE);
}

void query_count_use(struct session *s, enum query_use use)
{
	if (use != USE_CONTROL)
		stats_node_used(s->sessions->stats, s->linked_node, use == USE_WRITE);
}

/* --- a server --- */

/* The session has its server, and the server its settings. */
static void begin_link(struct session *s)
{
	s->linked_node = s->asker.server->pool->node;
	s->linked_us = loop_now_us();
	s->wait_us = s->linked_us - s->arrived_us;
	s->deadline_us = 0;
	policy_begin(&s->sessions->router->policy, s->linked_node);
	session_set_state(s, SESSION_LINKED);
}

/* What waits is not sent with the settings in one go: should one of them fail, it
 * would run all the same, as another role perhaps. */
void query_link(struct session *s)
{
	bool is_greeting = s->state == SESSION_GREETING;
	bool is_set_up = !carried_set_up(s, s->asker.server);

	if (!is_greeting && s->reads_sequence && s->asker.server->last_key != s->key) {
		own_discard_sequences(s);
		is_set_up = false;
	}
	if (is_greeting && is_set_up)
		login_greet(s, s->asker.server);
	if (is_greeting)
		return;
	if (is_set_up) {
		begin_link(s);
		return;
	}
	s->deadline_us = 0;
	s->is_cancelled = false;
	session_set_state(s, SESSION_SETTING_UP);
}

void query_on_set_up(struct session *s)
{
	if (!s->is_cancelled) {
		begin_link(s);
		return;
	}
	pool_give_back(s->asker.server, false);
	query_cancel_set_up(s);
}

void query_cancel_set_up(struct session *s)
{
	s->set_up_tries = 0;
	session_set_state(s, SESSION_IDLE);
	query_refuse_cancelled(s);
}

/* There is no node for it now: it waits for another topology. */
static void wait_for_node(struct session *s, enum route_target lacks)
{
	s->lacks = lacks;
	s->deadline_us =
		s->arrived_us + (uint64_t)s->sessions->config->route_primary_wait_ms * 1000;
	session_set_state(s, SESSION_WAITING);
}

static bool link_to(struct session *s, const struct route *route)
{
	struct pool *pool;

	if (route->target != TARGET_NODE) {
		wait_for_node(s, route->target);
		return false;
	}
	s->is_routed = true;
	pool = session_pool(s, route->node);
	if (pool_lend(pool, &s->asker) == POOL_LENT) {
		query_link(s);
		return s->state == SESSION_LINKED;
	}
	if (s->state != SESSION_IDLE)
		return false;
	/* It waits in the pool's queue; or it was refused at once, and waits for
	 * another topology, or gets that as its answer. */
	if (s->refusal)
		conn_release(&s->conn);
	else
		session_set_state(s, SESSION_WAITING);
	return false;
}

bool query_get_server(struct session *s, const struct need *need)
{
	struct router *router = s->sessions->router;
	uint64_t now = loop_now_us();
	struct route route;

	if (s->arrived_us == 0)
		s->arrived_us = now;
	if (s->sessions->is_draining) {
		session_fail(s, "57P01", "terminating connection due to administrator command");
		return false;
	}
	s->reads_sequence = need->reads_sequence;
	s->asker.wants_last_of = need->reads_sequence ? s->key : 0;
	if (s->pin != PIN_NONE)
		route = router_choose_primary(router, ROUTE_FIRST_OWN + ROUTE_PINNED);
	else
		route = router_choose(router, need->is_harmless, need->reason, &s->freshness, now);
	return link_to(s, &route);
}

/* Must the message go to the server that the session has, whatever it is? */
bool query_is_bound(const struct session *s)
{
	const struct server *server = s->asker.server;

	return s->is_batch_open || server->status != 'I' || s->pin != PIN_NONE ||
	       s->sessions->router->topology->primary == server->pool->node;
}

/* The session has a replica, but the message may not run there. */
enum take query_change_server(struct session *s)
{
	struct server *server = s->asker.server;

	if (server->queue_count > 0)
		return query_hold(s);
	answer_release(s);
	conn_release(&s->conn);
	return TAKE_HOLD; /* the bytes come again, to a session without a server */
}

enum take query_hold(struct session *s)
{
	struct server *server = s->asker.server;

	/* The Sync of an open batch is behind what is held: without it the
	 * server keeps its answers until it is asked for them. */
	if (s->is_batch_open) {
		write_empty(conn_out(&server->conn), CLIENT_FLUSH);
		conn_sent(&server->conn);
	}
	s->holds_for_answers = true;
	conn_hold(&s->conn);
	return TAKE_HOLD;
}

void query_sent(struct session *s)
{
	struct server *server = s->asker.server;
	bool is_much = server->queue_count > SESSION_OUTSTANDING && !s->is_copying_in;

	conn_sent(&server->conn);
	if (conn_is_congested(&server->conn))
		conn_stop_reading(&s->conn);
	if (is_much || s->must_be_answered)
		query_hold(s);
	s->must_be_answered = false;
	s->is_routed = false;
}

/* --- when none came --- */

void query_refusal_destroy(struct refusal *refusal)
{
	free(refusal);
}

void query_refuse(struct session *s, const struct error *e)
{
	if (s->state == SESSION_GREETING) {
		session_fail_with(s, e);
		return;
	}
	if (s->state == SESSION_WAITING)
		session_set_state(s, SESSION_IDLE);
	s->deadline_us = 0;
	free(s->refusal);
	s->refusal = memory_get_zeroed(sizeof *s->refusal);
	snprintf(s->refusal->sqlstate, sizeof s->refusal->sqlstate, "%s", e->sqlstate);
	snprintf(s->refusal->message, sizeof s->refusal->message, "%s", e->message);
}

void query_refuse_cancelled(struct session *s)
{
	query_refuse(s, &(struct error){ "ERROR", "57014",
					 "canceling statement due to user request", NULL, NULL });
}

void query_give_refusal(struct session *s)
{
	session_complain(s, &(struct error){ "ERROR", s->refusal->sqlstate, s->refusal->message,
					     NULL, NULL });
	free(s->refusal);
	s->refusal = NULL;
	s->arrived_us = 0;
}

static void refuse_for_lack(struct session *s)
{
	const char *message = s->lacks == TARGET_NO_PRIMARY
				      ? "no primary server is available"
				      : "no server is available for this statement";

	if (s->state == SESSION_GREETING)
		message = "no server is available";
	query_refuse(s, &(struct error){ "ERROR", "57P03", message, NULL, NULL });
}

void query_look_again(struct session *s)
{
	if (s->deadline_us && loop_now_us() >= s->deadline_us) {
		pool_leave_queue(&s->asker);
		refuse_for_lack(s);
		return;
	}
	if (s->state == SESSION_GREETING) {
		login_ask_greeting(s);
		return;
	}
	s->deadline_us = 0; /* it waits anew, if it must, from when it arrived */
	session_set_state(s, SESSION_IDLE); /* which looks at the message again */
}

/* --- simple queries --- */

static enum take answer_refused_query(struct session *s)
{
	query_give_refusal(s);
	write_ready(conn_out(&s->conn), 'I');
	conn_sent(&s->conn);
	s->passing_is_dropped = true;
	return TAKE_DONE;
}

/* "DEALLOCATE name" of a protocol-level statement: the server does not know the
 * client's name, so that the answer is ours. */
static enum take answer_deallocate(struct session *s, const struct verdict *v)
{
	struct server *server = s->asker.server;

	if (server && server->queue_count > 0)
		return query_hold(s);
	prepared_undo_forget(prepared_set(s, span_of(v->deallocates), NULL));
	write_string_message(conn_out(&s->conn), SERVER_COMMAND_COMPLETE, span_of("DEALLOCATE"));
	write_ready(conn_out(&s->conn), server ? server->status : 'I');
	conn_sent(&s->conn);
	return TAKE_DONE;
}

static bool is_ours_to_deallocate(const struct session *s, const struct verdict *v)
{
	const struct server *server = s->asker.server;

	/* In a failed transaction the server must say so. */
	return v->deallocates && !s->is_verbatim && prepared_find(s, span_of(v->deallocates)) &&
	       !(server && server->status == 'E');
}

/* What it may do, unless it is refused. */
static enum query_use note_query(struct session *s, struct known_query *q,
				 const struct request *r, struct span text)
{
	if (r->substitute)
		return USE_CONTROL;
	if (!q) {
		s->wrote = true;
		return USE_WRITE;
	}
	carried_note(s, q->verdict, text);
	return query_note_use(s, q);
}

static void send_query(struct session *s, const struct incoming *m, struct known_query *q,
		       enum request_kind kind)
{
	struct server *server = s->asker.server;
	struct span text = span_first(m->f.body, m->f.body.size - 1);
	struct request r = { .kind = kind,
			     .plan = ANSWER_PASS,
			     .asker = &s->asker,
			     .query = q,
			     .substitute = q ? pins_refuse(s, q->verdict, text) : NULL,
			     .sent_us = loop_now_us() };

	/* A simple query ends the unnamed statement, here and there; unless an
	 * earlier error of its batch makes the server skip it. */
	if (s->unnamed_changes > 0 && kind == REQUEST_QUERY)
		r.undo = prepared_set(s, span_make("", 0), NULL);
	if (r.undo && !s->is_batch_open) {
		prepared_undo_forget(r.undo);
		r.undo = NULL;
	}
	server->unnamed = (struct statement_id){ 0 };
	if (q && q->verdict->names_prepared && !pins_refuse_any(s))
		batch_make_verbatim(s);
	query_count_use(s, note_query(s, q, &r, text));
	s->readies_due++;
	s->owes_sync = false;
	s->passing_is_dropped = false;
	if (r.substitute)
		write_string_message(conn_out(&server->conn), CLIENT_QUERY,
				     span_of(PINS_REFUSED_TEXT));
	else
		conn_send(&server->conn, m->raw);
	r.asked_us = s->arrived_us ? s->arrived_us : r.sent_us;
	s->names_due += prepared_depends_on(&r);
	s->must_be_answered = q && query_must_be_answered(s, q);
	server_ask(server, &r);
	s->arrived_us = 0;
	query_sent(s);
}

static enum take route_query(struct session *s, const struct incoming *m, struct known_query *q,
			     const struct need *need)
{
	if (s->state == SESSION_LINKED && query_is_bound(s))
		query_count_bound(s);
	if (s->state == SESSION_IDLE && !query_get_server(s, need))
		return TAKE_HOLD;
	if (!need->is_harmless && !query_is_bound(s))
		return query_change_server(s);
	send_query(s, m, q, REQUEST_QUERY);
	return TAKE_DONE;
}

/* The text ends at the first NUL, which must be the last byte: PostgreSQL's
 * parser and ours must read the same. */
static bool has_one_text(struct span body)
{
	return body.size > 0 && memchr(body.data, '\0', body.size) == body.data + body.size - 1;
}

static enum take take_judged_query(struct session *s, const struct incoming *m)
{
	struct need need = { .is_harmless = true };
	struct known_query *q;
	enum take taken;

	if (!has_one_text(m->f.body)) {
		session_fail(s, "08P01", "invalid string in message");
		return TAKE_HOLD;
	}
	q = query_know(s, span_first(m->f.body, m->f.body.size - 1));
	if (is_ours_to_deallocate(s, q->verdict)) {
		taken = answer_deallocate(s, q->verdict);
	} else {
		query_need_add(s, &need, q);
		taken = route_query(s, m, q, &need);
	}
	known_query_drop(q);
	return taken;
}

/* A text too long to be judged goes to the primary and may have done anything
 * to the session there. */
static enum take take_long_query(struct session *s, const struct incoming *m)
{
	struct need need = { .reason = ROUTE_FIRST_OWN + ROUTE_LARGE_MESSAGE };
	enum take taken = route_query(s, m, NULL, &need);

	if (taken == TAKE_DONE)
		session_pin(s, PIN_TOO_LONG);
	return taken;
}

enum take query_take_query(struct session *s, const struct incoming *m)
{
	if (s->skips_to_sync) {
		s->passing_is_dropped = true;
		return TAKE_DONE;
	}
	if (s->is_copying_in) {
		session_fail(s, "08P01", "unexpected message Query during COPY from stdin");
		return TAKE_HOLD;
	}
	if (s->refusal)
		return answer_refused_query(s);
	/* What the unnamed statement is depends on what is under way. */
	if (s->names_due > 0 && !s->is_batch_open)
		return query_hold(s);
	if (m->is_whole)
		return take_judged_query(s, m);
	return m->f.size <= SESSION_JUDGED_BYTES ? TAKE_MORE : take_long_query(s, m);
}

/* --- function calls: may do anything, on the primary --- */

enum take query_take_function(struct session *s, const struct incoming *m)
{
	struct need need = { .reason = VERDICT_BECAUSE_FUNCTION };

	if (s->skips_to_sync) {
		s->passing_is_dropped = true;
		return TAKE_DONE;
	}
	if (s->is_copying_in) {
		session_fail(s, "08P01", "unexpected message FunctionCall during COPY from stdin");
		return TAKE_HOLD;
	}
	if (s->refusal)
		return answer_refused_query(s);
	if (s->state == SESSION_IDLE && !query_get_server(s, &need))
		return TAKE_HOLD;
	if (!query_is_bound(s))
		return query_change_server(s);
	send_query(s, m, NULL, REQUEST_FUNCTION);
	return TAKE_DONE;
}

/* --- COPY data --- */

enum take query_take_copy(struct session *s, const struct incoming *m)
{
	struct server *server = s->asker.server;

	/* Sent without waiting for CopyInResponse: it may come yet. */
	if (server && !s->is_copying_in && server->queue_count > 0)
		return query_hold(s);
	/* Late data of a COPY that failed is ignored, as PostgreSQL does. */
	s->passing_is_dropped = !s->is_copying_in || !server;
	if (s->passing_is_dropped)
		return TAKE_DONE;
	if (m->f.type != CLIENT_COPY_DATA) {
		if (!m->is_whole)
			return TAKE_MORE;
		s->is_copying_in = false;
	}
	conn_send(&server->conn, m->raw);
	query_sent(s);
	return TAKE_DONE;
}

enum take query_take_terminate(struct session *s, const struct incoming *m)
{
	struct server *server = s->asker.server;

	(void)m;
	/* What was asked before is answered first. */
	if (server && server->queue_count > 0 && !s->is_batch_open && !s->is_copying_in)
		return query_hold(s);
	session_end(s);
	return TAKE_HOLD;
}

/* --- what the server says of itself --- */

void query_on_parameter(struct session *s, struct span name, struct span value)
{
	static const char *const unsafe[] = { "SJIS",  "SHIFT_JIS_2004", "BIG5", "GBK",
					      "UHC",   "GB18030",	 "JOHAB" };

	if (span_is(name, "standard_conforming_strings"))
		s->strings_conform = span_is(value, "on");
	if (!span_is(name, "client_encoding"))
		return;
	s->unsafe_encoding = false;
	for (size_t i = 0; i < sizeof unsafe / sizeof *unsafe; i++)
		s->unsafe_encoding |= span_is(value, unsafe[i]);
}
