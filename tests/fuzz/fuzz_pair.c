/*
 * A text and a twin that differs in white space, comments, letter case and values of
 * literals: they have the same normal form and the same verdict, field by field; and
 * where PostgreSQL's grammar accepts the text it accepts the normal form with values,
 * as the same statement (its fingerprint).  Input: 4 bytes of seed, then the text.
 */
#include "base/ensure.h"
#include "sql/lexer.h"
#include "sql/normal.h"
#include "sql/verdicts.h"

#include <pg_query.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 4096, TWIN_MAX = 16 * TEXT_MAX };

static const struct query_context context = {
	.database = { "app", 3 },
	.standard_conforming_strings = true,
};
static const struct normal_options options = { .standard_conforming_strings = true };

struct twin {
	char text[TWIN_MAX];
	size_t size;
	unsigned seed;
};

static void add(struct twin *t, const char *data, size_t size)
{
	ensure(size <= sizeof(t->text) - t->size - 1);
	memcpy(t->text + t->size, data, size);
	t->size += size;
	t->text[t->size] = '\0';
}

static void add_text(struct twin *t, const char *text)
{
	add(t, text, strlen(text));
}

/* No newline: it would join two strings. */
static void add_gap(struct twin *t)
{
	static const char *const gaps[] = { " ", "\t ", " /* x; ' */ ", "\f", "/*/**/\n*/",
					    "  ", "/* \"$$ */" };

	add_text(t, gaps[rand_r(&t->seed) % (sizeof(gaps) / sizeof(gaps[0]))]);
}

static void add_in_other_case(struct twin *t, struct span word)
{
	size_t start = t->size;
	char *p;

	add(t, word.data, word.size);
	for (p = t->text + start; *p; p++)
		if (((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')) &&
		    rand_r(&t->seed) % 2)
			*p ^= 0x20;
}

/* A word of a type before it, or digits where the grammar counts, keep their value. */
static void add_other_value(struct twin *t, const struct token *token)
{
	static const char *const strings[] = { "''", "'it''s'", "E'\\''", "$$'$$", "$a$ $$ $a$",
					       "'/*'", "'--'", "'$?'" };
	static const char *const numbers[] = { "0", "7", "123456789012345678901", "1.5", ".5",
					       "1e10", "0x1F", "1_000" };

	if (token->kind == TOKEN_NUMBER)
		add_text(t, numbers[rand_r(&t->seed) % 8]);
	else if (token->kind == TOKEN_STRING && !token_is_unicode(token))
		add_text(t, strings[rand_r(&t->seed) % 8]);
	else
		add(t, token->text.data, token->text.size);
}

static void make_twin(struct twin *t, struct span text)
{
	struct token before = { .kind = TOKEN_END };
	bool keeps_string = false; /* of UESCAPE */
	struct lexer l;
	struct token token;

	lexer_start(&l, text, true);
	for (token = lexer_next(&l); token.kind != TOKEN_END; token = lexer_next(&l)) {
		add_gap(t);
		if (token.kind == TOKEN_WORD)
			add_in_other_case(t, token.text);
		else if (keeps_string)
			add(t, token.text.data, token.text.size);
		else
			add_other_value(t, &token);
		keeps_string = token_is_word(&token, "uescape") && token_is_unicode(&before);
		before = token;
	}
	add_gap(t);
}

static void expect_same_names(const char *const *a, const char *const *b, size_t count)
{
	for (size_t i = 0; i < count; i++)
		ensure(strcmp(a[i], b[i]) == 0);
}

static void expect_same_lists(const struct verdict *a, const struct verdict *b)
{
#define EXPECT_SAME(names, count)                \
	do {                                     \
		ensure(a->count == b->count);    \
		expect_same_names(a->names, b->names, a->count); \
	} while (0)
	EXPECT_SAME(functions, function_count);
	EXPECT_SAME(operators, operator_count);
	EXPECT_SAME(relations, relation_count);
	EXPECT_SAME(types, type_count);
	EXPECT_SAME(attributes, attribute_count);
	EXPECT_SAME(settings, setting_count);
	EXPECT_SAME(sets, set_count);
	EXPECT_SAME(deallocated, deallocated_count);
#undef EXPECT_SAME
}

static void expect_same_verdict(const struct verdict *a, const struct verdict *b)
{
	ensure(a->kind == b->kind && a->reason == b->reason && a->hint == b->hint);
	ensure(a->pin == b->pin && a->pins == b->pins);
	ensure(a->writes_nothing == b->writes_nothing && a->changes_schema == b->changes_schema);
	ensure(a->resets_settings == b->resets_settings && a->resets_all == b->resets_all);
	ensure(a->sets_config == b->sets_config && a->reads_sequence == b->reads_sequence);
	ensure(a->names_prepared == b->names_prepared && a->may_end_pin == b->may_end_pin);
	ensure(a->drops_prepared == b->drops_prepared && a->discards_all == b->discards_all);
	ensure(!a->deallocates == !b->deallocates);
	expect_same_lists(a, b);
}

/* Two caches, so that neither verdict is the other's. */
static void check_verdicts(struct span text, struct span twin)
{
	struct verdicts *caches[2] = { verdicts_create(1 << 20), verdicts_create(1 << 20) };
	struct known_query *a = verdicts_find(caches[0], text, &context);
	struct known_query *b = verdicts_find(caches[1], twin, &context);
	struct known_query *both = verdicts_find(caches[0], twin, &context);

	ensure(a->digest == b->digest && both == a);
	ensure(verdicts_count(caches[0]).misses == 1);
	expect_same_verdict(a->verdict, b->verdict);
	known_query_drop(a);
	known_query_drop(b);
	known_query_drop(both);
	verdicts_destroy(caches[0]);
	verdicts_destroy(caches[1]);
}

/* The grammar makes two types of FLOAT by the value behind it. */
static bool depends_on_value(const char *text)
{
	return strcasestr(text, "float") != NULL;
}

static void check_meaning(const char *text, const struct normal *n)
{
	char *form = strndup(n->text.data, n->text.size);
	PgQueryFingerprintResult of_text = pg_query_fingerprint(text), of_form;

	normal_fill(form, n->text.size);
	of_form = pg_query_fingerprint(form);
	if (!of_text.error && !depends_on_value(text)) {
		if (of_form.error || of_form.fingerprint != of_text.fingerprint)
			fprintf(stderr, "<<%s>> became <<%s>>: %s\n", text, form,
				of_form.error ? of_form.error->message : "other");
		ensure(!of_form.error && of_form.fingerprint == of_text.fingerprint);
	}
	pg_query_free_fingerprint_result(of_text);
	pg_query_free_fingerprint_result(of_form);
	free(form);
}

/* All that has a normal form with its literals replaced. */
static bool is_replaced(const struct normal *n)
{
	struct lexer l;
	struct token t;
	bool is_start = true;

	lexer_start(&l, n->text, true);
	for (t = lexer_next(&l); t.kind != TOKEN_END; t = lexer_next(&l)) {
		if (is_start && !token_is_word(&t, "select") && !token_is_word(&t, "with") &&
		    !token_is_word(&t, "insert") && !token_is_word(&t, "update") &&
		    !token_is_word(&t, "delete") && !token_is_word(&t, "values"))
			return false;
		is_start = token_is(&t, ';');
	}
	return n->text.size > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char room[NORMAL_BYTES_MAX], room_of_twin[NORMAL_BYTES_MAX];
	static struct twin twin;
	char text[TEXT_MAX + 1];
	struct normal n, other;

	if (size < 4 || size - 4 > TEXT_MAX)
		return 0;
	memcpy(&twin.seed, data, 4);
	twin.size = 0;
	memcpy(text, data + 4, size - 4);
	text[size - 4] = '\0';
	normal_make(&n, span_of(text), &options, room, sizeof(room));
	if (n.is_broken || !normal_is_bounded(&n) || !is_replaced(&n) || n.hint != HINT_NONE)
		return 0;
	make_twin(&twin, span_of(text));
	normal_make(&other, span_make(twin.text, twin.size), &options, room_of_twin,
		    sizeof(room_of_twin));
	if (!span_equal(n.text, other.text))
		fprintf(stderr, "<<%s>> became <<%.*s>>,\n<<%s>> became <<%.*s>>\n", text,
			SPAN_ARGS(n.text), twin.text, SPAN_ARGS(other.text));
	ensure(!other.is_broken && span_equal(n.text, other.text));
	check_verdicts(span_of(text), span_make(twin.text, twin.size));
	check_meaning(text, &n);
	return 0;
}
