/*
 * The pools of one worker (pool.h).  A connection is in exactly one list of its
 * pool, by its state.  A pool's limit holds over all workers (quota.h).
 */
#include "server/pool.h"

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
	OVERFLOW_IDLE_US = 5 * 1000 * 1000, /* more than `size`: closed when idle for so long */
	BACKOFF_FIRST_US = 100 * 1000, /* so at most 10 attempts/s to a node that fails */
	BACKOFF_LAST_US = 2 * 1000 * 1000,
	JITTER_PERCENT = 10,
	/* Moving a connection costs more than a query: while both wait, another
	 * worker gets one when it has waited so much longer. */
	SHARE_AFTER_US = 20 * 1000,
};

struct user_secret {
	UT_hash_handle hh;
	char *user; /* owned */
	struct login_secret secret;
};

/* --- secrets --- */

static char *copy_or_null(const char *text)
{
	return text ? memory_copy_text(text) : NULL;
}

void pools_set_secret(struct pools *pools, const struct credential *credential,
		      const struct scram_keys *keys)
{
	struct user_secret *u;

	HASH_FIND_STR(pools->secrets, credential->user, u);
	if (!u) {
		u = memory_get_zeroed(sizeof *u);
		u->user = memory_copy_text(credential->user);
		HASH_ADD_KEYPTR(hh, pools->secrets, u->user, strlen(u->user), u);
	}
	login_secret_finish(&u->secret);
	if (credential->kind == SECRET_PASSWORD)
		u->secret.password = copy_or_null(credential->password);
	if (credential->kind == SECRET_MD5)
		u->secret.md5_hex = copy_or_null(credential->md5_hex);
	if (keys) {
		u->secret.has_keys = true;
		u->secret.keys = *keys;
	}
}

const struct login_secret *pool_secret(const struct pool *pool)
{
	struct user_secret *u;

	HASH_FIND_STR(pool->pools->secrets, pool->user, u);
	return u ? &u->secret : NULL;
}

static void free_secrets(struct pools *pools)
{
	struct user_secret *u, *next;

	HASH_ITER(hh, pools->secrets, u, next) {
		HASH_DEL(pools->secrets, u);
		login_secret_finish(&u->secret);
		free(u->user);
		free(u);
	}
}

/* --- pools --- */

void pools_init(struct pools *pools)
{
	ensure(pools->conns && pools->config && pools->topology);
}

struct pool *pools_find(struct pools *pools, int node, const char *database, const char *user)
{
	struct pool *pool;
	char *key;

	ensure(asprintf(&key, "%d %zu %s %s", node, strlen(database), database, user) > 0);
	HASH_FIND_STR(pools->all, key, pool);
	if (pool) {
		free(key);
		return pool;
	}
	pool = memory_get_zeroed(sizeof *pool);
	pool->key = key;
	pool->pools = pools;
	pool->node = node;
	pool->database = memory_copy_text(database);
	pool->user = memory_copy_text(user);
	pool->quota = quotas_find(pools->quotas, node, database, user);
	hist_init(&pool->wait);
	HASH_ADD_KEYPTR(hh, pools->all, pool->key, strlen(pool->key), pool);
	return pool;
}

static const struct node *node_of(const struct pool *pool)
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

static void list_remove(struct server *s, enum server_state state)
{
	struct server **list;
	int *count;

	if (s->is_leaving) {
		DL_DELETE(s->pool->pools->leaving, s);
		s->is_leaving = false;
		return;
	}
	list = list_of(s->pool, state, &count);
	DL_DELETE(*list, s);
	--*count;
}

/* Newest first: the idle ones at the end grow old and are closed. */
static void list_add(struct server *s, enum server_state state)
{
	int *count;
	struct server **list = list_of(s->pool, state, &count);

	if (!list)
		return;
	DL_PREPEND(*list, s);
	++*count;
}

void pool_move_lists(struct server *s, enum server_state before)
{
	list_remove(s, before);
	list_add(s, s->state);
}

/* --- the queue of askers --- */

static uint64_t wanted_since(const struct pool *pool)
{
	return pool->waiting ? pool->waiting->waits_since_us : 0;
}

static void remove_asker(struct pool *pool, struct asker *a)
{
	DL_DELETE(pool->waiting, a);
	pool->waiting_count--;
	a->waits_at = NULL;
	if (pool->is_wanting)
		quota_want(pool->quota, pool->pools->worker, wanted_since(pool));
	pool->is_wanting = pool->is_wanting && pool->waiting;
}

void pool_leave_queue(struct asker *a)
{
	if (a->waits_at)
		remove_asker(a->waits_at, a);
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

static void refuse_all(struct pool *pool, const struct error *e, bool node_failed)
{
	/* A refused asker may queue here again at once: only those of now. */
	for (int left = pool->waiting_count; left > 0 && pool->waiting; left--) {
		struct asker *a = pool->waiting;

		remove_asker(pool, a);
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
			refuse_all(pool, &(struct error){ "ERROR", "08006", reason, NULL, NULL },
				   true);
		}
		return;
	}
	s->state = SERVER_CONNECTING;
	list_add(s, SERVER_CONNECTING);
	pools->open_count++;
	s->deadline_us = loop_now_us() + (uint64_t)pools->config->pool_connect_timeout_ms * 1000;
	if (pools->config->pool_recycle_s)
		s->dies_us = loop_now_us() + jittered_us(pools->config->pool_recycle_s);
}

/* Others that give one back see that we want it; an idle one they have is asked
 * for once, when the wanting begins. */
static void want_from_others(struct pool *pool)
{
	if (pool->is_wanting)
		return;
	pool->is_wanting = true;
	quota_want(pool->quota, pool->pools->worker, wanted_since(pool));
	pool->pools->send_wish(pool->pools->context, pool);
}

/* As many as are waited for and are not on their way, within the limit. */
static void grow(struct pool *pool)
{
	const struct config *config = pool->pools->config;
	int limit = config->pool_size + config->pool_overflow;

	if (pool->pools->is_closing || !node_of(pool)->is_up)
		return;
	while (pool->opening_count < pool->waiting_count && loop_now_us() >= pool->retry_us) {
		if (!quota_take(pool->quota, limit)) {
			want_from_others(pool);
			return;
		}
		open_one(pool);
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
	s->deadline_us =
		loop_now_us() + (uint64_t)s->pool->pools->config->pool_connect_timeout_ms * 1000;
	server_ask(s, &(struct request){ .kind = REQUEST_QUERY, .plan = ANSWER_DROP });
	write_string_message(conn_out(&s->conn), CLIENT_QUERY, span_of(""));
	conn_sent(&s->conn);
}

static struct server *take_idle(struct pool *pool)
{
	bool pre_ping = pool->pools->config->pool_pre_ping;
	uint64_t now;

	if (!pool->idle)
		return NULL;
	now = loop_now_us();
	while (pool->idle) {
		struct server *s = pool->idle;

		if (!pre_ping || now - s->idle_since_us < PING_AFTER_US)
			return s;
		ping(s);
		if (pool->opening_count > pool->waiting_count)
			return NULL;
	}
	return NULL;
}

enum pool_result pool_lend(struct pool *pool, struct asker *a)
{
	struct server *s = pool->waiting ? NULL : take_idle(pool);

	ensure(!a->server && !a->waits_at);
	if (s) {
		lend(s, a);
		hist_add(&pool->wait, 0);
		return POOL_LENT;
	}
	add_asker(pool, a);
	grow(pool);
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

		remove_asker(pool, a);
		hist_add(&pool->wait, loop_now_us() - a->waits_since_us);
		lend(s, a);
		a->ops->on_lent(a, s);
	}
	pool->is_handing_over = false;
}

/* An idle connection goes to who waits longest, here or at another worker. */
static void hand_over(struct server *s)
{
	struct pool *pool = s->pool;
	uint64_t ours = wanted_since(pool);
	int other = quota_neediest(pool->quota, pool->pools->worker,
				   ours ? ours - SHARE_AFTER_US : UINT64_MAX);

	s->idle_since_us = loop_now_us();
	if (other >= 0) {
		/* Not now: its own callback may be running. */
		list_remove(s, SERVER_IDLE);
		s->is_leaving = true;
		s->leaves_to = other;
		DL_APPEND(pool->pools->leaving, s);
		return;
	}
	serve_waiting(pool);
}

/* --- giving back --- */

static void reset(struct server *s)
{
	server_ask(s, &(struct request){ .kind = REQUEST_QUERY, .plan = ANSWER_DROP });
	write_string_message(conn_out(&s->conn), CLIENT_QUERY, span_of("DISCARD ALL"));
	conn_sent(&s->conn);
	settings_drop(s->settings);
	s->settings = NULL;
	server_forget_all(s);
}

static bool is_due(const struct server *s)
{
	return (s->dies_us && loop_now_us() >= s->dies_us) || s->pool->pools->is_closing ||
	       !node_of(s->pool)->is_up;
}

void pool_give_back(struct server *s, bool needs_reset)
{
	struct asker *a = s->asker;

	ensure(s->state == SERVER_LENT && a && a->server == s);
	s->asker = NULL;
	a->server = NULL;
	if (!server_is_clean(s) || is_due(s)) {
		server_close(s, server_is_clean(s) ? "recycled" : "not clean");
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

void pool_server_ready(struct server *s)
{
	if (s->state == SERVER_RESETTING && s->cancels > 0)
		return; /* pool_cancel_ended comes back here */
	if (!server_is_clean(s)) {
		server_close(s, "not clean");
		return;
	}
	s->pool->failures = 0;
	s->pool->retry_us = 0;
	server_set_state(s, SERVER_IDLE);
	if (is_due(s) && !s->pool->waiting)
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

/* Another attempt may do: the server is starting, stopping or full. */
static bool is_temporary(const char *sqlstate)
{
	return strcmp(sqlstate, "53300") == 0;
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
	if (is_temporary(e->sqlstate))
		return;
	if (!is_nodes_fault(e->sqlstate)) {
		refuse_all(pool, e, false);
		return;
	}
	pools->on_node_failed(pools->context, pool->node, e->message);
	refuse_all(pool, e, true);
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
		grow(pool);
}

/* --- between workers --- */

void pools_wish(struct pools *pools, int worker, int node, const char *database, const char *user)
{
	struct pool *pool = pools_find(pools, node, database, user);

	(void)worker;
	if (pool->idle && !pool->waiting)
		hand_over(pool->idle);
}

void pools_end_turn(struct pools *pools)
{
	struct server *s, *next;

	DL_FOREACH_SAFE(pools->leaving, s, next) {
		if (!server_is_clean(s) || !buf_is_empty(&s->conn.out))
			continue; /* a byte came meanwhile: looked at again next turn */
		list_remove(s, SERVER_IDLE);
		conn_detach(&s->conn);
		pools->open_count--;
		pools->send_server(pools->context, s->leaves_to, s);
	}
}

void pools_adopt(struct pools *pools, struct server *s)
{
	/* s->pool is the sender's: its key is constant and lives as long as its worker. */
	struct pool *pool = pools_find(pools, s->pool->node, s->pool->database, s->pool->user);

	s->pool = pool;
	pools->open_count++;
	conn_attach(&s->conn, pools->conns);
	list_add(s, SERVER_IDLE);
	if (pool->greeting.filled == 0)
		pool_set_greeting(pool, buf_waiting(&s->greeting));
	if (is_due(s))
		server_close(s, "not needed any more");
	else
		hand_over(s);
}

void pools_retry(struct pools *pools)
{
	struct pool *pool, *next;

	HASH_ITER(hh, pools->all, pool, next)
		grow(pool);
}

/* --- time --- */

static void time_out_askers(struct pool *pool, uint64_t now)
{
	char message[200];

	if (!pool->waiting || pool->waiting->waits_until_us > now)
		return;
	snprintf(message, sizeof message,
		 "timed out after %d ms waiting for a connection to server %s",
		 pool->pools->config->pool_timeout_ms, node_of(pool)->name);
	while (pool->waiting && pool->waiting->waits_until_us <= now) {
		struct asker *a = pool->waiting;

		remove_asker(pool, a);
		a->ops->on_refused(a,
				   &(struct error){ "ERROR", "53300", message, NULL,
						    "The pool's size and overflow limit how many "
						    "connections there are." },
				   false);
	}
}

static void time_out_opening(struct pool *pool, uint64_t now)
{
	struct server *s, *next;

	DL_FOREACH_SAFE(pool->opening, s, next) {
		if (s->deadline_us > now)
			continue;
		server_fail(s, &(struct error){ "ERROR", "08006",
						"timed out waiting for the server", NULL, NULL });
		return; /* the list may be another one now: the rest at the next tick */
	}
}

static void close_old(struct pool *pool, uint64_t now)
{
	const struct config *config = pool->pools->config;
	struct server *s, *next;

	DL_FOREACH_SAFE(pool->idle, s, next) {
		uint64_t idle_us = now > s->idle_since_us ? now - s->idle_since_us : 0;

		if (s->dies_us && now >= s->dies_us)
			server_close(s, "recycled");
		else if (config->pool_idle_s && idle_us > (uint64_t)config->pool_idle_s * 1000000)
			server_close(s, "idle");
		else if (idle_us > OVERFLOW_IDLE_US && quota_open(pool->quota) > config->pool_size)
			server_close(s, "overflow");
	}
}

void pools_tick(struct pools *pools, uint64_t now_us)
{
	struct pool *pool, *next;

	HASH_ITER(hh, pools->all, pool, next) {
		time_out_askers(pool, now_us);
		time_out_opening(pool, now_us);
		close_old(pool, now_us);
		grow(pool);
	}
}

/* --- topology --- */

static void leave_node(struct pool *pool)
{
	struct server *s, *next;
	char message[400];

	DL_FOREACH_SAFE(pool->idle, s, next)
		server_close(s, "its node is down");
	if (!pool->waiting)
		return;
	snprintf(message, sizeof message, "server %s is down: %s", node_of(pool)->name,
		 node_of(pool)->down_reason);
	refuse_all(pool, &(struct error){ "ERROR", "08006", message, NULL, NULL }, true);
}

void pools_set_topology(struct pools *pools, struct topology *topology)
{
	struct pool *pool, *next;

	topology_hold(topology);
	topology_drop(pools->topology);
	pools->topology = topology;
	HASH_ITER(hh, pools->all, pool, next) {
		if (node_of(pool)->is_up) {
			pool->retry_us = 0;
			grow(pool);
		} else {
			leave_node(pool);
		}
	}
}

/* --- reports and the end --- */

void pools_report(struct pools *pools, struct stats_copy *copy)
{
	struct pool *pool, *next;

	copy->pools = memory_get_zeroed((HASH_COUNT(pools->all) + 1) * sizeof *copy->pools);
	HASH_ITER(hh, pools->all, pool, next) {
		struct pool_stats *row = &copy->pools[copy->pool_count++];

		row->node = pool->node;
		snprintf(row->database, sizeof row->database, "%s", pool->database);
		snprintf(row->user, sizeof row->user, "%s", pool->user);
		row->idle = pool->idle_count;
		row->lent = pool->lent_count;
		row->connecting = pool->opening_count;
		row->waiting = pool->waiting_count;
		row->wait = pool->wait;
		copy->nodes[pool->node].outstanding += pool->lent_count;
	}
}

static void close_list(struct server **list)
{
	while (*list)
		server_close(*list, "shutting down");
}

void pools_close(struct pools *pools)
{
	struct pool *pool, *next;

	pools->is_closing = true;
	HASH_ITER(hh, pools->all, pool, next) {
		close_list(&pool->idle);
		close_list(&pool->opening);
		close_list(&pool->lent);
	}
	close_list(&pools->leaving);
}

void pools_finish(struct pools *pools)
{
	struct pool *pool, *next;

	HASH_ITER(hh, pools->all, pool, next) {
		ensure(!pool->idle && !pool->lent && !pool->opening && !pool->waiting);
		HASH_DEL(pools->all, pool);
		buf_finish(&pool->greeting);
		free(pool->key);
		free(pool->database);
		free(pool->user);
		free(pool);
	}
	free_secrets(pools);
	topology_drop(pools->topology);
}
