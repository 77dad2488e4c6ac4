/*
 * What the tests of this folder share: spans of literals, and copies in memory
 * of exactly their size, so that ASan sees a parser that looks one byte too far.
 */
#ifndef PGWEIR_TESTS_WIRE_BYTES_H
#define PGWEIR_TESTS_WIRE_BYTES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/span.h"

/* A literal with all its NULs but the one that C adds. */
#define BYTES(literal) span_make("" literal, sizeof(literal) - 1)

static inline struct span exact_copy(struct span s)
{
	char *copy = malloc(s.size ? s.size : 1);

	assert_non_null(copy);
	if (s.size)
		memcpy(copy, s.data, s.size);
	return span_make(copy, s.size);
}

static inline void exact_free(struct span s)
{
	free((void *)s.data);
}

static inline void assert_span(struct span s, const char *text)
{
	assert_int_equal(s.size, strlen(text));
	assert_memory_equal(s.data, text, s.size);
}

static inline void assert_bytes(struct span s, struct span expected)
{
	assert_int_equal(s.size, expected.size);
	if (expected.size)
		assert_memory_equal(s.data, expected.data, expected.size);
}

/* xorshift: tests with many shapes are the same in each run. */
static inline uint32_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 32);
}

#endif
