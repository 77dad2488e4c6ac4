/*
 * The histogram: the promised error against a sorted reference, merging as union,
 * the smallest and the largest values, buckets that are full.
 */
#include "base/hist.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { VALUES = 20000 };

static const double fractions[] = { 0,   0.001, 0.01, 0.1,  0.25,  0.5,    0.75,
				    0.9, 0.95,  0.99, 0.999, 0.9999, 1 };
enum { FRACTIONS = sizeof fractions / sizeof fractions[0] };

static double next_random(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (double)(x >> 11) / 9007199254740992.0; /* 2^53 */
}

/* --- distributions, all below 2^30 us --- */

static uint64_t constant(void)
{
	return 777;
}

static uint64_t tiny(void)
{
	return (uint64_t)(next_random() * 70);
}

static uint64_t uniform(void)
{
	return (uint64_t)(next_random() * 1e6);
}

static uint64_t exponential(void)
{
	return (uint64_t)(-log(1 - next_random()) * 300);
}

/* Every power of two is as likely as the others. */
static uint64_t any_size(void)
{
	return (uint64_t)exp2(next_random() * 29.99);
}

static uint64_t two_humps(void)
{
	return next_random() < 0.95 ? 50 + (uint64_t)(next_random() * 20) :
				      900000 + (uint64_t)(next_random() * 100000);
}

static uint64_t powers_and_neighbours(void)
{
	return ((uint64_t)1 << (unsigned int)(1 + next_random() * 28)) +
	       (uint64_t)(next_random() * 3) - 1;
}

typedef uint64_t distribution(void);

static distribution *const distributions[] = {
	constant, tiny, uniform, exponential, any_size, two_humps, powers_and_neighbours,
};
enum { DISTRIBUTIONS = sizeof distributions / sizeof distributions[0] };

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The smallest value that at least this fraction of the values does not exceed. */
static uint64_t true_quantile(const uint64_t *sorted, size_t count, double fraction)
{
	size_t rank = (size_t)ceil(fraction * (double)count);

	return sorted[rank ? rank - 1 : 0];
}

static void check_error(const struct hist *h, const uint64_t *sorted, size_t count)
{
	for (size_t i = 0; i < FRACTIONS; i++) {
		double truth = (double)true_quantile(sorted, count, fractions[i]);
		double found = hist_quantile_us(h, fractions[i]);

		assert_true(fabs(found - truth) <= truth / 64);
		assert_true(found <= h->max_us);
	}
}

static void error_is_at_most_one_in_64(void **state)
{
	static uint64_t values[VALUES];
	struct hist h;

	(void)state;
	for (size_t d = 0; d < DISTRIBUTIONS; d++) {
		uint64_t sum = 0;

		hist_init(&h);
		for (size_t i = 0; i < VALUES; i++) {
			values[i] = distributions[d]();
			sum += values[i];
			hist_add(&h, values[i]);
		}
		qsort(values, VALUES, sizeof values[0], compare);
		check_error(&h, values, VALUES);
		assert_int_equal(h.count, VALUES);
		assert_int_equal(h.sum_us, sum);
		assert_int_equal(h.max_us, values[VALUES - 1]);
		assert_true(hist_average_us(&h) == (double)sum / VALUES);
	}
}

/* With one value alone its bucket shows. */
static void every_bucket_keeps_the_error(void **state)
{
	struct hist h;
	uint64_t value = 0;
	int bucket = -1;

	(void)state;
	while (value < (uint64_t)1 << HIST_LARGEST_BITS) {
		hist_init(&h);
		hist_add(&h, value);
		assert_true(h.first == h.last);
		assert_in_range(h.first, bucket < 0 ? 0 : bucket, bucket + 1); /* none is skipped */
		bucket = h.first;
		/* a larger value elsewhere, so that the clamp does not help */
		hist_add(&h, UINT32_MAX);
		assert_true(fabs(hist_quantile_us(&h, 0.5) - (double)value) <= (double)value / 64);
		value += 1 + value / 1000;
	}
	assert_int_equal(bucket, HIST_BUCKETS - 1);
}

static void few_values_are_ranked(void **state)
{
	struct hist h;

	(void)state;
	hist_init(&h);
	for (uint64_t value = 1; value <= 20; value++)
		hist_add(&h, value);
	assert_true(hist_quantile_us(&h, 0) == 1);
	assert_true(hist_quantile_us(&h, 0.05) == 1);
	assert_true(hist_quantile_us(&h, 0.051) == 2);
	assert_true(hist_quantile_us(&h, 0.5) == 10);
	assert_true(hist_quantile_us(&h, 0.95) == 19);
	assert_true(hist_quantile_us(&h, 1) == 20);
	/* fractions that are none */
	assert_true(hist_quantile_us(&h, -1) == 1);
	assert_true(hist_quantile_us(&h, 2) == 20);
}

static void empty_is_zero(void **state)
{
	struct hist h;

	(void)state;
	hist_init(&h);
	assert_true(h.first > h.last);
	for (size_t i = 0; i < FRACTIONS; i++)
		assert_true(hist_quantile_us(&h, fractions[i]) == 0);
	assert_true(hist_average_us(&h) == 0);
	assert_int_equal(h.max_us, 0);
}

static void extremes_have_a_place(void **state)
{
	const uint64_t huge[] = { ((uint64_t)1 << 30) - 1, (uint64_t)1 << 30,
				  ((uint64_t)1 << 30) + 1, UINT32_MAX,
				  (uint64_t)1 << 32,	   UINT64_MAX };
	struct hist h;

	(void)state;
	hist_init(&h);
	hist_add(&h, 0);
	assert_int_equal(h.count, 1);
	assert_true(hist_quantile_us(&h, 0.5) == 0);
	assert_true(hist_quantile_us(&h, 1) == 0);
	for (size_t i = 0; i < sizeof huge / sizeof huge[0]; i++) {
		hist_init(&h);
		hist_add(&h, huge[i]);
		assert_int_equal(h.first, HIST_BUCKETS - 1);
		assert_int_equal(h.max_us, huge[i] < UINT32_MAX ? huge[i] : UINT32_MAX);
		assert_int_equal(h.sum_us, h.max_us);
		assert_true(hist_quantile_us(&h, 0.5) <= h.max_us);
		assert_true(hist_quantile_us(&h, 0.5) >= 1.05e9);
	}
	hist_add(&h, UINT64_MAX);
	assert_int_equal(h.sum_us, 2 * (uint64_t)UINT32_MAX);
}

static void quantile_never_exceeds_the_largest(void **state)
{
	struct hist h;

	(void)state;
	hist_init(&h);
	hist_add(&h, 1024); /* its bucket goes to 1055 */
	assert_true(hist_quantile_us(&h, 0.99) == 1024);
	hist_add(&h, 1050);
	assert_true(hist_quantile_us(&h, 0.99) == 1039.5);
}

static void merge_is_union(void **state)
{
	struct hist parts[3], all, merged;

	(void)state;
	for (size_t d = 0; d < DISTRIBUTIONS; d++) {
		hist_init(&all);
		for (size_t p = 0; p < 3; p++)
			hist_init(&parts[p]);
		for (size_t i = 0; i < VALUES; i++) {
			uint64_t value = distributions[(d + i % 2) % DISTRIBUTIONS]();

			hist_add(&all, value);
			hist_add(&parts[i % 3], value);
		}
		hist_init(&merged);
		for (size_t p = 0; p < 3; p++)
			hist_merge(&merged, &parts[p]);
		assert_memory_equal(&merged, &all, sizeof all);
	}
}

static void merge_with_empty_changes_nothing(void **state)
{
	struct hist empty, h, merged;

	(void)state;
	memset(&merged, 0, sizeof merged);
	hist_init(&empty);
	hist_init(&h);
	hist_add(&h, 5);
	hist_add(&h, 5000);
	merged = h;
	hist_merge(&merged, &empty);
	assert_memory_equal(&merged, &h, sizeof h);
	merged = empty;
	hist_merge(&merged, &h);
	assert_memory_equal(&merged, &h, sizeof h);
	merged = empty;
	hist_merge(&merged, &empty);
	assert_memory_equal(&merged, &empty, sizeof empty);
}

/* 2^32 fast queries must not vanish from the percentiles at the next one. */
static void full_bucket_is_halved(void **state)
{
	struct hist h, other;

	(void)state;
	hist_init(&h);
	hist_add(&h, 100);
	hist_add(&h, 5000);
	h.buckets[h.first] = UINT32_MAX;
	h.count = (uint64_t)UINT32_MAX + 1;
	other = h;

	hist_add(&h, 100);
	assert_int_equal(h.buckets[h.first], (1u << 31));
	assert_int_equal(h.buckets[h.last], 1); /* rare values stay */
	assert_int_equal(h.count, (uint64_t)UINT32_MAX + 2);
	assert_true(fabs(hist_quantile_us(&h, 0.99) - 100) <= 100 / 64.0);
	assert_true(fabs(hist_quantile_us(&h, 1) - 5000) <= 5000 / 64.0);

	h = other;
	hist_merge(&h, &other);
	assert_int_equal(h.count, 2 * ((uint64_t)UINT32_MAX + 1));
	assert_int_equal(other.buckets[other.first], UINT32_MAX);
	assert_true(h.buckets[h.first] >= UINT32_MAX - 1);
	assert_true(fabs(hist_quantile_us(&h, 0.99) - 100) <= 100 / 64.0);
	assert_true(fabs(hist_quantile_us(&h, 1) - 5000) <= 5000 / 64.0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(error_is_at_most_one_in_64),
		cmocka_unit_test(every_bucket_keeps_the_error),
		cmocka_unit_test(few_values_are_ranked),
		cmocka_unit_test(empty_is_zero),
		cmocka_unit_test(extremes_have_a_place),
		cmocka_unit_test(quantile_never_exceeds_the_largest),
		cmocka_unit_test(merge_is_union),
		cmocka_unit_test(merge_with_empty_changes_nothing),
		cmocka_unit_test(full_bucket_is_halved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
