/*
 * The normal form: what changes nothing, what must change it, and the measure
 * that protects the parser.
 */
#include "sql/normal.h"

#include "base/ensure.h"
#include "corpus.h"
#include "sql/digest.h"
#include "sql/lexer.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct normal_options standard = { .standard_conforming_strings = true };

static char room[NORMAL_BYTES_MAX];

static struct normal make(const char *text)
{
	struct normal n;

	normal_make(&n, span_of(text), &standard, room, sizeof(room));
	return n;
}

static void expect(const char *text, const char *form)
{
	struct normal n = make(text);

	if (!span_is(n.text, form))
		fail_msg("[%s] became [%.*s], not [%s]", text, SPAN_ARGS(n.text), form);
}

static void test_forms(void **state)
{
	(void)state;
	expect("SELECT abalance FROM pgbench_accounts WHERE aid = 123;",
	       "select abalance from pgbench_accounts where aid = $?");
	expect("select 1", "select $?");
	expect("select 'x'", "select '$?'");
	expect("select E'\\'', $$x$$, U&'x', N'x', b'1', X'1'",
	       "select '$?', '$?', '$?', n'$?', b'$?', x'$?'");
	expect("select u&'x' UESCAPE '!' , 1", "select '$?', $?");
	expect("select U&\"X\" UESCAPE  '!' from \"T\"",
	       "select u&\"X\" uescape '!' from \"T\"");
	expect("select count( * ) , f (a . b) :: int [ ] from s . t",
	       "select count(*), f(a.b)::int[] from s.t");
	expect("insert into t(a,b) values (1,'x'),(2,'y')",
	       "insert into t(a, b) values ($?, '$?'), ($?, '$?')");
	expect("(select 1)union(select 2)", "(select $?) union (select $?)");
	expect("select $1, a ? 'x'", "select $1, a ? '$?'");
	expect(" ; select 1 ;; select 2; ", "select $?; select $?");
	expect("Begin ;COMMIT", "Begin; COMMIT");
	expect("begin; select  1", "begin; select $?");
	expect("SET  x = 1; select 2", "SET  x = 1; select $?");
	expect("", "");
	expect(" -- x", "");
	expect("/* pgweir: replica */ select 1", "select $? /* pgweir: replica */");
}

static void test_in_lists(void **state)
{
	(void)state;
	expect("select a in (1)", "select a in ($?)");
	expect("select a in (1, 2,3)", "select a in ($?)");
	expect("select a in (-1, 2, - 3)", "select a in ($?)");
	expect("select a in ('x', 'y')", "select a in ('$?')");
	expect("select a in (x'1', x'2')", "select a in (x'$?')");
	expect("select a not in(1,2)", "select a not in ($?)");
	expect("select a in (1, b)", "select a in ($?, b)");
	expect("select a in (1, $1)", "select a in ($?, $1)");
	expect("select a in (1, 2 + 3)", "select a in ($?, $? + $?)");
	expect("select a in (1, (2))", "select a in ($?, ($?))");
	expect("select a in ()", "select a in ()");
	expect("select a in (1,)", "select a in ($?,)");
	expect("select a in ( 1.5 , -2\n)", "select a in ($?)");
	expect("select a in (1.5.5, 2)", "select a in ($? $?, $?)");
	expect("select a in ('x'\n'y', 'z')", "select a in ('$?')");
	expect("select a in ('x''y', E'\\'', 'z')", "select a in ('$?')");
	expect("select a in ('x' 'y', 'z')", "select a in ('$?' '$?', '$?')");
	expect("select a in (1/**/,2--\n)", "select a in ($?)");
	expect("select a in (0x1F, 1_0, 1e5)", "select a in ($?)");
	expect("select a in (1, 2", "select a in ($?, $?");
	expect("select a in (1 'x', 2)", "select a in ($? '$?', $?)");
	expect("select a in (1 b, 2)", "select a in ($? b, $?)");
	expect("select a in (1, b in (2, 3))", "select a in ($?, b in ($?))");
	expect("select a in (- 'x')", "select a in (- '$?')");
	expect("select a in (1, 2::int)", "select a in ($?, $?::int)");
	expect("select \"in\" (1, 2)", "select \"in\"($?, $?)");
	expect("select f(1, 2)", "select f($?, $?)");
}

static void test_signs(void **state)
{
	(void)state;
	expect("update t set a = a + -5", "update t set a = a + $?");
	expect("select -5, - 5, (-5), a[-1]", "select $?, $?, ($?), a[$?]");
	expect("select a - 5, a-5", "select a - $?, a - $?");
	expect("select a - -5", "select a - $?");
	expect("select 1 - -1", "select $? - $?");
	expect("select - -1, a - - - 1", "select $?, a - $?");
	expect("select - - a, - -1::int", "select - - a, - - $?::int");
	expect("select -1::int", "select - $?::int");
	expect("select -a", "select - a");
	expect("select + 1", "select + $?");
	expect("select (a) -1, b[1] -1, $1 -1, \"c\" -1",
	       "select (a) - $?, b[$?] - $?, $1 - $?, \"c\" - $?");
}

static void expect_different(const char *a, const char *b)
{
	char first[512];
	struct normal n = make(a);

	snprintf(first, sizeof(first), "%.*s", SPAN_ARGS(n.text));
	n = make(b);
	if (span_is(n.text, first))
		fail_msg("[%s] and [%s] have one normal form: %s", a, b, first);
}

/* Behind a dot any word is a name. */
static void test_reserved_word_behind_dot(void **state)
{
	(void)state;
	expect("select a.and - 5, a.limit -5", "select a.and - $?, a.limit - $?");
	expect("select a.in (1, 2)", "select a.in($?, $?)");
	expect("select a . in(1)", "select a.in($?)");
}

/* Rows of literals, of which some need no rules and some do. */
static void test_rows(void **state)
{
	(void)state;
	expect("values (1,'x', -2.5 ,3),( 'a' , 1e5, b, 'c''d' ,2)",
	       "values ($?, '$?', $?, $?), ('$?', $?, b, '$?', $?)");
	expect("select f(1,), f(,1), f(1 ,2)", "select f($?,), f(, $?), f($?, $?)");
	expect("values (-1::int, - 1, 2::int)", "values (- $?::int, $?, $?::int)");
	expect("values ('a'\n'b', 'c' -- x\n, 1)", "values ('$?', '$?', $?)");
	expect("values (1, u&'x' uescape '!', 2)", "values ($?, '$?', $?)");
	expect("select 1, 2, 3 from t", "select $?, $?, $? from t");
}

static void test_differences(void **state)
{
	(void)state;
	expect_different("begin", "begin read only");
	expect_different("set x = on", "set x = off");
	expect_different("do $$a$$", "do $$b$$");
	expect_different("execute a", "execute b");
	expect_different("explain select 1", "explain select 2");
	expect_different("select \"A\"", "select \"a\"");
	expect_different("select \"a\"", "select a");
	expect_different("select U&\"\\0061\"", "select U&\"\\0062\"");
	expect_different("select U&\"!0061\" uescape '!'", "select U&\"!0061\" uescape '?'");
	expect_different("select a ? b", "select a $1 b");
	expect_different("select $1", "select 1");
	expect_different("select $1", "select $2");
	expect_different("select 1", "select '1'");
	expect_different("select 1 - -1", "select 1--1");
	expect_different("select a - - b", "select a + b");
	expect_different("select a <> b", "select a < > b");
	expect_different("select a :: b", "select a : : b");
	expect_different("select a..b", "select a. .b");
	expect_different("select e 'x'", "select e'x'");
	expect_different("select n 'x'", "select n'x'");
	expect_different("select u & 'x'", "select u&'x'");
	expect_different("select f (1)", "select f");
	expect_different("select 1; select 2", "select 1");
	expect_different("select 1", "/* pgweir: replica */ select 1");
	expect_different("/* pgweir: primary */ select 1", "/* pgweir: replica */ select 1");
	expect_different("select nextval('a') from b", "select nextval from b");
}

/* A text with the same tokens but other space, comments, case and literals. */
static void vary(const char *text, unsigned seed, char *out, size_t size)
{
	static const char *const gaps[] = { " ", "\n", "\t ", " /* x; ' */ ", " -- y '\n", "  \r\n" };
	struct lexer l;
	struct token t;
	size_t used = 0;

	lexer_start(&l, span_of(text), true);
	for (t = lexer_next(&l); t.kind != TOKEN_END; t = lexer_next(&l)) {
		/* A newline would join two strings. */
		used += (size_t)snprintf(out + used, size - used, "%s",
					 t.kind == TOKEN_STRING ? " " : gaps[seed++ % 6]);
		if (t.kind == TOKEN_NUMBER)
			used += (size_t)snprintf(out + used, size - used, "%u.5e3", seed);
		else if (t.kind == TOKEN_STRING && !token_is_unicode(&t) && t.text.size > 3)
			used += (size_t)snprintf(out + used, size - used, "E'\\'%u'", seed);
		else
			used += (size_t)snprintf(out + used, size - used, "%.*s", SPAN_ARGS(t.text));
		if (t.kind == TOKEN_WORD && seed % 3 == 0)
			for (size_t i = used - t.text.size; i < used; i++)
				if (out[i] >= 'a' && out[i] <= 'z')
					out[i] -= 32;
	}
	out[used] = '\0';
}

static bool is_replaced(const char *text)
{
	static const char *const words[] = { "select", "SELECT", "(select", "with", "values",
					     "insert", "INSERT", "update", "UPDATE", "delete",
					     "merge", "table" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strncmp(text, words[i], strlen(words[i])) == 0)
			return !strstr(text, "pgweir:") && !strstr(text, "uescape");
	return false;
}

static void test_stable(void **state)
{
	char varied[8192], form[8192];
	unsigned count = 0;

	(void)state;
	for (size_t i = 0; i < CORPUS_SIZE; i++) {
		if (!is_replaced(corpus[i]))
			continue;
		struct normal n = make(corpus[i]);

		snprintf(form, sizeof(form), "%.*s", SPAN_ARGS(n.text));
		for (unsigned seed = 0; seed < 12; seed++, count++) {
			vary(corpus[i], seed, varied, sizeof(varied));
			expect(varied, form);
		}
	}
	assert_true(count > 400);
}

/* A normal form with values in it has itself as its normal form. */
static void test_idempotent(void **state)
{
	char again[8192], form[8192];

	(void)state;
	for (size_t i = 0; i < CORPUS_SIZE; i++) {
		struct normal n = make(corpus[i]);

		snprintf(form, sizeof(form), "%.*s", SPAN_ARGS(n.text));
		strcpy(again, form);
		normal_fill(again, strlen(again));
		assert_int_equal(strlen(again), strlen(form));
		expect(again, form);
	}
}

static void test_fill_spares_quotes(void **state)
{
	char text[] = "select $?, \"$?\", '$?', $?";

	(void)state;
	normal_fill(text, strlen(text));
	assert_string_equal(text, "select 01, \"$?\", '$?', 01");
}

static void test_cut_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < CORPUS_SIZE; i++) {
		for (size_t size = 0; size <= strlen(corpus[i]); size++) {
			char *copy = memory_get(size + !size);
			struct normal n;

			memcpy(copy, corpus[i], size);
			normal_make(&n, span_make(copy, size), &standard, room, sizeof(room));
			assert_false(n.is_too_long);
			/* Three bytes for a literal, a space before each token. */
			assert_true(n.text.size <= 5 * size + 32);
			free(copy);
		}
	}
}

static void test_broken(void **state)
{
	(void)state;
	assert_true(make("select 'x").is_broken);
	assert_true(make("select $?").is_broken);
	assert_true(make("select u&'x' uescape 1").is_broken);
	assert_true(make("select u&'x' uescape").is_broken);
	assert_true(make("select u&\"x\" uescape;").is_broken);
	assert_true(make("select 1\\").is_broken);
	assert_false(make("select u&'x' uescape '!'").is_broken);
	assert_false(make("select 1").is_broken);
}

static void test_old_strings(void **state)
{
	const struct normal_options old = { .standard_conforming_strings = false };
	struct normal n;

	(void)state;
	normal_make(&n, span_of("select 'a\\'; drop table t; --'"), &old, room, sizeof(room));
	assert_true(span_is(n.text, "select '$?'"));
	assert_false(n.has_old_escapes);
	assert_int_equal(n.statement_count, 1);
	normal_make(&n, span_of("select a in ('\\', 'b')"), &old, room, sizeof(room));
	assert_true(n.is_broken);
	normal_make(&n, span_of("select a in ('\\'', 'b')"), &old, room, sizeof(room));
	assert_true(span_is(n.text, "select a in ('$?')"));
	normal_make(&n, span_of("set x = 'a\\'; drop table t; --'"), &old, room, sizeof(room));
	assert_true(n.has_old_escapes);
	normal_make(&n, span_of("set x = 'a'"), &old, room, sizeof(room));
	assert_false(n.has_old_escapes);
}

/* "head", then `count` times "link", then "tail". */
static char *repeat(const char *head, const char *link, size_t count, const char *tail)
{
	size_t link_size = strlen(link), head_size = strlen(head);
	char *text = memory_get(head_size + link_size * count + strlen(tail) + 1);

	strcpy(text, head);
	for (size_t i = 0; i < count; i++)
		memcpy(text + head_size + i * link_size, link, link_size);
	strcpy(text + head_size + link_size * count, tail);
	return text;
}

static struct normal measure(const char *head, const char *link, size_t count, const char *tail)
{
	char *text = repeat(head, link, count, tail);
	struct normal n = make(text);

	free(text);
	n.first_word = span_of("");
	return n;
}

static void test_chains(void **state)
{
	(void)state;
	assert_int_equal(measure("select 1", "+1", 10, "").chain, 10);
	assert_int_equal(measure("select 1", "::int", 10, "").chain, 10);
	assert_int_equal(measure("select a", " collate b", 10, "").chain, 21);
	assert_true(normal_is_bounded(&(struct normal){ .chain = NORMAL_CHAIN_MAX }));
	assert_false(normal_is_bounded(&(struct normal){ .chain = NORMAL_CHAIN_MAX + 1 }));
	for (size_t count = NORMAL_CHAIN_MAX - 1; count <= NORMAL_CHAIN_MAX + 1; count++) {
		struct normal n = measure("select 1", "+1", count, "");

		assert_int_equal(normal_is_bounded(&n), count <= NORMAL_CHAIN_MAX);
	}
	assert_true(measure("select 1", "+1", 1500, "").chain > NORMAL_CHAIN_MAX);
	assert_true(measure("select 1", "::int", 1500, "").chain > NORMAL_CHAIN_MAX);
	assert_true(measure("select ", "- ", 1500, "1").chain > NORMAL_CHAIN_MAX);
	assert_true(measure("select ", "not ", 1500, "a").chain > NORMAL_CHAIN_MAX);
	assert_true(measure("select 1", " union select 1", 1500, "").chain > NORMAL_CHAIN_MAX);
	assert_true(measure("select 1,2", " union select 1,2", 1500, "").chain >
		    NORMAL_CHAIN_MAX);
	assert_true(measure("select * from a", " natural join a", 1500, "").chain >
		    NORMAL_CHAIN_MAX);
	assert_true(measure("select a", " collate \"C\"", 1500, "").chain > NORMAL_CHAIN_MAX);
	/* A chain whose links are brackets. */
	assert_true(measure("select 1", "+(1)", 1500, "").chain > NORMAL_CHAIN_MAX);
	assert_true(measure("select ", "case when a then ", 1500, "").chain > NORMAL_CHAIN_MAX);
}

static void test_lists_are_no_chains(void **state)
{
	(void)state;
	assert_true(measure("select 1", ", a.b + 1 as c", 3000, "").chain < 20);
	assert_true(measure("insert into t values (1)", ", (1 + 2, f(a))", 3000, "").chain < 20);
	assert_true(measure("select a in (1", ", 2", 300000, ")").chain < 20);
	assert_true(measure("select 1", "; select 1 + 1", 3000, "").chain < 20);
	/* AND is flat: what counts is one "=" each. */
	assert_int_equal(measure("select 1 where a", " and a.b = 1", 300, "").chain, 300);
}

static void test_nesting(void **state)
{
	char *open, *text;
	struct normal n;

	(void)state;
	for (size_t depth = NORMAL_NESTING_MAX - 1; depth <= NORMAL_NESTING_MAX + 1; depth++) {
		open = repeat("select ", "(", depth, "1");
		text = repeat(open, ")", depth, "");
		n = make(text);
		assert_int_equal(n.nesting, depth);
		assert_int_equal(normal_is_bounded(&n), depth <= NORMAL_NESTING_MAX);
		free(open);
		free(text);
	}
	n = measure("select ", "(", 65000, "");
	assert_int_equal(n.nesting, 65000);
	n = measure("select ", "(", 1000000, "");
	assert_true(n.is_too_long);
	n = measure("select ", "[", 1000, "");
	assert_int_equal(n.nesting, 1000);
	n = measure("select ", ")", 1000, "");
	assert_int_equal(n.nesting, 0);
	/* What is in brackets counts where the brackets stand. */
	assert_true(measure("select (((1", "+1", 2000, ")))").chain > NORMAL_CHAIN_MAX);
	assert_true(measure("select f(f(f(1", "+1", 2000, "), 1), 1), 1").chain >
		    NORMAL_CHAIN_MAX);
}

static void test_length(void **state)
{
	struct normal n;

	(void)state;
	n = measure("select a in (1", ",2", 500000, ")");
	assert_true(span_is(n.text, "select a in ($?)"));
	assert_false(n.is_too_long);
	n = measure("select a in (1", ",2", 500000, ",b)");
	assert_true(n.is_too_long);
	for (size_t size = NORMAL_BYTES_MAX - 1; size <= NORMAL_BYTES_MAX + 1; size++) {
		n = measure("select ", "a", size - strlen("select "), "");
		assert_int_equal(n.is_too_long, size > NORMAL_BYTES_MAX);
	}
	n = measure("set x = ", "a", NORMAL_BYTES_MAX, "");
	assert_true(n.is_too_long);
}

static void test_small_room(void **state)
{
	struct normal n;
	char small[17];

	(void)state;
	for (size_t size = 0; size < 16; size++) {
		memset(small, '#', sizeof(small));
		normal_make(&n, span_of("select a, 1, 'x'"), &standard, small, size);
		assert_true(n.is_too_long);
		assert_int_equal(small[size], '#');
		assert_memory_equal(small, "select a, $?, '$?'", size);
	}
}

static void test_people_see_no_secrets(void **state)
{
	char shown[64];
	size_t size = digest_describe(span_of("ALTER ROLE r PASSWORD 'secret'"), true, shown,
				      sizeof(shown));

	(void)state;
	assert_true(span_is(span_make(shown, size), "alter role r password '$?'"));
	size = digest_describe(span_of("select \"ééééééé\""), true, shown, 12);
	assert_true(span_is(span_make(shown, size), "select \"éé") ||
		    span_is(span_make(shown, size), "select \"é"));
	size = digest_describe_unkept(span_of("INSERT"), "too long", shown, sizeof(shown));
	assert_true(span_is(span_make(shown, size), "insert (too long)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_in_lists),
		cmocka_unit_test(test_signs),
		cmocka_unit_test(test_reserved_word_behind_dot),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_differences),
		cmocka_unit_test(test_stable),
		cmocka_unit_test(test_idempotent),
		cmocka_unit_test(test_fill_spares_quotes),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_old_strings),
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_lists_are_no_chains),
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_small_room),
		cmocka_unit_test(test_people_see_no_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
