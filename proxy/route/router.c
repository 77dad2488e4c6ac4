/*
 * Where a statement runs (router.h).  Looks things up; asks nobody.
 */
#include "route/router.h"

#include "base/ensure.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct catalog_entry {
	UT_hash_handle hh;
	char *database; /* owned */
	struct volatility *volatility; /* held */
};

const char *const *route_words(void)
{
#define X(name, word) word,
	static const char *const words[] = {
		VERDICT_REASONS(X)
		/* In the order of enum proof. */
		"harmless", "volatile_function", "unknown_function", "volatile_operator",
		"volatile_type", "primary_only_relation", "unknown_relation",
		ROUTE_REASONS(X)
		NULL,
	};
#undef X
	_Static_assert(sizeof words / sizeof *words == ROUTE_REASON_COUNT + 1, "one word each");
	return words;
}

void router_init(struct router *r, const struct config *config, struct stats *stats,
		 struct topology *topology, uint64_t seed)
{
	*r = (struct router){ .config = config, .stats = stats };
	r->topology = topology_hold(topology);
	policy_init(&r->policy, config->route_balance, seed);
}

void router_finish(struct router *r)
{
	struct catalog_entry *c, *next;

	HASH_ITER(hh, r->catalogs, c, next) {
		HASH_DEL(r->catalogs, c);
		volatility_drop(c->volatility);
		free(c->database);
		free(c);
	}
	topology_drop(r->topology);
}

void router_set_topology(struct router *r, struct topology *topology)
{
	topology_hold(topology);
	topology_drop(r->topology);
	r->topology = topology;
}

void router_set_catalog(struct router *r, struct volatility *v)
{
	const char *database = volatility_database(v);
	struct catalog_entry *c;

	HASH_FIND_STR(r->catalogs, database, c);
	if (!c) {
		c = memory_get_zeroed(sizeof *c);
		c->database = memory_copy_text(database);
		HASH_ADD_KEYPTR(hh, r->catalogs, c->database, strlen(c->database), c);
	}
	volatility_hold(v);
	volatility_drop(c->volatility);
	c->volatility = v;
	r->epoch++;
}

/* --- harmless? --- */

uint64_t router_generation(const struct router *r, const char *database)
{
	struct catalog_entry *c;

	HASH_FIND_STR(r->catalogs, database, c);
	return c ? volatility_generation(c->volatility) : 0;
}

static bool judge(struct router *r, const char *database, struct known_query *q, int *reason)
{
	struct catalog_entry *c;
	uint64_t generation;

	HASH_FIND_STR(r->catalogs, database, c);
	if (!c) {
		*reason = ROUTE_FIRST_OWN + ROUTE_NO_CATALOG;
		return false;
	}
	generation = volatility_generation(c->volatility);
	if (q->judged_generation != generation) {
		q->judged_generation = generation;
		q->judged_proof = (int)volatility_judge(c->volatility, q->verdict, NULL);
	}
	*reason = ROUTE_FIRST_PROOF + q->judged_proof;
	return q->judged_proof == PROOF_HARMLESS;
}

bool router_is_harmless(struct router *r, const char *database, struct known_query *q, int *reason)
{
	*reason = (int)q->verdict->reason;
	if (q->verdict->kind == VERDICT_EMPTY)
		return true;
	if (q->verdict->kind != VERDICT_READ)
		return false;
	if (q->verdict->hint == HINT_PRIMARY) {
		*reason = VERDICT_BECAUSE_HINT;
		return false;
	}
	if (q->verdict->hint == HINT_REPLICA) {
		*reason = ROUTE_FIRST_OWN + ROUTE_REPLICA_HINT;
		return true;
	}
	return judge(r, database, q, reason);
}

/* --- traces --- */

/* A hint "replica" is the promise that there are none. */
static enum pin_reason find_traces(struct router *r, const char *database, const struct verdict *v)
{
	struct catalog_entry *c;

	HASH_FIND_STR(r->catalogs, database, c);
	if (!c || (v->kind == VERDICT_READ && v->hint == HINT_REPLICA))
		return PIN_NONE;
	return volatility_traces(c->volatility, v);
}

enum pin_reason router_traces(struct router *r, const char *database, struct known_query *q)
{
	if (q->traced_epoch != r->epoch) {
		q->traced_epoch = r->epoch;
		q->judged_traces = (int)find_traces(r, database, q->verdict);
	}
	return (enum pin_reason)q->judged_traces;
}

/* --- where --- */

static struct route decide(struct router *r, int node, int reason, bool is_read)
{
	stats_route(r->stats, reason);
	return (struct route){ TARGET_NODE, node, reason, is_read };
}

void router_count_bound(struct router *r, bool is_pinned)
{
	stats_route(r->stats, ROUTE_FIRST_OWN + (is_pinned ? ROUTE_PINNED : ROUTE_TRANSACTION));
}

struct route router_choose_primary(struct router *r, int reason)
{
	if (r->topology->primary < 0)
		return (struct route){ .target = TARGET_NO_PRIMARY, .reason = reason };
	return decide(r, r->topology->primary, reason, false);
}

static int collect_replicas(struct router *r, int *candidates)
{
	const struct topology *t = r->topology;
	int count = 0;

	for (int i = 0; i < t->node_count; i++) {
		const struct node *n = &t->nodes[i];

		if (n->is_up && n->role == NODE_ROLE_REPLICA && freshness_fits(n, r->config))
			candidates[count++] = i;
	}
	return count;
}

static struct route choose_for_read(struct router *r, uint64_t now_us)
{
	int candidates[STATS_MAX_NODES];
	int count = collect_replicas(r, candidates);
	int primary = r->topology->primary;
	int node;

	if (primary >= 0 && r->config->route_primary_reads == PRIMARY_READS_ALWAYS)
		candidates[count++] = primary;
	if (count == 0) {
		if (primary < 0 || r->config->route_primary_reads == PRIMARY_READS_NEVER)
			return (struct route){ .target = TARGET_NO_NODE, .is_read = true };
		return decide(r, primary, ROUTE_FIRST_OWN + ROUTE_NO_REPLICA, true);
	}
	node = policy_choose(&r->policy, r->topology, candidates, count, now_us);
	return decide(r, node,
		      ROUTE_FIRST_OWN +
			      (node == primary ? ROUTE_PRIMARY_TAKES_READS : ROUTE_REPLICA),
		      true);
}

struct route router_choose(struct router *r, bool is_harmless, int reason,
			   const struct freshness *f, uint64_t now_us)
{
	if (!r->config->route_split)
		return router_choose_primary(r, ROUTE_FIRST_OWN + ROUTE_SPLIT_OFF);
	if (!is_harmless)
		return router_choose_primary(r, reason);
	if (!freshness_allows(f, r->config, now_us))
		return router_choose_primary(r, ROUTE_FIRST_OWN + ROUTE_SESSION_WROTE);
	return choose_for_read(r, now_us);
}

struct route router_choose_any(struct router *r)
{
	const struct topology *t = r->topology;

	if (t->primary >= 0)
		return (struct route){ TARGET_NODE, t->primary, ROUTE_FIRST_OWN + ROUTE_LOGIN,
				       true };
	for (int i = 0; i < t->node_count; i++) {
		if (t->nodes[i].is_up && t->nodes[i].role == NODE_ROLE_REPLICA)
			return (struct route){ TARGET_NODE, i, ROUTE_FIRST_OWN + ROUTE_LOGIN,
					       true };
	}
	return (struct route){ .target = TARGET_NO_NODE };
}
