/*
 * Writes the pages /stats, /queries, /nodes, /pools and /clients as JSON.  Does
 * not know HTTP, gathers no numbers.  Runs on the control thread.
 *
 * A page is a table of sections.  A section is one value or a list; one step
 * writes one value or one row, so that 10,000 rows can be spread over many
 * turns of the loop.
 */
#include "watch/report.h"

#include "base/ensure.h"
#include "sql/verdict.h"
#include "watch/value.h"

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

/* ---- sections ---- */

static json_t *write_version(const struct report *report, int index)
{
	(void)report, (void)index;
	return json_string(PGWEIR_VERSION);
}

static json_t *write_uptime(const struct report *report, int index)
{
	(void)index;
	return value_number(report->facts->uptime_s);
}

static json_t *write_clients(const struct report *report, int index)
{
	const struct stats_copy *copy = report->facts->copy;
	json_t *clients = json_pack("{s:i, s:i, s:i, s:i}", "connected", copy->clients_connected,
				    "active", copy->clients_active,
				    "waiting", copy->clients_waiting,
				    "pinned", copy->clients_pinned);

	(void)index;
	for (int i = 0; clients && i < STATS_COUNTER_COUNT; i++)
		if (json_object_set_new(clients, stats_counter_word((enum stats_counter)i),
					value_number(copy->counters[i])) != 0) {
			json_decref(clients);
			return NULL;
		}
	return clients;
}

static const char *find_node_name(const struct report *report, int node)
{
	bool is_known = node >= 0 && node < report->facts->node_count;

	return is_known ? report->facts->nodes[node].name : NULL;
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
			 "name", value_text(node->name),
			 "role", value_text(node->role),
			 "up", node->is_up,
			 "down_reason", value_text(node->is_up ? NULL : node->down_reason),
			 "lag_ms", value_known(node->lag_ms),
			 "fresh_ms_ago", value_known(node->fresh_ms_ago),
			 "outstanding", counts->outstanding,
			 "reads", value_number(counts->reads),
			 "writes", value_number(counts->writes),
			 "errors", value_number(counts->errors));
}

static int count_pools(const struct report *report)
{
	return report->facts->copy->pool_count;
}

static json_t *write_pool(const struct report *report, int index)
{
	const struct pool_stats *pool = &report->facts->copy->pools[index];
	json_t *wait = value_latency(&pool->wait);

	if (wait && json_object_set_new(wait, "count", value_number(pool->wait.count)) != 0) {
		json_decref(wait);
		wait = NULL;
	}
	return json_pack("{s:o, s:o, s:o, s:i, s:i, s:i, s:i, s:o}",
			 "node", value_text(find_node_name(report, pool->node)),
			 "database", value_text(pool->database),
			 "user", value_text(pool->user),
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
					value_number(report->facts->copy->routes[i])) != 0) {
			json_decref(routes);
			return NULL;
		}
	return routes;
}

static json_t *write_pins(const struct report *report, int index)
{
	json_t *pins = json_object();

	_Static_assert((int)PIN_REASON_COUNT <= STATS_MAX_REASONS, "each reason has a place");
	(void)index;
	for (int i = PIN_NONE + 1; pins && i < PIN_REASON_COUNT; i++)
		if (json_object_set_new(pins, pin_reason_word((enum pin_reason)i),
					value_number(report->facts->copy->pins[i])) != 0) {
			json_decref(pins);
			return NULL;
		}
	return pins;
}

static json_t *query_json(const struct query_stats *query, json_t *digest, json_t *text)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "digest", digest, "query", text,
			 "calls", value_number(query->calls),
			 "errors", value_number(query->errors),
			 "rows", value_number(query->rows),
			 "latency_ms", value_latency(&query->total),
			 "server_ms", value_latency(&query->server),
			 "wait_ms", value_latency(&query->wait),
			 "primary", value_number(query->primary),
			 "replica", value_number(query->replica));
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
	return query_json(query, json_string(digest), value_text(query->text));
}

static json_t *write_others(const struct report *report, int index)
{
	(void)index;
	return query_json(&report->facts->copy->others, json_null(), json_string("others"));
}

static int count_clients(const struct report *report)
{
	int count = report->facts->copy->client_count;

	return count < report->wish.limit ? count : report->wish.limit;
}

static json_t *write_client(const struct report *report, int index)
{
	const struct client_stats *client = &report->facts->copy->clients[index];

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "user", value_name(client->user),
			 "database", value_name(client->database),
			 "address", value_name(client->address),
			 "application_name", value_name(client->application_name),
			 "state", value_text(client->state),
			 "pin", value_text(client->pin),
			 "node", value_text(find_node_name(report, client->node)),
			 "age_s", value_known_s(client->age_us),
			 "idle_s", value_known_s(client->idle_us),
			 "wait_ms", value_known_ms(client->wait_us));
}

static json_t *write_not_shown(const struct report *report, int index)
{
	(void)index;
	return json_integer(report->facts->copy->clients_connected - count_clients(report));
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
			{ "pins", NULL, write_pins },
			SECTION_QUERIES,
			SECTION_OTHERS,
			SECTION_END,
		},
	[REPORT_QUERIES] = (const struct section[]){ SECTION_QUERIES, SECTION_OTHERS, SECTION_END },
	[REPORT_NODES] = (const struct section[]){ SECTION_NODES, SECTION_END },
	[REPORT_POOLS] = (const struct section[]){ SECTION_POOLS, SECTION_END },
	[REPORT_CLIENTS] =
		(const struct section[]){
			{ "clients", count_clients, write_client },
			{ "not_shown", NULL, write_not_shown },
			SECTION_END,
		},
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
	bool has_queries = report->wish.page == REPORT_STATS || report->wish.page == REPORT_QUERIES;

	if (report->is_sorted || !has_queries)
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
