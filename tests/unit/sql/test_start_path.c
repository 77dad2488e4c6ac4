/*
 * What search_path a connection begins with, and what a session has of it.
 */
#include "sql/start_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* `wanted`: the schemas behind pg_catalog, joined by |; NULL: not known. */
static void expect_wish(const struct start_paths *starts, struct path_wish wish,
			const char *wanted)
{
	struct search_path path;
	char found[SEARCH_PATH_BYTES] = "";

	if (!start_paths_resolve(starts, &wish, &path)) {
		if (wanted)
			fail_msg("the path of %s is not known", wish.login);
		return;
	}
	for (unsigned i = 1; i < path.count; i++)
		strcat(strcat(found, i > 1 ? "|" : ""), search_path_schema(&path, i));
	if (!wanted || strcmp(found, wanted) != 0)
		fail_msg("the path of %s is <%s>", wish.login, found);
}

static void expect(const struct start_paths *starts, const char *login, const char *wanted)
{
	expect_wish(starts, (struct path_wish){ .login = login }, wanted);
}

static void test_the_special_wins(void **state)
{
	struct start_paths *starts = start_paths_create();

	(void)state;
	expect(starts, "anna", NULL);
	start_paths_add(starts, START_SERVER, "", "\"$user\", public");
	expect(starts, "anna", "anna|public");
	start_paths_add(starts, START_ALL_ROLES, "", "for_all");
	expect(starts, "anna", "for_all");
	start_paths_add(starts, START_DATABASE, "", "of_database");
	expect(starts, "anna", "of_database");
	start_paths_add(starts, START_ROLE, "anna", "of_anna");
	expect(starts, "anna", "of_anna");
	expect(starts, "bert", "of_database");
	start_paths_add(starts, START_ROLE_IN_DATABASE, "anna", "of_both");
	expect(starts, "anna", "of_both");
	start_paths_destroy(starts);
}

/* The server's own is not known, that of others is. */
static void test_unknown_default(void **state)
{
	struct start_paths *starts = start_paths_create();

	(void)state;
	start_paths_add(starts, START_ROLE, "anna", "a");
	expect(starts, "anna", "a");
	expect(starts, "bert", NULL);
	expect_wish(starts, (struct path_wish){ "bert", NULL, "b" }, "b");
	start_paths_destroy(starts);
}

static void test_what_the_session_set(void **state)
{
	struct start_paths *starts = start_paths_create();

	(void)state;
	start_paths_add(starts, START_SERVER, "", "$user");
	expect_wish(starts, (struct path_wish){ "anna", "bert", NULL }, "bert");
	expect_wish(starts, (struct path_wish){ "anna", NULL, "a, $user" }, "a|anna");
	expect_wish(starts, (struct path_wish){ "anna", "bert", "a, $user" }, "a|bert");
	expect_wish(starts, (struct path_wish){ "anna", NULL, "" }, "");
	expect_wish(starts, (struct path_wish){ "anna", NULL, "a b" }, NULL);
	start_paths_destroy(starts);
}

/* ALTER ROLE … SET role: who begins is not who logged in. */
static void test_another_user(void **state)
{
	struct start_paths *starts = start_paths_create();

	(void)state;
	start_paths_add(starts, START_SERVER, "", "$user, public");
	start_paths_add_role(starts, START_ROLE, "anna");
	expect(starts, "anna", NULL);
	expect(starts, "bert", "bert|public");
	expect_wish(starts, (struct path_wish){ "anna", "carl", NULL }, "carl|public");
	expect_wish(starts, (struct path_wish){ "anna", NULL, "a" }, "a");
	start_paths_add_role(starts, START_DATABASE, "");
	expect(starts, "bert", NULL);
	start_paths_destroy(starts);
}

static struct start_paths *make(const char *server, const char *anna)
{
	struct start_paths *starts = start_paths_create();

	if (server)
		start_paths_add(starts, START_SERVER, "", server);
	if (anna)
		start_paths_add(starts, START_ROLE, "anna", anna);
	return starts;
}

/* Of whoever it changed for, both count, for good. */
static void test_what_was_before(void **state)
{
	struct start_paths *first = make("s", NULL), *second = make("s", "a"),
			   *third = make("t", "b"), *fourth = make("t", NULL);

	(void)state;
	start_paths_keep(second, first);
	expect(second, "anna", "a|s");
	expect(second, "bert", "s");
	start_paths_keep(third, second);
	expect(third, "bert", "t|s");
	expect_wish(third, (struct path_wish){ "anna", NULL, "x" }, "x");
	start_paths_keep(fourth, third);
	expect(fourth, "bert", "t|s");
	start_paths_destroy(first);
	start_paths_destroy(second);
	start_paths_destroy(third);
	expect(fourth, "carl", "t|s");
	start_paths_destroy(fourth);
}

static void test_past_of_a_role(void **state)
{
	struct start_paths *first = make("s", "a"), *second = make("s", "b"),
			   *third = make("s", NULL), *fourth = make("s", NULL),
			   *unknown = make(NULL, NULL), *last = make("s", NULL);

	(void)state;
	start_paths_keep(second, first);
	start_paths_keep(third, second);
	start_paths_keep(fourth, third);
	expect(second, "anna", "b|a");
	expect(third, "anna", "s|a|b");
	expect(fourth, "anna", "s|b|a");
	expect(fourth, "bert", "s");
	start_paths_keep(last, unknown);
	expect(last, "bert", NULL);
	start_paths_destroy(first);
	start_paths_destroy(second);
	start_paths_destroy(third);
	start_paths_destroy(fourth);
	start_paths_destroy(unknown);
	start_paths_destroy(last);
}

/* Sixteen different ones are too many to be told apart. */
static void test_limit_of_the_past(void **state)
{
	struct path_wish wish = { .login = "anna" };
	struct start_paths *before = make("s0", NULL);
	struct search_path found;
	char path[16];

	(void)state;
	for (int i = 1; i <= 20; i++) {
		struct start_paths *now;
		bool is_known;

		snprintf(path, sizeof path, "s%d", i);
		now = make(path, NULL);
		start_paths_keep(now, before);
		start_paths_destroy(before);
		before = now;
		is_known = start_paths_resolve(now, &wish, &found);
		assert_int_equal(is_known, i < 16);
		if (is_known)
			assert_int_equal(found.count, 1 + i + 1); /* with pg_catalog */
	}
	start_paths_destroy(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_special_wins),
		cmocka_unit_test(test_unknown_default),
		cmocka_unit_test(test_what_the_session_set),
		cmocka_unit_test(test_another_user),
		cmocka_unit_test(test_what_was_before),
		cmocka_unit_test(test_past_of_a_role),
		cmocka_unit_test(test_limit_of_the_past),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
