/*
 * Where a statement runs (router.h).  Looks things up; asks nobody.
 */
#define XXH_INLINE_ALL /* libpg_query exports XXH names of its own */
#include "route/router.h"

#include "base/ensure.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <xxhash.h>

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
	*r = (struct router){ .config = config, .stats = stats, .seed = seed };
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

static struct volatility *find_catalog(const struct router *r, const char *database)
{
	struct catalog_entry *c;

	HASH_FIND_STR(r->catalogs, database, c);
	return c ? c->volatility : NULL;
}

/* Who runs the session's statements, as far as it was set since its beginning. */
static const char *find_user(const struct lookup *l)
{
	const char *role = settings_find(l->settings, "role");
	const char *authorization = settings_find(l->settings, "session_authorization");

	if (role && strcmp(role, "none") != 0)
		return role;
	return authorization ? authorization : role ? l->user : NULL;
}

uint64_t router_lookup_digest(const struct router *r, const char *user,
			      const struct settings *settings)
{
	static const char *const names[] = { "search_path", "role", "session_authorization" };
	uint64_t digest = XXH3_64bits_withSeed(user, strlen(user), r->seed);

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = settings_find(settings, names[i]);

		/* One that is not set is not one that is empty. */
		if (value)
			digest = XXH3_64bits_withSeed(value, strlen(value), digest + i + 1);
	}
	return digest | 1;
}

/* The path of a session; NULL: not known.  It is in `room`. */
static const struct search_path *find_path(struct volatility *v, const struct lookup *l,
					   struct search_path *room)
{
	struct path_wish wish = { .login = l->user };

	if (l->digest == 0)
		return NULL;
	wish.user = find_user(l);
	wish.path = settings_find(l->settings, "search_path");
	return start_paths_resolve(volatility_start_paths(v), &wish, room) ? room : NULL;
}

static bool judge(struct router *r, const struct lookup *l, struct known_query *q, int *reason)
{
	struct volatility *v = find_catalog(r, l->database);
	struct search_path room;
	uint64_t generation;

	if (!v) {
		*reason = ROUTE_FIRST_OWN + ROUTE_NO_CATALOG;
		return false;
	}
	generation = volatility_generation(v);
	if (q->judged_generation != generation || q->judged_lookup != l->digest) {
		q->judged_generation = generation;
		q->judged_lookup = l->digest;
		q->judged_proof =
			(int)volatility_judge(v, q->verdict, find_path(v, l, &room), NULL);
	}
	*reason = ROUTE_FIRST_PROOF + q->judged_proof;
	return q->judged_proof == PROOF_HARMLESS;
}

bool router_is_harmless(struct router *r, const struct lookup *l, struct known_query *q,
			int *reason)
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
	return judge(r, l, q, reason);
}

/* --- traces --- */

/* A hint "replica" is the promise that there are none. */
static enum pin_reason find_traces(struct router *r, const struct lookup *l,
				   const struct verdict *verdict)
{
	struct volatility *v = find_catalog(r, l->database);
	struct search_path room;

	if (!v || (verdict->kind == VERDICT_READ && verdict->hint == HINT_REPLICA))
		return PIN_NONE;
	return volatility_traces(v, verdict, find_path(v, l, &room));
}

enum pin_reason router_traces(struct router *r, const struct lookup *l, struct known_query *q)
{
	if (q->traced_epoch != r->epoch || q->traced_lookup != l->digest) {
		q->traced_epoch = r->epoch;
		q->traced_lookup = l->digest;
		q->judged_traces = (int)find_traces(r, l, q->verdict);
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
