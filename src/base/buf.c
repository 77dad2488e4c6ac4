/*
 * The byte queue of buf.h.  Does not know what the bytes mean.
 */
#include "base/buf.h"

#include "base/ensure.h"

#include <stdint.h>
#include <stdlib.h>

enum { SMALLEST_BYTES = 512 };

static void check(const struct buf *b)
{
	ensure(b->sent <= b->seen && b->seen <= b->filled && b->filled <= b->capacity);
}

void buf_init(struct buf *b)
{
	*b = (struct buf){ 0 };
}

void buf_finish(struct buf *b)
{
	free(b->data);
	buf_init(b);
}

static void move_to_front(struct buf *b)
{
	if (b->sent == 0)
		return;
	memmove(b->data, b->data + b->sent, b->filled - b->sent);
	b->seen -= b->sent;
	b->filled -= b->sent;
	b->sent = 0;
}

void buf_reserve(struct buf *b, size_t size)
{
	size_t capacity = b->capacity;

	if (size <= buf_room_size(b))
		return;
	move_to_front(b);
	if (size <= buf_room_size(b))
		return;
	ensure(size <= SIZE_MAX / 4 - b->filled); /* callers bound what peers chose */
	if (capacity < SMALLEST_BYTES)
		capacity = SMALLEST_BYTES;
	while (size > capacity - b->filled)
		capacity *= 2;
	b->data = memory_resize(b->data, capacity);
	b->capacity = capacity;
}

void buf_append(struct buf *b, const void *data, size_t size)
{
	if (size == 0)
		return;
	buf_reserve(b, size);
	memcpy(b->data + b->filled, data, size);
	b->filled += size;
}

void buf_fill(struct buf *b, size_t size)
{
	b->filled += size;
	check(b);
}

void buf_see(struct buf *b, size_t size)
{
	b->seen += size;
	check(b);
}

void buf_send(struct buf *b, size_t size)
{
	b->sent += size;
	if (b->seen < b->sent)
		b->seen = b->sent;
	check(b);
	if (buf_is_empty(b))
		b->sent = b->seen = b->filled = 0;
}
