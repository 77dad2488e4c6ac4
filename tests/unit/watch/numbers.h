/*
 * Numbers for the tests of reports, rounds and HTTP.  Each test file uses some
 * of it, hence inline.
 */
#ifndef PGWEIR_TESTS_WATCH_NUMBERS_H
#define PGWEIR_TESTS_WATCH_NUMBERS_H

#include "base/ensure.h"
#include "watch/http.h"
#include "watch/stats.h"

#include <stdio.h>
#include <string.h>

static const char *const route_words[] = { "write", "read", "in_transaction", NULL };

/* The i-th query: i + 1 calls of 1000 * (count - i) us each; digest i << 40. */
static inline struct stats_copy *make_numbers(int query_count, const char *text)
{
	struct stats *stats = stats_create(query_count > 0 ? query_count : 1);
	struct stats_copy *copy;

	for (int i = 0; i < query_count; i++) {
		struct stats_sample sample = {
			.digest = (uint64_t)i << 40,
			.text = text,
			.total_us = 1000 * (uint64_t)(query_count - i),
			.server_us = 123,
			.wait_us = 1,
			.rows = 1,
			.on_primary = i == 0,
		};

		for (int call = 0; call <= i && call < 10; call++)
			stats_query(stats, &sample);
	}
	copy = stats_take_copy(stats);
	stats_destroy(stats);
	stats_copy_open(copy);
	return copy;
}

static inline void add_pool(struct stats_copy *copy, int node, const char *database,
			    const char *user)
{
	struct pool_stats *pool;

	copy->pools = memory_resize(copy->pools,
				    (size_t)(copy->pool_count + 1) * sizeof(*copy->pools));
	pool = &copy->pools[copy->pool_count++];
	*pool = (struct pool_stats){ .node = node, .idle = 1, .lent = 2, .connecting = 3,
				     .waiting = 4, .open = 6 };
	snprintf(pool->database, sizeof(pool->database), "%s", database);
	snprintf(pool->user, sizeof(pool->user), "%s", user);
	hist_init(&pool->wait);
	hist_add(&pool->wait, 1500);
}

/* So many are connected, the first for the longest time; rows up to the limit. */
static inline void add_clients(struct stats_copy *copy, int connected, int limit)
{
	copy->clients_connected = connected;
	copy->client_limit = limit;
	copy->client_count = connected < limit ? connected : limit;
	copy->clients = memory_get_zeroed((size_t)copy->client_count * sizeof(*copy->clients));
	for (int i = 0; i < copy->client_count; i++)
		copy->clients[i] = (struct client_stats){
			.user = "bob",
			.database = "app",
			.address = "127.0.0.1:1",
			.state = "idle",
			.node = -1,
			.age_us = (int64_t)(connected - i) * 1000000,
			.idle_us = 0,
			.wait_us = -1,
		};
}

static inline int fill_two_nodes(void *context, struct http_node *nodes, int room)
{
	(void)context;
	ensure(room >= 2);
	nodes[0] = (struct http_node){ .name = "10.0.0.1:5432", .role = "primary", .is_up = true,
				       .lag_ms = 0, .fresh_ms_ago = 0 };
	nodes[1] = (struct http_node){ .name = "10.0.0.2:5432", .role = "replica",
				       .down_reason = "connection refused", .lag_ms = -1,
				       .fresh_ms_ago = -1 };
	return 2;
}

#endif
