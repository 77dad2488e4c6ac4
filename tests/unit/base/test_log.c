/*
 * Log lines: the level, the form of a line, what a peer's text cannot do to it.
 */
#include "base/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { STAMP_BYTES = 28 }; /* "2026-11-24 13:20:01.123 UTC " */

static void names_are_levels(void **state)
{
	enum log_level level = LOG_ERROR;

	(void)state;
	assert_true(log_level_from_name("debug", &level));
	assert_int_equal(level, LOG_DEBUG);
	assert_true(log_level_from_name("info", &level));
	assert_int_equal(level, LOG_INFO);
	assert_true(log_level_from_name("warning", &level));
	assert_int_equal(level, LOG_WARNING);
	assert_true(log_level_from_name("error", &level));
	assert_int_equal(level, LOG_ERROR);
	assert_false(log_level_from_name("", &level));
	assert_false(log_level_from_name("Info", &level));
	assert_false(log_level_from_name("warn", &level));
	assert_false(log_level_from_name("errors", &level));
	assert_int_equal(level, LOG_ERROR);
}

/* Standard error goes to a pipe between these two. */
struct capture {
	int old_stderr;
	int pipes[2];
};

static void start(struct capture *c)
{
	assert_int_equal(pipe(c->pipes), 0);
	assert_int_equal(fcntl(c->pipes[0], F_SETFL, O_NONBLOCK), 0);
	c->old_stderr = dup(STDERR_FILENO);
	assert_true(dup2(c->pipes[1], STDERR_FILENO) >= 0);
}

static size_t stop(struct capture *c, char *text, size_t capacity)
{
	ssize_t size = read(c->pipes[0], text, capacity - 1);

	dup2(c->old_stderr, STDERR_FILENO);
	close(c->old_stderr);
	close(c->pipes[0]);
	close(c->pipes[1]);
	if (size < 0)
		size = 0;
	text[size] = '\0';
	return (size_t)size;
}

static void line_has_stamp_level_and_text(void **state)
{
	static const char form[] = "dddd-dd-dd dd:dd:dd.ddd UTC ";
	struct capture c;
	char text[8000];

	(void)state;
	start(&c);
	log_warning("node %s is %d ms late", "a", 7);
	stop(&c, text, sizeof text);
	for (size_t i = 0; i < STAMP_BYTES; i++) {
		if (form[i] == 'd')
			assert_in_range(text[i], '0', '9');
		else
			assert_int_equal(text[i], form[i]);
	}
	assert_string_equal(text + STAMP_BYTES, "[warning] node a is 7 ms late\n");
}

static void level_drops_what_is_below(void **state)
{
	struct capture c;
	char text[8000];

	(void)state;
	for (int lowest = LOG_DEBUG; lowest <= LOG_ERROR; lowest++) {
		log_set_level((enum log_level)lowest);
		start(&c);
		log_debug("x");
		log_info("x");
		log_warning("x");
		log_error("x");
		stop(&c, text, sizeof text);
		assert_int_equal(strstr(text, "[debug]") != NULL, lowest <= LOG_DEBUG);
		assert_int_equal(strstr(text, "[info]") != NULL, lowest <= LOG_INFO);
		assert_int_equal(strstr(text, "[warning]") != NULL, lowest <= LOG_WARNING);
		assert_non_null(strstr(text, "[error]"));
		for (int level = LOG_DEBUG; level <= LOG_ERROR; level++)
			assert_int_equal(log_is_on((enum log_level)level), level >= lowest);
	}
	log_set_level(LOG_INFO);
}

static void peer_cannot_start_a_line(void **state)
{
	char peer[257], text[8000];
	struct capture c;
	size_t size;

	(void)state;
	for (int i = 1; i < 256; i++)
		peer[i - 1] = (char)i;
	peer[255] = '\0';
	start(&c);
	log_info("%s", peer);
	size = stop(&c, text, sizeof text);
	assert_int_equal(size, STAMP_BYTES + strlen("[info] ") + 255 + 1);
	assert_ptr_equal(strchr(text, '\n'), text + size - 1);
	for (size_t i = 0; i < size - 1; i++)
		assert_true((unsigned char)text[i] >= ' ' && text[i] != 0x7f);
	/* what is no control character passes */
	assert_non_null(strstr(text, " !\"#$%&'()*+,-./0123456789:;<=>?@ABC"));
	assert_non_null(strstr(text, "\xc3\xc4\xc5"));
}

static void long_line_is_cut(void **state)
{
	static char peer[5000];
	struct capture c;
	char text[8000];
	size_t size;

	(void)state;
	for (size_t length = 1900; length < 2200; length++) {
		memset(peer, 'x', length);
		peer[length] = '\0';
		start(&c);
		log_info("%s", peer);
		size = stop(&c, text, sizeof text);
		assert_true(size <= 2048);
		assert_int_equal(text[size - 1], '\n');
		assert_int_equal(text[size - 2], 'x');
		if (STAMP_BYTES + strlen("[info] ") + length + 1 < 2047)
			assert_int_equal(size, STAMP_BYTES + strlen("[info] ") + length + 1);
		else
			assert_in_range(size, 2046, 2048);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_levels),
		cmocka_unit_test(line_has_stamp_level_and_text),
		cmocka_unit_test(level_drops_what_is_below),
		cmocka_unit_test(peer_cannot_start_a_line),
		cmocka_unit_test(long_line_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
