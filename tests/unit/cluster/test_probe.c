/* Probes against scripted nodes: who is asked when, and what is published. */
#include "cluster/probe.h"

#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { NODES = 3 };

static struct loop loop;
static struct fake fakes[NODES];
static char lsn_texts[NODES][24];
static struct config_node nodes[NODES];
static struct config config;
static struct probes *probes;
static int published, times_down[NODES];
static int64_t last_generation;

static void on_change(void *context, struct topology *t)
{
	(void)context;
	published++;
	assert_true((int64_t)t->generation > last_generation);
	last_generation = (int64_t)t->generation;
	assert_ptr_equal(t, probes_topology(probes));
	for (int i = 0; i < t->node_count; i++)
		times_down[i] += !t->nodes[i].is_up;
}

static void set_row(int i, const char *in_recovery, const char *timeline, int lsn)
{
	snprintf(lsn_texts[i], sizeof(lsn_texts[i]), "%d", lsn);
	fakes[i].row_count = 1;
	fakes[i].column_count = 8;
	fakes[i].rows[0][0] = in_recovery;
	fakes[i].rows[0][1] = "7711730572687905931";
	fakes[i].rows[0][2] = timeline;
	fakes[i].rows[0][3] = lsn_texts[i];
	fakes[i].rows[0][4] = lsn_texts[i];
	fakes[i].rows[0][5] = "-1";
	fakes[i].rows[0][6] = "8192";
	fakes[i].rows[0][7] = "16777216";
}

static int start(void **state)
{
	(void)state;
	loop_init(&loop, NULL, NULL);
	for (int i = 0; i < NODES; i++) {
		fake_init(&fakes[i], &loop);
		set_row(i, i ? "1" : "0", "1", 1000);
		nodes[i] = (struct config_node){ .name = "node", .host = "127.0.0.1",
						 .port = fakes[i].port, .weight = 1 };
		times_down[i] = 0;
	}
	config = (struct config){
		.nodes = nodes, .node_count = NODES, .cluster_probe_user = "probe",
		.cluster_probe_database = "postgres", .cluster_probe_interval_ms = 20,
		.cluster_probe_timeout_ms = 5000, .cluster_sample_interval_ms = 5,
		.tls_server_mode = TLS_DISABLE, .tls_server_ca = "",
	};
	published = 0;
	last_generation = 0;
	return 0;
}

static int end(void **state)
{
	(void)state;
	probes_destroy(probes);
	probes = NULL;
	for (int i = 0; i < NODES; i++)
		fake_finish(&fakes[i]);
	loop_finish(&loop);
	return 0;
}

static const struct node *node(int i)
{
	return &probes_topology(probes)->nodes[i];
}

static int all_up(void *context)
{
	(void)context;
	for (int i = 0; i < NODES; i++)
		if (!node(i)->is_up)
			return 0;
	return 1;
}

static int is_down(void *context)
{
	return !node(*(int *)context)->is_up;
}

static int is_caught_up(void *context)
{
	return node(*(int *)context)->lag_ms == 0 && node(*(int *)context)->fresh_us > 0;
}

static void begin(void)
{
	probes = probes_create(&loop, &config, "secret", on_change, NULL);
	assert_true(loop_until(&loop, all_up, NULL));
}

static void test_finds_roles_and_freshness(void **state)
{
	int replica = 1;

	(void)state;
	probes = probes_create(&loop, &config, NULL, on_change, NULL);
	assert_int_equal(probes_topology(probes)->primary, -1);
	assert_string_equal(node(0)->down_reason, "not asked so far");
	assert_true(loop_until(&loop, all_up, NULL));
	assert_int_equal(probes_topology(probes)->primary, 0);
	assert_int_equal(node(0)->role, NODE_ROLE_PRIMARY);
	assert_int_equal(node(1)->role, NODE_ROLE_REPLICA);
	assert_int_equal(node(0)->address_size, sizeof(struct sockaddr_in));
	assert_true(loop_until(&loop, is_caught_up, &replica));
	assert_non_null(strstr(fakes[0].startup, "application_name pgweir probe"));
	assert_int_equal(fakes[0].connections_seen, 1);
}

static void test_replica_behind_has_lag(void **state)
{
	int replica = 2;

	(void)state;
	set_row(2, "1", "1", 900);
	begin();
	loop_for(&loop, 50);
	assert_int_equal(node(2)->fresh_us, 0);
	set_row(2, "1", "1", 1000);
	assert_true(loop_until(&loop, is_caught_up, &replica));
}

static void test_refused_node_is_down_and_comes_back(void **state)
{
	int which = 1;

	(void)state;
	begin();
	fake_close(&fakes[1]);
	assert_true(loop_until(&loop, is_down, &which));
	assert_non_null(strstr(node(1)->down_reason, "Connection refused"));
	assert_true(node(0)->is_up && node(2)->is_up);
	fake_open(&fakes[1], fakes[1].port);
	assert_true(loop_until(&loop, all_up, NULL));
}

static void test_lost_primary_is_no_primary(void **state)
{
	int which = 0;

	(void)state;
	begin();
	fake_close(&fakes[0]);
	assert_true(loop_until(&loop, is_down, &which));
	assert_int_equal(probes_topology(probes)->primary, -1);
	assert_int_equal(node(0)->role, NODE_ROLE_PRIMARY);
}

static int is_new_primary(void *context)
{
	return probes_topology(probes)->primary == *(int *)context;
}

static void test_promotion_fences_the_old_primary(void **state)
{
	int which = 2;

	(void)state;
	begin();
	set_row(2, "0", "2", 1100);
	assert_true(loop_until(&loop, is_new_primary, &which));
	assert_false(node(0)->is_up);
	assert_string_equal(node(0)->down_reason, "another primary has a newer timeline");
}

static void test_silent_node_is_down_after_the_timeout(void **state)
{
	int which = 1;

	(void)state;
	config.cluster_probe_timeout_ms = 100;
	begin();
	fakes[1].mood = FAKE_IS_SILENT;
	assert_true(loop_until(&loop, is_down, &which));
	assert_string_equal(node(1)->down_reason, "no answer within 100 ms");
	fakes[1].mood = FAKE_ANSWERS;
	assert_true(loop_until(&loop, all_up, NULL));
}

static void test_starting_node_is_down(void **state)
{
	int which = 1;

	(void)state;
	begin();
	fakes[1].mood = FAKE_IS_STARTING;
	fake_drop_connections(&fakes[1]);
	assert_true(loop_until(&loop, is_down, &which));
	assert_string_equal(node(1)->down_reason, "the database system is starting up");
}

static void test_nonsense_is_down(void **state)
{
	int which = 1;

	(void)state;
	begin();
	fakes[1].rows[0][3] = "12x";
	assert_true(loop_until(&loop, is_down, &which));
	assert_string_equal(node(1)->down_reason, "the answer of the probe makes no sense");
}

static int has_reconnected(void *context)
{
	return fakes[1].connections_seen >= *(int *)context && node(1)->is_up;
}

/* pg_terminate_backend on our connection is no news about the node. */
static void test_lost_connection_alone_is_not_down(void **state)
{
	int wanted = 2, before;

	(void)state;
	begin();
	before = times_down[1];
	fake_drop_connections(&fakes[1]);
	assert_true(loop_until(&loop, has_reconnected, &wanted));
	assert_int_equal(times_down[1], before);
}

static void test_report_is_down_at_once_but_no_flapping(void **state)
{
	int before;

	(void)state;
	config.cluster_probe_interval_ms = 10000;
	begin();
	before = published;
	probes_report_failure(probes, 1, "refused to a worker");
	assert_false(node(1)->is_up);
	assert_string_equal(node(1)->down_reason, "refused to a worker");
	assert_int_equal(published, before + 1);
	assert_true(loop_until(&loop, all_up, NULL));
	assert_int_equal(fakes[1].connections_seen, 2);
	/* It proved wrong: the next one only asks again. */
	probes_report_failure(probes, 1, "refused to a worker");
	assert_true(node(1)->is_up);
}

static void test_hurry_asks_but_not_without_end(void **state)
{
	int64_t begun_us;
	int before;

	(void)state;
	config.cluster_probe_interval_ms = 60000;
	config.cluster_sample_interval_ms = 20;
	begin();
	loop_for(&loop, 100);
	before = fakes[0].questions_seen;
	begun_us = (int64_t)loop_now_us();
	for (int i = 0; i < 50; i++) {
		probes_hurry(probes);
		loop_for(&loop, 2);
	}
	assert_true(fakes[0].questions_seen > before);
	assert_true(fakes[0].questions_seen - before <=
		    ((int64_t)loop_now_us() - begun_us) / 20000 + 1);
}

static void test_failing_node_is_not_stormed(void **state)
{
	int64_t begun_us = (int64_t)loop_now_us();

	(void)state;
	config.cluster_probe_interval_ms = 10;
	for (int i = 0; i < NODES; i++)
		fakes[i].mood = FAKE_IS_STARTING;
	probes = probes_create(&loop, &config, NULL, on_change, NULL);
	loop_for(&loop, 700);
	assert_true(fakes[0].connections_seen >= 2);
	assert_true(fakes[0].connections_seen <= ((int64_t)loop_now_us() - begun_us) / 100000 + 1);
}

static void test_names_are_resolved(void **state)
{
	(void)state;
	/* It may mean ::1 first, where nobody listens: the next address is tried. */
	nodes[1].host = "localhost";
	begin();
	assert_int_equal(node(1)->address.ss_family, AF_INET);
}

static void test_unknown_name_is_down(void **state)
{
	int which = 1;

	(void)state;
	nodes[1].host = "no such name";
	probes = probes_create(&loop, &config, NULL, on_change, NULL);
	assert_true(loop_until(&loop, is_new_primary, &(int){ 0 }));
	loop_for(&loop, 50);
	assert_true(loop_until(&loop, is_down, &which));
	assert_non_null(strstr(node(1)->down_reason, "could not resolve the name"));
}

static void test_destroy_in_the_middle(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		probes_destroy(probes);
		last_generation = 0;
		nodes[1].host = i % 2 ? "localhost" : "127.0.0.1";
		probes = probes_create(&loop, &config, NULL, on_change, NULL);
		loop_for(&loop, i % 7);
	}
	assert_true(loop_until(&loop, all_up, NULL));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
	const struct CMUnitTest tests[] = {
		TEST(test_finds_roles_and_freshness),
		TEST(test_replica_behind_has_lag),
		TEST(test_refused_node_is_down_and_comes_back),
		TEST(test_lost_primary_is_no_primary),
		TEST(test_promotion_fences_the_old_primary),
		TEST(test_silent_node_is_down_after_the_timeout),
		TEST(test_starting_node_is_down),
		TEST(test_nonsense_is_down),
		TEST(test_lost_connection_alone_is_not_down),
		TEST(test_report_is_down_at_once_but_no_flapping),
		TEST(test_hurry_asks_but_not_without_end),
		TEST(test_failing_node_is_not_stormed),
		TEST(test_names_are_resolved),
		TEST(test_unknown_name_is_down),
		TEST(test_destroy_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
