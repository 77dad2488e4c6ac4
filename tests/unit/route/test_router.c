/*
 * Where a statement runs: a node and a reason for each branch.
 */
#include "route/cluster.h"

#include "config/load.h"
#include "route/router.h"

#include <stdio.h>
#include <string.h>

enum { NOW = 1000 * 1000 * 1000 };

struct surroundings {
	struct config *config;
	struct stats *stats;
	struct topology *topology;
	struct verdicts *verdicts;
	struct router router;
};

static void begin(struct surroundings *s, const char *route)
{
	char text[400];

	snprintf(text, sizeof text, LEAST "[route]\n%s\n", route);
	*s = (struct surroundings){
		.config = load_good(text),
		.stats = stats_create(10),
		.topology = make_cluster(3),
		.verdicts = verdicts_create(1 << 20),
	};
	router_init(&s->router, s->config, s->stats, s->topology, 1);
}

static void end(struct surroundings *s)
{
	router_finish(&s->router);
	verdicts_destroy(s->verdicts);
	topology_drop(s->topology);
	stats_destroy(s->stats);
	config_drop(s->config);
}

static void know_catalog(struct surroundings *s, uint64_t generation, bool is_t_primary_only)
{
	struct volatility *v = volatility_create("app", generation);

	volatility_add_function(v, "pg_catalog", "lower", false);
	volatility_add_function(v, "public", "audit", true);
	volatility_add_relation(v, "public", "t", is_t_primary_only);
	router_set_catalog(&s->router, v);
	volatility_drop(v);
}

static const struct lookup unknown_path = { "app", "anna", NULL, 0 };

/* The reason's word, and whether it is harmless. */
static const char *judge(struct surroundings *s, const struct lookup *lookup, const char *text,
			 bool *is_harmless)
{
	struct query_context context = { span_of("app"), true, false };
	struct known_query *q = verdicts_find(s->verdicts, span_of(text), &context);
	int reason = -1;

	*is_harmless = router_is_harmless(&s->router, lookup, q, &reason);
	known_query_drop(q);
	assert_in_range(reason, 0, ROUTE_REASON_COUNT - 1);
	return route_words()[reason];
}

static void expect_by(struct surroundings *s, const struct lookup *lookup, const char *text,
		      bool is_harmless, const char *word)
{
	bool found;
	const char *reason = judge(s, lookup, text, &found);

	if (found != is_harmless || strcmp(reason, word) != 0)
		fail_msg("%s: %s, %s", text, found ? "harmless" : "not harmless", reason);
}

static void expect(struct surroundings *s, const char *text, bool is_harmless, const char *word)
{
	expect_by(s, &unknown_path, text, is_harmless, word);
}

static void test_words(void **state)
{
	const char *const *words = route_words();
	int count = 0;

	(void)state;
	for (; words[count]; count++) {
		for (int i = 0; i < count; i++)
			assert_string_not_equal(words[i], words[count]);
	}
	assert_int_equal(count, ROUTE_REASON_COUNT);
	assert_string_equal(words[ROUTE_FIRST_PROOF + PROOF_UNKNOWN_RELATION], "unknown_relation");
	assert_string_equal(words[ROUTE_FIRST_OWN + ROUTE_LOGIN], "login");
}

static void test_harmless(void **state)
{
	struct surroundings s;

	(void)state;
	begin(&s, "");
	expect(&s, "select lower('A')", false, "no_catalog");
	expect(&s, "", true, "empty");
	know_catalog(&s, 1, false);
	expect(&s, "select lower('A') from t", true, "harmless");
	expect(&s, "select audit()", false, "volatile_function");
	expect(&s, "select nobody_knows()", false, "unknown_function");
	expect(&s, "select * from u", false, "unknown_relation");
	expect(&s, "insert into t values (1)", false, "write");
	expect(&s, "begin", false, "transaction_control");
	expect(&s, "set a = 1", false, "session_statement");
	expect(&s, "select * from t for update", false, "locking_clause");
	expect(&s, "/* pgweir: primary */ select * from t", false, "hint");
	expect(&s, "/* pgweir: replica */ select audit()", true, "hint_replica");
	expect(&s, "/* pgweir: replica */ delete from t", false, "write");
	end(&s);
}

/* What was judged is judged again when the catalogue is another one. */
static void test_a_new_catalogue(void **state)
{
	struct surroundings s;

	(void)state;
	begin(&s, "");
	know_catalog(&s, 1, false);
	expect(&s, "select * from t", true, "harmless");
	know_catalog(&s, 2, true);
	expect(&s, "select * from t", false, "primary_only_relation");
	end(&s);
}

static enum pin_reason traces_of(struct surroundings *s, const char *text)
{
	struct query_context context = { span_of("app"), true, false };
	struct known_query *q = verdicts_find(s->verdicts, span_of(text), &context);
	enum pin_reason first = router_traces(&s->router, &unknown_path, q);

	assert_int_equal(router_traces(&s->router, &unknown_path, q), first);
	known_query_drop(q);
	return first;
}

/* None while nothing is known; asked again of each new catalogue. */
static void test_traces(void **state)
{
	struct volatility *v = volatility_create("app", 1);
	struct surroundings s;

	(void)state;
	begin(&s, "");
	volatility_mark_function(v, "public", "audit", PIN_FUNCTION);
	assert_int_equal(traces_of(&s, "select audit()"), PIN_NONE);
	router_set_catalog(&s.router, v);
	assert_int_equal(traces_of(&s, "select audit()"), PIN_FUNCTION);
	assert_int_equal(traces_of(&s, "select 1"), PIN_NONE);
	assert_int_equal(traces_of(&s, "/* pgweir: replica */ select audit()"), PIN_NONE);
	assert_int_equal(traces_of(&s, "/* pgweir: primary */ select audit()"), PIN_FUNCTION);
	expect(&s, "select audit()", false, "volatile_function");
	know_catalog(&s, 2, false);
	assert_int_equal(traces_of(&s, "select audit()"), PIN_NONE);
	volatility_drop(v);
	end(&s);
}

/* Who has set what: its settings are dropped by the caller. */
static struct lookup make_lookup(struct surroundings *s, const char *user, const char *name,
				 const char *value)
{
	struct settings *settings = NULL;

	if (name)
		assert_true(settings_add(&settings, span_of(name), span_of(value)));
	return (struct lookup){ "app", user, settings,
				router_lookup_digest(&s->router, user, settings) };
}

static void drop_lookup(struct lookup *l)
{
	settings_drop((struct settings *)l->settings);
}

static void know_schemas(struct surroundings *s)
{
	struct volatility *v = volatility_create("app", 7);

	volatility_add_function(v, "calm", "audit", false);
	volatility_add_function(v, "anna", "audit", true);
	volatility_mark_function(v, "anna", "audit", PIN_FUNCTION);
	start_paths_add(volatility_start_paths(v), START_SERVER, "", "\"$user\", public");
	start_paths_add(volatility_start_paths(v), START_ROLE, "bert", "calm");
	router_set_catalog(&s->router, v);
	volatility_drop(v);
}

/* One text, in turn from sessions that mean different functions by it. */
static void test_names_are_looked_up_by_session(void **state)
{
	struct {
		const char *user, *name, *value, *reason;
	} const cases[] = {
		{ "anna", NULL, NULL, "volatile_function" },
		{ "bert", NULL, NULL, "harmless" },
		{ "carl", NULL, NULL, "unknown_function" },
		{ "anna", "search_path", "calm", "harmless" },
		{ "bert", "search_path", "calm, anna", "volatile_function" },
		{ "anna", "search_path", "calm,", "volatile_function" }, /* malformed: the worst */
		{ "carl", "role", "anna", "volatile_function" },
		{ "carl", "role", "none", "unknown_function" },
		{ "anna", "session_authorization", "carl", "unknown_function" },
		{ "anna", "search_path", "", "unknown_function" },
	};
	struct surroundings s;

	(void)state;
	begin(&s, "");
	know_schemas(&s);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
			struct lookup l = make_lookup(&s, cases[i].user, cases[i].name,
						      cases[i].value);

			expect_by(&s, &l, "select audit()", strcmp(cases[i].reason, "harmless") == 0,
				  cases[i].reason);
			drop_lookup(&l);
		}
		expect(&s, "select audit()", false, "volatile_function");
	}
	end(&s);
}

static void test_traces_are_looked_up_by_session(void **state)
{
	struct query_context context = { span_of("app"), true, false };
	struct surroundings s;
	struct known_query *q;
	struct lookup anna, bert;

	(void)state;
	begin(&s, "");
	know_schemas(&s);
	q = verdicts_find(s.verdicts, span_of("select audit()"), &context);
	anna = make_lookup(&s, "anna", NULL, NULL);
	bert = make_lookup(&s, "bert", NULL, NULL);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(router_traces(&s.router, &anna, q), PIN_FUNCTION);
		assert_int_equal(router_traces(&s.router, &bert, q), PIN_NONE);
		assert_int_equal(router_traces(&s.router, &unknown_path, q), PIN_FUNCTION);
	}
	known_query_drop(q);
	end(&s);
}

static void expect_route(struct route route, enum route_target target, int node, int own_reason)
{
	assert_int_equal(route.target, target);
	if (target != TARGET_NODE)
		return;
	assert_int_equal(route.node, node);
	assert_int_equal(route.reason, ROUTE_FIRST_OWN + own_reason);
}

static struct route read_route(struct surroundings *s, uint64_t wrote_us)
{
	struct freshness f = { wrote_us };

	return router_choose(&s->router, true, 0, &f, NOW);
}

static void test_reads(void **state)
{
	struct surroundings s;
	struct route route;

	(void)state;
	begin(&s, "");
	route = read_route(&s, 0);
	assert_in_range(route.node, 1, 2);
	expect_route(route, TARGET_NODE, route.node, ROUTE_REPLICA);
	assert_true(route.is_read);
	expect_route(read_route(&s, NOW - 1), TARGET_NODE, 0, ROUTE_SESSION_WROTE);
	s.topology->nodes[1].is_up = false;
	for (int i = 0; i < 10; i++)
		expect_route(read_route(&s, 0), TARGET_NODE, 2, ROUTE_REPLICA);
	s.topology->nodes[2].lag_ms = -1;
	expect_route(read_route(&s, 0), TARGET_NODE, 0, ROUTE_NO_REPLICA);
	s.topology->primary = -1;
	expect_route(read_route(&s, 0), TARGET_NO_NODE, 0, 0);
	end(&s);
}

static void test_writes(void **state)
{
	struct freshness f = { 0 };
	struct surroundings s;
	struct route route;

	(void)state;
	begin(&s, "");
	route = router_choose(&s.router, false, VERDICT_BECAUSE_WRITE, &f, NOW);
	assert_int_equal(route.target, TARGET_NODE);
	assert_int_equal(route.node, 0);
	assert_int_equal(route.reason, VERDICT_BECAUSE_WRITE);
	assert_false(route.is_read);
	s.topology->primary = -1;
	route = router_choose(&s.router, false, VERDICT_BECAUSE_WRITE, &f, NOW);
	assert_int_equal(route.target, TARGET_NO_PRIMARY);
	end(&s);
}

static void test_primary_reads(void **state)
{
	struct surroundings s;
	bool seen[3] = { false };

	(void)state;
	begin(&s, "primary_reads = always");
	for (int i = 0; i < 30; i++) {
		struct route route = read_route(&s, 0);

		expect_route(route, TARGET_NODE, route.node,
			     route.node == 0 ? ROUTE_PRIMARY_TAKES_READS : ROUTE_REPLICA);
		seen[route.node] = true;
	}
	assert_true(seen[0] && seen[1] && seen[2]);
	end(&s);
	begin(&s, "primary_reads = never");
	s.topology->nodes[1].is_up = s.topology->nodes[2].is_up = false;
	expect_route(read_route(&s, 0), TARGET_NO_NODE, 0, 0);
	end(&s);
}

static void test_split_off(void **state)
{
	struct surroundings s;

	(void)state;
	begin(&s, "split = off");
	expect_route(read_route(&s, 0), TARGET_NODE, 0, ROUTE_SPLIT_OFF);
	end(&s);
}

static void test_any_for_a_login(void **state)
{
	struct surroundings s;

	(void)state;
	begin(&s, "");
	expect_route(router_choose_any(&s.router), TARGET_NODE, 0, ROUTE_LOGIN);
	s.topology->primary = -1;
	s.topology->nodes[1].is_up = false;
	expect_route(router_choose_any(&s.router), TARGET_NODE, 2, ROUTE_LOGIN);
	s.topology->nodes[2].is_up = false;
	expect_route(router_choose_any(&s.router), TARGET_NO_NODE, 0, 0);
	end(&s);
}

static void test_decisions_are_counted(void **state)
{
	struct freshness f = { 0 };
	struct stats_copy *copy;
	struct surroundings s;

	(void)state;
	begin(&s, "");
	for (int i = 0; i < 5; i++)
		read_route(&s, 0);
	read_route(&s, NOW);
	router_choose(&s.router, false, VERDICT_BECAUSE_WRITE, &f, NOW);
	router_count_bound(&s.router, false);
	router_count_bound(&s.router, true);
	router_choose_primary(&s.router, ROUTE_FIRST_OWN + ROUTE_PINNED);
	copy = stats_take_copy(s.stats);
	assert_int_equal(copy->routes[ROUTE_FIRST_OWN + ROUTE_REPLICA], 5);
	assert_int_equal(copy->routes[ROUTE_FIRST_OWN + ROUTE_SESSION_WROTE], 1);
	assert_int_equal(copy->routes[VERDICT_BECAUSE_WRITE], 1);
	assert_int_equal(copy->routes[ROUTE_FIRST_OWN + ROUTE_TRANSACTION], 1);
	assert_int_equal(copy->routes[ROUTE_FIRST_OWN + ROUTE_PINNED], 2);
	stats_copy_destroy(copy);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_harmless),
		cmocka_unit_test(test_traces),
		cmocka_unit_test(test_a_new_catalogue),
		cmocka_unit_test(test_names_are_looked_up_by_session),
		cmocka_unit_test(test_traces_are_looked_up_by_session),
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_writes),
		cmocka_unit_test(test_primary_reads),
		cmocka_unit_test(test_split_off),
		cmocka_unit_test(test_any_for_a_login),
		cmocka_unit_test(test_decisions_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
