/*
 * The normal form of normal.h, written while the lexer reads.  Does not hash and
 * does not parse.  Any thread.  Invariant: read again, a normal form without its
 * placeholders' marks gives the same tokens, so texts that differ in more than
 * literals differ in their normal form.
 */
#include "sql/normal.h"

#include "sql/chain.h"
#include "sql/keyword.h"
#include "sql/lexer.h"

#include <stdint.h>

/* Output that may be larger than the room: what does not fit is only counted,
 * for the end of an IN list may take it back. */
struct writer {
	char *room;
	size_t size, room_size;
	const char *readable_end; /* of what is copied */
};

/* Where an IN list began, while only literals have been seen in it. */
struct in_list {
	bool is_open;
	enum { AFTER_COMMA, AFTER_MINUS, AFTER_LITERAL } state;
	size_t start; /* of the output behind the bracket */
	struct token first; /* literal; TOKEN_END if none so far */
};

/* U&'…' UESCAPE '!': the clause belongs to the literal. */
enum unescape { NO_CLAUSE, MAY_DROP_CLAUSE, MAY_KEEP_CLAUSE, DROP_ESCAPE, KEEP_ESCAPE };

/* "-5" is a literal, too, where the minus cannot be a subtraction, unless a cast
 * follows: -5::t is -(5::t), an operator of its own. */
enum sign { NO_SIGN, MINUS, SIGNED_NUMBER };

struct form {
	struct normal *result;
	struct writer out;
	const struct normal_options *options;
	struct lexer lexer;
	struct chain chain;
	struct in_list in_list;
	enum unescape unescape;
	enum sign sign;
	size_t sign_at; /* in the output */
	/* Of the token before, in this statement: not a copy of it, which would wait for
	 * its parts to be stored. */
	unsigned shape_before; /* enum shape */
	unsigned keyword_before;
	bool is_behind_dot;
	bool has_first_word; /* of this statement: brackets may come before */
	bool is_verbatim; /* this statement */
	size_t statement_at; /* in the output */
	const char *start, *end; /* of this statement's tokens */
};

static inline void put(struct writer *w, const char *data, size_t size)
{
	size_t room = w->size < w->room_size ? w->room_size - w->size : 0;

	if (size <= room) /* on its own: for a size that is known this is one store */
		memcpy(w->room + w->size, data, size);
	else if (room > 0)
		memcpy(w->room + w->size, data, room);
	w->size += size;
}

static inline void put_text(struct writer *w, const char *text)
{
	put(w, text, strlen(text));
}

static void put_folded_slowly(struct writer *w, struct span word)
{
	size_t i;

	for (i = 0; i < word.size; i++) {
		if (w->size + i < w->room_size)
			w->room[w->size + i] = fold_letter(word.data[i]);
	}
	w->size += word.size;
}

static void fold_into(char *to, const char *from)
{
	uint64_t bytes;

	memcpy(&bytes, from, sizeof(bytes));
	bytes = fold_eight(bytes);
	memcpy(to, &bytes, sizeof(bytes));
}

/* Sixteen bytes at a time, for most words have less and no length is a branch then:
 * what is read and written behind the word does not matter where there is room for it. */
static void put_folded(struct writer *w, struct span word)
{
	size_t i = 0, room = w->size < w->room_size ? w->room_size - w->size : 0;

	if (room < 16 || word.size > room - 16 ||
	    (size_t)(w->readable_end - word.data) < word.size + 16) {
		put_folded_slowly(w, word);
		return;
	}
	do {
		fold_into(w->room + w->size + i, word.data + i);
		fold_into(w->room + w->size + i + 8, word.data + i + 8);
		i += 16;
	} while (i < word.size);
	w->size += word.size;
}

static bool is_literal(enum token_kind kind)
{
	return kind == TOKEN_STRING || kind == TOKEN_NATIONAL || kind == TOKEN_BITS ||
	       kind == TOKEN_NUMBER;
}

static bool is_cast(const struct token *t)
{
	return t->kind == TOKEN_OPERATOR && t->text.size == 2 && t->text.data[0] == ':' &&
	       t->text.data[1] == ':';
}

/* What matters of a token for the space beside it. */
enum shape {
	START,
	ROUND, /* ( */
	SQUARE, /* [ */
	CLOSING, /* ) or ] */
	DOT,
	COMMA,
	CAST, /* :: */
	STAR,
	OPERATOR, /* any other */
	WORD,
	SPACED_WORD,
	NAME,
	PARAMETER,
	LITERAL,
	OTHER,
};

static enum shape find_shape_of_mark(char mark)
{
	switch (mark) {
	case '(':
		return ROUND;
	case '[':
		return SQUARE;
	case ')':
	case ']':
		return CLOSING;
	case '.':
		return DOT;
	case ',':
		return COMMA;
	}
	return OTHER;
}

static enum shape find_shape(const struct token *t)
{
	switch (t->kind) {
	case TOKEN_WORD:
		return t->keyword & KEYWORD_SPACED ? SPACED_WORD : WORD;
	case TOKEN_MARK:
		return find_shape_of_mark(t->text.data[0]);
	case TOKEN_NAME:
		return NAME;
	case TOKEN_PARAMETER:
		return PARAMETER;
	case TOKEN_OPERATOR:
		return is_cast(t) ? CAST : token_is(t, '*') ? STAR : OPERATOR;
	case TOKEN_STRING:
	case TOKEN_NATIONAL:
	case TOKEN_BITS:
	case TOKEN_NUMBER:
		return LITERAL;
	default:
		return OTHER;
	}
}

/* What stands without a space behind each.  Nothing does where the two could be read
 * as one token, or as two others. */
#define BIT(shape) (1u << (shape))
#define WORDS (BIT(WORD) | BIT(SPACED_WORD) | BIT(NAME))
#define BEHIND_ALL (BIT(COMMA) | BIT(CLOSING))
#define BEHIND_OPERAND (BEHIND_ALL | BIT(DOT) | BIT(SQUARE) | BIT(CAST))

static const unsigned tight[] = {
	[START] = ~0u,
	[ROUND] = ~0u,
	[SQUARE] = ~0u,
	[CLOSING] = BEHIND_OPERAND,
	[DOT] = WORDS | BIT(STAR),
	[COMMA] = BEHIND_ALL,
	[CAST] = WORDS,
	[STAR] = BEHIND_ALL,
	[OPERATOR] = BEHIND_ALL,
	[WORD] = BEHIND_OPERAND | BIT(ROUND),
	[SPACED_WORD] = BEHIND_OPERAND,
	[NAME] = BEHIND_OPERAND | BIT(ROUND),
	[PARAMETER] = BEHIND_OPERAND,
	[LITERAL] = BEHIND_ALL | BIT(CAST),
	[OTHER] = BEHIND_ALL,
};

static void put_literal(struct writer *w, const struct token *t)
{
	if (t->kind == TOKEN_NUMBER) {
		put_text(w, NORMAL_NUMBER);
		return;
	}
	if (t->kind == TOKEN_BITS || t->kind == TOKEN_NATIONAL)
		put_folded(w, span_first(t->text, 1));
	put_text(w, NORMAL_STRING);
}

static void put_name(struct writer *w, const struct token *t)
{
	size_t prefix = token_is_unicode(t) ? 1 : 0;

	put_folded(w, span_first(t->text, prefix));
	put(w, t->text.data + prefix, t->text.size - prefix);
}

static void put_token(struct writer *w, const struct token *t)
{
	if (t->kind == TOKEN_WORD)
		put_folded(w, t->text);
	else if (is_literal(t->kind))
		put_literal(w, t);
	else if (t->kind == TOKEN_NAME)
		put_name(w, t);
	else
		put(w, t->text.data, t->text.size);
}

static void open_in_list(struct form *f, const struct token *t)
{
	enum token_kind first;

	if (!token_is(t, '(') || !(f->keyword_before & KEYWORD_IN))
		return;
	if (lexer_skip_list(&f->lexer, &first))
		put_text(&f->out, first == TOKEN_NUMBER ? NORMAL_NUMBER : NORMAL_STRING);
	else
		f->in_list = (struct in_list){ .is_open = true, .start = f->out.size };
}

static void close_in_list(struct form *f)
{
	struct in_list *list = &f->in_list;

	list->is_open = false;
	f->out.size = list->start;
	put_literal(&f->out, &list->first);
}

/* Steps through "(", literal, ",", literal, … ")", before the token is written.
 * A sign is part of a number here, as it is in the grammar. */
static void see_in_list(struct form *f, const struct token *t)
{
	struct in_list *list = &f->in_list;

	if (list->state != AFTER_LITERAL && is_literal(t->kind) &&
	    (list->state != AFTER_MINUS || t->kind == TOKEN_NUMBER)) {
		list->state = AFTER_LITERAL;
		if (list->first.kind == TOKEN_END)
			list->first = *t;
	} else if (list->state == AFTER_COMMA && t->kind == TOKEN_OPERATOR && token_is(t, '-')) {
		list->state = AFTER_MINUS;
	} else if (list->state == AFTER_LITERAL && token_is(t, ',')) {
		list->state = AFTER_COMMA;
	} else if (list->state == AFTER_LITERAL && token_is(t, ')')) {
		close_in_list(f);
	} else {
		list->is_open = false;
	}
}

static void note_old_escapes(struct form *f, const struct token *t)
{
	if (!f->options->standard_conforming_strings &&
	    memchr(t->text.data, '\\', t->text.size))
		f->result->has_old_escapes = true;
}

/* Is the token a part of a UESCAPE clause, and done with? */
static bool see_unescape(struct form *f, const struct token *t)
{
	enum unescape state = f->unescape;

	f->unescape = NO_CLAUSE;
	if (state == MAY_DROP_CLAUSE || state == MAY_KEEP_CLAUSE) {
		if (!(t->keyword & KEYWORD_UESCAPE))
			return false;
		if (state == MAY_KEEP_CLAUSE)
			put_text(&f->out, " uescape");
		f->unescape = state == MAY_DROP_CLAUSE ? DROP_ESCAPE : KEEP_ESCAPE;
		return true;
	}
	if (t->kind != TOKEN_STRING) {
		f->lexer.is_broken = true;
		return false;
	}
	if (state == KEEP_ESCAPE) {
		note_old_escapes(f, t);
		put_text(&f->out, " ");
		put(&f->out, t->text.data, t->text.size);
	}
	return true;
}

/* Can nothing but a new operand come next? */
static bool is_before_operand(const struct form *f)
{
	const unsigned shapes = BIT(OPERATOR) | BIT(STAR) | BIT(ROUND) | BIT(SQUARE) | BIT(COMMA);

	return (shapes & BIT(f->shape_before)) || (f->keyword_before & KEYWORD_BEFORE_OPERAND);
}

/* Before the token is written; `t` may be the end. */
static void see_sign(struct form *f, const struct token *t)
{
	if (f->sign == SIGNED_NUMBER && !is_cast(t)) {
		f->out.size = f->sign_at;
		put_text(&f->out, NORMAL_NUMBER);
	}
	if (f->sign == MINUS && t->kind == TOKEN_NUMBER)
		f->sign = SIGNED_NUMBER;
	else if (f->sign != MINUS || t->kind != TOKEN_OPERATOR || !token_is(t, '-'))
		f->sign = NO_SIGN;
}

static void start_sign(struct form *f, const struct token *t)
{
	if (f->sign == MINUS) /* "- - 5": all of them */
		return;
	if (t->kind != TOKEN_OPERATOR || !token_is(t, '-') || !is_before_operand(f))
		return;
	f->sign = MINUS;
	f->sign_at = f->out.size;
}

/* The rows of VALUES are mostly literals that need no rules: each is put without the
 * steps that other tokens need, to the same effect. */
static void put_plain_literals(struct form *f)
{
	enum token_kind kind;

	while (f->shape_before != LITERAL && lexer_skip_literal(&f->lexer, &kind)) {
		if (f->shape_before == COMMA)
			put_text(&f->out, " ");
		put_text(&f->out, kind == TOKEN_NUMBER ? NORMAL_NUMBER : NORMAL_STRING);
		f->shape_before = LITERAL;
		f->chain.wants_operand = false;
		if (*f->lexer.at != ',')
			return;
		f->lexer.at++;
		put_text(&f->out, ",");
		f->shape_before = COMMA;
		f->chain.wants_operand = true;
	}
}

static void write_token(struct form *f, const struct token *t)
{
	enum shape shape;

	if (f->unescape != NO_CLAUSE && see_unescape(f, t))
		return;
	if (f->sign != NO_SIGN)
		see_sign(f, t);
	if (f->in_list.is_open)
		see_in_list(f, t);
	shape = find_shape(t);
	if (!(tight[f->shape_before] & BIT(shape)))
		put(&f->out, " ", 1);
	start_sign(f, t);
	put_token(&f->out, t);
	if (t->kind == TOKEN_MARK)
		open_in_list(f, t);
	else if (token_is_unicode(t))
		f->unescape = t->kind == TOKEN_NAME ? MAY_KEEP_CLAUSE : MAY_DROP_CLAUSE;
	f->keyword_before = t->keyword;
	f->shape_before = shape;
	if ((shape == ROUND || shape == COMMA) && !f->in_list.is_open)
		put_plain_literals(f);
}

static void start_statement(struct form *f, const struct token *t)
{
	f->result->statement_count++;
	f->start = t->text.data;
	f->statement_at = f->out.size;
	if (f->out.size > 0)
		put_text(&f->out, "; ");
}

static void see_first_word(struct form *f, const struct token *t)
{
	f->has_first_word = true;
	f->is_verbatim = !(t->keyword & KEYWORD_REPLACED) && !f->options->for_people;
	if (f->result->first_word.size == 0 && t->kind == TOKEN_WORD)
		f->result->first_word = t->text;
}

static void see_token(struct form *f, struct token *t)
{
	if (!f->start)
		start_statement(f, t);
	if (t->kind == TOKEN_WORD && !f->is_behind_dot) /* there it is any name */
		t->keyword = keyword_find(t->text, f->lexer.end);
	f->is_behind_dot = t->kind == TOKEN_MARK && t->text.data[0] == '.';
	if (!f->has_first_word && !token_is(t, '('))
		see_first_word(f, t);
	chain_see(&f->chain, t);
	if (!f->is_verbatim)
		write_token(f, t);
	else if (is_literal(t->kind))
		note_old_escapes(f, t);
	f->end = t->text.data + t->text.size;
}

static void end_statement(struct form *f)
{
	if (!f->start)
		return;
	if (f->unescape == DROP_ESCAPE || f->unescape == KEEP_ESCAPE)
		f->lexer.is_broken = true;
	if (f->is_verbatim) {
		f->out.size = f->statement_at;
		if (f->out.size > 0)
			put_text(&f->out, "; ");
		put(&f->out, f->start, (size_t)(f->end - f->start));
	} else {
		see_sign(f, &(struct token){ .kind = TOKEN_END });
	}
	chain_end(&f->chain);
	f->start = NULL;
	f->has_first_word = f->is_verbatim = false;
	f->unescape = NO_CLAUSE;
	f->in_list.is_open = false;
	f->is_behind_dot = false;
	f->shape_before = START;
	f->keyword_before = 0;
}

/* Does it not fit, whatever comes?  A list or a sign may take back what it has put. */
static bool is_hopeless(const struct form *f)
{
	size_t size = f->out.size;

	if (f->is_verbatim && f->start)
		size = f->statement_at + (size_t)(f->end - f->start);
	return size > f->out.room_size && !f->in_list.is_open && f->sign == NO_SIGN;
}

/* Not `t = lexer_next()`: that would copy it each time. */
static bool read_token(struct form *f)
{
	struct token t = lexer_next(&f->lexer);

	if (t.kind == TOKEN_END)
		return false;
	if (f->chain.nesting == 0 && t.kind == TOKEN_MARK && t.text.data[0] == ';')
		end_statement(f);
	else
		see_token(f, &t);
	return true;
}

static void read_all(struct form *f)
{
	while (read_token(f)) {
		if (is_hopeless(f)) {
			f->result->is_too_long = true;
			return;
		}
	}
	end_statement(f);
}

static void put_hint(struct form *f)
{
	if (f->lexer.hint == HINT_PRIMARY)
		put_text(&f->out, " /* pgweir: primary */");
	else if (f->lexer.hint == HINT_REPLICA)
		put_text(&f->out, " /* pgweir: replica */");
}

void normal_make(struct normal *n, struct span text, const struct normal_options *options,
		 char *room, size_t room_size)
{
	struct form f;

	*n = (struct normal){ 0 };
	f.result = n;
	f.out = (struct writer){ .room = room, .room_size = room_size };
	f.options = options;
	f.in_list.is_open = f.has_first_word = f.is_verbatim = f.is_behind_dot = false;
	f.shape_before = START;
	f.unescape = NO_CLAUSE;
	f.sign = NO_SIGN;
	f.keyword_before = 0;
	f.start = NULL;
	lexer_start(&f.lexer, text, options->standard_conforming_strings);
	f.out.readable_end = f.lexer.end;
	chain_start(&f.chain);
	read_all(&f);
	put_hint(&f);
	n->is_too_long |= f.out.size > room_size;
	n->text = span_make(room, n->is_too_long ? room_size : f.out.size);
	n->hint = f.lexer.hint;
	n->is_broken = f.lexer.is_broken;
	n->chain = f.chain.longest;
	n->nesting = f.chain.deepest;
}

bool normal_is_bounded(const struct normal *n)
{
	return !n->is_too_long && n->chain <= NORMAL_CHAIN_MAX && n->nesting <= NORMAL_NESTING_MAX;
}

/* The lexer tells our placeholder, where it calls "$" junk, from the same bytes
 * within quotes. */
void normal_fill(char *text, size_t size)
{
	struct lexer l;
	struct token t;

	lexer_start(&l, span_make(text, size), true);
	for (t = lexer_next(&l); t.kind != TOKEN_END; t = lexer_next(&l)) {
		char *p = text + (t.text.data - text);

		if (t.kind != TOKEN_JUNK || l.at == l.end || p[0] != '$' || p[1] != '?')
			continue;
		memcpy(p, "01", 2);
		l.at++;
	}
}
