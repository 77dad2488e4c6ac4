/*
 * One socket, to a client or to a server: reads bytes for its owner, keeps what
 * the owner could not use yet, gathers what it has to send and writes that once
 * at the end of the turn.  Knows nothing of what the bytes mean.
 *
 *     kernel --read--> [shared 64 KiB buffer] --on_bytes--> owner
 *                      [in: only what was left over]
 *     owner --conn_send--> [out: lent while not empty] --end of turn--> kernel
 *
 * An idle connection owns no buffer.  One thread, the loop's, uses it.
 */
#ifndef PGWEIR_CONN_H
#define PGWEIR_CONN_H

#include "base/buf.h"
#include "loop.h"

#include <sys/socket.h>

enum {
	CONN_READ_BYTES = 64 * 1024, /* the shared buffer: one read at most */
	CONN_HELD_BYTES = 64 * 1024, /* a held connection reads so far ahead */
	CONN_CONGESTED_BYTES = 64 * 1024, /* more than that unsent: the other side must stop */
	CONN_SPARE_BUFFERS = 64, /* kept for the next connection */
};

struct conn;

struct conn_ops {
	/* Bytes from the peer; returns how many of them were used up.  What was
	 * not comes again, with what follows it. */
	size_t (*on_bytes)(struct conn *c, struct span bytes);
	/* conn_connect succeeded.  (on_lost tells of failure.) */
	void (*on_connected)(struct conn *c);
	/* It is no longer congested: less than CONN_CONGESTED_BYTES wait. */
	void (*on_room)(struct conn *c);
	/* The peer closed (error 0) or the socket failed (an errno).  The owner
	 * must call conn_close. */
	void (*on_lost)(struct conn *c, int error);
	/* The end of the turn in which conn_close was called: free the owner. */
	void (*on_buried)(struct conn *c);
};

/* What all connections of a thread share. */
struct conns {
	struct loop *loop;
	char *read_buffer; /* CONN_READ_BYTES */
	struct conn *dirty; /* have something to write; DL list by dirty_* */
	struct conn *eager; /* were released with bytes left over; by eager_* */
	struct conn *graves; /* closed, to be buried at the end of the turn */
	struct buf spares[CONN_SPARE_BUFFERS];
	int spare_count;
};

struct conn {
	struct loop_io io;
	struct conns *conns;
	const struct conn_ops *ops;
	struct buf in; /* left over: not used up yet */
	struct buf out; /* not written yet */
	struct conn *dirty_prev, *dirty_next;
	struct conn *eager_prev, *eager_next;
	struct conn *grave_next;
	bool is_connecting;
	bool is_held; /* the owner wants no bytes now */
	bool is_delivering; /* what is in `in` is being offered right now */
	bool is_reading_stopped; /* by the owner: not even into `in` */
	bool is_dirty, is_eager;
	bool was_released; /* since the last on_bytes began */
	bool was_congested;
	bool is_blocked; /* the kernel takes no more: waits for LOOP_WRITE */
	bool is_closing_when_sent;
	bool is_closed;
};

void conns_init(struct conns *conns, struct loop *loop);
void conns_finish(struct conns *conns);
/* Deals with everything the turn left: deliveries, writes, graves. */
void conns_end_turn(struct conns *conns);

/* Who is at the other end: 10.0.0.1:5432, [::1]:5432, unix; "" when it is gone. */
void conn_write_peer(const struct conn *c, char *text, size_t size);

/* Takes over a connected non-blocking socket. */
void conn_open(struct conn *c, struct conns *conns, int fd, const struct conn_ops *ops);
/* Starts to connect; 0 or an errno (then nothing was opened).  keepalive and
 * TCP_USER_TIMEOUT are set: a vanished host is noticed. */
int conn_connect(struct conn *c, struct conns *conns, const struct sockaddr_storage *address,
		 socklen_t size, const struct conn_ops *ops);
/* Moves an idle connection (nothing left over, nothing unsent) between threads:
 * detach on the old one, attach on the new one. */
void conn_detach(struct conn *c);
void conn_attach(struct conn *c, struct conns *conns);

void conn_send(struct conn *c, struct span bytes);
/* Bytes came that were not offered to the owner, or that it did not use; those of
 * the on_bytes that is under way do not count, since only the owner knows. */
static inline bool conn_has_left_over(const struct conn *c)
{
	return !c->is_delivering && !buf_is_empty(&c->in);
}
/* The queue itself, for writing messages in place; conn_sent when done. */
struct buf *conn_out(struct conn *c);
void conn_sent(struct conn *c);
static inline bool conn_is_congested(const struct conn *c)
{
	return c->out.filled - c->out.sent > CONN_CONGESTED_BYTES;
}

/* No on_bytes until released; reading goes on up to CONN_HELD_BYTES, so that a
 * peer that leaves is noticed. */
void conn_hold(struct conn *c);
/* Bytes flow again; those left over come before the end of the turn. */
void conn_release(struct conn *c);
/* Back-pressure: nothing is read until conn_release. */
void conn_stop_reading(struct conn *c);

/* Closes once everything is written (or the peer is gone); no more on_bytes. */
void conn_close_when_sent(struct conn *c);
/* Closes now.  on_buried follows at the end of the turn.  May be repeated. */
void conn_close(struct conn *c);

#endif
