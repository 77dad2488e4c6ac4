/*
 * What a statement does to its transaction, and which tables it names as targets.
 */
#include "sql/classifying.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect_step(const char *text, enum transaction_step step, int access, int isolation)
{
	struct verdict *v = classify(span_of(text), true);

	assert_int_equal(v->step, step);
	assert_int_equal(v->mode.access, access);
	assert_int_equal(v->mode.isolation, isolation);
	verdict_destroy(v);
}

static void test_begin(void **state)
{
	(void)state;
	expect_step("begin", STEP_BEGIN, ACCESS_DEFAULT, ISOLATION_DEFAULT);
	expect_step("BEGIN WORK;", STEP_BEGIN, ACCESS_DEFAULT, ISOLATION_DEFAULT);
	expect_step("begin read only", STEP_BEGIN, ACCESS_READ_ONLY, ISOLATION_DEFAULT);
	expect_step("begin read write", STEP_BEGIN, ACCESS_READ_WRITE, ISOLATION_DEFAULT);
	expect_step("start transaction read only", STEP_START, ACCESS_READ_ONLY,
		    ISOLATION_DEFAULT);
	expect_step("begin isolation level serializable, read only, deferrable", STEP_BEGIN,
		    ACCESS_READ_ONLY, ISOLATION_SERIALIZABLE);
	expect_step("begin isolation level repeatable read", STEP_BEGIN, ACCESS_DEFAULT,
		    ISOLATION_OTHER);
	/* The last one counts, as in PostgreSQL. */
	expect_step("begin read only, read write", STEP_BEGIN, ACCESS_READ_WRITE,
		    ISOLATION_DEFAULT);
}

static void test_set_transaction(void **state)
{
	(void)state;
	expect_step("set transaction read only", STEP_MODE, ACCESS_READ_ONLY, ISOLATION_DEFAULT);
	expect_step("set transaction isolation level serializable", STEP_MODE, ACCESS_DEFAULT,
		    ISOLATION_SERIALIZABLE);
	expect_step("set transaction snapshot 'x'", STEP_OTHER, ACCESS_DEFAULT, ISOLATION_DEFAULT);
	expect_step("set session characteristics as transaction read only", STEP_NONE,
		    ACCESS_DEFAULT, ISOLATION_DEFAULT);
}

static void test_ends(void **state)
{
	(void)state;
	expect_step("commit", STEP_COMMIT, ACCESS_DEFAULT, ISOLATION_DEFAULT);
	expect_step("end", STEP_COMMIT, ACCESS_DEFAULT, ISOLATION_DEFAULT);
	expect_step("rollback", STEP_ROLLBACK, ACCESS_DEFAULT, ISOLATION_DEFAULT);
	expect_step("abort", STEP_ROLLBACK, ACCESS_DEFAULT, ISOLATION_DEFAULT);
	expect_step("commit and chain", STEP_OTHER, ACCESS_DEFAULT, ISOLATION_DEFAULT);
	expect_step("rollback to a", STEP_OTHER, ACCESS_DEFAULT, ISOLATION_DEFAULT);
	expect_step("savepoint a", STEP_OTHER, ACCESS_DEFAULT, ISOLATION_DEFAULT);
	expect_step("prepare transaction 'x'", STEP_OTHER, ACCESS_DEFAULT, ISOLATION_DEFAULT);
	expect_step("begin; commit", STEP_NONE, ACCESS_DEFAULT, ISOLATION_DEFAULT);
	expect_step("select 1", STEP_NONE, ACCESS_DEFAULT, ISOLATION_DEFAULT);
}

static void expect_written(const char *text, const char *name)
{
	struct verdict *v = classify(span_of(text), true);

	assert_int_equal(v->written_count, name ? 1 : 0);
	if (name)
		assert_string_equal(v->written[0], name);
	verdict_destroy(v);
}

static void test_written(void **state)
{
	(void)state;
	expect_written("insert into S.t select * from u", "s.t");
	expect_written("update t set a = 1 from u", "t");
	expect_written("delete from t using u", "t");
	expect_written("merge into t using u on true when matched then delete", "t");
	expect_written("with a as (delete from t returning *) select * from a, u", "t");
	expect_written("copy t from stdin", "t");
	expect_written("truncate t", "t");
	expect_written("copy t to stdout", NULL);
	expect_written("select * from t", NULL);
}

static void expect_kind(const char *text, enum verdict_kind kind)
{
	struct verdict *v = classify(span_of(text), true);

	assert_int_equal(v->kind, kind);
	verdict_destroy(v);
}

static void test_explain_analyze_that_is_off(void **state)
{
	(void)state;
	expect_kind("explain (analyze false) select 1", VERDICT_READ);
	expect_kind("explain (analyze OFF) select 1", VERDICT_READ);
	expect_kind("explain (analyze 0) select 1", VERDICT_READ);
	expect_kind("explain (analyze off, analyze) select 1", VERDICT_WRITE);
	expect_kind("explain (analyze 1) select 1", VERDICT_WRITE);
	expect_kind("explain (analyze 'true') select 1", VERDICT_WRITE);
	expect_kind("explain (analyze) select 1", VERDICT_WRITE);
	expect_kind("explain analyze select 1", VERDICT_WRITE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_begin),
		cmocka_unit_test(test_set_transaction),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_written),
		cmocka_unit_test(test_explain_analyze_that_is_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
