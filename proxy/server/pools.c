/*
 * The pools of one worker together (pool.h): which there are, what they log in
 * with, what time and a new topology do to them, what moves between workers.
 */
#include "server/pool_parts.h"

#include "base/ensure.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

enum {
	POOLS_MAX = 10000, /* clients name the databases */
	OVERFLOW_IDLE_US = 5 * 1000 * 1000, /* more than `size`: closed when idle for so long */
};

/* What reports call the private pools of a user together: their databases say little. */
static const char PRIVATE_NAME[] = "(replication)";

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

static struct pool *find_existing(const struct pools *pools, int node, const char *database,
				  const char *user)
{
	char *key = quota_make_key(node, database, user);
	struct pool *pool;

	HASH_FIND_STR(pools->all, key, pool);
	free(key);
	return pool;
}

bool pools_are_full_for(const struct pools *pools, int node, const char *database,
			const char *user)
{
	return HASH_COUNT(pools->all) >= POOLS_MAX &&
	       !find_existing(pools, node, database, user);
}

static struct pool *create(struct pools *pools, int node, const char *database,
			   const char *user)
{
	struct pool *pool = memory_get_zeroed(sizeof *pool);

	pool->pools = pools;
	pool->node = node;
	pool->database = memory_copy_text(database);
	pool->user = memory_copy_text(user);
	hist_init(&pool->wait);
	return pool;
}

static void add(struct pools *pools, struct pool *pool, char *key)
{
	pool->key = key;
	HASH_ADD_KEYPTR(hh, pools->all, pool->key, strlen(pool->key), pool);
}

struct pool *pools_find(struct pools *pools, int node, const char *database, const char *user)
{
	struct pool *pool = find_existing(pools, node, database, user);

	if (pool)
		return pool;
	pool = create(pools, node, database, user);
	pool->quota = quotas_find(pools->quotas, node, database, user);
	add(pools, pool, quota_make_key(node, database, user));
	return pool;
}

struct pool *pools_make_private(struct pools *pools, int node, const char *database,
				const char *user, struct span startup)
{
	struct pool *pool;
	char *key;

	if (HASH_COUNT(pools->all) >= POOLS_MAX)
		return NULL;
	pool = create(pools, node, database, user);
	pool->is_private = true;
	buf_append(&pool->startup, startup.data, startup.size);
	/* No client has a database without a name: this quota is nobody else's. */
	pool->quota = quotas_find(pools->quotas, node, "", user);
	/* The keys of others begin with a number. */
	ensure(asprintf(&key, "private %" PRIu64, pools->private_count++) > 0);
	add(pools, pool, key);
	return pool;
}

void pool_end_private(struct pool *pool)
{
	ensure(pool->is_private && !pool->waiting);
	pool->is_over = true;
}

static void free_pool(struct pool *pool)
{
	ensure(!pool->idle && !pool->lent && !pool->opening && !pool->waiting);
	HASH_DEL(pool->pools->all, pool);
	buf_finish(&pool->greeting);
	buf_finish(&pool->startup);
	free(pool->key);
	free(pool->database);
	free(pool->user);
	free(pool);
}

/* --- between workers --- */

void pools_wish(struct pools *pools, int worker, int node, const char *database, const char *user)
{
	struct pool *pool = pools_find(pools, node, database, user);

	while (pool->idle && !pool->waiting && quota_claim(pool->quota, worker))
		pool_promise(pool->idle, worker);
}

void pools_end_turn(struct pools *pools)
{
	struct server *s, *next;

	DL_FOREACH_SAFE(pools->leaving, s, next) {
		if (!server_is_clean(s)) { /* a byte came meanwhile */
			server_close(s, "not clean");
			continue;
		}
		if (!buf_is_empty(&s->conn.out))
			continue; /* looked at again next turn */
		pool_list_remove(s, SERVER_IDLE);
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
	/* One that carries a client's settings would tell them to others. */
	if (pool->greeting.filled == 0 && !s->settings)
		pool_set_greeting(pool, buf_waiting(&s->greeting));
	pool_receive(s);
	/* More came to the queue while it was on its way. */
	pool_ask_others(pool);
}

void pools_retry(struct pools *pools)
{
	struct pool *pool, *next;

	HASH_ITER(hh, pools->all, pool, next)
		pool_grow(pool);
}

/* --- time --- */

static void time_out_askers(struct pool *pool, uint64_t now)
{
	char message[200];

	if (!pool->waiting || pool->waiting->waits_until_us > now)
		return;
	snprintf(message, sizeof message,
		 "timed out after %d ms waiting for a connection to server %s",
		 pool->pools->config->pool_timeout_ms, pool_node(pool)->name);
	while (pool->waiting && pool->waiting->waits_until_us <= now) {
		struct asker *a = pool->waiting;

		pool_remove_asker(pool, a);
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
		if (pool->is_over && !pool->lent && !pool->opening) {
			free_pool(pool);
			continue;
		}
		time_out_askers(pool, now_us);
		time_out_opening(pool, now_us);
		close_old(pool, now_us);
		pool_grow(pool);
		/* Two threads may just not have seen what the other said. */
		pool_ask_others(pool);
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
	snprintf(message, sizeof message, "server %s is down: %s", pool_node(pool)->name,
		 pool_node(pool)->down_reason);
	pool_refuse_all(pool, &(struct error){ "ERROR", "08006", message, NULL, NULL }, true);
}

void pools_set_topology(struct pools *pools, struct topology *topology)
{
	struct topology *before = pools->topology;
	struct pool *pool, *next;

	pools->topology = topology_hold(topology);
	HASH_ITER(hh, pools->all, pool, next) {
		if (!pool_node(pool)->is_up) {
			leave_node(pool);
			continue;
		}
		/* One that is just still up, whatever its logins came to, says
		 * nothing against the pause. */
		if (!before->nodes[pool->node].is_up)
			pool->retry_us = 0;
		pool_grow(pool);
	}
	topology_drop(before);
}

/* --- reports and the end --- */

static struct pool_stats *add_row(struct stats_copy *copy, const struct pool *pool)
{
	struct pool_stats *row = &copy->pools[copy->pool_count++];

	row->node = pool->node;
	snprintf(row->database, sizeof row->database, "%s",
		 pool->is_private ? PRIVATE_NAME : pool->database);
	snprintf(row->user, sizeof row->user, "%s", pool->user);
	row->open = quota_open(pool->quota);
	hist_init(&row->wait);
	return row;
}

/* Private pools share a row for each node and user, among those from `first` on. */
static struct pool_stats *row_of_private(struct stats_copy *copy, int first,
					 const struct pool *pool)
{
	for (int i = first; i < copy->pool_count; i++) {
		struct pool_stats *row = &copy->pools[i];

		if (row->node == pool->node && strcmp(row->user, pool->user) == 0)
			return row;
	}
	return add_row(copy, pool);
}

static void report_pool(struct stats_copy *copy, struct pool_stats *row, const struct pool *pool)
{
	row->idle += pool->idle_count;
	row->lent += pool->lent_count;
	row->connecting += pool->opening_count;
	row->waiting += pool->waiting_count;
	hist_merge(&row->wait, &pool->wait);
	copy->nodes[pool->node].outstanding += pool->lent_count;
}

/* A database that does not exist leaves a pool without a greeting. */
static bool is_worth_a_row(const struct pool *pool)
{
	return (!pool->is_private && pool->greeting.filled > 0) || pool->idle || pool->lent ||
	       pool->opening || pool->waiting;
}

void pools_report(struct pools *pools, struct stats_copy *copy)
{
	struct pool *pool, *next;
	int first_private;

	copy->pools = memory_get_zeroed((HASH_COUNT(pools->all) + 1) * sizeof *copy->pools);
	HASH_ITER(hh, pools->all, pool, next) {
		if (!pool->is_private && is_worth_a_row(pool))
			report_pool(copy, add_row(copy, pool), pool);
	}
	first_private = copy->pool_count;
	HASH_ITER(hh, pools->all, pool, next) {
		if (pool->is_private && is_worth_a_row(pool))
			report_pool(copy, row_of_private(copy, first_private, pool), pool);
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
		free_pool(pool);
	}
	free_secrets(pools);
	topology_drop(pools->topology);
}
