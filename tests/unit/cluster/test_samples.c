/* The freshness clock: what a position reached says about time. */
#include "cluster/samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct samples s;

static int empty(void **state)
{
	(void)state;
	samples_drop(&s);
	return 0;
}

static void test_nothing_is_known_without_samples(void **state)
{
	(void)state;
	assert_int_equal(samples_reached_us(&s, UINT64_MAX), 0);
}

static void test_newest_reached_counts(void **state)
{
	(void)state;
	samples_add(&s, 10, 100);
	samples_add(&s, 20, 200);
	assert_int_equal(samples_reached_us(&s, 99), 0);
	assert_int_equal(samples_reached_us(&s, 100), 10);
	assert_int_equal(samples_reached_us(&s, 199), 10);
	assert_int_equal(samples_reached_us(&s, 200), 20);
	assert_int_equal(samples_reached_us(&s, 1000), 20);
}

static void test_idle_primary_moves_time_on(void **state)
{
	(void)state;
	samples_add(&s, 10, 100);
	samples_add(&s, 20, 100);
	assert_int_equal(s.count, 1);
	assert_int_equal(samples_reached_us(&s, 100), 20);
}

static void test_log_that_shrinks_is_another_one(void **state)
{
	(void)state;
	samples_add(&s, 10, 500);
	samples_add(&s, 20, 100);
	assert_int_equal(s.count, 1);
	assert_int_equal(samples_reached_us(&s, 500), 20);
}

/* At and above the limit: the newest are exact, old times stay known. */
static void test_full_ring_keeps_old_times(void **state)
{
	(void)state;
	for (int i = 1; i <= SAMPLES_HELD; i++)
		samples_add(&s, i, (uint64_t)i);
	assert_int_equal(s.count, SAMPLES_HELD);
	assert_int_equal(samples_reached_us(&s, 2), 2);
	for (int i = SAMPLES_HELD + 1; i <= 2000; i++) {
		samples_add(&s, i, (uint64_t)i);
		assert_true(s.count <= SAMPLES_HELD);
		assert_int_equal(samples_reached_us(&s, (uint64_t)i), i);
		assert_true(samples_reached_us(&s, (uint64_t)i - 64) == i - 64);
	}
	assert_int_equal(samples_reached_us(&s, 1), 1);
	for (uint64_t lsn = 1; lsn <= 2000; lsn++) {
		int64_t reached = samples_reached_us(&s, lsn);

		assert_true(reached > 0 && reached <= (int64_t)lsn);
	}
}

static void test_headers_are_left_out(void **state)
{
	const uint64_t segment = 16 << 20;

	(void)state;
	assert_int_equal(lsn_without_header(8192 * 3 + 24, 8192, segment), 8192 * 3);
	assert_int_equal(lsn_without_header(segment * 5 + 40, 8192, segment), segment * 5);
	/* Not a segment's page: 40 bytes on are already a record. */
	assert_int_equal(lsn_without_header(8192 * 3 + 40, 8192, segment), 8192 * 3 + 40);
	assert_int_equal(lsn_without_header(8192 * 3 + 32, 8192, segment), 8192 * 3 + 32);
	assert_int_equal(lsn_without_header(8192 * 3, 8192, segment), 8192 * 3);
	assert_int_equal(lsn_without_header(24, 0, 0), 24); /* sizes that are not known */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_nothing_is_known_without_samples, empty),
		cmocka_unit_test_setup(test_newest_reached_counts, empty),
		cmocka_unit_test_setup(test_idle_primary_moves_time_on, empty),
		cmocka_unit_test_setup(test_log_that_shrinks_is_another_one, empty),
		cmocka_unit_test_setup(test_full_ring_keeps_old_times, empty),
		cmocka_unit_test_setup(test_headers_are_left_out, empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
