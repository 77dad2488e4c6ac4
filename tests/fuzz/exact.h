/*
 * What fuzz targets share: the entry point's prototype, and copies in memory of
 * exactly their size, so that ASan sees a parser that looks one byte too far.
 */
#ifndef PGWEIR_FUZZ_EXACT_H
#define PGWEIR_FUZZ_EXACT_H

#include "base/ensure.h"
#include "base/span.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline struct span exact_copy(struct span s)
{
	char *copy = memory_get(s.size ? s.size : 1);

	if (s.size)
		memcpy(copy, s.data, s.size);
	return span_make(copy, s.size);
}

static inline void exact_free(struct span s)
{
	free((void *)s.data);
}

/* Is `inner` a part of `outer`? */
static inline bool span_is_within(struct span inner, struct span outer)
{
	return inner.data >= outer.data && inner.size <= outer.size &&
	       (size_t)(inner.data - outer.data) <= outer.size - inner.size;
}

#endif
