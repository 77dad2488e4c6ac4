/*
 * The lexer against PostgreSQL's own scanner, and where they must differ.
 */
#include "sql/lexer.h"

#include "base/ensure.h"
#include "corpus.h"
#include "scanner.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Kind letters and texts of all tokens: "w:select n:1". */
static void describe(struct span text, bool strings, char *out, size_t size)
{
	static const char letters[] = {
		[TOKEN_END] = '!',	 [TOKEN_WORD] = 'w',	  [TOKEN_NAME] = 'q',
		[TOKEN_STRING] = 's',	 [TOKEN_NATIONAL] = 'c',  [TOKEN_BITS] = 'b',
		[TOKEN_NUMBER] = 'n',	 [TOKEN_PARAMETER] = 'p', [TOKEN_OPERATOR] = 'o',
		[TOKEN_MARK] = 'm',	 [TOKEN_JUNK] = 'j',
	};
	struct lexer l;
	struct token t;
	size_t used = 0;

	out[0] = '\0';
	lexer_start(&l, text, strings);
	for (t = lexer_next(&l); t.kind != TOKEN_END; t = lexer_next(&l))
		used += (size_t)snprintf(out + used, size - used, "%s%c:%.*s", used ? " " : "",
					 letters[t.kind], SPAN_ARGS(t.text));
	if (l.is_broken)
		snprintf(out + used, size - used, " broken");
}

static void expect(const char *text, bool strings, const char *tokens)
{
	char out[4096];

	describe(span_of(text), strings, out, sizeof(out));
	assert_string_equal(out, tokens);
}

static void test_agrees_with_postgresql(void **state)
{
	(void)state;
	for (size_t i = 0; i < CORPUS_SIZE; i++)
		assert_true(agrees_with_postgresql(corpus[i]));
}

/* Runs of operator characters and signs: PostgreSQL's rule is subtle. */
static void test_operators_agree(void **state)
{
	static const char chars[] = "+-*/<>=~!@#%^&|`? ";
	enum { CHARS = sizeof(chars) - 1 };
	char text[16];

	(void)state;
	for (int i = 0; i < CHARS * CHARS * CHARS; i++) {
		snprintf(text, sizeof(text), "a%c%c%c1", chars[i % CHARS],
			 chars[i / CHARS % CHARS], chars[i / CHARS / CHARS]);
		if (!strstr(text, "/*"))
			assert_true(agrees_with_postgresql(text));
	}
}

/* Texts thrown together of what has rules of its own, most of them broken. */
static void test_soups_agree(void **state)
{
	static const char *const pieces[] = {
		"'", "''", "\"", "\"\"", "$", "$$", "$a$", "$1", "$1a", "\\", "e'", "E'", "b'", "x'1'",
		"n'", "N'a'", "u&'", "U&\"", "u&", "uescape", "a", "ab1$", "_", "\xc3\xa9", "select",
		"e", "1", "0", "12.", ".5", "1e", "e5", "1..", "0x", "0b1", "_1", "1_000", ".", "..",
		":", "::", ":=", "=>", "=", "<", ">", "+", "-", "--", "*", "/", "/*", "*/", "@", "!",
		"?", "|", "~", "`", "^", "&", "#", "%", "(", ")", "[", "]", ",", ";", "\n", "\r", " ",
		"\t", "\f", "{", "\xef\xbb\xbf", "\x01", "-- x\n", "'a'\n'b'", "'a' -- x\n'b'",
	};
	enum { COUNT = sizeof(pieces) / sizeof(pieces[0]), SOUPS = 20000 };
	unsigned seed = 20261124; /* of rand_r() */
	char text[256];

	(void)state;
	print_message("seed %u\n", seed);
	for (int i = 0; i < SOUPS; i++) {
		text[0] = '\0';
		for (int n = 1 + rand_r(&seed) % 12; n > 0; n--)
			strcat(text, pieces[rand_r(&seed) % COUNT]);
		assert_true(agrees_with_postgresql(text));
	}
}

/* Every cut of every text, in a block of exactly its size, so that reading on is
 * seen; tokens follow each other and only white space and comments lie between. */
static void check_cut(const char *text, size_t size)
{
	char *copy = memory_get(size ? size : 1);
	struct lexer l;
	struct token t;
	const char *at = copy;
	size_t count = 0;

	memcpy(copy, text, size);
	lexer_start(&l, span_make(copy, size), size % 2 == 0);
	while ((t = lexer_next(&l)).kind != TOKEN_END) {
		assert_true(t.text.size > 0);
		assert_true(t.text.data >= at);
		at = t.text.data + t.text.size;
		assert_true(at <= copy + size);
		count++;
	}
	assert_true(count <= size);
	assert_ptr_equal(l.at, l.end);
	free(copy);
}

static void test_cut_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < CORPUS_SIZE; i++)
		for (size_t size = 0; size <= strlen(corpus[i]); size++)
			check_cut(corpus[i], size);
}

static void test_strings(void **state)
{
	(void)state;
	expect("'a' 'b'", true, "s:'a' s:'b'");
	expect("'a'\n'b'", true, "s:'a'\n'b'");
	expect("'a' -- '\n 'b'", true, "s:'a' -- '\n 'b'");
	expect("'a' /*\n*/ 'b'", true, "s:'a' s:'b'");
	expect("'a'\n/* */'b'", true, "s:'a' s:'b'");
	expect("'\\' 'y'", true, "s:'\\' s:'y'");
	expect("'\\' 'y'", false, "s:'\\' ' w:y s:' broken");
	expect("'a\\'b'", false, "s:'a\\'b'");
	expect("e'\\' 'x", true, "s:e'\\' ' w:x");
	expect("e'a'\n'\\'b'", true, "s:e'a'\n'\\'b'");
	expect("n'\\''", false, "c:n'\\''");
	expect("b'\\'", false, "b:b'\\'");
	expect("b'1''0'", true, "b:b'1' s:'0'");
	expect("u&'x'", false, "s:u&'x' broken");
	expect("u & 'x'", true, "w:u o:& s:'x'");
	expect("xe'a'", true, "w:xe s:'a'");
	expect("'never", true, "s:'never broken");
	expect("\"never", true, "q:\"never broken");
	expect("\"a\"\"b\"", true, "q:\"a\"\"b\"");
	expect("\"a\"\n\"b\"", true, "q:\"a\" q:\"b\"");
}

static void test_dollar_quotes(void **state)
{
	(void)state;
	expect("$$a'b$$", true, "s:$$a'b$$");
	expect("$a$ $b$ $$ $a$", true, "s:$a$ $b$ $$ $a$");
	expect("$a$x$a$a$", true, "s:$a$x$a$ w:a$");
	expect("a$b$c", true, "w:a$b$c");
	expect("$1$$x$$", true, "p:$1 s:$$x$$");
	expect("$a$ never", true, "s:$a$ never broken");
	expect("$a b", true, "j:$ w:a w:b broken");
	expect("$1a", true, "j:$1a broken");
	expect("$?", true, "j:$ o:? broken");
}

static void test_numbers(void **state)
{
	(void)state;
	expect("1 1.5 .5 1. 1e5 1.e-5", true, "n:1 n:1.5 n:.5 n:1. n:1e5 n:1.e-5");
	expect("1..2", true, "n:1 o:.. n:2");
	expect("1.2.3", true, "n:1.2 n:.3");
	expect("0x1F 0o17 0b101 0X_1f 1_000 1_0.0_1", true,
	       "n:0x1F n:0o17 n:0b101 n:0X_1f n:1_000 n:1_0.0_1");
	expect("1a", true, "j:1a broken");
	expect("1__0", true, "j:1__0 broken");
	expect("1_", true, "j:1_ broken");
	expect("0x", true, "j:0x broken");
	expect("0xg", true, "j:0xg broken");
	expect("1e", true, "j:1e broken");
	expect("1e+", true, "j:1e o:+ broken");
	expect("1e5_0 1e_5", true, "n:1e5_0 j:1e_5 broken");
	expect("1._5", true, "j:1._5 broken");
	expect("0b12 0o8", true, "n:0b1 n:2 j:0o8 broken");
	expect("0x1Fg", true, "j:0x1Fg broken");
	expect("1_000..2_0", true, "n:1_000 o:.. n:2_0");
	expect("-1+2", true, "o:- n:1 o:+ n:2");
	expect("$1_0", true, "j:$1_0 broken");
}

static void test_comments(void **state)
{
	(void)state;
	expect("a/*b*/c", true, "w:a w:c");
	expect("a/*/*b*/c*/d", true, "w:a w:d");
	expect("a/*/*b*/c", true, "w:a broken");
	expect("a--b\nc--", true, "w:a w:c");
	expect("a--b\rc", true, "w:a w:c");
	expect("a*/*b*/c", true, "w:a o:* w:c");
	expect("a+--b\nc", true, "w:a o:+ w:c");
}

static void test_operators(void **state)
{
	(void)state;
	expect("a+-b", true, "w:a o:+ o:- w:b");
	expect("a@-b", true, "w:a o:@- w:b");
	expect("a*-+-b", true, "w:a o:* o:- o:+ o:- w:b");
	expect("a+-@-+b", true, "w:a o:+-@-+ w:b");
	expect("a+/*x*/-b", true, "w:a o:+ o:- w:b");
	expect("a@--x\n-b", true, "w:a o:@ o:- w:b");
	expect("a*/ b", true, "w:a o:*/ w:b");
	expect("a@-/**/b", true, "w:a o:@- w:b");
	expect("a::b:=c=>d<=e", true, "w:a o::: w:b o::= w:c o:=> w:d o:<= w:e");
	expect("a:::b::=c", true, "w:a o::: m:: w:b o::: o:= w:c");
	expect("a...b", true, "w:a o:.. m:. w:b");
	expect("1...5", true, "n:1 o:.. n:.5");
	expect("a.5.b", true, "w:a n:.5 m:. w:b");
	expect("$1::int-$2", true, "p:$1 o::: w:int o:- p:$2");
	expect("a?|b??c", true, "w:a o:?| w:b o:?? w:c");
}

static void test_space(void **state)
{
	(void)state;
	expect("a\vb\fc\rd\te", true, "w:a w:b w:c w:d w:e");
	expect("'a'\v\n\f'b'", true, "s:'a'\v\n\f'b'");
	expect("'a'\r'b'", true, "s:'a'\r'b'");
	expect("'a'--x\r'b'", true, "s:'a'--x\r'b'");
	expect("'a'\n--x\n--y\n'b'", true, "s:'a'\n--x\n--y\n'b'");
	expect("'a'\n--x", true, "s:'a'");
	expect("'a'\v'b'", true, "s:'a' s:'b'");
	expect("\xef\xbb\xbfselect", true, "w:\xef\xbb\xbfselect");
	expect("a\302\240b", true, "w:a\302\240b");
	expect("a\001b", true, "w:a j:\001 w:b broken");
}

static void test_words(void **state)
{
	(void)state;
	expect("\xc3\xa9t\xc3\xa9 \xe6\x95\xb0$1_", true,
	       "w:\xc3\xa9t\xc3\xa9 w:\xe6\x95\xb0$1_");
	expect("\xff'a'", true, "w:\xff s:'a'");
	expect("_'a' a\"b\"", true, "w:_ s:'a' w:a q:\"b\"");
	expect("U&\"a\"\"b\" u&\"c", true, "q:U&\"a\"\"b\" q:u&\"c broken");
	expect("$\xc3\xa9$a$\xc3\xa9$", true, "s:$\xc3\xa9$a$\xc3\xa9$");
	expect("$1$2", true, "p:$1 p:$2");
}

static void test_stops_at_nul(void **state)
{
	char out[64];

	(void)state;
	describe(span_make("select\0drop", 11), true, out, sizeof(out));
	assert_string_equal(out, "w:select");
	describe(span_make(NULL, 0), true, out, sizeof(out));
	assert_string_equal(out, "");
}

static enum route_hint hint_of(const char *text)
{
	struct lexer l;

	lexer_start(&l, span_of(text), true);
	while (lexer_next(&l).kind != TOKEN_END)
		;
	return l.hint;
}

static void test_hints(void **state)
{
	(void)state;
	assert_int_equal(hint_of("/* pgweir: primary */ select 1"), HINT_PRIMARY);
	assert_int_equal(hint_of("select 1 /*pgweir:replica*/"), HINT_REPLICA);
	assert_int_equal(hint_of("/*\tpgweir:\n replica */ select 1"), HINT_REPLICA);
	assert_int_equal(hint_of("/*pgweir:replica*/ /*pgweir:primary*/"), HINT_PRIMARY);
	assert_int_equal(hint_of("/*pgweir:primary*/ /*pgweir:replica*/"), HINT_PRIMARY);
	assert_int_equal(hint_of("/* pgweir: replicas */ select 1"), HINT_NONE);
	assert_int_equal(hint_of("/* pgweir: */ select 1"), HINT_NONE);
	assert_int_equal(hint_of("/* pgweir: primary"), HINT_NONE);
	assert_int_equal(hint_of("select '/* pgweir: replica */'"), HINT_NONE);
	assert_int_equal(hint_of("-- /* pgweir: replica */\nselect 1"), HINT_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agrees_with_postgresql),
		cmocka_unit_test(test_operators_agree),
		cmocka_unit_test(test_soups_agree),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_dollar_quotes),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_comments),
		cmocka_unit_test(test_operators),
		cmocka_unit_test(test_space),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_stops_at_nul),
		cmocka_unit_test(test_hints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
