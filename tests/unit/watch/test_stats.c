/*
 * The statistics of a worker: nothing that was counted is lost, and the hot
 * queries stay.
 */
#include "watch/calls.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_query_is_counted(void **state)
{
	struct stats *stats = stats_create(10);
	struct stats_sample sample = {
		.digest = 0xABCD,
		.text = "select $1",
		.total_us = 1000,
		.server_us = 800,
		.wait_us = 100,
		.rows = 7,
		.on_primary = true,
	};
	struct stats_copy *copy;
	const struct query_stats *query;

	(void)state;
	stats_query(stats, &sample);
	sample.on_primary = false;
	sample.is_error = true;
	sample.total_us = 3000;
	sample.text = "not looked at again";
	stats_query(stats, &sample);
	copy = take_copy(stats);
	stats_destroy(stats);
	assert_int_equal(copy->query_count, 1);
	query = &copy->queries[0];
	assert_int_equal(query->digest, 0xABCD);
	assert_string_equal(query->text, "select $1");
	assert_int_equal(query->calls, 2);
	assert_int_equal(query->errors, 1);
	assert_int_equal(query->rows, 14);
	assert_int_equal(query->primary, 1);
	assert_int_equal(query->replica, 1);
	assert_int_equal(query->total.sum_us, 4000);
	assert_int_equal(query->total.max_us, 3000);
	assert_int_equal(query->server.count, 2);
	assert_int_equal(query->wait.sum_us, 200);
	assert_int_equal(copy->others.calls, 0);
	assert_null(copy->others.text);
	stats_copy_destroy(copy);
}

static void test_empty_copy(void **state)
{
	struct stats *stats = stats_create(1);
	struct stats_copy *copy = take_copy(stats);

	(void)state;
	assert_int_equal(copy->query_count, 0);
	assert_int_equal(copy->pool_count, 0);
	check_total(copy, 0);
	stats_copy_destroy(copy);
	stats_destroy(stats);
	stats_copy_destroy(NULL);
	stats_destroy(NULL);
}

static void test_copy_is_apart(void **state)
{
	struct stats *stats = stats_create(4);
	struct stats_copy *before, *after;

	(void)state;
	call(stats, 1, 3);
	before = take_copy(stats);
	call(stats, 1, 4);
	call(stats, 2, 1);
	after = take_copy(stats);
	stats_destroy(stats);
	check_total(before, 3);
	check_total(after, 8);
	assert_int_equal(memcmp(&before->queries[0].total.buckets, &after->queries[0].total.buckets,
				sizeof(before->queries[0].total.buckets)) == 0,
			 false);
	stats_copy_destroy(before);
	stats_copy_destroy(after);
}

/* At the limit, below it, above it. */
static void test_table_is_bounded(void **state)
{
	static const int limits[] = { 1, 2, 3, 10, 100 };

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++)
		for (int count = limits[i] - 1; count <= limits[i] + 1; count++) {
			struct stats *stats = stats_create(limits[i]);
			struct stats_copy *copy;

			for (int digest = 0; digest < count; digest++)
				call(stats, (uint64_t)digest, 1);
			copy = take_copy(stats);
			assert_int_equal(copy->query_count, count < limits[i] ? count : limits[i]);
			check_total(copy, (uint64_t)count);
			assert_int_equal(copy->others.calls, count > limits[i]);
			stats_copy_destroy(copy);
			stats_destroy(stats);
		}
}

static void test_flood_loses_nothing(void **state)
{
	static const int limits[] = { 1, 2, 10, 64, 500 };

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		struct stats *stats = stats_create(limits[i]);
		struct stats_copy *copy;
		uint64_t calls = 0, random = 1;

		for (int j = 0; j < 20000; j++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			call(stats, random >> 33 & (j % 2 ? 0xFF : 0xFFFFFFF), 1 + j % 3);
			calls += 1 + (uint64_t)j % 3;
		}
		copy = take_copy(stats);
		assert_int_equal(copy->query_count, limits[i]);
		check_total(copy, calls);
		stats_copy_destroy(copy);
		stats_destroy(stats);
	}
}

/* Each hot query has 1 % of the calls, the table 1/100 for each place at most;
 * the rest is a flood of digests that come once. */
static void test_hot_queries_stay(void **state)
{
	enum { HOT = 20, ROUNDS = 2000, FLOOD = 60 };
	struct stats *stats = stats_create(100);
	struct stats_copy *copy;
	uint64_t cold = 1000;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		for (uint64_t hot = 0; hot < HOT; hot++)
			call(stats, hot, 1);
		for (int i = 0; i < FLOOD; i++)
			call(stats, cold++, 1);
	}
	copy = take_copy(stats);
	for (uint64_t hot = 0; hot < HOT; hot++) {
		assert_non_null(find(copy, hot));
		assert_int_equal(find(copy, hot)->calls, ROUNDS);
	}
	check_total(copy, ROUNDS * (HOT + FLOOD));
	stats_copy_destroy(copy);
	stats_destroy(stats);
}

/* A flood over a table that is full of hot queries takes some places from the
 * lightest, not the table: lifting the k lightest weights to the next one, five
 * higher each, takes 5 k^2 / 2 calls, so 100 calls take about six. */
static void test_flood_takes_few_places(void **state)
{
	enum { PLACES = 100, LEAST = 200, STEP = 5, FLOOD = 100 };
	struct stats *stats = stats_create(PLACES);
	struct stats_copy *copy;
	int left = 0;

	(void)state;
	for (int round = 0; round < LEAST + STEP * PLACES; round++)
		for (int hot = 0; hot < PLACES; hot++)
			call(stats, (uint64_t)hot, round < LEAST + STEP * hot);
	for (uint64_t cold = 1000; cold < 1000 + FLOOD; cold++)
		call(stats, cold, 1);
	copy = take_copy(stats);
	for (uint64_t hot = 0; hot < PLACES; hot++)
		left += !find(copy, hot);
	assert_in_range(left, 1, 8);
	stats_copy_destroy(copy);
	stats_destroy(stats);
}

/* All places were called since they were last looked at: the search gives up,
 * the newcomer's call is in others, and a later call of it finds a place. */
static void test_newcomer_waits_for_exact_places(void **state)
{
	enum { PLACES = 100 };
	struct stats *stats = stats_create(PLACES);
	struct stats_copy *copy;

	(void)state;
	for (uint64_t hot = 0; hot < PLACES; hot++)
		call(stats, hot, 10);
	call(stats, 5000, 1);
	copy = take_copy(stats);
	assert_null(find(copy, 5000));
	assert_int_equal(copy->others.calls, 1);
	stats_copy_destroy(copy);
	call(stats, 5000, 4);
	copy = take_copy(stats);
	assert_non_null(find(copy, 5000));
	check_total(copy, PLACES * 10 + 5);
	stats_copy_destroy(copy);
	stats_destroy(stats);
}

/* What was hot long ago makes room for what is called now. */
static void test_old_queries_make_room(void **state)
{
	enum { PLACES = 10, NEW = 5 };
	struct stats *stats = stats_create(PLACES);
	struct stats_copy *copy;

	(void)state;
	for (uint64_t old = 1; old <= PLACES; old++)
		call(stats, old, (int)old * 20000);
	for (int i = 0; i < 15000; i++)
		for (uint64_t new = 0; new < NEW; new ++)
			call(stats, 1000 + new, 1);
	copy = take_copy(stats);
	for (uint64_t new = 0; new < NEW; new ++)
		assert_non_null(find(copy, 1000 + new));
	check_total(copy, 55 * 20000 + 15000 * NEW);
	stats_copy_destroy(copy);
	stats_destroy(stats);
}

static void check_text(const char *text, const char *expected)
{
	struct stats *stats = stats_create(1);
	struct stats_sample sample = { .text = text };
	struct stats_copy *copy;

	stats_query(stats, &sample);
	copy = take_copy(stats);
	assert_string_equal(copy->queries[0].text, expected);
	stats_copy_destroy(copy);
	stats_destroy(stats);
}

static void test_text_is_cut(void **state)
{
	char text[3000], expected[3000];

	(void)state;
	for (size_t size = 2047; size <= 2049; size++) {
		memset(text, 'x', size);
		text[size] = '\0';
		strcpy(expected, text);
		if (size > 2048)
			strcpy(expected + 2045, "...");
		check_text(text, expected);
	}
	/* U+20AC has three bytes; wherever the cut falls, none stays behind. */
	for (size_t shift = 0; shift < 3; shift++) {
		size_t size = shift;

		memset(text, 'x', shift);
		for (; size + 3 < sizeof(text); size += 3)
			memcpy(text + size, "\xE2\x82\xAC", 3);
		text[size] = '\0';
		size = 2045 - (2045 - shift) % 3;
		memcpy(expected, text, size);
		strcpy(expected + size, "...");
		check_text(text, expected);
	}
	/* Not UTF-8 at all: only three bytes are given up for it. */
	memset(text, 0x80, 2999);
	text[2999] = '\0';
	memset(expected, 0x80, 2042);
	strcpy(expected + 2042, "...");
	check_text(text, expected);
}

static void test_counters(void **state)
{
	struct stats *stats = stats_create(1);
	struct stats_copy *copy;

	(void)state;
	for (int i = 0; i < STATS_COUNTER_COUNT; i++)
		stats_count(stats, (enum stats_counter)i, (uint64_t)i * 10);
	stats_count(stats, COUNT_PINS, 1);
	stats_route(stats, 0);
	stats_route(stats, STATS_MAX_REASONS - 1);
	stats_node_used(stats, 0, true);
	stats_node_used(stats, 0, false);
	stats_node_used(stats, STATS_MAX_NODES - 1, false);
	stats_node_error(stats, STATS_MAX_NODES - 1);
	/* No such node: not counted, and nothing else is hit. */
	stats_node_used(stats, -1, true);
	stats_node_used(stats, STATS_MAX_NODES, false);
	stats_node_error(stats, -1);
	stats_node_error(stats, STATS_MAX_NODES);
	copy = take_copy(stats);
	stats_destroy(stats);
	for (int i = 0; i < STATS_COUNTER_COUNT; i++)
		assert_int_equal(copy->counters[i], i * 10 + (i == COUNT_PINS));
	for (int i = 0; i < STATS_MAX_REASONS; i++)
		assert_int_equal(copy->routes[i], i == 0 || i == STATS_MAX_REASONS - 1);
	for (int i = 0; i < STATS_MAX_NODES; i++) {
		assert_int_equal(copy->nodes[i].writes, i == 0);
		assert_int_equal(copy->nodes[i].reads, i == 0 || i == STATS_MAX_NODES - 1);
		assert_int_equal(copy->nodes[i].errors, i == STATS_MAX_NODES - 1);
	}
	assert_string_equal(stats_counter_word(COUNT_CLIENTS_ACCEPTED), "accepted");
	assert_string_equal(stats_counter_word(COUNT_PINS), "pins");
	stats_copy_destroy(copy);
}

static void test_unknown_reason_aborts(void **state)
{
	static const int reasons[] = { -1, STATS_MAX_REASONS };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		pid_t child = fork();
		int status;

		if (child == 0) {
			close(STDERR_FILENO);
			stats_route(stats_create(1), reasons[i]);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_query_is_counted),
		cmocka_unit_test(test_empty_copy),
		cmocka_unit_test(test_copy_is_apart),
		cmocka_unit_test(test_table_is_bounded),
		cmocka_unit_test(test_flood_loses_nothing),
		cmocka_unit_test(test_hot_queries_stay),
		cmocka_unit_test(test_flood_takes_few_places),
		cmocka_unit_test(test_newcomer_waits_for_exact_places),
		cmocka_unit_test(test_old_queries_make_room),
		cmocka_unit_test(test_text_is_cut),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_unknown_reason_aborts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
