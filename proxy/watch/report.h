/*
 * What an HTTP answer says: the numbers of one round, as JSON text, written
 * step by step so that a long list never holds up the loop.
 */
#ifndef PGWEIR_WATCH_REPORT_H
#define PGWEIR_WATCH_REPORT_H

#include "base/buf.h"
#include "watch/http.h"
#include "watch/stats.h"

enum {
	REPORT_LIMIT_MAX = 10000,
	REPORT_LIMIT_DEFAULT = 100, /* queries */
	REPORT_CLIENTS_DEFAULT = 1000,
};

enum report_page { REPORT_STATS, REPORT_QUERIES, REPORT_NODES, REPORT_POOLS, REPORT_CLIENTS };
enum report_sort { REPORT_BY_TOTAL, REPORT_BY_P99, REPORT_BY_CALLS };

/* Which page; of its queries which first; of queries or clients how many (1..LIMIT_MAX). */
struct report_wish {
	enum report_page page;
	enum report_sort sort;
	int limit;
};

/* The facts that the reports of one round share; nodes go by the same index as
 * copy->nodes, copy->pools[].node and copy->clients[].node. */
struct report_facts {
	struct stats_copy *copy; /* owned */
	struct http_node nodes[STATS_MAX_NODES];
	int node_count;
	const char *const *route_words; /* by reason; NULL-terminated */
	uint64_t uptime_s;
};

struct report;

enum report_progress { REPORT_MORE, REPORT_DONE, REPORT_FAILED };

/* `facts` must live until report_destroy. */
struct report *report_create(const struct report_facts *facts, const struct report_wish *wish);
void report_destroy(struct report *report);
/* Writes the next row, or does as much other work (some 10 us; sorting 16,000
 * queries is the longest single step, 2 ms).  Not after DONE or FAILED; FAILED:
 * no memory. */
enum report_progress report_step(struct report *report);
/* Bytes of memory that the text takes so far. */
size_t report_size_bytes(const struct report *report);
/* After DONE: the text, a JSON object; the caller owns it. */
struct buf report_take_text(struct report *report);

#endif
