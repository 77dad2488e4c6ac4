/*
 * Where a statement runs: verdict + catalogue + session + topology → a node and
 * the reason.  Every decision has a reason from one list; reasons are counted.
 * Per worker.
 */
#ifndef PGWEIR_ROUTE_ROUTER_H
#define PGWEIR_ROUTE_ROUTER_H

#include "cluster/topology.h"
#include "config/config.h"
#include "route/freshness.h"
#include "route/policy.h"
#include "server/settings.h"
#include "sql/verdicts.h"
#include "sql/volatility.h"
#include "watch/stats.h"

/* The reasons of the router itself; those of verdicts and proofs come before. */
#define ROUTE_REASONS(X)                                                       \
	X(ROUTE_REPLICA, "replica")                                            \
	X(ROUTE_REPLICA_HINT, "hint_replica")                                  \
	X(ROUTE_SPLIT_OFF, "split_off")                                        \
	X(ROUTE_TRANSACTION, "in_transaction")                                 \
	X(ROUTE_PINNED, "pinned")                                              \
	X(ROUTE_SESSION_WROTE, "session_wrote")                                \
	X(ROUTE_SERIALIZABLE, "serializable")                                  \
	X(ROUTE_NO_CATALOG, "no_catalog")                                      \
	X(ROUTE_NO_REPLICA, "no_replica")                                      \
	X(ROUTE_PRIMARY_TAKES_READS, "primary_takes_reads")                    \
	X(ROUTE_LARGE_MESSAGE, "large_message")                                \
	X(ROUTE_FLUSH, "flush_in_batch")                                       \
	X(ROUTE_LOGIN, "login")

enum route_own_reason {
#define X(name, word) name,
	ROUTE_REASONS(X)
#undef X
	ROUTE_OWN_REASON_COUNT
};

/* Reasons as one number: verdict reasons, then proofs, then our own. */
enum {
	ROUTE_FIRST_PROOF = VERDICT_REASON_COUNT,
	ROUTE_FIRST_OWN = ROUTE_FIRST_PROOF + PROOF_UNKNOWN_RELATION + 1,
	ROUTE_REASON_COUNT = ROUTE_FIRST_OWN + ROUTE_OWN_REASON_COUNT,
};

/* NULL-terminated, by number. */
const char *const *route_words(void);

struct router {
	const struct config *config;
	struct stats *stats;
	struct topology *topology; /* held */
	struct catalog_entry *catalogs; /* by database; owned */
	uint64_t epoch; /* counts catalogues, of whatever database */
	struct policy policy;
	uint64_t seed; /* no client can foresee the digests */
};

void router_init(struct router *r, const struct config *config, struct stats *stats,
		 struct topology *topology, uint64_t seed);
void router_finish(struct router *r);
void router_set_topology(struct router *r, struct topology *topology);
void router_set_catalog(struct router *r, struct volatility *v);

/* How a session's unqualified names are looked up. */
struct lookup {
	const char *database, *user; /* of its login */
	const struct settings *settings; /* what it has set since */
	uint64_t digest; /* router_lookup_digest of them; 0: nobody knows what is set now */
};

/* Of what decides where names are looked up; never 0. */
uint64_t router_lookup_digest(const struct router *r, const char *user,
			      const struct settings *settings);

/* Is it proved that this runs anywhere with the same result and no trace?
 * `reason` gets why not.  Remembered in the query until the catalogue changes, or a
 * session asks that looks names up elsewhere. */
bool router_is_harmless(struct router *r, const struct lookup *l, struct known_query *q,
			int *reason);

/* What may it leave in its session, says the catalogue: PIN_NONE, PIN_FUNCTION or
 * PIN_UNRESETTABLE.  PIN_NONE too while no catalogue is known.  Remembered in the
 * query: two compares unless a catalogue is new. */
enum pin_reason router_traces(struct router *r, const struct lookup *l, struct known_query *q);

enum route_target { TARGET_NODE, TARGET_NO_PRIMARY, TARGET_NO_NODE };

struct route {
	enum route_target target;
	int node; /* TARGET_NODE */
	int reason;
	bool is_read; /* may go elsewhere when the node fails */
};

/* For statements all of which are harmless (`reason` is then ignored), or not. */
struct route router_choose(struct router *r, bool is_harmless, int reason,
			   const struct freshness *f, uint64_t now_us);
/* There was no choice: in a transaction or batch, or pinned.  Counted all the same. */
void router_count_bound(struct router *r, bool is_pinned);
/* The primary, or no place at all. */
struct route router_choose_primary(struct router *r, int reason);
/* For a greeting: the primary, else any node that is up. */
struct route router_choose_any(struct router *r);

#endif
