/*
 * Where statistics may be served, by starting the HTTP server there.
 */
#include "watch/server.h"

#include <errno.h>

static void check_address(const char *host, bool is_good)
{
	struct http_asks asks = { .route_words = route_words };
	struct config_address address = { .host = host, .port = free_port() };
	struct loop loop;
	struct http *http;
	char error[200] = "";

	loop_init(&loop, NULL, NULL);
	http = http_create(&loop, &address, &asks, error, sizeof(error));
	assert_int_equal(http != NULL, is_good);
	assert_int_equal(error[0] != '\0', !is_good);
	http_destroy(http);
	loop_finish(&loop);
}

static void test_addresses(void **state)
{
	(void)state;
	check_address("127.0.0.1", true);
	check_address("localhost", true);
	check_address("::1", true);
	check_address("127.0.0.2", true);
	check_address("192.0.2.1", false); /* not ours (RFC 5737) */
	check_address("an.example", false); /* nobody is asked for a name */
	check_address("", false);
	check_address(NULL, false); /* a Unix socket */
	http_destroy(NULL);
}

static void test_address_in_use(void **state)
{
	struct http_asks asks = { .route_words = route_words };
	struct config_address address = { .host = "127.0.0.1" };
	struct server server;
	char error[200] = "";

	(void)state;
	start(&server, 1, "x");
	address.port = server.port;
	assert_null(http_create(&server.loop, &address, &asks, error, sizeof(error)));
	assert_non_null(strstr(error, strerror(EADDRINUSE)));
	check_alive(&server);
	stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_address_in_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
