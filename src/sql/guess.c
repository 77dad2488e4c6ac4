/*
 * The guesses of guess.h.  Knows no grammar: a statement is told by its first
 * word, what is hidden in it by telling words.  Any thread.
 */
#include "sql/guess.h"

#include "sql/danger.h"
#include "sql/lexer.h"

enum { WORD_MAX = 64 };

/* What statements do that begin so, whatever else they say. */
static void see_first_word(struct guess *g, struct span word)
{
	static const char *const leaving[] = { "set", "listen", "load", "prepare", NULL };
	static const char *const changing[] = { "create", "alter", "drop", NULL };

	g->may_leave |= span_is_one_of(word, leaving);
	g->may_change_schema |= span_is_one_of(word, changing);
}

/* Beginnings of statements that a newer server may use in ways unknown here. */
static void see_first_token(struct guess *g, struct span word)
{
	static const char *const leaving[] = {
		"declare", "create", "do", "call", "execute", "explain", "copy", NULL,
	};

	see_first_word(g, word);
	g->may_leave |= span_is_one_of(word, leaving);
}

/* Words that tell wherever they stand. */
static void see_word(struct guess *g, struct span word)
{
	static const char *const leaving[] = { "temp", "temporary", "hold", "pg_settings", NULL };
	enum pin_reason pin = PIN_NONE;

	g->may_leave |= span_is_one_of(word, leaving) || span_starts_with(word, "pg_temp");
	if (danger_find(word, &pin))
		g->may_leave |= pin != PIN_NONE;
}

/* Longer than all words that are asked for: cut, equal to none. */
static struct span fold_word(struct span word, char *room)
{
	size_t i, size = word.size < WORD_MAX ? word.size : WORD_MAX;

	for (i = 0; i < size; i++)
		room[i] = fold_letter(word.data[i]);
	return span_make(room, size);
}

static void see_token(struct guess *g, const struct token *t, bool is_first)
{
	char room[WORD_MAX];

	if (t->kind == TOKEN_WORD) {
		struct span word = fold_word(t->text, room);

		if (is_first)
			see_first_token(g, word);
		see_word(g, word);
	} else if (t->kind == TOKEN_NAME && token_is_unicode(t)) {
		g->may_leave = true; /* its escapes may spell anything */
	} else if (t->kind == TOKEN_NAME && t->text.size > 2) {
		see_word(g, span_make(t->text.data + 1, t->text.size - 2));
	}
}

struct guess guess_from_tokens(struct span text, bool standard_conforming_strings)
{
	struct guess g = { 0 };
	struct lexer l;
	struct token t;
	bool is_first = true;

	lexer_start(&l, text, standard_conforming_strings);
	for (t = lexer_next(&l); t.kind != TOKEN_END; t = lexer_next(&l)) {
		see_token(&g, &t, is_first);
		if (!token_is(&t, '('))
			is_first = t.kind == TOKEN_MARK && token_is(&t, ';');
	}
	return g;
}

/* A statement of PL/pgSQL may follow these, as it may follow a quote or ";". */
static bool is_opening_word(struct span word)
{
	static const char *const words[] = { "begin", "then", "else", "loop", NULL };

	return span_is_one_of(word, words);
}

struct guess guess_from_bytes(struct span text)
{
	struct guess g = { 0 };
	char room[WORD_MAX];
	bool may_be_first = true;
	size_t i = 0;

	while (i < text.size && text.data[i]) {
		size_t start = i;
		struct span word;

		while (i < text.size && is_word_byte(text.data[i]))
			i++;
		if (i == start) {
			may_be_first |= strchr(";'$>\"/(\n", text.data[i++]) != NULL;
			continue;
		}
		word = fold_word(span_make(text.data + start, i - start), room);
		if (may_be_first)
			see_first_word(&g, word);
		see_word(&g, word);
		may_be_first = is_opening_word(word);
	}
	return g;
}
