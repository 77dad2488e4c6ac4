/*
 * Limits that hold over all workers: how many connections a (node, database,
 * user) may have.  Taking and returning are atomic additions; a worker that
 * found none says since when it wants one, and whoever has one to spare sees it.
 */
#ifndef PGWEIR_SERVER_QUOTA_H
#define PGWEIR_SERVER_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

enum { QUOTA_MAX_WORKERS = 64 };

struct quotas;
struct quota;

struct quotas *quotas_create(void);
void quotas_destroy(struct quotas *all);

/* The quota of this key, made if it is new; lives as long as `all`.  Takes a
 * lock: once for each pool and worker, never for a query. */
struct quota *quotas_find(struct quotas *all, int node, const char *database, const char *user);

bool quota_take(struct quota *q, int limit);
void quota_return(struct quota *q);
int quota_open(struct quota *q);

/* Worker `worker` has somebody waiting since then (0: nobody any more). */
void quota_want(struct quota *q, int worker, uint64_t since_us);
/* The other worker that waits longest, if it has waited longer than since
 * `than_us`; -1: none.  Costs one load when nobody wants. */
int quota_neediest(struct quota *q, int worker, uint64_t than_us);

#endif
