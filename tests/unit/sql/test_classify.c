/*
 * Verdicts on a corpus of statements.  The
 * truths are from the manual, not from the classifier.
 */
#include "sql/classifying.h"

#include <pthread.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const kinds[] = {
	[VERDICT_READ] = "read",	   [VERDICT_WRITE] = "write", [VERDICT_CONTROL] = "control",
	[VERDICT_SESSION] = "session", [VERDICT_EMPTY] = "empty",
};

struct expectation {
	const char *text;
	enum verdict_kind kind;
	enum verdict_reason reason;
	enum pin_reason pin;
};

#define READ VERDICT_READ, VERDICT_BECAUSE_READ, PIN_NONE
#define WRITE VERDICT_WRITE, VERDICT_BECAUSE_WRITE, PIN_NONE
#define CONTROL VERDICT_CONTROL, VERDICT_BECAUSE_CONTROL, PIN_NONE
#define SESSION VERDICT_SESSION, VERDICT_BECAUSE_SESSION, PIN_NONE
#define PINS(pin) VERDICT_SESSION, VERDICT_BECAUSE_SESSION, PIN_##pin
#define FUNCTION VERDICT_WRITE, VERDICT_BECAUSE_FUNCTION, PIN_NONE
#define LOCKING VERDICT_WRITE, VERDICT_BECAUSE_LOCKING, PIN_NONE
#define WRITING_CTE VERDICT_WRITE, VERDICT_BECAUSE_WRITING_CTE, PIN_NONE
#define ANALYZE VERDICT_WRITE, VERDICT_BECAUSE_EXPLAIN_ANALYZE, PIN_NONE
#define NOT_PARSED VERDICT_WRITE, VERDICT_BECAUSE_NOT_PARSED, PIN_NONE
#define TEMPORARY VERDICT_WRITE, VERDICT_BECAUSE_WRITE, PIN_TEMPORARY_TABLE
#define EMPTY VERDICT_EMPTY, VERDICT_BECAUSE_EMPTY, PIN_NONE

static const struct expectation expectations[] = {
	/* reads */
	{ "SELECT abalance FROM pgbench_accounts WHERE aid = 1;", READ },
	{ "select 1", READ },
	{ "values (1), (2)", READ },
	{ "table t", READ },
	{ "(select 1) union all (select 2)", READ },
	{ "with a as (select 1) select * from a", READ },
	{ "with recursive r as (select 1 union all select * from r) select * from r", READ },
	{ "select * from t where a in (1, 2, 3)", READ },
	{ "select * from t where a in (select b from u)", READ },
	{ "select count(*) from (with x as (select 1) select * from x) y", READ },
	{ "select f(a), random() from t", READ },
	{ "select a::int, date '2020-01-01', interval '1 day' from t", READ },
	{ "select * from t tablesample system (1)", READ },
	{ "select * from t, lateral (select * from u where u.a = t.a) v", READ },
	{ "select sum(a) over (partition by b) from t window w as (order by c)", READ },
	{ "select xmlelement(name a, b), row(1), array[1], case when a then b end from t", READ },
	{ "select * from generate_series(1, 10) g(x)", READ },
	{ "select * from json_to_recordset('[]') as x(a int, b text)", READ },
	{ "select current_date, current_user, localtimestamp", READ },
	{ "select 1; select 2", READ },
	{ "select 1;;; select 2;", READ },
	{ "/* pgweir: replica */ select 1", READ },
	{ "select 0x1F, 1_000", READ },
	{ "select 'insert into t values (1)'", READ },
	{ "select 1 -- ; drop table t", READ },
	{ "select 1 /* ; drop table t */", READ },
	{ "select \"insert\" from \"update\"", READ },
	{ "select $$; drop table t;$$", READ },
	{ "explain select 1", READ },
	{ "explain (verbose, format json) select * from t", READ },
	{ "explain values (1)", READ },
	{ "select position('a' in ('b'))", READ },
	{ "select a ? 'x', b ?| c, d @> e from t", READ },
	/* nothing */
	{ "", EMPTY },
	{ ";", EMPTY },
	{ " ; -- x\n ;/* y */", EMPTY },
	/* writes */
	{ "insert into t values (1)", WRITE },
	{ "insert into t select * from u", WRITE },
	{ "insert into t default values returning *", WRITE },
	{ "update t set a = 1", WRITE },
	{ "delete from t", WRITE },
	{ "merge into t using u on t.a = u.a when matched then delete", WRITE },
	{ "with a as (select 1) insert into t select * from a", WRITE },
	{ "with a as (select 1) update t set b = (select * from a)", WRITE },
	{ "truncate t", WRITE },
	{ "create table t (a int)", WRITE },
	{ "create unlogged table t (a int)", WRITE },
	{ "create table t as select 1", WRITE },
	{ "create materialized view m as select 1", WRITE },
	{ "refresh materialized view m", WRITE },
	{ "create index concurrently i on t (a)", WRITE },
	{ "create view v as select set_bit('1', 1, 1)", WRITE },
	{ "create function f() returns int language sql as 'select 1' set search_path = a", WRITE },
	{ "create schema s create table t (a int)", WRITE },
	{ "create extension e", WRITE },
	{ "create role r", WRITE },
	{ "create rule r as on insert to t do instead (select 1; select 2)", WRITE },
	{ "alter table t add column b int", WRITE },
	{ "alter system set work_mem = '1MB'", WRITE },
	{ "alter role r set work_mem = '1MB'", WRITE },
	{ "alter database d set work_mem = '1MB'", WRITE },
	{ "drop table t", WRITE },
	{ "comment on table t is 'x'", WRITE },
	{ "grant select on t to r", WRITE },
	{ "revoke select on t from r", WRITE },
	{ "security label on table t is 'x'", WRITE },
	{ "vacuum t", WRITE },
	{ "analyze t", WRITE },
	{ "cluster t", WRITE },
	{ "reindex table t", WRITE },
	{ "checkpoint", WRITE },
	{ "lock table t in share mode", WRITE },
	{ "notify c, 'x'", WRITE },
	{ "copy t from stdin", WRITE },
	{ "copy t to stdout", WRITE },
	{ "copy (select 1) to stdout", WRITE },
	{ "copy (insert into t values (1) returning *) to stdout", WRITE },
	{ "copy t to program 'cat'", WRITE },
	{ "call p()", WRITE },
	{ "call p((select 1))", WRITE },
	{ "do $$ begin null; end $$", WRITE },
	{ "do 'begin update t set a = 1; end'", WRITE },
	{ "explain insert into t values (1)", WRITE },
	{ "explain create table t as select 1", WRITE },
	{ "import foreign schema s from server x into y", WRITE },
	{ "reassign owned by a to b", WRITE },
	{ "set constraints all immediate", WRITE },
	{ "commit prepared 'x'", WRITE },
	{ "rollback prepared 'x'", WRITE },
	{ "select 1; drop table t", WRITE },
	{ "select 1; insert into t values (1); select 2", WRITE },
	{ "insert into t values (1); select 1", WRITE },
	{ "select 1;/**/drop table t", WRITE },
	{ "/**/insert into t values (1)", WRITE },
	{ "begin; insert into t values (1); commit", WRITE },
	/* analyze */
	{ "explain analyze select 1", ANALYZE },
	{ "explain (analyze) insert into t values (1)", ANALYZE },
	{ "explain (analyze false) select 1", READ },
	{ "explain (verbose, analyze on) select 1", ANALYZE },
	{ "explain analyze execute p", ANALYZE },
	/* WITH that writes */
	{ "with a as (insert into t values (1) returning *) select * from a", WRITING_CTE },
	{ "with a as (delete from t returning *) select count(*) from a", WRITING_CTE },
	{ "with a as (select 1), b as (update t set a = 1 returning *) table b", WRITING_CTE },
	{ "explain with a as (delete from t returning *) select * from a", WRITING_CTE },
	/* locks */
	{ "select * from t for update", LOCKING },
	{ "select * from t for no key update of t nowait", LOCKING },
	{ "select * from t for share skip locked", LOCKING },
	{ "select * from t for key share", LOCKING },
	{ "select * from (select * from t for update) x", LOCKING },
	{ "with a as (select * from t for update) select * from a", LOCKING },
	{ "select a, (select b from t limit 1 for share) from u", LOCKING },
	{ "select 1 where exists (select * from t for update)", LOCKING },
	{ "explain select * from t for update", LOCKING },
	/* into */
	{ "select * into u from t", VERDICT_WRITE, VERDICT_BECAUSE_INTO, PIN_NONE },
	{ "select 1 into temp u", VERDICT_WRITE, VERDICT_BECAUSE_INTO, PIN_TEMPORARY_TABLE },
	{ "select * into temporary table u from t", VERDICT_WRITE, VERDICT_BECAUSE_INTO,
	  PIN_TEMPORARY_TABLE },
	{ "select * into pg_temp.u from t", VERDICT_WRITE, VERDICT_BECAUSE_INTO,
	  PIN_TEMPORARY_TABLE },
	/* functions */
	{ "select nextval('s')", FUNCTION },
	{ "select pg_catalog.nextval('s')", FUNCTION },
	{ "SELECT NextVal('s')", FUNCTION },
	{ "select currval('s'), lastval()", FUNCTION },
	{ "select setval('s', 1)", FUNCTION },
	{ "select * from t where a = nextval('s')", FUNCTION },
	{ "select * from t order by setval('s', 1)", FUNCTION },
	{ "with a as (select nextval('s')) select * from a", FUNCTION },
	{ "select count(*) filter (where nextval('s') > 1) from t", FUNCTION },
	{ "select query_to_xml('drop table t', true, true, '')", FUNCTION },
	{ "select table_to_xmlschema('t', true, true, '')", FUNCTION },
	{ "select database_to_xml_and_xmlschema(true, true, '')", FUNCTION },
	{ "select * from dblink('c', 'drop table t') as x(a int)", FUNCTION },
	{ "select lo_import('/x')", FUNCTION },
	{ "select lo_unlink(1)", FUNCTION },
	{ "select pg_notify('c', 'x')", FUNCTION },
	{ "select txid_current()", FUNCTION },
	{ "select pg_current_xact_id()", FUNCTION },
	{ "select pg_logical_emit_message(true, 'a', 'b')", FUNCTION },
	{ "select pg_create_restore_point('x')", FUNCTION },
	{ "select pg_terminate_backend(1)", FUNCTION },
	{ "select pg_read_file('/x')", FUNCTION },
	{ "select pg_advisory_xact_lock(1)", FUNCTION },
	{ "select pg_advisory_unlock_all()", FUNCTION },
	{ "select pg_advisory_unlock(1)", FUNCTION },
	{ "select current_setting('x')", FUNCTION },
	{ "select ts_stat('select a from t')", FUNCTION },
	{ "explain select nextval('s')", FUNCTION },
	{ "select set_config('a', 'b', false)", VERDICT_WRITE, VERDICT_BECAUSE_FUNCTION,
	  PIN_NONE },
	{ "select * from t where set_config('a', 'b', true) = 'x'", VERDICT_WRITE,
	  VERDICT_BECAUSE_FUNCTION, PIN_NONE },
	{ "select set_config('a', 'b', $1)", VERDICT_WRITE, VERDICT_BECAUSE_FUNCTION,
	  PIN_NONE },
	{ "select pg_catalog.\"set_config\"('a', 'b', false)", VERDICT_WRITE,
	  VERDICT_BECAUSE_FUNCTION, PIN_NONE },
	{ "select U&\"set\\005fconfig\"('a', 'b', false)", VERDICT_WRITE, VERDICT_BECAUSE_FUNCTION,
	  PIN_NONE },
	{ "select set_config('a', 'b', true)", FUNCTION },
	{ "select pg_catalog.set_config('a', $1, TRUE), set_config($2, 'b', true)", FUNCTION },
	{ "select set_config('a', 'b', not true)", FUNCTION },
	{ "select set_config('a', 'b', 'true')", FUNCTION },
	{ "select set_config('a', 'b', 't'::bool)", FUNCTION },
	{ "select set_config('a', 'b', t.c) from t", FUNCTION },
	{ "select set_config('a', 'b', true or c) from t", FUNCTION },
	{ "select set_config('a', 'b')", FUNCTION },
	{ "select set_config(is_local => false, setting_name => 'a', new_value => 'b')",
	  FUNCTION },
	{ "select set_config('a', 'b', true), set_config('a', 'b', false)", FUNCTION },
	{ "select set_config('a', set_config('b', 'c', false), true)", FUNCTION },
	{ "select set_config('search_path', 'a', true)", FUNCTION },
	{ "select setseed(0.5)", VERDICT_WRITE, VERDICT_BECAUSE_FUNCTION, PIN_UNRESETTABLE },
	{ "select pg_advisory_lock(1)", VERDICT_WRITE, VERDICT_BECAUSE_FUNCTION,
	  PIN_ADVISORY_LOCK },
	{ "select pg_try_advisory_lock_shared(1, 2)", VERDICT_WRITE, VERDICT_BECAUSE_FUNCTION,
	  PIN_ADVISORY_LOCK },
	{ "insert into t select pg_advisory_lock(1)", VERDICT_WRITE, VERDICT_BECAUSE_WRITE,
	  PIN_ADVISORY_LOCK },
	{ "call p(pg_advisory_lock(1))", VERDICT_WRITE, VERDICT_BECAUSE_WRITE,
	  PIN_ADVISORY_LOCK },
	{ "select dblink_connect('c', 'x')", VERDICT_WRITE, VERDICT_BECAUSE_FUNCTION,
	  PIN_UNRESETTABLE },
	/* transactions */
	{ "begin", CONTROL },
	{ "BEGIN;", CONTROL },
	{ "begin isolation level serializable read only deferrable", CONTROL },
	{ "start transaction read only", CONTROL },
	{ "commit", CONTROL },
	{ "end", CONTROL },
	{ "commit and chain", CONTROL },
	{ "rollback", CONTROL },
	{ "abort", CONTROL },
	{ "savepoint a", CONTROL },
	{ "release a", CONTROL },
	{ "rollback to a", CONTROL },
	{ "prepare transaction 'x'", CONTROL },
	{ "set transaction read only", CONTROL },
	{ "set transaction isolation level serializable", CONTROL },
	{ "set transaction snapshot 'x'", CONTROL },
	{ "commit; begin", CONTROL },
	{ "begin; select 1", VERDICT_WRITE, VERDICT_BECAUSE_CONTROL, PIN_NONE },
	{ "select 1; begin", VERDICT_WRITE, VERDICT_BECAUSE_CONTROL, PIN_NONE },
	{ "begin; select 1; commit", VERDICT_WRITE, VERDICT_BECAUSE_CONTROL, PIN_NONE },
	{ "begin; set local a = 1", VERDICT_WRITE, VERDICT_BECAUSE_CONTROL, PIN_NONE },
	/* sessions */
	{ "set a.b = 1", SESSION },
	{ "set session work_mem = '1MB'", SESSION },
	{ "set transaction_read_only = 0", SESSION },
	{ "set default_transaction_read_only to off", SESSION },
	{ "set session characteristics as transaction read only", SESSION },
	{ "set role r", SESSION },
	{ "set session authorization r", SESSION },
	{ "set time zone 'UTC'", SESSION },
	{ "set names 'utf8'", SESSION },
	{ "set search_path = pg_temp", PINS(TEMPORARY_TABLE) },
	{ "set local a.b = 1", SESSION },
	{ "set local search_path = pg_temp", PINS(TEMPORARY_TABLE) },
	{ "set local search_path = 'public, pg_temp'", PINS(TEMPORARY_TABLE) },
	{ "set a.b to default", SESSION },
	{ "reset a.b", SESSION },
	{ "reset all", SESSION },
	{ "reset session authorization", SESSION },
	{ "show all", SESSION },
	{ "show transaction_read_only", SESSION },
	{ "discard all", SESSION },
	{ "discard temp", SESSION },
	{ "deallocate p", SESSION },
	{ "deallocate prepare all", SESSION },
	{ "listen c", PINS(LISTEN) },
	{ "unlisten c", SESSION },
	{ "unlisten *", SESSION },
	{ "load 'x'", PINS(LOAD) },
	{ "prepare p as select 1", PINS(PREPARE) },
	{ "prepare p as insert into t values (1)", PINS(PREPARE) },
	{ "execute p", SESSION },
	{ "execute p(1, 'x')", SESSION },
	{ "explain execute p", SESSION },
	{ "declare c cursor for select 1", SESSION },
	{ "declare c cursor with hold for select 1", PINS(HOLD_CURSOR) },
	{ "declare c scroll cursor without hold for select 1", SESSION },
	{ "fetch 1 from c", SESSION },
	{ "move 1 in c", SESSION },
	{ "close c", SESSION },
	{ "close all", SESSION },
	{ "select 1; show all", SESSION },
	{ "set a.b = 1; select 1", SESSION },
	{ "set a.b = 1; insert into t values (1)", VERDICT_WRITE, VERDICT_BECAUSE_WRITE, PIN_NONE },
	{ "begin; listen c", VERDICT_WRITE, VERDICT_BECAUSE_CONTROL, PIN_LISTEN },
	/* temporary things */
	{ "create temp table t (a int)", TEMPORARY },
	{ "create temporary table t as select 1", TEMPORARY },
	{ "create local temp table t (a int) on commit drop", TEMPORARY },
	{ "create table pg_temp.t (a int)", TEMPORARY },
	{ "create temp view v as select 1", TEMPORARY },
	{ "create temp sequence s", TEMPORARY },
	{ "create table if not exists pg_temp.t as select 1", TEMPORARY },
	{ "create function pg_temp.f() returns int language sql as 'select 1'", TEMPORARY },
	{ "create type pg_temp.t as (a int)", TEMPORARY },
	{ "create domain pg_temp.d as int", TEMPORARY },
	{ "select * from pg_temp.t", VERDICT_READ, VERDICT_BECAUSE_READ, PIN_TEMPORARY_TABLE },
	{ "do $$ begin create temp table t (a int); end $$", VERDICT_WRITE, VERDICT_BECAUSE_WRITE,
	  PIN_NOT_PARSED },
	{ "do $$ begin set work_mem = '1MB'; end $$", VERDICT_WRITE, VERDICT_BECAUSE_WRITE,
	  PIN_NOT_PARSED },
	{ "do $$ begin execute 'listen c'; end $$", VERDICT_WRITE, VERDICT_BECAUSE_WRITE,
	  PIN_NOT_PARSED },
	{ "do $$ begin perform set_config('a', 'b', false); end $$", VERDICT_WRITE,
	  VERDICT_BECAUSE_WRITE, PIN_NOT_PARSED },
	/* errors, and what a newer server may understand */
	{ "selct 1", NOT_PARSED },
	{ "select from where", NOT_PARSED },
	{ "select 1a", NOT_PARSED },
	{ "select 'x", NOT_PARSED },
	{ "select (1", NOT_PARSED },
	{ "select \\d", NOT_PARSED },
	{ "merge into t using s on t.a = s.a when matched then delete returning *", NOT_PARSED },
	{ "update t set a = 1 returning with (old as o) o.a", NOT_PARSED },
	{ "select set_config('a', 'b', false) new syntax", VERDICT_WRITE, VERDICT_BECAUSE_NOT_PARSED,
	  PIN_NOT_PARSED },
	{ "select \"set_config\"('a', 'b', false) new syntax", VERDICT_WRITE, VERDICT_BECAUSE_NOT_PARSED,
	  PIN_NOT_PARSED },
	{ "select U&\"set\\005fconfig\"('a', 'b', false) new syntax", VERDICT_WRITE,
	  VERDICT_BECAUSE_NOT_PARSED, PIN_NOT_PARSED },
	{ "create temp table t (a int) new syntax", VERDICT_WRITE, VERDICT_BECAUSE_NOT_PARSED,
	  PIN_NOT_PARSED },
	{ "select 1 into new temp table t syntax", VERDICT_WRITE, VERDICT_BECAUSE_NOT_PARSED,
	  PIN_NOT_PARSED },
	{ "select 1 new syntax; set a = 1", VERDICT_WRITE, VERDICT_BECAUSE_NOT_PARSED,
	  PIN_NOT_PARSED },
	{ "set a new = 1", VERDICT_WRITE, VERDICT_BECAUSE_NOT_PARSED, PIN_NOT_PARSED },
	{ "begin new syntax", NOT_PARSED },
	{ "select 'set a = 1; listen x; temp' new syntax", NOT_PARSED },
};

enum { EXPECTATION_COUNT = sizeof(expectations) / sizeof(expectations[0]) };

static void check(const struct expectation *e)
{
	struct verdict *v = classify(span_of(e->text), true);

	if (v->kind != e->kind || v->reason != e->reason || v->pin != e->pin)
		fail_msg("%s: %s, %s, pin %s", e->text, kinds[v->kind],
			 verdict_reason_word(v->reason), pin_reason_word(v->pin));
	verdict_destroy(v);
}

static void test_corpus(void **state)
{
	(void)state;
	assert_true(EXPECTATION_COUNT >= 150);
	for (size_t i = 0; i < EXPECTATION_COUNT; i++)
		check(&expectations[i]);
}

/* White space, comments and letter case are nothing to the classifier. */
static void test_corpus_in_capitals(void **state)
{
	(void)state;
	for (size_t i = 0; i < EXPECTATION_COUNT; i++) {
		struct expectation e = expectations[i];
		char text[512];
		size_t size = (size_t)snprintf(text, sizeof(text), "/*x*/\n%s -- ; y", e.text);

		if (strpbrk(e.text, "'\"$\\"))
			continue;
		for (size_t k = 5; k < size; k++)
			text[k] = (char)(text[k] >= 'a' && text[k] <= 'z' ? text[k] - 32 : text[k]);
		e.text = text;
		if (!strstr(expectations[i].text, "pgweir:"))
			check(&e);
	}
}

/* A read and anything that is none is never a read, in either order. */
static void test_pairs(void **state)
{
	(void)state;
	for (size_t i = 0; i < EXPECTATION_COUNT; i++) {
		const struct expectation *e = &expectations[i];
		char before[512], after[512];
		struct verdict *v, *w;

		if (e->kind == VERDICT_EMPTY || strchr(e->text, '\\') ||
		    strcmp(e->text, "select 'x") == 0 || strcmp(e->text, "select (1") == 0)
			continue;
		snprintf(before, sizeof(before), "%s\n; select 1", e->text);
		snprintf(after, sizeof(after), "select 1; %s", e->text);
		v = classify(span_of(before), true);
		w = classify(span_of(after), true);
		assert_int_equal(v->kind == VERDICT_READ, e->kind == VERDICT_READ);
		assert_int_equal(w->kind == VERDICT_READ, e->kind == VERDICT_READ);
		assert_int_equal(v->pin, e->pin);
		assert_int_equal(w->pin, e->pin);
		verdict_destroy(v);
		verdict_destroy(w);
	}
}

static void join(const char *const *names, unsigned count, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < count; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s", i ? " " : "", names[i]);
}

static void expect_names(const char *text, const char *functions, const char *operators,
			 const char *relations, const char *types, const char *attributes)
{
	struct verdict *v = classify(span_of(text), true);
	char out[1024];

	join(v->functions, v->function_count, out, sizeof(out));
	assert_string_equal(out, functions);
	join(v->operators, v->operator_count, out, sizeof(out));
	assert_string_equal(out, operators);
	join(v->relations, v->relation_count, out, sizeof(out));
	assert_string_equal(out, relations);
	join(v->types, v->type_count, out, sizeof(out));
	assert_string_equal(out, types);
	join(v->attributes, v->attribute_count, out, sizeof(out));
	assert_string_equal(out, attributes);
	verdict_destroy(v);
}

static void test_names(void **state)
{
	(void)state;
	expect_names("select F(a), s.G(b), \"H\"(c), db.s.i(d), f(e)", "H f s.g s.i", "", "", "",
		     "");
	expect_names("select * from T, s.U, \"V\", db.s.w", "", "", "V s.u s.w t", "", "");
	expect_names("select a + b, c operator(s.@>) d, - e", "", "+ - s.@>", "", "", "");
	expect_names("select a::int, cast(b as text), s.t 'x', c::\"U\"[]", "", "",
		     "", "U pg_catalog.int4 s.t text", "");
	expect_names("select t.a, (t).b, s.t.c, (f(x)).d.e, t.*", "f", "", "", "", "a b c d e");
	expect_names("select a in (1), b not in (2)", "", "<> =", "", "", "");
	expect_names("select a in (select 1), b = any (select 2), c < all (select 3)", "", "< =",
		     "", "", "");
	expect_names("select a between 1 and 2", "", "< <= > >=", "", "", "");
	expect_names("select a like 'x', b ilike 'y', c similar to 'z'",
		     "pg_catalog.similar_to_escape", "~ ~~ ~~*", "", "", "");
	expect_names("select nullif(a, b), c is distinct from d", "", "=", "", "", "");
	expect_names("select case a when 1 then 2 end", "", "=", "", "", "");
	expect_names("select 1 from a natural join b", "", "=", "a b", "", "");
	expect_names("select 1 from a join b using (x)", "", "=", "a b", "", "");
	expect_names("select a from t order by b using >", "", ">", "t", "", "");
	expect_names("select extract(year from a), a at time zone 'x', substring(b from 1)",
		     "pg_catalog.extract pg_catalog.substring pg_catalog.timezone", "", "", "", "");
	expect_names("select * from t tablesample s.m (1)", "s.m", "", "t", "", "");
	expect_names("select * from f() as x(a int, b s.t)", "f", "", "", "pg_catalog.int4 s.t",
		     "");
	expect_names("insert into t select * from u", "", "", "t u", "", "");
	expect_names("explain select f() from t", "f", "", "t", "", "");
	expect_names("select f() from t; select g() from u", "f g", "", "t u", "", "");
	expect_names("select U&\"f\\0061\"()", "fa", "", "", "", "");
}

/* Names that WITH gives are no relations, where they can be seen. */
static void test_with(void **state)
{
	(void)state;
	expect_names("with a as (table b) table a", "", "", "b", "", "");
	expect_names("with a as (table a) table a", "", "", "a", "", "");
	expect_names("with recursive a as (table a) table a", "", "", "", "", "");
	expect_names("with a as (table b), b as (table a) table b", "", "", "b", "", "");
	expect_names("with recursive a as (table b), b as (table a) table b", "", "", "", "", "");
	expect_names("with a as (table b) table s.a", "", "", "b s.a", "", "");
	expect_names("select * from (with a as (select 1) table a) x, a", "", "", "a", "", "");
	expect_names("with a as (select 1) select * from (select * from (table a) y) x", "", "", "",
		     "", "");
	expect_names("with a as (select 1) insert into a select * from a", "", "", "a", "", "");
	expect_names("with a as (select 1) select 1; table a", "", "", "a", "", "");
}

/* The `$?` of a quoted name is not a placeholder. */
static void test_name_like_placeholder(void **state)
{
	(void)state;
	expect_names("select \"f$?\"(1) from \"t$?\"", "f$?", "", "t$?", "", "");
}

static void test_flags(void **state)
{
	static const struct {
		const char *text;
		bool schema, settings, prepared;
		const char *deallocates;
	} cases[] = {
		{ "create table t (a int)", true, false, false, NULL },
		{ "create temp table t (a int)", false, false, false, NULL },
		{ "select 1 into t", true, false, false, NULL },
		{ "select 1 into temp t", false, false, false, NULL },
		{ "create or replace function f() returns int language sql as ''", true, false, false,
		  NULL },
		{ "alter function f() volatile", true, false, false, NULL },
		{ "drop view v", true, false, false, NULL },
		{ "alter table t rename to u", true, false, false, NULL },
		{ "alter table t rename column a to b", true, false, false, NULL },
		{ "create view v as select 1", true, false, false, NULL },
		{ "create operator + (function = f)", true, false, false, NULL },
		{ "create cast (a as b) without function", true, false, false, NULL },
		{ "create type t as enum ('a')", true, false, false, NULL },
		{ "create type t as (a int)", true, false, false, NULL },
		{ "create policy p on t", true, false, false, NULL },
		{ "create rule r as on select to t do instead select 1", true, false, false, NULL },
		{ "create extension e", true, false, false, NULL },
		{ "do $$ begin create table t (a int); end $$", true, false, false, NULL },
		{ "create table t (a int) new syntax", true, false, false, NULL },
		{ "comment on table t is 'x'", false, false, false, NULL },
		{ "insert into t values (1)", false, false, false, NULL },
		{ "select 1; create table t (a int)", true, false, false, NULL },
		{ "reset all", false, true, false, NULL },
		{ "reset all; set a = 1", false, true, false, NULL },
		{ "reset a", false, true, false, NULL },
		{ "set a to default", false, true, false, NULL },
		{ "set local a to default", false, false, false, NULL },
		{ "set local a = 1", false, false, false, NULL },
		{ "discard all", false, true, true, NULL },
		{ "discard plans", false, false, false, NULL },
		{ "deallocate all", false, false, true, NULL },
		{ "select 1; deallocate all", false, false, true, NULL },
		{ "deallocate \"P\"", false, false, false, "P" },
		{ "deallocate P", false, false, false, "p" },
		{ "deallocate p; select 1", false, false, false, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct verdict *v = classify(span_of(cases[i].text), true);

		if (v->changes_schema != cases[i].schema ||
		    v->resets_settings != cases[i].settings ||
		    v->drops_prepared != cases[i].prepared ||
		    strcmp(v->deallocates ? v->deallocates : "",
			   cases[i].deallocates ? cases[i].deallocates : "") != 0)
			fail_msg("%s", cases[i].text);
		verdict_destroy(v);
	}
}

/* What standard_conforming_strings = off hides must not be taken for the end of
 * a string, nor for SQL. */
static void test_old_strings(void **state)
{
	struct verdict *v = classify(span_of("select 'a\\'; drop table t; --'"), false);

	(void)state;
	assert_int_equal(v->kind, VERDICT_READ);
	verdict_destroy(v);
	v = classify(span_of("select 'a\\'; drop table t; --'"), true);
	assert_int_equal(v->kind, VERDICT_WRITE);
	verdict_destroy(v);
	v = classify(span_of("set a.b = 'x\\'; select 1; --'"), false);
	assert_int_equal(v->reason, VERDICT_BECAUSE_NOT_PARSED);
	assert_int_equal(v->pin, PIN_NOT_PARSED);
	verdict_destroy(v);
}

static void test_unsafe_encoding(void **state)
{
	static const struct {
		const char *text;
		enum pin_reason pin;
	} cases[] = {
		{ "select * from t where a = '\x95\\'", PIN_NONE },
		{ "insert into t values ('\x95\\', 'set')", PIN_NOT_PARSED },
		{ "SET a = '\x95\\'", PIN_NOT_PARSED },
		{ "select '\x95\\'; listen x", PIN_NOT_PARSED },
		{ "select set_config('\x95\\', '', false)", PIN_NOT_PARSED },
		{ "create temp table \x95\\ (a int)", PIN_NOT_PARSED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct verdict *v = classify_unparsed(span_of(cases[i].text), true,
						      VERDICT_BECAUSE_ENCODING);

		assert_int_equal(v->kind, VERDICT_WRITE);
		if (v->pin != cases[i].pin)
			fail_msg("%zu: %s", i, cases[i].text);
		verdict_destroy(v);
	}
}

static void *classify_often(void *unused)
{
	for (int round = 0; round < 20; round++)
		for (size_t i = 0; i < EXPECTATION_COUNT; i++)
			check(&expectations[i]);
	return unused;
}

static void test_threads(void **state)
{
	pthread_t threads[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, classify_often, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_corpus),
		cmocka_unit_test(test_corpus_in_capitals),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_with),
		cmocka_unit_test(test_name_like_placeholder),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_old_strings),
		cmocka_unit_test(test_unsafe_encoding),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
