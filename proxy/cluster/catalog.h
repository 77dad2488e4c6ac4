/*
 * The catalogue: for each database that clients use, reads from the primary
 * which functions, operators and types are volatile, which relations only the
 * primary can serve, and what may leave something in a session.  Over libpq
 * without blocking, in the control thread's loop; never on the path of a query.
 */
#ifndef PGWEIR_CLUSTER_CATALOG_H
#define PGWEIR_CLUSTER_CATALOG_H

#include "cluster/topology.h"
#include "config/config.h"
#include "loop.h"
#include "sql/volatility.h"

struct catalogs;

/* A new snapshot of one database; the callee must hold what it keeps. */
typedef void on_catalog(void *context, struct volatility *volatility);

struct catalogs *catalogs_create(struct loop *loop, const struct config *config,
				 const char *password, on_catalog *on_change, void *context);
void catalogs_destroy(struct catalogs *catalogs);

/* A client uses this database: load its catalogue unless that is done or under
 * way, and keep it fresh from now on.  At most 1000 databases. */
void catalogs_want(struct catalogs *catalogs, const char *database);
/* DDL was seen in this database: read it again at once. */
void catalogs_changed(struct catalogs *catalogs, const char *database);
/* Where the primary is now. */
void catalogs_set_topology(struct catalogs *catalogs, struct topology *topology);

#endif
