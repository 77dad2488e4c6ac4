/*
 * Counts what one worker observed, and merges such counts.  Does not measure,
 * print or send anything.  A struct stats belongs to its worker's thread; a
 * struct stats_copy belongs to whoever holds it.
 *
 * Queries told apart are at most max_digests.  When a new one comes to a full
 * table, the least used one leaves and its numbers go to "others": nothing that
 * was counted is lost.  "Least used" is the rule of Space-Saving (Metwally,
 * Agrawal, El Abbadi, 2005): each place has a weight, a call adds one to it,
 * and a newcomer inherits the weight of the one it replaces.  So a flood of
 * digests that never repeat fights over the few lightest places, and a digest
 * with more than one max_digests-th of the calls never leaves.  (LRU or a
 * random victim would let such a flood wash the hot queries away.)  Weights are
 * halved from time to time, or last year's queries would never make room.
 *
 *     places: a heap, the lightest first            entries, hashed by digest
 *     [ 7 | 9 | 8 | 12 | ... ]  each points to  ->  { weight 31, numbers }
 *
 * A call does not touch the heap: the weight in a place is what the entry's was
 * when it was last looked at, thus at most what it is now.  Only the search for
 * a victim brings the places that it sees up to date, at most LOOKS_MAX; when
 * none of those was exact, the newcomer's call is counted in "others".
 */
#include "watch/stats.h"

#include "base/ensure.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define uthash_malloc(size) memory_get(size)
#include <uthash.h>

enum {
	TEXT_MAX_BYTES = 2048, /* of a query's text that is kept */
	LOOKS_MAX = 32, /* places brought up to date for one newcomer */
	HALVE_AFTER_CALLS = 1024, /* for each place */
};

struct entry {
	UT_hash_handle hh;
	uint64_t weight;
	struct query_stats query;
};

struct place {
	uint64_t weight; /* <= entry->weight */
	struct entry *entry; /* owned */
};

struct stats {
	uint64_t counters[STATS_COUNTER_COUNT];
	uint64_t routes[STATS_MAX_REASONS];
	struct node_stats nodes[STATS_MAX_NODES];
	struct entry *table; /* by digest */
	struct place *places; /* a heap of place_count, room for max_digests */
	int place_count;
	int max_digests;
	uint64_t calls_since_halving;
	uint64_t seed; /* odd; a client cannot know which digests share a chain */
	struct query_stats others;
};

/* ---- one query's numbers ---- */

static void init_query(struct query_stats *query)
{
	memset(query, 0, offsetof(struct query_stats, total));
	hist_init(&query->total);
	hist_init(&query->server);
	hist_init(&query->wait);
}

static void add_sample(struct query_stats *query, const struct stats_sample *sample)
{
	query->calls++;
	query->errors += sample->is_error;
	query->rows += sample->rows;
	query->primary += sample->on_primary;
	query->replica += !sample->on_primary;
	hist_add(&query->total, sample->total_us);
	hist_add(&query->server, sample->server_us);
	hist_add(&query->wait, sample->wait_us);
}

static void merge_query(struct query_stats *sum, const struct query_stats *query)
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

/* At most TEXT_MAX_BYTES, cut between two UTF-8 characters. */
static char *copy_text(const char *text)
{
	size_t size = strnlen(text, TEXT_MAX_BYTES + 1);
	char *copy = memory_get(TEXT_MAX_BYTES < size ? TEXT_MAX_BYTES + 1 : size + 1);
	int back = 0;

	if (size <= TEXT_MAX_BYTES)
		return memcpy(copy, text, size + 1);
	size = TEXT_MAX_BYTES - strlen("...");
	/* A character has at most three continuation bytes; more is not UTF-8. */
	while (back < 3 && ((unsigned char)text[size] & 0xC0) == 0x80)
		size--, back++;
	memcpy(copy, text, size);
	memcpy(copy + size, "...", sizeof("..."));
	return copy;
}

/* ---- the table of queries ---- */

static unsigned hash_digest(const struct stats *stats, uint64_t digest)
{
	return (unsigned)(digest * stats->seed >> 40);
}

static struct entry *find_entry(const struct stats *stats, uint64_t digest)
{
	struct entry *entry;

	HASH_FIND_BYHASHVALUE(hh, stats->table, &digest, sizeof(digest),
			      hash_digest(stats, digest), entry);
	return entry;
}

static struct entry *add_place(struct stats *stats)
{
	struct entry *entry = memory_get_zeroed(sizeof(*entry));

	/* Every place has weight 0 until the table is full for the first time,
	 * so that appending keeps the heap a heap. */
	stats->places[stats->place_count++] = (struct place){ 0, entry };
	return entry;
}

/* Moves the heap's first place down to where its weight belongs. */
static void sink_first_place(struct stats *stats)
{
	struct place *places = stats->places, moved = places[0];
	int at = 0, child;

	while ((child = 2 * at + 1) < stats->place_count) {
		if (child + 1 < stats->place_count &&
		    places[child + 1].weight < places[child].weight)
			child++;
		if (places[child].weight >= moved.weight)
			break;
		places[at] = places[child];
		at = child;
	}
	places[at] = moved;
}

/* NULL when LOOKS_MAX looks did not show which one is the lightest. */
static struct entry *find_lightest(struct stats *stats)
{
	struct place *first = &stats->places[0];

	for (int looks = 0; looks < LOOKS_MAX; looks++) {
		ensure(first->weight <= first->entry->weight);
		if (first->weight == first->entry->weight)
			return first->entry;
		first->weight = first->entry->weight;
		sink_first_place(stats);
	}
	return NULL;
}

/* The place of a query that leaves; the newcomer inherits its weight. */
static struct entry *take_lightest(struct stats *stats)
{
	struct entry *entry = find_lightest(stats);

	if (!entry)
		return NULL;
	merge_query(&stats->others, &entry->query);
	HASH_DEL(stats->table, entry);
	free(entry->query.text);
	return entry;
}

/* NULL: there is no place for it now. */
static struct entry *admit_query(struct stats *stats, const struct stats_sample *sample)
{
	bool is_full = stats->place_count == stats->max_digests;
	struct entry *entry = is_full ? take_lightest(stats) : add_place(stats);

	if (!entry)
		return NULL;
	init_query(&entry->query);
	entry->query.digest = sample->digest;
	entry->query.text = copy_text(sample->text);
	HASH_ADD_BYHASHVALUE(hh, stats->table, query.digest, sizeof(entry->query.digest),
			     hash_digest(stats, sample->digest), entry);
	return entry;
}

/* Halving keeps the order of the weights, and so the heap. */
static void halve_weights(struct stats *stats)
{
	stats->calls_since_halving = 0;
	for (int i = 0; i < stats->place_count; i++) {
		stats->places[i].weight /= 2;
		stats->places[i].entry->weight /= 2;
	}
}

/* ---- recording ---- */

struct stats *stats_create(int max_digests)
{
	struct stats *stats = memory_get_zeroed(sizeof(*stats));

	ensure(max_digests > 0);
	stats->max_digests = max_digests;
	stats->places = memory_get((size_t)max_digests * sizeof(*stats->places));
	ensure(getrandom(&stats->seed, sizeof(stats->seed), 0) == (ssize_t)sizeof(stats->seed));
	stats->seed |= 1;
	init_query(&stats->others);
	return stats;
}

void stats_destroy(struct stats *stats)
{
	if (!stats)
		return;
	HASH_CLEAR(hh, stats->table);
	for (int i = 0; i < stats->place_count; i++) {
		free(stats->places[i].entry->query.text);
		free(stats->places[i].entry);
	}
	free(stats->places);
	free(stats);
}

void stats_query(struct stats *stats, const struct stats_sample *sample)
{
	struct entry *entry = find_entry(stats, sample->digest);

	if (!entry)
		entry = admit_query(stats, sample);
	if (entry)
		entry->weight++;
	add_sample(entry ? &entry->query : &stats->others, sample);
	if (++stats->calls_since_halving >= (uint64_t)stats->max_digests * HALVE_AFTER_CALLS)
		halve_weights(stats);
}

void stats_count(struct stats *stats, enum stats_counter counter, uint64_t amount)
{
	ensure((unsigned)counter < STATS_COUNTER_COUNT);
	stats->counters[counter] += amount;
}

void stats_route(struct stats *stats, int reason)
{
	ensure(reason >= 0 && reason < STATS_MAX_REASONS);
	stats->routes[reason]++;
}

/* Not an ensure: how many nodes there are is the user's choice. */
static bool is_counted_node(int node)
{
	return node >= 0 && node < STATS_MAX_NODES;
}

void stats_node_used(struct stats *stats, int node, bool is_write)
{
	if (!is_counted_node(node))
		return;
	if (is_write)
		stats->nodes[node].writes++;
	else
		stats->nodes[node].reads++;
}

void stats_node_error(struct stats *stats, int node)
{
	if (is_counted_node(node))
		stats->nodes[node].errors++;
}

const char *stats_counter_word(enum stats_counter counter)
{
	static const char *const words[] = {
#define X(name, word) [name] = word,
		STATS_COUNTERS(X)
#undef X
	};

	ensure((unsigned)counter < STATS_COUNTER_COUNT);
	return words[counter];
}

/* ---- copies ---- */

/* `to` is zeroed: pages of it that no bucket needs are never touched. */
static void copy_hist(struct hist *to, const struct hist *from)
{
	memcpy(to, from, offsetof(struct hist, buckets));
	if (from->first <= from->last)
		memcpy(&to->buckets[from->first], &from->buckets[from->first],
		       (size_t)(from->last - from->first + 1) * sizeof(to->buckets[0]));
}

static void copy_query(struct query_stats *to, const struct query_stats *from)
{
	memcpy(to, from, offsetof(struct query_stats, total));
	to->text = from->text ? memory_copy_text(from->text) : NULL;
	copy_hist(&to->total, &from->total);
	copy_hist(&to->server, &from->server);
	copy_hist(&to->wait, &from->wait);
}

struct stats_copy *stats_take_copy(const struct stats *stats)
{
	struct stats_copy *copy = memory_get_zeroed(sizeof(*copy));

	memcpy(copy->counters, stats->counters, sizeof(copy->counters));
	memcpy(copy->routes, stats->routes, sizeof(copy->routes));
	memcpy(copy->nodes, stats->nodes, sizeof(copy->nodes));
	copy_query(&copy->others, &stats->others);
	if (stats->place_count == 0)
		return copy;
	copy->queries = memory_get_zeroed((size_t)stats->place_count * sizeof(*copy->queries));
	copy->query_count = stats->place_count;
	for (int i = 0; i < stats->place_count; i++)
		copy_query(&copy->queries[i], &stats->places[i].entry->query);
	return copy;
}

void stats_copy_destroy(struct stats_copy *copy)
{
	if (!copy)
		return;
	for (int i = 0; i < copy->query_count; i++)
		free(copy->queries[i].text);
	free(copy->queries);
	free(copy->pools);
	free(copy);
}

static void merge_counts(struct stats_copy *sum, const struct stats_copy *other)
{
	for (int i = 0; i < STATS_COUNTER_COUNT; i++)
		sum->counters[i] += other->counters[i];
	for (int i = 0; i < STATS_MAX_REASONS; i++)
		sum->routes[i] += other->routes[i];
	for (int i = 0; i < STATS_MAX_NODES; i++) {
		sum->nodes[i].reads += other->nodes[i].reads;
		sum->nodes[i].writes += other->nodes[i].writes;
		sum->nodes[i].errors += other->nodes[i].errors;
		sum->nodes[i].outstanding += other->nodes[i].outstanding;
	}
	sum->clients_connected += other->clients_connected;
	sum->clients_active += other->clients_active;
	sum->clients_waiting += other->clients_waiting;
	merge_query(&sum->others, &other->others);
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

static void merge_queries(struct stats_copy *sum, struct stats_copy *other)
{
	struct query_row *table = NULL, *rows, *found;

	if (other->query_count == 0)
		return;
	/* All the room first: the rows point into the array. */
	sum->queries = memory_resize(sum->queries, (size_t)(sum->query_count + other->query_count) *
							   sizeof(*sum->queries));
	rows = index_queries(sum, &table);
	for (int i = 0; i < other->query_count; i++) {
		struct query_stats *query = &other->queries[i];

		HASH_FIND(hh, table, &query->digest, sizeof(query->digest), found);
		if (found) {
			merge_query(found->query, query);
			continue;
		}
		sum->queries[sum->query_count++] = *query;
		query->text = NULL; /* it is the sum's now */
	}
	HASH_CLEAR(hh, table);
	free(rows);
}

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

	memcpy(key.database, pool->database, strnlen(pool->database, sizeof(key.database)));
	memcpy(key.user, pool->user, strnlen(pool->user, sizeof(key.user)));
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

void stats_copy_merge(struct stats_copy *sum, struct stats_copy *other)
{
	merge_counts(sum, other);
	merge_queries(sum, other);
	merge_pools(sum, other);
	stats_copy_destroy(other);
}
