/*
 * What the cluster looks like: an immutable snapshot that the control thread
 * makes and everybody reads.  A new fact is a new snapshot.  Reference counted
 * with atomics.  A node keeps its index for the life of a configuration.
 */
#ifndef PGWEIR_CLUSTER_TOPOLOGY_H
#define PGWEIR_CLUSTER_TOPOLOGY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum node_role { NODE_ROLE_UNKNOWN, NODE_ROLE_PRIMARY, NODE_ROLE_REPLICA };

struct node {
	char name[128]; /* "host:port", cut if longer */
	char host[108]; /* for messages; the address below is what is connected to */
	int port;
	int weight;
	struct sockaddr_storage address; /* resolved by the control thread */
	socklen_t address_size; /* 0: could not be resolved so far */
	enum node_role role; /* of the last answered probe */
	bool is_up;
	char down_reason[160]; /* when not up: why, for people */
	uint32_t timeline;
	uint64_t lsn; /* primary: insert position; replica: replay position */
	int64_t lag_ms; /* replica: how far behind; 0 on the primary; -1 unknown */
	int64_t fresh_us; /* loop_now_us as of which a replica's content is known; 0: never */
};

struct topology {
	atomic_int references;
	uint64_t generation; /* grows by one with each snapshot */
	int primary; /* index of the node that takes writes; -1: none */
	int node_count;
	struct node nodes[];
};

/* All nodes unknown and down.  The caller holds it. */
struct topology *topology_create(int node_count);
/* A copy to be changed before it is published; generation + 1. */
struct topology *topology_copy(const struct topology *t);
struct topology *topology_hold(struct topology *t);
void topology_drop(struct topology *t);
const char *node_role_word(enum node_role role);

#endif
