/*
 * read.h: each field at the end of what is there, one byte before it and after
 * it; a reader that failed stays failed.
 */
#include "wire/bytes.h"

#include "wire/read.h"

static void test_integers_are_big_endian_and_signed(void **state)
{
	struct reader r = reader_of(BYTES("\xff\x01\x02\xff\xfe\x00\x01\x02\x03\x80\x00\x00\x00"));

	(void)state;
	assert_int_equal(read_byte(&r), 0xff);
	assert_int_equal(read_int16(&r), 0x0102);
	assert_int_equal(read_int16(&r), -2);
	assert_int_equal(read_int32(&r), 0x00010203);
	assert_int_equal(read_int32(&r), INT32_MIN);
	assert_true(reader_is_done(&r));
}

static void read_fields(struct reader *r)
{
	read_byte(r);
	read_int16(r);
	read_int32(r);
	read_text(r);
	read_bytes(r, 3);
}

static void test_every_cut_fails_and_only_a_cut(void **state)
{
	struct span whole = BYTES("b12wxyzname\0end");

	(void)state;
	for (size_t size = 0; size <= whole.size; size++) {
		struct span cut = exact_copy(span_first(whole, size));
		struct reader r = reader_of(cut);

		read_fields(&r);
		assert_int_equal(r.failed, size < whole.size);
		assert_int_equal(reader_is_done(&r), size == whole.size);
		exact_free(cut);
	}
}

static void test_a_failed_reader_gives_zeros_for_good(void **state)
{
	struct reader r = reader_of(BYTES("abcdef\0"));

	(void)state;
	assert_int_equal(read_bytes(&r, 8).size, 0);
	assert_true(r.failed);
	assert_int_equal(read_byte(&r), 0);
	assert_int_equal(read_int16(&r), 0);
	assert_int_equal(read_int32(&r), 0);
	assert_int_equal(read_text(&r).size, 0);
	assert_int_equal(read_bytes(&r, 0).size, 0);
	assert_true(r.failed);
	assert_false(reader_is_done(&r));
}

/* FAILURES A3, A13: a size near the end of the number range must not wrap. */
static void test_A03_sizes_that_would_wrap(void **state)
{
	const size_t sizes[] = { 5, 0x7fffffff, 0xffffffff, SIZE_MAX - 4, SIZE_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct reader r = reader_of(BYTES("abcd"));

		read_bytes(&r, sizes[i]);
		assert_true(r.failed);
	}
}

static void test_text_ends_at_its_first_nul(void **state)
{
	struct reader r = reader_of(BYTES("one\0\0two"));

	(void)state;
	assert_span(read_text(&r), "one");
	assert_span(read_text(&r), "");
	assert_false(r.failed);
	read_text(&r); /* "two" has no NUL */
	assert_true(r.failed);
}

static void test_nothing_to_read(void **state)
{
	struct reader r = reader_of(span_make(NULL, 0));

	(void)state;
	assert_true(reader_is_done(&r));
	read_text(&r);
	assert_true(r.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers_are_big_endian_and_signed),
		cmocka_unit_test(test_every_cut_fails_and_only_a_cut),
		cmocka_unit_test(test_a_failed_reader_gives_zeros_for_good),
		cmocka_unit_test(test_A03_sizes_that_would_wrap),
		cmocka_unit_test(test_text_ends_at_its_first_nul),
		cmocka_unit_test(test_nothing_to_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
