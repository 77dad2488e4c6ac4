/*
 * The verdict cache: both levels, its bounds, who owns what.
 */
#include "sql/verdicts.h"

#include "base/ensure.h"
#include "sql/digest.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct query_context plain = {
	.database = { "app", 3 },
	.standard_conforming_strings = true,
};

static uint64_t ask_in(struct verdicts *cache, const char *text,
		       const struct query_context *context)
{
	struct known_query *q = verdicts_find(cache, span_of(text), context);
	uint64_t digest = q->digest;

	known_query_drop(q);
	return digest;
}

static uint64_t ask(struct verdicts *cache, const char *text)
{
	return ask_in(cache, text, &plain);
}

static void expect_counts(const struct verdicts *cache, uint64_t exact, uint64_t normal,
			  uint64_t misses)
{
	struct verdicts_counts c = verdicts_count(cache);

	assert_int_equal(c.exact_hits, exact);
	assert_int_equal(c.normal_hits, normal);
	assert_int_equal(c.misses, misses);
}

static void test_levels(void **state)
{
	struct verdicts *cache = verdicts_create(1 << 20);
	uint64_t digest = ask(cache, "select 1");

	(void)state;
	expect_counts(cache, 0, 0, 1);
	assert_int_equal(ask(cache, "select 1"), digest);
	expect_counts(cache, 1, 0, 1);
	assert_int_equal(ask(cache, "SELECT  2"), digest);
	expect_counts(cache, 1, 1, 1);
	/* Seen for the second time, it is kept. */
	assert_int_equal(ask(cache, "SELECT  2"), digest);
	expect_counts(cache, 1, 2, 1);
	assert_int_equal(ask(cache, "SELECT  2"), digest);
	expect_counts(cache, 2, 2, 1);
	assert_true(ask(cache, "select a") != digest);
	expect_counts(cache, 2, 2, 2);
	verdicts_destroy(cache);
}

static void test_what_is_known(void **state)
{
	struct verdicts *cache = verdicts_create(1 << 20);
	struct known_query *q = verdicts_find(cache, span_of("SELECT a FROM t WHERE b = 'x';"), &plain);

	(void)state;
	assert_string_equal(q->text, "select a from t where b = '$?'");
	assert_int_equal(q->digest, digest_make(span_of(q->text), 0));
	assert_int_equal(q->verdict->kind, VERDICT_READ);
	assert_int_equal(q->judged_generation, 0);
	known_query_drop(q);
	q = verdicts_find(cache, span_of("alter role r password 'secret'"), &plain);
	assert_string_equal(q->text, "alter role r password '$?'");
	known_query_drop(q);
	q = verdicts_find(cache, span_make("select 1\0; drop table t", 23), &plain);
	assert_string_equal(q->text, "select $?");
	known_query_drop(q);
	q = verdicts_find(cache, span_make(NULL, 0), &plain);
	assert_int_equal(q->verdict->kind, VERDICT_EMPTY);
	known_query_drop(q);
	verdicts_destroy(cache);
}

/* What the router wrote stays with the normal form. */
static void test_judgement_is_shared(void **state)
{
	struct verdicts *cache = verdicts_create(1 << 20);
	struct known_query *q = verdicts_find(cache, span_of("select 1"), &plain);
	struct known_query *same;

	(void)state;
	q->judged_generation = 7;
	same = verdicts_find(cache, span_of("select 2"), &plain);
	assert_ptr_equal(q, same);
	assert_int_equal(same->judged_generation, 7);
	known_query_drop(same);
	known_query_drop(q);
	verdicts_destroy(cache);
}

static void test_context_is_part_of_the_key(void **state)
{
	struct verdicts *cache = verdicts_create(1 << 20);
	struct query_context other = plain, old = plain;
	struct known_query *a, *b, *c;

	(void)state;
	other.database = span_of("other");
	old.standard_conforming_strings = false;
	a = verdicts_find(cache, span_of("select 'a\\'; drop table t; --'"), &plain);
	b = verdicts_find(cache, span_of("select 'a\\'; drop table t; --'"), &old);
	c = verdicts_find(cache, span_of("select 'a\\'; drop table t; --'"), &other);
	assert_int_equal(a->verdict->kind, VERDICT_WRITE);
	assert_int_equal(b->verdict->kind, VERDICT_READ);
	assert_int_equal(c->verdict->kind, VERDICT_WRITE);
	known_query_drop(a);
	known_query_drop(b);
	known_query_drop(c);
	a = verdicts_find(cache, span_of("select 1"), &plain);
	c = verdicts_find(cache, span_of("select 1"), &other);
	assert_ptr_not_equal(a, c);
	assert_int_equal(a->digest, c->digest);
	known_query_drop(a);
	known_query_drop(c);
	verdicts_destroy(cache);
}

static void test_unsafe_encoding(void **state)
{
	struct verdicts *cache = verdicts_create(1 << 20);
	struct query_context unsafe = plain;
	struct known_query *q;

	(void)state;
	unsafe.unsafe_encoding = true;
	for (int i = 0; i < 3; i++) {
		q = verdicts_find(cache, span_of("select 1"), &unsafe);
		assert_int_equal(q->verdict->kind, VERDICT_WRITE);
		assert_int_equal(q->verdict->reason, VERDICT_BECAUSE_ENCODING);
		known_query_drop(q);
	}
	assert_int_equal(verdicts_count(cache).bytes, 0);
	expect_counts(cache, 0, 0, 3);
	verdicts_destroy(cache);
}

static char *repeat(const char *head, const char *link, size_t count, const char *tail)
{
	char *text = memory_get(strlen(head) + strlen(link) * count + strlen(tail) + 1);
	char *at = stpcpy(text, head);

	for (size_t i = 0; i < count; i++)
		at = stpcpy(at, link);
	strcpy(at, tail);
	return text;
}

static void test_too_long_is_not_kept(void **state)
{
	struct verdicts *cache = verdicts_create(64 << 20);
	char *text = repeat("INSERT INTO t VALUES (1)", ",(2)", 50000, "");
	struct known_query *q;
	uint64_t digest;

	(void)state;
	q = verdicts_find(cache, span_of(text), &plain);
	assert_string_equal(q->text, "insert (too long)");
	assert_int_equal(q->verdict->reason, VERDICT_BECAUSE_TOO_LONG);
	assert_int_equal(q->verdict->pin, PIN_NONE);
	digest = q->digest;
	known_query_drop(q);
	free(text);
	text = repeat("insert into u values (1)", ",(2)", 60000, "");
	assert_int_equal(ask(cache, text), digest);
	free(text);
	text = repeat("select 1", "+1", 5000, "");
	assert_true(ask(cache, text) != digest);
	free(text);
	ask(cache, "select 'x");
	assert_true(verdicts_count(cache).bytes < 1000);
	verdicts_destroy(cache);
}

/* A megabyte of literals is found by its short normal form. */
static void test_long_list(void **state)
{
	struct verdicts *cache = verdicts_create(64 << 20);
	char *text = repeat("select b from t where a in (1", ",234567", 150000, ")");
	struct known_query *q = verdicts_find(cache, span_of(text), &plain);

	(void)state;
	assert_string_equal(q->text, "select b from t where a in ($?)");
	assert_int_equal(q->verdict->kind, VERDICT_READ);
	assert_int_equal(ask(cache, text), q->digest);
	known_query_drop(q);
	expect_counts(cache, 0, 1, 1);
	assert_true(verdicts_count(cache).bytes < 10000);
	verdicts_destroy(cache);
	free(text);
}

static void test_shown_text_is_cut(void **state)
{
	struct verdicts *cache = verdicts_create(64 << 20);
	char *text = repeat("select 1", ", abcdefgh", 3000, "");
	struct known_query *q = verdicts_find(cache, span_of(text), &plain);

	(void)state;
	assert_int_equal(strlen(q->text), DIGEST_TEXT_MAX);
	assert_int_equal(q->verdict->kind, VERDICT_READ);
	known_query_drop(q);
	verdicts_destroy(cache);
	free(text);
}

static void ask_number(struct verdicts *cache, const char *format, int i)
{
	char text[256];

	snprintf(text, sizeof(text), format, i);
	ask(cache, text);
}

static void test_bounded(void **state)
{
	enum { LIMIT = 256 * 1024 };
	struct verdicts *cache = verdicts_create(LIMIT);
	size_t most = 0;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		ask_number(cache, i % 5 ? "select a from t where b = %d" : "select a%d from t", i);
		if (verdicts_count(cache).bytes > most)
			most = verdicts_count(cache).bytes;
	}
	assert_true(most <= LIMIT);
	assert_true(most > LIMIT / 2);
	assert_true(verdicts_count(cache).evictions > 10000);
	verdicts_destroy(cache);
}

/* Each database costs, too, and goes when the last of its texts goes. */
static void test_many_databases(void **state)
{
	enum { LIMIT = 64 * 1024 };
	struct verdicts *cache = verdicts_create(LIMIT);
	char name[32];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		struct query_context context = plain;

		snprintf(name, sizeof(name), "database%d", i);
		context.database = span_of(name);
		ask_in(cache, "select 1", &context);
		assert_true(verdicts_count(cache).bytes <= LIMIT);
	}
	verdicts_destroy(cache);
}

static void test_oldest_leaves(void **state)
{
	struct verdicts *cache = verdicts_create(64 * 1024);
	uint64_t misses;

	(void)state;
	ask(cache, "select hot");
	for (int i = 0; i < 5000; i++) {
		ask_number(cache, "select cold%d", i);
		misses = verdicts_count(cache).misses;
		ask(cache, "select hot");
		assert_int_equal(verdicts_count(cache).misses, misses);
	}
	ask(cache, "select cold4999");
	assert_int_equal(verdicts_count(cache).misses, misses);
	ask(cache, "select cold0");
	assert_int_equal(verdicts_count(cache).misses, misses + 1);
	verdicts_destroy(cache);
}

/* The normal form stays as long as one of its exact texts is used. */
static void test_exact_text_keeps_its_form(void **state)
{
	struct verdicts *cache = verdicts_create(64 * 1024);
	struct known_query *q = verdicts_find(cache, span_of("select 1 as hot"), &plain);

	(void)state;
	for (int i = 0; i < 5000; i++) {
		ask_number(cache, "select cold%d", i);
		ask(cache, "select 1 as hot");
	}
	assert_int_equal(ask(cache, "select 2 as hot"), q->digest);
	assert_int_equal(verdicts_count(cache).misses, 5001);
	known_query_drop(q);
	verdicts_destroy(cache);
}

static void test_held_outlives_cache(void **state)
{
	struct verdicts *cache = verdicts_create(32 * 1024);
	struct known_query *q = verdicts_find(cache, span_of("select held from t"), &plain);

	(void)state;
	known_query_hold(q);
	known_query_drop(q);
	for (int i = 0; i < 2000; i++)
		ask_number(cache, "select cold%d", i);
	assert_string_equal(q->text, "select held from t");
	verdicts_destroy(cache);
	assert_string_equal(q->text, "select held from t");
	assert_int_equal(q->verdict->relation_count, 1);
	known_query_drop(q);
}

/* The tables hash to 32 bits, so that among so many texts some collide: the texts
 * themselves must decide. */
static void test_collisions(void **state)
{
	enum { COUNT = 200000 };
	struct verdicts *cache = verdicts_create((size_t)1 << 30);
	struct query_context context = plain;
	char text[64];

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < COUNT; i++) {
			struct known_query *q;

			snprintf(text, sizeof(text), "declare c%d cursor", i);
			q = verdicts_find(cache, span_of(text), &context);
			assert_string_equal(q->text, text);
			known_query_drop(q);
		}
	}
	expect_counts(cache, COUNT, 0, COUNT);
	verdicts_destroy(cache);
}

static void test_tiny_limit(void **state)
{
	struct verdicts *cache = verdicts_create(0);

	(void)state;
	for (int i = 0; i < 100; i++)
		ask_number(cache, "select a%d", i);
	assert_true(verdicts_count(cache).bytes < 1000);
	verdicts_destroy(cache);
	verdicts_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_what_is_known),
		cmocka_unit_test(test_judgement_is_shared),
		cmocka_unit_test(test_context_is_part_of_the_key),
		cmocka_unit_test(test_unsafe_encoding),
		cmocka_unit_test(test_too_long_is_not_kept),
		cmocka_unit_test(test_long_list),
		cmocka_unit_test(test_shown_text_is_cut),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_many_databases),
		cmocka_unit_test(test_oldest_leaves),
		cmocka_unit_test(test_exact_text_keeps_its_form),
		cmocka_unit_test(test_held_outlives_cache),
		cmocka_unit_test(test_collisions),
		cmocka_unit_test(test_tiny_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
