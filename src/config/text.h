/*
 * Pieces of configuration text: what is between blanks, commas, digits.  Pure
 * functions over spans; none allocates.
 */
#ifndef PGWEIR_CONFIG_TEXT_H
#define PGWEIR_CONFIG_TEXT_H

#include "base/span.h"

#include <stdbool.h>

/* The longest line, --set or URL, and so the longest value. */
enum { TEXT_LIMIT_BYTES = 65536 };

/* Without the blanks at both ends. */
struct span text_trim(struct span text);
/* Takes from *rest what comes before the next `separator` (or all of it), which
 * is taken as well; false when there was no separator. */
bool text_split(struct span *rest, char separator, struct span *head);
/* Takes the next word between blanks; false when there is none. */
bool text_next_word(struct span *rest, struct span *word);
bool text_contains(struct span text, const char *part);
/* Same letters, whatever their case? */
bool text_is_word(struct span text, const char *word);

/* Digits only: no sign, blank, unit or leading zero; lowest..highest, both >= 0. */
bool text_number(struct span text, int lowest, int highest, int *number);

/* NULL when the text can be written as a value in an ini file and read back;
 * otherwise what it must not have. */
const char *text_flaw(struct span text);

/* Text of unknown origin, made fit for a message: what is not printable is
 * escaped, what is long is cut. */
struct text_excerpt {
	char text[84];
};
struct text_excerpt text_show(struct span text);

/* How many letters must be added, dropped, changed or swapped with their
 * neighbour to turn a into b; texts of more than 40 bytes are far from all. */
int text_distance(struct span a, struct span b);

#endif
