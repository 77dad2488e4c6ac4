/*
 * Serves the pages of the statistics over HTTP.  Does not gather numbers (its
 * owner does), nor read which are wanted (wish.c does), write JSON (report.c) or
 * say when (round.c).  Runs on the control thread, driven by its loop; the only
 * file with libmicrohttpd.
 *
 *     on_request: headers came -> complete -> show_page -+-> answered
 *                                                        |
 *              a page with numbers: suspended, joins a round; resumed by
 *              on_report, so that on_request is called again -> answered
 *
 * What a peer can take is bounded: CONNECTIONS_MAX connections of
 * CONNECTION_MEMORY_BYTES, one request each, IDLE_S without progress, LIFE_S in
 * all, and the texts of all answers by ROUND_TEXTS_MAX_BYTES.
 */
#include "watch/http.h"

#include "base/buf.h"
#include "base/ensure.h"
#include "watch/address.h"
#include "watch/round.h"
#include "watch/wish.h"

#include <errno.h>
#include <microhttpd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

enum {
	CONNECTIONS_MAX = 32,
	CONNECTION_MEMORY_BYTES = 8192, /* the request and the answer's headers */
	IDLE_S = 5,
	LIFE_S = 30,
	TICK_MS = 1000,
};

struct request {
	struct http *http;
	struct MHD_Connection *connection;
	struct round_seat seat;
	const char *bad_parameter; /* what is wrong with one; static */
	bool is_ready; /* the round is over: */
	enum round_result result;
	struct buf text; /* owned; REPORTED */
};

/* A text that is being sent; libmicrohttpd gives it back. */
struct answer {
	struct http *http;
	struct buf text;
};

/* An open connection. */
struct visit {
	int fd; /* libmicrohttpd's */
	uint64_t since_us;
	struct visit *prev, *next;
};

struct http {
	struct loop *loop;
	struct http_asks asks;
	struct MHD_Daemon *daemon;
	struct loop_io epoll; /* libmicrohttpd's */
	struct loop_timer due; /* when it wants to run again */
	struct loop_timer tick; /* while there are visits: ends what takes too long */
	struct visit *visits; /* the oldest first */
	struct round round;
	bool is_ending;
};

/* ---- answers ---- */

static enum MHD_Result send_response(struct MHD_Connection *connection, unsigned status,
				     struct MHD_Response *response)
{
	static const char *const headers[][2] = {
		{ MHD_HTTP_HEADER_CONTENT_TYPE, "application/json; charset=utf-8" },
		{ MHD_HTTP_HEADER_CACHE_CONTROL, "no-store" },
		{ "X-Content-Type-Options", "nosniff" },
		{ MHD_HTTP_HEADER_CONNECTION, "close" },
	};
	enum MHD_Result result = response ? MHD_YES : MHD_NO;

	for (size_t i = 0; result == MHD_YES && i < sizeof(headers) / sizeof(*headers); i++)
		result = MHD_add_response_header(response, headers[i][0], headers[i][1]);
	if (result == MHD_YES && status == MHD_HTTP_METHOD_NOT_ALLOWED)
		result = MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	if (result == MHD_YES)
		result = MHD_queue_response(connection, status, response);
	if (response)
		MHD_destroy_response(response);
	return result; /* MHD_NO closes the connection */
}

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned status,
				 const char *text)
{
	return send_response(connection, status,
			     MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
							     MHD_RESPMEM_MUST_COPY));
}

/* `why` is one of our own sentences: nothing in it needs JSON's escapes. */
static enum MHD_Result send_error(struct MHD_Connection *connection, unsigned status,
				  const char *why)
{
	char text[256];

	snprintf(text, sizeof(text), "{\"error\":\"%s\"}", why);
	return send_text(connection, status, text);
}

static void on_sent(void *context)
{
	struct answer *answer = context;

	round_free_text(&answer->http->round, &answer->text);
	free(answer);
}

static enum MHD_Result send_report(struct request *request)
{
	struct answer *answer = memory_get(sizeof(*answer));
	struct span text = buf_waiting(&request->text);
	struct MHD_Response *response;

	*answer = (struct answer){ request->http, request->text };
	buf_init(&request->text);
	response = MHD_create_response_from_buffer_with_free_callback_cls(
		text.size, (void *)(uintptr_t)text.data, on_sent, answer);
	if (!response)
		on_sent(answer);
	return send_response(request->connection, MHD_HTTP_OK, response);
}

static enum MHD_Result send_result(struct request *request)
{
	static const char *const failures[] = {
		[ROUND_NO_NUMBERS] = "there are no numbers now",
		[ROUND_LATE] = "the workers did not answer in time",
		[ROUND_TOO_LARGE] = "too many large answers are being read",
		[ROUND_NO_MEMORY] = "out of memory",
		[ROUND_ENDING] = "pgweir is stopping",
	};

	if (request->result == ROUND_REPORTED)
		return send_report(request);
	return send_error(request->connection, MHD_HTTP_SERVICE_UNAVAILABLE,
			  failures[request->result]);
}

/* ---- requests ---- */

static struct request *create_request(struct http *http, struct MHD_Connection *connection)
{
	struct request *request = memory_get_zeroed(sizeof(*request));

	request->http = http;
	request->connection = connection;
	buf_init(&request->text);
	return request;
}

/* libmicrohttpd is done with it: answered, or its connection ended. */
static void on_request_end(void *context, struct MHD_Connection *connection, void **state,
			   enum MHD_RequestTerminationCode code)
{
	struct request *request = *state;

	(void)context, (void)connection, (void)code;
	if (!request)
		return;
	ensure(request->seat.state == SEAT_FREE); /* suspended connections do not end */
	round_free_text(&request->http->round, &request->text);
	free(request);
	*state = NULL;
}

static void on_report(struct round_seat *seat, enum round_result result, struct buf text)
{
	struct request *request = (struct request *)((char *)seat - offsetof(struct request, seat));

	request->is_ready = true;
	request->result = result;
	request->text = text;
	MHD_resume_connection(request->connection);
	/* Not here, so that nothing of libmicrohttpd is entered twice. */
	loop_timer_start(request->http->loop, &request->http->due, 0, 0);
}

/* ---- pages ---- */

static enum MHD_Result ask_for_numbers(struct request *request)
{
	if (request->http->is_ending)
		return send_error(request->connection, MHD_HTTP_SERVICE_UNAVAILABLE,
				  "pgweir is stopping");
	request->seat.on_done = on_report;
	MHD_suspend_connection(request->connection);
	round_join(&request->http->round, &request->seat);
	return MHD_YES;
}

/* Leaves in `context`, a request's bad_parameter, what is wrong. */
static enum MHD_Result read_parameter(void *context, enum MHD_ValueKind kind, const char *key,
				      size_t key_size, const char *value, size_t value_size)
{
	struct request *request = context;
	struct span word = span_make(value ? value : "", value ? value_size : 0);

	(void)kind;
	request->bad_parameter =
		wish_read_parameter(&request->seat.wish, span_make(key, key_size), word);
	return request->bad_parameter ? MHD_NO : MHD_YES;
}

/* Its wish has the page. */
static enum MHD_Result show_report(struct request *request)
{
	MHD_get_connection_values_n(request->connection, MHD_GET_ARGUMENT_KIND, read_parameter,
				    request);
	if (request->bad_parameter)
		return send_error(request->connection, MHD_HTTP_BAD_REQUEST,
				  request->bad_parameter);
	return ask_for_numbers(request);
}

/* Alive as long as this thread answers. */
static enum MHD_Result show_health(struct request *request)
{
	return send_text(request->connection, MHD_HTTP_OK, "{\"status\":\"ok\"}");
}

static bool is_any_node_up(const struct http_asks *asks)
{
	struct http_node nodes[STATS_MAX_NODES];
	int count = asks->nodes(asks->context, nodes, STATS_MAX_NODES);

	for (int i = 0; i < count; i++)
		if (nodes[i].is_up)
			return true;
	return false;
}

static enum MHD_Result show_readiness(struct request *request)
{
	const struct http_asks *asks = &request->http->asks;

	if (asks->is_ready(asks->context))
		return send_text(request->connection, MHD_HTTP_OK, "{\"status\":\"ready\"}");
	return send_text(request->connection, MHD_HTTP_SERVICE_UNAVAILABLE,
			 is_any_node_up(asks)
				 ? "{\"status\":\"not ready\",\"reason\":\"not listening\"}"
				 : "{\"status\":\"not ready\",\"reason\":\"no node is up\"}");
}

static enum MHD_Result show_index(struct request *request)
{
	return send_text(request->connection, MHD_HTTP_OK,
			 "{\"version\":\"" PGWEIR_VERSION "\",\"pages\":[\"/stats\","
			 "\"/queries?sort=total|p99|calls&limit=100\",\"/nodes\",\"/pools\","
			 "\"/clients?limit=1000\",\"/healthz\",\"/readyz\"]}");
}

static const struct page {
	const char *path;
	enum MHD_Result (*show)(struct request *request);
} pages[] = {
	{ "/", show_index },
	{ "/healthz", show_health },
	{ "/readyz", show_readiness },
};

static enum MHD_Result show_page(struct request *request, const char *path)
{
	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++)
		if (strcmp(path, pages[i].path) == 0)
			return pages[i].show(request);
	if (wish_read_path(&request->seat.wish, path))
		return show_report(request);
	return send_error(request->connection, MHD_HTTP_NOT_FOUND,
			  "there is no such page: / lists them");
}

static bool has_body(struct MHD_Connection *connection)
{
	const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
							 MHD_HTTP_HEADER_CONTENT_LENGTH);

	return (length && strcmp(length, "0") != 0) ||
	       MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
					   MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

/* libmicrohttpd calls it when it has the headers, again when the request is
 * complete, and again when it was resumed. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
				  const char *path, const char *method, const char *version,
				  const char *body, size_t *body_size, void **state)
{
	struct request *request = *state;

	(void)version, (void)body;
	if (!request) {
		if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
			return send_error(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
					  "only GET and HEAD are served");
		if (has_body(connection))
			return send_error(connection, MHD_HTTP_BAD_REQUEST,
					  "a request must not have a body");
		*state = create_request(context, connection);
		return MHD_YES;
	}
	ensure(*body_size == 0);
	return request->is_ready ? send_result(request) : show_page(request, path);
}

void http_answer(struct http *http, struct stats_copy *copy)
{
	round_take(&http->round, copy);
}

/* ---- the loop ---- */

static void plan_next_run(struct http *http)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(http->daemon, &ms) == MHD_YES)
		loop_timer_start(http->loop, &http->due, ms, 0);
	else
		loop_timer_stop(http->loop, &http->due);
}

static void run(struct http *http)
{
	MHD_run(http->daemon);
	plan_next_run(http);
	/* Only now: all requests that came together share one round. */
	round_start(&http->round);
}

static void on_epoll_ready(struct loop_io *io, int events)
{
	(void)events;
	run((struct http *)((char *)io - offsetof(struct http, epoll)));
}

static void on_due(struct loop_timer *timer)
{
	run((struct http *)((char *)timer - offsetof(struct http, due)));
}

/* libmicrohttpd's time-out starts anew with each byte: a peer that sends one
 * every few seconds would stay for ever. */
static void cut_old_visits(struct http *http, uint64_t before_us)
{
	struct visit *visit;

	DL_FOREACH(http->visits, visit) {
		if (visit->since_us >= before_us)
			break;
		shutdown(visit->fd, SHUT_RDWR);
	}
}

static void on_tick(struct loop_timer *timer)
{
	struct http *http = (struct http *)((char *)timer - offsetof(struct http, tick));
	uint64_t now_us = loop_now_us();

	round_dismiss_late(&http->round, now_us);
	cut_old_visits(http, now_us - LIFE_S * 1000000);
}

static void on_visit(void *context, struct MHD_Connection *connection, void **socket_context,
		     enum MHD_ConnectionNotificationCode code)
{
	struct http *http = context;
	struct visit *visit = *socket_context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		visit = memory_get_zeroed(sizeof(*visit));
		visit->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
				    ->connect_fd;
		visit->since_us = loop_now_us();
		if (!http->visits)
			loop_timer_start(http->loop, &http->tick, TICK_MS, TICK_MS);
		DL_APPEND(http->visits, visit);
		*socket_context = visit;
		return;
	}
	DL_DELETE(http->visits, visit);
	free(visit);
	if (!http->visits)
		loop_timer_stop(http->loop, &http->tick);
}

/* ---- start and end ---- */

static struct MHD_Daemon *start_daemon(struct http *http, int listener)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request,
				http,
				MHD_OPTION_LISTEN_SOCKET, listener,
				MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES,
				MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
				MHD_OPTION_STRICT_FOR_CLIENT, 1,
				MHD_OPTION_NOTIFY_COMPLETED, on_request_end, http,
				MHD_OPTION_NOTIFY_CONNECTION, on_visit, http,
				MHD_OPTION_END);
}

struct http *http_create(struct loop *loop, const struct config_address *address,
			 const struct http_asks *asks, char *error, size_t error_size)
{
	struct http *http;
	int listener = address_listen(address, CONNECTIONS_MAX, error, error_size);

	if (listener < 0)
		return NULL;
	http = memory_get_zeroed(sizeof(*http));
	http->loop = loop;
	http->asks = *asks;
	http->daemon = start_daemon(http, listener);
	if (!http->daemon) {
		snprintf(error, error_size, "could not start the HTTP server: %s", strerror(errno));
		close(listener);
		free(http);
		return NULL;
	}
	round_init(&http->round, loop, asks);
	loop_timer_init(&http->due, on_due);
	loop_timer_init(&http->tick, on_tick);
	loop_io_init(&http->epoll,
		     MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
		     on_epoll_ready);
	loop_io_watch(loop, &http->epoll, LOOP_READ);
	return http;
}

void http_destroy(struct http *http)
{
	if (!http)
		return;
	http->is_ending = true;
	/* libmicrohttpd must not be stopped while connections are suspended:
	 * one run resumes them, one more lets them write their answers. */
	round_finish(&http->round);
	MHD_run(http->daemon);
	MHD_run(http->daemon);
	loop_io_watch(http->loop, &http->epoll, 0);
	MHD_stop_daemon(http->daemon);
	ensure(!http->visits && http->round.text_bytes == 0);
	loop_timer_stop(http->loop, &http->due);
	loop_timer_stop(http->loop, &http->tick);
	free(http);
}
