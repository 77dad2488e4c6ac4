/*
 * Texts made to kill the parser: the guard turns them away, and what it lets pass
 * is survived on a small stack.
 */
#include "sql/classifying.h"

#include <pthread.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>

#include <cmocka.h>

/* ---- texts that kill a parser without a guard (A17, A18) ---- */

struct attack {
	const char *head, *link, *tail;
};

static const struct attack attacks[] = {
	{ "select 1", "+1", "" },
	{ "select 1", "+(1)", "" },
	{ "select 1", "::int", "" },
	{ "select a", "[1]", "" },
	{ "select (a)", ".b", "" },
	{ "select a", ".b", "" },
	{ "select 1", " union select 1", "" },
	{ "select 1,1", " union all select 1,1", "" },
	{ "select 1", " intersect (select 1)", "" },
	{ "select ", "(", "1" },
	{ "select ", "(select ", "1" },
	{ "select ", "array[", "1" },
	{ "select ", "f(", "1" },
	{ "select ", "f(1,", "1" },
	{ "select ", "not ", "true" },
	{ "select ", "- ", "a" },
	{ "select ", "~ ", "a" },
	{ "select a", " and a", "" },
	{ "select a", " or a and b", "" },
	{ "select a", " is null", "" },
	{ "select a", " collate \"C\"", "" },
	{ "select a", " at time zone b", "" },
	{ "select a", " || 'x'", "" },
	{ "select ", "case when a then 1 else ", "1" },
	{ "select ", "case a when 1 then ", "1" },
	{ "select a in (1", ",1", ")" },
	{ "select a in ($1", ",$1", ")" },
	{ "select a in (1", ",a in (1", "" },
	{ "select * from a", " cross join a", "" },
	{ "select * from a", " join a using (x)", "" },
	{ "select * from ", "(select * from ", "a" },
	{ "select * from ", "(a join ", "a" },
	{ "with a as (", "with a as (", "select 1" },
	{ "with a as (select 1)", ", a as (table a)", "table a" },
	{ "values (1)", ",(1)", "" },
	{ "insert into t values (1)", ",(1 + 1)", "" },
	{ "select 1", ", a + b", "" },
	{ "select 1", ";select 1", "" },
	{ "explain ", "explain ", "select 1" },
	{ "create schema s", " create table t (a int)", "" },
	{ "select 1 ", "/*", "" },
	{ "select 1 ", "--\n", "" },
	{ "select '", "''", "" },
	{ "select 'a'", "\n'a'", "" },
	{ "select 'a'", "\n'a'", "'" },
	{ "select 1", " $$ $", "" },
	{ "select a", " b", "" },
};

enum { ATTACK_COUNT = sizeof(attacks) / sizeof(attacks[0]) };

static struct span make_attack(const struct attack *a, size_t count, bool is_closed)
{
	size_t head = strlen(a->head), link = strlen(a->link), tail = strlen(a->tail);
	bool brackets = strchr("([", a->link[link - 1]) != NULL || strchr(a->link, '(');
	size_t closing = is_closed && brackets ? count : 0;
	char *text = memory_get(head + link * count + tail + closing + 1);
	size_t used = head;

	memcpy(text, a->head, head);
	for (size_t i = 0; i < count; i++, used += link)
		memcpy(text + used, a->link, link);
	memcpy(text + used, a->tail, tail);
	memset(text + used + tail, strstr(a->link, "array[") ? ']' : ')', closing);
	text[used + tail + closing] = '\0';
	return span_make(text, used + tail + closing);
}

static void survive(const struct attack *a, size_t count, bool is_closed)
{
	struct span text = make_attack(a, count, is_closed);
	struct verdict *v = classify(text, true);

	assert_non_null(v);
	verdict_destroy(v);
	free((char *)text.data);
}

/* As large as the guard lets through, and far beyond; each on a small stack. */
static void *attack_all(void *unused)
{
	static const size_t counts[] = { 10,  49,  50,	99,  100,  101,	 124,	125,   166,   167,
					 249, 250, 251, 499, 500, 501, 1000, 3000, 20000 };

	for (size_t i = 0; i < ATTACK_COUNT; i++)
		for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
			survive(&attacks[i], counts[k], false);
			survive(&attacks[i], counts[k], true);
		}
	return unused;
}

/* Each limit reached in one text. */
static void *attack_both(void *unused)
{
	struct span inner = make_attack(&(struct attack){ " 1", "+1", "" },
					NORMAL_CHAIN_MAX - NORMAL_NESTING_MAX - 1, false);
	struct span text = make_attack(&(struct attack){ "select ", "(select ", inner.data },
				       NORMAL_NESTING_MAX, true);
	struct verdict *v;

	v = classify(text, true);
	assert_int_equal(v->kind, VERDICT_READ);
	verdict_destroy(v);
	free((char *)text.data);
	free((char *)inner.data);
	return unused;
}

static void run_on_small_stack(void *(*function)(void *))
{
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 2 * 1024 * 1024);
	assert_int_equal(pthread_create(&thread, &small, function, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&small);
}

static void test_survives_attacks(void **state)
{
	(void)state;
	run_on_small_stack(attack_all);
	run_on_small_stack(attack_both);
}

static void test_million_links(void **state)
{
	(void)state;
	survive(&(struct attack){ "select 1", "+1", "" }, 1000000, false);
	survive(&(struct attack){ "select ", "(", "1" }, 1000000, true);
	survive(&(struct attack){ "select a in (1", ",1", ")" }, 1000000, false);
}

/* A megabyte of literals in a list is still a read. */
static void test_long_list_is_read(void **state)
{
	const struct attack list = { "select b from t where a in (1", ",234567", ")" };
	struct span text = make_attack(&list, 150000, false);
	struct verdict *v = classify(text, true);

	(void)state;
	assert_int_equal(v->kind, VERDICT_READ);
	verdict_destroy(v);
	free((char *)text.data);
}

static void expect_unparsed(const struct attack *a, size_t count, enum verdict_reason reason,
			    enum pin_reason pin)
{
	struct span text = make_attack(a, count, false);
	struct verdict *v = classify(text, true);

	assert_int_equal(v->kind, VERDICT_WRITE);
	assert_int_equal(v->reason, reason);
	assert_int_equal(v->pin, pin);
	verdict_destroy(v);
	free((char *)text.data);
}

static void test_beyond_the_guard(void **state)
{
	(void)state;
	expect_unparsed(&(struct attack){ "insert into t values (1)", ",(1)", "" }, 20000,
			VERDICT_BECAUSE_TOO_LONG, PIN_NONE);
	expect_unparsed(&(struct attack){ "insert into t values ('set; temp')", ",(1)", "" }, 20000,
			VERDICT_BECAUSE_TOO_LONG, PIN_NONE);
	expect_unparsed(&(struct attack){ "insert into t values (set_config())", ",(1)", "" }, 20000,
			VERDICT_BECAUSE_TOO_LONG, PIN_TOO_LONG);
	expect_unparsed(&(struct attack){ "insert into t values (1)", ",(1)", "; listen c" }, 20000,
			VERDICT_BECAUSE_TOO_LONG, PIN_TOO_LONG);
	expect_unparsed(&(struct attack){ "set a = b", ", b", "" }, 40000, VERDICT_BECAUSE_TOO_LONG,
			PIN_TOO_LONG);
	expect_unparsed(&(struct attack){ "select 1", "+1", "" }, 2000, VERDICT_BECAUSE_TOO_DEEP,
			PIN_NONE);
	expect_unparsed(&(struct attack){ "select 1", "+1", " into temp t" }, 2000,
			VERDICT_BECAUSE_TOO_DEEP, PIN_TOO_LONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_survives_attacks),
		cmocka_unit_test(test_million_links),
		cmocka_unit_test(test_long_list_is_read),
		cmocka_unit_test(test_beyond_the_guard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
