/*
 * A growing byte queue with three cursors:
 *
 *     data            sent            seen            filled        capacity
 *      |---- free ----|--- waiting ---|--- not seen ---|---- room ----|
 *
 * sent <= seen <= filled <= capacity, always.  Bytes are appended at `filled`,
 * looked at (framed) at `seen`, and leave at `sent`.  A queue that only carries
 * bytes uses two of them and keeps seen == filled out of its mind.
 *
 * The owner is whoever called buf_init; no locking.
 */
#ifndef PGWEIR_BASE_BUF_H
#define PGWEIR_BASE_BUF_H

#include "base/span.h"

struct buf {
	char *data;
	size_t sent;
	size_t seen;
	size_t filled;
	size_t capacity;
};

/* An empty queue that owns no memory yet. */
void buf_init(struct buf *b);
/* Gives the memory back; the queue is empty and usable again. */
void buf_finish(struct buf *b);

/* Room for `size` more bytes at buf_room(); moves the bytes when it must. */
void buf_reserve(struct buf *b, size_t size);
void buf_append(struct buf *b, const void *data, size_t size);
/* Says that `size` bytes were written at buf_room().data. */
void buf_fill(struct buf *b, size_t size);
/* Says that the next `size` unseen bytes were looked at. */
void buf_see(struct buf *b, size_t size);
/* Says that the first `size` bytes left; what was not seen before it is now. */
void buf_send(struct buf *b, size_t size);

/* Everything that has not left yet. */
static inline struct span buf_waiting(const struct buf *b)
{
	/* NULL + 0 is undefined in C. */
	return b->data ? span_make(b->data + b->sent, b->filled - b->sent) : span_make("", 0);
}

/* The part of it that was not looked at. */
static inline struct span buf_unseen(const struct buf *b)
{
	return b->data ? span_make(b->data + b->seen, b->filled - b->seen) : span_make("", 0);
}

static inline size_t buf_room_size(const struct buf *b)
{
	return b->capacity - b->filled;
}

static inline bool buf_is_empty(const struct buf *b)
{
	return b->filled == b->sent;
}

#endif
