/*
 * A worker: one thread, one loop, its own sessions, pools, caches and
 * statistics.  Everything it shares with other threads comes and goes by letter.
 */
#ifndef PGWEIR_WORKER_H
#define PGWEIR_WORKER_H

#include "auth/credential.h"
#include "cluster/topology.h"
#include "config/config.h"
#include "server/quota.h"
#include "sql/volatility.h"
#include "watch/stats.h"

#include <stdbool.h>
#include <stdint.h>

struct worker;

/* What workers tell the control thread; called on the worker's thread, so each
 * posts a letter.  `context` is shared by all. */
struct worker_events {
	void *context;
	void (*on_client_gone)(void *context, int worker);
	void (*on_node_failed)(void *context, int node, const char *reason);
	void (*on_cancel)(void *context, uint64_t key);
	void (*on_database)(void *context, const char *database);
	void (*on_schema_change)(void *context, const char *database);
	void (*on_stats)(void *context, struct stats_copy *copy);
};

struct worker_parts {
	struct config *config; /* the worker holds it */
	struct credentials *users; /* the worker holds it */
	struct topology *topology; /* the worker holds it */
	struct quotas *quotas;
	uint64_t statement_seed; /* of the process */
	_Atomic uint64_t *epoch; /* of the schema, for all workers: struct statements */
	int number, count;
	struct worker *const *peers; /* all workers, filled in before the first starts */
};

struct worker *worker_create(const struct worker_parts *parts, const struct worker_events *events);
void worker_start(struct worker *w);
/* Waits for its thread to end (worker_stop was called). */
void worker_join(struct worker *w);
/* All threads have ended: closes what letters brought after that, clients and
 * connections.  Such a connection still points to the pool of the worker that
 * sent it, so all are emptied before the first is destroyed. */
void worker_empty(struct worker *w);
void worker_destroy(struct worker *w);

/* --- from the control thread --- */
void worker_give_client(struct worker *w, int fd, bool is_one_too_many);
void worker_tell_topology(struct worker *w, struct topology *topology);
void worker_tell_catalog(struct worker *w, struct volatility *volatility);
void worker_cancel(struct worker *w, uint64_t key);
/* With at most so many clients. */
void worker_ask_stats(struct worker *w, int client_limit);
/* Ends sessions that are between transactions, the others when they get there. */
void worker_drain(struct worker *w);
/* Ends all sessions and the thread. */
void worker_stop(struct worker *w);

#endif
