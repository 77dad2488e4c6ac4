/*
 * Rounds of collecting numbers and writing reports from them, for whoever waits
 * for a report.  Each report is at least as fresh as its wish.
 */
#ifndef PGWEIR_WATCH_ROUND_H
#define PGWEIR_WATCH_ROUND_H

#include "base/buf.h"
#include "loop.h"
#include "watch/http.h"
#include "watch/report.h"

enum round_result {
	ROUND_REPORTED,
	ROUND_NO_NUMBERS, /* the owner has none */
	ROUND_LATE, /* not within ROUND_WAIT_MS */
	ROUND_TOO_LARGE, /* it and the texts still held exceed ROUND_TEXTS_MAX_BYTES */
	ROUND_NO_MEMORY,
	ROUND_ENDING, /* round_finish was called */
};

enum { ROUND_WAIT_MS = 5000, ROUND_TEXTS_MAX_BYTES = 64 << 20 };

enum seat_state { SEAT_FREE, SEAT_WAITING, SEAT_CURRENT };

/* One who waits for a report; embedded in it. */
struct round_seat {
	struct report_wish wish;
	/* Called once for each round_join, never from inside it.  The text is
	 * empty unless REPORTED; it goes back with round_free_text. */
	void (*on_done)(struct round_seat *seat, enum round_result result, struct buf text);
	/* round.c's: */
	enum seat_state state;
	uint64_t since_us;
	struct report *report; /* owned; while it is written */
	struct round_seat *prev, *next;
};

struct round {
	struct loop *loop;
	struct http_asks asks;
	struct round_seat *waiting, *current;
	bool is_collecting; /* round_take will come */
	struct report_facts facts; /* of the current round; copy NULL: none yet */
	struct loop_timer slice; /* the next one of writing */
	size_t text_bytes; /* handed out and not freed yet */
};

void round_init(struct round *round, struct loop *loop, const struct http_asks *asks);
/* All that wait get ROUND_ENDING; texts are still to be freed. */
void round_finish(struct round *round);

/* Waits for the next round. */
void round_join(struct round *round, struct round_seat *seat);
/* Starts a round if one is due: call it when all that came together joined. */
void round_start(struct round *round);
/* The numbers that asks.collect was asked for; takes them over; NULL: none. */
void round_take(struct round *round, struct stats_copy *copy);
/* Sends away who has waited since before now_us - ROUND_WAIT_MS. */
void round_dismiss_late(struct round *round, uint64_t now_us);
void round_free_text(struct round *round, struct buf *text);

#endif
