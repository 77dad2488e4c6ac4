/*
 * Which replicas are fresh enough for a session.  The one place for it: today a
 * session that wrote reads from the primary for max_lag_ms, which no replica in
 * use exceeds; later the freshness clock (DESIGN 6) goes here.
 */
#ifndef PGWEIR_ROUTE_FRESHNESS_H
#define PGWEIR_ROUTE_FRESHNESS_H

#include "cluster/topology.h"
#include "config/config.h"

#include <stdbool.h>
#include <stdint.h>

/* What a session remembers for it. */
struct freshness {
	uint64_t wrote_us; /* when its last write was acknowledged; 0: never */
};

void freshness_note_write(struct freshness *f, uint64_t now_us);
/* May this session read from a replica now? */
bool freshness_allows(const struct freshness *f, const struct config *config, uint64_t now_us);
/* Is this replica within max_lag_ms? */
bool freshness_fits(const struct node *replica, const struct config *config);

#endif
