/*
 * Texts made to kill a recursive parser (A17) through the whole of verdicts_find, on a
 * thread with a worker's stack: the process lives, and the text has a verdict.  Input:
 * a recipe of triples (link, count, closing): "count" is an exponent, up to 10^6 links.
 */
#include "base/ensure.h"
#include "sql/verdicts.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	STACK_BYTES = 8 * 1024 * 1024, /* of proxy/worker.c */
	TEXT_MAX = 8 * 1024 * 1024,
	PARTS_MAX = 24,
};

/* What opens, and what would close it. */
static const struct {
	const char *link, *closing;
} links[] = {
	{ "+1", "" }, { "+(1", ")" }, { "::int", "" }, { " union select 1", "" },
	{ " union all (select 1", ")" }, { " intersect select 1, 2", "" },
	{ "case when a then 1 else ", " end" }, { "case a when 1 then ", " end" },
	{ "(", ")" }, { "(select ", ")" }, { "array[", "]" }, { "f(1,", ")" }, { "[1]", "" },
	{ ".b", "" }, { " not ", "" }, { "- ", "" }, { "~ ", "" }, { " and a = 1", "" },
	{ " or not a", "" }, { " is null", "" }, { " collate \"C\"", "" },
	{ " at time zone b", "" }, { " || 'x'", "" }, { " in (1, 2", ")" }, { ",1", "" },
	{ ", 'abc'", "" }, { " in (select ", ")" }, { " cross join a", "" },
	{ " join a using (x)", "" }, { " from (select * from ", ") a" },
	{ " from a where exists (select ", ")" }, { "with a as (select 1", ") select 1" },
	{ "explain ", "" }, { ";select 1", "" }, { "/*", "*/" }, { "'", "'" }, { "\n'a'", "" },
	{ "1", "" }, { "a ", "" }, { " between 1 and ", "" }, { "\"a\" ", "" }, { "row(", ")" },
	{ "create view v as ", "" }, { " is distinct from ", "" }, { " like ", "" },
	{ " natural join \"a\"", "" }, { " operator(pg_catalog.+) ", "" }, { "$1", "" },
	{ " over (partition by ", ")" }, { " filter (where ", ")" }, { " isnull", "" },
	{ " except (table ", ")" }, { ", lateral (values (1), (", ")) x" },
};

enum { LINKS = sizeof(links) / sizeof(links[0]) };

struct text {
	char *data;
	size_t size;
};

static void add(struct text *t, const char *link, size_t count)
{
	size_t size = strlen(link);

	for (; size > 0 && count > 0 && size < TEXT_MAX - t->size; count--) {
		memcpy(t->data + t->size, link, size);
		t->size += size;
	}
}

static size_t count_of(uint8_t exponent)
{
	static const size_t counts[] = { 1,   1,   1,	2,    10,   30,	   50,	  99,
					 100, 101, 250, 499,  500,  501,   1000,  3000,
					 1,   1,   3,	16000, 20, 100000, 300000, 1000000 };

	return counts[exponent % (sizeof(counts) / sizeof(counts[0]))];
}

static void make_text(struct text *t, const uint8_t *data, size_t parts)
{
	add(t, "select ", 1);
	for (size_t i = 0; i < parts; i++)
		add(t, links[data[3 * i] % LINKS].link, count_of(data[3 * i + 1]));
	for (size_t i = parts; i-- > 0;)
		if (data[3 * i + 2] & 1)
			add(t, links[data[3 * i] % LINKS].closing, count_of(data[3 * i + 1]));
}

static void *ask(void *text)
{
	static const struct query_context context = {
		.database = { "app", 3 },
		.standard_conforming_strings = true,
	};
	struct verdicts *cache = verdicts_create(1 << 20);
	const struct text *t = text;

	for (int i = 0; i < 2; i++) {
		struct known_query *q =
			verdicts_find(cache, span_make(t->data, t->size), &context);

		ensure(q->verdict && q->text);
		known_query_drop(q);
	}
	verdicts_destroy(cache);
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text text = { .data = memory_get(TEXT_MAX) };
	size_t parts = size / 3 < PARTS_MAX ? size / 3 : PARTS_MAX;
	pthread_attr_t attributes;
	pthread_t thread;

	make_text(&text, data, parts);
	pthread_attr_init(&attributes);
	ensure(pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0);
	ensure(pthread_create(&thread, &attributes, ask, &text) == 0);
	ensure(pthread_join(thread, NULL) == 0);
	pthread_attr_destroy(&attributes);
	free(text.data);
	return 0;
}
