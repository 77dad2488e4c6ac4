/*
 * Spans: views that compare and cut, also when they are empty.
 */
#include "base/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void equality_is_of_bytes(void **state)
{
	(void)state;
	assert_true(span_is(span_of("abc"), "abc"));
	assert_false(span_is(span_of("abc"), "abd"));
	assert_false(span_is(span_of("abc"), "ab"));
	assert_false(span_is(span_of("ab"), "abc"));
	assert_true(span_is(span_of(""), ""));
	assert_true(span_equal(span_make("a\0b", 3), span_make("a\0b", 3)));
	assert_false(span_equal(span_make("a\0b", 3), span_make("a\0c", 3)));
}

static void empty_span_needs_no_memory(void **state)
{
	struct span nothing = span_make(NULL, 0);

	(void)state;
	assert_true(span_equal(nothing, span_of("")));
	assert_true(span_is(nothing, ""));
	assert_false(span_is(nothing, "a"));
	assert_false(span_starts_with(nothing, "a"));
}

static void prefix_fits_or_not(void **state)
{
	(void)state;
	assert_true(span_starts_with(span_of("abc"), ""));
	assert_true(span_starts_with(span_of("abc"), "ab"));
	assert_true(span_starts_with(span_of("abc"), "abc"));
	assert_false(span_starts_with(span_of("abc"), "abcd"));
	assert_false(span_starts_with(span_of("abc"), "b"));
	/* never past the end of the span */
	assert_false(span_starts_with(span_make("abc", 2), "abc"));
}

static void cuts_add_up(void **state)
{
	struct span text = span_of("hello");

	(void)state;
	for (size_t size = 0; size <= text.size; size++) {
		struct span head = span_first(text, size), tail = span_after(text, size);

		assert_int_equal(head.size + tail.size, text.size);
		assert_ptr_equal(head.data + head.size, tail.data);
	}
	assert_true(span_is(span_after(text, 2), "llo"));
	assert_true(span_is(span_first(text, 2), "he"));
}

static void prints_without_terminator(void **state)
{
	char text[16];

	(void)state;
	snprintf(text, sizeof text, "<%.*s>", SPAN_ARGS(span_make("hello", 4)));
	assert_string_equal(text, "<hell>");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equality_is_of_bytes),
		cmocka_unit_test(empty_span_needs_no_memory),
		cmocka_unit_test(prefix_fits_or_not),
		cmocka_unit_test(cuts_add_up),
		cmocka_unit_test(prints_without_terminator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
