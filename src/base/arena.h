/*
 * An arena gives small pieces that are all freed at once: the lifetime
 * "message".  Blocks are kept for the next message up to a bound.
 */
#ifndef PGWEIR_BASE_ARENA_H
#define PGWEIR_BASE_ARENA_H

#include "base/span.h"

struct arena_block;

struct arena {
	struct arena_block *blocks; /* the newest first; the arena owns them */
};

void arena_init(struct arena *a);
void arena_finish(struct arena *a);

/* `size` bytes, aligned for any type, not zeroed; valid until arena_reset. */
void *arena_get(struct arena *a, size_t size);
/* A copy of the span with a NUL behind it. */
char *arena_copy_text(struct arena *a, struct span text);
/* All pieces end; one block stays for the next use. */
void arena_reset(struct arena *a);

#endif
