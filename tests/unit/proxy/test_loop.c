/*
 * The loop: who is called in a turn, in which order, and when it ends.
 */
#include "proxy/turns.h"

#include <pthread.h>
#include <signal.h>

struct seen {
	char order[16];
	int count;
	struct loop loop;
	int turns, times, wakes;
};

struct watched {
	struct loop_io io; /* first */
	struct seen *seen;
	char name;
	struct watched *stops; /* this one, when called */
};

static struct seen seen_now; /* callbacks of timers and wakes find it here */

static void on_ready(struct loop_io *io, int events)
{
	struct watched *w = (struct watched *)io;
	char byte;

	assert_int_equal(events & LOOP_READ, LOOP_READ);
	assert_int_equal(read(io->ev.fd, &byte, 1), 1);
	w->seen->order[w->seen->count++] = w->name;
	if (w->stops)
		loop_io_watch(&w->seen->loop, &w->stops->io, 0);
}

static void on_end(void *context)
{
	((struct seen *)context)->turns++;
}

static void on_time(struct loop_timer *timer)
{
	(void)timer;
	seen_now.times++;
}

static void on_wake(struct loop_wake *wake)
{
	(void)wake;
	seen_now.wakes++;
	loop_stop(&seen_now.loop);
}

static int watch_one(struct watched *w, struct seen *seen, char name, bool first)
{
	int ours, theirs;

	make_pair(&ours, &theirs);
	*w = (struct watched){ .seen = seen, .name = name };
	loop_io_init(&w->io, ours, on_ready);
	if (first)
		loop_io_set_first(&w->io);
	loop_io_watch(&seen->loop, &w->io, LOOP_READ);
	assert_int_equal(write(theirs, "x", 1), 1);
	return theirs;
}

static void close_one(struct watched *w, struct seen *seen, int theirs)
{
	loop_io_watch(&seen->loop, &w->io, 0);
	close(w->io.ev.fd);
	close(theirs);
}

static void test_first_come_first(void **state)
{
	struct seen seen = { .count = 0 };
	struct watched a, b, c;
	int at, bt, ct;

	(void)state;
	loop_init(&seen.loop, on_end, &seen);
	at = watch_one(&a, &seen, 'a', false);
	bt = watch_one(&b, &seen, 'b', true);
	ct = watch_one(&c, &seen, 'c', false);
	ev_run(seen.loop.ev, EVRUN_ONCE);
	assert_int_equal(seen.count, 3);
	assert_int_equal(seen.order[0], 'b');
	assert_int_equal(seen.turns, 1); /* that before the first wait */
	close_one(&a, &seen, at);
	close_one(&b, &seen, bt);
	close_one(&c, &seen, ct);
	loop_finish(&seen.loop);
}

/* Stopped in the turn in which it is ready: not called any more. */
static void test_stopped_by_another(void **state)
{
	struct seen seen = { .count = 0 };
	struct watched a, b;
	int at, bt;

	(void)state;
	loop_init(&seen.loop, on_end, &seen);
	at = watch_one(&a, &seen, 'a', true);
	bt = watch_one(&b, &seen, 'b', false);
	a.stops = &b;
	ev_run(seen.loop.ev, EVRUN_ONCE);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.order[0], 'a');
	close_one(&a, &seen, at);
	close_one(&b, &seen, bt);
	loop_finish(&seen.loop);
}

/* It has another loop now: what comes wakes that one only. */
static void test_leaves_a_loop(void **state)
{
	struct seen seen = { .count = 0 }, other = { .count = 0 };
	struct watched a;
	int at;

	(void)state;
	loop_init(&seen.loop, on_end, &seen);
	loop_init(&other.loop, on_end, &other);
	at = watch_one(&a, &seen, 'a', false);
	ev_run(seen.loop.ev, EVRUN_ONCE);
	loop_io_leave(&seen.loop, &a.io);
	a.seen = &other;
	loop_io_watch(&other.loop, &a.io, LOOP_READ);
	assert_int_equal(write(at, "x", 1), 1);
	ev_run(seen.loop.ev, EVRUN_NOWAIT);
	assert_int_equal(other.count, 0);
	ev_run(other.loop.ev, EVRUN_ONCE);
	assert_int_equal(seen.count, 1);
	assert_int_equal(other.count, 1);
	close_one(&a, &other, at);
	loop_finish(&seen.loop);
	loop_finish(&other.loop);
}

static void test_timer(void **state)
{
	struct loop_timer once, often;
	uint64_t begun = loop_now_us();

	(void)state;
	seen_now = (struct seen){ .count = 0 };
	loop_init(&seen_now.loop, NULL, NULL);
	loop_timer_init(&once, on_time);
	loop_timer_start(&seen_now.loop, &once, 5, 0);
	loop_run(&seen_now.loop); /* nothing else: it ends by itself */
	assert_int_equal(seen_now.times, 1);
	assert_true(loop_now_us() - begun >= 4000);
	loop_timer_init(&often, on_time);
	loop_timer_start(&seen_now.loop, &often, 1, 1);
	while (seen_now.times < 4)
		ev_run(seen_now.loop.ev, EVRUN_ONCE);
	loop_timer_stop(&seen_now.loop, &often);
	loop_run(&seen_now.loop);
	loop_finish(&seen_now.loop);
}

static struct loop_wake the_wake;

static void *wake_it(void *argument)
{
	(void)argument;
	loop_wake_send(&seen_now.loop, &the_wake);
	return NULL;
}

static void test_woken_by_another_thread(void **state)
{
	pthread_t thread;

	(void)state;
	seen_now = (struct seen){ .count = 0 };
	loop_init(&seen_now.loop, NULL, NULL);
	loop_wake_start(&seen_now.loop, &the_wake, on_wake);
	assert_int_equal(pthread_create(&thread, NULL, wake_it, NULL), 0);
	loop_run(&seen_now.loop);
	pthread_join(thread, NULL);
	assert_int_equal(seen_now.wakes, 1);
	loop_wake_stop(&seen_now.loop, &the_wake);
	loop_finish(&seen_now.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_come_first),
		cmocka_unit_test(test_stopped_by_another),
		cmocka_unit_test(test_leaves_a_loop),
		cmocka_unit_test(test_timer),
		cmocka_unit_test(test_woken_by_another_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
