/*
 * Copies of several workers become one; nothing is lost or counted twice.
 */
#include "watch/calls.h"

#include "base/ensure.h"

static struct pool_stats make_pool(int node, const char *database, const char *user, int idle)
{
	struct pool_stats pool = { .node = node, .idle = idle, .lent = 1, .connecting = 2,
				   .waiting = 3 };

	/* What is behind the NUL is no part of a name. */
	memset(pool.database, idle, sizeof(pool.database));
	memset(pool.user, idle, sizeof(pool.user));
	strcpy(pool.database, database);
	strcpy(pool.user, user);
	hist_init(&pool.wait);
	hist_add(&pool.wait, 1000);
	return pool;
}

static struct stats_copy *worker_copy(uint64_t first_digest)
{
	struct stats *stats = stats_create(100);
	struct stats_copy *copy;

	for (uint64_t digest = first_digest; digest < first_digest + 100; digest++)
		call(stats, digest, 2);
	for (uint64_t digest = 0; digest < 5; digest++)
		call(stats, 1000000 + first_digest * 10 + digest, 1);
	stats_count(stats, COUNT_QUERIES, 205);
	stats_route(stats, 3);
	stats_node_used(stats, 1, true);
	stats_node_error(stats, 1);
	copy = stats_take_copy(stats); /* packed: merging opens it */
	copy->clients_connected = 4;
	copy->clients_active = 2;
	copy->clients_waiting = 1;
	copy->nodes[1].outstanding = 6;
	copy->pools = memory_get(3 * sizeof(*copy->pools));
	copy->pools[0] = make_pool(0, "app", "bob", (int)first_digest + 1);
	copy->pools[1] = make_pool(1, "app", "bob", 2);
	copy->pools[2] = make_pool(1, "app", first_digest ? "eve" : "amy", 3);
	copy->pool_count = 3;
	stats_destroy(stats);
	return copy;
}

static void check_merged(const struct stats_copy *sum)
{
	check_total(sum, 3 * 205);
	/* 0..99, 50..149 and 0..99, of which each may have given up places. */
	for (uint64_t digest = 55; digest < 100; digest++) {
		const struct query_stats *query = find(sum, digest);
		int rows = 0;

		assert_non_null(query);
		for (int i = 0; i < sum->query_count; i++)
			rows += sum->queries[i].digest == digest;
		assert_int_equal(rows, 1);
	}
	assert_int_equal(sum->counters[COUNT_QUERIES], 3 * 205);
	assert_int_equal(sum->routes[3], 3);
	assert_int_equal(sum->nodes[1].writes, 3);
	assert_int_equal(sum->nodes[1].errors, 3);
	assert_int_equal(sum->nodes[1].outstanding, 18);
	assert_int_equal(sum->clients_connected, 12);
	assert_int_equal(sum->clients_active, 6);
	assert_int_equal(sum->clients_waiting, 3);
}

static void test_merge_workers(void **state)
{
	struct stats_copy *sum = worker_copy(0);

	(void)state;
	stats_copy_merge(sum, worker_copy(50));
	stats_copy_merge(sum, worker_copy(0));
	check_merged(sum);
	assert_int_equal(sum->pool_count, 4);
	assert_int_equal(sum->pools[0].idle, 1 + 51 + 1);
	assert_int_equal(sum->pools[0].lent, 3);
	assert_int_equal(sum->pools[0].connecting, 6);
	assert_int_equal(sum->pools[0].waiting, 9);
	assert_int_equal(sum->pools[0].wait.count, 3);
	assert_int_equal(sum->pools[1].idle, 6);
	assert_string_equal(sum->pools[2].user, "amy");
	assert_int_equal(sum->pools[2].idle, 6);
	assert_string_equal(sum->pools[3].user, "eve");
	assert_int_equal(sum->pools[3].idle, 3);
	stats_copy_destroy(sum);
}

static void test_merge_into_empty(void **state)
{
	struct stats *empty = stats_create(1);
	struct stats_copy *sum = stats_take_copy(empty);

	(void)state;
	stats_destroy(empty);
	stats_copy_merge(sum, worker_copy(0));
	stats_copy_merge(sum, worker_copy(50));
	stats_copy_merge(sum, worker_copy(0));
	check_merged(sum);
	assert_int_equal(sum->pool_count, 4);
	stats_copy_destroy(sum);

	sum = memory_get_zeroed(sizeof(*sum));
	stats_copy_merge(sum, worker_copy(0));
	check_total(sum, 205);
	stats_copy_destroy(sum);
}

/* Opened or packed, on either side: the same. */
static void test_merge_opened_copies(void **state)
{
	(void)state;
	for (int opened = 0; opened < 4; opened++) {
		struct stats_copy *sum = worker_copy(0), *other = worker_copy(50);

		if (opened & 1)
			stats_copy_open(sum);
		if (opened & 2)
			stats_copy_open(other);
		stats_copy_merge(sum, other);
		stats_copy_open(sum); /* nothing is left to open */
		check_total(sum, 2 * 205);
		stats_copy_destroy(sum);
	}
}

static void test_packed_copy_is_freed(void **state)
{
	struct stats_copy *copy = worker_copy(0);

	(void)state;
	assert_int_equal(copy->query_count, 0);
	stats_copy_destroy(copy);
	stats_copy_destroy(NULL);
}

static void check_settled(struct pool_stats counted, int idle, int lent, int connecting)
{
	struct stats_copy sum = { .pools = &counted, .pool_count = 1 };

	stats_copy_settle(&sum);
	assert_int_equal(counted.idle, idle);
	assert_int_equal(counted.lent, lent);
	assert_int_equal(counted.connecting, connecting);
}

/* Connections moved while the workers answered: they are not counted twice. */
static void test_settle(void **state)
{
	(void)state;
	check_settled((struct pool_stats){ .idle = 2, .lent = 3, .open = 6 }, 2, 3, 0);
	check_settled((struct pool_stats){ .idle = 2, .lent = 3, .open = 5 }, 2, 3, 0);
	check_settled((struct pool_stats){ .idle = 2, .lent = 3, .open = 4 }, 1, 3, 0);
	check_settled((struct pool_stats){ .idle = 1, .lent = 5, .open = 4 }, 0, 4, 0);
	check_settled((struct pool_stats){ .lent = 1, .connecting = 2, .open = 1 }, 0, 0, 1);
}

static void test_merge_open(void **state)
{
	struct stats_copy *sum = worker_copy(0), *other = worker_copy(0);

	(void)state;
	sum->pools[1].open = 4;
	other->pools[1].open = 5;
	stats_copy_merge(sum, other);
	assert_int_equal(sum->pools[1].open, 5);
	assert_int_equal(sum->pools[2].open, 0);
	stats_copy_destroy(sum);
}

/* Clients of these ages in seconds, longest first. */
static struct stats_copy *copy_of_clients(const char *ages, int limit)
{
	struct stats_copy *copy = memory_get_zeroed(sizeof(*copy));

	copy->client_limit = limit;
	copy->clients = memory_get_zeroed(strlen(ages) * sizeof(*copy->clients));
	for (; ages[copy->client_count] && copy->client_count < limit; copy->client_count++)
		copy->clients[copy->client_count].age_us = ages[copy->client_count] - '0';
	copy->clients_connected = (int)strlen(ages);
	return copy;
}

static void check_clients(const struct stats_copy *sum, const char *ages, int connected)
{
	assert_int_equal(sum->client_count, strlen(ages));
	for (int i = 0; i < sum->client_count; i++)
		assert_int_equal(sum->clients[i].age_us, ages[i] - '0');
	assert_int_equal(sum->clients_connected, connected);
}

/* The longest connected of all workers, whichever they are at. */
static void test_merge_clients(void **state)
{
	static const struct {
		const char *left, *right;
		int limit;
		const char *merged;
	} cases[] = {
		{ "", "", 5, "" },	   { "97", "", 5, "97" },	{ "", "97", 5, "97" },
		{ "97", "86", 5, "9876" }, { "98", "76", 5, "9876" },	{ "76", "98", 5, "9876" },
		{ "97", "86", 4, "9876" }, { "97", "86", 3, "987" },	{ "975", "864", 1, "9" },
		{ "55", "55", 4, "5555" }, { "9", "87654", 3, "987" },	{ "97", "86", 0, "" },
		{ "8642", "97531", 9, "987654321" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct stats_copy *sum = copy_of_clients(cases[i].left, cases[i].limit);

		stats_copy_merge(sum, copy_of_clients(cases[i].right, cases[i].limit));
		check_clients(sum, cases[i].merged,
			      (int)(strlen(cases[i].left) + strlen(cases[i].right)));
		stats_copy_destroy(sum);
	}
}

/* Into a sum that knows no limit yet, then once more. */
static void test_merge_clients_of_many(void **state)
{
	struct stats_copy *sum = memory_get_zeroed(sizeof(*sum));

	(void)state;
	stats_copy_merge(sum, copy_of_clients("731", 4));
	check_clients(sum, "731", 3);
	stats_copy_merge(sum, copy_of_clients("8", 4));
	check_clients(sum, "8731", 4);
	stats_copy_merge(sum, copy_of_clients("95", 4));
	check_clients(sum, "9875", 6);
	stats_copy_destroy(sum);
}

static void test_merge_pins(void **state)
{
	struct stats *stats = stats_create(1);
	struct stats_copy *sum, *other;

	(void)state;
	stats_pin(stats, 2);
	stats_pin(stats, 2);
	stats_pin(stats, 5);
	sum = stats_take_copy(stats);
	stats_pin(stats, 5);
	other = stats_take_copy(stats);
	sum->clients_pinned = 2;
	other->clients_pinned = 5;
	stats_copy_merge(sum, other);
	assert_int_equal(sum->pins[2], 4);
	assert_int_equal(sum->pins[5], 3);
	assert_int_equal(sum->pins[1], 0);
	assert_int_equal(sum->counters[COUNT_PINS], 7);
	assert_int_equal(sum->clients_pinned, 7);
	stats_copy_destroy(sum);
	stats_destroy(stats);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settle),
		cmocka_unit_test(test_merge_open),
		cmocka_unit_test(test_merge_clients),
		cmocka_unit_test(test_merge_clients_of_many),
		cmocka_unit_test(test_merge_pins),
		cmocka_unit_test(test_merge_workers),
		cmocka_unit_test(test_merge_into_empty),
		cmocka_unit_test(test_merge_opened_copies),
		cmocka_unit_test(test_packed_copy_is_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
