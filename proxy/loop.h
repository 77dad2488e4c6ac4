/*
 * The event loop of one thread: sockets, timers, messages from other threads,
 * a callback at the end of each turn.  The only file with libev.
 *
 * A turn is: wait, call every ready callback, then the end-of-turn callbacks.
 * Nothing is freed inside its own callback; owners free at the end of a turn.
 */
#ifndef PGWEIR_LOOP_H
#define PGWEIR_LOOP_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

enum { LOOP_READ = EV_READ, LOOP_WRITE = EV_WRITE };

struct loop {
	struct ev_loop *ev; /* owned */
	int epoll_fd; /* ev's */
	ev_prepare end_of_turn;
	void (*on_turn_end)(void *context);
	void *turn_context;
};

/* A watched descriptor; embedded in its owner, stopped before the owner ends. */
struct loop_io {
	ev_io ev;
	void (*on_ready)(struct loop_io *io, int events); /* LOOP_READ | LOOP_WRITE */
};

struct loop_timer {
	ev_timer ev;
	void (*on_time)(struct loop_timer *timer);
};

/* May be called from any thread; wakes the loop. */
struct loop_wake {
	ev_async ev;
	void (*on_wake)(struct loop_wake *wake);
};

struct loop_signal {
	ev_signal ev;
	void (*on_signal)(struct loop_signal *signal, int number);
};

/* on_turn_end may be NULL.  Aborts when the kernel gives no epoll. */
void loop_init(struct loop *loop, void (*on_turn_end)(void *context), void *context);
void loop_finish(struct loop *loop);
/* Runs until loop_stop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Microseconds of the monotonic clock: at the start of this turn (free), or now. */
uint64_t loop_turn_us(const struct loop *loop);
uint64_t loop_now_us(void);

void loop_io_init(struct loop_io *io, int fd, void (*on_ready)(struct loop_io *io, int events));
/* Before it is first watched: called before others that are ready in the same turn. */
void loop_io_set_first(struct loop_io *io);
/* Watches for exactly these events (0: none).  Cheap when nothing changes. */
void loop_io_watch(struct loop *loop, struct loop_io *io, int events);

/* It is another loop's from now on.  (libev leaves a stopped descriptor in its
 * epoll set, since it goes when it is closed.  But events of one that lives on
 * would wake this loop, which would then change what another thread owns.) */
void loop_io_leave(struct loop *loop, struct loop_io *io);

void loop_timer_init(struct loop_timer *timer, void (*on_time)(struct loop_timer *timer));
/* (Re)starts it: first after `after_ms`, then each `repeat_ms` (0: once). */
void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t after_ms,
		      uint64_t repeat_ms);
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);

void loop_wake_start(struct loop *loop, struct loop_wake *wake,
		     void (*on_wake)(struct loop_wake *wake));
void loop_wake_stop(struct loop *loop, struct loop_wake *wake);
/* From any thread. */
void loop_wake_send(struct loop *loop, struct loop_wake *wake);

void loop_signal_start(struct loop *loop, struct loop_signal *signal, int number,
		       void (*on_signal)(struct loop_signal *signal, int number));
void loop_signal_stop(struct loop *loop, struct loop_signal *signal);

#endif
