/*
 * url.c: what a URL sets, compared with what libpq reads in it, and that its
 * password shows up nowhere.
 */
#include "load.h"

#include <libpq-fe.h>

static struct load load_url(const char *url)
{
	return load_source(&(struct config_source){ .url = url });
}

/* The least beside a URL that has no user or no password. */
static struct load load_url_with_users(const char *url)
{
	return load_source(&(struct config_source){ .file_name = "f",
						    .file_text = span_of("[proxy]\nusers_file=u\n"),
						    .url = url });
}

static void a_url_sets_nodes_and_login(void **state)
{
	struct load load = load_url("postgres://app:secret@h1:5433,h2,[::1]:7,%2Frun%2Fpg/db?sslmode=disable");
	const struct config *c = load.config;

	(void)state;
	assert_non_null(c);
	assert_int_equal(c->node_count, 4);
	assert_string_equal(c->nodes[0].name, "h1:5433");
	assert_string_equal(c->nodes[1].name, "h2:5432");
	assert_string_equal(c->nodes[2].name, "[::1]:7");
	assert_string_equal(c->nodes[3].name, "/run/pg:5432");
	assert_string_equal(c->url_user, "app");
	assert_string_equal(c->url_password, "secret");
	assert_string_equal(c->cluster_probe_user, "app");
	assert_string_equal(c->cluster_probe_database, "db");
	assert_int_equal(c->tls_server_mode, TLS_DISABLE);
	load_finish(&load);
}

static void the_database_is_the_user_s_unless_named(void **state)
{
	static const char *const urls[] = { "postgres://app:x@h", "postgres://app:x@h/",
					    "postgres://app:x@h?", "postgresql://app:x@h/?sslmode=prefer" };

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct load load = load_url(urls[i]);

		assert_non_null(load.config);
		assert_string_equal(load.config->cluster_probe_database, "app");
		load_finish(&load);
	}
}

static void without_a_password_users_come_from_a_file(void **state)
{
	static const char *const urls[] = { "postgres://h/db", "postgres://app@h/db", "postgres://app:@h/db" };

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct load load = load_url_with_users(urls[i]);

		assert_non_null(load.config);
		assert_null(load.config->url_password);
		load_finish(&load);
		assert_errors(load_url(urls[i]),
			      "proxy.users_file must name a file, or nobody could log in");
	}
}

static const char *value_of(const PQconninfoOption *options, const char *keyword)
{
	for (; options->keyword != NULL; options++)
		if (strcmp(options->keyword, keyword) == 0)
			return options->val;
	return NULL;
}

static void libpq_reads_the_same(void **state)
{
	static const char *const urls[] = {
		"postgres://app:secret@h/db",
		"postgresql://a%20b:%70%40%3a%2f%3F%25%23@h:1/d%20b",
		"postgres://a:b:c@h/d",
		"postgres://%C3%A4:%c3%b6@h/%C3%BC?sslmode=allow",
		"postgres://a:b;c@[::1]:5433/d/e",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		char *error = NULL;
		PQconninfoOption *theirs = PQconninfoParse(urls[i], &error);
		struct load ours = load_url(urls[i]);

		assert_non_null(theirs);
		assert_non_null(ours.config);
		assert_string_equal(ours.config->url_user, value_of(theirs, "user"));
		assert_string_equal(ours.config->url_password, value_of(theirs, "password"));
		assert_string_equal(ours.config->cluster_probe_database, value_of(theirs, "dbname"));
		assert_string_equal(ours.config->nodes[0].host, value_of(theirs, "host"));
		PQconninfoFree(theirs);
		load_finish(&ours);
	}
}

static void wrong_urls_are_errors(void **state)
{
	static const struct {
		const char *url, *error;
	} cases[] = {
		{ "mysql://a:b@h",
		  "URL: it must begin with postgres:// or postgresql://, and have 65536 bytes at most" },
		{ "postgres://a:b@h/d?target_session_attrs=any",
		  "URL: the parameter \"target_session_attrs\" is not supported; only sslmode is" },
		{ "postgres://a:b@h/d?application_name=x",
		  "URL: the parameter \"application_name\" is not supported; only sslmode is" },
		{ "postgres://a:b@h/d?sslmode=require",
		  "URL: tls.server_mode must be disable, allow or prefer, for TLS is not served so far" },
		{ "postgres://a:b@h:x/d", "URL: server 1: the port must be an integer between 1 and 65535" },
		{ "postgres://a:b@h,,i/d", "URL: server 2: the host is missing" },
		{ "postgres://a:b@h,h:5432/d", "URL: server 2: it is named twice" },
		{ "postgres://a:b@h%2Ci/d", "URL: the servers must be percent-encoded" },
		{ "postgres://a:b@h%20weight=2/d", "URL: the servers must be percent-encoded" },
		{ "postgres://a:b@h/%0a", "URL: cluster.probe_database contains a control character" },
		{ "postgres://a:b@h/%20", "URL: cluster.probe_database begins or ends with a blank" },
		{ "postgres://a:b@h/d%00", "URL: the database must be percent-encoded" },
		{ "postgres://a:b%2@h/d", "URL: the user and the password must be percent-encoded" },
		{ "postgres://a:b%zz@h/d", "URL: the user and the password must be percent-encoded" },
		{ "postgres://a:b%00@h/d", "URL: the user and the password must be percent-encoded" },
		{ "postgres://:b@h/d", "URL: the user is missing" },
		{ "postgres://a:b@h#x", "URL: a URL of PostgreSQL has no fragment behind a #" },
		{ "postgres://a%20;b:c@h/d",
		  "URL: cluster.probe_user contains a semicolon that would begin a comment" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct load load = load_url(cases[i].url);

		assert_null(load.config);
		assert_string_equal(load.errors.lines[0], cases[i].error);
		load_finish(&load);
	}
}

static void a_url_without_servers_is_an_error(void **state)
{
	(void)state;
	assert_errors(load_url("postgres://a:b@/d"), "URL: cluster.nodes must name at least one server");
}

static void no_error_repeats_a_password(void **state)
{
	static const char *const urls[] = {
		"postgres://app:s3cret/x@h/db",	   "postgres://app:s3cret?x@h/db",
		"postgres://app:s3cret#x@h/db",	   "postgres://app:x@s3cret@h/db",
		"postgres://app:s3cret%@h/db",	   "postgres://app:s3cret@h:x/db",
		"postgres://app:s3cret",	   "postgres://app:a,s3cret/db",
		"postgres://app:s3cret@h/db?x=y",  "postgres://app:s3cret@h,h/db",
		"http://app:s3cret@h/db",	   "postgres://app:s3cret@h1/db#@",
		"postgres://app:s3cret@/db",	   "postgres://:s3cret@h/db",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct load load = load_url(urls[i]);

		assert_null(load.config);
		for (int e = 0; e < load.errors.count; e++)
			assert_null(strstr(load.errors.lines[e], "s3cret"));
		load_finish(&load);
	}
}

static void a_url_cut_anywhere_does_no_harm(void **state)
{
	static const char url[] = "postgres://a%20b:p%40w@h1:5433,[::1]:7,%2Frun%2Fpg/db?sslmode=disable";

	(void)state;
	for (size_t size = 0; size < sizeof(url); size++) {
		char *copy = strndup(url, size);
		struct load load = load_url_with_users(copy);

		assert_true(load.config != NULL || load.errors.count > 0);
		load_finish(&load);
		free(copy);
	}
}

static void a_url_has_a_limit(void **state)
{
	char *url = malloc(65538);
	struct load load;

	(void)state;
	memset(url, 'p', 65537);
	url[65537] = '\0';
	memcpy(url, "postgres://a:", 13);
	memcpy(url + 65536 - 4, "@h/d", 4);
	url[65536] = '\0';
	load = load_url(url);
	assert_non_null(load.config);
	load_finish(&load);
	memcpy(url + 65536 - 4, "p@h/d", 6);
	load = load_url(url);
	assert_null(load.config);
	load_finish(&load);
	free(url);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_url_sets_nodes_and_login),
		cmocka_unit_test(the_database_is_the_user_s_unless_named),
		cmocka_unit_test(without_a_password_users_come_from_a_file),
		cmocka_unit_test(libpq_reads_the_same),
		cmocka_unit_test(wrong_urls_are_errors),
		cmocka_unit_test(a_url_without_servers_is_an_error),
		cmocka_unit_test(no_error_repeats_a_password),
		cmocka_unit_test(a_url_cut_anywhere_does_no_harm),
		cmocka_unit_test(a_url_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
