/*
 * The pages over HTTP, and what clients do wrong.
 */
#include "watch/server.h"

static void test_pages(void **state)
{
	static const struct {
		const char *path, *key;
	} pages[] = {
		{ "/", "pages" },	{ "/stats", "clients" }, { "/queries", "queries" },
		{ "/nodes", "nodes" },	{ "/pools", "pools" },	 { "/healthz", "status" },
		{ "/stats?x", "nodes" }, { "/stats?", "pools" },  { "/clients", "clients" },
		{ "/clients?limit=1", "not_shown" },
	};
	struct server server;

	(void)state;
	start(&server, 3, "select $1");
	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
		json_t *json = get(&server, pages[i].path, 200);

		assert_non_null(json_object_get(json, pages[i].key));
		json_decref(json);
	}
	stop(&server);
}

static void test_unknown_pages(void **state)
{
	static const char *const paths[] = { "/stat", "/stats/", "/STATS", "/../etc/passwd",
					     "//stats", "/%2e%2e", "/stats%2F", "/favicon.ico" };
	struct server server;

	(void)state;
	start(&server, 1, "x");
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		json_t *json = get(&server, paths[i], 404);

		assert_true(json_is_string(json_object_get(json, "error")));
		json_decref(json);
	}
	assert_int_equal(server.collects, 0);
	stop(&server);
}

static void test_parameters(void **state)
{
	static const struct {
		const char *query;
		int status;
		size_t rows;
	} cases[] = {
		{ "", 200, 100 },
		{ "?", 200, 100 },
		{ "?limit=1", 200, 1 },
		{ "?limit=0", 400, 0 },
		{ "?limit=149&sort=p99", 200, 149 },
		{ "?sort=calls&limit=150", 200, 150 },
		{ "?sort=total&limit=10000", 200, 150 },
		{ "?limit=10001", 400, 0 },
		{ "?limit=00010", 200, 10 },
		{ "?limit=000010", 400, 0 },
		{ "?limit=-1", 400, 0 },
		{ "?limit=+1", 400, 0 },
		{ "?limit=%201", 400, 0 },
		{ "?limit=1x", 400, 0 },
		{ "?limit=99999999999999999999", 400, 0 },
		{ "?limit=", 400, 0 },
		{ "?limit", 400, 0 },
		{ "?sort", 400, 0 },
		{ "?sort=", 400, 0 },
		{ "?sort=P99", 400, 0 },
		{ "?sort=p99%00", 400, 0 },
		{ "?sort=%FF", 400, 0 },
		{ "?sort=total&sort=bad", 400, 0 },
		{ "?order=total", 400, 0 },
		{ "?limit=1&%22%7D=2", 400, 0 },
	};
	struct server server;

	(void)state;
	start(&server, 150, "select $1");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char path[100];
		json_t *json;

		snprintf(path, sizeof(path), "/queries%s", cases[i].query);
		json = get(&server, path, cases[i].status);
		assert_int_equal(json_array_size(json_object_get(json, "queries")), cases[i].rows);
		assert_int_equal(json_is_string(json_object_get(json, "error")),
				 cases[i].status == 400);
		json_decref(json);
	}
	stop(&server);
}

static void test_methods(void **state)
{
	static const char *const methods[] = { "POST", "PUT", "DELETE", "OPTIONS", "PATCH",
					       "TRACE", "CONNECT", "get", "GETX" };
	struct server server;

	(void)state;
	start(&server, 1, "x");
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		struct reply reply = read_reply(ask_page(&server, methods[i], "/stats"));

		assert_non_null(strstr(reply.text, "Allow: GET, HEAD\r\n"));
		json_decref(take_json(reply, 405));
	}
	json_decref(take_json(read_reply(ask(&server, "POST /stats HTTP/1.1\r\nHost: x\r\n"
						      "Content-Length: 5\r\n\r\nhello")),
			      405));
	assert_int_equal(server.collects, 0);
	stop(&server);
}

static void test_head(void **state)
{
	static const char *const paths[] = { "/nodes", "/healthz", "/", "/nothing" };
	struct server server;

	(void)state;
	start(&server, 1, "x");
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		struct reply get_reply = read_reply(ask_page(&server, "GET", paths[i]));
		struct reply head_reply = read_reply(ask_page(&server, "HEAD", paths[i]));
		char length[64];

		assert_int_equal(head_reply.status, get_reply.status);
		assert_int_equal(head_reply.body_size, 0);
		assert_true(get_reply.body_size > 0);
		check_headers(&head_reply);
		snprintf(length, sizeof(length), "Content-Length: %zu\r\n", get_reply.body_size);
		assert_non_null(strstr(get_reply.text, length));
		assert_non_null(strstr(head_reply.text, length));
		free(get_reply.text);
		free(head_reply.text);
	}
	stop(&server);
}

static void test_readiness(void **state)
{
	struct server server;
	json_t *json;

	(void)state;
	start(&server, 1, "x");
	json = get(&server, "/readyz", 503);
	assert_string_equal(json_string_value(json_object_get(json, "reason")), "not listening");
	json_decref(json);
	atomic_store(&server.is_ready, true);
	json = get(&server, "/readyz", 200);
	assert_string_equal(json_string_value(json_object_get(json, "status")), "ready");
	json_decref(json);
	assert_int_equal(server.collects, 0);
	stop(&server);
}

/* The ones that libmicrohttpd refuses itself may be closed without an answer;
 * none may be served, none may hurt the next. */
static void test_malformed_requests(void **state)
{
	static const char *const requests[] = {
		"GET\r\n\r\n",
		"GET /stats\r\n\r\n",
		"GET /stats HTTP/1.1\r\n\r\n", /* no Host */
		"GET /stats HTTP/9.9\r\nHost: x\r\n\r\n",
		"GET /stats HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n",
		"GET /stats HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
		"GET /stats HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
		"GET /stats HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"\x16\x03\x01\x02\x01\x01\xFC\x03\x03\r\n\r\n", /* TLS */
		"\xFF\xFE\xFD \x80 \x90\r\n\r\n",
	};
	struct server server;

	(void)state;
	start(&server, 1, "x");
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		struct reply reply = read_reply(ask(&server, requests[i]));

		if (reply.status != 0 && (reply.status < 400 || reply.status > 505))
			fail_msg("%zu: %s", i, reply.text);
		free(reply.text);
		check_alive(&server);
	}
	assert_int_equal(server.collects, 0);
	stop(&server);
}

static void test_request_size(void **state)
{
	struct server server;
	char *request = memory_get(200000);

	(void)state;
	start(&server, 1, "x");
	for (size_t size = 1000; size <= 128000; size *= 2) {
		int length = sprintf(request, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Pad: ");
		struct reply reply;

		memset(request + length, 'x', size);
		strcpy(request + length + size, "\r\n\r\n");
		reply = read_reply(ask(&server, request));
		if (size <= 4000)
			assert_int_equal(reply.status, 200);
		else /* it may have closed before all was sent */
			assert_true(reply.status == 0 || reply.status == 431);
		free(reply.text);
		length = sprintf(request, "GET /");
		memset(request + length, 'p', size);
		strcpy(request + length + size, " HTTP/1.1\r\nHost: x\r\n\r\n");
		reply = read_reply(ask(&server, request));
		assert_true(reply.status == 0 || (reply.status >= 400 && reply.status < 500));
		free(reply.text);
		check_alive(&server);
	}
	free(request);
	stop(&server);
}

static void test_request_cut_at_every_byte(void **state)
{
	static const char request[] = "GET /queries?sort=p99&limit=2 HTTP/1.1\r\nHost: x\r\n\r\n";
	struct server server;

	(void)state;
	start(&server, 5, "x");
	for (size_t cut = 1; cut < sizeof(request) - 1; cut++) {
		int fd = open_client(&server);
		json_t *json;

		send_bytes(fd, request, cut);
		check_alive(&server); /* so the server has seen the first part */
		send_bytes(fd, request + cut, sizeof(request) - 1 - cut);
		json = take_json(read_reply(fd), 200);
		assert_int_equal(json_array_size(json_object_get(json, "queries")), 2);
		json_decref(json);
		/* Some leave in the middle; libmicrohttpd 0.9.75 may notice that
		 * only by its time-out, so not as many as there are places. */
		if (cut % 4 != 0)
			continue;
		fd = open_client(&server);
		send_bytes(fd, request, cut);
		close(fd);
	}
	check_alive(&server);
	stop(&server);
}

static void test_those_who_wait_share_a_round(void **state)
{
	struct server server;
	int first, others[10];
	json_t *json;

	(void)state;
	start(&server, 2, "x");
	atomic_store(&server.is_held, true);
	first = ask_page(&server, "GET", "/stats");
	wait_for_collects(&server, 1);
	for (int i = 0; i < 10; i++)
		others[i] = ask_page(&server, "GET", "/stats");
	/* Both asked after them, so they are known to the server now. */
	check_alive(&server);
	check_alive(&server);
	atomic_store(&server.answers, 1);
	wish(&server, ANSWER);
	json = take_json(read_reply(first), 200);
	assert_int_equal(accepted_of(json), 1);
	json_decref(json);
	wait_for_collects(&server, 2);
	atomic_store(&server.answers, 2);
	wish(&server, ANSWER);
	for (int i = 0; i < 10; i++) {
		json = take_json(read_reply(others[i]), 200);
		assert_int_equal(accepted_of(json), 2);
		json_decref(json);
	}
	wait_for_collects(&server, 2);
	stop(&server);
}

static void *ask_many(void *context)
{
	static const char *const paths[] = { "/stats", "/queries?limit=10000", "/nodes", "/pools",
					     "/healthz" };
	const struct server *server = context;
	intptr_t served = 0;

	for (int i = 0; i < 20; i++) {
		struct reply reply = read_reply(ask_page(server, "GET", paths[i % 5]));

		served += reply.status == 200;
		free(reply.text);
	}
	return (void *)served;
}

static void test_many_clients(void **state)
{
	enum { CLIENTS = 8 };
	struct server server;
	pthread_t threads[CLIENTS];
	void *served;

	(void)state;
	start(&server, 300, "select $1");
	for (int i = 0; i < CLIENTS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_many, &server), 0);
	for (int i = 0; i < CLIENTS; i++) {
		pthread_join(threads[i], &served);
		assert_int_equal((intptr_t)served, 20);
	}
	stop(&server);
}

static void test_clients_that_leave_while_they_wait(void **state)
{
	struct server server;
	int left[5], stayed;
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	(void)state;
	start(&server, 2, "x");
	atomic_store(&server.is_held, true);
	for (int i = 0; i < 5; i++)
		left[i] = ask_page(&server, "GET", "/stats");
	stayed = ask_page(&server, "GET", "/stats");
	check_alive(&server);
	check_alive(&server);
	for (int i = 0; i < 5; i++) {
		if (i % 2)
			setsockopt(left[i], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(left[i]);
	}
	atomic_store(&server.is_held, false);
	wish(&server, ANSWER);
	json_decref(take_json(read_reply(stayed), 200));
	check_alive(&server);
	stop(&server);
}

static void test_ten_thousand_queries(void **state)
{
	struct server server;
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	json_t *json;
	int fd;

	(void)state;
	start(&server, 10050, "select $1 from a_table_with_a_name where x = $2");
	json = get(&server, "/queries?limit=10000&sort=p99", 200);
	assert_int_equal(json_array_size(json_object_get(json, "queries")), 10000);
	json_decref(json);
	json = get(&server, "/stats", 200);
	assert_int_equal(json_array_size(json_object_get(json, "queries")), 100);
	json_decref(json);
	/* Some megabytes that nobody reads, then a reset; then one at the end. */
	fd = ask_page(&server, "GET", "/queries?limit=10000");
	wait_for_collects(&server, 3);
	check_alive(&server);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	check_alive(&server);
	fd = ask_page(&server, "GET", "/queries?limit=10000");
	wait_for_collects(&server, 4);
	check_alive(&server);
	stop(&server);
	close(fd);
}

static void test_invalid_utf8(void **state)
{
	struct server server;
	json_t *json, *row;

	(void)state;
	start(&server, 1, "select '\xC3\x28'");
	json = get(&server, "/stats", 200);
	row = json_array_get(json_object_get(json, "queries"), 0);
	assert_string_equal(json_string_value(json_object_get(row, "query")),
			    "select '\xEF\xBF\xBD('");
	row = json_array_get(json_object_get(json, "pools"), 0);
	assert_string_equal(json_string_value(json_object_get(row, "database")),
			    "app\xEF\xBF\xBD");
	json_decref(json);
	stop(&server);
}

static void test_destroy_while_suspended(void **state)
{
	struct server server;
	int clients[12];

	(void)state;
	start(&server, 2, "x");
	atomic_store(&server.is_held, true);
	for (int i = 0; i < 12; i++) { /* of this round, and of the next one */
		clients[i] = ask_page(&server, "GET", i % 2 ? "/stats" : "/pools");
		if (i == 5)
			wait_for_collects(&server, 1);
	}
	check_alive(&server);
	check_alive(&server);
	stop(&server);
	for (int i = 0; i < 12; i++)
		json_decref(take_json(read_reply(clients[i]), 503));
}

static void test_destroy_at_once(void **state)
{
	struct server server;
	int fd;

	(void)state;
	start(&server, 2, "x");
	stop(&server);
	/* With a request that may or may not have been seen. */
	for (int i = 0; i < 20; i++) {
		start(&server, 2, "x");
		fd = ask_page(&server, "GET", "/stats");
		for (int j = 0; j < i; j++)
			sched_yield();
		stop(&server);
		free(read_reply(fd).text);
	}
}

static bool is_closed(int fd, int patience_ms)
{
	struct pollfd watched = { .fd = fd, .events = POLLIN };
	char byte;

	return poll(&watched, 1, patience_ms) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

/* 32 idle connections: the next client waits until one of them leaves.  And
 * they do not stay: the idle time-out closes them. */
static void test_connection_limit_and_timeout(void **state)
{
	enum { LIMIT = 32 };
	struct server server;
	int idle[LIMIT], next;
	struct pollfd watched = { .events = POLLIN };

	(void)state;
	start(&server, 1, "x");
	for (int i = 0; i < LIMIT - 1; i++)
		idle[i] = open_client(&server);
	check_alive(&server);
	idle[LIMIT - 1] = open_client(&server);
	next = ask_page(&server, "GET", "/healthz");
	watched.fd = next;
	assert_int_equal(poll(&watched, 1, 300), 0);
	close(idle[0]);
	json_decref(take_json(read_reply(next), 200));
	for (int i = 1; i < LIMIT; i++) {
		assert_true(is_closed(idle[i], PATIENCE_MS));
		close(idle[i]);
	}
	check_alive(&server);
	stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_unknown_pages),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_readiness),
		cmocka_unit_test(test_malformed_requests),
		cmocka_unit_test(test_request_size),
		cmocka_unit_test(test_request_cut_at_every_byte),
		cmocka_unit_test(test_those_who_wait_share_a_round),
		cmocka_unit_test(test_many_clients),
		cmocka_unit_test(test_clients_that_leave_while_they_wait),
		cmocka_unit_test(test_ten_thousand_queries),
		cmocka_unit_test(test_invalid_utf8),
		cmocka_unit_test(test_destroy_while_suspended),
		cmocka_unit_test(test_destroy_at_once),
		cmocka_unit_test(test_connection_limit_and_timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
