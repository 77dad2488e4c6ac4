/*
 * extended.h: each message cut at every byte, with bytes behind it, with counts
 * that lie (FAILURES A3, A13), and written and read back.
 */
#include "wire/bytes.h"

#include "wire/extended.h"
#include "wire/frame.h"
#include "wire/write.h"

static const char long_name[2000] = { [0 ... 1998] = 'n' };

static void test_parse(void **state)
{
	struct parse_message m;

	(void)state;
	assert_true(parse_message_read(BYTES("s1\0select $1\0\0\1\0\0\0\27"), &m));
	assert_span(m.name, "s1");
	assert_span(m.query, "select $1");
	assert_bytes(m.types, BYTES("\0\1\0\0\0\27"));
	assert_true(parse_message_read(BYTES("\0\0\0\0"), &m));
	assert_span(m.name, "");
	assert_span(m.query, "");
}

static void test_parse_cut_at_every_byte(void **state)
{
	struct span whole = BYTES("s\0q\0\0\2\0\0\0\1\0\0\0\2");

	(void)state;
	for (size_t size = 0; size <= whole.size; size++) {
		struct span cut = exact_copy(span_first(whole, size));
		struct parse_message m;

		assert_int_equal(parse_message_read(cut, &m), size == whole.size);
		exact_free(cut);
	}
}

static void test_A03_parse_with_a_count_that_lies(void **state)
{
	struct parse_message m;

	(void)state;
	assert_false(parse_message_read(BYTES("\0\0\0\1\0\0\0"), &m));
	assert_false(parse_message_read(BYTES("\0\0\0\1\0\0\0\1\0"), &m));
	assert_false(parse_message_read(BYTES("\0\0\0\0\0"), &m));
	assert_false(parse_message_read(BYTES("\0\0\377\377\0\0\0\1"), &m));
	assert_false(parse_message_read(BYTES("\0\0\200\0"), &m));
}

/* The count is unsigned: 65535 parameters are legal. */
static void test_parse_with_the_most_parameters(void **state)
{
	char *body = calloc(1, 4 + 4 * 65535);
	struct parse_message m;

	(void)state;
	memset(body + 2, 0xff, 2);
	assert_true(parse_message_read(span_make(body, 4 + 4 * 65535), &m));
	assert_int_equal(m.types.size, 2 + 4 * 65535);
	assert_false(parse_message_read(span_make(body, 4 + 4 * 65535 - 1), &m));
	free(body);
}

static void test_parse_comes_back(void **state)
{
	struct parse_message m;
	struct frame f;
	struct buf b;

	(void)state;
	buf_init(&b);
	parse_message_write(&b, span_of("w7"), span_of("select 1"), BYTES("\0\1\0\0\0\31"));
	assert_int_equal(frame_next(FRAME_FROM_CLIENT, buf_waiting(&b), &f), FRAME_WHOLE);
	assert_int_equal(f.type, CLIENT_PARSE);
	assert_true(parse_message_read(f.body, &m));
	assert_span(m.name, "w7");
	assert_span(m.query, "select 1");
	assert_bytes(m.types, BYTES("\0\1\0\0\0\31"));
	buf_finish(&b);
}

static void test_bind_head_cut_at_every_byte(void **state)
{
	struct span whole = BYTES("p\0st\0\0\0\0\0");

	(void)state;
	for (size_t size = 0; size <= whole.size; size++) {
		struct span cut = exact_copy(span_first(whole, size));
		struct bind_head h;

		assert_int_equal(bind_head_read(cut, false, &h), size >= 5 ? HEAD_READ : HEAD_MORE);
		assert_int_equal(bind_head_read(cut, true, &h), size >= 5 ? HEAD_READ : HEAD_BAD);
		if (size >= 5) {
			assert_span(h.portal, "p");
			assert_span(h.statement, "st");
			assert_int_equal(h.size, 5);
		}
		exact_free(cut);
	}
}

static void test_bind_head_comes_back_with_the_rest(void **state)
{
	struct span rest = BYTES("\0\0\0\1\0\0\0\3abc\0\0");
	struct bind_head h;
	struct frame f;
	struct buf b;

	(void)state;
	buf_init(&b);
	bind_head_write(&b, span_of("portal"), span_of("statement"), rest.size);
	write_bytes(&b, rest);
	assert_int_equal(frame_next(FRAME_FROM_CLIENT, buf_waiting(&b), &f), FRAME_WHOLE);
	assert_int_equal(f.type, CLIENT_BIND);
	assert_int_equal(f.size, b.filled);
	assert_int_equal(bind_head_read(f.body, true, &h), HEAD_READ);
	assert_span(h.portal, "portal");
	assert_span(h.statement, "statement");
	assert_bytes(span_after(f.body, h.size), rest);
	buf_finish(&b);
}

/* The largest Bind that frame_next lets in still fits with a name 1 KiB longer. */
static void test_the_largest_bind_can_be_renamed(void **state)
{
	const size_t largest = FRAME_LARGE_LIMIT - FRAME_RENAME_BYTES;
	char header[5] = { CLIENT_BIND, (char)(largest >> 24), (char)(largest >> 16),
			   (char)(largest >> 8), (char)largest };
	struct frame f;
	struct buf b;

	(void)state;
	assert_int_equal(frame_next(FRAME_FROM_CLIENT, span_make(header, 5), &f), FRAME_PARTIAL);
	buf_init(&b);
	bind_head_write(&b, span_of(""), span_make(long_name, FRAME_RENAME_BYTES), largest - 4 - 2);
	assert_bytes(span_first(buf_waiting(&b), 5), BYTES("B\x3f\xff\xff\xfe"));
	buf_finish(&b);
}

static void test_describe_and_close(void **state)
{
	struct named_message m;

	(void)state;
	assert_true(named_message_read(BYTES("Sname\0"), &m));
	assert_int_equal(m.what, 'S');
	assert_span(m.name, "name");
	assert_true(named_message_read(BYTES("P\0"), &m));
	assert_int_equal(m.what, 'P');
	assert_span(m.name, "");
	assert_false(named_message_read(BYTES(""), &m));
	assert_false(named_message_read(BYTES("S"), &m));
	assert_false(named_message_read(BYTES("Sname"), &m));
	assert_false(named_message_read(BYTES("Sname\0x"), &m));
	for (int what = 0; what < 256; what++) {
		char body[2] = { (char)what, 0 };

		assert_int_equal(named_message_read(span_make(body, 2), &m),
				 what == 'S' || what == 'P');
	}
}

static void test_named_message_comes_back(void **state)
{
	struct named_message m;
	struct frame f;
	struct buf b;

	(void)state;
	buf_init(&b);
	named_message_write(&b, CLIENT_CLOSE, 'P', span_of("c1"));
	assert_int_equal(frame_next(FRAME_FROM_CLIENT, buf_waiting(&b), &f), FRAME_WHOLE);
	assert_int_equal(f.type, CLIENT_CLOSE);
	assert_true(named_message_read(f.body, &m));
	assert_int_equal(m.what, 'P');
	assert_span(m.name, "c1");
	buf_finish(&b);
}

static void test_execute_cut_at_every_byte(void **state)
{
	struct span whole = BYTES("p\0\0\0\0\7");
	struct execute_message m;

	(void)state;
	for (size_t size = 0; size <= whole.size; size++) {
		struct span cut = exact_copy(span_first(whole, size));

		assert_int_equal(execute_message_read(cut, &m), size == whole.size);
		exact_free(cut);
	}
	assert_true(execute_message_read(whole, &m));
	assert_span(m.portal, "p");
	assert_int_equal(m.row_limit, 7);
	assert_true(execute_message_read(BYTES("\0\377\377\377\377"), &m));
	assert_int_equal(m.row_limit, -1);
	assert_false(execute_message_read(BYTES("\0\0\0\0\0x"), &m));
}

static void test_command_rows(void **state)
{
	static const struct {
		const char *tag;
		uint64_t rows;
	} cases[] = {
		{ "SELECT 5", 5 },
		{ "INSERT 0 3", 3 },
		{ "BEGIN", 0 },
		{ "", 0 },
		{ " ", 0 },
		{ "7", 0 },
		{ " 7", 7 },
		{ "SELECT ", 0 },
		{ "SELECT 0", 0 },
		{ "SELECT x5", 0 },
		{ "SELECT -5", 0 },
		{ "SELECT 5 ", 0 },
		{ "SELECT 9999999999999999999", 9999999999999999999u },
		{ "SELECT 99999999999999999999", 0 }, /* more than PostgreSQL counts */
		{ "CREATE TABLE", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct span tag = span_of(cases[i].tag);
		struct span with_nul = exact_copy(span_make(tag.data, tag.size + 1));
		struct span without = exact_copy(tag);

		assert_int_equal(command_rows(with_nul), cases[i].rows);
		assert_int_equal(command_rows(without), cases[i].rows);
		exact_free(with_nul);
		exact_free(without);
	}
	assert_int_equal(command_rows(BYTES("SELECT 5\0\0")), 0);
	assert_int_equal(command_rows(BYTES("\0")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_cut_at_every_byte),
		cmocka_unit_test(test_A03_parse_with_a_count_that_lies),
		cmocka_unit_test(test_parse_with_the_most_parameters),
		cmocka_unit_test(test_parse_comes_back),
		cmocka_unit_test(test_bind_head_cut_at_every_byte),
		cmocka_unit_test(test_bind_head_comes_back_with_the_rest),
		cmocka_unit_test(test_the_largest_bind_can_be_renamed),
		cmocka_unit_test(test_describe_and_close),
		cmocka_unit_test(test_named_message_comes_back),
		cmocka_unit_test(test_execute_cut_at_every_byte),
		cmocka_unit_test(test_command_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
