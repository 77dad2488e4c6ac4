/*
 * What a client's names mean while batches are under way, fail and are skipped.
 */
#include "wire/bytes.h"

#include "client/prepared.h"

struct fixture {
	struct session session;
	struct verdicts *verdicts;
	struct statements all;
	struct statement *a, *b, *c;
};

static struct statement *make(struct fixture *f, const char *text)
{
	struct query_context context = { span_of("app"), true, false };
	struct statement_key key = { span_of(text), BYTES("\0\0"), "app", "bob", 0 };
	struct known_query *q = verdicts_find(f->verdicts, span_of(text), &context);
	struct statement *s = statement_get(&f->all, &key, q);

	known_query_drop(q);
	return s;
}

static int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->verdicts = verdicts_create(1 << 20);
	statements_init(&f->all, 1);
	f->a = make(f, "select 1 as a");
	f->b = make(f, "select 1 as b");
	f->c = make(f, "select 1 as c");
	*state = f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(f->session.names_due, 0);
	prepared_forget_all(&f->session);
	statement_drop(f->a);
	statement_drop(f->b);
	statement_drop(f->c);
	statements_finish(&f->all); /* no name held on to one */
	verdicts_destroy(f->verdicts);
	free(f);
	return 0;
}

static struct request send_parse(struct fixture *f, const char *name, struct statement *st)
{
	struct request r = { .kind = REQUEST_PARSE,
			     .undo = prepared_set(&f->session, span_of(name), st) };

	f->session.names_due += prepared_depends_on(&r);
	return r;
}

static struct request send_close(struct fixture *f, const char *name)
{
	struct request r = send_parse(f, name, NULL);

	r.kind = REQUEST_CLOSE;
	return r;
}

static void settle(struct fixture *f, struct request *r, enum request_outcome outcome)
{
	prepared_settle(&f->session, r, outcome);
	assert_null(r->undo);
}

static void expect(struct fixture *f, const char *name, struct statement *st)
{
	assert_ptr_equal(prepared_find(&f->session, span_of(name)), st);
}

static void test_a_name(void **state)
{
	struct fixture *f = *state;
	struct request r;

	expect(f, "s", NULL);
	r = send_parse(f, "s", f->a);
	expect(f, "s", f->a); /* already */
	expect(f, "S", NULL);
	expect(f, "", NULL);
	assert_int_equal(f->session.names_due, 1);
	settle(f, &r, REQUEST_DONE);
	r = send_close(f, "s");
	expect(f, "s", NULL);
	settle(f, &r, REQUEST_SKIPPED);
	expect(f, "s", f->a);
}

/* The newest is taken back first. */
static void test_a_batch_that_is_skipped(void **state)
{
	struct fixture *f = *state;
	struct request first = send_parse(f, "s", f->a);
	struct request second, third;

	settle(f, &first, REQUEST_DONE);
	first = send_close(f, "s");
	second = send_parse(f, "s", f->b);
	third = send_parse(f, "t", f->c);
	expect(f, "s", f->b);
	settle(f, &third, REQUEST_SKIPPED);
	settle(f, &second, REQUEST_SKIPPED);
	settle(f, &first, REQUEST_SKIPPED);
	expect(f, "s", f->a);
	expect(f, "t", NULL);
}

/* Pipelines of the unnamed statement do not wait: what comes later counts. */
static void test_the_unnamed_one_in_a_pipeline(void **state)
{
	struct fixture *f = *state;
	struct request first = send_parse(f, "", f->a);
	struct request second = send_parse(f, "", f->b);

	assert_int_equal(f->session.names_due, 0);
	settle(f, &first, REQUEST_FAILED);
	expect(f, "", f->b);
	settle(f, &second, REQUEST_DONE);
	expect(f, "", f->b);
	/* The second fails: PostgreSQL drops the unnamed statement before it parses. */
	first = send_parse(f, "", f->a);
	second = send_parse(f, "", f->c);
	settle(f, &first, REQUEST_DONE);
	settle(f, &second, REQUEST_FAILED);
	expect(f, "", NULL);
}

static void test_the_unnamed_one_is_skipped(void **state)
{
	struct fixture *f = *state;
	struct request first = send_parse(f, "", f->a);
	struct request second;

	settle(f, &first, REQUEST_DONE);
	first = send_parse(f, "", f->b);
	second = send_parse(f, "", f->c);
	settle(f, &second, REQUEST_SKIPPED);
	settle(f, &first, REQUEST_SKIPPED);
	expect(f, "", f->a); /* as it was: the server saw none of it */
}

static void test_limit(void **state)
{
	struct fixture *f = *state;
	char name[16];

	for (int i = 0; i < PREPARED_NAMES_MAX; i++) {
		assert_false(prepared_is_full(&f->session));
		snprintf(name, sizeof name, "s%d", i);
		prepared_undo_forget(prepared_set(&f->session, span_of(name), f->a));
	}
	assert_true(prepared_is_full(&f->session));
	prepared_undo_forget(prepared_set(&f->session, span_of("s0"), NULL));
	assert_false(prepared_is_full(&f->session));
	expect(f, "s1", f->a);
	prepared_forget_all(&f->session);
	expect(f, "s1", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_name, begin, end),
		cmocka_unit_test_setup_teardown(test_a_batch_that_is_skipped, begin, end),
		cmocka_unit_test_setup_teardown(test_the_unnamed_one_in_a_pipeline, begin, end),
		cmocka_unit_test_setup_teardown(test_the_unnamed_one_is_skipped, begin, end),
		cmocka_unit_test_setup_teardown(test_limit, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
