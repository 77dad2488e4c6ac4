/*
 * What one worker observed: queries by digest, routes by reason, counters.
 * Recording is a hash look-up and a few additions, no lock: one thread owns it.
 * The control thread gets a copy on demand and merges the copies of all workers.
 */
#ifndef PGWEIR_WATCH_STATS_H
#define PGWEIR_WATCH_STATS_H

#include "base/hist.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum { STATS_MAX_NODES = 64, STATS_MAX_REASONS = 64 };

struct stats;

/* One finished query. */
struct stats_sample {
	uint64_t digest;
	const char *text; /* the normal form; copied when the digest is new */
	uint64_t total_us; /* request read → last answer byte handed on */
	uint64_t server_us; /* request sent to the server → answer complete */
	uint64_t wait_us; /* for a server connection */
	uint64_t rows;
	int node; /* where it ran */
	bool on_primary;
	bool is_error;
};

/* Counters that only grow.  The words are the keys in /stats "clients". */
#define STATS_COUNTERS(X)                                                      \
	X(COUNT_CLIENTS_ACCEPTED, "accepted")                                  \
	X(COUNT_LOGINS, "logins")                                              \
	X(COUNT_LOGINS_FAILED, "logins_failed")                                \
	X(COUNT_CLIENTS_LOST, "lost")                                          \
	X(COUNT_TRANSACTIONS, "transactions")                                  \
	X(COUNT_QUERIES, "queries")                                            \
	X(COUNT_BYTES_FROM_CLIENTS, "bytes_received")                          \
	X(COUNT_BYTES_TO_CLIENTS, "bytes_sent")                                \
	X(COUNT_CANCELS, "cancels")                                            \
	X(COUNT_PINS, "pins")

enum stats_counter {
#define X(name, word) name,
	STATS_COUNTERS(X)
#undef X
	STATS_COUNTER_COUNT
};

/* One digest, as in a copy.  */
struct query_stats {
	uint64_t digest;
	char *text; /* owned */
	uint64_t calls, errors, rows, primary, replica;
	struct hist total, server, wait;
};

/* One pool of a worker, as the pool itself tells it. */
struct pool_stats {
	int node;
	char database[64], user[64];
	int idle, lent, connecting, waiting;
	int open; /* over all workers, when this one answered */
	struct hist wait;
};

/* One client of a worker, as its session tells it; names are cut, empty: not known. */
struct client_stats {
	char user[64], database[64], application_name[64];
	char address[64]; /* as conn_write_peer says */
	const char *state; /* static word */
	const char *pin; /* static word; NULL: it is not pinned */
	int node; /* of the server it has; -1: none */
	int64_t age_us; /* since it connected */
	int64_t idle_us; /* since the last answer; -1: something runs or waits */
	int64_t wait_us; /* for a server; -1: it does not wait */
};

/* One node as a worker sees it. */
struct node_stats {
	uint64_t reads, writes, errors;
	int outstanding;
};

/* A copy of everything: owned by whoever has it, on any thread. */
struct stats_copy {
	uint64_t counters[STATS_COUNTER_COUNT];
	uint64_t routes[STATS_MAX_REASONS]; /* by enum route_reason */
	uint64_t pins[STATS_MAX_REASONS]; /* by enum pin_reason */
	struct node_stats nodes[STATS_MAX_NODES];
	int clients_connected, clients_active, clients_waiting, clients_pinned; /* now */
	struct query_stats *queries; /* owned; all of them once it was opened */
	int query_count;
	struct pack *pack; /* owned; the queries until then */
	struct query_stats others; /* what fell out; text NULL */
	struct pool_stats *pools; /* owned */
	int pool_count;
	struct client_stats *clients; /* owned; the longest connected first */
	int client_count, client_limit; /* clients are at most the limit that was asked for */
};

struct stats *stats_create(int max_digests);
void stats_destroy(struct stats *stats);

void stats_query(struct stats *stats, const struct stats_sample *sample);
void stats_count(struct stats *stats, enum stats_counter counter, uint64_t amount);
void stats_route(struct stats *stats, int reason);
/* A session was bound to its connection; counts in COUNT_PINS, too. */
void stats_pin(struct stats *stats, int reason);
/* A statement was sent to this node. */
void stats_node_used(struct stats *stats, int node, bool is_write);
void stats_node_error(struct stats *stats, int node);

/* Queries, counters, routes, pins, nodes; the caller fills in clients* and pools. */
struct stats_copy *stats_take_copy(const struct stats *stats);
void stats_copy_destroy(struct stats_copy *copy);
/* Adds `other` to `sum`, which it opens; takes over and destroys `other`. */
void stats_copy_merge(struct stats_copy *sum, struct stats_copy *other);
/* All are merged: a connection that moved between two workers' answers is in both
 * or in none, so that more may be idle or lent than were open at any time. */
void stats_copy_settle(struct stats_copy *sum);
/* Unpacks `queries`: that is not the worker's work, a copy is cheap for it. */
void stats_copy_open(struct stats_copy *copy);
/* Adds the numbers, not digest and text. */
void query_stats_merge(struct query_stats *sum, const struct query_stats *query);
const char *stats_counter_word(enum stats_counter counter);

#endif
