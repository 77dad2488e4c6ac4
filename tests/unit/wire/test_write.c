/*
 * write.h: what is written is read back the same, and the length field is
 * always what was written, also when the queue moves its bytes meanwhile.
 */
#include "wire/bytes.h"

#include "wire/frame.h"
#include "wire/read.h"
#include "wire/write.h"

static void test_whole_messages(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b);
	write_empty(&b, CLIENT_SYNC);
	write_ready(&b, 'T');
	write_string_message(&b, CLIENT_QUERY, span_of("select 1"));
	write_string_message(&b, SERVER_COMMAND_COMPLETE, span_of(""));
	write_parameter_status(&b, span_of("TimeZone"), span_of("UTC"));
	assert_bytes(buf_waiting(&b), BYTES("S\0\0\0\4"
					    "Z\0\0\0\5T"
					    "Q\0\0\0\15select 1\0"
					    "C\0\0\0\5\0"
					    "S\0\0\0\21TimeZone\0UTC\0"));
	buf_finish(&b);
}

static void test_fields_come_back(void **state)
{
	struct reader r;
	struct frame f;
	struct buf b;
	size_t begun;

	(void)state;
	buf_init(&b);
	begun = write_begin(&b, SERVER_DATA_ROW);
	write_byte(&b, 200);
	write_int16(&b, -2);
	write_int16(&b, INT16_MIN);
	write_int32(&b, INT32_MIN);
	write_int32(&b, 0x01020304);
	write_text(&b, span_of("name"));
	write_text(&b, span_make(NULL, 0));
	write_bytes(&b, BYTES("\0\1"));
	write_end(&b, begun);
	assert_int_equal(frame_next(FRAME_FROM_SERVER, buf_waiting(&b), &f), FRAME_WHOLE);
	assert_int_equal(f.size, b.filled);
	r = reader_of(f.body);
	assert_int_equal(read_byte(&r), 200);
	assert_int_equal(read_int16(&r), -2);
	assert_int_equal(read_int16(&r), INT16_MIN);
	assert_int_equal(read_int32(&r), INT32_MIN);
	assert_int_equal(read_int32(&r), 0x01020304);
	assert_span(read_text(&r), "name");
	assert_span(read_text(&r), "");
	assert_bytes(read_bytes(&r, 2), BYTES("\0\1"));
	assert_true(reader_is_done(&r));
	buf_finish(&b);
}

static void test_without_a_type_for_startup_packets(void **state)
{
	struct buf b;
	size_t begun;

	(void)state;
	buf_init(&b);
	write_empty(&b, CLIENT_FLUSH);
	begun = write_begin(&b, '\0');
	write_int32(&b, 7);
	write_end(&b, begun);
	assert_bytes(buf_waiting(&b), BYTES("H\0\0\0\4\0\0\0\10\0\0\0\7"));
	buf_finish(&b);
}

/* Growing moves what has not left to the front while a message is half written. */
static void test_marks_survive_a_move(void **state)
{
	struct frame f;

	(void)state;
	for (size_t sent = 0; sent <= 600; sent++) {
		char filler[600] = { 0 };
		struct buf b;
		size_t begun;

		buf_init(&b);
		buf_append(&b, filler, sizeof filler);
		write_empty(&b, CLIENT_SYNC);
		buf_send(&b, sent);
		begun = write_begin(&b, CLIENT_QUERY);
		write_bytes(&b, span_make(filler, sizeof filler));
		write_end(&b, begun);
		buf_send(&b, sizeof filler - sent + 5);
		assert_int_equal(frame_next(FRAME_FROM_CLIENT, buf_waiting(&b), &f), FRAME_WHOLE);
		assert_int_equal(f.size, 605);
		assert_true(f.size == b.filled - b.sent);
		buf_finish(&b);
	}
}

/* FAILURES A14: the length field always says what was written. */
static void test_A14_length_is_what_was_written(void **state)
{
	const size_t sizes[] = { 0, 1, 251, 252, 65531, 65532, 0xfffffb, 0xfffffc };
	char *filler = calloc(1, 0x1000000);

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct frame f;
		struct buf b;
		size_t begun;

		buf_init(&b);
		begun = write_begin(&b, SERVER_DATA_ROW);
		write_bytes(&b, span_make(filler, sizes[i]));
		write_end(&b, begun);
		assert_int_equal(b.filled, sizes[i] + 5);
		assert_int_equal(frame_next(FRAME_FROM_SERVER, buf_waiting(&b), &f), FRAME_WHOLE);
		assert_int_equal(f.size, b.filled);
		buf_finish(&b);
	}
	free(filler);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_messages),
		cmocka_unit_test(test_fields_come_back),
		cmocka_unit_test(test_without_a_type_for_startup_packets),
		cmocka_unit_test(test_marks_survive_a_move),
		cmocka_unit_test(test_A14_length_is_what_was_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
