/*
 * search_path as PostgreSQL splits it.  Cases by SplitIdentifierString of PostgreSQL 15.
 */
#include "sql/search_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* `wanted`: the schemas joined by |, with pg_catalog first; NULL: not known. */
static void expect(const char *value, const char *wanted)
{
	struct search_path path;
	char found[SEARCH_PATH_BYTES] = "";

	search_path_init(&path);
	if (!search_path_add(&path, value, "anna")) {
		if (wanted)
			fail_msg("<%s> is not understood", value);
		return;
	}
	for (unsigned i = 1; i < path.count; i++)
		strcat(strcat(found, i > 1 ? "|" : ""), search_path_schema(&path, i));
	assert_string_equal(search_path_schema(&path, 0), "pg_catalog");
	if (!wanted || strcmp(found, wanted) != 0)
		fail_msg("<%s> gives <%s>", value, found);
}

static void test_lists(void **state)
{
	(void)state;
	expect("a", "a");
	expect("a,b", "a|b");
	expect("  a \t,\n\r\fb  ", "a|b");
	expect("Public, \"Public\"", "public|Public");
	expect("\"a\"\"b\"", "a\"b");
	expect("\"a, b\",c", "a, b|c");
	expect("a\"b", "a\"b");
	expect("a.b, $x, 1", "a.b|$x|1");
	expect("a, a, \"a\"", "a");
	expect("pg_catalog, a", "a");
	expect("a, pg_catalog", "a");
	expect("", "");
	expect("   ", "");
	expect("\"\"", "");
	expect("\"\", a", "a");
}

static void test_user(void **state)
{
	struct search_path path;

	(void)state;
	expect("$user", "anna");
	expect("\"$user\", public", "anna|public");
	expect("\"$User\"", "$User");
	expect("$USER", "anna");
	search_path_init(&path);
	assert_false(search_path_add(&path, "public, $user", NULL));
	search_path_init(&path);
	assert_true(search_path_add(&path, "public", NULL));
	search_path_init(&path);
	assert_false(search_path_add(&path, "$user", "pg_temp"));
	search_path_init(&path);
	assert_false(search_path_add(&path, "$user", "j\xc3\xbcrg"));
}

static void test_what_cannot_be_said(void **state)
{
	(void)state;
	expect("a,", NULL);
	expect(",a", NULL);
	expect("a,,b", NULL);
	expect("a b", NULL);
	expect("\"a\"b", NULL);
	expect("\"a", NULL);
	expect("\"a\"\"", NULL);
	expect("a\vb", "a\vb");
	expect("pg_temp, a", NULL);
	expect("a, PG_TEMP_3", NULL);
	expect("caf\xc3\xa9", NULL);
	expect("\"caf\xe9\"", NULL);
}

/* At, below and above each limit. */
static void test_limits(void **state)
{
	char name[SEARCH_PATH_NAME_BYTES + 1], list[4 * SEARCH_PATH_BYTES];
	struct search_path path;
	size_t used = 0;

	(void)state;
	memset(name, 'a', sizeof name);
	name[SEARCH_PATH_NAME_BYTES - 1] = '\0';
	expect(name, name);
	snprintf(list, sizeof list, "\"%s\"", name);
	expect(list, name);
	name[SEARCH_PATH_NAME_BYTES - 1] = 'a';
	name[SEARCH_PATH_NAME_BYTES] = '\0';
	expect(name, NULL);
	snprintf(list, sizeof list, "\"%s\"", name);
	expect(list, NULL);
	for (int i = 1; i < SEARCH_PATH_SCHEMAS; i++)
		used += (size_t)snprintf(list + used, sizeof list - used, "%ss%d",
					 i > 1 ? "," : "", i);
	search_path_init(&path);
	assert_true(search_path_add(&path, list, "anna"));
	assert_int_equal(path.count, SEARCH_PATH_SCHEMAS);
	assert_true(search_path_add(&path, "s1", "anna"));
	assert_false(search_path_add(&path, "one_more", "anna"));
	/* Sixteen of 64 bytes, the first of which has room for pg_catalog. */
	used = (size_t)snprintf(list, sizeof list, "%.*s", 63 - (int)sizeof "pg_catalog", name);
	for (int i = 11; i < 10 + SEARCH_PATH_BYTES / 64; i++)
		used += (size_t)snprintf(list + used, sizeof list - used, "%s%d%.*s",
					 ",", i, SEARCH_PATH_NAME_BYTES - 3, name);
	search_path_init(&path);
	assert_true(search_path_add(&path, list, "anna"));
	assert_int_equal(path.used, SEARCH_PATH_BYTES);
	assert_false(search_path_add(&path, "x", "anna"));
}

/* Two paths that may both be in force. */
static void test_both(void **state)
{
	struct search_path path;

	(void)state;
	search_path_init(&path);
	assert_true(search_path_add(&path, "a, b", "anna"));
	assert_true(search_path_add(&path, "b, c", "anna"));
	assert_int_equal(path.count, 4);
	assert_string_equal(search_path_schema(&path, 3), "c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_what_cannot_be_said),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
