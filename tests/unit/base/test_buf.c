/*
 * The byte queue: order, cursors, growth; a long random run against a plain model.
 */
#include "base/buf.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void starts_and_ends_empty(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b);
	assert_true(buf_is_empty(&b));
	assert_int_equal(buf_waiting(&b).size, 0);
	assert_int_equal(buf_unseen(&b).size, 0);
	/* a pointer that arithmetic and memcpy may take */
	assert_non_null(buf_waiting(&b).data);
	assert_non_null(buf_unseen(&b).data);
	buf_append(&b, NULL, 0);
	assert_null(b.data);
	buf_append(&b, "x", 1);
	buf_finish(&b);
	assert_null(b.data);
	buf_append(&b, "again", 5);
	assert_true(span_is(buf_waiting(&b), "again"));
	buf_finish(&b);
}

static void cursors_move_apart(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b);
	buf_append(&b, "hello world", 11);
	buf_see(&b, 6);
	assert_true(span_is(buf_unseen(&b), "world"));
	assert_true(span_is(buf_waiting(&b), "hello world"));
	buf_send(&b, 4);
	assert_true(span_is(buf_waiting(&b), "o world"));
	assert_true(span_is(buf_unseen(&b), "world"));
	/* what leaves was seen */
	buf_send(&b, 4);
	assert_true(span_is(buf_unseen(&b), "rld"));
	buf_send(&b, 3);
	assert_true(buf_is_empty(&b));
	assert_int_equal(b.sent, 0);
	buf_finish(&b);
}

static void room_is_filled_in_place(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b);
	buf_reserve(&b, 100);
	assert_true(buf_room_size(&b) >= 100);
	memcpy(b.data + b.filled, "abc", 3);
	buf_fill(&b, 3);
	assert_true(span_is(buf_waiting(&b), "abc"));
	buf_finish(&b);
}

static void free_space_in_front_is_used(void **state)
{
	struct buf b;
	size_t capacity;

	(void)state;
	buf_init(&b);
	buf_reserve(&b, 1);
	capacity = b.capacity;
	for (size_t i = 0; i < capacity; i++)
		buf_append(&b, "x", 1);
	buf_see(&b, 10);
	buf_send(&b, 5);
	buf_append(&b, "end", 3);
	assert_int_equal(b.capacity, capacity);
	assert_int_equal(b.sent, 0);
	assert_int_equal(b.seen, 5);
	assert_int_equal(buf_waiting(&b).size, capacity - 2);
	assert_memory_equal(buf_waiting(&b).data + capacity - 5, "end", 3);
	buf_finish(&b);
}

enum { MODEL_BYTES = 1 << 20 };

/* 20,000 random steps; byte number n of the stream is a hash of n. */
static char byte_at(size_t n)
{
	return (char)((n * 2654435761u) >> 13);
}

static void random_run_keeps_the_stream(void **state)
{
	struct buf b;
	size_t in = 0, out = 0, seen = 0;
	unsigned int random = 1;
	char piece[3000];

	(void)state;
	buf_init(&b);
	for (int step = 0; step < 20000; step++) {
		size_t size;

		random = random * 1103515245 + 12345;
		size = (random >> 8) % sizeof piece;
		if (random >> 30 == 0) {
			for (size_t i = 0; i < size; i++)
				piece[i] = byte_at(in + i);
			buf_append(&b, piece, size);
			in += size;
		} else if (random >> 30 == 1 && seen < in) {
			size %= in - seen + 1;
			buf_see(&b, size);
			seen += size;
		} else {
			size = size < in - out ? size : in - out;
			buf_send(&b, size);
			out += size;
			if (seen < out)
				seen = out;
		}
		assert_int_equal(buf_waiting(&b).size, in - out);
		assert_int_equal(buf_unseen(&b).size, in - seen);
		assert_int_equal(buf_is_empty(&b), in == out);
		for (size_t i = out; i < in; i += 97)
			assert_int_equal(buf_waiting(&b).data[i - out], byte_at(i));
	}
	assert_true(in > MODEL_BYTES);
	buf_finish(&b);
}

static int exit_of(void (*bug)(void))
{
	pid_t child = fork();
	int status = 0;

	assert_true(child >= 0);
	if (child == 0) {
		close(STDERR_FILENO);
		bug();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void send_more_than_there_is(void)
{
	struct buf b;

	buf_init(&b);
	buf_append(&b, "abc", 3);
	buf_send(&b, 4);
}

static void see_more_than_there_is(void)
{
	struct buf b;

	buf_init(&b);
	buf_append(&b, "abc", 3);
	buf_see(&b, 4);
}

static void fill_more_than_the_room(void)
{
	struct buf b;

	buf_init(&b);
	buf_reserve(&b, 10);
	buf_fill(&b, buf_room_size(&b) + 1);
}

static void reserve_what_wraps(void)
{
	struct buf b;

	buf_init(&b);
	buf_append(&b, "abc", 3);
	buf_reserve(&b, SIZE_MAX - 1);
}

/* 2^63 is what doubling reaches last: one more needs 0. */
static void reserve_what_doubling_misses(void)
{
	struct buf b;

	buf_init(&b);
	buf_reserve(&b, SIZE_MAX / 2 + 2);
}

static void sizes_that_overflow_stop_the_process(void **state)
{
	(void)state;
	assert_int_equal(exit_of(reserve_what_wraps), SIGABRT);
	assert_int_equal(exit_of(reserve_what_doubling_misses), SIGABRT);
}

static void broken_cursors_stop_the_process(void **state)
{
	(void)state;
	assert_int_equal(exit_of(send_more_than_there_is), SIGABRT);
	assert_int_equal(exit_of(see_more_than_there_is), SIGABRT);
	assert_int_equal(exit_of(fill_more_than_the_room), SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_and_ends_empty),
		cmocka_unit_test(cursors_move_apart),
		cmocka_unit_test(room_is_filled_in_place),
		cmocka_unit_test(free_space_in_front_is_used),
		cmocka_unit_test(random_run_keeps_the_stream),
		cmocka_unit_test(sizes_that_overflow_stop_the_process),
		cmocka_unit_test(broken_cursors_stop_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
