/*
 * Fuzzes wire/extended.h: what was read and is written again is the same bytes;
 * a Bind cut anywhere gives the same head or asks for more.
 *
 * Input: one byte (which reader), a message body.
 */
#include "exact.h"

#include "wire/extended.h"
#include "wire/frame.h"
#include "wire/write.h"

/* The message in `b` is of this type and its body is these bytes. */
static void check_written(struct buf *b, char type, struct span body)
{
	struct frame f;

	ensure(frame_next(FRAME_FROM_CLIENT, buf_waiting(b), &f) == FRAME_WHOLE);
	ensure(f.type == type && f.size == b->filled && span_equal(f.body, body));
	buf_finish(b);
}

static void fuzz_parse(struct span body)
{
	struct parse_message m;
	struct buf b;

	if (!parse_message_read(body, &m))
		return;
	ensure(span_is_within(m.name, body) && span_is_within(m.query, body));
	ensure(m.types.size >= 2 && m.types.size % 4 == 2);
	buf_init(&b);
	parse_message_write(&b, m.name, m.query, m.types);
	check_written(&b, CLIENT_PARSE, body);
}

static void check_bind_cut(struct span body, size_t size, const struct bind_head *whole)
{
	struct span cut = exact_copy(span_first(body, size));
	struct bind_head h;
	enum head_result result = bind_head_read(cut, false, &h);

	ensure(result == (whole && size >= whole->size ? HEAD_READ : HEAD_MORE));
	if (result == HEAD_READ) {
		ensure(h.size == whole->size && span_equal(h.portal, whole->portal));
		ensure(span_equal(h.statement, whole->statement));
	}
	exact_free(cut);
}

static void fuzz_bind(struct span body)
{
	struct bind_head h;
	enum head_result result = bind_head_read(body, true, &h);
	struct buf b;

	ensure(result == HEAD_READ || result == HEAD_BAD);
	for (size_t size = 0; size <= body.size; size++)
		check_bind_cut(body, size, result == HEAD_READ ? &h : NULL);
	if (result == HEAD_BAD)
		return;
	ensure(h.size <= body.size);
	buf_init(&b);
	bind_head_write(&b, h.portal, h.statement, body.size - h.size);
	write_bytes(&b, span_after(body, h.size));
	check_written(&b, CLIENT_BIND, body);
}

static void fuzz_named(struct span body)
{
	struct named_message m;
	struct buf b;

	if (!named_message_read(body, &m))
		return;
	ensure((m.what == 'S' || m.what == 'P') && m.name.size == body.size - 2);
	buf_init(&b);
	named_message_write(&b, CLIENT_CLOSE, m.what, m.name);
	check_written(&b, CLIENT_CLOSE, body);
}

static void fuzz_execute(struct span body)
{
	struct execute_message m;
	struct buf b;
	size_t begun;

	if (!execute_message_read(body, &m))
		return;
	buf_init(&b);
	begun = write_begin(&b, CLIENT_EXECUTE);
	write_text(&b, m.portal);
	write_int32(&b, m.row_limit);
	write_end(&b, begun);
	check_written(&b, CLIENT_EXECUTE, body);
}

/* Against strtoull on the last word. */
static void fuzz_tag(struct span tag)
{
	char text[64];
	const char *word;
	uint64_t rows = command_rows(tag), expected = 0;

	if (tag.size >= sizeof text || memchr(tag.data, '\0', tag.size))
		return;
	memcpy(text, tag.data, tag.size);
	text[tag.size] = '\0';
	word = strrchr(text, ' ');
	if (word && word[1] && strspn(word + 1, "0123456789") == strlen(word + 1) &&
	    strlen(word + 1) <= 19)
		expected = strtoull(word + 1, NULL, 10);
	ensure(rows == expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(struct span) = { fuzz_parse, fuzz_bind, fuzz_named,
							fuzz_execute, fuzz_tag };
	struct span body;

	if (size < 1 || size > 2048)
		return 0;
	body = exact_copy(span_make(data + 1, size - 1));
	readers[data[0] % 5](body);
	exact_free(body);
	return 0;
}
