/*
 * What the normal form and the measure of depth ask of a word, answered by one look
 * into a table: bits of enum keyword_use, 0 for any other word.
 */
#ifndef PGWEIR_SQL_KEYWORD_H
#define PGWEIR_SQL_KEYWORD_H

#include "base/span.h"

enum keyword_use {
	KEYWORD_SPACED = 1, /* people write a space between it and a bracket */
	KEYWORD_BEFORE_OPERAND = 2, /* reserved, and only a new operand may follow */
	KEYWORD_REPLACED = 4, /* begins statements whose literals are replaced */
	/* Any number of these makes one level: the grammar flattens AND and OR; a query
	 * has one of each other, a join one ON. */
	KEYWORD_FLAT = 8,
	KEYWORD_SET_OPERATION = 16,
	KEYWORD_IN = 32,
	KEYWORD_UESCAPE = 64,
};

/* Of a word in any case, without quotes.  Up to `readable_end`, which may lie behind the
 * word, memory may be read. */
unsigned keyword_find(struct span word, const char *readable_end);

#endif
