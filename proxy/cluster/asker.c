/*
 * Drives one libpq connection from the loop: connect, one question, its
 * answer.  It knows no SQL and decides no retry: its owner does.  Runs in the
 * control thread.
 *
 *   CLOSED --ask--> CONNECTING --> ASKING --answer--> IDLE --ask--> ASKING
 *      ^                |             |                 |
 *      +--- FAILED <----+-------------+---- lost -------+
 *
 * FAILED lasts until the timer fires: a failure inside asker_ask is reported
 * from the loop, so that no callback ever comes from inside a call.
 *
 * Invariants: the socket is watched iff the state is CONNECTING, ASKING or
 * IDLE; libpq may close and replace the socket in PQconnectPoll, so the watch
 * ends before that call and begins anew after it.
 */
#include "cluster/asker.h"

#include "base/ensure.h"
#include "base/log.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum asker_state { ASKER_CLOSED, ASKER_CONNECTING, ASKER_ASKING, ASKER_IDLE, ASKER_FAILED };

struct asker {
	struct loop_io io;
	struct loop_timer timer; /* the deadline; in FAILED: report now */
	struct loop *loop;
	struct asker_login login;
	on_answer *on_answer;
	void *context;
	enum asker_state state;
	PGconn *connection; /* NULL iff CLOSED or FAILED */
	int fd; /* watched by io */
	bool is_fresh; /* opened for the question at hand */
	bool is_timeout; /* FAILED because of the deadline */
	bool was_asked; /* FAILED with a question at hand */
	int deadline_ms;
	char *query; /* owned; the question while it waits for the connection */
	char **values;
	int value_count;
	PGresult *rows; /* what has come of the answer so far */
	char reason[160]; /* FAILED: why */
};

static void on_ready(struct loop_io *io, int events);
static void on_time(struct loop_timer *timer);

struct asker *asker_create(struct loop *loop, const struct asker_login *login,
			   on_answer *on_answer_, void *context)
{
	struct asker *a = memory_get_zeroed(sizeof(*a));

	a->loop = loop;
	a->login = *login;
	a->on_answer = on_answer_;
	a->context = context;
	a->state = ASKER_CLOSED;
	a->fd = -1;
	loop_io_init(&a->io, -1, on_ready);
	loop_timer_init(&a->timer, on_time);
	return a;
}

void asker_destroy(struct asker *a)
{
	if (!a)
		return;
	asker_close(a);
	free(a);
}

static void forget_question(struct asker *a)
{
	free(a->query);
	for (int i = 0; i < a->value_count; i++)
		free(a->values[i]);
	free(a->values);
	a->query = NULL;
	a->values = NULL;
	a->value_count = 0;
	PQclear(a->rows);
	a->rows = NULL;
}

static void drop_connection(struct asker *a)
{
	loop_io_watch(a->loop, &a->io, 0);
	PQfinish(a->connection);
	a->connection = NULL;
}

void asker_close(struct asker *a)
{
	loop_timer_stop(a->loop, &a->timer);
	drop_connection(a);
	forget_question(a);
	a->state = ASKER_CLOSED;
}

bool asker_is_busy(const struct asker *a)
{
	return a->state == ASKER_CONNECTING || a->state == ASKER_ASKING || a->state == ASKER_FAILED;
}

bool asker_is_connected(const struct asker *a)
{
	return a->state == ASKER_ASKING || a->state == ASKER_IDLE;
}

/* libpq's messages have several lines; the first says what happened. */
static void keep_reason(struct asker *a, const char *text)
{
	static const char severity[] = "FATAL:  ";
	const char *fatal = strstr(text, severity);
	size_t size;

	/* 'connection to server at "h" (1.2.3.4), port 5432 failed: FATAL:  ...':
	 * the node is known to whoever reads the reason. */
	if (fatal)
		text = fatal + sizeof(severity) - 1;
	size = strcspn(text, "\r\n");
	if (size >= sizeof(a->reason))
		size = sizeof(a->reason) - 1;
	memcpy(a->reason, text, size);
	a->reason[size] = '\0';
	if (size == 0)
		snprintf(a->reason, sizeof(a->reason), "the connection was lost");
}

/* To FAILED; the timer reports it in the next turn. */
static void fail(struct asker *a, const char *reason)
{
	keep_reason(a, reason);
	a->was_asked = a->state != ASKER_IDLE;
	drop_connection(a);
	forget_question(a);
	a->state = ASKER_FAILED;
	loop_timer_start(a->loop, &a->timer, 0, 0);
}

static void report_failure(struct asker *a)
{
	struct asker_answer answer = {
		.outcome = ASKER_LOST,
		.reason = a->reason,
		.was_asked = a->was_asked,
		.was_fresh = a->is_fresh,
		.is_timeout = a->is_timeout,
	};

	a->state = ASKER_CLOSED;
	a->on_answer(a->context, &answer);
}

static void on_time(struct loop_timer *timer)
{
	struct asker *a = (struct asker *)((char *)timer - offsetof(struct asker, timer));
	char reason[64];

	if (a->state != ASKER_FAILED) {
		snprintf(reason, sizeof(reason), "no answer within %d ms", a->deadline_ms);
		a->is_timeout = true;
		fail(a, reason);
		loop_timer_stop(a->loop, &a->timer);
	}
	report_failure(a);
}

static void watch(struct asker *a, int events)
{
	int fd = PQsocket(a->connection);

	if (fd != a->fd) {
		loop_io_watch(a->loop, &a->io, 0);
		loop_io_init(&a->io, fd, on_ready);
		a->fd = fd;
	}
	loop_io_watch(a->loop, &a->io, events);
}

/* libpq prints notices to standard error unless told otherwise. */
static void on_notice(void *context, const char *text)
{
	(void)context;
	log_debug("control connection: %.*s", (int)strcspn(text, "\n"), text);
}

/*
 * What decides where the connection goes and how it behaves is given, so that
 * PGOPTIONS and the like in our environment do not matter.
 */
static PGconn *start_connection(const struct asker *a, const struct asker_place *place)
{
	static const char *const tls_words[] = {
#define X(name, word) [name] = word,
		TLS_MODES(X)
#undef X
	};
	char port[16], address[NI_MAXHOST] = "";
	const char *keys[] = { "host", "hostaddr", "port", "user", "password", "dbname",
			       "application_name", "options", "sslmode", "sslrootcert",
			       "gssencmode", "client_encoding", "keepalives",
			       "keepalives_idle", "keepalives_interval", "keepalives_count",
			       "target_session_attrs", NULL };
	const char *values[] = { place->host, address, port, a->login.user, a->login.password,
				 place->database, a->login.application, a->login.settings,
				 tls_words[a->login.tls], a->login.tls_ca, "disable", "UTF8",
				 "1", "10", "5", "3", "any", NULL };

	if (place->host[0] != '/' &&
	    getnameinfo((const struct sockaddr *)place->address, place->address_size, address,
			sizeof(address), NULL, 0, NI_NUMERICHOST))
		return NULL;
	snprintf(port, sizeof(port), "%d", place->port);
	/* expand_dbname 0: a database named like a connection string is a name. */
	return PQconnectStartParams(keys, values, 0);
}

static void send_question(struct asker *a)
{
	if (!PQsendQueryParams(a->connection, a->query, a->value_count, NULL,
			       (const char *const *)a->values, NULL, NULL, 0)) {
		fail(a, PQerrorMessage(a->connection));
		return;
	}
	a->state = ASKER_ASKING;
	/* Writable is not waited for apart: PQconsumeInput flushes as well. */
	watch(a, PQflush(a->connection) == 1 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

static void go_on_connecting(struct asker *a)
{
	loop_io_watch(a->loop, &a->io, 0);
	switch (PQconnectPoll(a->connection)) {
	case PGRES_POLLING_READING:
		watch(a, LOOP_READ);
		return;
	case PGRES_POLLING_WRITING:
		watch(a, LOOP_WRITE);
		return;
	case PGRES_POLLING_OK:
		if (PQsetnonblocking(a->connection, 1) == 0) {
			send_question(a);
			return;
		}
		break;
	default:
		break;
	}
	fail(a, PQerrorMessage(a->connection));
}

static void open_connection(struct asker *a, const struct asker_place *place)
{
	a->is_fresh = true;
	a->state = ASKER_CONNECTING;
	a->connection = start_connection(a, place);
	if (!a->connection) {
		fail(a, "the node's address is not an address");
	} else if (PQstatus(a->connection) == CONNECTION_BAD) {
		fail(a, PQerrorMessage(a->connection));
	} else {
		PQsetNoticeProcessor(a->connection, on_notice, NULL);
		/* As the manual says: as if PQconnectPoll had asked to write. */
		watch(a, LOOP_WRITE);
	}
}

void asker_ask(struct asker *a, const struct asker_place *place, const char *query,
	       int value_count, const char *const *values, int deadline_ms)
{
	ensure(!asker_is_busy(a));
	a->query = memory_copy_text(query);
	a->values = value_count ? memory_get((size_t)value_count * sizeof(*a->values)) : NULL;
	a->value_count = value_count;
	for (int i = 0; i < value_count; i++)
		a->values[i] = memory_copy_text(values[i]);
	a->deadline_ms = deadline_ms;
	a->is_timeout = false;
	loop_timer_start(a->loop, &a->timer, (uint64_t)deadline_ms, 0);
	a->is_fresh = a->state == ASKER_CLOSED;
	if (a->is_fresh)
		open_connection(a, place);
	else
		send_question(a);
}

static void report_answer(struct asker *a)
{
	PGresult *rows = a->rows;
	struct asker_answer answer = { .was_asked = true, .was_fresh = a->is_fresh };

	loop_timer_stop(a->loop, &a->timer);
	a->rows = NULL;
	forget_question(a);
	a->state = ASKER_IDLE;
	watch(a, LOOP_READ);
	if (PQresultStatus(rows) == PGRES_TUPLES_OK) {
		answer.outcome = ASKER_ROWS;
		answer.rows = rows;
	} else {
		const char *text = PQresultErrorField(rows, PG_DIAG_MESSAGE_PRIMARY);

		answer.outcome = ASKER_REFUSED;
		keep_reason(a, text ? text : "the answer has no rows");
		answer.reason = a->reason;
	}
	a->on_answer(a->context, &answer);
	PQclear(rows);
}

/* A question may be refused by FATAL: then its result is followed by the end
 * of the connection, and the loss is what counts. */
static void take_results(struct asker *a)
{
	PGresult *result;

	while (!PQisBusy(a->connection)) {
		result = PQgetResult(a->connection);
		if (!result) {
			if (PQstatus(a->connection) == CONNECTION_BAD || !a->rows)
				fail(a, a->rows ? PQresultErrorMessage(a->rows)
						: PQerrorMessage(a->connection));
			else
				report_answer(a);
			return;
		}
		if (a->rows)
			PQclear(result);
		else
			a->rows = result;
	}
}

/* Nothing is expected: either the server talks (a notice, a parameter) or the
 * connection ends.  libpq would collect notifications without end. */
static void hear_idle(struct asker *a)
{
	PGnotify *notification;

	while ((notification = PQnotifies(a->connection)))
		PQfreemem(notification);
	if (PQstatus(a->connection) == CONNECTION_BAD)
		fail(a, PQerrorMessage(a->connection));
}

static void on_ready(struct loop_io *io, int events)
{
	struct asker *a = (struct asker *)((char *)io - offsetof(struct asker, io));

	if (a->state == ASKER_CONNECTING) {
		go_on_connecting(a);
		return;
	}
	if ((events & LOOP_READ) && !PQconsumeInput(a->connection)) {
		fail(a, a->rows ? PQresultErrorMessage(a->rows) : PQerrorMessage(a->connection));
		return;
	}
	if (a->state == ASKER_IDLE) {
		hear_idle(a);
		return;
	}
	if (events & LOOP_WRITE)
		watch(a, PQflush(a->connection) == 1 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
	take_results(a);
}
