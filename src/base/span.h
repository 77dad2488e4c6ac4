/*
 * A span is a view of bytes that somebody else owns: pointer and length, no
 * terminator.  It never allocates; it lives no longer than what it looks at.
 */
#ifndef PGWEIR_BASE_SPAN_H
#define PGWEIR_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
	const char *data;
	size_t size; /* bytes */
};

/* For printf: printf("%.*s", SPAN_ARGS(s)). */
#define SPAN_ARGS(s) (int)(s).size, (s).data

static inline struct span span_make(const void *data, size_t size)
{
	return (struct span){ data, size };
}

/* The bytes of a C string, without its NUL. */
static inline struct span span_of(const char *text)
{
	return (struct span){ text, strlen(text) };
}

static inline bool span_equal(struct span a, struct span b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool span_is(struct span s, const char *text)
{
	return span_equal(s, span_of(text));
}

/* `words` ends with NULL. */
static inline bool span_is_one_of(struct span s, const char *const *words)
{
	for (; *words; words++)
		if (span_is(s, *words))
			return true;
	return false;
}

static inline bool span_starts_with(struct span s, const char *prefix)
{
	size_t size = strlen(prefix);

	return s.size >= size && memcmp(s.data, prefix, size) == 0;
}

/* What is left of s after its first `size` bytes; size <= s.size. */
static inline struct span span_after(struct span s, size_t size)
{
	return (struct span){ s.data + size, s.size - size };
}

/* The first `size` bytes of s; size <= s.size. */
static inline struct span span_first(struct span s, size_t size)
{
	return (struct span){ s.data, size };
}

#endif
