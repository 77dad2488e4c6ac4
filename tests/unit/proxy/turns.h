/*
 * A loop that runs turn by turn, as a worker's does, for tests of what lives on
 * it: each test waits for a condition, at most some seconds.
 */
#ifndef PGWEIR_TESTS_PROXY_TURNS_H
#define PGWEIR_TESTS_PROXY_TURNS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conn.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct turns {
	struct loop loop;
	struct conns conns;
	struct loop_timer alarm; /* so that no turn waits for ever */
	void (*at_end)(void *context); /* may be NULL; behind conns_end_turn */
	void *context;
};

static inline void on_turn_end(void *context)
{
	struct turns *t = context;

	conns_end_turn(&t->conns);
	if (t->at_end)
		t->at_end(t->context);
}

static inline void on_alarm(struct loop_timer *timer)
{
	(void)timer;
}

static inline void turns_begin(struct turns *t)
{
	*t = (struct turns){ 0 };
	loop_init(&t->loop, on_turn_end, t);
	conns_init(&t->conns, &t->loop);
	loop_timer_init(&t->alarm, on_alarm);
	loop_timer_start(&t->loop, &t->alarm, 5, 5);
}

/* One turn: the end of the last one, wait, callbacks. */
static inline void turn(struct turns *t)
{
	ev_run(t->loop.ev, EVRUN_ONCE);
}

static inline void turns_end(struct turns *t)
{
	on_turn_end(t);
	loop_timer_stop(&t->loop, &t->alarm);
	conns_finish(&t->conns);
	loop_finish(&t->loop);
}

#define turn_until(t, condition)                                               \
	do {                                                                   \
		uint64_t until_us_ = loop_now_us() + 10 * 1000 * 1000;         \
		while (!(condition)) {                                         \
			if (loop_now_us() > until_us_)                         \
				fail_msg("in vain: %s", #condition);           \
			turn(t);                                               \
		}                                                              \
	} while (0)

/* Some turns in which nothing is to happen. */
static inline void turn_some(struct turns *t)
{
	for (int i = 0; i < 5; i++)
		turn(t);
}

static inline void make_pair(int *ours, int *theirs)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	*ours = fds[0];
	*theirs = fds[1];
}

#endif
