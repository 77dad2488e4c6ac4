/*
 * Which report a path and its parameters ask for.  (What HTTP makes of a request
 * is in test_http.c.)
 */
#include "watch/wish.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_paths(void **state)
{
	static const struct {
		const char *path;
		enum report_page page;
		int limit;
	} cases[] = {
		{ "/stats", REPORT_STATS, 100 },    { "/queries", REPORT_QUERIES, 100 },
		{ "/nodes", REPORT_NODES, 0 },	    { "/pools", REPORT_POOLS, 0 },
		{ "/clients", REPORT_CLIENTS, 1000 },
	};
	static const char *const others[] = { "", "/", "stats", "/stat", "/stats/", "/CLIENTS",
					      "/healthz" };
	struct report_wish wish = { REPORT_POOLS, REPORT_BY_P99, 77 };

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_false(wish_read_path(&wish, others[i]));
	assert_int_equal(wish.limit, 77); /* as it was */
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_true(wish_read_path(&wish, cases[i].path));
		assert_int_equal(wish.page, cases[i].page);
		assert_int_equal(wish.limit, cases[i].limit);
		assert_int_equal(wish.sort, REPORT_BY_TOTAL);
	}
}

static const char *set(struct report_wish *wish, const char *name, const char *value)
{
	return wish_read_parameter(wish, span_of(name), span_of(value));
}

static void test_parameters_of_queries(void **state)
{
	struct report_wish wish;

	(void)state;
	assert_true(wish_read_path(&wish, "/queries"));
	assert_null(set(&wish, "sort", "p99"));
	assert_int_equal(wish.sort, REPORT_BY_P99);
	assert_null(set(&wish, "sort", "calls"));
	assert_int_equal(wish.sort, REPORT_BY_CALLS);
	assert_null(set(&wish, "sort", "total"));
	assert_int_equal(wish.sort, REPORT_BY_TOTAL);
	assert_string_equal(set(&wish, "sort", "rows"), "sort must be total, p99 or calls");
	assert_string_equal(set(&wish, "order", "p99"),
			    "unknown parameter: there are sort and limit");
}

static void test_limit(void **state)
{
	static const char *const paths[] = { "/queries", "/clients" };
	static const char *const bad[] = { "", "0", "10001", "-1", "+1", " 1", "1x", "000001",
					   "99999999999999999999" };
	struct report_wish wish;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_true(wish_read_path(&wish, paths[i]));
		assert_null(set(&wish, "limit", "1"));
		assert_int_equal(wish.limit, 1);
		assert_null(set(&wish, "limit", "10000"));
		assert_int_equal(wish.limit, 10000);
		for (size_t j = 0; j < sizeof(bad) / sizeof(*bad); j++)
			assert_string_equal(set(&wish, "limit", bad[j]),
					    "limit must be a number from 1 to 10000");
	}
	assert_string_equal(set(&wish, "sort", "p99"), "unknown parameter: there is limit");
}

/* The pages that take none have always passed over them. */
static void test_parameters_that_no_page_takes(void **state)
{
	static const char *const paths[] = { "/stats", "/nodes", "/pools" };
	struct report_wish wish;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_true(wish_read_path(&wish, paths[i]));
		assert_null(set(&wish, "limit", "7"));
		assert_null(set(&wish, "sort", "x"));
		assert_int_not_equal(wish.limit, 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_parameters_of_queries),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_parameters_that_no_page_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
