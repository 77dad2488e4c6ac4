/*
 * The histogram of hist.h: which bucket a value belongs to, in both directions.
 * Knows no clock and no lock.
 *
 * Values below 64 us have a bucket each.  From there every power of two has 32
 * buckets of equal width, w = 2^(k-5) for values from 2^k, so the middle of a
 * bucket is at most (w - 1) / 2 < value / 64 away from any value in it.
 *
 * Invariants: outside first..last all buckets are 0; buckets[first] and
 * buckets[last] are not.
 */
#include "base/hist.h"

#include "base/ensure.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { SUB_BUCKETS = 1 << HIST_SUB_BITS };

void hist_init(struct hist *h)
{
	memset(h, 0, sizeof *h);
	h->first = HIST_BUCKETS;
}

static unsigned int bucket_of(uint32_t value_us)
{
	unsigned int shift;

	if (value_us < SUB_BUCKETS)
		return value_us;
	if (value_us >> HIST_LARGEST_BITS)
		return HIST_BUCKETS - 1;
	shift = 31 - (unsigned int)__builtin_clz(value_us) - HIST_SUB_BITS;
	return (shift << HIST_SUB_BITS) + (value_us >> shift);
}

static double middle_of(unsigned int bucket)
{
	unsigned int shift;
	uint32_t lowest;

	if (bucket < SUB_BUCKETS)
		return bucket;
	shift = (bucket >> HIST_SUB_BITS) - 1;
	lowest = (SUB_BUCKETS + bucket % SUB_BUCKETS) << shift;
	return lowest + ((1u << shift) - 1) / 2.0;
}

/* A full bucket would wrap to 0 and take 2^32 values out of every percentile:
 * all buckets are halved, which leaves the proportions, and rare values in. */
static void halve_buckets(struct hist *h)
{
	for (unsigned int i = h->first; i <= h->last; i++)
		h->buckets[i] = (h->buckets[i] >> 1) | (h->buckets[i] & 1);
}

static void widen(struct hist *h, unsigned int first, unsigned int last)
{
	if (first < h->first)
		h->first = (uint16_t)first;
	if (last > h->last)
		h->last = (uint16_t)last;
}

void hist_add(struct hist *h, uint64_t value_us)
{
	uint32_t value = value_us < UINT32_MAX ? (uint32_t)value_us : UINT32_MAX;
	unsigned int bucket = bucket_of(value);

	if (h->buckets[bucket] == UINT32_MAX)
		halve_buckets(h);
	h->buckets[bucket]++;
	widen(h, bucket, bucket);
	h->count++;
	h->sum_us += value;
	if (value > h->max_us)
		h->max_us = value;
}

static bool has_room_for(const struct hist *h, const struct hist *other)
{
	for (unsigned int i = other->first; i <= other->last; i++) {
		if (other->buckets[i] > UINT32_MAX - h->buckets[i])
			return false;
	}
	return true;
}

void hist_merge(struct hist *h, const struct hist *other)
{
	struct hist half;

	ensure(h != other);
	if (!has_room_for(h, other)) {
		half = *other;
		halve_buckets(&half);
		halve_buckets(h);
		other = &half;
	}
	for (unsigned int i = other->first; i <= other->last; i++)
		h->buckets[i] += other->buckets[i];
	widen(h, other->first, other->last);
	h->count += other->count;
	h->sum_us += other->sum_us;
	if (other->max_us > h->max_us)
		h->max_us = other->max_us;
}

/* Not h->count: halved buckets hold fewer. */
static uint64_t sum_buckets(const struct hist *h)
{
	uint64_t sum = 0;

	for (unsigned int i = h->first; i <= h->last; i++)
		sum += h->buckets[i];
	return sum;
}

double hist_quantile_us(const struct hist *h, double fraction)
{
	uint64_t total = sum_buckets(h), seen = 0;
	double rank = ceil(fraction * (double)total);
	unsigned int bucket = h->first;
	double middle;

	if (total == 0)
		return 0;
	while (bucket < h->last) {
		seen += h->buckets[bucket];
		if ((double)seen >= rank)
			break;
		bucket++;
	}
	middle = middle_of(bucket);
	return middle < h->max_us ? middle : h->max_us;
}

double hist_average_us(const struct hist *h)
{
	return h->count ? (double)h->sum_us / (double)h->count : 0;
}
