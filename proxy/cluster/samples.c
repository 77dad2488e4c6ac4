/*
 * Keeps pairs of time and log position, the newest last.  It does not know
 * whose positions they are; census.c drops them when that changes.  Control
 * thread.  Invariant: times and positions both grow strictly.
 */
#include "cluster/samples.h"

#include "base/ensure.h"

enum {
	PAGE_HEADER_BYTES = 24, /* SizeOfXLogShortPHD */
	SEGMENT_HEADER_BYTES = 40, /* SizeOfXLogLongPHD: the first page of a segment */
};

void samples_drop(struct samples *s)
{
	s->count = 0;
}

static void thin_older_half(struct samples *s)
{
	int kept = 0;

	for (int i = 0; i < s->count; i++)
		if (i >= s->count / 2 || i % 2 == 0)
			s->at[kept++] = s->at[i];
	s->count = kept;
}

void samples_add(struct samples *s, int64_t time_us, uint64_t lsn)
{
	int last = s->count - 1;

	/* A log does not shrink: this is another one. */
	if (last >= 0 && lsn < s->at[last].lsn) {
		samples_drop(s);
	} else if (last >= 0) {
		ensure(time_us >= s->at[last].time_us);
		if (lsn == s->at[last].lsn || time_us == s->at[last].time_us) {
			s->at[last].time_us = time_us;
			s->at[last].lsn = lsn;
			return;
		}
	}
	if (s->count == SAMPLES_HELD)
		thin_older_half(s);
	s->at[s->count].time_us = time_us;
	s->at[s->count].lsn = lsn;
	s->count++;
}

int64_t samples_reached_us(const struct samples *s, uint64_t replayed)
{
	for (int i = s->count - 1; i >= 0; i--)
		if (s->at[i].lsn <= replayed)
			return s->at[i].time_us;
	return 0;
}

uint64_t lsn_without_header(uint64_t lsn, uint32_t page_bytes, uint64_t segment_bytes)
{
	if (segment_bytes && lsn % segment_bytes == SEGMENT_HEADER_BYTES)
		return lsn - SEGMENT_HEADER_BYTES;
	if (page_bytes && lsn % page_bytes == PAGE_HEADER_BYTES)
		return lsn - PAGE_HEADER_BYTES;
	return lsn;
}
