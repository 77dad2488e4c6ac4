/*
 * Makes, copies and counts the snapshots of the cluster.  It decides nothing:
 * cluster/census.c fills them.  The control thread creates; any thread holds
 * and drops.  A snapshot never changes once it was published.
 */
#include "cluster/topology.h"

#include "base/ensure.h"

#include <stdlib.h>
#include <string.h>

static size_t topology_size(int node_count)
{
	return sizeof(struct topology) + (size_t)node_count * sizeof(struct node);
}

struct topology *topology_create(int node_count)
{
	struct topology *t;

	ensure(node_count >= 0);
	t = memory_get_zeroed(topology_size(node_count));
	atomic_init(&t->references, 1);
	t->primary = -1;
	t->node_count = node_count;
	for (int i = 0; i < node_count; i++)
		t->nodes[i].lag_ms = -1;
	return t;
}

struct topology *topology_copy(const struct topology *t)
{
	struct topology *copy = topology_create(t->node_count);

	copy->generation = t->generation + 1;
	copy->primary = t->primary;
	memcpy(copy->nodes, t->nodes, (size_t)t->node_count * sizeof(struct node));
	return copy;
}

struct topology *topology_hold(struct topology *t)
{
	int before = atomic_fetch_add_explicit(&t->references, 1, memory_order_relaxed);

	ensure(before > 0);
	return t;
}

void topology_drop(struct topology *t)
{
	int before;

	if (!t)
		return;
	/* Release: our reads end before it is freed.  Acquire: the one who frees
	 * comes after everybody's reads. */
	before = atomic_fetch_sub_explicit(&t->references, 1, memory_order_acq_rel);
	ensure(before > 0);
	if (before == 1)
		free(t);
}

const char *node_role_word(enum node_role role)
{
	switch (role) {
	case NODE_ROLE_PRIMARY:
		return "primary";
	case NODE_ROLE_REPLICA:
		return "replica";
	case NODE_ROLE_UNKNOWN:
		break;
	}
	return "unknown";
}
