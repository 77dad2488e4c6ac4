/*
 * How the other end of a connection is written.
 */
#include "conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cmocka.h>

static void check(int fd, const char *expected)
{
	struct conn conn = { 0 };
	char text[64] = "before";

	loop_io_init(&conn.io, fd, NULL);
	conn_write_peer(&conn, text, sizeof text);
	assert_string_equal(text, expected);
}

static void connect_to_itself(int family, struct sockaddr *address, socklen_t size, int *server,
			      int *client)
{
	int listener = socket(family, SOCK_STREAM, 0);

	assert_int_equal(bind(listener, address, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, address, &size), 0);
	*client = socket(family, SOCK_STREAM, 0);
	assert_int_equal(connect(*client, address, size), 0);
	*server = accept(listener, NULL, NULL);
	assert_true(*server >= 0);
	assert_int_equal(getsockname(*client, address, &size), 0);
	close(listener);
}

static void test_ipv4(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	char expected[64], text[8] = "before";
	struct conn conn = { 0 };
	int server, client;

	(void)state;
	connect_to_itself(AF_INET, (struct sockaddr *)&address, sizeof address, &server, &client);
	snprintf(expected, sizeof expected, "127.0.0.1:%d", ntohs(address.sin_port));
	check(server, expected);
	/* In less room it is cut. */
	loop_io_init(&conn.io, server, NULL);
	conn_write_peer(&conn, text, sizeof text);
	assert_string_equal(text, "127.0.0");
	/* It left with a reset. */
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
	close(client);
	check(server, "");
	close(server);
}

static void test_ipv6(void **state)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6,
					.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM, 0), server, client;
	bool is_there = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
	char expected[64];

	(void)state;
	close(fd);
	if (!is_there)
		skip(); /* a machine without IPv6 */
	connect_to_itself(AF_INET6, (struct sockaddr *)&address, sizeof address, &server, &client);
	snprintf(expected, sizeof expected, "[::1]:%d", ntohs(address.sin6_port));
	check(server, expected);
	close(client);
	close(server);
}

static void test_unix(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	check(pair[0], "unix");
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_unix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
