/*
 * The table of words: each is found in any case and at any end of memory, and nothing
 * that is like one.
 */
#include "sql/keyword.h"

#include "base/ensure.h"

#include <ctype.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const spaced[] = {
	"in", "as", "on", "by", "or", "and", "not", "all", "set", "any", "with", "from", "when",
	"then", "else", "where", "using", "union", "limit", "values", "select", "having", "except",
	"offset", "returning", "intersect", "over", "filter", "exists", "join", "lateral", "explain",
};
static const char *const others[] = {
	"insert", "update", "delete", "merge", "table", "uescape",
};

/* In memory of exactly its size. */
static unsigned find(const char *word, size_t size)
{
	char *copy = memory_get(size);
	unsigned uses;

	memcpy(copy, word, size);
	uses = keyword_find(span_make(copy, size), copy + size);
	free(copy);
	/* What stands behind the word does not matter. */
	copy = memory_get(size + 16);
	memset(copy, 'x', size + 16);
	memcpy(copy, word, size);
	assert_int_equal(keyword_find(span_make(copy, size), copy + size + 16), uses);
	free(copy);
	return uses;
}

static bool is_known(const char *word, size_t size)
{
	for (size_t i = 0; i < sizeof(spaced) / sizeof(spaced[0]); i++)
		if (strlen(spaced[i]) == size && strncasecmp(word, spaced[i], size) == 0)
			return true;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strlen(others[i]) == size && strncasecmp(word, others[i], size) == 0)
			return true;
	return false;
}

static void check_word(const char *word)
{
	char other[16] = "";
	size_t size = strlen(word);

	assert_true(find(word, size) != 0);
	for (size_t i = 0; i < size; i++)
		other[i] = (char)(i % 2 ? word[i] : toupper(word[i]));
	assert_int_equal(find(other, size), find(word, size));
	for (size_t i = 0; i < size; i++) {
		strcpy(other, word);
		for (int c = 1; c < 256; c++) {
			other[i] = (char)c;
			assert_int_equal(find(other, size) != 0, is_known(other, size));
		}
	}
	strcpy(other, word);
	strcat(other, "s");
	assert_int_equal(find(other, size + 1) != 0, is_known(other, size + 1));
	assert_int_equal(find(word, size - 1) != 0, is_known(word, size - 1));
}

static void test_words_and_what_is_like_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(spaced) / sizeof(spaced[0]); i++) {
		check_word(spaced[i]);
		assert_true(find(spaced[i], strlen(spaced[i])) & KEYWORD_SPACED);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		check_word(others[i]);
	assert_int_equal(find("intersection", 12), 0);
	assert_int_equal(find("x", 1), 0);
}

static void test_uses(void **state)
{
	(void)state;
	assert_int_equal(find("in", 2),
			 KEYWORD_SPACED | KEYWORD_BEFORE_OPERAND | KEYWORD_IN);
	assert_int_equal(find("AND", 3), KEYWORD_SPACED | KEYWORD_BEFORE_OPERAND | KEYWORD_FLAT);
	assert_int_equal(find("intersect", 9), KEYWORD_SPACED | KEYWORD_SET_OPERATION);
	assert_int_equal(find("select", 6),
			 KEYWORD_SPACED | KEYWORD_BEFORE_OPERAND | KEYWORD_REPLACED);
	assert_int_equal(find("table", 5), KEYWORD_REPLACED);
	assert_int_equal(find("uescape", 7), KEYWORD_UESCAPE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_and_what_is_like_them),
		cmocka_unit_test(test_uses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
