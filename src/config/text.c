/*
 * The text helpers of text.h.  Does not know any option.
 */
#include "config/text.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <strings.h>

enum { DISTANCE_LIMIT = 40 };

static bool is_blank(char c)
{
	return isspace((unsigned char)c) != 0;
}

struct span text_trim(struct span text)
{
	while (text.size > 0 && is_blank(text.data[0]))
		text = span_after(text, 1);
	while (text.size > 0 && is_blank(text.data[text.size - 1]))
		text.size--;
	return text;
}

bool text_split(struct span *rest, char separator, struct span *head)
{
	const char *found = rest->size > 0 ? memchr(rest->data, separator, rest->size) : NULL;

	if (found == NULL) {
		*head = *rest;
		*rest = span_after(*rest, rest->size);
		return false;
	}
	*head = span_first(*rest, (size_t)(found - rest->data));
	*rest = span_after(*rest, head->size + 1);
	return true;
}

bool text_next_word(struct span *rest, struct span *word)
{
	*rest = text_trim(*rest);
	word->data = rest->data;
	word->size = 0;
	while (word->size < rest->size && !is_blank(rest->data[word->size]))
		word->size++;
	*rest = span_after(*rest, word->size);
	return word->size > 0;
}

bool text_contains(struct span text, const char *part)
{
	return text.size > 0 && memmem(text.data, text.size, part, strlen(part)) != NULL;
}

bool text_is_word(struct span text, const char *word)
{
	return text.size == strlen(word) && strncasecmp(text.data, word, text.size) == 0;
}

bool text_number(struct span text, int lowest, int highest, int *number)
{
	long long value = 0;

	if (text.size == 0 || (text.size > 1 && text.data[0] == '0'))
		return false;
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		value = value * 10 + (text.data[i] - '0');
		if (value > highest)
			return false;
	}
	if (value < lowest)
		return false;
	*number = (int)value;
	return true;
}

/* inih ends a value at a semicolon that is its first byte or follows a blank,
 * and strips blanks at both ends; there is no quoting. */
const char *text_flaw(struct span text)
{
	if (text.size > TEXT_LIMIT_BYTES)
		return "is longer than 65536 bytes";
	for (size_t i = 0; i < text.size; i++) {
		if (iscntrl((unsigned char)text.data[i]) && text.data[i] != '\t')
			return "contains a control character";
		if (text.data[i] == ';' && (i == 0 || is_blank(text.data[i - 1])))
			return "contains a semicolon that would begin a comment";
	}
	if (text_trim(text).size != text.size)
		return "begins or ends with a blank";
	return NULL;
}

struct text_excerpt text_show(struct span text)
{
	struct text_excerpt shown = { "" };
	const size_t room = sizeof(shown.text) - sizeof("...");
	size_t used = 0;

	for (size_t i = 0; i < text.size; i++) {
		unsigned char c = (unsigned char)text.data[i];
		/* Bytes of UTF-8 pass, so that names stay readable. */
		bool plain = c >= 0x20 && c != 0x7f;
		size_t size = plain ? 1 : 4;

		if (size > room - used) {
			memcpy(shown.text + used, "...", sizeof("..."));
			return shown;
		}
		if (plain)
			shown.text[used] = (char)c;
		else
			snprintf(shown.text + used, 5, "\\x%02x", c);
		used += size;
	}
	shown.text[used] = '\0';
	return shown;
}

static int smallest(int a, int b, int c)
{
	int d = a < b ? a : b;

	return d < c ? d : c;
}

/* The optimal string alignment distance, with three rows of its table. */
int text_distance(struct span a, struct span b)
{
	int rows[3][DISTANCE_LIMIT + 1] = { { 0 } };

	if (a.size > DISTANCE_LIMIT || b.size > DISTANCE_LIMIT)
		return INT_MAX;
	for (size_t j = 0; j <= b.size; j++)
		rows[0][j] = (int)j;
	for (size_t i = 1; i <= a.size; i++) {
		int *row = rows[i % 3];
		const int *above = rows[(i + 2) % 3], *higher = rows[(i + 1) % 3];

		row[0] = (int)i;
		for (size_t j = 1; j <= b.size; j++) {
			row[j] = smallest(above[j] + 1, row[j - 1] + 1,
					  above[j - 1] + (a.data[i - 1] != b.data[j - 1]));
			if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] &&
			    a.data[i - 2] == b.data[j - 1])
				row[j] = smallest(row[j], row[j], higher[j - 2] + 1);
		}
	}
	return rows[a.size % 3][b.size];
}
