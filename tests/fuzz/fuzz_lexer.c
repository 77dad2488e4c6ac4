/*
 * Any bytes through the lexer and the normal form: no crash, progress at every
 * token, and a form that does not depend on what must not matter.
 */
#include "base/ensure.h"
#include "sql/guess.h"
#include "sql/lexer.h"
#include "sql/normal.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char room[2][NORMAL_BYTES_MAX];

static void check_tokens(struct span text, bool strings)
{
	struct lexer l;
	struct token t;
	const char *at;

	lexer_start(&l, text, strings);
	at = l.at;
	for (t = lexer_next(&l); t.kind != TOKEN_END; t = lexer_next(&l)) {
		ensure(t.text.size > 0 && t.text.data >= at);
		at = t.text.data + t.text.size;
		ensure(at == l.at && at <= l.end);
	}
	ensure(l.at == l.end);
}

static void expect_same(const struct normal *n, struct span text,
			const struct normal_options *options)
{
	struct normal again;

	normal_make(&again, text, options, room[1], sizeof(room[1]));
	ensure(!again.is_broken && !again.is_too_long);
	ensure(span_equal(again.text, n->text));
	ensure(again.statement_count == n->statement_count);
	ensure(again.hint == n->hint);
}

/* White space and a comment at the end are nothing. */
static void check_tail(const struct normal *n, struct span text,
		       const struct normal_options *options)
{
	static const char tail[] = "\n/* x */ ";
	size_t size = text_before_nul(text).size;
	char *longer = memory_get(size + sizeof(tail));

	memcpy(longer, text.data, size);
	memcpy(longer + size, tail, sizeof(tail));
	expect_same(n, span_make(longer, size + sizeof(tail) - 1), options);
	free(longer);
}

/* A form with values in it has itself as its form. */
static void check_form(const struct normal *n, const struct normal_options *options)
{
	char *filled = memory_get(n->text.size + 1);

	memcpy(filled, n->text.data, n->text.size);
	if (n->text.size > 0)
		normal_fill(filled, n->text.size);
	expect_same(n, span_make(filled, n->text.size), options);
	free(filled);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct normal_options options = { 0 };
	struct span text;
	struct normal n;

	if (size == 0)
		return 0;
	options.standard_conforming_strings = data[0] & 1;
	options.for_people = data[0] & 2;
	text = span_make(data + 1, size - 1);
	check_tokens(text, options.standard_conforming_strings);
	guess_from_tokens(text, options.standard_conforming_strings);
	guess_from_bytes(text);
	normal_make(&n, text, &options, room[0], sizeof(room[0]));
	if (n.is_broken || n.is_too_long || n.has_old_escapes)
		return 0;
	check_tail(&n, text, &options);
	check_form(&n, &options);
	return 0;
}
