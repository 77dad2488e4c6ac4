/*
 * The 64-bit number that stands for a normal form, in statistics and for people;
 * also the words that people see.  The number can be forged: whoever acts on an
 * equal one compares the texts too.
 */
#ifndef PGWEIR_SQL_DIGEST_H
#define PGWEIR_SQL_DIGEST_H

#include "base/span.h"

#include <stdint.h>

enum { DIGEST_TEXT_MAX = 4096 };

/* XXH3 of the text; the same in every process and version with seed 0. */
uint64_t digest_make(struct span text, uint64_t seed);

/* Writes the normal form with *all* literals replaced, also those of statements
 * that are known by their exact text ("alter role … password '$?'"), cut
 * between characters to fit; returns its size. */
size_t digest_describe(struct span text, bool standard_conforming_strings, char *room,
		       size_t room_size);

/* "insert (too long)": of a text that is not kept; returns its size. */
size_t digest_describe_unkept(struct span first_word, const char *why, char *room,
			      size_t room_size);

#endif
