/*
 * Limits that hold over all workers: how many connections a (node, database,
 * user) may have.  Taking and returning are atomic additions.  A worker that found
 * none says since when it wants how many, and whoever gives one back sees that;
 * each shows how many it has idle, so that only those who can help are asked.
 */
#ifndef PGWEIR_SERVER_QUOTA_H
#define PGWEIR_SERVER_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

enum { QUOTA_MAX_WORKERS = 64 };

struct quotas;
struct quota;

/* Workers are numbered from 0 to worker_count - 1. */
struct quotas *quotas_create(int worker_count);
void quotas_destroy(struct quotas *all);

/* The key of a pool and of its quota, as text; the caller frees it. */
char *quota_make_key(int node, const char *database, const char *user);
/* The quota of this key, made if it is new; lives as long as `all`.  Takes a
 * lock: once for each pool and worker, never for a query. */
struct quota *quotas_find(struct quotas *all, int node, const char *database, const char *user);

bool quota_take(struct quota *q, int limit);
void quota_return(struct quota *q);
int quota_open(struct quota *q);

/* Worker `worker` has so many idle connections. */
void quota_show_idle(struct quota *q, int worker, int count);
int quota_idle(struct quota *q, int worker);

/* Worker `worker` has somebody waiting since then (0: nobody any more) and lacks
 * so many connections. */
void quota_want(struct quota *q, int worker, uint64_t since_us, int lacking);
/* Before a connection is sent to that worker: false if others have sent enough. */
bool quota_claim(struct quota *q, int worker);
/* The other worker that waits longest, if it has waited longer than since
 * `than_us` and lacks something; -1: none.  Costs one load when nobody wants. */
int quota_neediest(struct quota *q, int worker, uint64_t than_us);

#endif
