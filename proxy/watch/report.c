/*
 * Writes the pages /stats, /queries, /nodes and /pools as JSON.  Does not know
 * HTTP, gathers no numbers.  Runs on the control thread; the only file with
 * jansson, which only ever writes here.
 *
 * A page is a table of sections.  A section is one value or a list; one step
 * writes one value or one row, so that 10,000 rows can be spread over many
 * turns of the loop.  Names and texts come from clients: what is not UTF-8 in
 * them becomes U+FFFD, since jansson refuses it.
 */
#include "watch/report.h"

#include "base/ensure.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Values have three decimals; fifteen digits print them as they are. */
enum { JSON_FLAGS = JSON_COMPACT | JSON_REAL_PRECISION(15) | JSON_ENCODE_ANY };

enum { QUERIES_IN_STATS_MAX = 100 };

struct section {
	const char *key; /* NULL ends the table */
	int (*count)(const struct report *report); /* NULL: one value, not a list */
	json_t *(*row)(const struct report *report, int index);
};

/* The queries in the wished order. */
struct rank {
	double key; /* the largest comes first */
	uint64_t digest; /* among equals: the same order each time */
	const struct query_stats *query;
};

struct report {
	const struct report_facts *facts;
	struct report_wish wish;
	const struct section *section; /* the next one to write */
	int row; /* of the section */
	struct rank *ranks; /* owned; rank_count of facts->copy->query_count are known */
	int rank_count;
	bool is_sorted;
	struct buf text;
};

/* ---- values ---- */

static json_t *number_json(uint64_t number)
{
	return json_integer(number > INT64_MAX ? INT64_MAX : (json_int_t)number);
}

/* -1 is unknown: null. */
static json_t *known_json(int64_t number)
{
	return number < 0 ? json_null() : json_integer(number);
}

static json_t *ms_json(double us)
{
	return json_real(round(us) / 1000.);
}

/* Bytes of the UTF-8 character at `s` (RFC 3629); 0: there is none. */
static size_t character_size(const unsigned char *s)
{
	size_t size = s[0] < 0x80   ? 1
		      : s[0] < 0xC2 ? 0
		      : s[0] < 0xE0 ? 2
		      : s[0] < 0xF0 ? 3
		      : s[0] < 0xF5 ? 4
				    : 0;

	for (size_t i = 1; i < size; i++)
		if ((s[i] & 0xC0) != 0x80)
			return 0;
	/* Longer than needed, a surrogate, or past U+10FFFF. */
	if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) ||
	    (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F))
		return 0;
	return size;
}

static json_t *repaired_json(const char *text)
{
	static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */
	char *repaired = memory_get(3 * strlen(text) + 1), *end = repaired;
	json_t *json;

	while (*text) {
		size_t size = character_size((const unsigned char *)text);

		if (size > 0)
			end = (char *)memcpy(end, text, size) + size;
		else
			end = (char *)memcpy(end, replacement, 3) + 3;
		text += size > 0 ? size : 1;
	}
	json = json_stringn(repaired, (size_t)(end - repaired));
	free(repaired);
	return json;
}

static json_t *text_json(const char *text)
{
	json_t *json = text ? json_string(text) : json_null();

	return json ? json : repaired_json(text);
}

static json_t *latency_json(const struct hist *h)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}",
			 "avg", ms_json(hist_average_us(h)),
			 "p50", ms_json(hist_quantile_us(h, .50)),
			 "p90", ms_json(hist_quantile_us(h, .90)),
			 "p95", ms_json(hist_quantile_us(h, .95)),
			 "p99", ms_json(hist_quantile_us(h, .99)),
			 "max", ms_json(h->max_us));
}

/* ---- sections ---- */

static json_t *write_version(const struct report *report, int index)
{
	(void)report, (void)index;
	return json_string(PGWEIR_VERSION);
}

static json_t *write_uptime(const struct report *report, int index)
{
	(void)index;
	return number_json(report->facts->uptime_s);
}

static json_t *write_clients(const struct report *report, int index)
{
	const struct stats_copy *copy = report->facts->copy;
	json_t *clients = json_pack("{s:i, s:i, s:i}", "connected", copy->clients_connected,
				    "active", copy->clients_active,
				    "waiting", copy->clients_waiting);

	(void)index;
	for (int i = 0; clients && i < STATS_COUNTER_COUNT; i++)
		if (json_object_set_new(clients, stats_counter_word((enum stats_counter)i),
					number_json(copy->counters[i])) != 0) {
			json_decref(clients);
			return NULL;
		}
	return clients;
}

static int count_nodes(const struct report *report)
{
	return report->facts->node_count;
}

static json_t *write_node(const struct report *report, int index)
{
	const struct http_node *node = &report->facts->nodes[index];
	const struct node_stats *counts = &report->facts->copy->nodes[index];

	return json_pack("{s:o, s:o, s:b, s:o, s:o, s:o, s:i, s:o, s:o, s:o}",
			 "name", text_json(node->name),
			 "role", text_json(node->role),
			 "up", node->is_up,
			 "down_reason", text_json(node->is_up ? NULL : node->down_reason),
			 "lag_ms", known_json(node->lag_ms),
			 "fresh_ms_ago", known_json(node->fresh_ms_ago),
			 "outstanding", counts->outstanding,
			 "reads", number_json(counts->reads),
			 "writes", number_json(counts->writes),
			 "errors", number_json(counts->errors));
}

static int count_pools(const struct report *report)
{
	return report->facts->copy->pool_count;
}

static json_t *write_pool(const struct report *report, int index)
{
	const struct pool_stats *pool = &report->facts->copy->pools[index];
	bool is_known = pool->node >= 0 && pool->node < report->facts->node_count;
	json_t *wait = latency_json(&pool->wait);

	if (wait && json_object_set_new(wait, "count", number_json(pool->wait.count)) != 0) {
		json_decref(wait);
		wait = NULL;
	}
	return json_pack("{s:o, s:o, s:o, s:i, s:i, s:i, s:i, s:o}",
			 "node",
			 text_json(is_known ? report->facts->nodes[pool->node].name : NULL),
			 "database", text_json(pool->database),
			 "user", text_json(pool->user),
			 "idle", pool->idle, "lent", pool->lent,
			 "connecting", pool->connecting, "waiting", pool->waiting,
			 "wait_ms", wait);
}

static json_t *write_routes(const struct report *report, int index)
{
	const char *const *words = report->facts->route_words;
	json_t *routes = json_object();

	(void)index;
	for (int i = 0; routes && words[i] && i < STATS_MAX_REASONS; i++)
		if (json_object_set_new(routes, words[i],
					number_json(report->facts->copy->routes[i])) != 0) {
			json_decref(routes);
			return NULL;
		}
	return routes;
}

static json_t *query_json(const struct query_stats *query, json_t *digest, json_t *text)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "digest", digest, "query", text,
			 "calls", number_json(query->calls),
			 "errors", number_json(query->errors),
			 "rows", number_json(query->rows),
			 "latency_ms", latency_json(&query->total),
			 "server_ms", latency_json(&query->server),
			 "wait_ms", latency_json(&query->wait),
			 "primary", number_json(query->primary),
			 "replica", number_json(query->replica));
}

static int count_queries(const struct report *report)
{
	int count = report->facts->copy->query_count;

	return count < report->wish.limit ? count : report->wish.limit;
}

static json_t *write_query(const struct report *report, int index)
{
	const struct query_stats *query = report->ranks[index].query;
	char digest[17];

	/* As text: a JSON number that large loses its last digits. */
	snprintf(digest, sizeof(digest), "%016llx", (unsigned long long)query->digest);
	return query_json(query, json_string(digest), text_json(query->text));
}

static json_t *write_others(const struct report *report, int index)
{
	(void)index;
	return query_json(&report->facts->copy->others, json_null(), json_string("others"));
}

#define SECTION_NODES { "nodes", count_nodes, write_node }
#define SECTION_POOLS { "pools", count_pools, write_pool }
#define SECTION_QUERIES { "queries", count_queries, write_query }
#define SECTION_OTHERS { "others", NULL, write_others }
#define SECTION_END { NULL, NULL, NULL }

static const struct section *const pages[] = {
	[REPORT_STATS] =
		(const struct section[]){
			{ "version", NULL, write_version },
			{ "uptime_s", NULL, write_uptime },
			{ "clients", NULL, write_clients },
			SECTION_NODES,
			SECTION_POOLS,
			{ "routes", NULL, write_routes },
			SECTION_QUERIES,
			SECTION_OTHERS,
			SECTION_END,
		},
	[REPORT_QUERIES] = (const struct section[]){ SECTION_QUERIES, SECTION_OTHERS, SECTION_END },
	[REPORT_NODES] = (const struct section[]){ SECTION_NODES, SECTION_END },
	[REPORT_POOLS] = (const struct section[]){ SECTION_POOLS, SECTION_END },
};

/* ---- the order of queries ---- */

static double find_sort_key(const struct query_stats *query, enum report_sort sort)
{
	switch (sort) {
	case REPORT_BY_P99:
		return hist_quantile_us(&query->total, .99);
	case REPORT_BY_CALLS:
		return (double)query->calls;
	case REPORT_BY_TOTAL:
		break;
	}
	return (double)query->total.sum_us;
}

static int compare_ranks(const void *left, const void *right)
{
	const struct rank *a = left, *b = right;

	if (a->key != b->key)
		return a->key < b->key ? 1 : -1;
	return (a->digest > b->digest) - (a->digest < b->digest);
}

static void rank_next_query(struct report *report)
{
	const struct query_stats *query = &report->facts->copy->queries[report->rank_count];

	report->ranks[report->rank_count++] = (struct rank){
		.key = find_sort_key(query, report->wish.sort),
		.digest = query->digest,
		.query = query,
	};
}

/* One step of it; false: there is nothing left to do. */
static bool sort_queries(struct report *report)
{
	if (report->is_sorted || report->wish.page == REPORT_NODES ||
	    report->wish.page == REPORT_POOLS)
		return false;
	if (report->rank_count < report->facts->copy->query_count) {
		rank_next_query(report);
		return true;
	}
	if (report->rank_count > 1)
		qsort(report->ranks, (size_t)report->rank_count, sizeof(*report->ranks),
		      compare_ranks);
	report->is_sorted = true;
	return true;
}

/* ---- writing ---- */

static void append_text(struct report *report, const char *text)
{
	buf_append(&report->text, text, strlen(text));
}

static int append_bytes(const char *data, size_t size, void *context)
{
	buf_append(context, data, size);
	return 0;
}

static void append_key(struct report *report)
{
	append_text(report, report->text.filled == 0 ? "{\"" : ",\"");
	append_text(report, report->section->key);
	append_text(report, report->section->count ? "\":[" : "\":");
}

/* A value that could not be made (NULL) is a failure of its own. */
static bool append_row(struct report *report, int index)
{
	json_t *json = report->section->row(report, index);
	bool is_written = json && json_dump_callback(json, append_bytes, &report->text,
						     JSON_FLAGS) == 0;

	json_decref(json);
	return is_written;
}

static bool append_list_row(struct report *report)
{
	if (report->row == report->section->count(report)) {
		append_text(report, "]");
		report->section++;
		report->row = 0;
		return true;
	}
	if (report->row > 0)
		append_text(report, ",");
	return append_row(report, report->row++);
}

enum report_progress report_step(struct report *report)
{
	bool is_written;

	if (sort_queries(report))
		return REPORT_MORE;
	if (!report->section->key) {
		append_text(report, "}");
		return REPORT_DONE;
	}
	if (report->row == 0)
		append_key(report);
	if (report->section->count) {
		is_written = append_list_row(report);
	} else {
		is_written = append_row(report, 0);
		report->section++;
	}
	return is_written ? REPORT_MORE : REPORT_FAILED;
}

struct report *report_create(const struct report_facts *facts, const struct report_wish *wish)
{
	struct report *report = memory_get_zeroed(sizeof(*report));

	report->facts = facts;
	report->wish = *wish;
	if (wish->page == REPORT_STATS && report->wish.limit > QUERIES_IN_STATS_MAX)
		report->wish.limit = QUERIES_IN_STATS_MAX;
	report->section = pages[wish->page];
	report->ranks = memory_get((size_t)facts->copy->query_count * sizeof(*report->ranks));
	buf_init(&report->text);
	return report;
}

void report_destroy(struct report *report)
{
	if (!report)
		return;
	buf_finish(&report->text);
	free(report->ranks);
	free(report);
}

size_t report_size_bytes(const struct report *report)
{
	return report->text.capacity;
}

struct buf report_take_text(struct report *report)
{
	struct buf text = report->text;

	buf_init(&report->text);
	return text;
}
