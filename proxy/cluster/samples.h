/*
 * The freshness clock: where the primary's log was, and when.  A replica that
 * has replayed the position of a sample contains everything that had been
 * acknowledged at the time of that sample.  Pure; time is an argument.
 */
#ifndef PGWEIR_CLUSTER_SAMPLES_H
#define PGWEIR_CLUSTER_SAMPLES_H

#include <stdint.h>

enum { SAMPLES_HELD = 256 };

struct samples {
	int count;
	struct {
		int64_t time_us; /* the clock before the primary was asked */
		uint64_t lsn; /* its insert position, see lsn_without_header */
	} at[SAMPLES_HELD]; /* the newest last; both fields grow */
};

/* All samples end: another primary or timeline, which cannot be compared. */
void samples_drop(struct samples *s);
/* `time_us` must not be before the last one's.  When full, every second one of
 * the older half goes, so that old times stay known, only less finely. */
void samples_add(struct samples *s, int64_t time_us, uint64_t lsn);
/* The newest time whose position is replayed at `replayed`; 0: none. */
int64_t samples_reached_us(const struct samples *s, uint64_t replayed);

/*
 * An insert position just past a page or segment header is where the next
 * record would go, but nothing was written there yet: a replica stops before
 * the header, and would for ever seem behind an idle primary.
 */
uint64_t lsn_without_header(uint64_t lsn, uint32_t page_bytes, uint64_t segment_bytes);

#endif
