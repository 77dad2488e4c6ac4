/* How the catalogue's answer becomes a snapshot. */
#include "cluster/survey.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct row {
	const char *kind, *schema, *name, *is_bad;
};

static PGresult *make_rows(const struct row *rows, int count)
{
	PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc columns[4];

	memset(columns, 0, sizeof(columns));
	for (int i = 0; i < 4; i++)
		columns[i].name = (char *)"c";
	assert_true(PQsetResultAttrs(result, 4, columns));
	for (int i = 0; i < count; i++) {
		const char *texts[] = { rows[i].kind, rows[i].schema, rows[i].name,
					rows[i].is_bad };

		for (int k = 0; k < 4; k++)
			assert_true(PQsetvalue(result, i, k, (char *)texts[k],
					       (int)strlen(texts[k])));
	}
	return result;
}

static enum proof judge_relation(const struct volatility *v, const char *name)
{
	struct verdict verdict = { .kind = VERDICT_READ, .relations = &name, .relation_count = 1 };

	return volatility_judge(v, &verdict, NULL, NULL);
}

static enum proof judge_function(const struct volatility *v, const char *name)
{
	struct verdict verdict = { .kind = VERDICT_READ, .functions = &name, .function_count = 1 };

	return volatility_judge(v, &verdict, NULL, NULL);
}

static enum proof judge_type(const struct volatility *v, const char *name)
{
	struct verdict verdict = { .kind = VERDICT_READ, .types = &name, .type_count = 1 };

	return volatility_judge(v, &verdict, NULL, NULL);
}

static enum proof judge_operator(const struct volatility *v, const char *name)
{
	struct verdict verdict = { .kind = VERDICT_READ, .operators = &name, .operator_count = 1 };

	return volatility_judge(v, &verdict, NULL, NULL);
}

static void test_each_kind_is_read(void **state)
{
	const struct row rows[] = {
		{ "f", "pg_catalog", "lower", "0" }, { "f", "public", "nasty", "1" },
		{ "o", "pg_catalog", "+", "0" }, { "o", "public", "===", "1" },
		{ "t", "pg_catalog", "int4", "0" }, { "t", "public", "picky", "1" },
		{ "r", "public", "orders", "0" }, { "r", "public", "draft", "1" },
	};
	PGresult *result = make_rows(rows, 8);
	struct volatility *v = survey_read(result, "shop", 9);

	(void)state;
	assert_non_null(v);
	assert_string_equal(volatility_database(v), "shop");
	assert_true(volatility_generation(v) == 9);
	assert_int_equal(judge_function(v, "lower"), PROOF_HARMLESS);
	assert_int_equal(judge_function(v, "public.nasty"), PROOF_VOLATILE_FUNCTION);
	assert_int_equal(judge_operator(v, "+"), PROOF_HARMLESS);
	assert_int_equal(judge_operator(v, "==="), PROOF_VOLATILE_OPERATOR);
	assert_int_equal(judge_type(v, "pg_catalog.int4"), PROOF_HARMLESS);
	assert_int_equal(judge_type(v, "picky"), PROOF_VOLATILE_TYPE);
	assert_int_equal(judge_relation(v, "orders"), PROOF_HARMLESS);
	assert_int_equal(judge_relation(v, "draft"), PROOF_PRIMARY_ONLY_RELATION);
	volatility_drop(v);
	PQclear(result);
}

static bool begins_with(const struct volatility *v, const char *login, const char *schema)
{
	struct path_wish wish = { .login = login };
	struct search_path path;

	return start_paths_resolve(volatility_start_paths((struct volatility *)v), &wish, &path) &&
	       path.count == 2 && strcmp(search_path_schema(&path, 1), schema) == 0;
}

static void test_beginnings_are_read(void **state)
{
	const struct row rows[] = {
		{ "s", "0", "anna", "one" }, { "s", "1", "anna", "two" },
		{ "s", "4", "", "\"$user\"" }, { "i", "1", "bert", "anna" },
		{ "s", "1", "carl", "a, b, c" }, { "s", "5", "", "nonsense" },
	};
	PGresult *result = make_rows(rows, 5), *nonsense = make_rows(rows, 6);
	struct volatility *v = survey_read(result, "shop", 1);

	(void)state;
	assert_non_null(v);
	assert_true(begins_with(v, "anna", "one"));
	assert_true(begins_with(v, "dora", "dora"));
	assert_false(begins_with(v, "bert", "bert"));
	assert_false(begins_with(v, "carl", "a"));
	assert_null(survey_read(nonsense, "shop", 1));
	volatility_drop(v);
	PQclear(result);
	PQclear(nonsense);
}

static enum pin_reason traces_of_function(const struct volatility *v, const char *name)
{
	struct verdict verdict = { .kind = VERDICT_READ, .functions = &name, .function_count = 1 };

	return volatility_traces(v, &verdict, NULL);
}

static enum pin_reason traces_of_relation(const struct volatility *v, enum verdict_kind kind,
					  const char *name)
{
	struct verdict verdict = { .kind = kind, .relations = &name, .relation_count = 1 };

	return volatility_traces(v, &verdict, NULL);
}

/* Bodies, what they name, what uses them: the rows come in any order. */
static void test_traces_spread(void **state)
{
	const struct row rows[] = {
		{ "u", "r30", "f10", "" }, /* a view */
		{ "u", "w31", "f12", "" }, /* a trigger */
		{ "u", "w32", "w31", "" }, /* a key that cascades */
		{ "u", "w32", "r33", "" },
		{ "q", "f10", "begin perform set_config('a.b', x, false); end", "" },
		{ "q", "f11", "select public.\"Remember\"(1)", "" },
		{ "q", "f12", "begin perform nested(); return new; end", "" },
		{ "q", "f13", "begin perform set_config('a.b', x, true); end", "" },
		{ "p", "f14", "plpy.execute('select setseed(1)')", "" },
		{ "q", "f15", "begin insert into hot values (1); perform remember(); end", "" },
		{ "q", "f16", "select both(), seeds()", "" },
		{ "q", "f17", "select f18()", "" }, { "q", "f18", "select f17()", "" },
		{ "n", "public", "Remember", "f10" }, { "n", "public", "nested", "f11" },
		{ "n", "public", "watch", "f12" }, { "n", "public", "local", "f13" },
		{ "n", "public", "seeds", "f14" }, { "n", "public", "both", "f15" },
		{ "n", "public", "worst", "f16" }, { "n", "public", "f17", "f17" },
		{ "n", "public", "f18", "f18" }, { "n", "public", "looks", "r30" },
		{ "n", "public", "watched", "w31" }, { "n", "public", "hot", "w32" },
	};
	PGresult *result = make_rows(rows, sizeof(rows) / sizeof(rows[0]));
	struct volatility *v = survey_read(result, "shop", 1);

	(void)state;
	assert_non_null(v);
	assert_int_equal(traces_of_function(v, "Remember"), PIN_FUNCTION);
	assert_int_equal(traces_of_function(v, "public.nested"), PIN_FUNCTION);
	assert_int_equal(traces_of_function(v, "watch"), PIN_FUNCTION);
	assert_int_equal(traces_of_function(v, "local"), PIN_NONE);
	assert_int_equal(traces_of_function(v, "seeds"), PIN_UNRESETTABLE);
	assert_int_equal(traces_of_function(v, "both"), PIN_FUNCTION);
	assert_int_equal(traces_of_function(v, "worst"), PIN_UNRESETTABLE);
	assert_int_equal(traces_of_function(v, "f17"), PIN_NONE);
	assert_int_equal(traces_of_relation(v, VERDICT_READ, "looks"), PIN_FUNCTION);
	assert_int_equal(traces_of_relation(v, VERDICT_READ, "watched"), PIN_NONE);
	assert_int_equal(traces_of_relation(v, VERDICT_WRITE, "watched"), PIN_FUNCTION);
	assert_int_equal(traces_of_relation(v, VERDICT_WRITE, "public.hot"), PIN_FUNCTION);
	volatility_drop(v);
	PQclear(result);
}

static void test_nonsense_is_refused(void **state)
{
	const struct row rows[] = { { "x", "public", "what", "0" } };
	const struct row nameless[] = { { "n", "public", "what", "" } };
	PGresult *strange = make_rows(rows, 1), *none = make_rows(rows, 0);
	PGresult *unknown = make_rows(nameless, 1);
	PGresult *bare = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);

	(void)state;
	assert_null(survey_read(strange, "shop", 1));
	assert_null(survey_read(none, "shop", 1));
	assert_null(survey_read(bare, "shop", 1));
	assert_null(survey_read(unknown, "shop", 1));
	PQclear(unknown);
	PQclear(strange);
	PQclear(none);
	PQclear(bare);
}

static struct survey_digest digest_of(const struct row *rows, int count, uint64_t seed)
{
	PGresult *result = make_rows(rows, count);
	struct survey_digest digest = survey_digest(result, seed);

	PQclear(result);
	return digest;
}

static void test_digest_tells_answers_apart(void **state)
{
	const struct row a[] = { { "f", "a", "bc", "0" } }, b[] = { { "f", "ab", "c", "0" } };
	const struct row bad[] = { { "f", "a", "bc", "1" } };
	struct survey_digest of_a = digest_of(a, 1, 5);

	(void)state;
	assert_true(of_a.low == digest_of(a, 1, 5).low && of_a.high == digest_of(a, 1, 5).high);
	assert_true(of_a.low != digest_of(b, 1, 5).low);
	assert_true(of_a.low != digest_of(bad, 1, 5).low);
	assert_true(of_a.low != digest_of(a, 1, 6).low);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind_is_read),
		cmocka_unit_test(test_beginnings_are_read),
		cmocka_unit_test(test_traces_spread),
		cmocka_unit_test(test_nonsense_is_refused),
		cmocka_unit_test(test_digest_tells_answers_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
