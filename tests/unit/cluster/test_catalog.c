/* When catalogues are read, and what is handed out, with a scripted primary. */
#include "cluster/catalog.h"

#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct loop loop;
static struct fake server;
static struct config config;
static struct catalogs *catalogs;
static struct volatility *newest;
static int published;
static uint64_t last_generation;

static void on_change(void *context, struct volatility *v)
{
	(void)context;
	published++;
	assert_true(volatility_generation(v) > last_generation);
	last_generation = volatility_generation(v);
	volatility_drop(newest);
	newest = volatility_hold(v);
}

static void set_row(const char *name, const char *is_bad)
{
	server.row_count = 1;
	server.column_count = 4;
	server.rows[0][0] = "r";
	server.rows[0][1] = "public";
	server.rows[0][2] = name;
	server.rows[0][3] = is_bad;
}

static int start(void **state)
{
	static const char *harmless[] = { "random", "pg_sleep" };

	(void)state;
	loop_init(&loop, NULL, NULL);
	fake_init(&server, &loop);
	set_row("orders", "0");
	config = (struct config){
		.cluster_probe_user = "probe", .cluster_catalog_interval_ms = 600000,
		.tls_server_mode = TLS_DISABLE, .tls_server_ca = "",
		.harmless_functions = harmless, .harmless_function_count = 2,
	};
	published = 0;
	last_generation = 0;
	newest = NULL;
	catalogs = NULL;
	return 0;
}

static int end(void **state)
{
	(void)state;
	catalogs_destroy(catalogs);
	volatility_drop(newest);
	fake_finish(&server);
	loop_finish(&loop);
	return 0;
}

static void begin(void)
{
	catalogs = catalogs_create(&loop, &config, "secret", on_change, NULL);
}

static void show_node(enum node_role role, bool is_up)
{
	struct topology *t = topology_create(1);
	struct sockaddr_in *address = (struct sockaddr_in *)&t->nodes[0].address;

	address->sin_family = AF_INET;
	address->sin_port = htons((uint16_t)server.port);
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	t->nodes[0].address_size = sizeof(*address);
	snprintf(t->nodes[0].host, sizeof(t->nodes[0].host), "127.0.0.1");
	t->nodes[0].port = server.port;
	t->nodes[0].role = role;
	t->nodes[0].is_up = is_up;
	t->primary = is_up && role == NODE_ROLE_PRIMARY ? 0 : -1;
	catalogs_set_topology(catalogs, t);
	topology_drop(t);
}

static int is_published(void *context)
{
	return published >= *(int *)context;
}

static int is_asked(void *context)
{
	return server.questions_seen >= *(int *)context;
}

static void await(int (*is_so)(void *), int count)
{
	assert_true(loop_until(&loop, is_so, &count));
}

static int open_connections(void *context)
{
	int count = 0;

	(void)context;
	for (int i = 0; i < FAKE_CONNECTIONS; i++)
		count += server.connections[i].fd >= 0;
	return count;
}

static int none_open(void *context)
{
	return open_connections(context) == 0;
}

static enum proof judge(const char *relation)
{
	struct verdict verdict = { .kind = VERDICT_READ, .relations = &relation,
				   .relation_count = 1 };

	return volatility_judge(newest, &verdict, NULL, NULL);
}

static enum proof judge_function(const char *name)
{
	struct verdict verdict = { .kind = VERDICT_READ, .functions = &name, .function_count = 1 };

	return volatility_judge(newest, &verdict, NULL, NULL);
}

static void test_is_read_once_there_is_a_primary(void **state)
{
	(void)state;
	begin();
	catalogs_want(catalogs, "shop");
	loop_for(&loop, 20);
	assert_int_equal(published, 0);
	show_node(NODE_ROLE_PRIMARY, false);
	loop_for(&loop, 20);
	assert_int_equal(server.connections_seen, 0);
	show_node(NODE_ROLE_PRIMARY, true);
	await(is_published, 1);
	assert_string_equal(volatility_database(newest), "shop");
	assert_int_equal(judge("public.orders"), PROOF_HARMLESS);
	assert_int_equal(judge_function("random"), PROOF_HARMLESS);
	assert_int_equal(judge_function("nextval"), PROOF_UNKNOWN_FUNCTION);
	assert_non_null(strstr(server.startup, "database shop"));
	/* Its own path is what is asked for: given at login, it could not be. */
	assert_null(strstr(server.startup, "search_path"));
	assert_string_equal(server.opening,
			    "SELECT pg_catalog.set_config('search_path', 'pg_catalog', false)");
	/* Wanting it again is nothing new, and no connection is kept. */
	catalogs_want(catalogs, "shop");
	assert_true(loop_until(&loop, none_open, NULL));
	assert_int_equal(server.questions_seen, 2);
}

static void test_replica_serves_while_there_is_no_primary(void **state)
{
	(void)state;
	begin();
	show_node(NODE_ROLE_REPLICA, true);
	catalogs_want(catalogs, "shop");
	await(is_published, 1);
}

static void test_equal_answer_is_not_handed_out_again(void **state)
{
	(void)state;
	config.cluster_catalog_interval_ms = 100;
	begin();
	show_node(NODE_ROLE_PRIMARY, true);
	catalogs_want(catalogs, "shop");
	await(is_asked, 8);
	assert_int_equal(published, 1);
	set_row("orders", "1");
	await(is_published, 2);
	assert_int_equal(judge("orders"), PROOF_PRIMARY_ONLY_RELATION);
}

static void test_ddl_is_looked_for_twice(void **state)
{
	(void)state;
	begin();
	show_node(NODE_ROLE_PRIMARY, true);
	catalogs_want(catalogs, "shop");
	await(is_published, 1);
	/* A burst is one change; whoever waits for news gets them, even equal ones. */
	for (int i = 0; i < 100; i++)
		catalogs_changed(catalogs, "shop");
	await(is_published, 2);
	await(is_asked, 5); /* the second look sees the same: no news */
	assert_int_equal(published, 2);
	assert_true(loop_until(&loop, none_open, NULL));
	catalogs_changed(catalogs, "shop");
	await(is_published, 3);
	set_row("orders", "1"); /* committed only now */
	await(is_published, 4);
	assert_int_equal(judge("orders"), PROOF_PRIMARY_ONLY_RELATION);
	assert_true(loop_until(&loop, none_open, NULL));
	assert_int_equal(server.connections_seen, 3);
	assert_int_equal(server.questions_seen, 8); /* an opening each */
	catalogs_changed(catalogs, "another");
}

static void test_failure_is_retried(void **state)
{
	(void)state;
	server.mood = FAKE_REFUSES;
	begin();
	show_node(NODE_ROLE_PRIMARY, true);
	catalogs_want(catalogs, "shop");
	await(is_asked, 1);
	server.mood = FAKE_ANSWERS;
	await(is_published, 1);
	assert_int_equal(server.questions_seen, 3);
}

static void test_lost_connection_is_retried(void **state)
{
	(void)state;
	server.mood = FAKE_HANGS_UP;
	begin();
	show_node(NODE_ROLE_PRIMARY, true);
	catalogs_want(catalogs, "shop");
	await(is_asked, 1);
	server.mood = FAKE_ANSWERS;
	await(is_published, 1);
}

static void test_nonsense_changes_nothing(void **state)
{
	(void)state;
	server.row_count = 0;
	begin();
	show_node(NODE_ROLE_PRIMARY, true);
	catalogs_want(catalogs, "shop");
	await(is_asked, 2);
	assert_true(loop_until(&loop, none_open, NULL));
	assert_int_equal(published, 0);
}

static void test_node_that_goes_away_is_left(void **state)
{
	(void)state;
	server.mood = FAKE_IS_SILENT;
	begin();
	show_node(NODE_ROLE_PRIMARY, true);
	catalogs_want(catalogs, "shop");
	await(is_asked, 1);
	show_node(NODE_ROLE_PRIMARY, false);
	assert_true(loop_until(&loop, none_open, NULL));
	server.mood = FAKE_ANSWERS;
	show_node(NODE_ROLE_PRIMARY, true);
	await(is_published, 1);
}

static void test_few_looks_at_once(void **state)
{
	char name[16];

	(void)state;
	server.mood = FAKE_IS_SILENT;
	begin();
	show_node(NODE_ROLE_PRIMARY, true);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		catalogs_want(catalogs, name);
	}
	await(is_asked, 4);
	loop_for(&loop, 20);
	assert_int_equal(server.connections_seen, 4);
}

static void test_thousand_databases_and_no_more(void **state)
{
	char name[16];

	(void)state;
	begin();
	show_node(NODE_ROLE_PRIMARY, true);
	for (int i = 0; i < 1001; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		catalogs_want(catalogs, name);
	}
	await(is_published, 1000);
	loop_for(&loop, 50);
	assert_int_equal(published, 1000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
	const struct CMUnitTest tests[] = {
		TEST(test_is_read_once_there_is_a_primary),
		TEST(test_replica_serves_while_there_is_no_primary),
		TEST(test_equal_answer_is_not_handed_out_again),
		TEST(test_ddl_is_looked_for_twice),
		TEST(test_failure_is_retried),
		TEST(test_lost_connection_is_retried),
		TEST(test_nonsense_changes_nothing),
		TEST(test_node_that_goes_away_is_left),
		TEST(test_few_looks_at_once),
		TEST(test_thousand_databases_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
