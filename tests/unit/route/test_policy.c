/*
 * Which of several replicas: the shares they get, the weights, the slow one.
 */
#include "route/cluster.h"

#include "route/policy.h"

enum { NODES = 4, ROUNDS = 12000, MS = 1000, S = 1000 * MS };

static const int all[NODES] = { 0, 1, 2, 3 };

/* Everything is answered before the next choice. */
static void choose_many(struct policy *p, const struct topology *t, int *counts)
{
	for (int i = 0; i < ROUNDS; i++) {
		int node = policy_choose(p, t, all, NODES, S);

		assert_in_range(node, 0, NODES - 1);
		policy_begin(p, node);
		policy_end(p, node, MS, S);
		counts[node]++;
	}
}

static void expect_share(int count, int share, int of)
{
	int wanted = ROUNDS * share / of;

	assert_in_range(count, wanted - wanted / 10, wanted + wanted / 10);
}

static void test_shares(void **state)
{
	static const enum balance balances[] = { BALANCE_LEAST_OUTSTANDING, BALANCE_ROUND_ROBIN,
						 BALANCE_RANDOM };
	struct topology *t = make_cluster(NODES);

	(void)state;
	for (int b = 0; b < 3; b++) {
		struct policy p;
		int counts[NODES] = { 0 };

		policy_init(&p, balances[b], 4711);
		choose_many(&p, t, counts);
		for (int i = 0; i < NODES; i++)
			expect_share(counts[i], 1, NODES);
	}
	topology_drop(t);
}

static void test_weights(void **state)
{
	static const enum balance balances[] = { BALANCE_LEAST_OUTSTANDING, BALANCE_ROUND_ROBIN,
						 BALANCE_RANDOM };
	static const int weights[NODES] = { 1, 2, 3, 6 };
	struct topology *t = make_cluster(NODES);

	(void)state;
	for (int i = 0; i < NODES; i++)
		t->nodes[i].weight = weights[i];
	for (int b = 0; b < 3; b++) {
		struct policy p;
		int counts[NODES] = { 0 };

		policy_init(&p, balances[b], 1);
		choose_many(&p, t, counts);
		for (int i = 0; i < NODES; i++)
			expect_share(counts[i], weights[i], 12);
	}
	topology_drop(t);
}

/* Many at once: no node gets one while another has less, by weight. */
static void test_outstanding_are_levelled(void **state)
{
	struct topology *t = make_cluster(NODES);
	struct policy p;

	(void)state;
	t->nodes[3].weight = 3;
	policy_init(&p, BALANCE_LEAST_OUTSTANDING, 1);
	for (int i = 0; i < 60; i++)
		policy_begin(&p, policy_choose(&p, t, all, NODES, S));
	for (int i = 0; i < 3; i++)
		assert_in_range(p.nodes[i].outstanding, 9, 11);
	assert_in_range(p.nodes[3].outstanding, 28, 32);
	topology_drop(t);
}

/* One that answers late has more outstanding, so that it gets less. */
static void test_a_stuck_node_gets_nothing_more(void **state)
{
	struct topology *t = make_cluster(NODES);
	struct policy p;

	(void)state;
	policy_init(&p, BALANCE_LEAST_OUTSTANDING, 1);
	policy_begin(&p, 2);
	for (int i = 0; i < 1000; i++) {
		int node = policy_choose(&p, t, all, NODES, S);

		assert_int_not_equal(node, 2);
		policy_begin(&p, node);
		policy_end(&p, node, MS, S);
	}
	topology_drop(t);
}

static int count_of_slow(struct policy *p, const struct topology *t, uint64_t from_us)
{
	int count = 0;

	for (int i = 0; i < 100; i++) {
		uint64_t now = from_us + (uint64_t)i * 10 * MS;
		int node = policy_choose(p, t, all, NODES, now);

		policy_begin(p, node);
		policy_end(p, node, node == 1 ? 50 * MS : MS, now);
		count += node == 1;
	}
	return count;
}

static void test_a_slow_node_is_avoided_and_tried_again(void **state)
{
	struct topology *t = make_cluster(NODES);
	struct policy p;

	(void)state;
	policy_init(&p, BALANCE_LEAST_OUTSTANDING, 1);
	assert_in_range(count_of_slow(&p, t, 0), 1, 5);
	assert_int_equal(count_of_slow(&p, t, 1 * S), 0);
	assert_int_equal(count_of_slow(&p, t, 2 * S), 0);
	/* What it was is forgotten: it may have recovered. */
	for (int i = 3; i < 12; i++)
		count_of_slow(&p, t, (uint64_t)i * S);
	assert_true(p.nodes[1].peak_at_us > 3 * S);
	topology_drop(t);
}

static void test_one_candidate(void **state)
{
	struct topology *t = make_cluster(NODES);
	struct policy p;
	int only = 3;

	(void)state;
	policy_init(&p, BALANCE_RANDOM, 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(policy_choose(&p, t, &only, 1, S), 3);
	topology_drop(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_outstanding_are_levelled),
		cmocka_unit_test(test_a_stuck_node_gets_nothing_more),
		cmocka_unit_test(test_a_slow_node_is_avoided_and_tried_again),
		cmocka_unit_test(test_one_candidate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
