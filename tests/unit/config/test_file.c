/*
 * file.c: what inih would cut, swallow or misread loads whole or is an error.
 */
#include "load.h"

static void write_into(char *text, size_t room, const char *key, size_t size)
{
	size_t used = (size_t)snprintf(text, room, "%s", key);

	assert_true(size < room - used);
	memset(text + used, 'a', size);
	text[used + size] = '\0';
}

/* J13: inih's own limit is 200 bytes, and it takes the rest for another line. */
static void a_long_value_loads_whole(void **state)
{
	static const size_t sizes[] = { 150, 180, 197, 198, 199,  200,
					201, 399, 400, 401, 5000, 65500 };
	static char text[70000];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct config *config;

		write_into(text, sizeof(text), LEAST "[log]\nlevel=debug\n[proxy]\nuser = ", sizes[i]);
		config = load_good(text);
		assert_int_equal(strlen(config->proxy_user), sizes[i]);
		config_drop(config);
		strcat(text, "\r\nworkers = 7");
		config = load_good(text);
		assert_int_equal(strlen(config->proxy_user), sizes[i]);
		assert_int_equal(config->worker_count, 7);
		config_drop(config);
	}
}

static void a_line_above_the_limit_is_an_error(void **state)
{
	static char text[1200000];
	struct config *config;

	(void)state;
	write_into(text, sizeof(text), LEAST "[proxy]\nuser=", 65536 - strlen("user="));
	config = load_good(text);
	assert_int_equal(strlen(config->proxy_user), 65536 - strlen("user="));
	config_drop(config);
	strcat(text, "a");
	assert_errors(load_text(text), "pgweir.ini:6: the line is longer than 65536 bytes");
	write_into(text, sizeof(text), LEAST "[pool]\nsize = 1", 1000000);
	strcat(text, "\nsize = x\n");
	assert_errors(load_text(text), "pgweir.ini:6: the line is longer than 65536 bytes",
		      "pgweir.ini:7: pool.size must be an integer between 1 and 10000, not \"x\"");
}

static void semicolons_and_hashes_are_values_or_comments(void **state)
{
	static const struct {
		const char *line, *expected;
	} cases[] = {
		{ "user = a;b", "a;b" },       { "user = a#b", "a#b" },   { "user = a #b", "a #b" },
		{ "user = a ;b", "a" },	       { "user = a\t; b", "a" },  { "user = ; b", "" },
		{ "user =", "" },	       { "user = a=b", "a=b" },	  { "user = a:b", "a:b" },
		{ "user = [a]", "[a]" },       { "user = \"a\"", "\"a\"" }, { "; user = a", "" },
		{ "# user = a", "" },	       { "  \t; user = a", "" },  { "\tuser\t=\ta\t", "a" },
		{ "user = \xc3\xa4", "\xc3\xa4" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[200];
		struct config *config;

		snprintf(text, sizeof(text), "[proxy]\n%s\n" LEAST, cases[i].line);
		config = load_good(text);
		assert_string_equal(config->proxy_user, cases[i].expected);
		config_drop(config);
	}
}

/* inih would append such a line to the value above. */
static void an_indented_line_is_a_line(void **state)
{
	struct config *config = load_good("  [proxy]\n users_file = u\n\tworkers = 2\n"
					  "[cluster]\n   nodes = h\n");

	(void)state;
	assert_string_equal(config->proxy_users_file, "u");
	assert_int_equal(config->worker_count, 2);
	config_drop(config);
}

static void other_systems_files_load(void **state)
{
	struct config *config =
		load_good("\xef\xbb\xbf[proxy]\r\nusers_file = u\r\n\r\n[cluster]\r\nnodes = h");

	(void)state;
	assert_string_equal(config->proxy_users_file, "u");
	assert_string_equal(config->cluster_nodes, "h");
	config_drop(config);
}

static void a_nul_is_an_error(void **state)
{
	static const char text[] = LEAST "[pool]\nsize = 1\0 2\nmode = x\n";

	(void)state;
	assert_errors(load_span(span_make(text, sizeof(text) - 1)),
		      "pgweir.ini:6: the line contains a NUL byte",
		      "pgweir.ini:7: pool.mode must be session or transaction, not \"x\"");
}

static void control_characters_are_errors(void **state)
{
	(void)state;
	assert_errors(load_text(LEAST "[proxy]\nuser = a\x01z\n"),
		      "pgweir.ini:6: proxy.user contains a control character");
	assert_errors(load_text(LEAST "[proxy]\nuser = a\rz\n"),
		      "pgweir.ini:6: proxy.user contains a control character");
	assert_errors(load_text(LEAST "[pool]\nsi\x1b[31mze = 1\n"),
		      "pgweir.ini:6: unknown key \"si\\x1b[31mze\" in section [pool]");
}

static void a_key_stands_once(void **state)
{
	(void)state;
	assert_errors(load_text(LEAST "[pool]\nsize = 1\n[log]\n[pool]\nsize = 1\n"),
		      "pgweir.ini:9: pool.size is set twice; the first time in line 6");
}

static void unknown_names_are_errors_with_a_guess(void **state)
{
	(void)state;
	assert_errors(load_text(LEAST "[pol]\nsize = 1\nnonsense\n[pool]\nsize = 2\n"),
		      "pgweir.ini:5: unknown section [pol]; did you mean [pool]?");
	assert_errors(load_text(LEAST "[database]\n"), "pgweir.ini:5: unknown section [database]");
	assert_errors(load_text(LEAST "[]\n"), "pgweir.ini:5: unknown section []");
	assert_errors(load_text(LEAST "[pool]\nsise = 1\n"),
		      "pgweir.ini:6: unknown key \"sise\" in section [pool]; did you mean \"size\"?");
	assert_errors(load_text(LEAST "[proxy]\nsize = 1\n"),
		      "pgweir.ini:6: unknown key \"size\" in section [proxy]; it belongs to section [pool]");
	assert_errors(load_text(LEAST "[pool]\nelephants = 1\n= 2\n"),
		      "pgweir.ini:6: unknown key \"elephants\" in section [pool]",
		      "pgweir.ini:7: unknown key \"\" in section [pool]");
}

static void what_is_no_ini_is_an_error(void **state)
{
	(void)state;
	assert_errors(load_text("size = 1\n" LEAST), "pgweir.ini:1: the line stands before any [section]");
	assert_errors(load_text(LEAST "[pool\n[pool] size = 1\n"),
		      "pgweir.ini:5: a section must be written as [name]",
		      "pgweir.ini:6: a section must be written as [name]");
	assert_errors(load_text(LEAST "[pool]\nsize\n"),
		      "pgweir.ini:6: the line is neither a [section], a key = value nor a comment");
	assert_errors(load_text(LEAST "[pool]\nsize"),
		      "pgweir.ini:6: the line is neither a [section], a key = value nor a comment");
}

static void a_heading_may_have_a_comment(void **state)
{
	struct config *config = load_good(LEAST "[pool] ; one\nsize = 3\n[log] # two\nlevel = error\n");

	(void)state;
	assert_int_equal(config->pool_size, 3);
	assert_int_equal(config->log_level, LOG_WORD_ERROR);
	config_drop(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_long_value_loads_whole),
		cmocka_unit_test(a_line_above_the_limit_is_an_error),
		cmocka_unit_test(semicolons_and_hashes_are_values_or_comments),
		cmocka_unit_test(an_indented_line_is_a_line),
		cmocka_unit_test(other_systems_files_load),
		cmocka_unit_test(a_nul_is_an_error),
		cmocka_unit_test(control_characters_are_errors),
		cmocka_unit_test(a_key_stands_once),
		cmocka_unit_test(unknown_names_are_errors_with_a_guess),
		cmocka_unit_test(what_is_no_ini_is_an_error),
		cmocka_unit_test(a_heading_may_have_a_comment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
