/*
 * The message writer of write.h.  Pure but for the queue it appends to.
 */
#include "wire/write.h"

#include "base/ensure.h"
#include "wire/frame.h"

static void put_int32(char *at, uint32_t value)
{
	at[0] = (char)(value >> 24);
	at[1] = (char)(value >> 16);
	at[2] = (char)(value >> 8);
	at[3] = (char)value;
}

/* Positions count from `sent`, as growing may move the bytes to the front. */
size_t write_begin(struct buf *b, char type)
{
	size_t begun = b->filled - b->sent;

	if (type)
		buf_append(b, &type, 1);
	buf_append(b, "\0\0\0\0", 4);
	return begun << 1 | (type != 0);
}

void write_end(struct buf *b, size_t begun)
{
	size_t field = b->sent + (begun >> 1) + (begun & 1);
	size_t length = b->filled - field;

	ensure(length >= 4 && length <= FRAME_LARGE_LIMIT);
	put_int32(b->data + field, (uint32_t)length);
}

void write_byte(struct buf *b, uint8_t value)
{
	buf_append(b, &value, 1);
}

void write_int16(struct buf *b, int16_t value)
{
	char bytes[2] = { (char)((uint16_t)value >> 8), (char)value };

	buf_append(b, bytes, sizeof bytes);
}

void write_int32(struct buf *b, int32_t value)
{
	char bytes[4];

	put_int32(bytes, (uint32_t)value);
	buf_append(b, bytes, sizeof bytes);
}

void write_text(struct buf *b, struct span text)
{
	buf_append(b, text.data, text.size);
	buf_append(b, "", 1);
}

void write_bytes(struct buf *b, struct span bytes)
{
	buf_append(b, bytes.data, bytes.size);
}

void write_empty(struct buf *b, char type)
{
	char bytes[FRAME_HEADER_BYTES] = { type, 0, 0, 0, 4 };

	buf_append(b, bytes, sizeof bytes);
}

void write_string_message(struct buf *b, char type, struct span text)
{
	size_t begun = write_begin(b, type);

	write_text(b, text);
	write_end(b, begun);
}

void write_ready(struct buf *b, char status)
{
	char bytes[6] = { SERVER_READY, 0, 0, 0, 5, status };

	buf_append(b, bytes, sizeof bytes);
}

void write_parameter_status(struct buf *b, struct span name, struct span value)
{
	size_t begun = write_begin(b, SERVER_PARAMETER_STATUS);

	write_text(b, name);
	write_text(b, value);
	write_end(b, begun);
}
