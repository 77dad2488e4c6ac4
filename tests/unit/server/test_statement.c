/*
 * One statement for each text, types, database and user, whoever calls it what.
 */
#include "wire/bytes.h"

#include "server/statement.h"

struct fixture {
	struct verdicts *verdicts;
	struct statements all;
	struct known_query *query;
};

static int begin(void **state)
{
	struct query_context context = { span_of("app"), true, false };
	struct fixture *f = calloc(1, sizeof *f);

	f->verdicts = verdicts_create(1 << 20);
	f->query = verdicts_find(f->verdicts, span_of("select 1"), &context);
	statements_init(&f->all, 4711);
	*state = f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	statements_finish(&f->all); /* everything was dropped */
	known_query_drop(f->query);
	verdicts_destroy(f->verdicts);
	free(f);
	return 0;
}

static struct statement_key key(const char *text, struct span types, const char *database,
				const char *user)
{
	return (struct statement_key){ span_of(text), types, database, user, 0 };
}

static void test_one_for_each_key(void **state)
{
	struct statement_key keys[] = {
		key("select $1", BYTES("\0\0"), "app", "bob"),
		key("select $2", BYTES("\0\0"), "app", "bob"),
		key("select $1", BYTES("\0\1\0\0\0\27"), "app", "bob"),
		key("select $1", BYTES("\0\0"), "ap", "bob"),
		key("select $1", BYTES("\0\0"), "app", "ob"),
		key("select $1", BYTES("\0\0"), "appbob", ""),
		key("", BYTES("\0\0"), "app", "bob"),
	};
	enum { COUNT = sizeof keys / sizeof *keys };
	struct fixture *f = *state;
	struct statement *all[COUNT];

	for (int i = 0; i < COUNT; i++) {
		assert_null(statement_find(&f->all, &keys[i]));
		all[i] = statement_get(&f->all, &keys[i], f->query);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(all[i]->name, all[j]->name);
	}
	for (int i = 0; i < COUNT; i++) {
		assert_ptr_equal(statement_find(&f->all, &keys[i]), all[i]);
		assert_ptr_equal(statement_get(&f->all, &keys[i], f->query), all[i]);
		assert_true(span_equal(all[i]->text, keys[i].text));
		assert_true(span_equal(all[i]->types, keys[i].types));
		statement_drop(all[i]);
		assert_ptr_equal(statement_find(&f->all, &keys[i]), all[i]);
		statement_drop(all[i]);
		assert_null(statement_find(&f->all, &keys[i]));
	}
}

/* A connection that moves to another worker is known there by the same names. */
static void test_the_same_name_at_every_worker(void **state)
{
	struct statement_key k = key("select $1", BYTES("\0\0"), "app", "bob");
	struct fixture *f = *state;
	struct statements other, secret;
	struct statement *here, *there, *elsewhere;

	statements_init(&other, 4711);
	statements_init(&secret, 4712);
	here = statement_get(&f->all, &k, f->query);
	there = statement_get(&other, &k, f->query);
	elsewhere = statement_get(&secret, &k, f->query);
	assert_string_equal(here->name, there->name);
	assert_string_not_equal(here->name, elsewhere->name);
	assert_int_equal(strlen(here->name), strlen("pgweir_") + 32);
	statement_drop(here);
	statement_drop(there);
	statement_drop(elsewhere);
	statements_finish(&other);
	statements_finish(&secret);
}

static void test_nameless_ones_are_never_found(void **state)
{
	struct statement_key empty = key("", BYTES(""), "", "");
	struct fixture *f = *state;
	struct statement *a = statement_get_nameless(&f->all, f->query);
	struct statement *b = statement_get_nameless(&f->all, f->query);

	assert_null(a->text.data);
	assert_string_not_equal(a->name, b->name);
	assert_null(statement_find(&f->all, &empty));
	statement_drop(a);
	statement_drop(b);
	statement_drop(NULL);
	assert_null(statement_hold(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_for_each_key, begin, end),
		cmocka_unit_test_setup_teardown(test_the_same_name_at_every_worker, begin, end),
		cmocka_unit_test_setup_teardown(test_nameless_ones_are_never_found, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
