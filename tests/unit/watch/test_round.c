/*
 * Rounds: who shares numbers with whom, and that everyone is answered once.
 */
#include "watch/round.h"

#include "watch/numbers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SEATS_MAX = 8 };

struct guest {
	struct round_seat seat;
	struct fixture *fixture;
	int answers;
	enum round_result result;
	struct buf text;
};

struct fixture {
	struct loop loop;
	struct round round;
	struct guest guests[SEATS_MAX];
	int collects, client_limit;
	struct stats_copy *at_once; /* collect answers with it; owned */
	int answers;
};

static void on_collect(void *context, int client_limit)
{
	struct fixture *f = context;
	struct stats_copy *copy = f->at_once;

	f->collects++;
	f->client_limit = client_limit;
	f->at_once = NULL;
	if (copy)
		round_take(&f->round, copy);
}

static void on_done(struct round_seat *seat, enum round_result result, struct buf text)
{
	struct guest *guest = (struct guest *)((char *)seat - offsetof(struct guest, seat));

	assert_int_equal(seat->state, SEAT_FREE);
	assert_int_equal(result == ROUND_REPORTED, text.filled > 0);
	guest->answers++;
	guest->result = result;
	guest->text = text;
	guest->fixture->answers++;
	loop_stop(&guest->fixture->loop);
}

static void set_up(struct fixture *f)
{
	struct http_asks asks = { .context = f, .collect = on_collect, .nodes = fill_two_nodes,
				  .route_words = route_words };

	memset(f, 0, sizeof(*f));
	loop_init(&f->loop, NULL, NULL);
	round_init(&f->round, &f->loop, &asks);
	for (int i = 0; i < SEATS_MAX; i++) {
		f->guests[i].fixture = f;
		f->guests[i].seat.on_done = on_done;
		f->guests[i].seat.wish = (struct report_wish){ REPORT_STATS, REPORT_BY_TOTAL, 100 };
	}
}

static void tear_down(struct fixture *f)
{
	round_finish(&f->round);
	for (int i = 0; i < SEATS_MAX; i++)
		round_free_text(&f->round, &f->guests[i].text);
	assert_int_equal(f->round.text_bytes, 0);
	loop_finish(&f->loop);
}

static void join(struct fixture *f, int first, int last)
{
	for (int i = first; i <= last; i++)
		round_join(&f->round, &f->guests[i].seat);
}

static struct stats_copy *numbered(uint64_t number)
{
	struct stats_copy *copy = make_numbers(2, "x");

	copy->counters[COUNT_CLIENTS_ACCEPTED] = number;
	return copy;
}

/* Runs the loop until so many were answered in all. */
static void run_until(struct fixture *f, int answers)
{
	while (f->answers < answers)
		loop_run(&f->loop);
	assert_int_equal(f->answers, answers);
}

static void check_number(const struct guest *guest, int number)
{
	char expected[32];
	size_t size = (size_t)snprintf(expected, sizeof(expected), "\"accepted\":%d,", number);

	assert_int_equal(guest->answers, 1);
	assert_int_equal(guest->result, ROUND_REPORTED);
	assert_non_null(memmem(guest->text.data, guest->text.filled, expected, size));
}

static void test_those_who_come_together_share(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	round_start(&f.round);
	assert_int_equal(f.collects, 0); /* nobody waits */
	join(&f, 0, 4);
	assert_int_equal(f.collects, 0);
	round_start(&f.round);
	round_start(&f.round);
	assert_int_equal(f.collects, 1);
	round_take(&f.round, numbered(7));
	assert_int_equal(f.answers, 0); /* never from inside a call */
	run_until(&f, 5);
	for (int i = 0; i < 5; i++)
		check_number(&f.guests[i], 7);
	assert_int_equal(f.collects, 1);
	tear_down(&f);
}

static void test_who_comes_later_gets_newer_numbers(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	join(&f, 0, 0);
	round_start(&f.round);
	join(&f, 1, 2); /* while the first collect is under way */
	round_start(&f.round);
	assert_int_equal(f.collects, 1);
	round_take(&f.round, numbered(1));
	join(&f, 3, 3); /* while the first report is to be written */
	round_start(&f.round);
	assert_int_equal(f.collects, 1);
	run_until(&f, 1);
	check_number(&f.guests[0], 1);
	assert_int_equal(f.collects, 2);
	round_take(&f.round, numbered(2));
	run_until(&f, 4);
	for (int i = 1; i < 4; i++)
		check_number(&f.guests[i], 2);
	assert_int_equal(f.collects, 2);
	tear_down(&f);
}

/* As many clients as the one of this round who wants the most of them. */
static void test_clients_are_collected_for_who_wants_them(void **state)
{
	static const struct report_wish wishes[] = {
		{ REPORT_QUERIES, REPORT_BY_TOTAL, 500 }, /* not of clients */
		{ REPORT_CLIENTS, REPORT_BY_TOTAL, 3 },
		{ REPORT_CLIENTS, REPORT_BY_TOTAL, 8 },
		{ REPORT_CLIENTS, REPORT_BY_TOTAL, 5 },
	};
	static const int limits[] = { 0, 3, 8, 8 };
	struct fixture f;

	(void)state;
	for (int last = 0; last < 4; last++) {
		set_up(&f);
		for (int i = 0; i <= last; i++)
			f.guests[i].seat.wish = wishes[i];
		join(&f, 0, last);
		round_start(&f.round);
		assert_int_equal(f.client_limit, limits[last]);
		f.guests[7].seat.wish = (struct report_wish){ REPORT_CLIENTS, REPORT_BY_TOTAL, 2 };
		join(&f, 7, 7); /* of the next round */
		round_take(&f.round, numbered(1));
		run_until(&f, last + 1);
		assert_int_equal(f.client_limit, 2);
		round_take(&f.round, numbered(2));
		run_until(&f, last + 2);
		tear_down(&f);
	}
}

static void test_collect_answers_at_once(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	f.at_once = numbered(3);
	join(&f, 0, 1);
	round_start(&f.round);
	run_until(&f, 2);
	check_number(&f.guests[0], 3);
	check_number(&f.guests[1], 3);
	/* The same seats may wait again. */
	round_free_text(&f.round, &f.guests[0].text);
	f.guests[0].answers = 0;
	f.at_once = numbered(4);
	join(&f, 0, 0);
	round_start(&f.round);
	run_until(&f, 3);
	check_number(&f.guests[0], 4);
	tear_down(&f);
}

static void test_no_numbers(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	join(&f, 0, 1);
	round_start(&f.round);
	join(&f, 2, 2);
	round_take(&f.round, NULL);
	assert_int_equal(f.guests[0].result, ROUND_NO_NUMBERS);
	assert_int_equal(f.guests[1].result, ROUND_NO_NUMBERS);
	assert_int_equal(f.guests[2].answers, 0);
	while (f.collects < 2)
		ev_run(f.loop.ev, EVRUN_ONCE);
	round_take(&f.round, numbered(5));
	run_until(&f, 3);
	check_number(&f.guests[2], 5);
	tear_down(&f);
}

/* At, below and above the limit; the late numbers serve nobody. */
static void test_late(void **state)
{
	uint64_t limit_us = (uint64_t)ROUND_WAIT_MS * 1000;
	struct fixture f;

	(void)state;
	set_up(&f);
	join(&f, 0, 0);
	round_start(&f.round);
	join(&f, 1, 1);
	f.guests[1].seat.since_us = f.guests[0].seat.since_us + 1;
	round_dismiss_late(&f.round, f.guests[0].seat.since_us + limit_us - 1);
	round_dismiss_late(&f.round, f.guests[0].seat.since_us + limit_us);
	assert_int_equal(f.answers, 0);
	round_dismiss_late(&f.round, f.guests[0].seat.since_us + limit_us + 1);
	assert_int_equal(f.answers, 1);
	assert_int_equal(f.guests[0].result, ROUND_LATE);
	round_dismiss_late(&f.round, f.guests[1].seat.since_us + limit_us + 1);
	assert_int_equal(f.guests[1].result, ROUND_LATE);
	join(&f, 2, 2);
	round_start(&f.round);
	assert_int_equal(f.collects, 1);
	round_take(&f.round, numbered(1));
	while (f.collects < 2)
		ev_run(f.loop.ev, EVRUN_ONCE);
	assert_int_equal(f.answers, 2);
	round_take(&f.round, numbered(2));
	run_until(&f, 3);
	check_number(&f.guests[2], 2);
	tear_down(&f);
}

static void test_finish_with_guests(void **state)
{
	struct fixture f;

	(void)state;
	for (int stage = 0; stage < 4; stage++) {
		set_up(&f);
		join(&f, 0, 1);
		if (stage > 0)
			round_start(&f.round);
		if (stage > 1) {
			join(&f, 2, 2);
			round_take(&f.round, make_numbers(3000, "x"));
		}
		if (stage > 2) /* a part of a report is written */
			ev_run(f.loop.ev, EVRUN_ONCE);
		round_finish(&f.round);
		assert_int_equal(f.answers, stage > 1 ? 3 : 2);
		for (int i = 0; i < f.answers; i++)
			assert_true(f.guests[i].result == ROUND_ENDING ||
				    (stage == 3 && f.guests[i].result == ROUND_REPORTED));
		tear_down(&f);
	}
}

/* Each control character takes six bytes as JSON: 30 MiB for each report. */
static void test_texts_are_bounded(void **state)
{
	struct fixture f;
	char text[2049];
	int reported = 0, refused = 0;

	(void)state;
	memset(text, 1, 2048);
	text[2048] = '\0';
	set_up(&f);
	for (int i = 0; i < 4; i++)
		f.guests[i].seat.wish =
			(struct report_wish){ REPORT_QUERIES, REPORT_BY_TOTAL, REPORT_LIMIT_MAX };
	join(&f, 0, 3);
	round_start(&f.round);
	round_take(&f.round, make_numbers(2500, text));
	run_until(&f, 4);
	for (int i = 0; i < 4; i++) {
		reported += f.guests[i].result == ROUND_REPORTED;
		refused += f.guests[i].result == ROUND_TOO_LARGE;
	}
	assert_int_equal(reported, 2);
	assert_int_equal(refused, 2);
	assert_in_range(f.round.text_bytes, 1, ROUND_TEXTS_MAX_BYTES);
	/* When one was read there is room again. */
	round_free_text(&f.round, &f.guests[0].text);
	join(&f, 7, 7);
	round_start(&f.round);
	while (f.collects < 2)
		ev_run(f.loop.ev, EVRUN_ONCE);
	round_take(&f.round, make_numbers(2500, text));
	run_until(&f, 5);
	assert_int_equal(f.guests[7].result, ROUND_REPORTED);
	tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_those_who_come_together_share),
		cmocka_unit_test(test_who_comes_later_gets_newer_numbers),
		cmocka_unit_test(test_clients_are_collected_for_who_wants_them),
		cmocka_unit_test(test_collect_answers_at_once),
		cmocka_unit_test(test_no_numbers),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_finish_with_guests),
		cmocka_unit_test(test_texts_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
