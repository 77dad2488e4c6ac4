/*
 * A topology for the tests of route/: node 0 is the primary, the others are
 * replicas; all are up, with weight 1 and without lag.
 */
#ifndef PGWEIR_TESTS_ROUTE_CLUSTER_H
#define PGWEIR_TESTS_ROUTE_CLUSTER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster/topology.h"

static inline struct topology *make_cluster(int node_count)
{
	struct topology *t = topology_create(node_count);

	t->primary = 0;
	for (int i = 0; i < node_count; i++) {
		t->nodes[i].role = i == 0 ? NODE_ROLE_PRIMARY : NODE_ROLE_REPLICA;
		t->nodes[i].is_up = true;
		t->nodes[i].weight = 1;
		t->nodes[i].lag_ms = 0;
	}
	return t;
}

#endif
