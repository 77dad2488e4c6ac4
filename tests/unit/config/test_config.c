/*
 * config.c: sources win over one another, errors come all at once, what is
 * printed loads again.
 */
#include "load.h"

#include <pthread.h>

static void defaults_are_those_of_the_list(void **state)
{
	struct config *c = load_good(LEAST);

	(void)state;
	assert_int_equal(c->listen_count, 1);
	assert_string_equal(c->listen[0].host, "127.0.0.1");
	assert_int_equal(c->listen[0].port, 6432);
	assert_int_equal(c->stats.port, 9432);
	assert_int_equal(c->worker_count, 0);
	assert_int_equal(c->pool_mode, POOL_MODE_TRANSACTION);
	assert_int_equal(c->pool_size, 20);
	assert_true(c->pool_pre_ping);
	assert_int_equal(c->route_consistency, CONSISTENCY_SESSION);
	assert_int_equal(c->log_level, LOG_WORD_INFO);
	assert_int_equal(c->admin_user_count, 0);
	assert_int_equal(c->harmless_function_count, 11);
	assert_string_equal(c->harmless_functions[1], "clock_timestamp");
	assert_string_equal(c->cluster_probe_database, "postgres");
	assert_null(c->url_user);
	assert_null(c->url_password);
	config_drop(c);
}

static void the_design_s_example_loads(void **state)
{
	struct config *c = load_good("[proxy]\n"
				     "listen = 127.0.0.1:6432          ; comma list\n"
				     "workers = auto\n"
				     "users_file = users.txt           ; lines\n"
				     "stats_listen = 127.0.0.1:9432    ; HTTP; empty: off\n"
				     "admin_users = app\n"
				     "max_clients = 10000\n"
				     "[cluster]\n"
				     "nodes = 10.0.0.1:5432, 10.0.0.2:5432 weight=2, 10.0.0.3:5432   ; roles\n"
				     "probe_user = app\n"
				     "[pool]\n"
				     "mode = transaction               ; session | transaction\n"
				     "[tls]\n"
				     "client_cert = ; client_key = ; client_ca =\n"
				     "server_ca =\n");

	(void)state;
	assert_int_equal(c->node_count, 3);
	assert_string_equal(c->nodes[1].name, "10.0.0.2:5432");
	assert_int_equal(c->nodes[1].weight, 2);
	assert_string_equal(c->proxy_users_file, "users.txt");
	assert_string_equal(c->admin_users[0], "app");
	assert_string_equal(c->tls_client_cert, "");
	config_drop(c);
}

static void all_errors_are_told_at_once(void **state)
{
	(void)state;
	assert_errors(load_text("[proxy]\n"
				"workers = 65\n"
				"users_flie = u\n"
				"[pool]\n"
				"size = x\n"
				"nonsense\n"
				"mode = statement\n"
				"pre_ping = maybe\n"),
		      "pgweir.ini:3: unknown key \"users_flie\" in section [proxy]; did you mean \"users_file\"?",
		      "pgweir.ini:6: the line is neither a [section], a key = value nor a comment",
		      "pgweir.ini:7: pool.mode must be session or transaction, not \"statement\"",
		      "pgweir.ini:5: pool.size must be an integer between 1 and 10000, not \"x\"",
		      "pgweir.ini:8: pool.pre_ping must be on or off, not \"maybe\"",
		      "pgweir.ini:2: proxy.workers must be auto or an integer between 1 and 64, not \"65\"",
		      "pgweir.ini: cluster.nodes must name at least one server",
		      "pgweir.ini: proxy.users_file must name a file, or nobody could log in");
}

static void an_empty_file_lacks_what_is_required(void **state)
{
	(void)state;
	assert_errors(load_text(""), "pgweir.ini: cluster.nodes must name at least one server",
		      "pgweir.ini: proxy.users_file must name a file, or nobody could log in");
	assert_errors(load_source(&(struct config_source){ 0 }),
		      "cluster.nodes must name at least one server",
		      "proxy.users_file must name a file, or nobody could log in");
}

static void what_is_not_built_is_refused(void **state)
{
	(void)state;
	assert_errors(load_text(LEAST "[tls]\nclient_mode = require\nserver_mode = verify-full\n"
				      "client_cert = a\nclient_key = b\nclient_ca = c\nserver_ca = d\n"
				      "[route]\nconsistency = global\n"),
		      "pgweir.ini:6: tls.client_mode must be disable, allow or prefer, for TLS is not served so far",
		      "pgweir.ini:7: tls.server_mode must be disable, allow or prefer, for TLS is not served so far",
		      "pgweir.ini:8: tls.client_cert must be empty, for TLS is not served so far",
		      "pgweir.ini:9: tls.client_key must be empty, for TLS is not served so far",
		      "pgweir.ini:10: tls.client_ca must be empty, for TLS is not served so far",
		      "pgweir.ini:11: tls.server_ca must be empty, for TLS is not served so far",
		      "pgweir.ini:13: route.consistency must be eventual or session, for global is not supported so far");
}

static void later_sources_win(void **state)
{
	static const char *const sets[] = { "pool.size=3", " pool.size = 4 ", "log.level=debug" };
	const struct config_source source = {
		.file_name = "f",
		.file_text = span_of("[pool]\nsize = 2\noverflow = 7\n[cluster]\nnodes = x\nprobe_user = y\n"),
		.url = "postgres://app:pw@h1,h2:5433/db",
		.sets = sets,
		.set_count = 3,
	};
	struct load load = load_source(&source);

	(void)state;
	assert_non_null(load.config);
	assert_int_equal(load.config->pool_size, 4);
	assert_int_equal(load.config->pool_overflow, 7);
	assert_int_equal(load.config->log_level, LOG_WORD_DEBUG);
	assert_string_equal(load.config->cluster_nodes, "h1, h2:5433");
	assert_string_equal(load.config->cluster_probe_user, "app");
	assert_string_equal(load.config->cluster_probe_database, "db");
	load_finish(&load);
}

static struct load load_set(const char *set)
{
	const struct config_source source = {
		.file_name = "f", .file_text = span_of(LEAST), .sets = &set, .set_count = 1
	};

	return load_source(&source);
}

static void set_names_itself_in_errors(void **state)
{
	(void)state;
	assert_errors(load_set("pool.size=x"),
		      "--set pool.size=x: pool.size must be an integer between 1 and 10000, not \"x\"");
	assert_errors(load_set("pool.sise=1"),
		      "--set pool.sise: unknown key \"sise\" in section [pool]; did you mean \"size\"?");
	assert_errors(load_set("pol.size=1"),
		      "--set pol.size: unknown section [pol]; did you mean [pool]?");
	assert_errors(load_set("pool.size"), "--set: must be followed by SECTION.KEY=VALUE");
	assert_errors(load_set("size=1"), "--set: must be followed by SECTION.KEY=VALUE");
	assert_errors(load_set(""), "--set: must be followed by SECTION.KEY=VALUE");
	assert_errors(load_set("pool.size="),
		      "--set pool.size=: pool.size must be an integer between 1 and 10000, not \"\"");
	assert_errors(load_set("proxy.user=a\nb"),
		      "--set proxy.user=a\\x0ab: proxy.user contains a control character");
}

static void a_password_in_the_wrong_place_is_not_repeated(void **state)
{
	(void)state;
	assert_errors(load_set("cluster.nodes=postgres://u:s3cret@h"),
		      "--set cluster.nodes: cluster.nodes takes host:port without a user or a password");
	assert_errors(load_text("[proxy]\nusers_file = u\n[cluster]\nnodes = h, u:s3c,ret@h\n"),
		      "pgweir.ini:4: cluster.nodes takes host:port without a user or a password");
}

static void a_relative_users_file_is_beside_the_file_that_names_it(void **state)
{
	static const struct {
		const char *file, *users, *set, *expected;
	} cases[] = {
		{ "pgweir.ini", "u", NULL, "u" },
		{ "/etc/pgweir/pgweir.ini", "u", NULL, "/etc/pgweir/u" },
		{ "a/b/c.ini", "../u", NULL, "a/b/../u" },
		{ "/c.ini", "u", NULL, "/u" },
		{ "a/b/c.ini", "/u", NULL, "/u" },
		{ "a/b/c.ini", "u", "proxy.users_file=v", "v" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[128];
		struct load load;

		snprintf(text, sizeof(text), "[proxy]\nusers_file=%s\n[cluster]\nnodes=h\n",
			 cases[i].users);
		load = load_source(&(struct config_source){ .file_name = cases[i].file,
							    .file_text = span_of(text),
							    .sets = &cases[i].set,
							    .set_count = cases[i].set != NULL });
		assert_non_null(load.config);
		assert_string_equal(load.config->proxy_users_file, cases[i].expected);
		load_finish(&load);
	}
}

static void check_round_trip(const struct config_source *source)
{
	struct load first = load_source(source), second;
	struct config_source again = { .file_name = "printed.ini", .url = source->url };
	char *printed, *printed_again;

	assert_non_null(first.config);
	printed = print_config(first.config);
	again.file_text = span_of(printed);
	second = load_source(&again);
	if (second.config == NULL)
		fail_msg("%s in %s", second.errors.lines[0], printed);
	assert_configs_equal(first.config, second.config);
	printed_again = print_config(second.config);
	assert_string_equal(printed, printed_again);
	free(printed);
	free(printed_again);
	load_finish(&first);
	load_finish(&second);
}

static void what_is_printed_loads_again(void **state)
{
	static const char *const sets[] = { "proxy.users_file=/a b;c#d", "proxy.admin_users=a, b\t" };
	const struct config_source source = {
		.file_name = "pgweir.ini",
		.file_text = span_of("[proxy]\nlisten=*,[::1]:1,unix:/run/pgweir\nstats_listen=\nworkers=3\n"
				     "[cluster]\nnodes=[::1] weight=3,/run/pg:5433,h\nprobe_user = x\n"
				     "[pool]\nmode=session\npre_ping=no\n[route]\nharmless_functions=\n"
				     "[tls]\nclient_mode=disable\n[log]\nlevel=warning\n"),
		.sets = sets,
		.set_count = 2,
	};

	(void)state;
	check_round_trip(&source);
	check_round_trip(&(struct config_source){ .url = "postgresql://a:b@h1,h2:7/d" });
}

static void a_password_is_never_printed(void **state)
{
	const struct config_source source = { .url = "postgres://app:s3cret@h1:1,[::1]/db" };
	struct load load = load_source(&source);
	char *printed;

	(void)state;
	assert_non_null(load.config);
	assert_string_equal(load.config->url_password, "s3cret");
	printed = print_config(load.config);
	assert_null(strstr(printed, "s3cret"));
	assert_non_null(strstr(
		printed, "; from a URL: postgres://app@h1:1,[::1]:5432/db (the password is not shown)\n"));
	free(printed);
	load_finish(&load);
}

/* J6: a file that is cut anywhere loads or is refused; nothing else. */
static void a_text_cut_anywhere_does_no_harm(void **state)
{
	static const char text[] = "\xef\xbb\xbf" LEAST "probe_user = app ; who\r\n"
				   "[pool]\r\nsize = 12\nmode = session\n# end\n[log]\nlevel = debug";
	const char *last_line = strstr(text, "level");

	(void)state;
	for (size_t size = 0; size < sizeof(text); size++) {
		/* A copy of its own, so that reading behind it is noticed. */
		char *copy = malloc(size + 1);
		struct load load;

		memcpy(copy, text, size);
		load = load_span(span_make(copy, size));
		if (size == sizeof(text) - 1)
			assert_int_equal(load.config->log_level, LOG_WORD_DEBUG);
		else if (size > (size_t)(last_line - text))
			assert_null(load.config);
		load_finish(&load);
		free(copy);
	}
}

static void errors_have_a_limit(void **state)
{
	char text[3000] = "";
	struct load load;

	(void)state;
	for (int i = 0; i < 250; i++)
		strcat(text, "nonsense\n");
	load = load_text(text);
	assert_null(load.config);
	assert_int_equal(load.errors.count, 101);
	assert_string_equal(load.errors.lines[99], "pgweir.ini:100: the line stands before any [section]");
	assert_string_equal(load.errors.lines[100], "there are more errors, which are not shown");
	load_finish(&load);
}

static void *hold_and_drop(void *config)
{
	for (int i = 0; i < 10000; i++)
		config_drop(config_hold(config));
	return NULL;
}

static void threads_hold_and_drop(void **state)
{
	struct config *config = load_good(LEAST);
	pthread_t thread;

	(void)state;
	assert_ptr_equal(config_hold(config), config);
	assert_int_equal(pthread_create(&thread, NULL, hold_and_drop, config), 0);
	hold_and_drop(config);
	pthread_join(thread, NULL);
	config_drop(config);
	assert_int_equal(config->pool_size, 20);
	config_drop(config);
	config_drop(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_list),
		cmocka_unit_test(the_design_s_example_loads),
		cmocka_unit_test(all_errors_are_told_at_once),
		cmocka_unit_test(an_empty_file_lacks_what_is_required),
		cmocka_unit_test(what_is_not_built_is_refused),
		cmocka_unit_test(later_sources_win),
		cmocka_unit_test(set_names_itself_in_errors),
		cmocka_unit_test(a_password_in_the_wrong_place_is_not_repeated),
		cmocka_unit_test(a_relative_users_file_is_beside_the_file_that_names_it),
		cmocka_unit_test(what_is_printed_loads_again),
		cmocka_unit_test(a_password_is_never_printed),
		cmocka_unit_test(a_text_cut_anywhere_does_no_harm),
		cmocka_unit_test(errors_have_a_limit),
		cmocka_unit_test(threads_hold_and_drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
