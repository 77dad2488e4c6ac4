/*
 * Sets of settings, and the messages that take a connection from one to another.
 */
#include "wire/bytes.h"

#include "server/settings.h"
#include "wire/extended.h"
#include "wire/frame.h"
#include "wire/read.h"

static struct settings *make(const char *const *pairs)
{
	struct settings *s = NULL;

	for (; *pairs; pairs += 2)
		assert_true(settings_add(&s, span_of(pairs[0]), span_of(pairs[1])));
	return s;
}

#define SET(...) make((const char *const[]){ __VA_ARGS__, NULL })

static void test_equal(void **state)
{
	struct settings *a = SET("a", "1", "b", "2");
	struct settings *same = SET("A", "0", "b", "2", "a", "1");
	struct settings *other = SET("a", "1", "b", "3");
	struct settings *less = SET("a", "1");

	(void)state;
	assert_true(settings_equal(NULL, NULL));
	assert_true(settings_equal(a, a));
	assert_true(settings_equal(a, same));
	assert_false(settings_equal(a, other));
	assert_false(settings_equal(a, less));
	assert_false(settings_equal(a, NULL));
	assert_false(settings_equal(NULL, a));
	settings_drop(a);
	settings_drop(same);
	settings_drop(other);
	settings_drop(less);
	settings_drop(NULL);
}

static void test_find(void **state)
{
	struct settings *s = SET("application_name", "shop", "TimeZone", "UTC", "empty", "");

	(void)state;
	assert_string_equal(settings_find(s, "application_name"), "shop");
	assert_string_equal(settings_find(s, "Application_Name"), "shop");
	assert_string_equal(settings_find(s, "timezone"), "UTC");
	assert_string_equal(settings_find(s, "empty"), "");
	assert_null(settings_find(s, "application"));
	assert_null(settings_find(s, ""));
	assert_null(settings_find(NULL, "timezone"));
	settings_drop(s);
}

static void test_limits(void **state)
{
	static char large[SETTINGS_MAX_BYTES + 1];
	struct settings *s = NULL;
	char name[16];

	(void)state;
	for (int i = 0; i < SETTINGS_MAX; i++) {
		snprintf(name, sizeof name, "n%d", i);
		assert_true(settings_add(&s, span_of(name), span_of("v")));
	}
	assert_false(settings_add(&s, span_of("one_more"), span_of("v")));
	assert_true(settings_add(&s, span_of("N7"), span_of("again")));
	settings_drop(s);
	s = NULL;
	assert_true(settings_add(&s, span_of("a"), span_make(large, SETTINGS_MAX_BYTES - 2)));
	assert_true(settings_add(&s, span_of("b"), span_of("")));
	assert_false(settings_add(&s, span_of("c"), span_of("")));
	settings_drop(s);
	s = NULL;
	assert_false(settings_add(&s, span_of("a"), span_make(large, SETTINGS_MAX_BYTES)));
	settings_drop(s);
}

/* The letters of the messages, and the texts that are parsed. */
static void expect_messages(const struct buf *b, const char *letters, const char *const *texts)
{
	struct span left = buf_waiting(b);
	struct frame f;

	for (; *letters; letters++) {
		struct parse_message parse;

		assert_int_equal(frame_next(FRAME_FROM_CLIENT, left, &f), FRAME_WHOLE);
		assert_int_equal(f.type, *letters);
		left = span_after(left, f.size);
		if (f.type != CLIENT_PARSE)
			continue;
		assert_true(parse_message_read(f.body, &parse));
		assert_int_equal(parse.name.size, 0);
		assert_true(span_is(parse.query, *texts));
		texts++;
	}
	assert_int_equal(left.size, 0);
}

#define TEXTS(...) ((const char *const[]){ __VA_ARGS__ })

static void test_changes(void **state)
{
	struct settings *one = SET("a", "1"), *two = SET("b", "2", "c", "3");
	struct buf out = { 0 };

	(void)state;
	assert_int_equal(settings_write_change(&out, NULL, one), 1);
	expect_messages(&out, "PBES", TEXTS("SELECT pg_catalog.set_config($1,$2,false)"));
	buf_finish(&out);
	assert_int_equal(settings_write_change(&out, one, two), 2);
	expect_messages(&out, "PBEPBES",
			TEXTS("RESET ALL", "SELECT pg_catalog.set_config($1,$2,false),"
					   "pg_catalog.set_config($3,$4,false)"));
	buf_finish(&out);
	assert_int_equal(settings_write_change(&out, one, NULL), 1);
	expect_messages(&out, "PBES", TEXTS("RESET ALL"));
	buf_finish(&out);
	settings_drop(one);
	settings_drop(two);
}

/* Whatever is in a value, it is a parameter of its own length: nothing of it is text. */
static void test_values_are_bound(void **state)
{
	static const char *const values[] = { "", "'", "'; drop table t; --", "\\", "a\"b", "$1",
					      "\"$user\", public", "\xff\xfe\x80", "line\nfeed" };

	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		struct settings *s = SET("search_path", values[i]);
		struct buf out = { 0 };
		struct reader body;
		struct frame f;
		struct span left;

		settings_write_change(&out, NULL, s);
		left = buf_waiting(&out);
		assert_int_equal(frame_next(FRAME_FROM_CLIENT, left, &f), FRAME_WHOLE);
		left = span_after(left, f.size);
		assert_int_equal(frame_next(FRAME_FROM_CLIENT, left, &f), FRAME_WHOLE);
		assert_int_equal(f.type, CLIENT_BIND);
		body = reader_of(f.body);
		assert_int_equal(read_text(&body).size + read_text(&body).size, 0);
		assert_int_equal(read_int16(&body), 0);
		assert_int_equal(read_int16(&body), 2);
		assert_int_equal(read_int32(&body), strlen("search_path"));
		assert_span(read_bytes(&body, strlen("search_path")), "search_path");
		assert_int_equal(read_int32(&body), strlen(values[i]));
		assert_span(read_bytes(&body, strlen(values[i])), values[i]);
		assert_int_equal(read_int16(&body), 0);
		assert_true(reader_is_done(&body));
		buf_finish(&out);
		settings_drop(s);
	}
}

static void test_as_many_as_there_may_be(void **state)
{
	struct settings *s = NULL;
	struct buf out = { 0 };
	char name[64];

	(void)state;
	for (int i = 0; i < SETTINGS_MAX; i++) {
		snprintf(name, sizeof name, "a_rather_long_name_of_a_setting_%d", i);
		assert_true(settings_add(&s, span_of(name), span_of("on")));
	}
	assert_int_equal(settings_write_change(&out, s, s), 2);
	buf_finish(&out);
	settings_drop(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_equal),	     cmocka_unit_test(test_limits),
		cmocka_unit_test(test_changes),	     cmocka_unit_test(test_values_are_bound),
		cmocka_unit_test(test_as_many_as_there_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
