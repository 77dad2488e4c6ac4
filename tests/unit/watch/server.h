/*
 * The HTTP server on a free loopback port, for tests: its loop runs in a thread
 * of its own, the tests are blocking clients.  Each test file uses some of it,
 * hence inline.
 */
#ifndef PGWEIR_TESTS_WATCH_SERVER_H
#define PGWEIR_TESTS_WATCH_SERVER_H

#include "watch/http.h"
#include "watch/numbers.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 30000 };

enum server_wish { NOTHING, ANSWER, DESTROY };

struct server {
	struct loop loop;
	struct loop_wake wake;
	pthread_t thread;
	struct http *http;
	int port;
	/* Both threads: */
	atomic_int wish; /* what the loop is to do when it is woken */
	atomic_int collects;
	atomic_int client_limit; /* of the last of them */
	atomic_int answers; /* the number that the next copy shows as "accepted" */
	atomic_bool is_held; /* collects are not answered until ANSWER */
	atomic_bool is_ready;
	int query_count; /* fixed before start */
	const char *query_text;
};

/* ---- the server's thread ---- */

static inline void answer(struct server *server)
{
	struct stats_copy *copy = make_numbers(server->query_count, server->query_text);

	copy->counters[COUNT_CLIENTS_ACCEPTED] = (uint64_t)atomic_load(&server->answers);
	add_pool(copy, 0, "app\xFF", "bob");
	add_clients(copy, 1200, atomic_load(&server->client_limit));
	http_answer(server->http, copy);
}

static inline void on_collect(void *context, int client_limit)
{
	struct server *server = context;

	atomic_store(&server->client_limit, client_limit);
	atomic_fetch_add(&server->collects, 1);
	if (!atomic_load(&server->is_held))
		answer(server);
}

static inline bool on_ready_asked(void *context)
{
	struct server *server = context;

	return atomic_load(&server->is_ready);
}

static inline void on_wake(struct loop_wake *wake)
{
	struct server *server = (struct server *)((char *)wake - offsetof(struct server, wake));
	int wish = atomic_exchange(&server->wish, NOTHING);

	if (wish == ANSWER)
		answer(server);
	if (wish == DESTROY) {
		http_destroy(server->http);
		loop_stop(&server->loop);
	}
}

static inline void *run_server(void *context)
{
	struct server *server = context;

	loop_run(&server->loop);
	return NULL;
}

/* ---- the test's thread ---- */

static inline int free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	close(fd);
	return ntohs(address.sin_port);
}

static inline void start(struct server *server, int query_count, const char *query_text)
{
	struct http_asks asks = { .context = server, .collect = on_collect,
				  .nodes = fill_two_nodes, .is_ready = on_ready_asked,
				  .route_words = route_words, .started_us = loop_now_us() };
	struct config_address address = { .host = "127.0.0.1" };
	char error[200] = "";

	memset(server, 0, sizeof(*server));
	server->query_count = query_count;
	server->query_text = query_text;
	address.port = server->port = free_port();
	loop_init(&server->loop, NULL, NULL);
	loop_wake_start(&server->loop, &server->wake, on_wake);
	server->http = http_create(&server->loop, &address, &asks, error, sizeof(error));
	if (!server->http)
		fail_msg("%s", error);
	assert_int_equal(pthread_create(&server->thread, NULL, run_server, server), 0);
}

static inline void wish(struct server *server, enum server_wish what)
{
	atomic_store(&server->wish, what);
	loop_wake_send(&server->loop, &server->wake);
}

static inline void stop(struct server *server)
{
	wish(server, DESTROY);
	pthread_join(server->thread, NULL);
	loop_wake_stop(&server->loop, &server->wake);
	loop_finish(&server->loop);
}

static inline int open_client(const struct server *server)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				       .sin_port = htons((uint16_t)server->port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static inline void send_bytes(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);

		if (sent < 0) /* it refused the rest and closed */
			return;
		data += sent;
		size -= (size_t)sent;
	}
}

static inline int ask(const struct server *server, const char *request)
{
	int fd = open_client(server);

	send_bytes(fd, request, strlen(request));
	return fd;
}

static inline int ask_page(const struct server *server, const char *method, const char *path)
{
	char request[4096];

	snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: test\r\n\r\n", method, path);
	return ask(server, request);
}

struct reply {
	int status; /* 0: the connection was closed without an answer */
	char *text; /* owned: head and body */
	const char *body;
	size_t body_size;
};

/* Until the server closes. */
static inline struct reply read_reply(int fd)
{
	struct reply reply = { 0 };
	size_t size = 0, room = 1 << 16;
	struct pollfd watched = { .fd = fd, .events = POLLIN };
	ssize_t got;

	reply.text = memory_get(room + 1);
	for (;;) {
		assert_int_equal(poll(&watched, 1, PATIENCE_MS), 1);
		got = recv(fd, reply.text + size, room - size, 0);
		if (got <= 0)
			break;
		size += (size_t)got;
		if (size == room)
			reply.text = memory_resize(reply.text, (room *= 2) + 1);
	}
	close(fd);
	reply.text[size] = '\0';
	sscanf(reply.text, "HTTP/1.1 %d", &reply.status);
	reply.body = strstr(reply.text, "\r\n\r\n");
	reply.body = reply.body ? reply.body + 4 : reply.text + size;
	reply.body_size = (size_t)(reply.text + size - reply.body);
	return reply;
}

static inline void check_headers(const struct reply *reply)
{
	assert_non_null(strstr(reply->text, "Content-Type: application/json; charset=utf-8\r\n"));
	assert_non_null(strstr(reply->text, "Cache-Control: no-store\r\n"));
	assert_non_null(strstr(reply->text, "X-Content-Type-Options: nosniff\r\n"));
	assert_non_null(strstr(reply->text, "Connection: close\r\n"));
}

/* The JSON of an answer that must have this status. */
static inline json_t *take_json(struct reply reply, int status)
{
	json_error_t error;
	json_t *json = json_loadb(reply.body, reply.body_size, JSON_REJECT_DUPLICATES, &error);

	if (reply.status != status || !json)
		fail_msg("%d: %.300s", reply.status, reply.text);
	check_headers(&reply);
	free(reply.text);
	return json;
}

static inline json_t *get(const struct server *server, const char *path, int status)
{
	return take_json(read_reply(ask_page(server, "GET", path)), status);
}

static inline void check_alive(const struct server *server)
{
	json_t *json = get(server, "/healthz", 200);

	assert_string_equal(json_string_value(json_object_get(json, "status")), "ok");
	json_decref(json);
}

static inline int accepted_of(const json_t *stats)
{
	return (int)json_integer_value(
		json_object_get(json_object_get(stats, "clients"), "accepted"));
}

static inline void wait_for_collects(struct server *server, int count)
{
	while (atomic_load(&server->collects) < count)
		sched_yield();
	assert_int_equal(atomic_load(&server->collects), count);
}

#endif
