/*
 * SQL text → tokens, by PostgreSQL's lexical rules (manual, chapter 4.1), in one
 * linear pass without allocation.  Knows no grammar: keywords are words.
 */
#ifndef PGWEIR_SQL_LEXER_H
#define PGWEIR_SQL_LEXER_H

#include "base/span.h"
#include "sql/verdict.h"

#include <stdint.h>

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
	unsigned keyword; /* 0 from the lexer; keyword_find() of who asks */
	struct span text; /* in the text that is read, quotes and prefix included */
};

struct lexer {
	const char *at, *end;
	bool standard_conforming_strings;
	bool is_broken; /* junk or something without its end was met */
	enum route_hint hint; /* of the comments so far; primary wins */
};

/* The bytes before the first NUL, where the text ends for the server.  Not strnlen():
 * libpg_query exports one, a slow one, and the linker takes it. */
static inline struct span text_before_nul(struct span text)
{
	const char *nul = text.size ? memchr(text.data, '\0', text.size) : NULL;

	if (text.size == 0)
		return span_make("", 0);
	return nul ? span_first(text, (size_t)(nul - text.data)) : text;
}

/* The text ends at its first NUL. */
void lexer_start(struct lexer *l, struct span text, bool standard_conforming_strings);
/* The next token; TOKEN_END again and again at the end. */
struct token lexer_next(struct lexer *l);
/* Behind an opening bracket or a comma: skips a literal that needs no rules (-12.5,
 * 'abc') up to the comma or closing bracket behind it, fast, if that is what comes. */
bool lexer_skip_literal(struct lexer *l, enum token_kind *kind);
/* Behind an opening bracket: skips a list of such up to its closing bracket, if there
 * is nothing else in it; `first` is the first one's kind. */
bool lexer_skip_list(struct lexer *l, enum token_kind *first);

static inline bool token_is(const struct token *t, char mark)
{
	return t->text.size == 1 && t->text.data[0] == mark;
}

/* A letter as PostgreSQL folds it: ASCII only, the rest stays. */
extern const char folded_letters[256];

static inline char fold_letter(char c)
{
	return folded_letters[(unsigned char)c];
}

/* fold_letter() on eight bytes: adding to seven bits tells by the eighth what is
 * above a letter; no byte carries into the next. */
static inline uint64_t fold_eight(uint64_t bytes)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t low = bytes & (0x7f * ones);
	uint64_t from_a = low + (0x80 - 'A') * ones, beyond_z = low + (0x7f - 'Z') * ones;

	return bytes | ((from_a ^ beyond_z) & ~bytes & (0x80 * ones)) >> 2;
}

/* May it be in a word, in whatever encoding? */
static inline bool is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || (c & 0x80);
}

/* U&'…' or U&"…": a UESCAPE clause may follow. */
static inline bool token_is_unicode(const struct token *t)
{
	return (t->kind == TOKEN_STRING || t->kind == TOKEN_NAME) &&
	       fold_letter(t->text.data[0]) == 'u';
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
