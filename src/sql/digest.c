/*
 * The digest of digest.h; the only file that hashes texts.  xxHash is inlined,
 * for libpg_query exports functions of the same names.  Any thread.
 */
#define XXH_INLINE_ALL
#include "sql/digest.h"

#include "sql/lexer.h"
#include "sql/normal.h"

#include <stdio.h>
#include <xxhash.h>

uint64_t digest_make(struct span text, uint64_t seed)
{
	return XXH3_64bits_withSeed(text.data, text.size, seed);
}

static bool is_trail_byte(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

size_t digest_describe(struct span text, bool standard_conforming_strings, char *room,
		       size_t room_size)
{
	struct normal n;
	const struct normal_options options = {
		.standard_conforming_strings = standard_conforming_strings,
		.for_people = true,
	};
	size_t size;

	normal_make(&n, text, &options, room, room_size);
	size = n.text.size;
	if (!n.is_too_long)
		return size;
	/* The first byte that was cut away is unknown: the last whole character goes too. */
	while (size > 0 && is_trail_byte(room[size - 1]))
		size--;
	return size > 0 && (room[size - 1] & 0x80) ? size - 1 : size;
}

size_t digest_describe_unkept(struct span first_word, const char *why, char *room,
			      size_t room_size)
{
	char word[24] = "query";
	size_t i;

	if (first_word.size > 0 && first_word.size < sizeof(word)) {
		for (i = 0; i < first_word.size; i++)
			word[i] = fold_letter(first_word.data[i]);
		word[i] = '\0';
	}
	i = (size_t)snprintf(room, room_size, "%s (%s)", word, why);
	return i < room_size ? i : room_size - 1;
}
