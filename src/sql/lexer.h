/*
 * SQL text → tokens, by PostgreSQL's lexical rules (manual, chapter 4.1), in one
 * linear pass without allocation.  Knows no grammar: keywords are words.
 */
#ifndef PGWEIR_SQL_LEXER_H
#define PGWEIR_SQL_LEXER_H

#include "base/span.h"
#include "sql/verdict.h"

enum token_kind {
	TOKEN_END,
	TOKEN_WORD, /* a keyword or an identifier without quotes */
	TOKEN_NAME, /* "…" or U&"…" */
	TOKEN_STRING, /* '…', E'…', U&'…', $tag$…$tag$, with its continuations */
	TOKEN_NATIONAL, /* N'…' */
	TOKEN_BITS, /* B'…' or X'…' */
	TOKEN_NUMBER, /* without a sign */
	TOKEN_PARAMETER, /* $1 */
	TOKEN_OPERATOR, /* also :: := .. => */
	TOKEN_MARK, /* one of , ( ) [ ] . ; : */
	TOKEN_JUNK, /* what no PostgreSQL accepts; the lexer is broken from here on */
};

struct token {
	enum token_kind kind;
	struct span text; /* in the text that is read, quotes and prefix included */
};

struct lexer {
	const char *at, *end;
	bool standard_conforming_strings;
	bool is_broken; /* junk or something without its end was met */
	enum route_hint hint; /* of the comments so far; primary wins */
};

/* The text ends at its first NUL, as it does for the server. */
void lexer_start(struct lexer *l, struct span text, bool standard_conforming_strings);
/* The next token; TOKEN_END again and again at the end. */
struct token lexer_next(struct lexer *l);

static inline bool token_is(const struct token *t, char mark)
{
	return t->text.size == 1 && t->text.data[0] == mark;
}

/* U&'…' or U&"…": a UESCAPE clause may follow. */
bool token_is_unicode(const struct token *t);
/* A letter as PostgreSQL folds it: ASCII only, the rest stays. */
static inline char fold_letter(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Is it this word, given in lower case? */
static inline bool token_is_word(const struct token *t, const char *word)
{
	size_t i;

	if (t->kind != TOKEN_WORD)
		return false;
	for (i = 0; i < t->text.size; i++)
		if (fold_letter(t->text.data[i]) != word[i])
			return false;
	return word[i] == '\0';
}

#endif
