/*
 * Sockets of one thread (conn.h).  Nothing here frees an owner inside a
 * callback: closed connections wait in conns->graves for the end of the turn.
 */
#include "conn.h"

#include "base/ensure.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

enum {
	LARGE_WRITE_BYTES = 16 * 1024, /* worth a write of its own, without a copy */
	KEEPALIVE_IDLE_S = 10,
	KEEPALIVE_INTERVAL_S = 5,
	KEEPALIVE_COUNT = 3,
	USER_TIMEOUT_MS = 30000,
};

/* --- buffers are lent --- */

static void lend_buffer(struct conns *conns, struct buf *b)
{
	if (b->data || conns->spare_count == 0)
		return;
	*b = conns->spares[--conns->spare_count];
}

static void return_buffer(struct conns *conns, struct buf *b)
{
	if (!b->data)
		return;
	if (b->capacity > CONN_READ_BYTES || conns->spare_count == CONN_SPARE_BUFFERS) {
		buf_finish(b);
		return;
	}
	b->sent = b->seen = b->filled = 0;
	conns->spares[conns->spare_count++] = *b;
	buf_init(b);
}

/* --- what is watched --- */

static void watch(struct conn *c)
{
	size_t ahead = c->in.filled - c->in.sent;
	int events = 0;

	if (c->is_closed)
		return;
	if (!c->is_connecting && !c->is_reading_stopped &&
	    !(c->is_held && ahead >= CONN_HELD_BYTES))
		events |= LOOP_READ;
	if (c->is_connecting || c->is_blocked)
		events |= LOOP_WRITE;
	loop_io_watch(c->conns->loop, &c->io, events);
}

/* --- reading --- */

static void mark_eager(struct conn *c)
{
	if (c->is_eager || buf_is_empty(&c->in))
		return;
	c->is_eager = true;
	DL_APPEND2(c->conns->eager, c, eager_prev, eager_next);
}

static void unmark_eager(struct conn *c)
{
	if (!c->is_eager)
		return;
	c->is_eager = false;
	DL_DELETE2(c->conns->eager, c, eager_prev, eager_next);
}

/* Offers what is left over. */
static void deliver_left_over(struct conn *c)
{
	size_t used;

	unmark_eager(c);
	if (c->is_closed || c->is_held || c->is_closing_when_sent || buf_is_empty(&c->in))
		return;
	c->is_delivering = true;
	used = c->ops->on_bytes(c, buf_waiting(&c->in));
	c->is_delivering = false;
	if (c->is_closed)
		return;
	buf_send(&c->in, used);
	if (buf_is_empty(&c->in))
		return_buffer(c->conns, &c->in);
	watch(c);
}

static void deliver_fresh(struct conn *c, size_t size)
{
	size_t used = 0;

	c->was_released = false;
	if (!c->is_held && !c->is_closing_when_sent)
		used = c->ops->on_bytes(c, span_make(c->conns->read_buffer, size));
	if (c->is_closed || used == size || c->is_closing_when_sent)
		return;
	lend_buffer(c->conns, &c->in);
	buf_append(&c->in, c->conns->read_buffer + used, size - used);
	/* Held and released again inside the call: the rest must not wait for
	 * more bytes to come. */
	if (c->was_released && !c->is_held)
		mark_eager(c);
	watch(c);
}

static void lose(struct conn *c, int error)
{
	if (c->is_closing_when_sent) {
		conn_close(c);
		return;
	}
	c->ops->on_lost(c, error);
}

static void read_some(struct conn *c)
{
	bool is_fresh = buf_is_empty(&c->in);
	char *place = c->conns->read_buffer;
	ssize_t size;

	if (!is_fresh) {
		buf_reserve(&c->in, CONN_READ_BYTES / 4);
		place = c->in.data + c->in.filled;
	}
	size = recv(c->io.ev.fd, place, is_fresh ? CONN_READ_BYTES : CONN_READ_BYTES / 4, 0);
	if (size < 0) {
		if (errno != EAGAIN && errno != EINTR)
			lose(c, errno);
		return;
	}
	if (size == 0) {
		lose(c, 0);
		return;
	}
	if (is_fresh) {
		deliver_fresh(c, (size_t)size);
		return;
	}
	buf_fill(&c->in, (size_t)size);
	deliver_left_over(c);
	if (!c->is_closed)
		watch(c);
}

/* --- writing --- */

static void mark_dirty(struct conn *c)
{
	if (c->is_dirty || c->is_closed)
		return;
	c->is_dirty = true;
	DL_APPEND2(c->conns->dirty, c, dirty_prev, dirty_next);
}

static void unmark_dirty(struct conn *c)
{
	if (!c->is_dirty)
		return;
	c->is_dirty = false;
	DL_DELETE2(c->conns->dirty, c, dirty_prev, dirty_next);
}

/* Bytes written now; 0 when the kernel takes none; -1 when the socket failed. */
static ssize_t write_now(struct conn *c, struct span bytes)
{
	ssize_t size;

	if (c->is_connecting || c->is_blocked || bytes.size == 0)
		return 0;
	size = send(c->io.ev.fd, bytes.data, bytes.size, MSG_NOSIGNAL);
	if (size >= 0)
		return size;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	return -1;
}

static void after_write(struct conn *c)
{
	c->is_blocked = !buf_is_empty(&c->out);
	if (!c->is_blocked)
		return_buffer(c->conns, &c->out);
	watch(c);
	if (c->is_closing_when_sent && !c->is_blocked) {
		conn_close(c);
		return;
	}
	if (conn_is_congested(c)) {
		c->was_congested = true;
	} else if (c->was_congested) {
		c->was_congested = false;
		c->ops->on_room(c);
	}
}

static void flush(struct conn *c)
{
	ssize_t size;

	unmark_dirty(c);
	if (c->is_closed || c->is_connecting || c->is_blocked)
		return;
	size = write_now(c, buf_waiting(&c->out));
	if (size < 0) {
		lose(c, errno);
		return;
	}
	buf_send(&c->out, (size_t)size);
	after_write(c);
}

void conn_send(struct conn *c, struct span bytes)
{
	if (c->is_closed || bytes.size == 0)
		return;
	if (bytes.size >= LARGE_WRITE_BYTES && buf_is_empty(&c->out)) {
		ssize_t size = write_now(c, bytes);

		if (size > 0)
			bytes = span_after(bytes, (size_t)size);
		if (bytes.size == 0)
			return;
	}
	lend_buffer(c->conns, &c->out);
	buf_append(&c->out, bytes.data, bytes.size);
	conn_sent(c);
}

struct buf *conn_out(struct conn *c)
{
	lend_buffer(c->conns, &c->out);
	return &c->out;
}

void conn_sent(struct conn *c)
{
	if (conn_is_congested(c))
		c->was_congested = true;
	mark_dirty(c);
}

/* --- events --- */

static void finish_connect(struct conn *c)
{
	int error = 0;
	socklen_t size = sizeof error;

	if (getsockopt(c->io.ev.fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	c->is_connecting = false;
	if (error) {
		lose(c, error);
		return;
	}
	watch(c);
	c->ops->on_connected(c);
	if (!c->is_closed && !buf_is_empty(&c->out))
		mark_dirty(c);
}

static void on_ready(struct loop_io *io, int events)
{
	struct conn *c = (struct conn *)io;

	if (c->is_connecting) {
		finish_connect(c);
		return;
	}
	if (events & LOOP_WRITE) {
		c->is_blocked = false;
		flush(c);
	}
	if (!c->is_closed && (events & LOOP_READ))
		read_some(c);
}

/* --- opening --- */

static void prepare(struct conn *c, struct conns *conns, int fd, const struct conn_ops *ops)
{
	*c = (struct conn){ .conns = conns, .ops = ops };
	loop_io_init(&c->io, fd, on_ready);
}

void conn_write_peer(const struct conn *c, char *text, size_t size)
{
	struct sockaddr_storage peer = { 0 };
	socklen_t peer_size = sizeof peer;
	char name[NI_MAXHOST], port[NI_MAXSERV];

	text[0] = '\0';
	if (getpeername(c->io.ev.fd, (struct sockaddr *)&peer, &peer_size) < 0)
		return;
	if (peer.ss_family == AF_UNIX)
		snprintf(text, size, "unix");
	else if (getnameinfo((struct sockaddr *)&peer, peer_size, name, sizeof name, port,
			     sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		snprintf(text, size, peer.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", name, port);
}

void conn_open(struct conn *c, struct conns *conns, int fd, const struct conn_ops *ops)
{
	prepare(c, conns, fd, ops);
	watch(c);
}

static void set_option(int fd, int level, int name, int value)
{
	/* Best effort: without it a dead peer is only noticed later. */
	(void)!setsockopt(fd, level, name, &value, sizeof value);
}

static void set_tcp_options(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
}

int conn_connect(struct conn *c, struct conns *conns, const struct sockaddr_storage *address,
		 socklen_t size, const struct conn_ops *ops)
{
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	if (address->ss_family != AF_UNIX)
		set_tcp_options(fd);
	if (connect(fd, (const struct sockaddr *)address, size) < 0 && errno != EINPROGRESS) {
		int error = errno;

		close(fd);
		return error;
	}
	prepare(c, conns, fd, ops);
	/* That an idle server closed is noticed before a client's message of the
	 * same turn would be sent there. */
	loop_io_set_first(&c->io);
	c->is_connecting = true;
	watch(c);
	return 0;
}

void conn_detach(struct conn *c)
{
	ensure(!c->is_closed && !c->is_dirty && !c->is_eager && !c->is_connecting);
	ensure(buf_is_empty(&c->in) && buf_is_empty(&c->out));
	return_buffer(c->conns, &c->in);
	return_buffer(c->conns, &c->out);
	loop_io_leave(c->conns->loop, &c->io);
	c->conns = NULL;
}

void conn_attach(struct conn *c, struct conns *conns)
{
	c->conns = conns;
	watch(c);
}

/* --- flow --- */

void conn_hold(struct conn *c)
{
	c->is_held = true;
}

void conn_release(struct conn *c)
{
	if (c->is_closed)
		return;
	c->is_held = false;
	c->is_reading_stopped = false;
	c->was_released = true;
	mark_eager(c);
	watch(c);
}

void conn_stop_reading(struct conn *c)
{
	c->is_held = true;
	c->is_reading_stopped = true;
	watch(c);
}

/* --- closing --- */

void conn_close_when_sent(struct conn *c)
{
	if (c->is_closed)
		return;
	c->is_closing_when_sent = true;
	mark_dirty(c);
}

/* A socket closed with unread bytes sends a reset, which may overtake our last
 * message: take them out first, a bounded number. */
static void discard_unread(int fd)
{
	char rest[4096];

	for (int i = 0; i < 16; i++) {
		if (recv(fd, rest, sizeof rest, MSG_DONTWAIT) <= 0)
			return;
	}
}

void conn_close(struct conn *c)
{
	if (c->is_closed)
		return;
	unmark_dirty(c);
	unmark_eager(c);
	loop_io_watch(c->conns->loop, &c->io, 0);
	if (c->is_closing_when_sent)
		discard_unread(c->io.ev.fd);
	close(c->io.ev.fd);
	return_buffer(c->conns, &c->in);
	return_buffer(c->conns, &c->out);
	c->is_closed = true;
	c->grave_next = c->conns->graves;
	c->conns->graves = c;
}

/* --- all of them --- */

void conns_init(struct conns *conns, struct loop *loop)
{
	*conns = (struct conns){ .loop = loop };
	conns->read_buffer = memory_get(CONN_READ_BYTES);
}

void conns_finish(struct conns *conns)
{
	ensure(!conns->dirty && !conns->eager && !conns->graves);
	while (conns->spare_count > 0)
		buf_finish(&conns->spares[--conns->spare_count]);
	free(conns->read_buffer);
}

static void bury_all(struct conns *conns)
{
	while (conns->graves) {
		struct conn *c = conns->graves;

		conns->graves = c->grave_next;
		c->ops->on_buried(c);
	}
}

void conns_end_turn(struct conns *conns)
{
	/* Each delivery or write may make more of both; nobody can keep this
	 * going for ever, since deliveries only use up what was already read
	 * and a blocked socket leaves the list. */
	while (conns->eager || conns->dirty) {
		if (conns->eager)
			deliver_left_over(conns->eager);
		else
			flush(conns->dirty);
	}
	bury_all(conns);
}
