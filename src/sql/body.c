/*
 * The judgement of body.h.  Knows no grammar: a statement is told by its first
 * words.  What a transaction takes back by itself (SET LOCAL, set_config(…, true),
 * ON COMMIT DROP, pg_advisory_xact_lock) is no trace.  Any thread.
 *
 * guess.c judges bodies too, of DO, but there a wrong "yes" costs little.  Here it
 * binds every session that calls the function, so comments, UPDATE … SET and columns
 * called "temp" must not count.
 */
#include "sql/body.h"

#include "sql/danger.h"
#include "sql/guess.h"
#include "sql/lexer.h"

enum {
	WORD_MAX = 64, /* PostgreSQL's names are shorter */
	STRINGS_DEEP = 4, /* strings in strings that are read */
};

struct body {
	on_body_word *on_word;
	void *context;
	enum pin_reason found;
};

/* The place in one text: of the body, or of a string in it. */
struct place {
	struct lexer lexer;
	char before[WORD_MAX]; /* the word just before; "" if that was none */
	bool is_first; /* of a statement */
	bool is_joined; /* behind "||": goes on with another string's text */
	bool is_message; /* RAISE, ASSERT: its strings are prose */
};

static void note(struct body *b, enum pin_reason pin)
{
	if (pin == PIN_UNRESETTABLE || pin == PIN_LOAD)
		b->found = PIN_UNRESETTABLE;
	else if (pin != PIN_NONE && b->found == PIN_NONE)
		b->found = PIN_FUNCTION;
}

/* Without quotes, in lower case, cut where no name is as long. */
static struct span fold_word(const struct token *t, char room[WORD_MAX])
{
	size_t skipped = t->kind == TOKEN_NAME ? 1 : 0;
	size_t size = t->text.size - (t->text.size > 2 * skipped ? 2 * skipped : 0);

	if (size > WORD_MAX - 1)
		size = WORD_MAX - 1;
	for (size_t i = 0; i < size; i++)
		room[i] = fold_letter(t->text.data[skipped + i]);
	room[size] = '\0';
	return span_make(room, size);
}

/* What a function of danger.def leaves.  Most words need not be looked for there: a
 * name that leaves something is "setseed" or has an underscore. */
static enum pin_reason find_leaving(struct span word)
{
	enum pin_reason pin = PIN_NONE;

	if (memchr(word.data, '_', word.size) || span_is(word, "setseed"))
		danger_find(word, &pin);
	return pin;
}

/* ---- what the words behind say; the lexer is a copy ---- */

/* `set_config` ( name , value , true ) */
static bool is_local_config(struct lexer ahead)
{
	struct token t = lexer_next(&ahead), next;
	int depth = 1, commas = 0;

	if (!token_is(&t, '('))
		return false;
	while (depth > 0) {
		t = lexer_next(&ahead);
		if (t.kind == TOKEN_END || token_is(&t, ';'))
			return false;
		depth += token_is(&t, '(') || token_is(&t, '[');
		depth -= token_is(&t, ')') || token_is(&t, ']');
		if (depth != 1 || !token_is(&t, ',') || ++commas != 2)
			continue;
		t = lexer_next(&ahead);
		next = lexer_next(&ahead);
		return token_is_word(&t, "true") && token_is(&next, ')');
	}
	return false;
}

static bool is_dropped_on_commit(struct lexer ahead)
{
	struct token t = lexer_next(&ahead);

	while (t.kind != TOKEN_END && !token_is(&t, ';')) {
		bool is_commit = token_is_word(&t, "commit");

		t = lexer_next(&ahead);
		if (is_commit && token_is_word(&t, "drop"))
			return true;
	}
	return false;
}

/* "set" and the like begin a statement, unless they are a variable or a column. */
static bool is_command(struct lexer ahead)
{
	static const char *const not_names[] = { "end", "when", "else", "then", "is", "and", "or",
						 "in",	"not",	"like", "as",	NULL };
	struct token t = lexer_next(&ahead);
	char room[WORD_MAX];

	switch (t.kind) {
	case TOKEN_WORD:
		return !span_is_one_of(fold_word(&t, room), not_names);
	case TOKEN_OPERATOR: /* format() puts a name for it */
		return t.text.data[0] == '%';
	case TOKEN_MARK:
		return false;
	default: /* a name; or the string ends and goes on elsewhere */
		return true;
	}
}

static bool is_of_transaction(struct lexer ahead)
{
	struct token t = lexer_next(&ahead);

	return token_is_word(&t, "local") || token_is_word(&t, "transaction") ||
	       token_is_word(&t, "constraints");
}

static bool makes_something(struct lexer ahead)
{
	static const char *const things[] = { "table", "view", "sequence", "recursive", NULL };
	struct token t = lexer_next(&ahead);
	char room[WORD_MAX];

	return t.kind == TOKEN_WORD && span_is_one_of(fold_word(&t, room), things);
}

/* ---- words ---- */

static void see_first_word(struct body *b, struct place *p, struct span word)
{
	static const char *const commands[] = { "set", "reset", "listen", "prepare", "discard",
						NULL };
	static const char *const messages[] = { "raise", "assert", NULL };
	struct lexer ahead = p->lexer;
	struct token next;

	p->is_message = span_is_one_of(word, messages);
	if (span_is_one_of(word, commands) && is_command(p->lexer) && !is_of_transaction(p->lexer))
		note(b, PIN_FUNCTION);
	next = lexer_next(&ahead);
	if (span_is(word, "load") && (next.kind == TOKEN_STRING || next.kind == TOKEN_END))
		note(b, PIN_LOAD);
}

static bool is_temporary(const struct place *p, struct span word)
{
	static const char *const making[] = { "create", "replace", "local", "global", "into",
					      NULL };

	if (!span_is(word, "temp") && !span_is(word, "temporary"))
		return false;
	return span_is_one_of(span_of(p->before), making) || makes_something(p->lexer);
}

static void see_word(struct body *b, struct place *p, struct span word)
{
	enum pin_reason pin = find_leaving(word);

	if (is_temporary(p, word) && !is_dropped_on_commit(p->lexer))
		note(b, PIN_TEMPORARY_TABLE);
	if (span_starts_with(word, "pg_temp"))
		note(b, PIN_TEMPORARY_TABLE);
	if (span_is(word, "hold") && strcmp(p->before, "with") == 0)
		note(b, PIN_HOLD_CURSOR);
	if (!(span_is(word, "set_config") && is_local_config(p->lexer)))
		note(b, pin);
}

/* What a statement may follow, beside ";". */
static bool is_opening(struct span word)
{
	static const char *const words[] = { "begin", "then", "else", "loop", "atomic", NULL };

	return span_is_one_of(word, words);
}

static void take_word(struct body *b, struct place *p, const struct token *t)
{
	char room[WORD_MAX];
	struct span word = fold_word(t, room);

	b->on_word(b->context, word);
	if (t->kind == TOKEN_NAME && token_is_unicode(t))
		note(b, PIN_FUNCTION); /* its escapes may spell anything */
	if (p->is_first && t->kind == TOKEN_WORD)
		see_first_word(b, p, word);
	see_word(b, p, word);
	memcpy(p->before, room, word.size + 1);
	p->is_joined = false;
	p->is_first = t->kind == TOKEN_WORD && is_opening(word);
}

/* ---- texts ---- */

/* 'text', E'text', $tag$text$tag$: what is between. */
static struct span open_string(struct span s)
{
	const char *quote = memchr(s.data, '\'', s.size);
	const char *second;
	size_t size;

	if (s.data[0] != '$') {
		size = quote ? (size_t)(quote - s.data) + 1 : 0;
		return size > 0 && s.size > size ? span_make(quote + 1, s.size - size - 1) :
						   span_make("", 0);
	}
	second = memchr(s.data + 1, '$', s.size - 1);
	size = second ? (size_t)(second - s.data) + 1 : 0;
	return size > 0 && s.size >= 2 * size ? span_make(second + 1, s.size - 2 * size) :
						span_make("", 0);
}

static void read_text(struct body *b, struct span text, bool is_first, int depth);

static void read_tokens(struct body *b, struct place *p, int depth)
{
	struct token t;

	for (t = lexer_next(&p->lexer); t.kind != TOKEN_END; t = lexer_next(&p->lexer)) {
		if (t.kind == TOKEN_WORD || t.kind == TOKEN_NAME) {
			take_word(b, p, &t);
			continue;
		}
		if (t.kind == TOKEN_STRING && depth < STRINGS_DEEP && !p->is_message)
			read_text(b, open_string(t.text), !p->is_joined, depth + 1);
		p->before[0] = '\0';
		p->is_joined = t.kind == TOKEN_OPERATOR && span_is(t.text, "||");
		p->is_first = t.kind == TOKEN_MARK && token_is(&t, ';');
		p->is_message = p->is_message && !p->is_first;
	}
}

static void ignore_word(void *context, struct span word)
{
	(void)context;
	(void)word;
}

/* Words that need no grammar to be told. */
static void read_bytes_of(struct body *b, struct span text)
{
	char room[WORD_MAX];
	size_t i = 0;

	while (i < text.size) {
		struct token t = { .kind = TOKEN_WORD };
		size_t start = i;
		struct span word;

		while (i < text.size && is_word_byte(text.data[i]))
			i++;
		if (i == start) {
			i++;
			continue;
		}
		t.text = span_make(text.data + start, i - start);
		word = fold_word(&t, room);
		b->on_word(b->context, word);
		note(b, find_leaving(word));
	}
	if (guess_from_bytes(text).may_leave)
		note(b, PIN_FUNCTION);
}

static void read_text(struct body *b, struct span text, bool is_first, int depth)
{
	struct place p = { .is_first = is_first };

	lexer_start(&p.lexer, text, true);
	read_tokens(b, &p, depth);
	/* A string that is no SQL is prose; a body that is none may be anything. */
	if (p.lexer.is_broken && depth == 0)
		read_bytes_of(b, text);
}

enum pin_reason body_read(struct span text, bool is_sql, on_body_word *on_word, void *context)
{
	struct body b = { on_word ? on_word : ignore_word, context, PIN_NONE };

	if (is_sql)
		read_text(&b, text, true, 0);
	else
		read_bytes_of(&b, text);
	return b.found;
}
