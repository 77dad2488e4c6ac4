/*
 * A scripted PostgreSQL server for tests: listens on loopback, lives in the
 * test's own loop, answers every question with the rows it was given.  It
 * understands no SQL.
 */
#ifndef PGWEIR_TESTS_CLUSTER_FAKE_H
#define PGWEIR_TESTS_CLUSTER_FAKE_H

#include "base/ensure.h"
#include "loop.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum fake_mood {
	FAKE_ANSWERS,
	FAKE_IS_SILENT, /* takes the question, says nothing */
	FAKE_IS_STARTING, /* 57P03 at login */
	FAKE_HANGS_UP, /* closes instead of an answer */
	FAKE_REFUSES, /* answers questions with an error */
};

enum { FAKE_CONNECTIONS = 64, FAKE_COLUMNS = 16, FAKE_ROWS = 16 };

struct fake;

struct fake_connection {
	struct loop_io io;
	struct fake *fake;
	int fd; /* -1: free */
	int is_logged_in;
	int is_opened; /* by a first question */
	size_t filled;
	unsigned char bytes[65536];
};

struct fake {
	struct loop *loop;
	struct loop_io io;
	int fd, port;
	enum fake_mood mood;
	int connections_seen, questions_seen;
	int row_count, column_count;
	const char *rows[FAKE_ROWS][FAKE_COLUMNS];
	char startup[1024]; /* of the last login, with its NULs as spaces */
	char opening[256]; /* the first question of the last connection that asked one */
	struct fake_connection *connections;
};

static inline void fake_put(struct fake_connection *c, char type, const void *body, size_t size)
{
	unsigned char header[5] = { (unsigned char)type };
	uint32_t length = htonl((uint32_t)size + 4);

	memcpy(header + 1, &length, 4);
	/* The other side may be gone: then the next read says so. */
	(void)!send(c->fd, header, 5, MSG_NOSIGNAL);
	(void)!send(c->fd, body, size, MSG_NOSIGNAL);
}

static inline void fake_hang_up(struct fake_connection *c)
{
	if (c->fd < 0)
		return;
	loop_io_watch(c->fake->loop, &c->io, 0);
	close(c->fd);
	c->fd = -1;
}

static inline void fake_put_error(struct fake_connection *c, const char *severity,
				  const char *sqlstate, const char *message)
{
	char body[256];
	int size = snprintf(body, sizeof(body), "S%s%cV%s%cC%s%cM%s%c%c", severity, 0, severity, 0,
			    sqlstate, 0, message, 0, 0);

	fake_put(c, 'E', body, (size_t)size);
}

static inline void fake_put_rows(struct fake_connection *c)
{
	struct fake *f = c->fake;
	unsigned char body[4096];
	size_t size = 2;

	memset(body, 0, sizeof(body));
	body[1] = (unsigned char)f->column_count;
	for (int i = 0; i < f->column_count; i++) {
		body[size] = 'c';
		body[size + 11] = 25; /* text */
		body[size + 12] = body[size + 13] = 255;
		size += 2 + 18;
	}
	fake_put(c, 'T', body, size);
	for (int row = 0; row < f->row_count; row++) {
		size = 2;
		for (int i = 0; i < f->column_count; i++) {
			uint32_t length = (uint32_t)strlen(f->rows[row][i]);
			uint32_t sent = htonl(length);

			memcpy(body + size, &sent, 4);
			memcpy(body + size + 4, f->rows[row][i], length);
			size += 4 + length;
		}
		fake_put(c, 'D', body, size);
	}
	fake_put(c, 'C', "SELECT 1", 9);
}

static inline void fake_answer(struct fake_connection *c)
{
	struct fake *f = c->fake;

	f->questions_seen++;
	if (f->mood == FAKE_HANGS_UP) {
		fake_hang_up(c);
	} else if (f->mood == FAKE_REFUSES) {
		fake_put_error(c, "ERROR", "42501", "permission denied");
		fake_put(c, 'Z', "I", 1);
	} else if (f->mood != FAKE_IS_SILENT) {
		fake_put(c, '1', "", 0);
		fake_put(c, '2', "", 0);
		fake_put_rows(c);
		fake_put(c, 'Z', "I", 1);
	}
}

static inline void fake_log_in(struct fake_connection *c, size_t size)
{
	size_t shown = size - 8 < sizeof(c->fake->startup) ? size - 8 : sizeof(c->fake->startup);

	for (size_t i = 0; i < shown; i++)
		c->fake->startup[i] = c->bytes[8 + i] ? (char)c->bytes[8 + i] : ' ';
	c->fake->startup[shown - 1] = '\0';
	if (c->fake->mood == FAKE_IS_STARTING) {
		fake_put_error(c, "FATAL", "57P03", "the database system is starting up");
		fake_hang_up(c);
		return;
	}
	c->is_logged_in = 1;
	fake_put(c, 'R', "\0\0\0\0", 4);
	fake_put(c, 'S', "client_encoding\0UTF8", 21);
	fake_put(c, 'Z', "I", 1);
}

/* An unnamed Parse, which has its text behind its empty name. */
static inline void fake_note_question(struct fake_connection *c)
{
	struct fake *f = c->fake;

	if (!c->is_opened)
		snprintf(f->opening, sizeof(f->opening), "%s", (const char *)c->bytes + 6);
	c->is_opened = 1;
}

/* One message, if there is a whole one: its size; else 0. */
static inline size_t fake_take(struct fake_connection *c)
{
	size_t before = c->is_logged_in ? 1 : 0;
	uint32_t length;

	if (c->filled < before + 4)
		return 0;
	memcpy(&length, c->bytes + before, 4);
	length = ntohl(length);
	if (c->filled < before + length)
		return 0;
	if (!c->is_logged_in && length == 8)
		(void)!send(c->fd, "N", 1, MSG_NOSIGNAL);
	else if (!c->is_logged_in)
		fake_log_in(c, length);
	else if (c->bytes[0] == 'P')
		fake_note_question(c);
	else if (c->bytes[0] == 'S')
		fake_answer(c);
	return before + length;
}

static inline void fake_on_bytes(struct loop_io *io, int events)
{
	struct fake_connection *c = (struct fake_connection *)io;
	ssize_t got = read(c->fd, c->bytes + c->filled, sizeof(c->bytes) - c->filled);
	size_t size;

	(void)events;
	if (got <= 0) {
		fake_hang_up(c);
		return;
	}
	c->filled += (size_t)got;
	while (c->fd >= 0 && (size = fake_take(c)) > 0) {
		memmove(c->bytes, c->bytes + size, c->filled - size);
		c->filled -= size;
	}
}

static inline void fake_on_connection(struct loop_io *io, int events)
{
	struct fake *f = (struct fake *)((char *)io - offsetof(struct fake, io));
	struct fake_connection *c = f->connections;
	int on = 1;

	(void)events;
	while (c->fd >= 0)
		ensure(++c < f->connections + FAKE_CONNECTIONS);
	c->fd = accept(f->fd, NULL, NULL);
	ensure(c->fd >= 0);
	ensure(setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
	c->is_logged_in = c->is_opened = 0;
	c->filled = 0;
	f->connections_seen++;
	loop_io_init(&c->io, c->fd, fake_on_bytes);
	loop_io_watch(f->loop, &c->io, LOOP_READ);
}

/* On `port`, or on a free one when it is 0. */
static inline void fake_open(struct fake *f, int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int on = 1;

	f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ensure(f->fd >= 0);
	ensure(setsockopt(f->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
	ensure(bind(f->fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	ensure(listen(f->fd, 16) == 0);
	ensure(getsockname(f->fd, (struct sockaddr *)&address, &size) == 0);
	f->port = ntohs(address.sin_port);
	loop_io_init(&f->io, f->fd, fake_on_connection);
	loop_io_watch(f->loop, &f->io, LOOP_READ);
}

static inline void fake_init(struct fake *f, struct loop *loop)
{
	memset(f, 0, sizeof(*f));
	f->loop = loop;
	f->connections = calloc(FAKE_CONNECTIONS, sizeof(*f->connections));
	ensure(f->connections);
	for (int i = 0; i < FAKE_CONNECTIONS; i++) {
		f->connections[i].fake = f;
		f->connections[i].fd = -1;
	}
	fake_open(f, 0);
}

/* Refuses connections and drops those it has. */
static inline void fake_close(struct fake *f)
{
	if (f->fd < 0)
		return;
	loop_io_watch(f->loop, &f->io, 0);
	close(f->fd);
	f->fd = -1;
	for (int i = 0; i < FAKE_CONNECTIONS; i++)
		fake_hang_up(&f->connections[i]);
}

static inline void fake_drop_connections(struct fake *f)
{
	for (int i = 0; i < FAKE_CONNECTIONS; i++)
		fake_hang_up(&f->connections[i]);
}

static inline void fake_finish(struct fake *f)
{
	fake_close(f);
	free(f->connections);
}

/* ---- running the loop until something is so ---- */

struct patience {
	struct loop_timer tick, end;
	struct loop *loop;
	int (*is_so)(void *context);
	void *context;
	int was_so;
};

static inline void patience_tick(struct loop_timer *timer)
{
	struct patience *p = (struct patience *)timer;

	p->was_so = p->is_so(p->context);
	if (p->was_so)
		loop_stop(p->loop);
}

static inline void patience_end(struct loop_timer *timer)
{
	loop_stop(((struct patience *)((char *)timer - offsetof(struct patience, end)))->loop);
}

/* Did it become so?  Looks each millisecond, for 20 s at most. */
static inline int loop_until(struct loop *loop, int (*is_so)(void *context), void *context)
{
	struct patience p = { .loop = loop, .is_so = is_so, .context = context };

	loop_timer_init(&p.tick, patience_tick);
	loop_timer_init(&p.end, patience_end);
	loop_timer_start(loop, &p.tick, 0, 1);
	loop_timer_start(loop, &p.end, 20000, 0);
	loop_run(loop);
	loop_timer_stop(loop, &p.tick);
	loop_timer_stop(loop, &p.end);
	return p.was_so;
}

static inline int never(void *context)
{
	(void)context;
	return 0;
}

/* Lets time pass in the loop. */
static inline void loop_for(struct loop *loop, int ms)
{
	struct patience p = { .loop = loop, .is_so = never };

	loop_timer_init(&p.end, patience_end);
	loop_timer_start(loop, &p.end, (uint64_t)ms, 0);
	loop_run(loop);
	loop_timer_stop(loop, &p.end);
}

#endif
