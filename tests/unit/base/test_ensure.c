/*
 * ensure() stops the process and says where; the allocations of small sizes.
 */
#include "base/ensure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void true_goes_on(void **state)
{
	int evaluated = 0;

	(void)state;
	ensure(++evaluated == 1);
	assert_int_equal(evaluated, 1);
}

static void false_says_where_and_aborts(void **state)
{
	char text[500] = "";
	int pipes[2], status;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	child = fork();
	if (child == 0) {
		dup2(pipes[1], STDERR_FILENO);
		ensure(1 + 1 == 3);
		_exit(0);
	}
	close(pipes[1]);
	assert_true(read(pipes[0], text, sizeof text - 1) > 0);
	close(pipes[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_non_null(strstr(text, "1 + 1 == 3"));
	assert_non_null(strstr(text, "test_ensure.c"));
	assert_non_null(strstr(text, __func__));
}

static void memory_is_given(void **state)
{
	char *memory = memory_get(10), *copy;
	static const char zeros[1000];

	(void)state;
	memset(memory, 'a', 10);
	memory = memory_resize(memory, 1000);
	assert_memory_equal(memory, "aaaaaaaaaa", 10);
	free(memory);
	memory = memory_get_zeroed(sizeof zeros);
	assert_memory_equal(memory, zeros, sizeof zeros);
	free(memory);
	memory = memory_resize(NULL, 5);
	free(memory);
	free(memory_get(0));
	copy = memory_copy_text("text");
	assert_string_equal(copy, "text");
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(true_goes_on),
		cmocka_unit_test(false_says_where_and_aborts),
		cmocka_unit_test(memory_is_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
