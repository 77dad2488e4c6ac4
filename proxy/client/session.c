/*
 * Sessions (session.h): bytes → messages → handlers, and the table that says
 * which state takes which message.  Knows no message's content.  Runs on the
 * worker's thread.
 */
#include "client/session.h"

#include "client/carried.h"
#include "client/pins.h"
#include "client/prepared.h"
#include "client/replication.h"
#include "base/ensure.h"
#include "base/log.h"
#include "watch/pairs.h"
#include "wire/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <utlist.h>

/* --- the states --- */

#define CAN(state) (1u << (state))
#define CAN_END (CAN(SESSION_CLOSING) | CAN(SESSION_CLOSED))
#define GETS_SERVER (CAN(SESSION_SETTING_UP) | CAN(SESSION_LINKED))

typedef enum take handler(struct session *s, const struct incoming *m);

#define COPY_TRAFFIC                                                           \
	[CLIENT_COPY_DATA] = query_take_copy, [CLIENT_COPY_DONE] = query_take_copy, \
	[CLIENT_COPY_FAIL] = query_take_copy, [CLIENT_TERMINATE] = query_take_terminate

/* A client that is logged in may send these in any order. */
#define TRAFFIC                                                                \
	[CLIENT_QUERY] = query_take_query, [CLIENT_PARSE] = query_take_batch,  \
	[CLIENT_BIND] = query_take_batch, [CLIENT_DESCRIBE] = query_take_batch, \
	[CLIENT_EXECUTE] = query_take_batch, [CLIENT_CLOSE] = query_take_batch, \
	[CLIENT_SYNC] = query_take_batch, [CLIENT_FLUSH] = query_take_batch,   \
	[CLIENT_FUNCTION_CALL] = query_take_function, COPY_TRAFFIC

#define REPLICATION_TRAFFIC                                                    \
	[CLIENT_QUERY] = replication_take, [CLIENT_PARSE] = replication_take,  \
	[CLIENT_BIND] = replication_take, [CLIENT_DESCRIBE] = replication_take, \
	[CLIENT_EXECUTE] = replication_take, [CLIENT_CLOSE] = replication_take, \
	[CLIENT_SYNC] = replication_take, [CLIENT_FLUSH] = replication_take,   \
	[CLIENT_FUNCTION_CALL] = replication_take, COPY_TRAFFIC

/* What is not in `take` is refused with 08P01. */
static const struct {
	const char *word;
	unsigned next; /* the states that may follow */
	bool is_held; /* messages wait, unused */
	handler *take[128];
} states[SESSION_STATE_COUNT] = {
	[SESSION_STARTUP] = { "startup",
			      CAN(SESSION_SCRAM_FIRST) | CAN(SESSION_MD5) | CAN_END,
			      false, { 0 } },
	[SESSION_SCRAM_FIRST] = { "scram_first", CAN(SESSION_SCRAM_FINAL) | CAN_END, false,
				  { [CLIENT_PASSWORD] = login_take_scram_first,
				    [CLIENT_TERMINATE] = query_take_terminate } },
	[SESSION_SCRAM_FINAL] = { "scram_final", CAN(SESSION_GREETING) | CAN_END, false,
				  { [CLIENT_PASSWORD] = login_take_scram_final,
				    [CLIENT_TERMINATE] = query_take_terminate } },
	[SESSION_MD5] = { "md5", CAN(SESSION_GREETING) | CAN_END, false,
			  { [CLIENT_PASSWORD] = login_take_md5,
			    [CLIENT_TERMINATE] = query_take_terminate } },
	[SESSION_GREETING] = { "greeting", CAN(SESSION_IDLE) | CAN(SESSION_REPLICATION) | CAN_END,
			       true, { 0 } },
	[SESSION_IDLE] = { "idle", CAN(SESSION_WAITING) | GETS_SERVER | CAN_END, false,
			   { TRAFFIC } },
	[SESSION_WAITING] = { "waiting", CAN(SESSION_IDLE) | GETS_SERVER | CAN_END, true, { 0 } },
	[SESSION_SETTING_UP] = { "setting_up",
				 CAN(SESSION_IDLE) | CAN(SESSION_LINKED) | CAN_END, true, { 0 } },
	[SESSION_LINKED] = { "linked", CAN(SESSION_IDLE) | CAN_END, false, { TRAFFIC } },
	[SESSION_REPLICATION] = { "replication", CAN_END, false, { REPLICATION_TRAFFIC } },
	[SESSION_CLOSING] = { "closing", CAN(SESSION_CLOSED), true, { 0 } },
	[SESSION_CLOSED] = { "closed", 0, true, { 0 } },
};

const char *session_state_word(enum session_state state)
{
	return states[state].word;
}

static bool counts_as_active(enum session_state state)
{
	return state == SESSION_LINKED || state == SESSION_SETTING_UP ||
	       state == SESSION_REPLICATION;
}

void session_set_state(struct session *s, enum session_state state)
{
	bool was_held = states[s->state].is_held;

	ensure(states[s->state].next & CAN(state));
	s->sessions->active_count += counts_as_active(state) - counts_as_active(s->state);
	s->state = state;
	if (state == SESSION_IDLE)
		s->idle_since_us = s->sessions->tick_us;
	if (state == SESSION_CLOSED)
		return;
	if (states[state].is_held)
		conn_hold(&s->conn);
	else if (was_held)
		conn_release(&s->conn);
}

/* --- bytes → messages --- */

static size_t take_passing(struct session *s, struct span bytes)
{
	size_t size = s->passing < bytes.size ? s->passing : bytes.size;

	s->passing -= size;
	if (!s->passing_is_dropped && s->asker.server) {
		conn_send(&s->asker.server->conn, span_first(bytes, size));
		if (conn_is_congested(&s->asker.server->conn))
			conn_stop_reading(&s->conn);
	}
	/* The end of COPY data whose COPY ended before it. */
	if (s->passing == 0 && s->state == SESSION_LINKED && s->asker.server->queue_count == 0)
		answer_settle(s);
	return size;
}

static void refuse_frame(struct session *s, enum frame_result result, char type)
{
	if (result == FRAME_BAD_TYPE)
		session_fail(s, "08P01", "invalid frontend message type %d",
			     (int)(unsigned char)type);
	else
		session_fail(s, "08P01", "invalid message length");
}

static enum take take_message(struct session *s, struct span bytes, size_t *used)
{
	struct incoming m = { .ahead = bytes };
	enum frame_result result = frame_next(FRAME_FROM_CLIENT, bytes, &m.f);
	handler *take;
	enum take taken;

	if (result == FRAME_MORE)
		return TAKE_MORE;
	pairs_note(PAIRS_CLIENT, s->state, m.f.type);
	if (result == FRAME_BAD_TYPE || result == FRAME_BAD_LENGTH) {
		refuse_frame(s, result, m.f.type);
		return TAKE_HOLD;
	}
	take = states[s->state].take[(unsigned char)m.f.type];
	if (!take) {
		session_fail(s, "08P01", "unexpected message %s in state \"%s\"",
			     frame_name(FRAME_FROM_CLIENT, m.f.type), states[s->state].word);
		return TAKE_HOLD;
	}
	m.is_whole = result == FRAME_WHOLE;
	m.raw = span_first(bytes, m.is_whole ? m.f.size : bytes.size);
	taken = take(s, &m);
	if (taken == TAKE_DONE) {
		*used = m.raw.size;
		s->passing = m.f.size - m.raw.size;
	}
	return taken;
}

static bool may_take(const struct session *s)
{
	return !states[s->state].is_held && !s->conn.is_held;
}

static size_t on_bytes(struct conn *c, struct span bytes)
{
	struct session *s = (struct session *)c;
	enum take taken = TAKE_DONE;
	size_t at = 0;

	while (taken == TAKE_DONE && at < bytes.size && may_take(s)) {
		struct span left = span_after(bytes, at);
		size_t used = 0;

		if (s->passing)
			used = take_passing(s, left);
		else if (s->state == SESSION_STARTUP)
			taken = startup_take(s, left, &used);
		else
			taken = take_message(s, left, &used);
		at += used;
		/* Answers of our own cost memory, too, when nobody reads them. */
		if (conn_is_congested(c))
			conn_stop_reading(c);
	}
	if (states[s->state].is_held)
		pairs_note_held(s->state, span_after(bytes, at));
	stats_count(s->sessions->stats, COUNT_BYTES_FROM_CLIENTS, at);
	return at;
}

/* --- the socket's other events --- */

static void on_room(struct conn *c)
{
	struct session *s = (struct session *)c;
	struct server *server = s->asker.server;

	if (server)
		conn_release(&server->conn);
	if (!states[s->state].is_held && !s->holds_for_answers &&
	    !(server && conn_is_congested(&server->conn)))
		conn_release(c);
}

static void on_lost(struct conn *c, int error)
{
	struct session *s = (struct session *)c;

	(void)error;
	if (s->state != SESSION_STARTUP && s->state != SESSION_CLOSING)
		stats_count(s->sessions->stats, COUNT_CLIENTS_LOST, 1);
	session_close(s);
}

static void on_buried(struct conn *c)
{
	struct session *s = (struct session *)c;
	struct sessions *all = s->sessions;

	session_close(s);
	session_login_destroy(s->login);
	query_refusal_destroy(s->refusal);
	if (s->bound)
		known_query_drop(s->bound);
	prepared_forget_all(s);
	carried_finish(s);
	replication_destroy(s->replication);
	free(s->user);
	free(s->database);
	free(s);
	all->on_session_end(all->context);
}

static const struct conn_ops session_conn_ops = {
	.on_bytes = on_bytes,
	.on_room = on_room,
	.on_lost = on_lost,
	.on_buried = on_buried,
};

/* --- opening and closing --- */

/* 62 bits are random: 32 can be guessed. */
static bool make_key(struct sessions *all, uint64_t *key)
{
	struct session *other;

	do {
		if (getrandom(key, sizeof *key, 0) != sizeof *key)
			return false;
		/* A positive number, of no process of a server. */
		*key = (*key & 0x7fffffffffffffff) | (uint64_t)1 << 62;
		HASH_FIND(hh, all->by_key, key, sizeof *key, other);
	} while (other);
	return true;
}

void session_open(struct sessions *all, int fd, bool is_one_too_many)
{
	struct session *s = memory_get_zeroed(sizeof *s);

	s->sessions = all;
	s->asker.ops = &session_asker_ops;
	s->asker.conn = &s->conn;
	s->strings_conform = true;
	s->is_one_too_many = is_one_too_many;
	s->opened_us = loop_now_us();
	s->deadline_us = s->opened_us + (uint64_t)all->config->proxy_login_timeout_ms * 1000;
	conn_open(&s->conn, all->conns, fd, &session_conn_ops);
	DL_APPEND(all->all, s);
	all->count++;
	stats_count(all->stats, COUNT_CLIENTS_ACCEPTED, 1);
	if (!make_key(all, &s->key)) {
		session_fail(s, "58000", "could not get random bytes");
		return;
	}
	s->asker.process = (uint32_t)(s->key >> 32);
	HASH_ADD(hh, all->by_key, key, sizeof s->key, s);
}

/* A connection in the middle of something cannot be lent to anybody else: it is
 * closed, which rolls back; a query that runs is cancelled, so that it does not
 * go on for nobody. */
static void drop_server(struct session *s)
{
	struct server *server = s->asker.server;
	uint64_t now = loop_now_us();

	pool_leave_queue(&s->asker);
	if (!server)
		return;
	if (s->state == SESSION_LINKED)
		policy_end(&s->sessions->router->policy, s->linked_node, now - s->linked_us, now);
	if (!s->is_batch_open && s->passing == 0 && server_is_clean(server)) {
		pool_give_back(server,
			       s->pin != PIN_NONE || s->needs_reset || carried_is_due(s));
		return;
	}
	/* A stream ends with its connection. */
	if (server->queue_count > 0 &&
	    (s->state == SESSION_LINKED ||
	     (s->state == SESSION_REPLICATION && !server->is_streaming)))
		cancel_send(s->sessions, server);
	server_close(server, "its client left");
}

static void leave(struct session *s)
{
	struct session *found;

	drop_server(s);
	HASH_FIND(hh, s->sessions->by_key, &s->key, sizeof s->key, found);
	if (found == s)
		HASH_DEL(s->sessions->by_key, s);
}

void session_close(struct session *s)
{
	if (s->state == SESSION_CLOSED)
		return;
	leave(s);
	session_set_state(s, SESSION_CLOSED);
	DL_DELETE(s->sessions->all, s);
	s->sessions->count--;
	conn_close(&s->conn);
}

struct pool *session_pool(struct session *s, int node)
{
	struct pool **place = &s->pools[node % SESSION_POOLS];

	if (!*place || (*place)->node != node)
		*place = pools_find(s->sessions->pools, node, s->database, s->user);
	return *place;
}

void session_send(struct session *s, struct span bytes)
{
	conn_send(&s->conn, bytes);
}

void session_complain(struct session *s, const struct error *e)
{
	error_write(conn_out(&s->conn), e);
	conn_sent(&s->conn);
}

void session_end(struct session *s)
{
	leave(s);
	session_set_state(s, SESSION_CLOSING);
	s->deadline_us = loop_now_us() + SESSION_CLOSING_MS * 1000;
	conn_close_when_sent(&s->conn);
}

void session_fail_with(struct session *s, const struct error *e)
{
	struct error fatal = *e;

	if (s->state == SESSION_CLOSING || s->state == SESSION_CLOSED)
		return;
	fatal.severity = "FATAL";
	log_info("client %s@%s: %s (%s)", s->user ? s->user : "-", s->database ? s->database : "-",
		 e->message, e->sqlstate);
	session_complain(s, &fatal);
	session_end(s);
}

void session_fail(struct session *s, const char *sqlstate, const char *format, ...)
{
	char message[512];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	session_fail_with(s, &(struct error){ "FATAL", sqlstate, message, NULL, NULL });
}

/* --- all of them --- */

void sessions_init(struct sessions *all)
{
	ensure(all->conns && all->config && all->pools && all->router && all->verdicts);
}

static void on_deadline(struct session *s)
{
	switch (s->state) {
	case SESSION_CLOSING:
		session_close(s);
		return;
	case SESSION_WAITING:
	case SESSION_GREETING:
		query_look_again(s);
		return;
	default:
		session_fail(s, "57014", "login took longer than %d ms",
			     s->sessions->config->proxy_login_timeout_ms);
	}
}

/* Not in the queue of a pool: there was no node to queue at. */
static bool waits_for_node(const struct session *s)
{
	return (s->state == SESSION_WAITING || s->state == SESSION_GREETING) &&
	       !s->asker.waits_at && !s->asker.server;
}

void sessions_tick(struct sessions *all, uint64_t now_us)
{
	struct session *s, *next;

	all->tick_us = now_us;
	DL_FOREACH_SAFE(all->all, s, next) {
		if (s->deadline_us && now_us >= s->deadline_us)
			on_deadline(s);
		else if (waits_for_node(s))
			query_look_again(s);
	}
	cancels_tick(all, now_us);
}

void sessions_on_topology(struct sessions *all)
{
	struct session *s, *next;

	DL_FOREACH_SAFE(all->all, s, next) {
		if (waits_for_node(s))
			query_look_again(s);
	}
}

static bool is_between_transactions(const struct session *s)
{
	return s->state == SESSION_IDLE ||
	       (s->state == SESSION_LINKED && s->asker.server->queue_count == 0 &&
		s->asker.server->status == 'I' && !s->is_batch_open);
}

/* Ends what is between transactions; the others end when they come to that. */
void sessions_drain(struct sessions *all)
{
	struct session *s, *next;

	all->is_draining = true;
	DL_FOREACH_SAFE(all->all, s, next) {
		bool is_working = s->state == SESSION_LINKED || s->state == SESSION_WAITING ||
				  s->state == SESSION_SETTING_UP ||
				  s->state == SESSION_CLOSING;

		if (s->state == SESSION_REPLICATION)
			replication_drain(s);
		else if (!is_working || is_between_transactions(s))
			session_fail(s, "57P01",
				     "terminating connection due to administrator command");
	}
}

void sessions_close(struct sessions *all)
{
	struct session *s, *next;

	DL_FOREACH_SAFE(all->all, s, next) {
		session_fail(s, "57P01", "terminating connection due to administrator command");
	}
	conns_end_turn(all->conns);
	DL_FOREACH_SAFE(all->all, s, next)
		session_close(s);
	cancels_close(all);
}

void sessions_finish(struct sessions *all)
{
	ensure(!all->all && !all->by_key);
	statements_finish(&all->statements);
}
