/*
 * What differs in more than literals, white space, comments and case differs in its
 * normal form: a skeleton of the tokens, made without the rules of normal.c, is the
 * same for a text and for its normal form, so the form tells skeletons apart.  The
 * texts are the corpus, shuffled by a seed that is printed.
 */
#include "sql/normal.h"

#include "base/ensure.h"
#include "corpus.h"
#include "sql/lexer.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TOKENS_MAX = 512, ROUNDS = 30000, TEXT_MAX = 4096 };

static const struct normal_options options[] = {
	{ .standard_conforming_strings = true },
	{ .standard_conforming_strings = true, .for_people = true },
};

struct skeleton {
	struct token tokens[TOKENS_MAX];
	size_t count;
	bool is_broken;
};

static bool is_literal(const struct token *t)
{
	return t->kind == TOKEN_NUMBER || t->kind == TOKEN_STRING || t->kind == TOKEN_BITS ||
	       t->kind == TOKEN_NATIONAL;
}

/* Signs of numbers go, and the escape clause of U&'…'. */
static void drop_parts_of_literals(struct skeleton *s)
{
	struct token *t = s->tokens;
	size_t kept = 0;

	for (size_t i = 0; i < s->count; i++) {
		if (t[i].kind == TOKEN_NUMBER)
			while (kept > 0 && t[kept - 1].kind == TOKEN_OPERATOR &&
			       token_is(&t[kept - 1], '-'))
				kept--;
		if (kept > 0 && t[kept - 1].kind == TOKEN_STRING &&
		    token_is_unicode(&t[kept - 1]) && token_is_word(&t[i], "uescape")) {
			t[kept - 1].text = span_of("''"); /* has no second clause */
			i++;
		} else {
			t[kept++] = t[i];
		}
	}
	s->count = kept;
}

/* "in (1, 2)": the first of them stays. */
static void drop_lists(struct skeleton *s)
{
	struct token *t = s->tokens;
	size_t kept = 0;

	for (size_t i = 0; i < s->count; i++) {
		size_t end = i + 1;

		t[kept++] = t[i];
		if (kept < 3 || !is_literal(&t[kept - 1]) || !token_is(&t[kept - 2], '(') ||
		    !token_is_word(&t[kept - 3], "in"))
			continue;
		while (end + 1 < s->count && token_is(&t[end], ',') && is_literal(&t[end + 1]))
			end += 2;
		if (end < s->count && token_is(&t[end], ')'))
			i = end - 1;
	}
	s->count = kept;
}

static void drop_empty_statements(struct skeleton *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->count; i++)
		if (!token_is(&s->tokens[i], ';') ||
		    (kept > 0 && !token_is(&s->tokens[kept - 1], ';')))
			s->tokens[kept++] = s->tokens[i];
	if (kept > 0 && token_is(&s->tokens[kept - 1], ';'))
		kept--;
	s->count = kept;
}

static void make_skeleton(struct skeleton *s, struct span text)
{
	struct lexer l;
	struct token t;

	s->count = 0;
	lexer_start(&l, text, true);
	for (t = lexer_next(&l); t.kind != TOKEN_END && s->count < TOKENS_MAX; t = lexer_next(&l))
		s->tokens[s->count++] = t;
	s->is_broken = l.is_broken;
	drop_parts_of_literals(s);
	drop_lists(s);
	drop_empty_statements(s);
}

static bool is_same_token(const struct token *a, const struct token *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == TOKEN_NUMBER || a->kind == TOKEN_STRING || a->kind == TOKEN_NATIONAL)
		return true;
	if (a->kind == TOKEN_BITS)
		return fold_letter(a->text.data[0]) == fold_letter(b->text.data[0]);
	if (a->kind == TOKEN_WORD || token_is_unicode(a))
		return a->text.size == b->text.size &&
		       strncasecmp(a->text.data, b->text.data, a->text.size) == 0;
	return span_equal(a->text, b->text);
}

static void expect_same_skeleton(const char *text, const struct normal_options *o)
{
	static struct skeleton of_text, of_form;
	char room[4 * TEXT_MAX];
	struct normal n;

	make_skeleton(&of_text, span_of(text));
	normal_make(&n, span_of(text), o, room, sizeof(room));
	if (of_text.is_broken || n.is_broken || of_text.count == TOKENS_MAX)
		return;
	assert_false(n.is_too_long);
	normal_fill(room, n.text.size);
	make_skeleton(&of_form, n.text);
	for (size_t i = 0; i < of_text.count || i < of_form.count; i++)
		if (i >= of_text.count || i >= of_form.count ||
		    !is_same_token(&of_text.tokens[i], &of_form.tokens[i]))
			fail_msg("[%s] became [%.*s], which differs at token %zu", text,
				 SPAN_ARGS(n.text), i);
}

/* A normal form with values in it has itself as its form. */
static void expect_fixed_point(const char *text, const struct normal_options *o)
{
	char form[4 * TEXT_MAX], filled[4 * TEXT_MAX], again[4 * TEXT_MAX];
	struct normal n, m;

	normal_make(&n, span_of(text), o, form, sizeof(form));
	if (n.is_broken)
		return;
	memcpy(filled, form, n.text.size);
	normal_fill(filled, n.text.size);
	normal_make(&m, span_make(filled, n.text.size), o, again, sizeof(again));
	if (!span_equal(n.text, m.text))
		fail_msg("[%s] became [%.*s], which became [%.*s]", text, SPAN_ARGS(n.text),
			 SPAN_ARGS(m.text));
}

static struct span pick_token(unsigned *seed)
{
	const char *text = corpus[(unsigned)rand_r(seed) % CORPUS_SIZE];
	struct lexer l;
	struct token t;
	int left = rand_r(seed) % 20;

	lexer_start(&l, span_of(text), true);
	do
		t = lexer_next(&l);
	while (t.kind != TOKEN_END && left-- > 0);
	return t.text;
}

/* A text of the corpus, of which tokens were lost, came twice, or came from others. */
static void shuffle(unsigned *seed, char *out)
{
	static const char *const gaps[] = { " ", " ", " ", "", "\n", "/**/", "\t", "--\n" };
	const char *text = corpus[(unsigned)rand_r(seed) % CORPUS_SIZE];
	struct lexer l;
	struct token t;
	size_t used = 0;

	lexer_start(&l, span_of(text), true);
	for (t = lexer_next(&l); t.kind != TOKEN_END; t = lexer_next(&l)) {
		int what = rand_r(seed) % 24;
		struct span other = what == 0 || what == 1 ? pick_token(seed) : t.text;

		for (int n = what == 2 ? 0 : what == 3 ? 2 : 1; n > 0; n--)
			used += (size_t)snprintf(out + used, TEXT_MAX - used, "%.*s%s",
						 SPAN_ARGS(other), gaps[rand_r(seed) % 8]);
	}
	out[used] = '\0';
}

static void test_forms_differ(void **state)
{
	unsigned seed = 4711; /* of rand_r() */
	char text[TEXT_MAX] = "";

	(void)state;
	print_message("seed %u\n", seed);
	for (int i = 0; i < ROUNDS; i++) {
		shuffle(&seed, text);
		expect_same_skeleton(text, &options[i % 2]);
		expect_fixed_point(text, &options[i % 2]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
