/*
 * The frame codec of frame.h.  Pure: no state, no allocation.
 */
#include "wire/frame.h"

/* What the words of message.def stand for. */
enum {
	LIMIT_CLIENT_SMALL = FRAME_SMALL_LIMIT,
	LIMIT_CLIENT_LARGE = FRAME_LARGE_LIMIT - FRAME_RENAME_BYTES,
	LIMIT_CLIENT_PASSWORD = FRAME_PASSWORD_LIMIT,
	LIMIT_SERVER_SMALL = FRAME_SMALL_LIMIT,
	LIMIT_SERVER_LARGE = FRAME_SERVER_LIMIT,
};

/* The largest length field by side and type; 0: no such message. */
static const int32_t limits[2][256] = {
#define MESSAGE(side, letter, name, limit)                                     \
	[FRAME_FROM_##side][letter] = LIMIT_##side##_##limit,
#include "wire/message.def"
#undef MESSAGE
};

static const char *const names[2][256] = {
#define MESSAGE(side, letter, name, limit) [FRAME_FROM_##side][letter] = #name,
#include "wire/message.def"
#undef MESSAGE
};

static uint32_t length_field(const char *data)
{
	const unsigned char *at = (const unsigned char *)data;

	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

enum frame_result frame_next(enum frame_side side, struct span bytes, struct frame *f)
{
	uint32_t length;
	int32_t limit;

	if (bytes.size == 0)
		return FRAME_MORE;
	f->type = bytes.data[0];
	limit = limits[side][(unsigned char)f->type];
	if (limit == 0)
		return FRAME_BAD_TYPE;
	if (bytes.size < FRAME_HEADER_BYTES)
		return FRAME_MORE;
	length = length_field(bytes.data + 1);
	if (length < 4 || length > (uint32_t)limit)
		return FRAME_BAD_LENGTH;
	f->size = (size_t)length + 1;
	f->body = span_after(bytes, FRAME_HEADER_BYTES);
	if (bytes.size < f->size)
		return FRAME_PARTIAL;
	f->body.size = f->size - FRAME_HEADER_BYTES;
	return FRAME_WHOLE;
}

const char *frame_name(enum frame_side side, char type)
{
	const char *name = names[side][(unsigned char)type];

	return name ? name : "?";
}
