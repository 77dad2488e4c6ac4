/*
 * Which of several replicas: least_outstanding, round_robin or random, each with
 * the nodes' weights.  Per worker; what it knows of a node is what this worker
 * has outstanding there and how fast it answered.
 */
#ifndef PGWEIR_ROUTE_POLICY_H
#define PGWEIR_ROUTE_POLICY_H

#include "cluster/topology.h"
#include "config/config.h"
#include "watch/stats.h"

struct policy_node {
	int outstanding; /* requests that wait for an answer */
	double peak_us; /* peak-EWMA of the answer time: up at once, down slowly */
	uint64_t peak_at_us; /* when that was */
	double deficit; /* of the weighted rotation */
};

struct policy {
	enum balance balance;
	uint64_t random; /* state of a small generator, for balancing only */
	struct policy_node nodes[STATS_MAX_NODES];
};

void policy_init(struct policy *p, enum balance balance, uint64_t seed);
/* One of the `count` candidates (node indexes, count > 0). */
int policy_choose(struct policy *p, const struct topology *t, const int *candidates, int count,
		  uint64_t now_us);
/* Reports what became of the choice. */
void policy_begin(struct policy *p, int node);
void policy_end(struct policy *p, int node, uint64_t answer_us, uint64_t now_us);

#endif
