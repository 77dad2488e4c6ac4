/*
 * Stops the process on our own bugs.  Runs on any thread; touches no state.
 */
#include "base/ensure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ensure_failed(const char *condition, const char *file, int line, const char *function)
{
	fprintf(stderr, "pgweir: bug: \"%s\" does not hold in %s (%s:%d)\n", condition, function,
		file, line);
	abort();
}

void *memory_get(size_t size)
{
	void *memory = malloc(size);

	ensure(memory || size == 0);
	return memory;
}

void *memory_get_zeroed(size_t size)
{
	void *memory = calloc(1, size);

	ensure(memory || size == 0);
	return memory;
}

void *memory_resize(void *memory, size_t size)
{
	void *moved = realloc(memory, size);

	ensure(moved || size == 0);
	return moved;
}

char *memory_copy_text(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(memory_get(size), text, size);
}
