/*
 * What it costs to know a text: an exact hit, a hit of the normal form, a miss, beside
 * pg_query_fingerprint; on one core, in the release mode.  `tests/bench/sql` builds
 * this and runs it; --callgrind there counts instructions.
 *
 *	bench-sql              the table
 *	bench-sql count N K    no clock: N normal hits of query K, for callgrind
 */
#include "sql/classify.h"
#include "sql/verdicts.h"

#include "base/ensure.h"

#include <pg_query.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* 100000 is another number each time, so that the text was never seen.  What stands
 * between head and tail comes `links` times, each behind a comma. */
struct query {
	const char *name, *head, *link;
	size_t links;
	const char *tail;
};

static const struct query queries[] = {
	{ "pgbench select", "SELECT abalance FROM pgbench_accounts WHERE aid = 100000;", "", 0, "" },
	{ "pgbench update",
	  "UPDATE pgbench_accounts SET abalance = abalance + -1234 WHERE aid = 100000;", "", 0, "" },
	{ "pgbench insert",
	  "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (1, 2, 100000, 4, "
	  "CURRENT_TIMESTAMP);", "", 0, "" },
	{ "select of an ORM",
	  "SELECT \"orders\".\"id\", \"orders\".\"user_id\", \"orders\".\"state\", "
	  "\"orders\".\"total\", \"orders\".\"created_at\", \"users\".\"id\", \"users\".\"name\", "
	  "\"users\".\"email\", \"addresses\".\"city\", \"addresses\".\"street\" FROM \"orders\" "
	  "INNER JOIN \"users\" ON (\"orders\".\"user_id\" = \"users\".\"id\") LEFT OUTER JOIN "
	  "\"addresses\" ON (\"users\".\"address_id\" = \"addresses\".\"id\") WHERE "
	  "(\"orders\".\"state\" = 'paid' AND \"users\".\"is_active\" AND \"orders\".\"total\" > "
	  "100000) ORDER BY \"orders\".\"created_at\" DESC LIMIT 21", "", 0, "" },
	{ "IN list of 100", "select a, b from t where id in (100000", "123456", 100, ") order by a" },
	{ "IN list of 1,000", "select a, b from t where id in (100000", "123456", 1000, ") order by a" },
	{ "INSERT of 10 KB", "insert into t (a, b, c, d) values (100000, 'x', 1.5, NULL)",
	  "(12345, 'some words', 3.25, NULL)", 300, " on conflict do nothing" },
	{ "string of 64 KB", "insert into t (a, b) values (100000, '", "some more words",
	  4096, "')" },
	{ "report with CTEs",
	  "with recent as (select user_id, sum(total) as spent, count(*) as n from orders where "
	  "created_at > now() - interval '30 days' group by user_id), best as (select user_id, "
	  "spent, rank() over (order by spent desc) as place from recent where n > 3) select "
	  "u.name, b.spent, b.place from best b join users u on u.id = b.user_id where b.place <= "
	  "100000 order by b.place limit 50", "", 0, "" },
	{ "jsonb operators",
	  "select doc->>'name', doc#>>'{a,b}' from things where doc @> '{\"kind\": 1}'::jsonb and "
	  "doc ? 'x' and (doc->>'n')::int > 100000 and not doc ?| array['p', 'q']", "", 0, "" },
	{ "sqlcommenter",
	  "SELECT name FROM items WHERE id = 100000 /*action='show',application='Shop',"
	  "controller='items',db_driver='pg',framework='rails%3Av7',traceparent="
	  "'00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01'*/", "", 0, "" },
	{ "count with filters",
	  "select count(*) from items where price between 10 and 100000 and state <> 'gone' and "
	  "owner_id is not null and (name ilike '%lamp%' or tags && '{light}')", "", 0, "" },
};

enum { QUERIES = sizeof(queries) / sizeof(queries[0]), REPEATS = 7 };

static const struct query_context context = {
	.database = { "app", 3 },
	.standard_conforming_strings = true,
};

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* The caller frees it. */
static struct span make_text(const struct query *q)
{
	size_t head = strlen(q->head), link = strlen(q->link), tail = strlen(q->tail);
	char *text = memory_get(head + (link + 1) * q->links + tail + 1), *p = text;

	p = mempcpy(p, q->head, head);
	for (size_t i = 0; i < q->links; i++) {
		*p++ = ',';
		p = mempcpy(p, q->link, link);
	}
	memcpy(p, q->tail, tail + 1);
	return span_make(text, (size_t)(p - text) + tail);
}

static void ask(struct verdicts *cache, struct span text)
{
	known_query_drop(verdicts_find(cache, text, &context));
}

/* The next text; `last` is the last digit of its number. */
static void count_up(char *last)
{
	for (; *last == '9'; last--)
		*last = '0';
	++*last;
}

static void ask_often(struct verdicts *cache, struct span text, char *last_digit, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (last_digit)
			count_up(last_digit);
		ask(cache, text);
	}
}

/* Nanoseconds for one; with `last_digit` each text is new. */
static double measure_hits(struct verdicts *cache, struct span text, char *last_digit)
{
	size_t rounds = 10 + 3000000 / (100 + text.size);
	double best = 1e18;

	ask_often(cache, text, NULL, 3);
	for (int r = 0; r < REPEATS; r++) {
		double start = now_ns();

		ask_often(cache, text, last_digit, rounds);
		if (now_ns() - start < best)
			best = now_ns() - start;
	}
	return best / (double)rounds;
}

static double measure_misses(struct span text)
{
	static char room[NORMAL_BYTES_MAX];
	const struct normal_options options = { .standard_conforming_strings = true };
	double start = now_ns();
	struct normal n;

	for (int i = 0; i < 300; i++) {
		normal_make(&n, text, &options, room, sizeof(room));
		verdict_destroy(classify_normal(&n));
	}
	return (now_ns() - start) / 300;
}

static double measure_fingerprint(const char *text)
{
	double start = now_ns();

	for (int i = 0; i < 100; i++)
		pg_query_free_fingerprint_result(pg_query_fingerprint(text));
	return (now_ns() - start) / 100;
}

static char *find_last_digit(struct span text)
{
	char *number = memmem(text.data, text.size, "100000", 6);

	ensure(number);
	return number + 5;
}

static void measure(const struct query *q)
{
	struct verdicts *cache = verdicts_create(1 << 20);
	struct span text = make_text(q);
	double exact = measure_hits(cache, text, NULL);
	double normal = measure_hits(cache, text, find_last_digit(text));

	ensure(verdicts_count(cache).normal_hits > verdicts_count(cache).misses);
	printf("| %s | %zu | %.0f | %.0f | %.2f | %.1f | %.0f |\n", q->name, text.size, exact,
	       normal, normal / (double)text.size, measure_misses(text) / 1000,
	       measure_fingerprint(text.data));
	free((char *)text.data);
	verdicts_destroy(cache);
}

static void measure_all(void)
{
	puts("| query | bytes | exact hit ns | normal hit ns | ns per byte | miss us | "
	     "pg_query_fingerprint ns |\n| --- | --- | --- | --- | --- | --- | --- |");
	for (size_t i = 0; i < QUERIES; i++)
		measure(&queries[i]);
}

/* For callgrind: the difference of two counts is what the texts between them cost. */
static void count_hits(size_t count, size_t query)
{
	struct verdicts *cache = verdicts_create(1 << 20);
	struct span text = make_text(&queries[query]);

	ask_often(cache, text, find_last_digit(text), count);
	printf("%s\n", queries[query].name);
	free((char *)text.data);
	verdicts_destroy(cache);
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "count") == 0 && strtoul(argv[3], NULL, 10) < QUERIES)
		count_hits(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
	else if (argc == 1)
		measure_all();
	else
		return 2;
	return 0;
}
