/*
 * Many query_stats in little memory: of the histograms only the buckets that
 * are used, all in one block.  A worker makes it fast; the control thread reads
 * it.
 */
#ifndef PGWEIR_WATCH_PACK_H
#define PGWEIR_WATCH_PACK_H

#include "watch/stats.h"

#include <stddef.h>

struct pack;

/* What a pack will hold; starts at 0. */
struct pack_size {
	int queries;
	size_t buckets;
	size_t text_bytes;
};

/* Counts the query in. */
void pack_measure(struct pack_size *size, const struct query_stats *query);
/* An empty pack with room for exactly what was measured. */
struct pack *pack_create(const struct pack_size *size);
/* Copies the query; the ones that were measured. */
void pack_add(struct pack *pack, const struct query_stats *query);
void pack_destroy(struct pack *pack);

int pack_count(const struct pack *pack);
/* Writes all of *query; its text stays the pack's. */
void pack_read(const struct pack *pack, int index, struct query_stats *query);

#endif
