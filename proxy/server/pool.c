/*
 * One pool of one worker (pool.h): its lists, its queue, what is opened, lent and
 * given back.  A connection is in exactly one list of its pool, by its state.  A
 * pool's limit holds over all workers (quota.h).  The pools of a worker together
 * are pools.c.
 */
#include "server/pool_parts.h"

#include "base/ensure.h"
#include "base/log.h"
#include "wire/frame.h"
#include "wire/write.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

enum {
	PING_AFTER_US = 10 * 1000 * 1000, /* pre_ping: idle for so long */
	BACKOFF_FIRST_US = 100 * 1000, /* so at most 10 attempts/s to a node that fails */
	BACKOFF_LAST_US = 2 * 1000 * 1000,
	JITTER_PERCENT = 10,
	/* Moving a connection costs more than a query: while both wait, another
	 * worker gets one when it has waited so much longer. */
	SHARE_AFTER_US = 20 * 1000,
	LOOK_AFTER_US = 1000,
	LOOK_AT_MOST = 16, /* idle connections, for one with the settings wanted */
};

const struct node *pool_node(const struct pool *pool)
{
	return &pool->pools->topology->nodes[pool->node];
}

void pool_set_greeting(struct pool *pool, struct span greeting)
{
	buf_finish(&pool->greeting);
	buf_append(&pool->greeting, greeting.data, greeting.size);
}

/* --- lists --- */

static struct server **list_of(struct pool *pool, enum server_state state, int **count)
{
	switch (state) {
	case SERVER_IDLE:
		*count = &pool->idle_count;
		return &pool->idle;
	case SERVER_LENT:
		*count = &pool->lent_count;
		return &pool->lent;
	case SERVER_CLOSED:
		*count = NULL;
		return NULL;
	default:
		*count = &pool->opening_count;
		return &pool->opening;
	}
}

/* Others ask whoever shows that it has an idle one. */
static void count(struct pool *pool, int *counter, int change)
{
	*counter += change;
	if (counter == &pool->idle_count)
		quota_show_idle(pool->quota, pool->pools->worker, *counter);
}

void pool_list_remove(struct server *s, enum server_state state)
{
	struct server **list;
	int *counter;

	if (s->is_leaving) {
		DL_DELETE(s->pool->pools->leaving, s);
		s->is_leaving = false;
		return;
	}
	list = list_of(s->pool, state, &counter);
	DL_DELETE(*list, s);
	count(s->pool, counter, -1);
}

/* Newest first: the idle ones at the end grow old and are closed. */
void pool_list_add(struct server *s, enum server_state state)
{
	int *counter;
	struct server **list = list_of(s->pool, state, &counter);

	if (!list)
		return;
	DL_PREPEND(*list, s);
	count(s->pool, counter, 1);
}

void pool_move_lists(struct server *s, enum server_state before)
{
	pool_list_remove(s, before);
	pool_list_add(s, s->state);
}

/* --- the queue of askers --- */

static uint64_t wanted_since(const struct pool *pool)
{
	return pool->waiting ? pool->waiting->waits_since_us : 0;
}

/* Says what is wanted now, if others know that something is. */
static void tell_wanted(struct pool *pool)
{
	if (!pool->is_wanting)
		return;
	quota_want(pool->quota, pool->pools->worker, wanted_since(pool),
		   pool->waiting_count - pool->opening_count);
	pool->is_wanting = pool->waiting != NULL;
}

void pool_remove_asker(struct pool *pool, struct asker *a)
{
	DL_DELETE(pool->waiting, a);
	pool->waiting_count--;
	a->waits_at = NULL;
	tell_wanted(pool);
}

void pool_leave_queue(struct asker *a)
{
	if (a->waits_at)
		pool_remove_asker(a->waits_at, a);
}

static void add_asker(struct pool *pool, struct asker *a)
{
	uint64_t now = loop_now_us();

	a->waits_at = pool;
	a->waits_since_us = now;
	a->waits_until_us = now + (uint64_t)pool->pools->config->pool_timeout_ms * 1000;
	DL_APPEND(pool->waiting, a);
	pool->waiting_count++;
}

void pool_refuse_all(struct pool *pool, const struct error *e, bool node_failed)
{
	/* A refused asker may queue here again at once: only those of now. */
	for (int left = pool->waiting_count; left > 0 && pool->waiting; left--) {
		struct asker *a = pool->waiting;

		pool_remove_asker(pool, a);
		a->ops->on_refused(a, e, node_failed);
	}
}

/* --- opening --- */

/* Connections that were opened together must not all end together.  The clock's
 * microseconds, mixed, are random enough for that. */
static uint64_t jittered_us(int seconds)
{
	uint64_t whole = (uint64_t)seconds * 1000000;
	uint64_t spread = whole * JITTER_PERCENT / 100;
	uint64_t mixed = loop_now_us() * 0x9e3779b97f4a7c15u >> 16;

	return whole - spread + (spread ? mixed % (2 * spread) : 0);
}

static void back_off(struct pool *pool)
{
	uint64_t delay = BACKOFF_FIRST_US;

	for (int i = 0; i < pool->failures && delay < BACKOFF_LAST_US; i++)
		delay *= 2;
	pool->failures++;
	pool->retry_us = loop_now_us() + delay;
}

static void open_one(struct pool *pool)
{
	struct pools *pools = pool->pools;
	int error;
	struct server *s = server_create(pool, &error);

	if (!s) {
		char reason[160];

		quota_return(pool->quota);
		back_off(pool);
		snprintf(reason, sizeof reason, "could not connect to server: %s", strerror(error));
		/* Our own lack of descriptors is not the node's failure. */
		if (error != EMFILE && error != ENFILE && error != ENOMEM) {
			pools->on_node_failed(pools->context, pool->node, reason);
			pool_refuse_all(
				pool, &(struct error){ "ERROR", "08006", reason, NULL, NULL },
				true);
		}
		return;
	}
	s->state = SERVER_CONNECTING;
	pool_list_add(s, SERVER_CONNECTING);
	pools->open_count++;
	s->deadline_us = loop_now_us() + (uint64_t)pools->config->pool_connect_timeout_ms * 1000;
	if (pools->config->pool_recycle_s)
		s->dies_us = loop_now_us() + jittered_us(pools->config->pool_recycle_s);
}

/* Those who have idle ones, until they can have enough. */
void pool_ask_others(struct pool *pool)
{
	struct pools *pools = pool->pools;
	int lacking = pool->waiting_count - pool->opening_count;

	for (int i = 0; pool->is_wanting && i < pools->worker_count && lacking > 0; i++) {
		int idle = i == pools->worker ? 0 : quota_idle(pool->quota, i);

		if (idle > 0)
			pools->send_wish(pools->context, i, pool);
		lacking -= idle;
	}
}

/* Whoever gives one back sees from now on that it is wanted here; who has an idle
 * one is asked once, when the wanting begins. */
static void want_from_others(struct pool *pool)
{
	bool is_known = pool->is_wanting;

	pool->is_wanting = true;
	tell_wanted(pool);
	if (!is_known)
		pool_ask_others(pool);
}

/* As many as are waited for and are not on their way, within the limit. */
void pool_grow(struct pool *pool)
{
	const struct config *config = pool->pools->config;
	int limit = config->pool_size + config->pool_overflow;

	if (pool->pools->is_closing || !pool_node(pool)->is_up)
		return;
	while (pool->opening_count < pool->waiting_count && loop_now_us() >= pool->retry_us) {
		bool was_wanting = pool->is_wanting;

		if (quota_take(pool->quota, limit)) {
			open_one(pool);
			continue;
		}
		/* Nobody else's connection would do: the next tick tries again. */
		if (pool->is_private)
			return;
		want_from_others(pool);
		/* Once more: a token that was returned just before went unnoticed. */
		if (was_wanting)
			return;
	}
}

/* --- lending --- */

static void lend(struct server *s, struct asker *a)
{
	server_set_state(s, SERVER_LENT);
	s->asker = a;
	a->server = s;
}

/* The way to be sure that a connection still works without waiting for it: it
 * counts as one on its way. */
static void ping(struct server *s)
{
	server_set_state(s, SERVER_PINGING);
	s->unnamed = (struct statement_id){ 0 }; /* a simple query drops it */
	s->deadline_us =
		loop_now_us() + (uint64_t)s->pool->pools->config->pool_connect_timeout_ms * 1000;
	server_ask(s, &(struct request){ .kind = REQUEST_QUERY, .plan = ANSWER_DROP });
	write_string_message(conn_out(&s->conn), CLIENT_QUERY, span_of(""));
	conn_sent(&s->conn);
}

static bool is_stale(const struct server *s)
{
	return s->pool->pools->config->pool_pre_ping &&
	       loop_now_us() - s->idle_since_us >= PING_AFTER_US;
}

static struct server *find_last_of(struct pool *pool, uint64_t key)
{
	struct server *s;

	DL_FOREACH(pool->idle, s)
		if (s->last_key == key && !is_stale(s))
			return s;
	return NULL;
}

/* One that carries the asker's settings already spares it a round trip. */
static struct server *find_alike(struct pool *pool, const struct asker *a)
{
	struct server *s;
	int looked = 0;

	DL_FOREACH(pool->idle, s) {
		if (settings_equal(s->settings, a->settings) && !is_stale(s))
			return s;
		if (++looked == LOOK_AT_MOST)
			break;
	}
	return NULL;
}

static struct server *take_idle(struct pool *pool, const struct asker *a)
{
	struct server *last = a->wants_last_of ? find_last_of(pool, a->wants_last_of) : NULL;
	struct server *alike = last ? last : find_alike(pool, a);

	if (alike)
		return alike;
	while (pool->idle) {
		struct server *s = pool->idle;

		if (!is_stale(s))
			return s;
		ping(s);
		if (pool->opening_count > pool->waiting_count)
			return NULL;
	}
	return NULL;
}

enum pool_result pool_lend(struct pool *pool, struct asker *a)
{
	struct server *s = pool->waiting ? NULL : take_idle(pool, a);

	ensure(!a->server && !a->waits_at);
	if (s) {
		lend(s, a);
		hist_add(&pool->wait, 0);
		return POOL_LENT;
	}
	add_asker(pool, a);
	pool_grow(pool);
	return POOL_WAIT;
}

/* One that is lent may be given back inside on_lent: a loop, not a recursion as
 * deep as the queue is long. */
static void serve_waiting(struct pool *pool)
{
	if (pool->is_handing_over)
		return;
	pool->is_handing_over = true;
	while (pool->waiting && pool->idle) {
		struct asker *a = pool->waiting;
		struct server *s = pool->idle;

		pool_remove_asker(pool, a);
		hist_add(&pool->wait, loop_now_us() - a->waits_since_us);
		lend(s, a);
		a->ops->on_lent(a, s);
	}
	pool->is_handing_over = false;
}

void pool_promise(struct server *s, int worker)
{
	/* Not sent now: its own callback may be running. */
	pool_list_remove(s, SERVER_IDLE);
	s->is_leaving = true;
	s->leaves_to = worker;
	DL_APPEND(s->pool->pools->leaving, s);
}

/* Somebody at another worker has waited so much longer than anybody here that
 * the connection should move there.  With a queue of our own that is looked at
 * now and then only, since what others say is far away for the processor. */
static bool find_needier(struct pool *pool, uint64_t now, int *worker)
{
	uint64_t ours = wanted_since(pool);

	if (ours && now - pool->looked_us < LOOK_AFTER_US)
		return false;
	pool->looked_us = now;
	*worker = quota_neediest(pool->quota, pool->pools->worker,
				 ours ? ours - SHARE_AFTER_US : UINT64_MAX);
	return *worker >= 0 && quota_claim(pool->quota, *worker);
}

/* One that became idle goes to who waits longest, here or at another worker. */
static void hand_over(struct server *s)
{
	struct pool *pool = s->pool;
	int worker;

	s->idle_since_us = loop_now_us();
	if (find_needier(pool, s->idle_since_us, &worker))
		pool_promise(s, worker);
	else
		serve_waiting(pool);
}

void pool_receive(struct server *s)
{
	pool_list_add(s, SERVER_IDLE);
	if (pool_is_due(s))
		server_close(s, "not needed any more");
	else if (is_stale(s))
		ping(s);
	else
		hand_over(s);
}

/* --- giving back --- */

static void reset(struct server *s)
{
	server_ask(s, &(struct request){ .kind = REQUEST_QUERY, .plan = ANSWER_DROP });
	write_string_message(conn_out(&s->conn), CLIENT_QUERY, span_of("DISCARD ALL"));
	conn_sent(&s->conn);
	settings_drop(s->settings);
	s->settings = NULL;
	s->last_key = 0;
	server_forget_all(s);
}

bool pool_is_due(const struct server *s)
{
	return s->pool->is_private || (s->dies_us && loop_now_us() >= s->dies_us) ||
	       s->pool->pools->is_closing || !pool_node(s->pool)->is_up;
}

void pool_give_back(struct server *s, bool needs_reset)
{
	struct asker *a = s->asker;

	ensure(s->state == SERVER_LENT && a && a->server == s);
	s->asker = NULL;
	a->server = NULL;
	if (!server_is_clean(s) || pool_is_due(s)) {
		server_close(s, server_is_clean(s) ? "not needed any more" : "not clean");
		return;
	}
	conn_release(&s->conn);
	if (needs_reset || s->cancels > 0) {
		server_set_state(s, SERVER_RESETTING);
		s->deadline_us = loop_now_us() +
				 (uint64_t)s->pool->pools->config->pool_connect_timeout_ms * 1000;
		if (needs_reset)
			reset(s);
		return;
	}
	server_set_state(s, SERVER_IDLE);
	hand_over(s);
}

/* A login that ends so failed: it is not tried again at once, for ever. */
static void close_unclean(struct server *s)
{
	if (s->was_ready)
		server_close(s, "not clean");
	else
		server_fail(s, &(struct error){ "ERROR", "08P01",
						"server broke the protocol: data behind its login",
						NULL, NULL });
}

void pool_server_ready(struct server *s)
{
	if (s->state == SERVER_RESETTING && s->cancels > 0)
		return; /* pool_cancel_ended comes back here */
	if (!server_is_clean(s)) {
		close_unclean(s);
		return;
	}
	s->was_ready = true;
	s->pool->failures = 0;
	s->pool->retry_us = 0;
	server_set_state(s, SERVER_IDLE);
	if (pool_is_due(s) && !s->pool->waiting)
		server_close(s, "not needed any more");
	else
		hand_over(s);
}

void pool_cancel_ended(struct server *s)
{
	s->cancels--;
	if (s->state == SERVER_RESETTING && s->cancels == 0 && s->queue_count == 0)
		pool_server_ready(s);
}

/* --- the end of a connection --- */

/* Another attempt may do: the server is full, and connections of ours may end.  It
 * is not asked for ever for a WAL sender: who has one keeps it. */
static bool is_temporary(const struct pool *pool, const char *sqlstate)
{
	return !pool->is_private && strcmp(sqlstate, "53300") == 0;
}

static bool is_nodes_fault(const char *sqlstate)
{
	return strncmp(sqlstate, "08", 2) == 0 || strncmp(sqlstate, "57P", 3) == 0 ||
	       strncmp(sqlstate, "58", 2) == 0 || strncmp(sqlstate, "XX", 2) == 0;
}

static void on_open_failed(struct pool *pool, const struct error *e)
{
	struct pools *pools = pool->pools;

	back_off(pool);
	stats_node_error(pools->stats, pool->node);
	if (is_temporary(pool, e->sqlstate))
		return;
	if (!is_nodes_fault(e->sqlstate)) {
		pool_refuse_all(pool, e, false);
		return;
	}
	pools->on_node_failed(pools->context, pool->node, e->message);
	pool_refuse_all(pool, e, true);
}

void pool_server_ended(struct server *s, const struct error *e)
{
	struct pool *pool = s->pool;
	struct pools *pools = pool->pools;
	int needy;

	if (s->cancels > 0)
		pools->on_cancelled_ended(pools->context, s);
	pools->open_count--;
	quota_return(pool->quota);
	needy = quota_neediest(pool->quota, pools->worker, UINT64_MAX);
	if (needy >= 0 && !pools->is_closing)
		pools->send_retry(pools->context, needy);
	if (e && !s->was_ready && !pools->is_closing)
		on_open_failed(pool, e);
	else
		pool_grow(pool);
}
