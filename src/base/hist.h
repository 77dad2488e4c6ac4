/*
 * A log-linear histogram of durations in microseconds: 32 buckets for every
 * power of two, so that a percentile is at most 1/64 (1.6 %) off.  It merges by
 * addition and remembers which buckets were ever used, so that copies and
 * merges touch only those.  No allocation; the owner is one thread.
 */
#ifndef PGWEIR_BASE_HIST_H
#define PGWEIR_BASE_HIST_H

#include <stdint.h>

enum {
	HIST_SUB_BITS = 5, /* 32 buckets for each power of two */
	HIST_LARGEST_BITS = 30, /* 2^30 us = 17.9 minutes; longer counts there */
	HIST_BUCKETS = (HIST_LARGEST_BITS - HIST_SUB_BITS + 1) << HIST_SUB_BITS,
};

struct hist {
	uint64_t count;
	uint64_t sum_us;
	uint32_t max_us;
	uint16_t first, last; /* the used buckets; first > last: none */
	uint32_t buckets[HIST_BUCKETS];
};

void hist_init(struct hist *h);
void hist_add(struct hist *h, uint64_t value_us);
/* h becomes what it would be had it seen other's values too. */
void hist_merge(struct hist *h, const struct hist *other);
/* The value below which `fraction` (0..1) of the values lie, in microseconds:
 * the middle of its bucket, never more than the largest value seen; 0 if empty. */
double hist_quantile_us(const struct hist *h, double fraction);
double hist_average_us(const struct hist *h);

#endif
