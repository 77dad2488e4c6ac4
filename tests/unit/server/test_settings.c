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

/* The parameters of the next Bind: "name=value name2" (NULL: its default), … */
static void expect_parameters(struct span *left, const char *expected)
{
	char text[512] = "", *end = text;
	struct reader body;
	struct frame f;
	int count;

	assert_int_equal(frame_next(FRAME_FROM_CLIENT, *left, &f), FRAME_WHOLE);
	while (f.type != CLIENT_BIND) {
		*left = span_after(*left, f.size);
		assert_int_equal(frame_next(FRAME_FROM_CLIENT, *left, &f), FRAME_WHOLE);
	}
	*left = span_after(*left, f.size);
	body = reader_of(f.body);
	read_text(&body);
	read_text(&body);
	read_int16(&body);
	count = read_int16(&body) / 2;
	for (int i = 0; i < count; i++) {
		struct span name = read_bytes(&body, (size_t)read_int32(&body));
		int32_t size = read_int32(&body);
		struct span value = read_bytes(&body, size < 0 ? 0 : (size_t)size);

		end += sprintf(end, "%s%.*s%s%.*s", i ? " " : "", SPAN_ARGS(name),
			       size < 0 ? "" : "=", SPAN_ARGS(value));
	}
	assert_string_equal(text, expected);
}

static void expect_change(const struct settings *from, const struct settings *to,
			  const char *const *groups)
{
	struct buf out = { 0 };
	int count = settings_write_change(&out, from, to), expected = 0;
	struct span left = buf_waiting(&out);

	for (; groups[expected]; expected++)
		expect_parameters(&left, groups[expected]);
	assert_int_equal(count, expected);
	buf_finish(&out);
}

#define GROUPS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Only what differs. */
static void test_changes(void **state)
{
	struct settings *one = SET("a", "1", "z", "0"), *two = SET("B", "2", "Z", "0", "c", "3");
	struct buf out = { 0 };

	(void)state;
	assert_int_equal(settings_write_change(&out, NULL, one), 1);
	expect_messages(&out, "PBES", TEXTS("SELECT pg_catalog.set_config($1,$2,false),"
					    "pg_catalog.set_config($3,$4,false)"));
	buf_finish(&out);
	expect_change(NULL, one, GROUPS("a=1 z=0"));
	expect_change(one, two, GROUPS("a B=2 c=3"));
	expect_change(one, NULL, GROUPS("a z"));
	expect_change(one, one, GROUPS(NULL));
	settings_drop(one);
	settings_drop(two);
}

/* Values are read in the encoding that is in force when their Bind comes. */
static void test_encoding_comes_first(void **state)
{
	struct settings *one = SET("a", "1", "client_encoding", "LATIN1");
	struct settings *two = SET("a", "2", "Client_Encoding", "UTF8");

	(void)state;
	expect_change(NULL, one, GROUPS("client_encoding=LATIN1", "a=1"));
	expect_change(one, two, GROUPS("Client_Encoding=UTF8", "a=2"));
	expect_change(one, NULL, GROUPS("client_encoding", "a"));
	settings_drop(one);
	settings_drop(two);
}

/* What may be set depends on who one is: it was set by who logged in. */
static void test_identity_comes_last(void **state)
{
	struct settings *one = SET("a", "1", "role", "r", "session_authorization", "s");
	struct settings *two = SET("b", "2", "role", "r");

	(void)state;
	expect_change(NULL, one, GROUPS("a=1 session_authorization=s role=r"));
	expect_change(one, NULL, GROUPS("session_authorization role a"));
	expect_change(one, two, GROUPS("session_authorization role a b=2 role=r"));
	expect_change(two, one, GROUPS("role b a=1 session_authorization=s role=r"));
	settings_drop(one);
	settings_drop(two);
}

static void test_building(void **state)
{
	struct settings *s = SET("b", "2", "a", "1", "B", "3"), *copy = settings_copy(s);
	const char *name, *value;

	(void)state;
	assert_true(settings_equal(s, copy));
	assert_string_equal(settings_find(s, "b"), "3");
	assert_null(settings_find(s, "c"));
	assert_null(settings_find(NULL, "c"));
	assert_true(settings_at(s, 0, &name, &value));
	assert_string_equal(name, "a");
	assert_string_equal(value, "1");
	assert_false(settings_at(s, 2, &name, &value));
	settings_remove(&copy, "x");
	settings_remove(&copy, "A");
	assert_null(settings_find(copy, "a"));
	assert_false(settings_equal(s, copy));
	settings_remove(&copy, "b");
	assert_null(copy);
	assert_null(settings_copy(NULL));
	settings_drop(s);
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
	assert_int_equal(settings_write_change(&out, NULL, s), 1);
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
		cmocka_unit_test(test_encoding_comes_first),
		cmocka_unit_test(test_identity_comes_last), cmocka_unit_test(test_building),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
