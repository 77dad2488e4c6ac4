/*
 * The statistics over HTTP: /stats /queries /nodes /pools /clients /healthz
 * /readyz.
 * libmicrohttpd driven by the control thread's loop; an answer that needs the
 * workers' numbers is suspended until they came.
 */
#ifndef PGWEIR_WATCH_HTTP_H
#define PGWEIR_WATCH_HTTP_H

#include "config/config.h"
#include "loop.h"
#include "watch/stats.h"

#include <stdbool.h>


/* One node for /nodes and /stats: its facts; counters come with the copy. */
struct http_node {
	char name[128];
	const char *role; /* static word */
	bool is_up;
	char down_reason[160];
	int64_t lag_ms; /* -1: unknown → null */
	int64_t fresh_ms_ago; /* -1: unknown → null */
};

/* What http asks of its owner (main). */
struct http_asks {
	void *context;
	/* Collect the merged copy of all workers, with at most so many clients, and
	 * call http_answer with it, now or later, once for each call of this. */
	void (*collect)(void *context, int client_limit);
	/* Fills at most `room` nodes; returns how many. */
	int (*nodes)(void *context, struct http_node *nodes, int room);
	/* Ready: a primary or a replica is up and the listeners are open. */
	bool (*is_ready)(void *context);
	const char *const *route_words; /* by reason; NULL-terminated */
	uint64_t started_us; /* loop_now_us at start */
};

struct http;

/* NULL when the address could not be bound; `error` says why (for people). */
struct http *http_create(struct loop *loop, const struct config_address *address,
			 const struct http_asks *asks, char *error, size_t error_size);
/* The numbers for all answers that wait; takes over the copy. */
void http_answer(struct http *http, struct stats_copy *copy);
void http_destroy(struct http *http);

#endif
