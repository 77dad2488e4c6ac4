/*
 * When a session that wrote may read from a replica again.
 */
#include "route/cluster.h"

#include "config/load.h"
#include "route/freshness.h"

#include <stdio.h>

enum { MS = 1000 };

static struct config *load_consistency(const char *consistency)
{
	char text[300];

	snprintf(text, sizeof text,
		 LEAST "probe_interval_ms = 100\nprobe_timeout_ms = 200\n"
		       "[route]\nmax_lag_ms = 1000\nconsistency = %s\n",
		 consistency);
	return load_good(text);
}

static void test_a_session_that_never_wrote(void **state)
{
	struct config *config = load_consistency("session");
	struct freshness f = { 0 };

	(void)state;
	assert_true(freshness_allows(&f, config, 1));
	config_drop(config);
}

/* max_lag_ms, and how old the probe may be that says so: 1000 + 100 + 200. */
static void test_at_below_and_above_the_limit(void **state)
{
	struct config *config = load_consistency("session");
	struct freshness f = { 0 };
	uint64_t wrote = 5000000;

	(void)state;
	freshness_note_write(&f, wrote);
	assert_false(freshness_allows(&f, config, wrote));
	assert_false(freshness_allows(&f, config, wrote + 1299 * MS));
	assert_false(freshness_allows(&f, config, wrote + 1300 * MS));
	assert_true(freshness_allows(&f, config, wrote + 1300 * MS + 1));
	freshness_note_write(&f, wrote + 1300 * MS);
	assert_false(freshness_allows(&f, config, wrote + 1300 * MS + 1));
	config_drop(config);
}

static void test_eventual_asks_nobody(void **state)
{
	struct config *config = load_consistency("eventual");
	struct freshness f = { 0 };

	(void)state;
	freshness_note_write(&f, 5);
	assert_true(freshness_allows(&f, config, 5));
	config_drop(config);
}

static void test_replicas_that_fit(void **state)
{
	static const struct {
		int64_t lag_ms;
		bool fits;
	} cases[] = { { -1, false }, { 0, true }, { 999, true }, { 1000, true }, { 1001, false } };
	struct config *config = load_consistency("session");
	struct topology *t = make_cluster(2);

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		t->nodes[1].lag_ms = cases[i].lag_ms;
		assert_int_equal(freshness_fits(&t->nodes[1], config), cases[i].fits);
	}
	topology_drop(t);
	config_drop(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_session_that_never_wrote),
		cmocka_unit_test(test_at_below_and_above_the_limit),
		cmocka_unit_test(test_eventual_asks_nobody),
		cmocka_unit_test(test_replicas_that_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
