/*
 * address.c: every way to write an address, and every way to get it wrong.
 */
#include "load.h"

#include "config/address.h"

static void check_listen(const char *text, const char *host, const char *directory, int port)
{
	struct config_address address;
	struct arena arena;
	const char *flaw;

	arena_init(&arena);
	flaw = address_read_listen(span_of(text), &arena, &address);
	if (flaw != NULL)
		fail_msg("%s: %s", text, flaw);
	assert_addresses_equal(&address, &(struct config_address){ host, directory, port });
	arena_finish(&arena);
}

static void addresses_to_listen_at(void **state)
{
	(void)state;
	check_listen("127.0.0.1:6432", "127.0.0.1", NULL, 6432);
	check_listen("127.0.0.1", "127.0.0.1", NULL, 6432);
	check_listen("localhost:1", "localhost", NULL, 1);
	check_listen("a_b.c-d:65535", "a_b.c-d", NULL, 65535);
	check_listen("*", "*", NULL, 6432);
	check_listen("*:5433", "*", NULL, 5433);
	check_listen("[::1]", "::1", NULL, 6432);
	check_listen("[::1]:7000", "::1", NULL, 7000);
	check_listen("[fe80::1%eth0]:7000", "fe80::1%eth0", NULL, 7000);
	check_listen("[::ffff:10.0.0.1]", "::ffff:10.0.0.1", NULL, 6432);
	check_listen("unix:/run/pgweir", NULL, "/run/pgweir", 6432);
	check_listen("unix:/run/pgweir:5432", NULL, "/run/pgweir", 5432);
	check_listen("unix:/a:b:5432", NULL, "/a:b", 5432);
}

static void check_node(const char *text, const char *name, const char *host, int port, int weight)
{
	struct config_node node;
	struct arena arena;
	const char *flaw;

	arena_init(&arena);
	flaw = address_read_node(span_of(text), &arena, &node);
	if (flaw != NULL)
		fail_msg("%s: %s", text, flaw);
	assert_string_equal(node.name, name);
	assert_string_equal(node.host, host);
	assert_int_equal(node.port, port);
	assert_int_equal(node.weight, weight);
	arena_finish(&arena);
}

static void addresses_of_nodes(void **state)
{
	(void)state;
	check_node("h", "h:5432", "h", 5432, 1);
	check_node("10.0.0.1:5433", "10.0.0.1:5433", "10.0.0.1", 5433, 1);
	check_node("h weight=1", "h:5432", "h", 5432, 1);
	check_node("h:1 \t weight=100", "h:1", "h", 1, 100);
	check_node("[::1]:5433 weight=2", "[::1]:5433", "::1", 5433, 2);
	check_node("/var/run/postgresql", "/var/run/postgresql:5432", "/var/run/postgresql", 5432, 1);
	check_node("/var/run/postgresql:5433", "/var/run/postgresql:5433", "/var/run/postgresql",
		   5433, 1);
}

static const char PORT[] = "the port must be an integer between 1 and 65535";
static const char BRACKETS[] = "an IPv6 address needs brackets, as in [::1]:5432";
static const char LETTER[] = "the host name contains a character that no host name has";
static const char NO_IPV6[] = "there is no IPv6 address between the brackets";
static const char WEIGHT[] = "the weight must be an integer between 1 and 100";
static const char WORD[] = "behind the address only weight=N may stand";
static const char SLASH[] = "the directory of a Unix socket must begin with a slash";

static void wrong_nodes(void **state)
{
	static const struct {
		const char *text, *flaw;
	} cases[] = {
		{ "", "the host is missing" },
		{ ":5432", "the host is missing" },
		{ "weight=2", LETTER },
		{ "h:", PORT },
		{ "h:0", PORT },
		{ "h:65536", PORT },
		{ "h:-1", PORT },
		{ "h:+1", PORT },
		{ "h:05432", PORT },
		{ "h:5432x", PORT },
		{ "h:99999999999999999999999", PORT },
		{ "::1", BRACKETS },
		{ "h:1:2", BRACKETS },
		{ "[::1", "the closing bracket is missing" },
		{ "[::1]5432", PORT },
		{ "[::1]:", PORT },
		{ "[]", NO_IPV6 },
		{ "[10.0.0.1]", NO_IPV6 },
		{ "[1:2:3:4:5:6:7:8:9]", NO_IPV6 },
		{ "[fe80::1%]", "the zone of the IPv6 address is wrong" },
		{ "a/b", LETTER },
		{ "h\xc3\xa4", LETTER },
		{ "*", "a server has no host *" },
		{ "/run/pg:x", PORT },
		{ "h weight=0", WEIGHT },
		{ "h weight=101", WEIGHT },
		{ "h weight=", WEIGHT },
		{ "h weight", WORD },
		{ "h Weight=1", WORD },
		{ "h weight=1 weight=2", WORD },
		{ "h 2", WORD },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config_node node;
		struct arena arena;
		const char *flaw;

		arena_init(&arena);
		flaw = address_read_node(span_of(cases[i].text), &arena, &node);
		if (flaw == NULL || strcmp(flaw, cases[i].flaw) != 0)
			fail_msg("%s: %s", cases[i].text, flaw != NULL ? flaw : "good");
		arena_finish(&arena);
	}
}

static void wrong_listeners(void **state)
{
	static const struct {
		const char *text, *flaw;
	} cases[] = {
		{ "unix:", SLASH },
		{ "unix:run", SLASH },
		{ "unix:/run/a b", "the directory of a Unix socket must not contain blanks" },
		{ "unix:/run:0", PORT },
		{ "/run", LETTER },
		{ "*:0", PORT },
		{ "**", LETTER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config_address address;
		struct arena arena;
		const char *flaw;

		arena_init(&arena);
		flaw = address_read_listen(span_of(cases[i].text), &arena, &address);
		if (flaw == NULL || strcmp(flaw, cases[i].flaw) != 0)
			fail_msg("%s: %s", cases[i].text, flaw != NULL ? flaw : "good");
		arena_finish(&arena);
	}
}

static const char *read_long(const char *prefix, char letter, size_t size)
{
	struct config_address address;
	struct arena arena;
	char text[512];
	const char *flaw;
	size_t used = strlen(prefix);

	memcpy(text, prefix, used);
	memset(text + used, letter, size);
	arena_init(&arena);
	flaw = address_read_listen(span_make(text, used + size), &arena, &address);
	arena_finish(&arena);
	return flaw;
}

static void names_and_directories_have_limits(void **state)
{
	(void)state;
	assert_null(read_long("", 'a', 253));
	assert_string_equal(read_long("", 'a', 254), "the host name is longer than 253 bytes");
	assert_null(read_long("unix:/", 'a', 91));
	assert_string_equal(read_long("unix:/", 'a', 92),
			    "the directory of the Unix socket is longer than 92 bytes");
}

static void lists_of_listeners(void **state)
{
	struct config *c = load_good(LEAST "[proxy]\nlisten = *, unix:/run ,[::1]:7\nstats_listen=[::1]\n");

	(void)state;
	assert_int_equal(c->listen_count, 3);
	assert_string_equal(c->listen[1].directory, "/run");
	assert_int_equal(c->listen[2].port, 7);
	assert_string_equal(c->stats.host, "::1");
	assert_int_equal(c->stats.port, 9432);
	config_drop(c);
	assert_errors(load_text(LEAST "[proxy]\nlisten = a, b:x,, A:6432\nstats_listen = unix:/run\n"),
		      "pgweir.ini:6: proxy.listen cannot take \"b:x\": the port must be an integer between 1 and 65535",
		      "pgweir.ini:6: proxy.listen cannot take \"\": the host is missing",
		      "pgweir.ini:6: proxy.listen cannot take \"A:6432\": it is named twice",
		      "pgweir.ini:7: proxy.stats_listen cannot take \"unix:/run\": statistics are not served on Unix sockets");
	assert_errors(load_text(LEAST "[proxy]\nlisten =\nstats_listen = a, b\n"),
		      "pgweir.ini:6: proxy.listen must name at least one address",
		      "pgweir.ini:7: proxy.stats_listen cannot take \"a\": statistics are served at one address only");
}

static void no_address_turns_statistics_off(void **state)
{
	struct config *c = load_good(LEAST "[proxy]\nstats_listen =\n");

	(void)state;
	assert_int_equal(c->stats.port, 0);
	assert_null(c->stats.host);
	config_drop(c);
}

static void a_node_is_named_once(void **state)
{
	(void)state;
	assert_errors(load_text("[proxy]\nusers_file=u\n[cluster]\nnodes = h, i, H:5432 weight=2\n"),
		      "pgweir.ini:4: cluster.nodes cannot take \"H:5432 weight=2\": it is named twice");
}

static void there_are_64_nodes_at_most(void **state)
{
	char text[2048] = "[proxy]\nusers_file=u\n[cluster]\nnodes = h0";
	struct config *config;

	(void)state;
	for (int i = 1; i < NODE_LIMIT; i++)
		sprintf(text + strlen(text), ", h%d", i);
	config = load_good(text);
	assert_int_equal(config->node_count, 64);
	assert_string_equal(config->nodes[63].name, "h63:5432");
	config_drop(config);
	strcat(text, ", h64");
	assert_errors(load_text(text), "pgweir.ini:4: cluster.nodes names more than 64 servers");
}

static void users_and_functions_are_lists(void **state)
{
	struct config *c = load_good(LEAST "[proxy]\nadmin_users = a b ,c\n"
					   "[route]\nharmless_functions = Random,pg_catalog.NOW\n");

	(void)state;
	assert_int_equal(c->admin_user_count, 2);
	assert_string_equal(c->admin_users[0], "a b");
	assert_string_equal(c->admin_users[1], "c");
	assert_int_equal(c->harmless_function_count, 2);
	assert_string_equal(c->harmless_functions[0], "random");
	assert_string_equal(c->harmless_functions[1], "pg_catalog.now");
	config_drop(c);
	assert_errors(load_text(LEAST "[proxy]\nadmin_users = a,\n[route]\nharmless_functions = f(), g\n"),
		      "pgweir.ini:6: proxy.admin_users cannot take \"\": a name is missing between the commas",
		      "pgweir.ini:8: route.harmless_functions cannot take \"f()\": "
		      "a function is named without quotes, parentheses and arguments");
}

static void names_have_63_bytes_at_most(void **state)
{
	char name[65], text[400];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[63] = '\0';
	snprintf(text, sizeof(text),
		 LEAST "probe_user = %s\nprobe_database = %s\n[proxy]\nadmin_users = %s\n", name, name,
		 name);
	config_drop(load_good(text));
	name[63] = 'n';
	name[64] = '\0';
	snprintf(text, sizeof(text), LEAST "probe_user = %s\nprobe_database = %s\n", name, name);
	assert_errors(load_text(text),
		      "pgweir.ini:5: cluster.probe_user is longer than 63 bytes, PostgreSQL's limit for names",
		      "pgweir.ini:6: cluster.probe_database is longer than 63 bytes, PostgreSQL's limit for names");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_to_listen_at),
		cmocka_unit_test(addresses_of_nodes),
		cmocka_unit_test(wrong_nodes),
		cmocka_unit_test(wrong_listeners),
		cmocka_unit_test(names_and_directories_have_limits),
		cmocka_unit_test(lists_of_listeners),
		cmocka_unit_test(no_address_turns_statistics_off),
		cmocka_unit_test(a_node_is_named_once),
		cmocka_unit_test(there_are_64_nodes_at_most),
		cmocka_unit_test(users_and_functions_are_lists),
		cmocka_unit_test(names_have_63_bytes_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
