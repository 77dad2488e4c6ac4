/*
 * Pools of one worker: the server connections of one (node, database, user).
 * Lends them to askers, first come first served; opens and closes them; moves
 * them to a worker that needs them more.
 */
#ifndef PGWEIR_SERVER_POOL_H
#define PGWEIR_SERVER_POOL_H

#include "auth/credential.h"
#include "cluster/topology.h"
#include "config/config.h"
#include "server/login.h"
#include "server/quota.h"
#include "server/server.h"
#include "watch/stats.h"

/* What the pools of a worker need from their surroundings. */
struct pools {
	struct conns *conns;
	const struct config *config;
	struct stats *stats;
	struct statements *statements;
	struct quotas *quotas; /* shared by all workers */
	int worker, worker_count; /* our number, of so many */
	struct topology *topology; /* the newest; held */
	void *context; /* for the calls below */
	/* A node could not be used: the control thread should look at it. */
	void (*on_node_failed)(void *context, int node, const char *reason);
	/* Hand this idle connection (detached) to another worker's pools_adopt. */
	void (*send_server)(void *context, int worker, struct server *s);
	/* Ask that worker to spare connections of this pool's key: pools_wish. */
	void (*send_wish)(void *context, int worker, const struct pool *pool);
	/* Tell that worker that there is a token again: pools_retry. */
	void (*send_retry)(void *context, int worker);
	/* A connection ended for which cancels are under way. */
	void (*on_cancelled_ended)(void *context, struct server *s);
	struct pool *all; /* uthash by key; owned */
	struct user_secret *secrets; /* uthash by user; owned */
	uint64_t private_count; /* so many were made so far */
	struct server *leaving; /* DL list: sent to other workers at the end of the turn */
	int open_count; /* servers of this worker, in any state but CLOSED */
	bool is_closing; /* the worker stops: nothing is opened any more */
};

struct pool {
	UT_hash_handle hh;
	char *key; /* owned */
	struct pools *pools;
	int node;
	char *database, *user; /* owned */
	struct quota *quota;
	struct server *idle, *lent, *opening; /* DL lists; opening: all other states */
	int idle_count, lent_count, opening_count;
	bool is_wanting; /* the quota knows that somebody waits here */
	uint64_t looked_us; /* when we last looked who else waits */
	bool is_handing_over; /* a hand-over is under way further up the stack */
	struct asker *waiting; /* DL list, the oldest first */
	int waiting_count;
	struct hist wait; /* how long askers waited */
	struct buf greeting; /* ParameterStatus messages of a fresh connection */
	int failures; /* connection attempts that failed in a row */
	uint64_t retry_us; /* no attempt before */
	bool is_private; /* of one session: its connection is never lent to another */
	bool is_over; /* private, and its session ended: freed when it is empty */
	struct buf startup; /* private: pairs for the startup packet */
};

void pools_init(struct pools *pools);
/* Closes every connection; askers must be gone. */
void pools_close(struct pools *pools);
void pools_finish(struct pools *pools);

/* Would pools_find make one more than clients may cause?  (They name databases.) */
bool pools_are_full_for(const struct pools *pools, int node, const char *database,
			const char *user);
/* The pool of this key, made if it is new. */
struct pool *pools_find(struct pools *pools, int node, const char *database, const char *user);
/* A pool for one session alone, with what that says at start-up.  Those of one (node,
 * user) share a limit, beside the ordinary pools, as PostgreSQL counts its WAL
 * senders apart.  NULL: too many pools. */
struct pool *pools_make_private(struct pools *pools, int node, const char *database,
				const char *user, struct span startup);
/* Its session ended; it is freed by a later tick. */
void pool_end_private(struct pool *pool);
/* A client logged in as this user: its pools log in with the same secret from now
 * on.  `keys` (may be NULL) came out of the client's SCRAM proof. */
void pools_set_secret(struct pools *pools, const struct credential *credential,
		      const struct scram_keys *keys);
/* What a pool logs in with; NULL: nobody of that name has logged in. */
const struct login_secret *pool_secret(const struct pool *pool);

enum pool_result {
	POOL_LENT, /* asker->server is yours now */
	POOL_WAIT, /* on_lent or on_refused comes later */
};

enum pool_result pool_lend(struct pool *pool, struct asker *a);
/* The asker does not want it any more. */
void pool_leave_queue(struct asker *a);
/* Takes the connection from its asker: to the next in the queue, to a worker
 * that waits longer, or idle.  One that is not clean is closed; one that was
 * pinned is reset first. */
void pool_give_back(struct server *s, bool needs_reset);

/* --- called by server.c and login.c --- */
/* The ParameterStatus messages of a fresh connection. */
void pool_set_greeting(struct pool *pool, struct span greeting);
void pool_server_ready(struct server *s); /* logged in, pinged or reset */
void pool_server_ended(struct server *s, const struct error *e); /* CLOSED; e may be NULL */
void pool_move_lists(struct server *s, enum server_state before);
/* A cancel connection of this server ended. */
void pool_cancel_ended(struct server *s);

/* --- called by the worker --- */
/* Another worker asks for what we can spare of this key, as many as it lacks. */
void pools_wish(struct pools *pools, int worker, int node, const char *database,
		const char *user);
/* Sends what was promised to others; after conns_end_turn. */
void pools_end_turn(struct pools *pools);
/* A connection that another worker sent. */
void pools_adopt(struct pools *pools, struct server *s);
/* The pool of that key has a token again: try to open. */
void pools_retry(struct pools *pools);
/* Time-outs, idle and old connections; each 100 ms. */
void pools_tick(struct pools *pools, uint64_t now_us);
void pools_set_topology(struct pools *pools, struct topology *topology);
/* A row for each pool into copy->pools. */
void pools_report(struct pools *pools, struct stats_copy *copy);

#endif
