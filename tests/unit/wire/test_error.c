/*
 * error.h: ours comes back as it was written; a server's with fields that are
 * missing, empty, doubled or not terminated (FAILURES B2).
 */
#include "wire/bytes.h"

#include "wire/error.h"
#include "wire/frame.h"

static struct error_fields fields_of(struct span body)
{
	struct error_fields fields;

	error_read(body, &fields);
	return fields;
}

static void test_written_and_read(void **state)
{
	const struct error e = { "FATAL", "28P01", "no such user", "a detail", "a hint" };
	struct error_fields fields;
	struct frame f;
	struct buf b;

	(void)state;
	buf_init(&b);
	error_write(&b, &e);
	assert_int_equal(frame_next(FRAME_FROM_SERVER, buf_waiting(&b), &f), FRAME_WHOLE);
	assert_int_equal(f.type, SERVER_ERROR);
	assert_int_equal(f.size, b.filled);
	fields = fields_of(f.body);
	assert_span(fields.severity, "FATAL");
	assert_span(fields.sqlstate, "28P01");
	assert_span(fields.message, "no such user");
	assert_span(fields.detail, "a detail");
	assert_span(fields.hint, "a hint");
	buf_finish(&b);
}

static void test_without_detail_and_hint(void **state)
{
	const struct error e = { "ERROR", "08P01", "wrong", NULL, NULL };
	struct buf b;

	(void)state;
	buf_init(&b);
	error_write(&b, &e);
	assert_bytes(buf_waiting(&b), BYTES("E\0\0\0\41SERROR\0VERROR\0C08P01\0Mwrong\0\0"));
	buf_finish(&b);
}

static void test_B02_missing_fields(void **state)
{
	struct error_fields fields = fields_of(BYTES("SERROR\0Mbroken\0\0"));

	(void)state;
	assert_null(fields.sqlstate.data);
	assert_null(fields.severity.data); /* only 'V' is in a known language */
	assert_span(fields.message, "broken");
	fields = fields_of(BYTES("\0"));
	assert_null(fields.message.data);
	fields = fields_of(BYTES(""));
	assert_null(fields.message.data);
}

static void test_B02_empty_and_doubled_fields(void **state)
{
	struct error_fields fields = fields_of(BYTES("C\0C42601\0Mfirst\0Msecond\0\0"));

	(void)state;
	assert_non_null(fields.sqlstate.data);
	assert_span(fields.sqlstate, "");
	assert_span(fields.message, "first");
}

static void test_B02_what_follows_the_end_is_not_read(void **state)
{
	struct error_fields fields = fields_of(BYTES("C42601\0\0Mlate\0\0"));

	(void)state;
	assert_span(fields.sqlstate, "42601");
	assert_null(fields.message.data);
}

static void test_B02_unknown_fields_are_skipped(void **state)
{
	struct error_fields fields = fields_of(BYTES("\xffwhat\0Ffile.c\0L12\0C42601\0\0"));

	(void)state;
	assert_span(fields.sqlstate, "42601");
}

static void test_B02_cut_at_every_byte(void **state)
{
	struct span whole = BYTES("VERROR\0C42601\0Mbad\0\0");

	(void)state;
	for (size_t size = 0; size <= whole.size; size++) {
		struct span cut = exact_copy(span_first(whole, size));
		struct error_fields fields = fields_of(cut);

		assert_int_equal(fields.severity.data != NULL, size >= 7);
		assert_int_equal(fields.sqlstate.data != NULL, size >= 14);
		assert_int_equal(fields.message.data != NULL, size >= 19);
		exact_free(cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written_and_read),
		cmocka_unit_test(test_without_detail_and_hint),
		cmocka_unit_test(test_B02_missing_fields),
		cmocka_unit_test(test_B02_empty_and_doubled_fields),
		cmocka_unit_test(test_B02_what_follows_the_end_is_not_read),
		cmocka_unit_test(test_B02_unknown_fields_are_skipped),
		cmocka_unit_test(test_B02_cut_at_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
