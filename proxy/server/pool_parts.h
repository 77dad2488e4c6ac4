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
/* Gives an idle connection to who waits longest, here or at another worker. */
void pool_hand_over(struct server *s);
/* Too old, not needed or at a node that is down: close it instead of keeping it. */
bool pool_is_due(const struct server *s);

#endif
