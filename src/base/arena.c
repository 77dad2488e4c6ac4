/*
 * The arena of arena.h: a list of blocks, the newest one being filled.
 */
#include "base/arena.h"

#include "base/ensure.h"

#include <stdalign.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 8 * 1024 };

struct arena_block {
	struct arena_block *next;
	size_t used;
	size_t capacity;
	alignas(max_align_t) char data[];
};

void arena_init(struct arena *a)
{
	a->blocks = NULL;
}

static void free_blocks(struct arena_block *block)
{
	while (block) {
		struct arena_block *next = block->next;

		free(block);
		block = next;
	}
}

void arena_finish(struct arena *a)
{
	free_blocks(a->blocks);
	a->blocks = NULL;
}

static void add_block(struct arena *a, size_t size)
{
	size_t capacity = size > BLOCK_BYTES ? size : BLOCK_BYTES;
	struct arena_block *block = memory_get(sizeof *block + capacity);

	block->next = a->blocks;
	block->used = 0;
	block->capacity = capacity;
	a->blocks = block;
}

void *arena_get(struct arena *a, size_t size)
{
	size_t aligned = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	void *piece;

	ensure(aligned >= size);
	if (!a->blocks || aligned > a->blocks->capacity - a->blocks->used)
		add_block(a, aligned);
	piece = a->blocks->data + a->blocks->used;
	a->blocks->used += aligned;
	return piece;
}

char *arena_copy_text(struct arena *a, struct span text)
{
	char *copy = arena_get(a, text.size + 1);

	if (text.size)
		memcpy(copy, text.data, text.size);
	copy[text.size] = '\0';
	return copy;
}

void arena_reset(struct arena *a)
{
	struct arena_block *kept = a->blocks;

	if (!kept)
		return;
	if (kept->capacity > BLOCK_BYTES) {
		arena_finish(a);
		return;
	}
	free_blocks(kept->next);
	kept->next = NULL;
	kept->used = 0;
}
