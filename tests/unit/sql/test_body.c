/*
 * What bodies of functions may leave, and which words they have (src/sql/body.h).
 */
#include "sql/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *text, bool is_sql, enum pin_reason wanted)
{
	enum pin_reason found = body_read(span_of(text), is_sql, NULL, NULL);

	if (found != wanted)
		fail_msg("%s: %s", text, pin_reason_word(found));
}

static void test_leaving(void **state)
{
	static const char *const bodies[] = {
		"begin perform set_config('a.b', x, false); end",
		"begin perform set_config('a.b', x, is_local); end",
		"select set_config('a.b', (select max(x) from t), $1)",
		"select pg_catalog.\"set_config\"('a.b', 'c', false)",
		"begin set work_mem = '3MB'; end",
		"begin if x then set role app; end if; end",
		"begin loop reset all; end loop; end",
		"begin listen channel; end",
		"begin create temp table t (n int); end",
		"begin create local temporary table t (n int); end",
		"begin create or replace temp view v as select 1; end",
		"begin create temp table t on commit delete rows as select 1; end",
		"begin select 1 into temp t; end",
		"begin create table pg_temp.t (n int); end",
		"begin perform pg_advisory_lock(1); end",
		"begin perform pg_try_advisory_lock_shared(1, 2); end",
		"begin execute 'prepare p as select 1'; end",
		"begin execute 'declare c cursor with hold for select 1'; end",
		"begin execute format('set %I = %L', a, b); end",
		"begin execute 'set ' || a; end",
		"begin execute $q$create temp table t (n int)$q$; end",
		"begin execute 'select set_config(''a.b'', ''c'', false)'; end",
		"begin s := 'update t'; execute s || '; set work_mem = 1'; end",
		"begin execute 'discard temp'; end",
		"begin /* nothing */ /* so far */ SET Work_Mem = 1; end",
		"begin raise notice 'x'; set work_mem = 1; end",
		"select U&\"set\\005fconfig\"('a', 'b', false)",
		"perform x' -- a quote without its end \n; set work_mem = 1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		expect(bodies[i], true, PIN_FUNCTION);
}

static void test_harmless(void **state)
{
	static const char *const bodies[] = {
		"", "begin", "select 1",
		"begin perform set_config('a.b', f(x, y), true); end",
		"begin set local work_mem = '3MB'; end",
		"begin set constraints all deferred; end",
		"begin execute 'set local work_mem = 1'; end",
		"begin execute 'select set_config(''a.b'', ''c'', true)'; end",
		"begin update t\n set a = 1; end",
		"begin if x then update t set a = 1; end if; end",
		"begin insert into t values (1) on conflict (id) do update set a = 2; end",
		"begin execute 'update t' || ' set a = 1'; end",
		"-- set a name; load it\nselect 1",
		"/* set it */ begin return new; /* reset it */ end",
		"declare temp int; begin temp := 1; return temp; end",
		"select temp, hold, temporary from rooms",
		"begin create temp table t on commit drop as select 1; end",
		"begin create temp table if not exists t (n int) on commit drop; end",
		"begin perform pg_advisory_xact_lock(1); end",
		"begin raise exception 'set your name first'; end",
		"select case when a then load else reset end from t",
		"begin declare c cursor for select 1; begin open c; end; end",
		"alter table t set (fillfactor = 50)",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		expect(bodies[i], true, PIN_NONE);
}

static void test_what_no_reset_undoes(void **state)
{
	(void)state;
	expect("begin perform setseed(0.5); end", true, PIN_UNRESETTABLE);
	expect("begin set work_mem = 1; load 'auto_explain'; end", true, PIN_UNRESETTABLE);
	expect("begin perform setseed(0.5); set work_mem = 1; end", true, PIN_UNRESETTABLE);
	expect("select dblink_connect('a', 'b')", true, PIN_UNRESETTABLE);
}

static void test_other_languages(void **state)
{
	(void)state;
	expect("plpy.execute(\"select 1\")", false, PIN_NONE);
	expect("plpy.execute(\"SET work_mem = 1\")", false, PIN_FUNCTION);
	expect("spi_exec_query('create temp table t (n int)');", false, PIN_FUNCTION);
	expect("x = \"\"\"it's\"\"\" # pg_advisory_lock", false, PIN_FUNCTION);
	expect("plpy.execute('select setseed(1)')", false, PIN_UNRESETTABLE);
}

/* Each of danger.def that leaves something is found in a body. */
static void test_dangers(void **state)
{
	static const struct {
		const char *name;
		enum pin_reason pin;
	} dangers[] = {
#define DANGER(name, pin) { name, pin },
#include "sql/danger.def"
#undef DANGER
	};
	char body[200];

	(void)state;
	for (size_t i = 0; i < sizeof(dangers) / sizeof(dangers[0]); i++) {
		enum pin_reason wanted = dangers[i].pin == PIN_NONE	    ? PIN_NONE :
					 dangers[i].pin == PIN_UNRESETTABLE ? PIN_UNRESETTABLE :
									      PIN_FUNCTION;

		snprintf(body, sizeof(body), "begin perform public.%s(x); end", dangers[i].name);
		if (!strchr(dangers[i].name, '*'))
			expect(body, true, wanted);
	}
}

static void collect(void *context, struct span word)
{
	strcat(strncat(context, word.data, word.size), " ");
}

static void expect_words(const char *text, bool is_sql, const char *wanted)
{
	char words[500] = "";

	body_read(span_of(text), is_sql, collect, words);
	assert_string_equal(words, wanted);
}

static void test_words(void **state)
{
	(void)state;
	expect_words("select A.b(\"C d\", 1) -- e\n", true, "select a b c d ");
	expect_words("execute 'select f(''g'')' || $x$h$x$", true, "execute select f g h ");
	expect_words("raise notice 'no words'", true, "raise notice ");
	expect_words("my $x = 'A'; # b", false, "my x a b ");
}

/* Cut anywhere, it is read without a fault. */
static void test_cut_at_every_byte(void **state)
{
	static const char text[] = "begin execute E'a\\'b' || $q$set x$q$; perform "
				   "set_config('a', f(1, 2), true); \"a\"\"b\" U&'x' end";

	(void)state;
	for (size_t size = 0; size < sizeof(text); size++) {
		char *copy = strndup(text, size);

		body_read(span_make(copy, size), true, NULL, NULL);
		body_read(span_make(copy, size), false, NULL, NULL);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leaving),
		cmocka_unit_test(test_harmless),
		cmocka_unit_test(test_what_no_reset_undoes),
		cmocka_unit_test(test_other_languages),
		cmocka_unit_test(test_dangers),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_cut_at_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
