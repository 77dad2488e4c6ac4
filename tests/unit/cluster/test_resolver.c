/* Numbers and directories at once, names from a thread. */
#include "cluster/resolver.h"

#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/un.h>

#include <cmocka.h>

static struct loop loop;
static struct resolver *resolver;
static struct resolved found;
static int heard;

static void hear(void *context, int tag, const struct resolved *resolved)
{
	(void)context;
	assert_int_equal(tag, 7);
	found = *resolved;
	heard++;
}

static int start(void **state)
{
	(void)state;
	heard = 0;
	loop_init(&loop, NULL, NULL);
	resolver = resolver_create(&loop, hear, NULL);
	return 0;
}

static int end(void **state)
{
	(void)state;
	resolver_destroy(resolver);
	loop_finish(&loop);
	return 0;
}

static int has_heard(void *context)
{
	(void)context;
	return heard > 0;
}

static void test_numbers_are_known(void **state)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&found.addresses[0];

	(void)state;
	assert_true(resolver_knows("127.0.0.1", 5433, &found));
	assert_int_equal(found.count, 1);
	assert_int_equal(v4->sin_family, AF_INET);
	assert_int_equal(ntohs(v4->sin_port), 5433);
	assert_true(resolver_knows("::1", 5433, &found));
	assert_int_equal(found.addresses[0].ss_family, AF_INET6);
	assert_false(resolver_knows("localhost", 5433, &found));
}

static void test_directories_are_known(void **state)
{
	const struct sockaddr_un *address = (const struct sockaddr_un *)&found.addresses[0];
	char directory[128];

	(void)state;
	assert_true(resolver_knows("/run/x", 5433, &found));
	assert_int_equal(address->sun_family, AF_UNIX);
	assert_string_equal(address->sun_path, "/run/x/.s.PGSQL.5433");
	/* 108 bytes of path with the NUL: "/.s.PGSQL.1" are 11 of them. */
	memset(directory, 'd', sizeof(directory));
	directory[0] = '/';
	directory[96] = '\0';
	assert_true(resolver_knows(directory, 1, &found));
	assert_int_equal(found.count, 1);
	directory[96] = 'd';
	directory[97] = '\0';
	assert_true(resolver_knows(directory, 1, &found));
	assert_int_equal(found.count, 0);
	assert_string_equal(found.reason, "the path of the Unix socket is too long");
}

static void test_name_is_resolved_from_the_loop(void **state)
{
	(void)state;
	resolver_ask(resolver, 7, "localhost", 5433);
	assert_int_equal(heard, 0);
	assert_true(loop_until(&loop, has_heard, NULL));
	assert_true(found.count >= 1 && found.count <= RESOLVED_ADDRESSES);
}

static void test_bad_name_has_a_reason(void **state)
{
	(void)state;
	resolver_ask(resolver, 7, "no such name", 5433);
	assert_true(loop_until(&loop, has_heard, NULL));
	assert_int_equal(found.count, 0);
	assert_non_null(strstr(found.reason, "could not resolve the name"));
}

/* A sanitizer tells when the thread touches what ended. */
static void test_destroy_during_a_look_up(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		resolver_ask(resolver, 7, "localhost", 5433);
		resolver_destroy(resolver);
		resolver = resolver_create(&loop, hear, NULL);
	}
	loop_for(&loop, 50);
	assert_int_equal(heard, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
	const struct CMUnitTest tests[] = {
		TEST(test_numbers_are_known),
		TEST(test_directories_are_known),
		TEST(test_name_is_resolved_from_the_loop),
		TEST(test_bad_name_has_a_reason),
		TEST(test_destroy_during_a_look_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
