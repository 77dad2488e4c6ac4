/*
 * What a server connection is thought to know, and its queue, beyond what a relay
 * shows: statements learnt, forgotten, closed, known again; the greeting.
 */
#include "server/fake.h"

#define CLOSED BYTES("3\0\0\0\4")
#define ERROR BYTES("E\0\0\0\30SERROR\0C42601\0Mbad\0\0")

enum { STATEMENTS = 4, CLOSE_BYTES = 1 + 4 + 1 + 7 + 32 + 1 };

struct fixture {
	struct fake fake;
	struct fake_asker a;
	struct verdicts *verdicts;
	struct statement *all[STATEMENTS];
	int peer;
};

static void begin(struct fixture *f)
{
	struct query_context context = { span_of("app"), true, false };
	struct known_query *q;

	fake_begin(&f->fake, "size = 1\noverflow = 0\nmax_prepared = 2");
	asker_begin(&f->a, &f->fake);
	f->verdicts = verdicts_create(1 << 20);
	q = verdicts_find(f->verdicts, span_of("select 1"), &context);
	for (int i = 0; i < STATEMENTS; i++) {
		char text[32];
		struct statement_key key = { .database = "app", .user = "bob" };

		snprintf(text, sizeof text, "select %d", i);
		key.text = span_of(text);
		key.types = BYTES("\0\0");
		f->all[i] = statement_get(&f->fake.statements, &key, q);
	}
	known_query_drop(q);
	f->peer = lend_first(&f->fake, &f->a);
}

static void end(struct fixture *f)
{
	if (f->a.asker.server)
		pool_give_back(f->a.server, false);
	pools_close(&f->fake.pools);
	for (int i = 0; i < STATEMENTS; i++)
		statement_drop(f->all[i]);
	asker_end(&f->a);
	fake_end(&f->fake);
	verdicts_destroy(f->verdicts);
	close(f->peer);
}

static void expect_known(struct fixture *f, const char *digits)
{
	for (int i = 0; i < STATEMENTS; i++) {
		bool wanted = strchr(digits, '0' + i) != NULL;

		assert_int_equal(server_knows(f->a.server, f->all[i], 0) == KNOWS, wanted);
	}
}

static void events(struct fixture *f, const char *wanted)
{
	turn_until(&f->fake.turns, f->a.event_count >= (int)strlen(wanted));
	expect_events(&f->a, wanted);
}

static void test_the_least_recently_used_is_closed(void **state)
{
	struct buf heard;
	struct fixture f;

	(void)state;
	begin(&f);
	server_learn(f.a.server, f.all[0], &f.a.asker);
	server_learn(f.a.server, f.all[1], &f.a.asker);
	assert_int_equal(server_knows(f.a.server, f.all[0], 0), KNOWS); /* a use */
	server_learn(f.a.server, f.all[2], &f.a.asker);
	expect_known(&f, "02");
	heard = hear(&f.fake, f.peer, CLOSE_BYTES);
	assert_int_equal(heard.filled, CLOSE_BYTES);
	assert_memory_equal(heard.data, "C\0\0\0\55S", 6);
	assert_string_equal(heard.data + 6, f.all[1]->name);
	buf_finish(&heard);
	say(f.peer, CLOSED);
	events(&f, "d");
	expect_known(&f, "02");
	expect_heard(&f.fake, f.a.client, BYTES(""));
	end(&f);
}

/* The server skipped it: the statement is there still. */
static void test_a_close_that_was_skipped(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	server_learn(f.a.server, f.all[0], &f.a.asker);
	server_learn(f.a.server, f.all[1], &f.a.asker);
	ask(&f.a, REQUEST_BIND, ANSWER_PASS);
	server_learn(f.a.server, f.all[2], &f.a.asker);
	server_ask(f.a.server, &(struct request){ .kind = REQUEST_PARSE,
						  .plan = ANSWER_PASS,
						  .asker = &f.a.asker,
						  .statement = f.all[2],
						  .is_learnt = true });
	ask(&f.a, REQUEST_SYNC, ANSWER_PASS);
	expect_known(&f, "12");
	say(f.peer, ERROR);
	say(f.peer, READY);
	events(&f, "ssfdI");
	expect_known(&f, "01");
	assert_true(server_is_clean(f.a.server));
	end(&f);
}

static void test_a_parse_that_failed_is_forgotten(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	for (int fails = 0; fails < 2; fails++) {
		server_learn(f.a.server, f.all[fails], &f.a.asker);
		server_ask(f.a.server, &(struct request){ .kind = REQUEST_PARSE,
							  .plan = ANSWER_PASS,
							  .asker = &f.a.asker,
							  .statement = f.all[fails],
							  .is_learnt = true });
		ask(&f.a, REQUEST_SYNC, ANSWER_PASS);
		say(f.peer, fails ? ERROR : BYTES("1\0\0\0\4"));
		say(f.peer, READY);
		events(&f, fails ? "fdI" : "ddI");
	}
	expect_known(&f, "0");
	server_forget_all(f.a.server);
	expect_known(&f, "");
	end(&f);
}

/* A lost connection ends everything, the newest first, and is told last. */
static void test_lost(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	for (int i = 0; i < 50; i++) /* the queue grows */
		ask(&f.a, REQUEST_QUERY, ANSWER_PASS);
	say(f.peer, READY);
	events(&f, "dI");
	close(f.peer);
	f.peer = -1;
	turn_until(&f.fake.turns, f.a.event_count == 50);
	assert_int_equal(strspn(f.a.events, "s"), 49);
	assert_string_equal(f.a.events + 49, "X");
	assert_null(f.a.asker.server);
	end(&f);
}

static void note_parameter(struct fixture *f, const char *name, const char *value)
{
	server_note_parameter(f->a.server, span_of(name), span_of(value));
}

static void test_the_greeting_follows(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	note_parameter(&f, "b", "1");
	note_parameter(&f, "a", "new");
	assert_true(span_equal(buf_waiting(&f.a.server->greeting),
			       BYTES("S\0\0\0\10b\0001\0S\0\0\0\12a\0new\0")));
	/* What fresh connections say is another matter. */
	assert_memory_equal(f.fake.pool->greeting.data, "S\0\0\0\12a\0bcd",
			    f.fake.pool->greeting.filled);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_least_recently_used_is_closed),
		cmocka_unit_test(test_a_close_that_was_skipped),
		cmocka_unit_test(test_a_parse_that_failed_is_forgotten),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_the_greeting_follows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
