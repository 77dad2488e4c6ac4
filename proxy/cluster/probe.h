/*
 * Probes: asks each node, over libpq without ever blocking, whether it is in
 * recovery, for its timeline and its position, and makes a new topology from
 * the answers.  Runs in the control thread's loop.
 */
#ifndef PGWEIR_CLUSTER_PROBE_H
#define PGWEIR_CLUSTER_PROBE_H

#include "cluster/topology.h"
#include "config/config.h"
#include "loop.h"

struct probes;

/* A new snapshot; the callee must hold what it keeps. */
typedef void on_topology(void *context, struct topology *topology);

/* `password` may be NULL.  The first answers come after the loop runs. */
struct probes *probes_create(struct loop *loop, const struct config *config, const char *password,
			     on_topology *on_change, void *context);
void probes_destroy(struct probes *probes);

/* A worker could not use this node (refused, lost): it is marked down at once
 * and asked again at once; the next good answer brings it back. */
void probes_report_failure(struct probes *probes, int node, const char *reason);
/* Ask every node now: something was noticed. */
void probes_hurry(struct probes *probes);
/* The newest snapshot; valid until the next callback unless held. */
struct topology *probes_topology(struct probes *probes);

#endif
