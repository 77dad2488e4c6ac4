/*
 * Brings those who wait for a report through rounds.  Does not know HTTP.  Runs
 * on the control thread.
 *
 *     join -> waiting -- asks.collect --> current -- round_take, report_step --> on_done
 *
 * A round is one call of asks.collect.  It serves those who waited when it
 * began; who comes later waits for the next one, so that no report is older
 * than its wish.  Reports are written one after the other, in slices of
 * SLICE_US, and the numbers are freed with the last: there is at most one set
 * of numbers, and a slow reader holds only its own text.
 *
 * A seat is in the list of its state; move_seat is the only one to change it.
 */
#include "watch/round.h"

#include "base/ensure.h"

#include <stddef.h>
#include <utlist.h>

enum { SLICE_US = 4000 };

static struct round_seat **list_of_state(struct round *round, enum seat_state state)
{
	switch (state) {
	case SEAT_WAITING:
		return &round->waiting;
	case SEAT_CURRENT:
		return &round->current;
	case SEAT_FREE:
		break;
	}
	return NULL;
}

static void move_seat(struct round *round, struct round_seat *seat, enum seat_state state)
{
	struct round_seat **from = list_of_state(round, seat->state);
	struct round_seat **to = list_of_state(round, state);

	ensure(seat->state != state);
	if (from)
		DL_DELETE(*from, seat);
	if (to)
		DL_APPEND(*to, seat);
	seat->state = state;
}

static void leave_seat(struct round *round, struct round_seat *seat, enum round_result result)
{
	struct buf text;

	buf_init(&text);
	if (result == ROUND_REPORTED)
		text = report_take_text(seat->report);
	round->text_bytes += text.capacity;
	report_destroy(seat->report);
	seat->report = NULL;
	move_seat(round, seat, SEAT_FREE);
	seat->on_done(seat, result, text);
}

static void dismiss_all(struct round *round, struct round_seat **list, enum round_result result)
{
	while (*list)
		leave_seat(round, *list, result);
}

static bool is_too_large(const struct round *round, const struct report *report)
{
	ensure(round->text_bytes <= ROUND_TEXTS_MAX_BYTES);
	return report_size_bytes(report) > ROUND_TEXTS_MAX_BYTES - round->text_bytes;
}

static void write_step(struct round *round, struct round_seat *seat)
{
	enum report_progress progress;

	if (!seat->report)
		seat->report = report_create(&round->facts, &seat->wish);
	progress = report_step(seat->report);
	if (progress == REPORT_FAILED)
		leave_seat(round, seat, ROUND_NO_MEMORY);
	else if (is_too_large(round, seat->report))
		leave_seat(round, seat, ROUND_TOO_LARGE);
	else if (progress == REPORT_DONE)
		leave_seat(round, seat, ROUND_REPORTED);
}

static void end_round(struct round *round)
{
	stats_copy_destroy(round->facts.copy);
	round->facts.copy = NULL;
	round_start(round);
}

static void on_slice(struct loop_timer *timer)
{
	struct round *round = (struct round *)((char *)timer - offsetof(struct round, slice));
	uint64_t end_us = loop_now_us() + SLICE_US;

	while (round->current && loop_now_us() < end_us)
		write_step(round, round->current);
	if (round->current)
		loop_timer_start(round->loop, &round->slice, 0, 0);
	else
		end_round(round);
}

void round_init(struct round *round, struct loop *loop, const struct http_asks *asks)
{
	*round = (struct round){ .loop = loop, .asks = *asks };
	loop_timer_init(&round->slice, on_slice);
}

void round_finish(struct round *round)
{
	loop_timer_stop(round->loop, &round->slice);
	dismiss_all(round, &round->waiting, ROUND_ENDING);
	dismiss_all(round, &round->current, ROUND_ENDING);
	stats_copy_destroy(round->facts.copy);
	round->facts.copy = NULL;
}

void round_join(struct round *round, struct round_seat *seat)
{
	seat->since_us = loop_now_us();
	seat->report = NULL;
	move_seat(round, seat, SEAT_WAITING);
}

/* Clients are copied only for those who want them, since there may be many. */
static int find_client_limit(const struct round *round)
{
	const struct round_seat *seat;
	int limit = 0;

	DL_FOREACH(round->current, seat) {
		if (seat->wish.page == REPORT_CLIENTS && seat->wish.limit > limit)
			limit = seat->wish.limit;
	}
	return limit;
}

void round_start(struct round *round)
{
	if (!round->waiting || round->current || round->is_collecting || round->facts.copy)
		return;
	while (round->waiting)
		move_seat(round, round->waiting, SEAT_CURRENT);
	round->is_collecting = true;
	round->asks.collect(round->asks.context, find_client_limit(round));
}

static void gather_facts(struct round *round, struct stats_copy *copy)
{
	const struct http_asks *asks = &round->asks;
	struct report_facts *facts = &round->facts;

	facts->copy = copy;
	stats_copy_open(copy);
	stats_copy_settle(copy);
	facts->node_count = asks->nodes(asks->context, facts->nodes, STATS_MAX_NODES);
	ensure(facts->node_count >= 0 && facts->node_count <= STATS_MAX_NODES);
	facts->route_words = asks->route_words;
	facts->uptime_s = (loop_now_us() - asks->started_us) / 1000000;
}

void round_take(struct round *round, struct stats_copy *copy)
{
	ensure(round->is_collecting);
	round->is_collecting = false;
	if (copy)
		gather_facts(round, copy);
	else
		dismiss_all(round, &round->current, ROUND_NO_NUMBERS);
	/* Not now: collect may have called this at once, from round_start. */
	loop_timer_start(round->loop, &round->slice, 0, 0);
}

static void dismiss_late(struct round *round, struct round_seat *list, uint64_t before_us)
{
	struct round_seat *seat, *next;

	DL_FOREACH_SAFE(list, seat, next)
		if (seat->since_us < before_us)
			leave_seat(round, seat, ROUND_LATE);
}

void round_dismiss_late(struct round *round, uint64_t now_us)
{
	dismiss_late(round, round->waiting, now_us - ROUND_WAIT_MS * 1000);
	dismiss_late(round, round->current, now_us - ROUND_WAIT_MS * 1000);
}

void round_free_text(struct round *round, struct buf *text)
{
	ensure(text->capacity <= round->text_bytes);
	round->text_bytes -= text->capacity;
	buf_finish(text);
}
