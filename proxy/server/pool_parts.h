/*
 * What pool.c (one pool) and pools.c (all pools of a worker) share; nobody else
 * includes it.
 */
#ifndef PGWEIR_SERVER_POOL_PARTS_H
#define PGWEIR_SERVER_POOL_PARTS_H

#include "server/pool.h"

const struct node *pool_node(const struct pool *pool);
/* A connection is in the list of its state, or leaves for another worker. */
void pool_list_add(struct server *s, enum server_state state);
void pool_list_remove(struct server *s, enum server_state state);
void pool_remove_asker(struct pool *pool, struct asker *a);
void pool_refuse_all(struct pool *pool, const struct error *e, bool node_failed);
/* Opens as many connections as are waited for, within the limit. */
void pool_grow(struct pool *pool);
/* An idle connection leaves for that worker at the end of the turn. */
void pool_promise(struct server *s, int worker);
/* One that another worker sent: to who waits longest, or idle. */
void pool_receive(struct server *s);
/* If somebody waits here: asks the workers that show idle connections. */
void pool_ask_others(struct pool *pool);
/* Too old, not needed or at a node that is down: close it instead of keeping it. */
bool pool_is_due(const struct server *s);

#endif
