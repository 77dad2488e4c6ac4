/*
 * ensure() states what must be true unless pgweir itself has a bug.  It is
 * compiled into every build: a broken invariant stops the process with the
 * place and the condition, because going on could hand one client's bytes to
 * another.  What a peer or the world can cause is never an ensure().
 */
#ifndef PGWEIR_BASE_ENSURE_H
#define PGWEIR_BASE_ENSURE_H

#include <stddef.h>

#define ensure(condition)                                                      \
	(__builtin_expect(!!(condition), 1)                                    \
		 ? (void)0                                                     \
		 : ensure_failed(#condition, __FILE__, __LINE__, __func__))

/* Prints the place to standard error, then aborts.  Does not return. */
__attribute__((noreturn, cold)) void ensure_failed(const char *condition, const char *file,
						   int line, const char *function);

/* malloc/calloc/realloc/strdup for small sizes that no peer chose: they abort
 * when there is no memory.  A size that a peer chose is checked against its
 * limit first. */
void *memory_get(size_t size);
void *memory_get_zeroed(size_t size);
void *memory_resize(void *memory, size_t size);
char *memory_copy_text(const char *text);

#endif
