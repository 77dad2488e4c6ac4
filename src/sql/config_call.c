/*
 * Calls of set_config() in a text (config_call.h), found by their tokens: the
 * word, a bracket, a literal that is nothing but a name.  Any thread.
 */
#include "sql/config_call.h"

static bool is_set_config(const struct token *t)
{
	return token_is_word(t, "set_config") ||
	       (t->kind == TOKEN_NAME && span_is(t->text, "\"set_config\""));
}

static bool is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '$';
}

/* 'plain.name' without escapes, continuations or anything that must be read. */
static bool copy_name(struct span literal, char *name)
{
	size_t size = literal.size;

	if (size < 3 || size - 2 >= CONFIG_NAME_BYTES || literal.data[0] != '\'' ||
	    literal.data[size - 1] != '\'')
		return false;
	for (size_t i = 1; i < size - 1; i++) {
		name[i - 1] = fold_letter(literal.data[i]);
		if (!is_name_byte(name[i - 1]))
			return false;
	}
	name[size - 2] = '\0';
	return true;
}

enum config_call config_call_next(struct lexer *l, char name[CONFIG_NAME_BYTES])
{
	struct token t;

	do {
		t = lexer_next(l);
		if (t.kind == TOKEN_END)
			return l->is_broken ? CONFIG_CALL_UNKNOWN : CONFIG_CALL_NONE;
		/* Its escapes may spell anything. */
		if (t.kind == TOKEN_NAME && token_is_unicode(&t))
			return CONFIG_CALL_UNKNOWN;
	} while (!is_set_config(&t));
	t = lexer_next(l);
	if (!token_is(&t, '('))
		return CONFIG_CALL_UNKNOWN;
	t = lexer_next(l);
	if (t.kind != TOKEN_STRING || !copy_name(t.text, name))
		return CONFIG_CALL_UNKNOWN;
	/* 'a' || 'b' is another name; a cast changes nothing. */
	t = lexer_next(l);
	if (token_is(&t, ',') || span_is(t.text, "::"))
		return CONFIG_CALL_NAMED;
	return CONFIG_CALL_UNKNOWN;
}
