/*
 * text.c: splitting, numbers, distances, what is fit for a message.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/text.h"

#include <limits.h>

static void texts_are_trimmed(void **state)
{
	(void)state;
	assert_true(span_is(text_trim(span_of(" \t a b \r\n")), "a b"));
	assert_true(span_is(text_trim(span_of(" ")), ""));
	assert_true(span_is(text_trim(span_of("")), ""));
}

static void texts_are_split_at_each_separator(void **state)
{
	struct span rest = span_of("a,,b"), head;

	(void)state;
	assert_true(text_split(&rest, ',', &head));
	assert_true(span_is(head, "a"));
	assert_true(text_split(&rest, ',', &head));
	assert_true(span_is(head, ""));
	assert_false(text_split(&rest, ',', &head));
	assert_true(span_is(head, "b"));
	assert_int_equal(rest.size, 0);
	assert_false(text_split(&rest, ',', &head));
	assert_int_equal(head.size, 0);
}

static void words_are_what_is_between_blanks(void **state)
{
	struct span rest = span_of("  a \t bc "), word;

	(void)state;
	assert_true(text_next_word(&rest, &word));
	assert_true(span_is(word, "a"));
	assert_true(text_next_word(&rest, &word));
	assert_true(span_is(word, "bc"));
	assert_false(text_next_word(&rest, &word));
}

static void numbers_reach_the_ends_of_int(void **state)
{
	int number = -1;

	(void)state;
	assert_true(text_number(span_of("0"), 0, INT_MAX, &number));
	assert_int_equal(number, 0);
	assert_true(text_number(span_of("2147483647"), 0, INT_MAX, &number));
	assert_int_equal(number, INT_MAX);
	assert_false(text_number(span_of("2147483648"), 0, INT_MAX, &number));
	assert_false(text_number(span_of("9223372036854775808"), 0, INT_MAX, &number));
	assert_false(text_number(span_of(" 1"), 0, INT_MAX, &number));
	assert_false(text_number(span_make("1\0", 2), 0, INT_MAX, &number));
	assert_int_equal(number, INT_MAX);
}

static void distances_count_slips(void **state)
{
	char longest[41];

	(void)state;
	assert_int_equal(text_distance(span_of("size"), span_of("size")), 0);
	assert_int_equal(text_distance(span_of("size"), span_of("sise")), 1);
	assert_int_equal(text_distance(span_of("size"), span_of("siez")), 1);
	assert_int_equal(text_distance(span_of("size"), span_of("sizes")), 1);
	assert_int_equal(text_distance(span_of("size"), span_of("ize")), 1);
	assert_int_equal(text_distance(span_of("kitten"), span_of("sitting")), 3);
	assert_int_equal(text_distance(span_of(""), span_of("abc")), 3);
	assert_int_equal(text_distance(span_of("abc"), span_of("")), 3);
	memset(longest, 'a', sizeof(longest));
	assert_int_equal(text_distance(span_make(longest, 40), span_of("")), 40);
	assert_int_equal(text_distance(span_make(longest, 41), span_of("")), INT_MAX);
	assert_int_equal(text_distance(span_of(""), span_make(longest, 41)), INT_MAX);
}

static void messages_are_short_and_printable(void **state)
{
	char longest[200];

	(void)state;
	assert_string_equal(text_show(span_of("")).text, "");
	assert_string_equal(text_show(span_of("a\n\x1b\x7f\xc3\xa4")).text, "a\\x0a\\x1b\\x7f\xc3\xa4");
	assert_string_equal(text_show(span_make("a\0b", 3)).text, "a\\x00b");
	memset(longest, 'a', sizeof(longest));
	for (size_t size = 0; size < sizeof(longest); size++) {
		struct text_excerpt shown = text_show(span_make(longest, size));

		assert_int_equal(strlen(shown.text), size <= 80 ? size : 83);
		assert_true(size <= 80 || strcmp(shown.text + 80, "...") == 0);
	}
	memset(longest, 1, sizeof(longest));
	assert_int_equal(strlen(text_show(span_make(longest, sizeof(longest))).text), 83);
}

static void what_a_file_could_not_give_back_is_a_flaw(void **state)
{
	(void)state;
	assert_null(text_flaw(span_of("")));
	assert_null(text_flaw(span_of("a;b #c\td \xc3\xa4")));
	assert_non_null(text_flaw(span_of(";a")));
	assert_non_null(text_flaw(span_of("a ;b")));
	assert_non_null(text_flaw(span_of("a\t;b")));
	assert_non_null(text_flaw(span_of(" a")));
	assert_non_null(text_flaw(span_of("a ")));
	assert_non_null(text_flaw(span_of("a\nb")));
	assert_non_null(text_flaw(span_of("a\x7f")));
	assert_non_null(text_flaw(span_make("\0", 1)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_trimmed),
		cmocka_unit_test(texts_are_split_at_each_separator),
		cmocka_unit_test(words_are_what_is_between_blanks),
		cmocka_unit_test(numbers_reach_the_ends_of_int),
		cmocka_unit_test(distances_count_slips),
		cmocka_unit_test(messages_are_short_and_printable),
		cmocka_unit_test(what_a_file_could_not_give_back_is_a_flaw),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
