/*
 * Our lexer beside PostgreSQL's own scanner (pg_query_scan, of PostgreSQL 15), token
 * by token.  Three differences are libpg_query's and are bridged: it makes comments
 * tokens, so they end a string that goes on behind them; N'…' is two tokens there;
 * U&'…' and U&"…" get a wrong end.  Numbers of PostgreSQL 16 are errors to it.
 */
#ifndef PGWEIR_TESTS_SCANNER_H
#define PGWEIR_TESTS_SCANNER_H

#include "sql/lexer.h"

#include "base/ensure.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>

struct scanner {
	PgQueryScanResult scanned;
	PgQuery__ScanResult *result; /* NULL when the scanner gave an error */
	const char *text;
	size_t next;
	struct span token; /* the current one */
	bool is_lost; /* reads a rest as a string of another kind: nothing to compare */
};

static inline struct scanner scanner_start(const char *text)
{
	struct scanner s = { .scanned = pg_query_scan(text), .text = text };

	if (!s.scanned.error)
		s.result = pg_query__scan_result__unpack(NULL, s.scanned.pbuf.len,
							 (void *)s.scanned.pbuf.data);
	return s;
}

static inline void scanner_finish(struct scanner *s)
{
	if (s->result)
		pg_query__scan_result__free_unpacked(s->result, NULL);
	pg_query_free_scan_result(s->scanned);
}

static inline bool scanner_is_at(const struct scanner *s, int kind)
{
	return s->next < s->result->n_tokens && (int)s->result->tokens[s->next]->token == kind;
}

static inline const char *scanner_end(const struct scanner *s, size_t token)
{
	return s->text + s->result->tokens[token]->end;
}

/* The next token that is no comment. */
static inline bool scanner_next(struct scanner *s)
{
	const char *start;

	while (scanner_is_at(s, PG_QUERY__TOKEN__SQL_COMMENT) ||
	       scanner_is_at(s, PG_QUERY__TOKEN__C_COMMENT))
		s->next++;
	if (s->next == s->result->n_tokens)
		return false;
	start = s->text + s->result->tokens[s->next]->start;
	if (scanner_is_at(s, PG_QUERY__TOKEN__NCHAR) && *scanner_end(s, s->next) == '\'')
		s->next++;
	s->token = span_make(start, (size_t)(scanner_end(s, s->next) - start));
	s->next++;
	return true;
}

/* The string goes on behind comments: what libpg_query sees as its rest is skipped. */
static inline void scanner_join(struct scanner *s, const struct token *ours)
{
	const char *end = ours->text.data + ours->text.size;
	size_t next = s->next;
	bool has_comment = false;

	if (ours->kind != TOKEN_STRING && ours->kind != TOKEN_NATIONAL &&
	    ours->kind != TOKEN_BITS && !token_is_unicode(ours))
		return;
	while (next < s->result->n_tokens && s->text + s->result->tokens[next]->start < end)
		has_comment |= s->result->tokens[next++]->token == PG_QUERY__TOKEN__SQL_COMMENT;
	if (!has_comment && !token_is_unicode(ours))
		return;
	s->is_lost = has_comment && is_word_byte(ours->text.data[0]) && !token_is_unicode(ours);
	s->token.size = (size_t)(end - s->token.data);
	s->next = next;
}

/* Is the scanner's error one that the lexer has to notice, too? */
static inline bool scanner_sees_no_token(const struct scanner *s)
{
	return strncmp(s->scanned.error->message, "unterminated", strlen("unterminated")) == 0 ||
	       strncmp(s->scanned.error->message, "trailing junk", strlen("trailing junk")) == 0;
}

/* A number that only PostgreSQL 16 knows. */
static inline bool token_is_new_number(const struct token *t)
{
	return t->kind == TOKEN_NUMBER &&
	       (memchr(t->text.data, '_', t->text.size) ||
		(t->text.size > 1 && t->text.data[0] == '0' && is_word_byte(t->text.data[1]) &&
		 !(t->text.data[1] >= '0' && t->text.data[1] <= '9') &&
		 fold_letter(t->text.data[1]) != 'e'));
}

/* PostgreSQL found an error: so must we, unless it is one of the values. */
static inline bool both_broken(const struct scanner *s, struct span text)
{
	bool has_new_number = false;
	struct lexer l;
	struct token t;

	lexer_start(&l, text, true);
	for (t = lexer_next(&l); t.kind != TOKEN_END; t = lexer_next(&l))
		has_new_number |= token_is_new_number(&t);
	return l.is_broken || has_new_number || !scanner_sees_no_token(s);
}

/* Says on standard error where the two differ. */
static inline bool tokens_agree(struct scanner *s, struct span text)
{
	struct lexer l;
	struct token t;

	lexer_start(&l, text, true);
	while (scanner_next(s)) {
		t = lexer_next(&l);
		scanner_join(s, &t);
		if (s->is_lost)
			return true;
		if (t.text.data != s->token.data || t.text.size != s->token.size) {
			fprintf(stderr, "at %td: ours is [%.*s], PostgreSQL's [%.*s]\n",
				t.text.data - text.data, SPAN_ARGS(t.text), SPAN_ARGS(s->token));
			return false;
		}
	}
	t = lexer_next(&l);
	if (t.kind != TOKEN_END)
		fprintf(stderr, "PostgreSQL has no more tokens, ours is [%.*s]\n", SPAN_ARGS(t.text));
	return t.kind == TOKEN_END;
}

/* The text ends with a NUL. */
static inline bool agrees_with_postgresql(const char *text)
{
	struct scanner s = scanner_start(text);
	bool agrees = s.result ? tokens_agree(&s, span_of(text)) : both_broken(&s, span_of(text));

	if (!agrees)
		fprintf(stderr, "the text was <<%s>>%s%s\n", text, s.result ? "" : ", the error ",
			s.result ? "" : s.scanned.error->message);
	scanner_finish(&s);
	return agrees;
}

#endif
