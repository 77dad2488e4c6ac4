/*
 * Any text through the lexer and through PostgreSQL's own scanner: the same tokens.
 * The input is the text, up to its first NUL; whole files of SQL will do.  What the
 * scanner refuses as a whole is also compared in pieces, cut behind semicolons at the
 * end of a line.
 */
#include "../unit/sql/scanner.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_pieces(char *text)
{
	char *end;

	while ((end = strstr(text, ";\n"))) {
		*end = '\0';
		ensure(agrees_with_postgresql(text));
		text = end + 2;
	}
	ensure(agrees_with_postgresql(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = memory_get(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	/* White space since PostgreSQL 16 only. */
	for (char *p = strchr(text, '\v'); p; p = strchr(p, '\v'))
		*p = ' ';
	ensure(agrees_with_postgresql(text));
	check_pieces(text);
	free(text);
	return 0;
}
