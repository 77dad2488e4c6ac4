/*
 * Reads the fields of a message body.  A reader that ran past the end has
 * failed for good and gives zeros and empty spans; check once, at the end.
 */
#ifndef PGWEIR_WIRE_READ_H
#define PGWEIR_WIRE_READ_H

#include "base/span.h"

#include <stdint.h>

struct reader {
	struct span left;
	bool failed;
};

static inline struct reader reader_of(struct span body)
{
	return (struct reader){ body, false };
}

uint8_t read_byte(struct reader *r);
int16_t read_int16(struct reader *r);
int32_t read_int32(struct reader *r);
/* Up to the next NUL, which is taken but not part of the span. */
struct span read_text(struct reader *r);
struct span read_bytes(struct reader *r, size_t size);

/* Everything was read and nothing was missing. */
static inline bool reader_is_done(const struct reader *r)
{
	return !r->failed && r->left.size == 0;
}

#endif
