/*
 * The normal form of normal.h, written while the lexer reads.  Does not hash and
 * does not parse.  Any thread.  Invariant: read again, a normal form without its
 * placeholders' marks gives the same tokens, so texts that differ in more than
 * literals differ in their normal form.
 */
#include "sql/normal.h"

#include "sql/chain.h"
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
	struct token before; /* in this statement */
	bool has_first_word; /* of this statement: brackets may come before */
	bool is_verbatim; /* this statement */
	size_t statement_at; /* in the output */
	const char *start, *end; /* of this statement's tokens */
};

static void put(struct writer *w, const char *data, size_t size)
{
	if (w->size < w->room_size) {
		size_t room = w->room_size - w->size;

		memcpy(w->room + w->size, data, size < room ? size : room);
	}
	w->size += size;
}

static void put_text(struct writer *w, const char *text)
{
	put(w, text, strlen(text));
}

/* fold_letter() on eight bytes: adding to seven bits tells by the eighth what is
 * above a letter; no byte carries into the next. */
static uint64_t fold_eight(uint64_t bytes)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t low = bytes & (0x7f * ones);
	uint64_t from_a = low + (0x80 - 'A') * ones, beyond_z = low + (0x7f - 'Z') * ones;

	return bytes | ((from_a ^ beyond_z) & ~bytes & (0x80 * ones)) >> 2;
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

/* Eight bytes at a time: what is read and written behind the word does not matter
 * where there is room for it. */
static void put_folded(struct writer *w, struct span word)
{
	size_t i, room = w->size < w->room_size ? w->room_size - w->size : 0;
	uint64_t bytes;

	if (room < 8 || word.size > room - 8 ||
	    (size_t)(w->readable_end - word.data) < word.size + 8) {
		put_folded_slowly(w, word);
		return;
	}
	for (i = 0; i < word.size; i += sizeof(bytes)) {
		memcpy(&bytes, word.data + i, sizeof(bytes));
		bytes = fold_eight(bytes);
		memcpy(w->room + w->size + i, &bytes, sizeof(bytes));
	}
	w->size += word.size;
}

static bool is_literal(enum token_kind kind)
{
	return kind == TOKEN_STRING || kind == TOKEN_NATIONAL || kind == TOKEN_BITS ||
	       kind == TOKEN_NUMBER;
}

/* Words that people write with a space before a bracket. */
static bool is_spaced_word(const struct token *t)
{
	static const char *const words[] = {
		"in",	"as",	 "on",	 "by",	  "or",	   "and",   "not",	"all",
		"set",	"any",	 "with", "from",  "when",  "then",  "else",	"where",
		"using", "union", "limit", "values", "select", "having", "except",
		"offset", "returning", "intersect", "over", "filter", "exists", "join", "lateral",
		"explain",
	};
	size_t i;

	if (t->kind != TOKEN_WORD || t->text.size > 9)
		return false;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (token_is_word(t, words[i]))
			return true;
	return false;
}

/* After this, "." "[" and "::" need no space. */
static bool is_operand(const struct token *t)
{
	return t->kind == TOKEN_WORD || t->kind == TOKEN_NAME || t->kind == TOKEN_PARAMETER ||
	       (t->kind == TOKEN_MARK && (token_is(t, ')') || token_is(t, ']')));
}

static bool is_cast(const struct token *t)
{
	return t->kind == TOKEN_OPERATOR && t->text.size == 2 && t->text.data[0] == ':' &&
	       t->text.data[1] == ':';
}

static bool is_spaced_mark(const struct token *before, const struct token *t)
{
	switch (t->text.data[0]) {
	case ',':
	case ')':
	case ']':
		return false;
	case '.':
	case '[':
		return !is_operand(before);
	case '(':
		return !(before->kind == TOKEN_WORD || before->kind == TOKEN_NAME) ||
		       is_spaced_word(before);
	}
	return true;
}

/* Is there a space between the two?  Never none where the two could be read as
 * one token, or as two others. */
static bool is_spaced(const struct token *before, const struct token *t)
{
	if (before->kind == TOKEN_END)
		return false;
	if (before->kind == TOKEN_MARK && (token_is(before, '(') || token_is(before, '[')))
		return false;
	if (before->kind == TOKEN_MARK && token_is(before, '.'))
		return !(t->kind == TOKEN_WORD || t->kind == TOKEN_NAME || token_is(t, '*'));
	if (is_cast(before))
		return t->kind != TOKEN_WORD && t->kind != TOKEN_NAME;
	if (is_cast(t))
		return !is_operand(before) && !is_literal(before->kind);
	return t->kind != TOKEN_MARK || is_spaced_mark(before, t);
}

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

	if (!token_is(t, '(') || !token_is_word(&f->before, "in"))
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
		if (!token_is_word(t, "uescape"))
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

/* Can nothing but a new operand come next?  Words only if they are reserved. */
static bool is_before_operand(const struct token *t)
{
	static const char *const words[] = {
		"and", "or", "on", "in", "when", "then", "else", "where", "limit", "offset",
		"select", "having",
	};
	size_t i;

	if (t->kind == TOKEN_OPERATOR)
		return !is_cast(t);
	if (t->kind == TOKEN_MARK)
		return token_is(t, '(') || token_is(t, ',') || token_is(t, '[');
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (token_is_word(t, words[i]))
			return true;
	return false;
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
	if (t->kind != TOKEN_OPERATOR || !token_is(t, '-') || !is_before_operand(&f->before))
		return;
	f->sign = MINUS;
	f->sign_at = f->out.size;
}

static void write_token(struct form *f, const struct token *t)
{
	if (f->unescape != NO_CLAUSE && see_unescape(f, t))
		return;
	if (f->sign != NO_SIGN)
		see_sign(f, t);
	if (f->in_list.is_open)
		see_in_list(f, t);
	if (is_spaced(&f->before, t))
		put(&f->out, " ", 1);
	start_sign(f, t);
	put_token(&f->out, t);
	if (t->kind == TOKEN_MARK)
		open_in_list(f, t);
	else if (token_is_unicode(t))
		f->unescape = t->kind == TOKEN_NAME ? MAY_KEEP_CLAUSE : MAY_DROP_CLAUSE;
	f->before = *t;
}

static bool may_replace(const struct token *t)
{
	static const char *const words[] = {
		"select", "insert", "update", "delete", "merge", "values", "table", "with",
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (token_is_word(t, words[i]))
			return true;
	return false;
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
	f->is_verbatim = !may_replace(t) && !f->options->for_people;
	if (f->result->first_word.size == 0 && t->kind == TOKEN_WORD)
		f->result->first_word = t->text;
}

static void see_token(struct form *f, const struct token *t)
{
	if (!f->start)
		start_statement(f, t);
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
	f->before = (struct token){ .kind = TOKEN_END };
}

static void read_all(struct form *f)
{
	struct token t;

	for (t = lexer_next(&f->lexer); t.kind != TOKEN_END; t = lexer_next(&f->lexer)) {
		if (f->chain.nesting == 0 && t.kind == TOKEN_MARK && token_is(&t, ';'))
			end_statement(f);
		else
			see_token(f, &t);
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
	f.in_list.is_open = f.has_first_word = f.is_verbatim = false;
	f.unescape = NO_CLAUSE;
	f.sign = NO_SIGN;
	f.before = (struct token){ .kind = TOKEN_END };
	f.start = NULL;
	lexer_start(&f.lexer, text, options->standard_conforming_strings);
	f.out.readable_end = f.lexer.end;
	chain_start(&f.chain);
	read_all(&f);
	put_hint(&f);
	n->is_too_long = f.out.size > room_size;
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
