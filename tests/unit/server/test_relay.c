/*
 * The way back: what of a server's bytes reaches which client, under each plan.
 */
#include "server/fake.h"

#include "server/relay.h"

#define ROW BYTES("D\0\0\0\13\0\1\0\0\0\1x")
#define COMPLETE BYTES("C\0\0\0\15SELECT 1\0")
#define PARSED BYTES("1\0\0\0\4")
#define BOUND BYTES("2\0\0\0\4")
#define CLOSED BYTES("3\0\0\0\4")
#define COPY_IN BYTES("G\0\0\0\7\0\0\0")
#define COPY_BOTH BYTES("W\0\0\0\7\0\0\0")
#define ERROR BYTES("E\0\0\0\30SERROR\0C42601\0Mbad\0\0")
#define FATAL BYTES("E\0\0\0\37SFATAL\0VFATAL\0C57P01\0Mbye\0\0")
#define NOTICE BYTES("N\0\0\0\14SNOTICE\0")
#define PARAMETER BYTES("S\0\0\0\10a\0b\0")

struct fixture {
	struct fake fake;
	struct fake_asker a;
	int peer;
};

static void begin(struct fixture *f)
{
	fake_begin(&f->fake, "size = 1\noverflow = 0");
	asker_begin(&f->a, &f->fake);
	f->peer = lend_first(&f->fake, &f->a);
}

/* `is_clean`: as it ends it could be lent to another. */
static void end(struct fixture *f, bool is_clean)
{
	if (f->a.asker.server) {
		assert_int_equal(server_is_clean(f->a.server), is_clean);
		pool_give_back(f->a.server, false);
		assert_int_equal(f->fake.pool->idle_count, is_clean);
	}
	asker_end(&f->a);
	fake_end(&f->fake);
	close(f->peer);
}

static void hears(struct fixture *f, struct span wanted)
{
	expect_heard(&f->fake, f->a.client, wanted);
}

static void events(struct fixture *f, const char *wanted)
{
	turn_until(&f->fake.turns, f->a.event_count >= (int)strlen(wanted));
	turn_some(&f->fake.turns);
	expect_events(&f->a, wanted);
}

static void test_pass(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	ask(&f.a, REQUEST_QUERY, ANSWER_PASS);
	say(f.peer, ROW);
	say(f.peer, COMPLETE);
	say(f.peer, READY);
	events(&f, "dI");
	hears(&f, BYTES("D\0\0\0\13\0\1\0\0\0\1xC\0\0\0\15SELECT 1\0Z\0\0\0\5I"));
	end(&f, true);
}

/* The same answer cut at every position. */
static void test_pass_in_two_pieces(void **state)
{
	struct span all = BYTES("D\0\0\0\13\0\1\0\0\0\1xC\0\0\0\15SELECT 1\0Z\0\0\0\5I");
	struct fixture f;

	(void)state;
	begin(&f);
	for (size_t cut = 1; cut < all.size; cut++) {
		ask(&f.a, REQUEST_QUERY, ANSWER_PASS);
		say(f.peer, span_first(all, cut));
		turn_some(&f.fake.turns);
		say(f.peer, span_after(all, cut));
		events(&f, "dI");
		hears(&f, all);
		assert_true(server_is_clean(f.a.server));
	}
	end(&f, true);
}

static void test_drop(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	ask(&f.a, REQUEST_PARSE, ANSWER_DROP);
	ask(&f.a, REQUEST_BIND, ANSWER_DROP);
	ask(&f.a, REQUEST_EXECUTE, ANSWER_DROP);
	ask(&f.a, REQUEST_SYNC, ANSWER_DROP);
	ask(&f.a, REQUEST_QUERY, ANSWER_PASS);
	say(f.peer, BYTES("1\0\0\0\0042\0\0\0\4D\0\0\0\13\0\1\0\0\0\1xC\0\0\0\15SELECT 1\0Z\0\0\0\5I"
			  "C\0\0\0\15SELECT 2\0Z\0\0\0\5I"));
	events(&f, "ddddIdI");
	hears(&f, BYTES("C\0\0\0\15SELECT 2\0Z\0\0\0\5I"));
	end(&f, true);
}

/* Notices and parameters that come with answers of ours are not the client's. */
static void test_drop_what_comes_between(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	ask(&f.a, REQUEST_QUERY, ANSWER_DROP);
	say(f.peer, NOTICE);
	say(f.peer, PARAMETER);
	say(f.peer, COMPLETE);
	say(f.peer, READY);
	events(&f, "dI");
	ask(&f.a, REQUEST_QUERY, ANSWER_PASS);
	say(f.peer, PARAMETER);
	say(f.peer, READY);
	events(&f, "PdI");
	hears(&f, BYTES("S\0\0\0\10a\0b\0Z\0\0\0\5I"));
	assert_true(span_equal(buf_waiting(&f.a.server->greeting), PARAMETER));
	end(&f, true);
}

static void test_error_of_our_own(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	ask(&f.a, REQUEST_QUERY, ANSWER_DROP);
	say(f.peer, ERROR);
	events(&f, "Os");
	hears(&f, BYTES(""));
	assert_null(f.a.asker.server);
	end(&f, false);
}

static void test_drop_but_error(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	for (int fails = 0; fails < 2; fails++) {
		ask(&f.a, REQUEST_PARSE, ANSWER_DROP_BUT_ERROR);
		ask(&f.a, REQUEST_BIND, ANSWER_PASS);
		ask(&f.a, REQUEST_SYNC, ANSWER_PASS);
		say(f.peer, fails ? ERROR : BYTES("1\0\0\0\0042\0\0\0\4"));
		say(f.peer, READY);
		events(&f, fails ? "sfdI" : "dddI");
		if (fails)
			hears(&f, BYTES("E\0\0\0\30SERROR\0C42601\0Mbad\0\0Z\0\0\0\5I"));
		else
			hears(&f, BYTES("2\0\0\0\4Z\0\0\0\5I"));
	}
	end(&f, true);
}

static void ask_local(struct fixture *f)
{
	server_ask(f->a.server, &(struct request){ .kind = REQUEST_CLOSE,
						   .plan = ANSWER_LOCAL,
						   .asker = &f->a.asker,
						   .local = "3\0\0\0\4",
						   .local_size = 5 });
}

/* Given in its turn, at once when nothing is before it. */
static void test_local_keeps_the_order(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	ask_local(&f);
	expect_events(&f.a, "d");
	hears(&f, CLOSED);
	ask(&f.a, REQUEST_PARSE, ANSWER_PASS);
	ask_local(&f);
	ask_local(&f);
	ask(&f.a, REQUEST_BIND, ANSWER_PASS);
	ask_local(&f);
	ask(&f.a, REQUEST_SYNC, ANSWER_PASS);
	ask_local(&f);
	turn_some(&f.fake.turns);
	expect_events(&f.a, "");
	say(f.peer, PARSED);
	events(&f, "ddd");
	hears(&f, BYTES("1\0\0\0\0043\0\0\0\0043\0\0\0\4"));
	say(f.peer, BYTES("2\0\0\0\4Z\0\0\0\5I"));
	events(&f, "ddddI");
	hears(&f, BYTES("2\0\0\0\0043\0\0\0\4Z\0\0\0\5I3\0\0\0\4"));
	end(&f, true);
}

/* Behind a row that is still coming it waits. */
static void test_local_behind_half_a_row(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	ask(&f.a, REQUEST_EXECUTE, ANSWER_PASS);
	say(f.peer, span_first(ROW, 8));
	turn_some(&f.fake.turns);
	ask_local(&f);
	hears(&f, span_first(ROW, 8));
	say(f.peer, span_after(ROW, 8));
	hears(&f, span_after(ROW, 8));
	say(f.peer, COMPLETE);
	hears(&f, BYTES("C\0\0\0\15SELECT 1\0003\0\0\0\4"));
	expect_events(&f.a, "dd");
	end(&f, true);
}

/* --- errors */

static void test_error_skips_to_sync(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	ask(&f.a, REQUEST_PARSE, ANSWER_PASS);
	ask(&f.a, REQUEST_BIND, ANSWER_PASS);
	ask(&f.a, REQUEST_EXECUTE, ANSWER_PASS);
	ask_local(&f);
	ask(&f.a, REQUEST_QUERY, ANSWER_PASS);
	ask(&f.a, REQUEST_SYNC, ANSWER_PASS);
	ask(&f.a, REQUEST_QUERY, ANSWER_PASS);
	say(f.peer, PARSED);
	say(f.peer, ERROR);
	say(f.peer, READY);
	/* The newest first, so that names can be undone. */
	events(&f, "dsssfdI");
	say(f.peer, COMPLETE);
	say(f.peer, READY);
	events(&f, "dI");
	hears(&f, BYTES("1\0\0\0\4E\0\0\0\30SERROR\0C42601\0Mbad\0\0Z\0\0\0\5IC\0\0\0\15SELECT 1\0"
			"Z\0\0\0\5I"));
	end(&f, true);
}

static void test_error_before_the_sync_was_sent(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	ask(&f.a, REQUEST_PARSE, ANSWER_PASS);
	ask(&f.a, REQUEST_BIND, ANSWER_PASS);
	say(f.peer, ERROR);
	events(&f, "sfB");
	ask(&f.a, REQUEST_SYNC, ANSWER_PASS);
	say(f.peer, READY);
	events(&f, "dI");
	end(&f, true);
}

static void test_error_of_a_query(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	ask(&f.a, REQUEST_QUERY, ANSWER_PASS);
	ask(&f.a, REQUEST_QUERY, ANSWER_PASS);
	say(f.peer, ERROR);
	turn_some(&f.fake.turns);
	expect_events(&f.a, "");
	say(f.peer, BYTES("Z\0\0\0\5E"));
	events(&f, "fE");
	say(f.peer, BYTES("Z\0\0\0\5I"));
	events(&f, "dI");
	end(&f, true);
}

static void test_fatal(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	ask(&f.a, REQUEST_QUERY, ANSWER_PASS);
	ask(&f.a, REQUEST_QUERY, ANSWER_PASS);
	say(f.peer, ROW);
	say(f.peer, FATAL);
	events(&f, "ssX");
	hears(&f, ROW);
	assert_null(f.a.asker.server);
	end(&f, false);
}

/* --- COPY */

/* PostgreSQL ignores the Sync that was sent with the Execute. */
static void test_copy_in_drops_syncs(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	ask(&f.a, REQUEST_EXECUTE, ANSWER_PASS);
	ask(&f.a, REQUEST_SYNC, ANSWER_PASS);
	say(f.peer, COPY_IN);
	events(&f, "sC");
	assert_int_equal(f.a.server->queue_count, 1);
	assert_false(server_is_clean(f.a.server));
	ask(&f.a, REQUEST_SYNC, ANSWER_PASS);
	say(f.peer, COMPLETE);
	say(f.peer, READY);
	events(&f, "ddI");
	end(&f, true);
}

static void test_copy_in_fails(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	ask(&f.a, REQUEST_QUERY, ANSWER_PASS);
	say(f.peer, COPY_IN);
	events(&f, "C");
	say(f.peer, ERROR);
	say(f.peer, READY);
	events(&f, "cfI");
	end(&f, true);
}

static void test_copy_both(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	f.fake.pool->is_private = true;
	ask(&f.a, REQUEST_QUERY, ANSWER_PASS);
	say(f.peer, COPY_BOTH);
	events(&f, "C");
	assert_true(f.a.server->is_streaming);
	say(f.peer, BYTES("d\0\0\0\5xc\0\0\0\4"));
	say(f.peer, COMPLETE);
	turn_until(&f.fake.turns, f.a.server->has_streamed);
	assert_false(f.a.server->is_streaming);
	say(f.peer, READY);
	events(&f, "dI");
	assert_false(f.a.server->has_streamed);
	hears(&f, BYTES("W\0\0\0\7\0\0\0d\0\0\0\5xc\0\0\0\4C\0\0\0\15SELECT 1\0Z\0\0\0\5I"));
	pool_give_back(f.a.server, false);
	assert_int_equal(f.fake.pool->idle_count, 0);
	end(&f, true);
}

static void test_copy_both_fails(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	f.fake.pool->is_private = true;
	ask(&f.a, REQUEST_QUERY, ANSWER_PASS);
	say(f.peer, COPY_BOTH);
	say(f.peer, ERROR);
	say(f.peer, READY);
	events(&f, "CcfI");
	assert_false(f.a.server->is_streaming);
	pool_give_back(f.a.server, false);
	end(&f, true);
}

/* Only a WAL sender does that. */
static void test_copy_both_on_an_ordinary_connection(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	ask(&f.a, REQUEST_QUERY, ANSWER_PASS);
	say(f.peer, COPY_BOTH);
	events(&f, "sX");
	end(&f, true);
}

/* --- messages in parts */

static void test_a_large_row_passes_while_it_comes(void **state)
{
	struct span head = BYTES("D\0\3\15\104"); /* 200004 */
	char *body = memory_get_zeroed(200000);
	struct fixture f;

	(void)state;
	begin(&f);
	ask(&f.a, REQUEST_QUERY, ANSWER_PASS);
	say(f.peer, head);
	say(f.peer, span_make(body, 1000));
	skip_heard(&f.fake, f.a.client, 1005);
	for (int i = 0; i < 199; i++) {
		say(f.peer, span_make(body, 1000));
		skip_heard(&f.fake, f.a.client, 1000);
	}
	assert_int_equal(f.a.server->passing, 0);
	say(f.peer, COMPLETE);
	say(f.peer, READY);
	hears(&f, BYTES("C\0\0\0\15SELECT 1\0Z\0\0\0\5I"));
	free(body);
	end(&f, true);
}

static void test_half_a_row_is_not_clean(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	ask(&f.a, REQUEST_QUERY, ANSWER_PASS);
	say(f.peer, span_first(ROW, 7));
	hears(&f, span_first(ROW, 7));
	assert_int_equal(f.a.server->passing, ROW.size - 7);
	end(&f, false);
}

static void test_an_error_is_passed_as_a_whole(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	ask(&f.a, REQUEST_QUERY, ANSWER_PASS);
	say(f.peer, span_first(ERROR, 10));
	turn_some(&f.fake.turns);
	hears(&f, BYTES(""));
	say(f.peer, span_after(ERROR, 10));
	hears(&f, ERROR);
	end(&f, false);
}

/* --- what nobody asked for */

static void test_bytes_behind_ready_are_not_clean(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	ask(&f.a, REQUEST_QUERY, ANSWER_PASS);
	say(f.peer, BYTES("Z\0\0\0\5IN\0\0\0\14SNOTICE\0"));
	events(&f, "dI");
	end(&f, false);
}

static void test_half_a_notice_is_not_clean(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	ask(&f.a, REQUEST_QUERY, ANSWER_PASS);
	say(f.peer, READY);
	events(&f, "dI");
	assert_true(server_is_clean(f.a.server));
	say(f.peer, span_first(NOTICE, 6));
	turn_some(&f.fake.turns);
	end(&f, false);
}

static void test_unexpected_messages_end_the_connection(void **state)
{
	struct span cases[] = { READY, ROW, COMPLETE, PARSED, BOUND, CLOSED, COPY_IN,
				BYTES("?\0\0\0\4"), BYTES("Z\0\0\0\3I"), BYTES("n\0\0\0\4"),
				BYTES("R\0\0\0\10\0\0\0\0"), ERROR };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fixture f;

		begin(&f);
		say(f.peer, cases[i]);
		events(&f, "X");
		hears(&f, BYTES(""));
		end(&f, false);
	}
}

static void test_each_request_has_its_answers(void **state)
{
	static const struct {
		enum request_kind kind;
		const char *letters; /* that answer something, but not this */
	} cases[] = { { REQUEST_QUERY, "12ns3tV" }, { REQUEST_PARSE, "2TDCZ3" },
		      { REQUEST_BIND, "1TDCZ3" },   { REQUEST_DESCRIBE, "12DCZ3" },
		      { REQUEST_EXECUTE, "12TZ3n" }, { REQUEST_CLOSE, "12TDCZ" },
		      { REQUEST_SYNC, "12TDC3" },   { REQUEST_FUNCTION, "12TDC3" } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (const char *letter = cases[i].letters; *letter; letter++) {
			char message[6] = { *letter, 0, 0, 0, 5, 'I' };
			struct fixture f;

			begin(&f);
			ask(&f.a, cases[i].kind, ANSWER_PASS);
			say(f.peer, span_make(message, 6));
			events(&f, "sX");
			hears(&f, BYTES(""));
			end(&f, false);
		}
	}
}

static void test_a_status_that_does_not_exist(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	ask(&f.a, REQUEST_QUERY, ANSWER_PASS);
	say(f.peer, BYTES("Z\0\0\0\5X"));
	events(&f, "sX");
	end(&f, false);
}

/* --- back-pressure */

static void test_a_client_that_does_not_read_stops_its_server(void **state)
{
	struct span head = BYTES("D\0\0\372\4"); /* 64004 */
	char *body = memory_get_zeroed(64000);
	size_t sent = 0, heard = 0;
	struct fixture f;

	(void)state;
	begin(&f);
	ask(&f.a, REQUEST_QUERY, ANSWER_PASS);
	while (!f.a.server->conn.is_reading_stopped) {
		say(f.peer, head);
		say(f.peer, span_make(body, 64000));
		sent += 64005;
		turn_some(&f.fake.turns);
		assert_true(sent < 64 << 20);
	}
	assert_in_range(f.a.conn.out.filled - f.a.conn.out.sent, CONN_CONGESTED_BYTES,
			4 * CONN_CONGESTED_BYTES);
	say(f.peer, READY);
	while (heard < sent + READY.size) {
		struct buf some = hear(&f.fake, f.a.client, 1);

		assert_true(some.filled > 0);
		heard += some.filled;
		buf_finish(&some);
	}
	events(&f, "dI");
	free(body);
	end(&f, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pass),
		cmocka_unit_test(test_pass_in_two_pieces),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_drop_what_comes_between),
		cmocka_unit_test(test_error_of_our_own),
		cmocka_unit_test(test_drop_but_error),
		cmocka_unit_test(test_local_keeps_the_order),
		cmocka_unit_test(test_local_behind_half_a_row),
		cmocka_unit_test(test_error_skips_to_sync),
		cmocka_unit_test(test_error_before_the_sync_was_sent),
		cmocka_unit_test(test_error_of_a_query),
		cmocka_unit_test(test_fatal),
		cmocka_unit_test(test_copy_in_drops_syncs),
		cmocka_unit_test(test_copy_in_fails),
		cmocka_unit_test(test_copy_both),
		cmocka_unit_test(test_copy_both_fails),
		cmocka_unit_test(test_copy_both_on_an_ordinary_connection),
		cmocka_unit_test(test_a_large_row_passes_while_it_comes),
		cmocka_unit_test(test_half_a_row_is_not_clean),
		cmocka_unit_test(test_an_error_is_passed_as_a_whole),
		cmocka_unit_test(test_bytes_behind_ready_are_not_clean),
		cmocka_unit_test(test_half_a_notice_is_not_clean),
		cmocka_unit_test(test_unexpected_messages_end_the_connection),
		cmocka_unit_test(test_each_request_has_its_answers),
		cmocka_unit_test(test_a_status_that_does_not_exist),
		cmocka_unit_test(test_a_client_that_does_not_read_stops_its_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
