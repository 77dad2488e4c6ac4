/*
 * option.c: every option takes its whole range and nothing else, and
 * etc/pgweir.ini is a true manual of them all.
 */
#include "load.h"

#include "config/option.h"
#include "config/text.h"

#include <ctype.h>

static struct load load_setting(const struct config_option *option, const char *value)
{
	static char set[256];
	static const char *const sets[] = { set };

	snprintf(set, sizeof(set), "%s.%s=%s", option->section, option->key, value);
	return load_source(&(struct config_source){ .file_name = "pgweir.ini",
						    .file_text = span_of(LEAST),
						    .sets = sets,
						    .set_count = 1 });
}

static void assert_takes(const struct config_option *option, const char *value, const char *shown)
{
	struct load load = load_setting(option, value);
	char number[12];

	if (load.config == NULL)
		fail_msg("%s", load.errors.lines[0]);
	assert_string_equal(option_read(option, load.config, number), shown);
	load_finish(&load);
}

static void assert_refuses(const struct config_option *option, const char *value)
{
	struct load load = load_setting(option, value);
	char expected[128], error[300];

	option_expect(option, expected, sizeof(expected));
	snprintf(error, sizeof(error), "--set %s.%s=%s: %s.%s must be %s, not \"%s\"", option->section,
		 option->key, value, option->section, option->key, expected, value);
	assert_null(load.config);
	assert_int_equal(load.errors.count, 1);
	assert_string_equal(load.errors.lines[0], error);
	load_finish(&load);
}

static void check_number(const struct config_option *option)
{
	static const char *const wrong[] = { "",     "x",    "-1",    "+1",   "1s",   "1 0",  "0x10",
					     "1.5",  "1e3",  "01",    "00",   "on",   "1_0",  "--",
					     "99999999999999999999", "18446744073709551617", "2147483648" };
	char text[32];

	assert_true(option->lowest >= 0 && option->lowest < option->highest);
	snprintf(text, sizeof(text), "%d", option->lowest);
	assert_takes(option, text, text);
	snprintf(text, sizeof(text), "%d", option->highest);
	assert_takes(option, text, text);
	snprintf(text, sizeof(text), "%lld", option->lowest - 1LL);
	assert_refuses(option, text);
	snprintf(text, sizeof(text), "%lld", option->highest + 1LL);
	assert_refuses(option, text);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_refuses(option, wrong[i]);
}

/* J8: no number means something else than it says. */
static void numbers_take_their_range_and_nothing_else(void **state)
{
	int count = 0;

	(void)state;
	for (int i = 0; i < OPTION_COUNT; i++) {
		if (option_table[i].kind != OPTION_NUMBER)
			continue;
		check_number(&option_table[i]);
		count++;
	}
	assert_true(count > 15);
}

static void switches_take_four_words_each(void **state)
{
	const struct config_option *option = &option_table[OPTION_pool_pre_ping];
	static const char *const yes[] = { "on", "true", "yes", "1", "ON", "Yes" };
	static const char *const no[] = { "off", "false", "no", "0", "OFF", "No" };
	static const char *const wrong[] = { "", "o", "onn", "2", "-1", "t" };

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		assert_takes(option, yes[i], "on");
		assert_takes(option, no[i], "off");
		assert_refuses(option, wrong[i]);
	}
}

static void words_are_those_of_their_list(void **state)
{
	(void)state;
	assert_takes(&option_table[OPTION_pool_mode], "session", "session");
	assert_takes(&option_table[OPTION_pool_mode], "Transaction", "transaction");
	assert_takes(&option_table[OPTION_route_balance], "random", "random");
	assert_takes(&option_table[OPTION_route_primary_reads], "never", "never");
	assert_takes(&option_table[OPTION_tls_server_mode], "allow", "allow");
	assert_takes(&option_table[OPTION_log_level], "error", "error");
	for (int i = 0; i < OPTION_COUNT; i++) {
		if (option_table[i].kind != OPTION_WORD)
			continue;
		assert_refuses(&option_table[i], "");
		assert_refuses(&option_table[i], "x");
		assert_refuses(&option_table[i], "0");
	}
}

static void workers_are_auto_or_1_to_64(void **state)
{
	static const char *const wrong[] = { "0", "65", "-1", "", "all", "1 2" };
	const struct config_option *option = &option_table[OPTION_proxy_workers];

	(void)state;
	assert_takes(option, "1", "1");
	assert_takes(option, "64", "64");
	assert_takes(option, "auto", "auto");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct load load = load_setting(option, wrong[i]);

		assert_null(load.config);
		assert_int_equal(load.errors.count, 1);
		load_finish(&load);
	}
}

static void each_option_is_listed_once(void **state)
{
	(void)state;
	for (int i = 0; i < OPTION_COUNT; i++)
		assert_int_equal(option_find(span_of(option_table[i].section),
					     span_of(option_table[i].key)),
				 i);
}

/* ---- etc/pgweir.ini ------------------------------------------------------- */

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = NULL;
	size_t room = 0;

	if (file == NULL)
		fail_msg("could not open %s", path);
	assert_true(getdelim(&text, &room, '\0', file) > 0);
	fclose(file);
	return text;
}

/* The options that have no default that could work: the file shows an example. */
static bool is_example(int option)
{
	return option == OPTION_cluster_nodes || option == OPTION_cluster_probe_user ||
	       option == OPTION_proxy_users_file;
}

/* What stands at "key =" in its section; NULL when it is not there. */
static const char *find_line(const char *text, const struct config_option *option)
{
	char heading[64], key[64];
	const char *section, *line, *next;

	snprintf(heading, sizeof(heading), "\n[%s]\n", option->section);
	snprintf(key, sizeof(key), "\n%s =", option->key);
	section = strstr(text, heading);
	if (section == NULL)
		return NULL;
	next = strstr(section + 1, "\n[");
	line = strstr(section, key);
	return line != NULL && (next == NULL || line < next) ? line + 1 : NULL;
}

/* The comment above a line, its lines joined by blanks. */
static void read_comment(const char *text, const char *line, char out[1024])
{
	const char *begin = line;

	out[0] = '\0';
	/* Back to the empty line above the comment. */
	while (begin > text + 1 && !(begin[-1] == '\n' && begin[-2] == '\n'))
		begin--;
	while (begin < line) {
		const char *end = strchr(begin, '\n');

		assert_true(begin[0] == ';' && begin[1] == ' ');
		snprintf(out + strlen(out), 1024 - strlen(out), "%s%.*s", out[0] != '\0' ? " " : "",
			 (int)(end - begin - 2), begin + 2);
		begin = end + 1;
	}
}

static void check_manual(const char *text, int index)
{
	const struct config_option *option = &option_table[index];
	const char *line = find_line(text, option);
	char expected[1024], comment[1024];

	if (line == NULL)
		fail_msg("etc/pgweir.ini does not have %s.%s", option->section, option->key);
	read_comment(text, line, comment);
	if (option->kind == OPTION_NUMBER)
		snprintf(expected, sizeof(expected), "%s From %d to %d.", option->sentence,
			 option->lowest, option->highest);
	else
		snprintf(expected, sizeof(expected), "%s", option->sentence);
	assert_string_equal(comment, expected);
	snprintf(expected, sizeof(expected), "%s =%s%s\n", option->key,
		 option->standard[0] != '\0' ? " " : "", option->standard);
	if (!is_example(index) && strncmp(line, expected, strlen(expected)) != 0)
		fail_msg("etc/pgweir.ini does not show the default of %s.%s", option->section,
			 option->key);
}

/* That nothing unknown is in it is said by its loading. */
static void the_manual_has_each_option_with_its_default(void **state)
{
	char *text = read_file(PGWEIR_SOURCE_DIR "/etc/pgweir.ini");
	struct config *manual = load_good(text), *plain = load_good(LEAST);

	(void)state;
	for (int i = 0; i < OPTION_COUNT; i++) {
		char a[12], b[12];

		check_manual(text, i);
		if (!is_example(i))
			assert_string_equal(option_read(&option_table[i], manual, a),
					    option_read(&option_table[i], plain, b));
	}
	config_drop(manual);
	config_drop(plain);
	free(text);
}

static void each_option_has_a_sentence(void **state)
{
	(void)state;
	for (int i = 0; i < OPTION_COUNT; i++) {
		const char *sentence = option_table[i].sentence;

		assert_true(strlen(sentence) > 10);
		assert_int_equal(sentence[strlen(sentence) - 1], '.');
	}
}

static void every_slip_of_one_letter_is_guessed(void **state)
{
	(void)state;
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct config_option *option = &option_table[i];
		char slip[64];

		/* Dropped at the end, doubled at the start, in upper case. */
		snprintf(slip, sizeof(slip), "%.*s", (int)strlen(option->key) - 1, option->key);
		assert_non_null(option_near_key(span_of(option->section), span_of(slip)));
		snprintf(slip, sizeof(slip), "%c%s", option->key[0], option->key);
		assert_string_equal(option_near_key(span_of(option->section), span_of(slip)),
				    option->key);
		snprintf(slip, sizeof(slip), "%c%s", toupper(option->key[0]), option->key + 1);
		assert_string_equal(option_near_key(span_of(option->section), span_of(slip)),
				    option->key);
	}
	assert_null(option_near_key(span_of("pool"), span_of("elephant")));
	assert_null(option_near_section(span_of("database")));
	assert_string_equal(option_near_section(span_of("clutser")), "cluster");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_take_their_range_and_nothing_else),
		cmocka_unit_test(switches_take_four_words_each),
		cmocka_unit_test(words_are_those_of_their_list),
		cmocka_unit_test(workers_are_auto_or_1_to_64),
		cmocka_unit_test(each_option_is_listed_once),
		cmocka_unit_test(the_manual_has_each_option_with_its_default),
		cmocka_unit_test(each_option_has_a_sentence),
		cmocka_unit_test(every_slip_of_one_letter_is_guessed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
