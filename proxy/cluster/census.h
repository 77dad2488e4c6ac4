/*
 * The census: what the nodes said becomes a topology.  It chooses the primary,
 * fences who must not be one, and judges how fresh each replica is.  Pure:
 * time is an argument, nothing is asked here.
 */
#ifndef PGWEIR_CLUSTER_CENSUS_H
#define PGWEIR_CLUSTER_CENSUS_H

#include "cluster/topology.h"
#include "config/config.h"

struct census;

/* One node's answer. */
struct census_answer {
	bool is_in_recovery;
	uint64_t system_id; /* of the cluster, from its control file */
	uint32_t timeline; /* primary: it writes; replica: the newest it is known to follow */
	uint64_t lsn; /* primary: insert position; replica: replayed */
	uint64_t received_lsn; /* replica; 0: nothing was streamed so far */
	int64_t quiet_ms; /* replica: age of the last replayed commit; -1: none */
	uint32_t page_bytes; /* of the log */
	uint64_t segment_bytes;
};

enum census_verdict {
	CENSUS_NOTED,
	CENSUS_UNSURE, /* a new role needs a second, agreeing answer: ask again at once */
};

/* Names and weights from the configuration, which is not kept. */
struct census *census_create(const struct config *config);
void census_destroy(struct census *c);

void census_note_address(struct census *c, int node, const struct sockaddr_storage *address,
			 socklen_t size);
/* `asked_us` is the clock before the question was sent. */
enum census_verdict census_note_answer(struct census *c, int node,
				       const struct census_answer *answer, int64_t asked_us,
				       int64_t now_us);
void census_note_failure(struct census *c, int node, const char *reason);

/* The snapshot as it would be published now; borrowed. */
const struct topology *census_topology(const struct census *c);
/* Is the node an up replica that has not reached the newest sample? */
bool census_is_behind(const struct census *c, int node);

#endif
