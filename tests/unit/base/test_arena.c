/*
 * The arena: pieces are apart, aligned and stay until the reset.
 */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdalign.h>

#include <cmocka.h>

static void pieces_are_apart_and_aligned(void **state)
{
	enum { PIECES = 500 };
	struct arena a;
	char *pieces[PIECES];

	(void)state;
	arena_init(&a);
	for (size_t i = 0; i < PIECES; i++) {
		pieces[i] = arena_get(&a, i);
		assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
		memset(pieces[i], (int)i, i);
	}
	for (size_t i = 0; i < PIECES; i++) {
		for (size_t j = 0; j < i; j++)
			assert_int_equal((unsigned char)pieces[i][j], i & 0xff);
	}
	arena_finish(&a);
	assert_null(a.blocks);
}

static void sizes_around_a_block(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a);
	for (size_t size = 8 * 1024 - 40; size <= 8 * 1024 + 40; size++)
		memset(arena_get(&a, size), 1, size);
	memset(arena_get(&a, 1000 * 1000), 1, 1000 * 1000);
	memset(arena_get(&a, 1), 1, 1);
	arena_finish(&a);
}

static void text_is_copied_with_a_nul(void **state)
{
	char source[] = "hello";
	struct arena a;
	char *copy, *empty;

	(void)state;
	arena_init(&a);
	copy = arena_copy_text(&a, span_make(source, 4));
	empty = arena_copy_text(&a, span_make(NULL, 0));
	memset(source, 'x', sizeof source);
	assert_string_equal(copy, "hell");
	assert_string_equal(empty, "");
	arena_finish(&a);
}

static void reset_keeps_one_small_block(void **state)
{
	struct arena a;
	struct arena_block *kept;
	void *piece;

	(void)state;
	arena_init(&a);
	arena_reset(&a);
	assert_null(a.blocks);
	for (int i = 0; i < 100; i++)
		arena_get(&a, 1000);
	kept = a.blocks;
	arena_reset(&a);
	assert_ptr_equal(a.blocks, kept);
	piece = arena_get(&a, 1000);
	arena_reset(&a);
	assert_ptr_equal(arena_get(&a, 1000), piece);

	/* one huge message does not keep its memory */
	arena_get(&a, 1000 * 1000);
	arena_reset(&a);
	assert_null(a.blocks);
	memset(arena_get(&a, 10), 1, 10);
	arena_finish(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_apart_and_aligned),
		cmocka_unit_test(sizes_around_a_block),
		cmocka_unit_test(text_is_copied_with_a_nul),
		cmocka_unit_test(reset_keeps_one_small_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
