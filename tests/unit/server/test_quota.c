/*
 * server/quota.c: the limit holds over all threads, and what one worker lacks is
 * seen, claimed and forgotten by the others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/quota.h"

#include <pthread.h>

enum { WORKERS = 3, LIMIT = 2, TAKES = 20000 };

static int create(void **state)
{
	*state = quotas_create(WORKERS);
	return 0;
}

static int destroy(void **state)
{
	quotas_destroy(*state);
	return 0;
}

static void test_one_for_each_key(void **state)
{
	struct quota *q = quotas_find(*state, 0, "app", "bob");

	assert_ptr_equal(quotas_find(*state, 0, "app", "bob"), q);
	assert_ptr_not_equal(quotas_find(*state, 1, "app", "bob"), q);
	assert_ptr_not_equal(quotas_find(*state, 0, "ap", "bob"), q);
	/* A name may hold a blank: what belongs to which must still be clear. */
	assert_ptr_not_equal(quotas_find(*state, 0, "a b", "c"), quotas_find(*state, 0, "a", "b c"));
}

static void test_limit(void **state)
{
	struct quota *q = quotas_find(*state, 0, "app", "bob");

	assert_true(quota_take(q, LIMIT));
	assert_true(quota_take(q, LIMIT));
	assert_false(quota_take(q, LIMIT));
	assert_int_equal(quota_open(q), LIMIT);
	quota_return(q);
	assert_true(quota_take(q, LIMIT));
	assert_true(quota_take(q, LIMIT + 1));
	assert_false(quota_take(q, 0));
}

/* As many threads as the limit allows always find a token: those who find none
 * do not keep it from others, not even for a moment. */
static void *take_and_return(void *argument)
{
	struct quota *q = argument;

	for (int i = 0; i < TAKES; i++) {
		if (!quota_take(q, LIMIT))
			return q;
		quota_return(q);
	}
	return NULL;
}

static void *take_in_vain(void *argument)
{
	for (int i = 0; i < TAKES; i++)
		(void)!quota_take(argument, 0);
	return NULL;
}

static void test_threads_that_find_none_disturb_nobody(void **state)
{
	struct quota *q = quotas_find(*state, 0, "app", "bob");
	pthread_t threads[4];
	void *failed;

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
						i < LIMIT ? take_and_return : take_in_vain, q), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	assert_int_equal(quota_open(q), 0);
}

static void test_neediest(void **state)
{
	struct quota *q = quotas_find(*state, 0, "app", "bob");

	assert_int_equal(quota_neediest(q, 0, UINT64_MAX), -1);
	quota_want(q, 1, 100, 1);
	quota_want(q, 2, 90, 1);
	assert_int_equal(quota_neediest(q, 0, UINT64_MAX), 2);
	assert_int_equal(quota_neediest(q, 2, UINT64_MAX), 1);
	assert_int_equal(quota_neediest(q, 0, 91), 2);
	assert_int_equal(quota_neediest(q, 0, 90), -1);
	quota_want(q, 2, 0, 0);
	assert_int_equal(quota_neediest(q, 0, UINT64_MAX), 1);
	quota_want(q, 1, 0, 0);
	assert_int_equal(quota_neediest(q, 0, UINT64_MAX), -1);
}

static void test_claims(void **state)
{
	struct quota *q = quotas_find(*state, 0, "app", "bob");

	assert_false(quota_claim(q, 1));
	quota_want(q, 1, 100, 2);
	assert_true(quota_claim(q, 1));
	assert_true(quota_claim(q, 1));
	assert_false(quota_claim(q, 1));
	/* It still waits, but what it lacks is on its way. */
	assert_int_equal(quota_neediest(q, 0, UINT64_MAX), -1);
	quota_want(q, 1, 100, -1);
	assert_false(quota_claim(q, 1));
}

static void test_idle(void **state)
{
	struct quota *q = quotas_find(*state, 0, "app", "bob");

	assert_int_equal(quota_idle(q, 2), 0);
	quota_show_idle(q, 2, 5);
	assert_int_equal(quota_idle(q, 2), 5);
	assert_int_equal(quota_idle(q, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_for_each_key, create, destroy),
		cmocka_unit_test_setup_teardown(test_limit, create, destroy),
		cmocka_unit_test_setup_teardown(test_threads_that_find_none_disturb_nobody, create,
						destroy),
		cmocka_unit_test_setup_teardown(test_neediest, create, destroy),
		cmocka_unit_test_setup_teardown(test_claims, create, destroy),
		cmocka_unit_test_setup_teardown(test_idle, create, destroy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
