/* How a node's answer is read: numbers, or nothing. */
#include "cluster/question.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { COLUMNS = 8 };

static const char *const good[COLUMNS] = { "1", "7711730572687905931", "3", "4096",
					   "8192", "250", "8192", "16777216" };

/* One row, as the node would send it. */
static PGresult *make_row(const char *const *texts, int columns)
{
	PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc names[COLUMNS];

	memset(names, 0, sizeof(names));
	for (int i = 0; i < COLUMNS; i++)
		names[i].name = (char *)"c";
	assert_true(PQsetResultAttrs(result, columns, names));
	for (int i = 0; i < columns; i++)
		assert_true(PQsetvalue(result, 0, i, (char *)texts[i], (int)strlen(texts[i])));
	return result;
}

static bool is_read(const char *const *texts, int columns, struct census_answer *answer)
{
	PGresult *rows = make_row(texts, columns);
	bool is_good = question_read(rows, answer);

	PQclear(rows);
	return is_good;
}

static void test_each_column_has_its_place(void **state)
{
	struct census_answer answer;

	(void)state;
	assert_true(is_read(good, COLUMNS, &answer));
	assert_true(answer.is_in_recovery);
	assert_true(answer.system_id == 7711730572687905931u);
	assert_int_equal(answer.timeline, 3);
	assert_int_equal(answer.lsn, 4096);
	assert_int_equal(answer.received_lsn, 8192);
	assert_int_equal(answer.quiet_ms, 250);
	assert_int_equal(answer.page_bytes, 8192);
	assert_int_equal(answer.segment_bytes, 16777216);
}

static void test_anything_but_numbers_is_refused(void **state)
{
	static const char *const strange[] = { "", "x", "1x", "99999999999999999999", "NaN" };
	struct census_answer answer;
	PGresult *none = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);

	(void)state;
	for (int column = 0; column < COLUMNS; column++) {
		for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
			const char *texts[COLUMNS];

			memcpy(texts, good, sizeof(texts));
			texts[column] = strange[i];
			assert_false(is_read(texts, COLUMNS, &answer));
		}
	}
	assert_false(is_read(good, COLUMNS - 1, &answer));
	assert_false(question_read(none, &answer));
	PQclear(none);
}

/* The two clocks of primary and replica may differ. */
static void test_commit_of_the_future_is_now(void **state)
{
	const char *texts[COLUMNS];
	struct census_answer answer;

	(void)state;
	memcpy(texts, good, sizeof(texts));
	texts[5] = "-500";
	assert_true(is_read(texts, COLUMNS, &answer));
	assert_int_equal(answer.quiet_ms, 0);
	texts[5] = "-1";
	assert_true(is_read(texts, COLUMNS, &answer));
	assert_int_equal(answer.quiet_ms, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_column_has_its_place),
		cmocka_unit_test(test_anything_but_numbers_is_refused),
		cmocka_unit_test(test_commit_of_the_future_is_now),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
