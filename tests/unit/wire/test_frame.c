/*
 * frame.h: headers cut at every byte, lengths around every limit, and the same
 * messages for any way to cut a stream.
 */
#include "wire/bytes.h"

#include "wire/frame.h"
#include "wire/write.h"

static const struct {
	enum frame_side side;
	unsigned char letter;
	const char *name;
	const char *limit;
} messages[] = {
#define MESSAGE(side, letter, name, limit) { FRAME_FROM_##side, letter, #name, #side " " #limit },
#include "wire/message.def"
#undef MESSAGE
};

enum { MESSAGE_COUNT = sizeof messages / sizeof messages[0] };

static uint32_t limit_of(const char *words)
{
	if (strcmp(words, "CLIENT LARGE") == 0)
		return 0x3ffffffe - 1024;
	if (strcmp(words, "SERVER LARGE") == 0)
		return 0x40000002;
	return strcmp(words, "CLIENT PASSWORD") == 0 ? 65536 : 10000;
}

static struct span header(char out[5], unsigned char letter, uint32_t length)
{
	out[0] = (char)letter;
	for (int i = 0; i < 4; i++)
		out[i + 1] = (char)(length >> (24 - 8 * i));
	return span_make(out, 5);
}

static void test_header_cut_at_every_byte(void **state)
{
	struct span whole = BYTES("Q\0\0\0\7ab\0");

	(void)state;
	for (size_t size = 0; size <= whole.size; size++) {
		struct span cut = exact_copy(span_first(whole, size));
		struct frame f = { 0 };
		enum frame_result result = frame_next(FRAME_FROM_CLIENT, cut, &f);

		assert_int_equal(result, size < 5	    ? FRAME_MORE
					 : size < whole.size ? FRAME_PARTIAL
							     : FRAME_WHOLE);
		if (size >= 5) {
			assert_int_equal(f.type, CLIENT_QUERY);
			assert_int_equal(f.size, 8);
			assert_int_equal(f.body.size, size - 5);
			assert_ptr_equal(f.body.data, cut.data + 5);
		}
		exact_free(cut);
	}
}

static void test_body_ends_where_the_message_ends(void **state)
{
	struct frame f;

	(void)state;
	assert_int_equal(frame_next(FRAME_FROM_CLIENT, BYTES("S\0\0\0\4Q\0\0\0\5"), &f), FRAME_WHOLE);
	assert_int_equal(f.size, 5);
	assert_int_equal(f.body.size, 0);
}

static void test_every_type_at_its_limit(void **state)
{
	(void)state;
	for (int i = 0; i < MESSAGE_COUNT; i++) {
		uint32_t limit = limit_of(messages[i].limit);
		const uint32_t good[] = { 4, 5, limit - 1, limit };
		const uint32_t bad[] = { 0,	    1,		2,	    3,
					 limit + 1, 0x7fffffff, 0x80000000, 0xffffffff };
		struct frame f;
		char bytes[5];

		for (size_t k = 0; k < sizeof good / sizeof good[0]; k++) {
			enum frame_result result = frame_next(
				messages[i].side, header(bytes, messages[i].letter, good[k]), &f);

			assert_int_equal(result, good[k] == 4 ? FRAME_WHOLE : FRAME_PARTIAL);
			assert_int_equal(f.size, (size_t)good[k] + 1);
		}
		for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
			assert_int_equal(frame_next(messages[i].side,
						    header(bytes, messages[i].letter, bad[k]), &f),
					 FRAME_BAD_LENGTH);
			assert_int_equal((unsigned char)f.type, messages[i].letter);
		}
	}
}

static bool is_message(enum frame_side side, int letter)
{
	for (int i = 0; i < MESSAGE_COUNT; i++) {
		if (messages[i].side == side && messages[i].letter == letter)
			return true;
	}
	return false;
}

/* An unknown letter is refused with its first byte: no waiting for a length. */
static void test_A01_every_other_letter_is_refused_at_once(void **state)
{
	(void)state;
	for (int side = FRAME_FROM_CLIENT; side <= FRAME_FROM_SERVER; side++) {
		for (int letter = 0; letter < 256; letter++) {
			char byte = (char)letter;
			struct frame f;

			bool is_one = is_message((enum frame_side)side, letter);

			assert_int_equal(frame_next((enum frame_side)side, span_make(&byte, 1), &f),
					 is_one ? FRAME_MORE : FRAME_BAD_TYPE);
			assert_int_equal(f.type, byte);
		}
	}
}

static void test_names(void **state)
{
	(void)state;
	for (int i = 0; i < MESSAGE_COUNT; i++)
		assert_string_equal(frame_name(messages[i].side, (char)messages[i].letter),
				    messages[i].name);
	assert_string_equal(frame_name(FRAME_FROM_CLIENT, '\xff'), "?");
	assert_string_equal(frame_name(FRAME_FROM_SERVER, '\0'), "?");
}

/* A stream of server messages with bodies of 0 to 40 bytes. */
static void write_stream(struct buf *b, uint64_t *random, int count)
{
	static const char letters[] = "12CDETZSAN";

	for (int i = 0; i < count; i++) {
		size_t begun = write_begin(b, letters[next_random(random) % (sizeof letters - 1)]);

		for (uint32_t left = next_random(random) % 41; left; left--)
			write_byte(b, (uint8_t)next_random(random));
		write_end(b, begun);
	}
}

/* Takes whole messages off the front; the rest moves to the front, as a reader does it. */
static void take_messages(struct buf *held, struct buf *out)
{
	for (;;) {
		struct frame f;
		enum frame_result result = frame_next(FRAME_FROM_SERVER, buf_waiting(held), &f);

		assert_true(result == FRAME_WHOLE || result == FRAME_PARTIAL ||
			    result == FRAME_MORE);
		if (result != FRAME_WHOLE)
			return;
		assert_int_equal(f.body.size + 5, f.size);
		write_byte(out, (uint8_t)f.type);
		write_int32(out, (int32_t)f.body.size);
		write_bytes(out, f.body);
		buf_send(held, f.size);
	}
}

/* Cuts `stream` in two places and gives what a reader made of the three pieces. */
static void read_in_pieces(struct span stream, size_t first, size_t second, struct buf *out)
{
	const size_t ends[] = { first, second, stream.size };
	struct buf held;
	size_t at = 0;

	buf_init(&held);
	for (int i = 0; i < 3; i++) {
		if (ends[i] == at)
			continue; /* a read that gives nothing is the end of the stream */
		buf_append(&held, stream.data + at, ends[i] - at);
		at = ends[i];
		take_messages(&held, out);
	}
	assert_true(buf_is_empty(&held));
	buf_finish(&held);
}

static void test_any_cut_gives_the_same_messages(void **state)
{
	uint64_t random = 42;
	struct buf stream, expected;

	(void)state;
	buf_init(&stream);
	buf_init(&expected);
	write_stream(&stream, &random, 12);
	take_messages(&(struct buf){ stream.data, 0, 0, stream.filled, stream.capacity },
		      &expected);
	for (size_t first = 0; first <= stream.filled; first++) {
		for (size_t second = first; second <= stream.filled; second++) {
			struct buf got;

			buf_init(&got);
			read_in_pieces(buf_waiting(&stream), first, second, &got);
			assert_bytes(buf_waiting(&got), buf_waiting(&expected));
			buf_finish(&got);
		}
	}
	buf_finish(&stream);
	buf_finish(&expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header_cut_at_every_byte),
		cmocka_unit_test(test_body_ends_where_the_message_ends),
		cmocka_unit_test(test_every_type_at_its_limit),
		cmocka_unit_test(test_A01_every_other_letter_is_refused_at_once),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_any_cut_gives_the_same_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
