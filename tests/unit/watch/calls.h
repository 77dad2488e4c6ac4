/*
 * Calls of queries to count, and sums that nothing may be missing from.
 */
#ifndef PGWEIR_TESTS_WATCH_CALLS_H
#define PGWEIR_TESTS_WATCH_CALLS_H

#include "watch/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static inline void call(struct stats *stats, uint64_t digest, int times)
{
	char text[32];
	struct stats_sample sample = {
		.digest = digest,
		.text = text,
		.total_us = 100 + digest % 1000,
		.server_us = 50,
		.wait_us = 5,
		.rows = 2,
		.on_primary = digest % 2 == 0,
		.is_error = digest % 3 == 0,
	};

	snprintf(text, sizeof(text), "select %llu", (unsigned long long)digest);
	for (int i = 0; i < times; i++)
		stats_query(stats, &sample);
}

static inline struct stats_copy *take_copy(const struct stats *stats)
{
	struct stats_copy *copy = stats_take_copy(stats);

	stats_copy_open(copy);
	return copy;
}

static inline const struct query_stats *find(const struct stats_copy *copy, uint64_t digest)
{
	for (int i = 0; i < copy->query_count; i++)
		if (copy->queries[i].digest == digest)
			return &copy->queries[i];
	return NULL;
}

static inline uint64_t sum_buckets(const struct hist *h)
{
	uint64_t sum = 0;

	for (int i = h->first; i <= h->last; i++)
		sum += h->buckets[i];
	return sum;
}

/* Everything that `sum` must be: the totals of all queries and others. */
static inline struct query_stats total_of(const struct stats_copy *copy)
{
	struct query_stats sum = { 0 };

	hist_init(&sum.total);
	hist_init(&sum.server);
	hist_init(&sum.wait);
	for (int i = -1; i < copy->query_count; i++) {
		const struct query_stats *query = i < 0 ? &copy->others : &copy->queries[i];

		sum.calls += query->calls;
		sum.errors += query->errors;
		sum.rows += query->rows;
		sum.primary += query->primary;
		sum.replica += query->replica;
		hist_merge(&sum.total, &query->total);
		hist_merge(&sum.server, &query->server);
		hist_merge(&sum.wait, &query->wait);
	}
	return sum;
}

static inline void check_total(const struct stats_copy *copy, uint64_t calls)
{
	struct query_stats sum = total_of(copy);

	assert_int_equal(sum.calls, calls);
	assert_int_equal(sum.rows, 2 * calls);
	assert_int_equal(sum.primary + sum.replica, calls);
	assert_int_equal(sum.total.count, calls);
	assert_int_equal(sum_buckets(&sum.total), calls);
	assert_int_equal(sum.server.sum_us, 50 * calls);
	assert_int_equal(sum.wait.sum_us, 5 * calls);
}

#endif
