/*
 * The JSON of each page: its keys are a contract, its texts are untrusted.
 */
#include "watch/report.h"

#include "sql/verdict.h"
#include "watch/numbers.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Takes over the copy. */
static json_t *write_page(struct stats_copy *copy, enum report_page page, enum report_sort sort,
			  int limit)
{
	struct report_facts facts = { .copy = copy, .route_words = route_words, .uptime_s = 77 };
	struct report_wish wish = { page, sort, limit };
	struct report *report;
	struct buf text;
	json_error_t error;
	json_t *json;

	facts.node_count = fill_two_nodes(NULL, facts.nodes, STATS_MAX_NODES);
	report = report_create(&facts, &wish);
	while (report_step(report) == REPORT_MORE)
		;
	assert_true(report_size_bytes(report) > 0);
	text = report_take_text(report);
	report_destroy(report);
	stats_copy_destroy(copy);
	json = json_loadb(text.data, text.filled, JSON_REJECT_DUPLICATES, &error);
	if (!json)
		fail_msg("%s: %.*s", error.text, (int)text.filled, text.data);
	buf_finish(&text);
	return json;
}

static const char *text_at(const json_t *json, const char *key)
{
	assert_non_null(json_object_get(json, key));
	return json_string_value(json_object_get(json, key));
}

static json_int_t number_at(const json_t *json, const char *key)
{
	assert_true(json_is_integer(json_object_get(json, key)));
	return json_integer_value(json_object_get(json, key));
}

/* "a b c": exactly these keys. */
static void check_keys(const json_t *object, const char *keys)
{
	char copy[256], *key, *rest = copy;
	size_t count = 0;

	assert_true(json_is_object(object));
	snprintf(copy, sizeof(copy), "%s", keys);
	while ((key = strsep(&rest, " ")) != NULL) {
		if (!json_object_get(object, key))
			fail_msg("no key %s", key);
		count++;
	}
	assert_int_equal(json_object_size(object), count);
}

#define QUERY_KEYS "digest query calls errors rows latency_ms server_ms wait_ms primary replica"

static void test_stats_keys(void **state)
{
	struct stats_copy *copy = make_numbers(3, "select $1");
	json_t *json, *clients, *row;

	(void)state;
	add_pool(copy, 1, "app", "bob");
	copy->counters[COUNT_CLIENTS_ACCEPTED] = 9;
	copy->clients_connected = 3;
	copy->clients_active = 2;
	copy->clients_waiting = 1;
	copy->clients_pinned = 7;
	copy->routes[1] = 5;
	copy->pins[PIN_LISTEN] = 6;
	json = write_page(copy, REPORT_STATS, REPORT_BY_TOTAL, 100);
	check_keys(json, "version uptime_s clients nodes pools routes pins queries others");
	assert_string_equal(text_at(json, "version"), PGWEIR_VERSION);
	assert_int_equal(number_at(json, "uptime_s"), 77);

	clients = json_object_get(json, "clients");
	check_keys(clients, "accepted logins logins_failed lost transactions queries bytes_received "
			    "bytes_sent cancels pins connected active waiting pinned");
	assert_int_equal(number_at(clients, "accepted"), 9);
	assert_int_equal(number_at(clients, "connected"), 3);
	assert_int_equal(number_at(clients, "active"), 2);
	assert_int_equal(number_at(clients, "waiting"), 1);
	assert_int_equal(number_at(clients, "pinned"), 7);

	check_keys(json_object_get(json, "routes"), "write read in_transaction");
	assert_int_equal(number_at(json_object_get(json, "routes"), "read"), 5);
	/* All reasons but "none". */
	assert_int_equal(json_object_size(json_object_get(json, "pins")), PIN_REASON_COUNT - 1);
	assert_int_equal(number_at(json_object_get(json, "pins"), "listen"), 6);
	assert_int_equal(number_at(json_object_get(json, "pins"), "load"), 0);

	assert_int_equal(json_array_size(json_object_get(json, "queries")), 3);
	row = json_array_get(json_object_get(json, "queries"), 0);
	check_keys(row, QUERY_KEYS);
	check_keys(json_object_get(row, "latency_ms"), "avg p50 p90 p95 p99 max");
	check_keys(json_object_get(row, "server_ms"), "avg p50 p90 p95 p99 max");
	check_keys(json_object_get(row, "wait_ms"), "avg p50 p90 p95 p99 max");
	row = json_object_get(json, "others");
	check_keys(row, QUERY_KEYS);
	assert_true(json_is_null(json_object_get(row, "digest")));
	assert_string_equal(text_at(row, "query"), "others");
	json_decref(json);
}

static void test_nodes_and_pools(void **state)
{
	struct stats_copy *copy = make_numbers(0, "");
	json_t *json, *row, *wait;

	(void)state;
	copy->nodes[1] = (struct node_stats){ .reads = 1, .writes = 2, .errors = 3,
					      .outstanding = 4 };
	json = write_page(copy, REPORT_NODES, REPORT_BY_TOTAL, 1);
	check_keys(json, "nodes");
	assert_int_equal(json_array_size(json_object_get(json, "nodes")), 2);
	row = json_array_get(json_object_get(json, "nodes"), 0);
	check_keys(row, "name role up down_reason lag_ms fresh_ms_ago outstanding reads writes errors");
	assert_true(json_is_true(json_object_get(row, "up")));
	assert_true(json_is_null(json_object_get(row, "down_reason")));
	assert_int_equal(number_at(row, "lag_ms"), 0);
	row = json_array_get(json_object_get(json, "nodes"), 1);
	assert_string_equal(text_at(row, "name"), "10.0.0.2:5432");
	assert_string_equal(text_at(row, "role"), "replica");
	assert_true(json_is_false(json_object_get(row, "up")));
	assert_string_equal(text_at(row, "down_reason"), "connection refused");
	assert_true(json_is_null(json_object_get(row, "lag_ms")));
	assert_true(json_is_null(json_object_get(row, "fresh_ms_ago")));
	assert_int_equal(number_at(row, "reads"), 1);
	assert_int_equal(number_at(row, "writes"), 2);
	assert_int_equal(number_at(row, "errors"), 3);
	assert_int_equal(number_at(row, "outstanding"), 4);
	json_decref(json);

	copy = make_numbers(0, "");
	add_pool(copy, 1, "app", "bob");
	add_pool(copy, 2, "gone", "eve"); /* a node that is no more */
	json = write_page(copy, REPORT_POOLS, REPORT_BY_TOTAL, 1);
	check_keys(json, "pools");
	row = json_array_get(json_object_get(json, "pools"), 0);
	check_keys(row, "node database user idle lent connecting waiting wait_ms");
	assert_string_equal(text_at(row, "node"), "10.0.0.2:5432");
	assert_string_equal(text_at(row, "database"), "app");
	assert_string_equal(text_at(row, "user"), "bob");
	assert_int_equal(number_at(row, "idle"), 1);
	assert_int_equal(number_at(row, "lent"), 2);
	assert_int_equal(number_at(row, "connecting"), 3);
	assert_int_equal(number_at(row, "waiting"), 4);
	wait = json_object_get(row, "wait_ms");
	check_keys(wait, "avg p50 p90 p95 p99 max count");
	assert_int_equal(number_at(wait, "count"), 1);
	assert_true(json_real_value(json_object_get(wait, "max")) == 1.5);
	row = json_array_get(json_object_get(json, "pools"), 1);
	assert_true(json_is_null(json_object_get(row, "node")));
	json_decref(json);
}

#define CLIENT_KEYS "user database address application_name state pin node age_s idle_s wait_ms"

static void check_is_null(const json_t *object, const char *keys)
{
	char copy[256], *key, *rest = copy;

	snprintf(copy, sizeof(copy), "%s", keys);
	while ((key = strsep(&rest, " ")) != NULL)
		if (!json_is_null(json_object_get(object, key)))
			fail_msg("%s is not null", key);
}

static void test_clients(void **state)
{
	struct stats_copy *copy = make_numbers(3, "x");
	json_t *json, *rows, *row;

	(void)state;
	add_clients(copy, 5, 10);
	copy->clients[0] = (struct client_stats){ .user = "bob\xFF", .database = "a\"pp",
		.application_name = "shop", .address = "[::1]:7", .state = "linked",
		.pin = "listen", .node = 1, .age_us = 7999999, .idle_us = 2000000, .wait_us = -1 };
	copy->clients[1] = (struct client_stats){ .state = "waiting", .node = -1, .age_us = 0,
		.idle_us = -1, .wait_us = 1500 };
	copy->clients[2].node = 2; /* it is no more */
	json = write_page(copy, REPORT_CLIENTS, REPORT_BY_TOTAL, 100);
	check_keys(json, "clients not_shown");
	assert_int_equal(number_at(json, "not_shown"), 0);
	rows = json_object_get(json, "clients");
	assert_int_equal(json_array_size(rows), 5);

	row = json_array_get(rows, 0);
	check_keys(row, CLIENT_KEYS);
	assert_string_equal(text_at(row, "user"), "bob\xEF\xBF\xBD");
	assert_string_equal(text_at(row, "database"), "a\"pp");
	assert_string_equal(text_at(row, "application_name"), "shop");
	assert_string_equal(text_at(row, "address"), "[::1]:7");
	assert_string_equal(text_at(row, "state"), "linked");
	assert_string_equal(text_at(row, "pin"), "listen");
	assert_string_equal(text_at(row, "node"), "10.0.0.2:5432");
	assert_int_equal(number_at(row, "age_s"), 7);
	assert_int_equal(number_at(row, "idle_s"), 2);
	check_is_null(row, "wait_ms");

	row = json_array_get(rows, 1);
	check_keys(row, CLIENT_KEYS);
	check_is_null(row, "user database application_name address pin node idle_s");
	assert_int_equal(number_at(row, "age_s"), 0);
	assert_true(json_real_value(json_object_get(row, "wait_ms")) == 1.5);

	row = json_array_get(rows, 2);
	check_is_null(row, "node pin wait_ms application_name");
	assert_int_equal(number_at(row, "idle_s"), 0);
	json_decref(json);
}

/* Who is not shown is counted: beyond the wish, and beyond what was collected. */
static void test_clients_not_shown(void **state)
{
	static const struct {
		int connected, collected, limit, shown;
	} cases[] = {
		{ 0, 5, 5, 0 },	  { 4, 5, 5, 4 }, { 5, 5, 5, 5 }, { 6, 5, 5, 5 },
		{ 9, 9, 1, 1 },	  { 9, 5, 2, 2 }, { 9, 5, 9, 5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct stats_copy *copy = make_numbers(0, "");
		json_t *json, *rows;

		add_clients(copy, cases[i].connected, cases[i].collected);
		json = write_page(copy, REPORT_CLIENTS, REPORT_BY_TOTAL, cases[i].limit);
		rows = json_object_get(json, "clients");
		assert_int_equal(json_array_size(rows), cases[i].shown);
		assert_int_equal(number_at(json, "not_shown"), cases[i].connected - cases[i].shown);
		for (int row = 0; row < cases[i].shown; row++) /* the oldest are */
			assert_int_equal(number_at(json_array_get(rows, (size_t)row), "age_s"),
					 cases[i].connected - row);
		json_decref(json);
	}
}

static void test_digest_and_milliseconds(void **state)
{
	struct stats_copy *copy = make_numbers(2, "select $1");
	json_t *json, *row, *latency;
	char *printed;

	(void)state;
	json = write_page(copy, REPORT_QUERIES, REPORT_BY_CALLS, 100);
	check_keys(json, "queries others");
	row = json_array_get(json_object_get(json, "queries"), 0);
	assert_string_equal(text_at(row, "digest"), "0000010000000000");
	assert_int_equal(number_at(row, "calls"), 2);
	assert_int_equal(number_at(row, "replica"), 2);
	assert_int_equal(number_at(row, "primary"), 0);
	latency = json_object_get(row, "server_ms");
	assert_true(json_real_value(json_object_get(latency, "avg")) == .123);
	assert_true(json_real_value(json_object_get(latency, "max")) == .123);
	printed = json_dumps(latency, JSON_REAL_PRECISION(15));
	assert_non_null(strstr(printed, "0.123"));
	free(printed);
	json_decref(json);
}

/* `expected`: the queries in order, a digit each. */
static void check_order(enum report_sort sort, int count, int limit, const char *expected)
{
	json_t *json = write_page(make_numbers(count, "x"), REPORT_QUERIES, sort, limit);
	json_t *rows = json_object_get(json, "queries");

	assert_int_equal(json_array_size(rows), strlen(expected));
	for (size_t i = 0; i < strlen(expected); i++)
		assert_int_equal(strtoull(text_at(json_array_get(rows, i), "digest"), NULL, 16) >> 40,
				 expected[i] - '0');
	json_decref(json);
}

static void test_order_and_limit(void **state)
{
	(void)state;
	/* Of five queries: 1, 2, 3, 4, 5 calls of 5, 4, 3, 2, 1 ms each. */
	check_order(REPORT_BY_CALLS, 5, 100, "43210");
	check_order(REPORT_BY_CALLS, 5, 1, "4");
	check_order(REPORT_BY_P99, 5, 6, "01234");
	check_order(REPORT_BY_P99, 5, 5, "01234");
	check_order(REPORT_BY_P99, 5, 4, "0123");
	/* Their sums are 5, 8, 9, 8, 5: equals by digest. */
	check_order(REPORT_BY_TOTAL, 5, 100, "21304");
	check_order(REPORT_BY_TOTAL, 0, 100, "");
}

static void test_stats_shows_100_queries(void **state)
{
	(void)state;
	for (int count = 99; count <= 101; count++) {
		json_t *json = write_page(make_numbers(count, "x"), REPORT_STATS, REPORT_BY_TOTAL,
					  10000);

		assert_int_equal(json_array_size(json_object_get(json, "queries")),
				 count < 100 ? count : 100);
		json_decref(json);
	}
}

static void test_large_numbers(void **state)
{
	struct stats_copy *copy = make_numbers(1, "x");
	json_t *json, *row;

	(void)state;
	copy->queries[0].rows = (1ull << 53) + 1;
	copy->queries[0].errors = UINT64_MAX;
	json = write_page(copy, REPORT_QUERIES, REPORT_BY_TOTAL, 1);
	row = json_array_get(json_object_get(json, "queries"), 0);
	assert_true(number_at(row, "rows") == (1ll << 53) + 1);
	assert_true(number_at(row, "errors") == INT64_MAX);
	json_decref(json);
}

/* Through the whole page; what comes out must be what jansson reads back. */
static void check_text(const char *text, const char *expected)
{
	json_t *json = write_page(make_numbers(1, text), REPORT_QUERIES, REPORT_BY_TOTAL, 1);
	const char *got = text_at(json_array_get(json_object_get(json, "queries"), 0), "query");

	assert_string_equal(got, expected);
	json_decref(json);
}

#define BAD "\xEF\xBF\xBD"

static void test_text_is_not_trusted(void **state)
{
	(void)state;
	check_text("", "");
	check_text("select \"a\\b\"\n\t\x01\x7F </script>", "select \"a\\b\"\n\t\x01\x7F </script>");
	check_text("gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x90\x98",
		   "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x90\x98");
	check_text("\xFF", BAD);
	check_text("a\x80z", "a" BAD "z");
	check_text("caf\xC3", "caf" BAD); /* cut short */
	check_text("\xE2\x82", BAD BAD);
	check_text("\xF0\x9F\x90", BAD BAD BAD);
	check_text("\xC3\xBC\xFF\xC3\xBC", "\xC3\xBC" BAD "\xC3\xBC");
	check_text("\xC0\x80", BAD BAD); /* a longer NUL */
	check_text("\xC1\xBF", BAD BAD);
	check_text("\xE0\x9F\xBF", BAD BAD BAD); /* longer than needed */
	check_text("\xE0\xA0\x80\xFF", "\xE0\xA0\x80" BAD);
	check_text("\xED\xA0\x80", BAD BAD BAD); /* a surrogate */
	check_text("\xED\x9F\xBF\xFF", "\xED\x9F\xBF" BAD);
	check_text("\xF0\x8F\xBF\xBF", BAD BAD BAD BAD);
	check_text("\xF0\x90\x80\x80\xFF", "\xF0\x90\x80\x80" BAD);
	check_text("\xF4\x90\x80\x80", BAD BAD BAD BAD); /* past U+10FFFF */
	check_text("\xF4\x8F\xBF\xBF\xFF", "\xF4\x8F\xBF\xBF" BAD);
	check_text("\xF5\x80\x80\x80", BAD BAD BAD BAD);
}

/* Ours and jansson's idea of UTF-8 must agree on any bytes. */
static void test_any_bytes(void **state)
{
	char text[5] = { 0 };

	(void)state;
	for (int a = 0xBF; a <= 0xFF; a++)
		for (int b = 0x7F; b <= 0xC0; b++) {
			text[0] = (char)a;
			text[1] = (char)b;
			text[2] = (char)(0x80 | (b & 0x3F));
			text[3] = (char)(a ^ b);
			json_decref(write_page(make_numbers(1, text), REPORT_QUERIES,
					       REPORT_BY_TOTAL, 1));
		}
}

static void test_names_are_not_trusted(void **state)
{
	struct stats_copy *copy = make_numbers(0, "");
	json_t *json, *row;

	(void)state;
	add_pool(copy, 0, "\xFF\xFE", "\"}]\\caf\xC3");
	json = write_page(copy, REPORT_POOLS, REPORT_BY_TOTAL, 1);
	row = json_array_get(json_object_get(json, "pools"), 0);
	assert_string_equal(text_at(row, "database"), BAD BAD);
	assert_string_equal(text_at(row, "user"), "\"}]\\caf" BAD);
	json_decref(json);
}

static void test_unfinished_report_is_freed(void **state)
{
	struct report_facts facts = { .copy = make_numbers(50, "x"), .route_words = route_words };
	struct report_wish wish = { REPORT_STATS, REPORT_BY_P99, 100 };

	(void)state;
	for (int steps = 0; steps < 120; steps++) {
		struct report *report = report_create(&facts, &wish);

		for (int i = 0; i < steps; i++)
			if (report_step(report) != REPORT_MORE)
				break;
		report_destroy(report);
	}
	report_destroy(NULL);
	stats_copy_destroy(facts.copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stats_keys),
		cmocka_unit_test(test_nodes_and_pools),
		cmocka_unit_test(test_clients),
		cmocka_unit_test(test_clients_not_shown),
		cmocka_unit_test(test_digest_and_milliseconds),
		cmocka_unit_test(test_order_and_limit),
		cmocka_unit_test(test_stats_shows_100_queries),
		cmocka_unit_test(test_large_numbers),
		cmocka_unit_test(test_text_is_not_trusted),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_names_are_not_trusted),
		cmocka_unit_test(test_unfinished_report_is_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
