/*
 * Merges the copies of all workers into one.  Runs on the thread that holds
 * them.
 *
 * A copy's queries are packed as its worker left them until it is opened; only
 * then `queries` shows them.
 */
#include "base/ensure.h"
#include "watch/pack.h"
#include "watch/stats.h"

#include <stdlib.h>
#include <string.h>

#define uthash_malloc(size) memory_get(size)
#include <uthash.h>

void stats_copy_destroy(struct stats_copy *copy)
{
	if (!copy)
		return;
	for (int i = 0; i < copy->query_count; i++)
		free(copy->queries[i].text);
	free(copy->queries);
	free(copy->pools);
	free(copy->clients);
	pack_destroy(copy->pack);
	free(copy);
}

/* ---- queries ---- */

void query_stats_merge(struct query_stats *sum, const struct query_stats *query)
{
	sum->calls += query->calls;
	sum->errors += query->errors;
	sum->rows += query->rows;
	sum->primary += query->primary;
	sum->replica += query->replica;
	hist_merge(&sum->total, &query->total);
	hist_merge(&sum->server, &query->server);
	hist_merge(&sum->wait, &query->wait);
}

/* Room for so many more. */
static void reserve_queries(struct stats_copy *copy, int more)
{
	copy->queries = memory_resize(copy->queries, (size_t)(copy->query_count + more) *
							     sizeof(*copy->queries));
}

/* A query that is in no row yet; the room is reserved. */
static void append_query(struct stats_copy *copy, const struct query_stats *query)
{
	struct query_stats *row = &copy->queries[copy->query_count++];

	*row = *query;
	row->text = query->text ? memory_copy_text(query->text) : NULL;
}

void stats_copy_open(struct stats_copy *copy)
{
	struct query_stats query;
	int count = pack_count(copy->pack);

	if (count > 0)
		reserve_queries(copy, count);
	for (int i = 0; i < count; i++) {
		pack_read(copy->pack, i, &query);
		append_query(copy, &query);
	}
	pack_destroy(copy->pack);
	copy->pack = NULL;
}

struct query_row {
	uint64_t digest;
	struct query_stats *query; /* in sum->queries */
	UT_hash_handle hh;
};

static struct query_row *index_queries(const struct stats_copy *sum, struct query_row **table)
{
	struct query_row *rows = memory_get_zeroed((size_t)sum->query_count * sizeof(*rows));

	for (int i = 0; i < sum->query_count; i++) {
		rows[i].digest = sum->queries[i].digest;
		rows[i].query = &sum->queries[i];
		HASH_ADD(hh, *table, digest, sizeof(rows[i].digest), &rows[i]);
	}
	return rows;
}

/* The rows' pointers stay good: room for all of them is reserved first. */
static void merge_queries(struct stats_copy *sum, const struct stats_copy *other)
{
	struct query_row *table = NULL, *rows, *found;
	struct query_stats query;
	int packed = pack_count(other->pack), count = packed + other->query_count;

	if (count == 0)
		return;
	reserve_queries(sum, count);
	rows = index_queries(sum, &table);
	for (int i = 0; i < count; i++) {
		const struct query_stats *next = &query;

		if (i < packed)
			pack_read(other->pack, i, &query);
		else
			next = &other->queries[i - packed];
		HASH_FIND(hh, table, &next->digest, sizeof(next->digest), found);
		if (found)
			query_stats_merge(found->query, next);
		else
			append_query(sum, next);
	}
	HASH_CLEAR(hh, table);
	free(rows);
}

/* ---- pools ---- */

struct pool_key {
	int node;
	char database[64], user[64]; /* NUL up to the end: compared as bytes */
};

struct pool_row {
	struct pool_key key;
	struct pool_stats *pool; /* in sum->pools */
	UT_hash_handle hh;
};

static struct pool_key key_of_pool(const struct pool_stats *pool)
{
	struct pool_key key = { .node = pool->node };

	/* Not strnlen(): the linker takes libpg_query's, a slow one. */
	memccpy(key.database, pool->database, '\0', sizeof(key.database));
	memccpy(key.user, pool->user, '\0', sizeof(key.user));
	return key;
}

static struct pool_row *index_pools(const struct stats_copy *sum, struct pool_row **table)
{
	struct pool_row *rows = memory_get_zeroed((size_t)sum->pool_count * sizeof(*rows));

	for (int i = 0; i < sum->pool_count; i++) {
		rows[i].key = key_of_pool(&sum->pools[i]);
		rows[i].pool = &sum->pools[i];
		HASH_ADD(hh, *table, key, sizeof(rows[i].key), &rows[i]);
	}
	return rows;
}

static void merge_pool(struct pool_stats *sum, const struct pool_stats *pool)
{
	sum->idle += pool->idle;
	sum->lent += pool->lent;
	sum->connecting += pool->connecting;
	sum->waiting += pool->waiting;
	sum->open = pool->open > sum->open ? pool->open : sum->open;
	hist_merge(&sum->wait, &pool->wait);
}

static void merge_pools(struct stats_copy *sum, const struct stats_copy *other)
{
	struct pool_row *table = NULL, *rows, *found;

	if (other->pool_count == 0)
		return;
	sum->pools = memory_resize(sum->pools, (size_t)(sum->pool_count + other->pool_count) *
						       sizeof(*sum->pools));
	rows = index_pools(sum, &table);
	for (int i = 0; i < other->pool_count; i++) {
		struct pool_key key = key_of_pool(&other->pools[i]);

		HASH_FIND(hh, table, &key, sizeof(key), found);
		if (found)
			merge_pool(found->pool, &other->pools[i]);
		else
			sum->pools[sum->pool_count++] = other->pools[i];
	}
	HASH_CLEAR(hh, table);
	free(rows);
}

static void cut(int *count, int *excess)
{
	int less = *excess < *count ? *excess : *count;

	*count -= less;
	*excess -= less;
}

/* What moves is idle on its way and lent where it arrives. */
void stats_copy_settle(struct stats_copy *sum)
{
	for (int i = 0; i < sum->pool_count; i++) {
		struct pool_stats *pool = &sum->pools[i];
		int excess = pool->idle + pool->lent + pool->connecting - pool->open;

		if (excess <= 0)
			continue;
		cut(&pool->idle, &excess);
		cut(&pool->lent, &excess);
		cut(&pool->connecting, &excess);
	}
}

/* ---- clients ---- */

/* Both lists have their longest connected first, and so has the sum.  What is
 * beyond the limit goes here already: the clients of many workers never take
 * more room than those of one. */
static void merge_clients(struct stats_copy *sum, const struct stats_copy *other)
{
	const struct client_stats *left = sum->clients, *left_end = left + sum->client_count;
	const struct client_stats *right = other->clients, *right_end = right + other->client_count;
	struct client_stats *merged;
	int count = sum->client_count + other->client_count;

	if (other->client_limit > sum->client_limit)
		sum->client_limit = other->client_limit;
	if (other->client_count == 0)
		return;
	if (count > sum->client_limit)
		count = sum->client_limit;
	merged = memory_get((size_t)count * sizeof(*merged));
	for (int i = 0; i < count; i++) {
		bool is_left = right == right_end ||
			       (left < left_end && left->age_us >= right->age_us);

		merged[i] = is_left ? *left++ : *right++;
	}
	free(sum->clients);
	sum->clients = merged;
	sum->client_count = count;
}

/* ---- all of it ---- */

static void merge_counts(struct stats_copy *sum, const struct stats_copy *other)
{
	for (int i = 0; i < STATS_COUNTER_COUNT; i++)
		sum->counters[i] += other->counters[i];
	for (int i = 0; i < STATS_MAX_REASONS; i++)
		sum->routes[i] += other->routes[i];
	for (int i = 0; i < STATS_MAX_REASONS; i++)
		sum->pins[i] += other->pins[i];
	for (int i = 0; i < STATS_MAX_NODES; i++) {
		sum->nodes[i].reads += other->nodes[i].reads;
		sum->nodes[i].writes += other->nodes[i].writes;
		sum->nodes[i].errors += other->nodes[i].errors;
		sum->nodes[i].outstanding += other->nodes[i].outstanding;
	}
	sum->clients_connected += other->clients_connected;
	sum->clients_active += other->clients_active;
	sum->clients_waiting += other->clients_waiting;
	sum->clients_pinned += other->clients_pinned;
	query_stats_merge(&sum->others, &other->others);
}

void stats_copy_merge(struct stats_copy *sum, struct stats_copy *other)
{
	stats_copy_open(sum);
	merge_counts(sum, other);
	merge_queries(sum, other);
	merge_pools(sum, other);
	merge_clients(sum, other);
	stats_copy_destroy(other);
}
