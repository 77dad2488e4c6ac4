/*
 * The field reader of read.h.  Pure.
 */
#include "wire/read.h"

static struct span fail(struct reader *r)
{
	r->failed = true;
	r->left = span_make("", 0);
	return r->left;
}

struct span read_bytes(struct reader *r, size_t size)
{
	struct span bytes;

	if (r->failed || size > r->left.size)
		return fail(r);
	bytes = span_first(r->left, size);
	r->left = span_after(r->left, size);
	return bytes;
}

uint8_t read_byte(struct reader *r)
{
	struct span b = read_bytes(r, 1);

	return r->failed ? 0 : (uint8_t)b.data[0];
}

int16_t read_int16(struct reader *r)
{
	struct span b = read_bytes(r, 2);

	if (r->failed)
		return 0;
	return (int16_t)((uint16_t)(uint8_t)b.data[0] << 8 | (uint8_t)b.data[1]);
}

int32_t read_int32(struct reader *r)
{
	struct span b = read_bytes(r, 4);

	if (r->failed)
		return 0;
	return (int32_t)((uint32_t)(uint8_t)b.data[0] << 24 | (uint32_t)(uint8_t)b.data[1] << 16 |
			 (uint32_t)(uint8_t)b.data[2] << 8 | (uint8_t)b.data[3]);
}

struct span read_text(struct reader *r)
{
	const char *end = r->left.size ? memchr(r->left.data, '\0', r->left.size) : NULL;
	struct span text;

	if (r->failed || !end)
		return fail(r);
	text = span_first(r->left, (size_t)(end - r->left.data));
	r->left = span_after(r->left, text.size + 1);
	return text;
}
