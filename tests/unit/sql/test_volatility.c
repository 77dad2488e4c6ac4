/*
 * Judging verdicts by what the catalogue says.
 */
#include "sql/volatility.h"

#include "sql/classify.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

static struct volatility *make_facts(void)
{
	struct volatility *v = volatility_create("app", 42);

	volatility_add_function(v, "pg_catalog", "lower", false);
	volatility_add_function(v, "pg_catalog", "random", true);
	volatility_add_function(v, "pg_catalog", "extract", false);
	volatility_add_function(v, "public", "lower", true); /* another lower() */
	volatility_add_function(v, "pg_catalog", "abs", false);
	volatility_add_function(v, "public", "audit", true);
	volatility_add_operator(v, "pg_catalog", "=", false);
	volatility_add_operator(v, "pg_catalog", "+", false);
	volatility_add_operator(v, "pg_catalog", "#!", true);
	volatility_add_type(v, "pg_catalog", "int4", false);
	volatility_add_type(v, "pg_catalog", "text", false);
	volatility_add_type(v, "public", "stamped", true);
	volatility_add_relation(v, "public", "t", false);
	volatility_add_relation(v, "public", "log", true);
	volatility_add_relation(v, "public", "users", false);
	volatility_add_relation(v, "admin", "users", true);
	return v;
}

/* `path` NULL: not known. */
static void expect_on(const struct volatility *v, const struct search_path *path,
		      const char *text, enum proof proof, const char *culprit)
{
	const struct normal_options options = { .standard_conforming_strings = true };
	static char room[NORMAL_BYTES_MAX];
	struct verdict *verdict;
	const char *name = "?";
	struct normal n;

	normal_make(&n, span_of(text), &options, room, sizeof(room));
	verdict = classify_normal(&n);
	assert_int_equal(volatility_judge(v, verdict, path, NULL), proof);
	if (volatility_judge(v, verdict, path, &name) != proof)
		fail_msg("%s: %s", text, proof_word(volatility_judge(v, verdict, path, NULL)));
	if (culprit)
		assert_string_equal(name, culprit);
	else
		assert_null(name);
	verdict_destroy(verdict);
}

static void expect(const struct volatility *v, const char *text, enum proof proof,
		   const char *culprit)
{
	expect_on(v, NULL, text, proof, culprit);
}

static struct search_path path_of(const char *value)
{
	struct search_path path;

	search_path_init(&path);
	assert_true(search_path_add(&path, value, "app"));
	return path;
}

static void test_judge(void **state)
{
	struct volatility *v = make_facts();

	(void)state;
	expect(v, "select 1", PROOF_HARMLESS, NULL);
	expect(v, "select a + 1 from t where b = 2", PROOF_HARMLESS, NULL);
	expect(v, "select abs(a), pg_catalog.abs(b) from public.t", PROOF_HARMLESS, NULL);
	expect(v, "select random()", PROOF_VOLATILE_FUNCTION, "random");
	expect(v, "select pg_catalog.random()", PROOF_VOLATILE_FUNCTION, "pg_catalog.random");
	expect(v, "select nobody()", PROOF_UNKNOWN_FUNCTION, "nobody");
	expect(v, "select s.abs(1)", PROOF_UNKNOWN_FUNCTION, "s.abs");
	expect(v, "select extract(year from a) from t", PROOF_HARMLESS, NULL);
	expect(v, "select a #! b", PROOF_VOLATILE_OPERATOR, "#!");
	expect(v, "select a <-> b", PROOF_VOLATILE_OPERATOR, "<->");
	expect(v, "select a::int", PROOF_HARMLESS, NULL);
	expect(v, "select a::text[]", PROOF_HARMLESS, NULL);
	expect(v, "select a::stamped", PROOF_VOLATILE_TYPE, "stamped");
	expect(v, "select a::public.stamped", PROOF_VOLATILE_TYPE, "public.stamped");
	expect(v, "select a::unknown_type", PROOF_VOLATILE_TYPE, "unknown_type");
	expect(v, "select * from log", PROOF_PRIMARY_ONLY_RELATION, "log");
	expect(v, "select * from nowhere", PROOF_UNKNOWN_RELATION, "nowhere");
	expect(v, "select * from pg_temp.t", PROOF_UNKNOWN_RELATION, "pg_temp.t");
	expect(v, "with log as (select 1) select * from log", PROOF_HARMLESS, NULL);
	volatility_drop(v);
}

/* A bare name means all that bear it, a qualified one that one. */
static void test_worst_of_a_name(void **state)
{
	struct volatility *v = make_facts();

	(void)state;
	expect(v, "select lower(a) from t", PROOF_VOLATILE_FUNCTION, "lower");
	expect(v, "select pg_catalog.lower(a) from t", PROOF_HARMLESS, NULL);
	expect(v, "select public.lower(a) from t", PROOF_VOLATILE_FUNCTION, "public.lower");
	expect(v, "select * from users", PROOF_PRIMARY_ONLY_RELATION, "users");
	expect(v, "select * from public.users", PROOF_HARMLESS, NULL);
	volatility_add_function(v, "pg_catalog", "abs", true);
	volatility_add_function(v, "pg_catalog", "abs", false);
	expect(v, "select abs(1)", PROOF_VOLATILE_FUNCTION, "abs");
	volatility_drop(v);
}

/* A bare name means those that bear it in a schema of the path, all of them. */
static void test_names_on_a_path(void **state)
{
	struct search_path none = path_of(""), public = path_of("public"),
			   both = path_of("admin, public"), other = path_of("other, nowhere");
	struct volatility *v = make_facts();

	(void)state;
	volatility_add_operator(v, "admin", "+", true);
	volatility_add_type(v, "other", "stamped", false);
	expect_on(v, &none, "select lower(a)", PROOF_HARMLESS, NULL);
	expect_on(v, &public, "select lower(a)", PROOF_VOLATILE_FUNCTION, "lower");
	expect_on(v, &other, "select lower(a)", PROOF_HARMLESS, NULL);
	expect_on(v, &other, "select audit()", PROOF_UNKNOWN_FUNCTION, "audit");
	expect_on(v, &public, "select * from users", PROOF_HARMLESS, NULL);
	expect_on(v, &both, "select * from users", PROOF_PRIMARY_ONLY_RELATION, "users");
	expect_on(v, &other, "select * from users", PROOF_UNKNOWN_RELATION, "users");
	expect_on(v, &other, "select * from public.users", PROOF_HARMLESS, NULL);
	expect_on(v, &public, "select 1 + 1", PROOF_HARMLESS, NULL);
	expect_on(v, &both, "select 1 + 1", PROOF_VOLATILE_OPERATOR, "+");
	expect_on(v, &public, "select 1 operator(admin.+) 1", PROOF_VOLATILE_OPERATOR, "admin.+");
	expect_on(v, &both, "select 1 operator(pg_catalog.+) 1", PROOF_HARMLESS, NULL);
	expect_on(v, &public, "select a::stamped", PROOF_VOLATILE_TYPE, "stamped");
	expect_on(v, &other, "select a::stamped, b::int", PROOF_HARMLESS, NULL);
	expect_on(v, &public, "select t.audit from t", PROOF_VOLATILE_FUNCTION, "audit");
	expect_on(v, &both, "select x.audit from admin.users x", PROOF_VOLATILE_FUNCTION, "audit");
	expect_on(v, &other, "select x.audit from public.t x", PROOF_HARMLESS, NULL);
	volatility_drop(v);
}

/* A name with a dot in it may be another one's schema and name: the worst of both. */
static void test_dots_in_names(void **state)
{
	struct search_path public = path_of("public");
	struct volatility *v = make_facts();

	(void)state;
	volatility_add_relation(v, "public", "admin.users", false);
	expect_on(v, &public, "select * from \"admin.users\"", PROOF_PRIMARY_ONLY_RELATION,
		  "admin.users");
	expect(v, "select * from admin.users", PROOF_PRIMARY_ONLY_RELATION, "admin.users");
	volatility_drop(v);
}

/* t.audit may be audit(t). */
static void test_attributes(void **state)
{
	struct volatility *v = make_facts();

	(void)state;
	expect(v, "select t.a, (t).b from t", PROOF_HARMLESS, NULL);
	expect(v, "select t.audit from t", PROOF_VOLATILE_FUNCTION, "audit");
	expect(v, "select (t).audit from t", PROOF_VOLATILE_FUNCTION, "audit");
	volatility_drop(v);
}

static void test_allow(void **state)
{
	struct volatility *v = make_facts();

	(void)state;
	volatility_add_function(v, "s", "random", true);
	volatility_allow_function(v, "random");
	expect(v, "select random(), pg_catalog.random()", PROOF_HARMLESS, NULL);
	expect(v, "select s.random()", PROOF_VOLATILE_FUNCTION, "s.random");
	volatility_allow_function(v, "public.audit");
	expect(v, "select public.audit()", PROOF_HARMLESS, NULL);
	expect(v, "select audit()", PROOF_VOLATILE_FUNCTION, "audit");
	volatility_drop(v);
}

static void expect_traces_on(const struct volatility *v, const struct search_path *path,
			     const char *text, enum pin_reason wanted)
{
	const struct normal_options options = { .standard_conforming_strings = true };
	static char room[NORMAL_BYTES_MAX];
	struct verdict *verdict;
	struct normal n;

	normal_make(&n, span_of(text), &options, room, sizeof(room));
	verdict = classify_normal(&n);
	if (volatility_traces(v, verdict, path) != wanted)
		fail_msg("%s: %s", text, pin_reason_word(volatility_traces(v, verdict, path)));
	verdict_destroy(verdict);
}

static void expect_traces(const struct volatility *v, const char *text, enum pin_reason wanted)
{
	expect_traces_on(v, NULL, text, wanted);
}

static struct volatility *make_traces(void)
{
	struct volatility *v = make_facts();

	volatility_mark_function(v, "public", "audit", PIN_FUNCTION);
	volatility_mark_function(v, "public", "abs", PIN_FUNCTION);
	volatility_mark_function(v, "public", "seeds", PIN_UNRESETTABLE);
	volatility_mark_function(v, "public", "seeds", PIN_FUNCTION);
	volatility_mark_operator(v, "pg_catalog", "+", PIN_FUNCTION);
	volatility_mark_type(v, "public", "stamped", PIN_FUNCTION);
	volatility_mark_relation(v, "public", "t", PIN_FUNCTION, true);
	volatility_mark_relation(v, "public", "seen", PIN_FUNCTION, false);
	return v;
}

static void test_traces(void **state)
{
	struct volatility *v = make_traces();

	(void)state;
	expect_traces(v, "select 1", PIN_NONE);
	expect_traces(v, "select audit()", PIN_FUNCTION);
	expect_traces(v, "call public.audit()", PIN_FUNCTION);
	expect_traces(v, "select other.audit()", PIN_NONE);
	expect_traces(v, "select pg_catalog.abs(1)", PIN_NONE);
	expect_traces(v, "select abs(1)", PIN_FUNCTION);
	expect_traces(v, "select x.audit from users x", PIN_FUNCTION);
	expect_traces(v, "select audit(), seeds()", PIN_UNRESETTABLE);
	expect_traces(v, "select 1 + 1", PIN_FUNCTION);
	expect_traces(v, "select 'a'::stamped", PIN_FUNCTION);
	expect_traces(v, "select unknown_function() from nowhere", PIN_NONE);
	volatility_drop(v);
}

/* A trigger is for those who write; reading leaves nothing. */
static void test_traces_of_relations(void **state)
{
	struct volatility *v = make_traces();

	(void)state;
	expect_traces(v, "select * from t", PIN_NONE);
	expect_traces(v, "insert into t values (1)", PIN_FUNCTION);
	expect_traces(v, "update public.t set a = 1", PIN_FUNCTION);
	expect_traces(v, "with w as (delete from t returning 1) select 1", PIN_FUNCTION);
	expect_traces(v, "copy t from stdin", PIN_FUNCTION);
	expect_traces(v, "insert into admin.t values (1)", PIN_NONE);
	expect_traces(v, "insert into users values (1)", PIN_NONE);
	expect_traces(v, "select * from seen", PIN_FUNCTION);
	expect_traces(v, "delete from seen", PIN_FUNCTION);
	volatility_drop(v);
}

static void test_traces_on_a_path(void **state)
{
	struct search_path none = path_of(""), public = path_of("public");
	struct volatility *v = make_traces();

	(void)state;
	expect_traces_on(v, &none, "select abs(1)", PIN_NONE);
	expect_traces_on(v, &public, "select abs(1)", PIN_FUNCTION);
	expect_traces_on(v, &none, "insert into t values (1)", PIN_NONE);
	expect_traces_on(v, &public, "insert into t values (1)", PIN_FUNCTION);
	expect_traces_on(v, &none, "select public.seeds()", PIN_UNRESETTABLE);
	expect_on(v, &none, "select abs(1)", PROOF_HARMLESS, NULL);
	expect_on(v, &public, "select abs(1)", PROOF_VOLATILE_FUNCTION, "abs");
	volatility_drop(v);
}

/* It binds the session to the node that it runs on: not to a replica. */
static void test_what_leaves_traces_is_not_harmless(void **state)
{
	struct volatility *v = make_traces();

	(void)state;
	expect(v, "select public.abs(1)", PROOF_VOLATILE_FUNCTION, "public.abs");
	expect(v, "select * from seen", PROOF_PRIMARY_ONLY_RELATION, "seen");
	expect(v, "select * from t", PROOF_HARMLESS, NULL);
	volatility_drop(v);
}

static void test_allowed_function_leaves_nothing(void **state)
{
	struct volatility *v = make_traces();

	(void)state;
	volatility_allow_function(v, "audit");
	expect_traces(v, "select audit()", PIN_NONE);
	expect_traces(v, "select audit(), abs(1)", PIN_FUNCTION);
	expect_traces(v, "select public.audit()", PIN_FUNCTION);
	volatility_drop(v);
}

static void test_holds(void **state)
{
	struct volatility *v = make_facts();

	(void)state;
	assert_ptr_equal(volatility_hold(v), v);
	volatility_drop(v);
	assert_int_equal(volatility_generation(v), 42);
	assert_string_equal(volatility_database(v), "app");
	volatility_drop(v);
	volatility_drop(NULL);
}

static void test_words(void **state)
{
	(void)state;
	assert_string_equal(proof_word(PROOF_HARMLESS), "harmless");
	assert_string_equal(proof_word(PROOF_UNKNOWN_RELATION), "unknown_relation");
	assert_string_equal(verdict_reason_word(VERDICT_BECAUSE_EMPTY), "empty");
	assert_string_equal(pin_reason_word(PIN_SESSION_MODE), "session_mode");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judge),	 cmocka_unit_test(test_worst_of_a_name),
		cmocka_unit_test(test_attributes), cmocka_unit_test(test_allow),
		cmocka_unit_test(test_traces),	 cmocka_unit_test(test_traces_of_relations),
		cmocka_unit_test(test_names_on_a_path), cmocka_unit_test(test_dots_in_names),
		cmocka_unit_test(test_traces_on_a_path),
		cmocka_unit_test(test_what_leaves_traces_is_not_harmless),
		cmocka_unit_test(test_allowed_function_leaves_nothing),
		cmocka_unit_test(test_holds),	 cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
