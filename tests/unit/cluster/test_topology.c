/* Snapshots of the cluster: what a new one says, copies, counting. */
#include "cluster/topology.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_new_one_knows_nothing(void **state)
{
	struct topology *t = topology_create(3);

	(void)state;
	assert_int_equal(t->primary, -1);
	assert_int_equal(t->node_count, 3);
	for (int i = 0; i < 3; i++) {
		assert_false(t->nodes[i].is_up);
		assert_int_equal(t->nodes[i].role, NODE_ROLE_UNKNOWN);
		assert_int_equal(t->nodes[i].lag_ms, -1);
		assert_int_equal(t->nodes[i].fresh_us, 0);
	}
	topology_drop(t);
}

static void test_copy_is_apart_and_newer(void **state)
{
	struct topology *t = topology_create(2), *copy;

	(void)state;
	snprintf(t->nodes[1].name, sizeof(t->nodes[1].name), "b:5432");
	t->primary = 1;
	copy = topology_copy(t);
	t->nodes[1].name[0] = 'x';
	assert_string_equal(copy->nodes[1].name, "b:5432");
	assert_int_equal(copy->primary, 1);
	assert_true(copy->generation == t->generation + 1);
	topology_drop(t);
	topology_drop(copy);
}

static void test_lives_until_the_last_drop(void **state)
{
	struct topology *t = topology_create(0);

	(void)state;
	assert_ptr_equal(topology_hold(t), t);
	topology_drop(t);
	assert_int_equal(t->primary, -1); /* a sanitizer tells when this is freed */
	topology_drop(t);
	topology_drop(NULL);
}

static void test_role_words(void **state)
{
	(void)state;
	assert_string_equal(node_role_word(NODE_ROLE_UNKNOWN), "unknown");
	assert_string_equal(node_role_word(NODE_ROLE_PRIMARY), "primary");
	assert_string_equal(node_role_word(NODE_ROLE_REPLICA), "replica");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_one_knows_nothing),
		cmocka_unit_test(test_copy_is_apart_and_newer),
		cmocka_unit_test(test_lives_until_the_last_drop),
		cmocka_unit_test(test_role_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
