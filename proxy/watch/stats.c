/*
 * Counts what one worker observed.  Does not measure or print anything, nor
 * merge the workers' counts (copy.c does).  Runs on its worker's thread.
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
#include "watch/pack.h"

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
	uint64_t pins[STATS_MAX_REASONS];
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

/* At most TEXT_MAX_BYTES, cut between two UTF-8 characters. */
static char *copy_text(const char *text)
{
	/* Not strnlen(): the linker takes libpg_query's, a slow one. */
	const char *end = memchr(text, '\0', TEXT_MAX_BYTES + 1);
	size_t size = end ? (size_t)(end - text) : TEXT_MAX_BYTES + 1;
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
	query_stats_merge(&stats->others, &entry->query);
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

void stats_pin(struct stats *stats, int reason)
{
	ensure(reason >= 0 && reason < STATS_MAX_REASONS);
	stats->pins[reason]++;
	stats_count(stats, COUNT_PINS, 1);
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

struct stats_copy *stats_take_copy(const struct stats *stats)
{
	struct stats_copy *copy = memory_get_zeroed(sizeof(*copy));
	struct pack_size size = { 0 };

	memcpy(copy->counters, stats->counters, sizeof(copy->counters));
	memcpy(copy->routes, stats->routes, sizeof(copy->routes));
	memcpy(copy->pins, stats->pins, sizeof(copy->pins));
	memcpy(copy->nodes, stats->nodes, sizeof(copy->nodes));
	copy->others = stats->others;
	for (int i = 0; i < stats->place_count; i++)
		pack_measure(&size, &stats->places[i].entry->query);
	copy->pack = pack_create(&size);
	for (int i = 0; i < stats->place_count; i++)
		pack_add(copy->pack, &stats->places[i].entry->query);
	return copy;
}
