/*
 * The heads of the extended protocol's messages (extended.h).  Pure.
 */
#include "wire/extended.h"

#include "base/ensure.h"
#include "wire/frame.h"
#include "wire/read.h"
#include "wire/write.h"

bool parse_message_read(struct span body, struct parse_message *m)
{
	struct reader r = reader_of(body);
	int16_t count;

	m->name = read_text(&r);
	m->query = read_text(&r);
	m->types = r.left;
	count = read_int16(&r);
	read_bytes(&r, (size_t)(uint16_t)count * 4);
	return reader_is_done(&r);
}

void parse_message_write(struct buf *b, struct span name, struct span query, struct span types)
{
	size_t begun = write_begin(b, CLIENT_PARSE);

	write_text(b, name);
	write_text(b, query);
	write_bytes(b, types);
	write_end(b, begun);
}

enum head_result bind_head_read(struct span body, bool whole, struct bind_head *h)
{
	struct reader r = reader_of(body);

	h->portal = read_text(&r);
	h->statement = read_text(&r);
	if (r.failed)
		return whole ? HEAD_BAD : HEAD_MORE;
	h->size = h->portal.size + h->statement.size + 2;
	return HEAD_READ;
}

void bind_head_write(struct buf *b, struct span portal, struct span statement, size_t rest_size)
{
	size_t length = 4 + portal.size + 1 + statement.size + 1 + rest_size;

	ensure(length <= FRAME_LARGE_LIMIT);
	write_byte(b, CLIENT_BIND);
	write_int32(b, (int32_t)length);
	write_text(b, portal);
	write_text(b, statement);
}

size_t bind_message_begin(struct buf *b, int count)
{
	size_t begun = write_begin(b, CLIENT_BIND);

	write_text(b, span_of(""));
	write_text(b, span_of(""));
	write_int16(b, 0);
	write_int16(b, (int16_t)count);
	return begun;
}

void bind_message_text(struct buf *b, const char *text)
{
	write_int32(b, text ? (int32_t)strlen(text) : -1);
	if (text)
		write_bytes(b, span_of(text));
}

void bind_message_end(struct buf *b, size_t begun)
{
	write_int16(b, 0);
	write_end(b, begun);
}

bool named_message_read(struct span body, struct named_message *m)
{
	struct reader r = reader_of(body);

	m->what = (char)read_byte(&r);
	m->name = read_text(&r);
	return reader_is_done(&r) && (m->what == 'S' || m->what == 'P');
}

void named_message_write(struct buf *b, char type, char what, struct span name)
{
	size_t begun = write_begin(b, type);

	write_byte(b, (uint8_t)what);
	write_text(b, name);
	write_end(b, begun);
}

bool execute_message_read(struct span body, struct execute_message *m)
{
	struct reader r = reader_of(body);

	m->portal = read_text(&r);
	m->row_limit = read_int32(&r);
	return reader_is_done(&r);
}

void execute_message_write(struct buf *b)
{
	size_t begun = write_begin(b, CLIENT_EXECUTE);

	write_text(b, span_of(""));
	write_int32(b, 0);
	write_end(b, begun);
}

uint64_t command_rows(struct span tag)
{
	uint64_t rows = 0;
	size_t at = tag.size;

	if (at && tag.data[at - 1] == '\0')
		at--;
	size_t end = at;
	while (at && tag.data[at - 1] >= '0' && tag.data[at - 1] <= '9')
		at--;
	if (at == 0 || tag.data[at - 1] != ' ' || end - at > 19)
		return 0;
	for (; at < end; at++)
		rows = rows * 10 + (uint64_t)(tag.data[at] - '0');
	return rows;
}
