/*
 * The table of keyword.h.  Does not know what else is a keyword of PostgreSQL.  Any
 * thread.
 */
#include "sql/keyword.h"

#include "sql/lexer.h"

#include <endian.h>
#include <stddef.h>

enum {
	SPACED = KEYWORD_SPACED,
	OPERAND = KEYWORD_BEFORE_OPERAND,
	REPLACED = KEYWORD_REPLACED,
	FLAT = KEYWORD_FLAT,
	SETS = KEYWORD_SET_OPERATION,
	WORD_MAX = 9,
};

/* The first eight letters as a little-endian number, the ninth apart. */
struct word {
	uint64_t start;
	unsigned char size, ninth, uses;
};

#define BYTE(c, n) ((uint64_t)(c) << 8 * (n))
#define START(a, b, c, d, e, f, g, h)                                                   \
	(BYTE(a, 0) | BYTE(b, 1) | BYTE(c, 2) | BYTE(d, 3) | BYTE(e, 4) | BYTE(f, 5) | \
	 BYTE(g, 6) | BYTE(h, 7))
/* Found by trying: gives each of the words a place of its own.  Two at one place would be
 * a warning of the compiler (override-init): then another multiplier has to be tried. */
#define PLACE(start) (((start) * 0xec148cb48e73ca47u) >> 57)
#define WORD(size, uses, a, b, c, d, e, f, g, h, i)                                     \
	[PLACE(START(a, b, c, d, e, f, g, h))] = { START(a, b, c, d, e, f, g, h), size, i, uses }

static const struct word words[128] = {
	WORD(3, SPACED, 'a', 'l', 'l', 0, 0, 0, 0, 0, 0),
	WORD(3, SPACED | OPERAND | FLAT, 'a', 'n', 'd', 0, 0, 0, 0, 0, 0),
	WORD(3, SPACED, 'a', 'n', 'y', 0, 0, 0, 0, 0, 0),
	WORD(2, SPACED, 'a', 's', 0, 0, 0, 0, 0, 0, 0),
	WORD(2, SPACED, 'b', 'y', 0, 0, 0, 0, 0, 0, 0),
	WORD(6, REPLACED, 'd', 'e', 'l', 'e', 't', 'e', 0, 0, 0),
	WORD(4, SPACED | OPERAND, 'e', 'l', 's', 'e', 0, 0, 0, 0, 0),
	WORD(6, SPACED | SETS, 'e', 'x', 'c', 'e', 'p', 't', 0, 0, 0),
	WORD(6, SPACED, 'e', 'x', 'i', 's', 't', 's', 0, 0, 0),
	WORD(7, SPACED, 'e', 'x', 'p', 'l', 'a', 'i', 'n', 0, 0),
	WORD(6, SPACED, 'f', 'i', 'l', 't', 'e', 'r', 0, 0, 0),
	WORD(4, SPACED, 'f', 'r', 'o', 'm', 0, 0, 0, 0, 0),
	WORD(6, SPACED | OPERAND | FLAT, 'h', 'a', 'v', 'i', 'n', 'g', 0, 0, 0),
	WORD(2, SPACED | OPERAND | KEYWORD_IN, 'i', 'n', 0, 0, 0, 0, 0, 0, 0),
	WORD(6, REPLACED, 'i', 'n', 's', 'e', 'r', 't', 0, 0, 0),
	WORD(9, SPACED | SETS, 'i', 'n', 't', 'e', 'r', 's', 'e', 'c', 't'),
	WORD(4, SPACED, 'j', 'o', 'i', 'n', 0, 0, 0, 0, 0),
	WORD(7, SPACED, 'l', 'a', 't', 'e', 'r', 'a', 'l', 0, 0),
	WORD(5, SPACED | OPERAND, 'l', 'i', 'm', 'i', 't', 0, 0, 0, 0),
	WORD(5, REPLACED, 'm', 'e', 'r', 'g', 'e', 0, 0, 0, 0),
	WORD(3, SPACED, 'n', 'o', 't', 0, 0, 0, 0, 0, 0),
	WORD(6, SPACED | OPERAND, 'o', 'f', 'f', 's', 'e', 't', 0, 0, 0),
	WORD(2, SPACED | OPERAND | FLAT, 'o', 'n', 0, 0, 0, 0, 0, 0, 0),
	WORD(2, SPACED | OPERAND | FLAT, 'o', 'r', 0, 0, 0, 0, 0, 0, 0),
	WORD(4, SPACED, 'o', 'v', 'e', 'r', 0, 0, 0, 0, 0),
	WORD(9, SPACED, 'r', 'e', 't', 'u', 'r', 'n', 'i', 'n', 'g'),
	WORD(6, SPACED | OPERAND | REPLACED, 's', 'e', 'l', 'e', 'c', 't', 0, 0, 0),
	WORD(3, SPACED, 's', 'e', 't', 0, 0, 0, 0, 0, 0),
	WORD(5, REPLACED, 't', 'a', 'b', 'l', 'e', 0, 0, 0, 0),
	WORD(4, SPACED | OPERAND, 't', 'h', 'e', 'n', 0, 0, 0, 0, 0),
	WORD(7, KEYWORD_UESCAPE, 'u', 'e', 's', 'c', 'a', 'p', 'e', 0, 0),
	WORD(5, SPACED | SETS, 'u', 'n', 'i', 'o', 'n', 0, 0, 0, 0),
	WORD(6, REPLACED, 'u', 'p', 'd', 'a', 't', 'e', 0, 0, 0),
	WORD(5, SPACED, 'u', 's', 'i', 'n', 'g', 0, 0, 0, 0),
	WORD(6, SPACED | REPLACED, 'v', 'a', 'l', 'u', 'e', 's', 0, 0, 0),
	WORD(4, SPACED | OPERAND, 'w', 'h', 'e', 'n', 0, 0, 0, 0, 0),
	WORD(5, SPACED | OPERAND | FLAT, 'w', 'h', 'e', 'r', 'e', 0, 0, 0, 0),
	WORD(4, SPACED | REPLACED, 'w', 'i', 't', 'h', 0, 0, 0, 0, 0),
};

static uint64_t read_start(struct span word, const char *readable_end)
{
	uint64_t start = 0;

	if (readable_end - word.data >= (ptrdiff_t)sizeof(start))
		memcpy(&start, word.data, sizeof(start));
	else
		memcpy(&start, word.data, word.size < 8 ? word.size : 8);
	start = fold_eight(le64toh(start));
	return word.size < 8 ? start & ~(~(uint64_t)0 << 8 * word.size) : start;
}

/* One place is looked at, without a branch that depends on the word. */
unsigned keyword_find(struct span word, const char *readable_end)
{
	uint64_t start = read_start(word, readable_end);
	const struct word *w = &words[PLACE(start)];
	char ninth = word.size == WORD_MAX ? fold_letter(word.data[8]) : 0;

	bool is_found = (w->start == start) & (w->size == word.size) &
			(w->ninth == (unsigned char)ninth);

	return is_found ? w->uses : 0;
}
