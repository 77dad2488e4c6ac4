/* One control connection against a scripted server. */
#include "cluster/asker.h"

#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct loop loop;
static struct fake server;
static struct asker *asker;
static struct {
	int count, rows;
	enum asker_outcome outcome;
	bool was_asked, was_fresh, is_timeout;
	char reason[256], value[64];
} heard;

static void hear(void *context, const struct asker_answer *answer)
{
	(void)context;
	heard.count++;
	heard.outcome = answer->outcome;
	heard.was_asked = answer->was_asked;
	heard.was_fresh = answer->was_fresh;
	heard.is_timeout = answer->is_timeout;
	snprintf(heard.reason, sizeof(heard.reason), "%s", answer->reason ? answer->reason : "");
	if (!answer->rows)
		return;
	heard.rows = PQntuples(answer->rows);
	snprintf(heard.value, sizeof(heard.value), "%s", PQgetvalue(answer->rows, 0, 0));
}

static int start(void **state)
{
	struct asker_login login = { .user = "probe", .password = "s3cret marker",
				     .application = "pgweir test", .settings = "-c a=b",
				     .tls = TLS_PREFER, .tls_ca = "" };

	(void)state;
	memset(&heard, 0, sizeof(heard));
	loop_init(&loop, NULL, NULL);
	fake_init(&server, &loop);
	server.row_count = server.column_count = 1;
	server.rows[0][0] = "42";
	asker = asker_create(&loop, &login, hear, NULL);
	return 0;
}

static int end(void **state)
{
	(void)state;
	asker_destroy(asker);
	fake_finish(&server);
	loop_finish(&loop);
	return 0;
}

static int has_heard(void *context)
{
	return heard.count >= *(int *)context;
}

static void ask_for(int deadline_ms)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)server.port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_storage storage;
	struct asker_place place = { .host = "some.name", .port = server.port,
				     .address = &storage, .address_size = sizeof(address),
				     .database = "dbname=evil" };
	const char *values[] = { "value" };
	int before = heard.count, wanted = before + 1;

	memset(&storage, 0, sizeof(storage));
	memcpy(&storage, &address, sizeof(address));
	asker_ask(asker, &place, "SELECT $1", 1, values, deadline_ms);
	assert_int_equal(heard.count, before); /* never from inside the call */
	assert_true(loop_until(&loop, has_heard, &wanted));
}

static void test_connects_and_gets_rows(void **state)
{
	(void)state;
	ask_for(5000);
	assert_int_equal(heard.outcome, ASKER_ROWS);
	assert_int_equal(heard.rows, 1);
	assert_string_equal(heard.value, "42");
	assert_true(heard.was_fresh);
	assert_true(asker_is_connected(asker));
	assert_non_null(strstr(server.startup, "user probe"));
	assert_non_null(strstr(server.startup, "options -c a=b"));
	assert_non_null(strstr(server.startup, "application_name pgweir test"));
	/* A database named like a connection string is a name. */
	assert_non_null(strstr(server.startup, "database dbname=evil"));
}

static void test_keeps_its_connection(void **state)
{
	(void)state;
	ask_for(5000);
	/* One for TLS is not needed: the fake says N on the same connection. */
	assert_int_equal(server.connections_seen, 1);
	ask_for(5000);
	assert_int_equal(server.connections_seen, 1);
	assert_int_equal(server.questions_seen, 2);
	assert_false(heard.was_fresh);
}

static void test_refused_connection(void **state)
{
	(void)state;
	fake_close(&server);
	ask_for(5000);
	assert_int_equal(heard.outcome, ASKER_LOST);
	assert_true(heard.was_asked && heard.was_fresh && !heard.is_timeout);
	assert_non_null(strstr(heard.reason, "Connection refused"));
	assert_null(strchr(heard.reason, '\n'));
}

static void test_starting_server_says_so_without_a_password(void **state)
{
	(void)state;
	server.mood = FAKE_IS_STARTING;
	ask_for(5000);
	assert_int_equal(heard.outcome, ASKER_LOST);
	assert_string_equal(heard.reason, "the database system is starting up");
	assert_null(strstr(heard.reason, "s3cret"));
}

static void test_silence_ends_at_the_deadline(void **state)
{
	(void)state;
	server.mood = FAKE_IS_SILENT;
	ask_for(30);
	assert_int_equal(heard.outcome, ASKER_LOST);
	assert_true(heard.is_timeout);
	assert_string_equal(heard.reason, "no answer within 30 ms");
	assert_false(asker_is_connected(asker));
	server.mood = FAKE_ANSWERS;
	ask_for(5000);
	assert_int_equal(heard.outcome, ASKER_ROWS);
}

static void test_error_leaves_the_connection(void **state)
{
	(void)state;
	server.mood = FAKE_REFUSES;
	ask_for(5000);
	assert_int_equal(heard.outcome, ASKER_REFUSED);
	assert_string_equal(heard.reason, "permission denied");
	assert_true(asker_is_connected(asker));
	server.mood = FAKE_ANSWERS;
	ask_for(5000);
	assert_int_equal(heard.outcome, ASKER_ROWS);
	assert_int_equal(server.connections_seen, 1);
}

static void test_hanging_up_is_a_loss(void **state)
{
	(void)state;
	server.mood = FAKE_HANGS_UP;
	ask_for(5000);
	assert_int_equal(heard.outcome, ASKER_LOST);
	assert_false(heard.is_timeout);
}

static void test_idle_loss_is_noticed(void **state)
{
	int wanted = 2;

	(void)state;
	ask_for(5000);
	fake_drop_connections(&server);
	assert_true(loop_until(&loop, has_heard, &wanted));
	assert_int_equal(heard.outcome, ASKER_LOST);
	assert_false(heard.was_asked);
	ask_for(5000);
	assert_int_equal(heard.outcome, ASKER_ROWS);
	assert_true(heard.was_fresh);
}

static void test_close_is_silent(void **state)
{
	(void)state;
	ask_for(5000);
	asker_close(asker);
	loop_for(&loop, 20);
	assert_int_equal(heard.count, 1);
	assert_false(asker_is_connected(asker));
	assert_false(asker_is_busy(asker));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
	const struct CMUnitTest tests[] = {
		TEST(test_connects_and_gets_rows),
		TEST(test_keeps_its_connection),
		TEST(test_refused_connection),
		TEST(test_starting_server_says_so_without_a_password),
		TEST(test_silence_ends_at_the_deadline),
		TEST(test_error_leaves_the_connection),
		TEST(test_hanging_up_is_a_loss),
		TEST(test_idle_loss_is_noticed),
		TEST(test_close_is_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
