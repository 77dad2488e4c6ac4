/*
 * What a worker tells of its sessions: rows, sums, limits.
 */
#include "wire/bytes.h"

#include "client/session.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

enum { SECOND_US = 1000000, SESSIONS = 8 };

struct fixture {
	struct sessions all;
	struct session sessions[SESSIONS];
	struct server server;
	struct pool pool;
	uint64_t now_us; /* when it began */
};

static int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->now_us = loop_now_us();
	f->pool.node = 2;
	f->server.pool = &f->pool;
	*state = f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < SESSIONS; i++)
		settings_drop(f->sessions[i].settings);
	free(f);
	return 0;
}

/* The next one, connected so many seconds ago. */
static struct session *add(struct fixture *f, enum session_state state, int age_s)
{
	struct session *s = &f->sessions[f->all.count++];

	s->sessions = &f->all;
	s->state = state;
	s->user = "bob";
	s->database = "app";
	s->opened_us = f->now_us - (uint64_t)age_s * SECOND_US;
	loop_io_init(&s->conn.io, -1, NULL);
	DL_APPEND(f->all.all, s);
	return s;
}

static struct session *add_linked(struct fixture *f, int linked_s_ago)
{
	struct session *s = add(f, SESSION_LINKED, 100);

	s->asker.server = &f->server;
	s->linked_us = f->now_us - (uint64_t)linked_s_ago * SECOND_US;
	return s;
}

static struct stats_copy *report(struct fixture *f, int limit)
{
	struct stats_copy *copy = calloc(1, sizeof *copy);

	copy->client_limit = limit;
	sessions_report(&f->all, copy);
	return copy;
}

/* So long, and what the test itself took. */
static void check_time(const struct fixture *f, int64_t us, int expected_s)
{
	int64_t least = (int64_t)expected_s * SECOND_US;

	assert_in_range(us, least, least + (int64_t)(loop_now_us() - f->now_us));
}

static void test_idle(void **state)
{
	struct fixture *f = *state;
	struct session *s = add(f, SESSION_IDLE, 100);
	struct stats_copy *copy;

	assert_true(settings_add(&s->settings, span_of("Application_Name"), span_of("shop")));
	s->idle_since_us = f->now_us - 30 * SECOND_US;
	copy = report(f, 10);
	assert_int_equal(copy->client_count, 1);
	assert_string_equal(copy->clients[0].user, "bob");
	assert_string_equal(copy->clients[0].database, "app");
	assert_string_equal(copy->clients[0].application_name, "shop");
	assert_string_equal(copy->clients[0].state, "idle");
	assert_null(copy->clients[0].pin);
	assert_int_equal(copy->clients[0].node, -1);
	assert_int_equal(copy->clients[0].wait_us, -1);
	check_time(f, copy->clients[0].age_us, 100);
	check_time(f, copy->clients[0].idle_us, 30);
	stats_copy_destroy(copy);
}

/* The tick before a login may be older than the client. */
static void test_idle_is_not_longer_than_connected(void **state)
{
	struct fixture *f = *state;
	struct session *s = add(f, SESSION_IDLE, 1);
	struct stats_copy *copy;

	s->idle_since_us = f->now_us - 30 * SECOND_US;
	copy = report(f, 10);
	check_time(f, copy->clients[0].idle_us, 1);
	s->opened_us = s->idle_since_us = f->now_us + 3600ull * SECOND_US; /* of a clock ahead */
	stats_copy_destroy(copy);
	copy = report(f, 10);
	assert_int_equal(copy->clients[0].idle_us, 0);
	assert_int_equal(copy->clients[0].age_us, 0);
	stats_copy_destroy(copy);
}

static void test_before_login(void **state)
{
	struct fixture *f = *state;
	struct session *s = add(f, SESSION_STARTUP, 3);
	struct stats_copy *copy;

	s->user = s->database = NULL;
	copy = report(f, 10);
	assert_string_equal(copy->clients[0].user, "");
	assert_string_equal(copy->clients[0].database, "");
	assert_string_equal(copy->clients[0].application_name, "");
	assert_string_equal(copy->clients[0].address, "");
	assert_string_equal(copy->clients[0].state, "startup");
	assert_int_equal(copy->clients[0].idle_us, -1);
	assert_int_equal(copy->clients[0].wait_us, -1);
	stats_copy_destroy(copy);
}

static void test_linked(void **state)
{
	struct fixture *f = *state;
	struct session *s = add_linked(f, 50);
	struct stats_copy *copy;

	s->pin = PIN_LISTEN;
	f->server.last_end_us = f->now_us - 20 * SECOND_US;
	copy = report(f, 10);
	assert_string_equal(copy->clients[0].state, "linked");
	assert_string_equal(copy->clients[0].pin, "listen");
	assert_int_equal(copy->clients[0].node, 2);
	check_time(f, copy->clients[0].idle_us, 20);
	stats_copy_destroy(copy);

	/* What the connection did for another client before does not count. */
	f->server.last_end_us = f->now_us - 70 * SECOND_US;
	copy = report(f, 10);
	check_time(f, copy->clients[0].idle_us, 50);
	stats_copy_destroy(copy);
}

/* Whatever is under way: then it is not idle. */
static void test_linked_and_busy(void **state)
{
	struct fixture *f = *state;
	struct session *s = add_linked(f, 50);
	struct stats_copy *copy;

	for (int i = 0; i < 3; i++) {
		f->server.queue_count = i == 0;
		s->is_batch_open = i == 1;
		s->passing = i == 2;
		copy = report(f, 10);
		assert_int_equal(copy->clients[0].idle_us, -1);
		stats_copy_destroy(copy);
	}
}

/* Its connection is another's already while it reads its last message. */
static void test_closing_is_not_pinned(void **state)
{
	struct fixture *f = *state;
	struct stats_copy *copy;

	add(f, SESSION_CLOSING, 1)->pin = PIN_LISTEN;
	copy = report(f, 10);
	assert_string_equal(copy->clients[0].state, "closing");
	assert_null(copy->clients[0].pin);
	assert_int_equal(copy->clients_pinned, 0);
	stats_copy_destroy(copy);
}

static void test_waiting(void **state)
{
	struct fixture *f = *state;
	struct session *queued = add(f, SESSION_WAITING, 9);
	struct session *no_node = add(f, SESSION_WAITING, 8);
	struct session *login = add(f, SESSION_GREETING, 7);
	struct session *served = add(f, SESSION_GREETING, 6);
	struct stats_copy *copy;

	queued->asker.waits_at = &f->pool;
	queued->arrived_us = f->now_us - 5 * SECOND_US;
	no_node->arrived_us = f->now_us - 4 * SECOND_US;
	login->asker.waits_at = &f->pool;
	login->asker.waits_since_us = f->now_us - 3 * SECOND_US;
	served->asker.server = &f->server; /* its settings are tried out */
	add(f, SESSION_GREETING, 2); /* nowhere to ask */
	copy = report(f, 10);
	assert_int_equal(copy->clients_waiting, 4);
	assert_string_equal(copy->clients[0].state, "waiting");
	check_time(f, copy->clients[0].wait_us, 5);
	check_time(f, copy->clients[1].wait_us, 4);
	assert_string_equal(copy->clients[2].state, "greeting");
	check_time(f, copy->clients[2].wait_us, 3);
	assert_int_equal(copy->clients[3].wait_us, -1);
	assert_int_equal(copy->clients[4].wait_us, -1);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(copy->clients[i].idle_us, -1);
		assert_int_equal(copy->clients[i].node, i == 3 ? 2 : -1);
	}
	stats_copy_destroy(copy);
}

static void test_sums_do_not_depend_on_the_limit(void **state)
{
	struct fixture *f = *state;

	add_linked(f, 1)->pin = PIN_LISTEN;
	add(f, SESSION_IDLE, 3);
	add(f, SESSION_WAITING, 2);
	add_linked(f, 1)->pin = PIN_TEMPORARY_TABLE;
	f->all.active_count = 2;
	for (int limit = 0; limit <= 5; limit++) {
		struct stats_copy *copy = report(f, limit);

		assert_int_equal(copy->client_count, limit < 4 ? limit : 4);
		assert_int_equal(copy->clients_connected, 4);
		assert_int_equal(copy->clients_active, 2);
		assert_int_equal(copy->clients_waiting, 1);
		assert_int_equal(copy->clients_pinned, 2);
		if (limit > 0)
			assert_string_equal(copy->clients[0].pin, "listen");
		stats_copy_destroy(copy);
	}
}

static void test_nobody(void **state)
{
	struct stats_copy *copy = report(*state, 10);

	assert_int_equal(copy->client_count, 0);
	assert_int_equal(copy->clients_connected, 0);
	stats_copy_destroy(copy);
}

/* At, below and above the room for a name. */
static void test_long_names_are_cut(void **state)
{
	struct fixture *f = *state;
	struct session *s = add(f, SESSION_IDLE, 1);
	char name[200];

	for (size_t size = 62; size <= 65; size++) {
		struct stats_copy *copy;

		memset(name, 'n', size);
		name[size] = '\0';
		s->user = s->database = name;
		settings_drop(s->settings);
		s->settings = NULL;
		assert_true(settings_add(&s->settings, span_of("application_name"), span_of(name)));
		copy = report(f, 10);
		assert_int_equal(strlen(copy->clients[0].user), size < 63 ? size : 63);
		assert_int_equal(strlen(copy->clients[0].database), size < 63 ? size : 63);
		assert_int_equal(strlen(copy->clients[0].application_name), size < 63 ? size : 63);
		stats_copy_destroy(copy);
	}
}

static void test_address(void **state)
{
	struct fixture *f = *state;
	struct session *s = add(f, SESSION_IDLE, 1);
	struct stats_copy *copy;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	loop_io_init(&s->conn.io, pair[0], NULL);
	copy = report(f, 10);
	assert_string_equal(copy->clients[0].address, "unix");
	stats_copy_destroy(copy);
	close(pair[0]);
	close(pair[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_idle),
		TEST(test_idle_is_not_longer_than_connected),
		TEST(test_before_login),
		TEST(test_linked),
		TEST(test_linked_and_busy),
		TEST(test_closing_is_not_pinned),
		TEST(test_waiting),
		TEST(test_sums_do_not_depend_on_the_limit),
		TEST(test_nobody),
		TEST(test_long_names_are_cut),
		TEST(test_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
