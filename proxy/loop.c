/*
 * A thin layer over libev: epoll only (its io_uring backend gained nothing and
 * once stalled), environment variables ignored.  One loop belongs to one
 * thread; only loop_wake_send may be called from another.
 */
#include "loop.h"

#include "base/ensure.h"

#include <sys/epoll.h>
#include <time.h>

static void at_turn_end(struct ev_loop *ev, ev_prepare *prepare, int events)
{
	struct loop *loop = prepare->data;

	(void)ev, (void)events;
	loop->on_turn_end(loop->turn_context);
}

static void on_swept(struct ev_loop *ev, ev_embed *embed, int events)
{
	(void)ev, (void)embed, (void)events;
}

/* libev does not tell its descriptor, but to a loop that embeds it. */
static int find_epoll(struct ev_loop *ev)
{
	struct ev_loop *outer = ev_loop_new(EVBACKEND_POLL | EVFLAG_NOENV);
	ev_embed embed;
	int fd;

	ensure(outer);
	ev_embed_init(&embed, on_swept, ev);
	ev_embed_start(outer, &embed);
	fd = embed.io.fd;
	ev_embed_stop(outer, &embed);
	ev_loop_destroy(outer);
	return fd;
}

void loop_init(struct loop *loop, void (*on_turn_end)(void *context), void *context)
{
	loop->ev = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
	ensure(loop->ev);
	loop->epoll_fd = find_epoll(loop->ev);
	loop->on_turn_end = on_turn_end;
	loop->turn_context = context;
	if (!on_turn_end)
		return;
	/* libev calls prepare watchers after all callbacks of a turn, just
	 * before it waits again: that is the end of our turn. */
	ev_prepare_init(&loop->end_of_turn, at_turn_end);
	loop->end_of_turn.data = loop;
	ev_prepare_start(loop->ev, &loop->end_of_turn);
	ev_unref(loop->ev);
}

void loop_finish(struct loop *loop)
{
	ev_loop_destroy(loop->ev);
	loop->ev = NULL;
}

void loop_run(struct loop *loop)
{
	ev_run(loop->ev, 0);
}

void loop_stop(struct loop *loop)
{
	ev_break(loop->ev, EVBREAK_ALL);
}

uint64_t loop_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t loop_turn_us(const struct loop *loop)
{
	/* ev_now is wall-clock based; the monotonic clock costs 20 ns. */
	(void)loop;
	return loop_now_us();
}

static void io_ready(struct ev_loop *ev, ev_io *watcher, int events)
{
	struct loop_io *io = (struct loop_io *)watcher;

	(void)ev;
	io->on_ready(io, events & (EV_READ | EV_WRITE));
}

void loop_io_init(struct loop_io *io, int fd, void (*on_ready)(struct loop_io *io, int events))
{
	ev_io_init(&io->ev, io_ready, fd, 0);
	io->on_ready = on_ready;
}

void loop_io_set_first(struct loop_io *io)
{
	ev_set_priority(&io->ev, 1);
}

void loop_io_watch(struct loop *loop, struct loop_io *io, int events)
{
	if (ev_is_active(&io->ev) ? (io->ev.events & (EV_READ | EV_WRITE)) == events : events == 0)
		return;
	ev_io_stop(loop->ev, &io->ev);
	ev_io_set(&io->ev, io->ev.fd, events);
	if (events)
		ev_io_start(loop->ev, &io->ev);
}

void loop_io_leave(struct loop *loop, struct loop_io *io)
{
	ev_io_stop(loop->ev, &io->ev);
	/* May fail: it is not there when it came and leaves in one turn. */
	(void)!epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, io->ev.fd, NULL);
}

static void timer_due(struct ev_loop *ev, ev_timer *watcher, int events)
{
	struct loop_timer *timer = (struct loop_timer *)watcher;

	(void)ev, (void)events;
	timer->on_time(timer);
}

void loop_timer_init(struct loop_timer *timer, void (*on_time)(struct loop_timer *timer))
{
	ev_timer_init(&timer->ev, timer_due, 0., 0.);
	timer->on_time = on_time;
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t after_ms,
		      uint64_t repeat_ms)
{
	ev_timer_stop(loop->ev, &timer->ev);
	ev_timer_set(&timer->ev, (double)after_ms / 1e3, (double)repeat_ms / 1e3);
	ev_timer_start(loop->ev, &timer->ev);
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
	ev_timer_stop(loop->ev, &timer->ev);
}

static void woken(struct ev_loop *ev, ev_async *watcher, int events)
{
	struct loop_wake *wake = (struct loop_wake *)watcher;

	(void)ev, (void)events;
	wake->on_wake(wake);
}

void loop_wake_start(struct loop *loop, struct loop_wake *wake,
		     void (*on_wake)(struct loop_wake *wake))
{
	ev_async_init(&wake->ev, woken);
	wake->on_wake = on_wake;
	ev_async_start(loop->ev, &wake->ev);
}

void loop_wake_stop(struct loop *loop, struct loop_wake *wake)
{
	ev_async_stop(loop->ev, &wake->ev);
}

void loop_wake_send(struct loop *loop, struct loop_wake *wake)
{
	ev_async_send(loop->ev, &wake->ev);
}

static void signalled(struct ev_loop *ev, ev_signal *watcher, int events)
{
	struct loop_signal *signal = (struct loop_signal *)watcher;

	(void)ev, (void)events;
	signal->on_signal(signal, watcher->signum);
}

void loop_signal_start(struct loop *loop, struct loop_signal *signal, int number,
		       void (*on_signal)(struct loop_signal *signal, int number))
{
	ev_signal_init(&signal->ev, signalled, number);
	signal->on_signal = on_signal;
	ev_signal_start(loop->ev, &signal->ev);
}

void loop_signal_stop(struct loop *loop, struct loop_signal *signal)
{
	ev_signal_stop(loop->ev, &signal->ev);
}
