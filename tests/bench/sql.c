/*
 * Nanoseconds per query of src/sql, on one core: an exact hit, a hit of the normal
 * form, a miss, beside pg_query_fingerprint.  By hand:
 *
 *	gcc -O2 -std=gnu11 -D_GNU_SOURCE -Isrc tests/bench/sql.c src/sql/[a-z]*.c \
 *		src/base/arena.c src/base/ensure.c -lpg_query -o /tmp/bench-sql && /tmp/bench-sql
 */
#include "sql/classify.h"
#include "sql/verdicts.h"

#include <pg_query.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* %d is another number each time, so that the text was never seen. */
static const char *const queries[] = {
	"SELECT abalance FROM pgbench_accounts WHERE aid = %d;",
	"UPDATE pgbench_accounts SET abalance = abalance + -1234 WHERE aid = %d;",
	"INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (1, 2, %d, 4, "
	"CURRENT_TIMESTAMP);",
	"SELECT u.id, u.name, o.total FROM users u JOIN orders o ON o.user_id = u.id WHERE "
	"u.email = 'somebody%d@example.org' AND o.state IN ('paid', 'sent', 'done') ORDER BY "
	"o.created_at DESC LIMIT 20 OFFSET 40",
	"select count(*) from items where price between 10 and %d and tags ? 'x'",
	"BEGIN",
};

enum { ROUNDS = 200000, TEXTS = 4096, REPEATS = 5 };

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static const struct query_context context = {
	.database = { "app", 3 },
	.standard_conforming_strings = true,
};

static void ask(struct verdicts *cache, const char *text, size_t size)
{
	known_query_drop(verdicts_find(cache, span_make(text, size), &context));
}

static double measure_hits(struct verdicts *cache, char (*texts)[512], const size_t *sizes,
			   size_t count)
{
	double best = 1e18;

	for (int r = 0; r < REPEATS; r++) {
		double start = now_ns();

		for (size_t i = 0; i < ROUNDS; i++)
			ask(cache, texts[i % count], sizes[i % count]);
		if (now_ns() - start < best)
			best = now_ns() - start;
	}
	return best / ROUNDS;
}

static double measure_misses(const char *text, size_t size)
{
	static char room[NORMAL_BYTES_MAX];
	const struct normal_options options = { .standard_conforming_strings = true };
	double start = now_ns();
	struct normal n;

	for (int i = 0; i < 2000; i++) {
		normal_make(&n, span_make(text, size), &options, room, sizeof(room));
		verdict_destroy(classify_normal(&n));
	}
	return (now_ns() - start) / 2000;
}

static double measure_fingerprint(const char *text)
{
	double start = now_ns();

	for (int i = 0; i < 2000; i++)
		pg_query_free_fingerprint_result(pg_query_fingerprint(text));
	return (now_ns() - start) / 2000;
}

static void measure(const char *query)
{
	static char texts[TEXTS][512];
	static size_t sizes[TEXTS];
	struct verdicts *cache = verdicts_create(1 << 20);
	double exact, normal;

	for (int i = 0; i < TEXTS; i++)
		sizes[i] = (size_t)snprintf(texts[i], sizeof(texts[i]), query, i * 7919 + 100000);
	exact = measure_hits(cache, texts, sizes, 1);
	normal = measure_hits(cache, texts, sizes, TEXTS);
	printf("%5zu bytes  exact %6.0f ns  normal form %6.0f ns  miss %8.0f ns  "
	       "fingerprint %8.0f ns  %.40s\n",
	       sizes[0], exact, normal, measure_misses(texts[0], sizes[0]),
	       measure_fingerprint(texts[0]), query);
	verdicts_destroy(cache);
}

static void measure_long_list(void)
{
	enum { ITEMS = 150000 };
	struct verdicts *cache = verdicts_create(1 << 20);
	char *text = malloc(ITEMS * 8 + 64);
	size_t size = (size_t)sprintf(text, "select a from t where b in (1");
	double start;

	for (int i = 0; i < ITEMS; i++)
		size += (size_t)sprintf(text + size, ",%06d", i);
	size += (size_t)sprintf(text + size, ")");
	ask(cache, text, size);
	start = now_ns();
	ask(cache, text, size);
	printf("%zu bytes of IN list: %.2f ns per byte\n", size, (now_ns() - start) / (double)size);
	free(text);
	verdicts_destroy(cache);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
		measure(queries[i]);
	measure_long_list();
	return 0;
}
