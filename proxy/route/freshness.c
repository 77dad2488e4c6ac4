/*
 * Freshness of replicas for a session (freshness.h).  No state of its own.
 */
#include "route/freshness.h"

void freshness_note_write(struct freshness *f, uint64_t now_us)
{
	f->wrote_us = now_us;
}

bool freshness_allows(const struct freshness *f, const struct config *config, uint64_t now_us)
{
	uint64_t lag_us = (uint64_t)config->route_max_lag_ms * 1000;

	if (config->route_consistency == CONSISTENCY_EVENTUAL || f->wrote_us == 0)
		return true;
	/* What a replica shows was true at most max_lag_ms ago, as of its last
	 * probe, which is itself up to an interval and a time-out old. */
	lag_us += ((uint64_t)config->cluster_probe_interval_ms +
		   (uint64_t)config->cluster_probe_timeout_ms) *
		  1000;
	return now_us - f->wrote_us > lag_us;
}

bool freshness_fits(const struct node *replica, const struct config *config)
{
	return replica->lag_ms >= 0 && replica->lag_ms <= config->route_max_lag_ms;
}
