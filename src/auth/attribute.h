/*
 * The text inside SCRAM messages: attributes "x=value" with commas between them
 * (RFC 5802, section 5.1).  Each function takes what it read off the front of
 * `left`; after false, `left` is anywhere and the message is refused.
 */
#ifndef PGWEIR_AUTH_ATTRIBUTE_H
#define PGWEIR_AUTH_ATTRIBUTE_H

#include "auth/scram.h"
#include "base/span.h"

#include <stdbool.h>

/* Not empty, no longer than SCRAM_MESSAGE_BYTES, no NUL in it: asked first. */
bool attribute_is_message(struct span message);

bool attribute_take_char(struct span *left, char c);
/* The attribute `wanted`, up to a comma or the end; the comma is left. */
bool attribute_take(struct span *left, char wanted, struct span *value);
/* The same for whatever letter comes next. */
bool attribute_take_any(struct span *left, char *name, struct span *value);
/* The part before `end`, which is taken too; false when there is no `end`. */
bool attribute_take_until(struct span *left, char end, struct span *part);
/* What may still follow is extensions: SCRAM_UNSUPPORTED when one is mandatory. */
enum scram_result attribute_skip_rest(struct span left);

/* Printable ASCII, not empty.  A comma ends an attribute, so `text` has none. */
bool attribute_is_nonce(struct span text);
/* A decimal number without sign or leading zeros; what does not fit is INT_MAX,
 * which every cap refuses. */
bool attribute_read_number(struct span text, int *number);

#endif
