/*
 * command_line.c: what each way to call pgweir means, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "command_line.h"

#include <stdlib.h>
#include <string.h>

enum { ARGUMENT_LIMIT = 12 };

struct call {
	struct command_line line;
	char *argv[ARGUMENT_LIMIT + 1];
	char *complaints; /* what was written to standard error */
};

/* Arguments between bars, for they may contain blanks: "--set|a.b=c d". */
static struct call call_with(const char *arguments)
{
	struct call call = { .argv = { strdup("pgweir") } };
	char *copy = strdup(arguments), *rest = copy, *argument;
	size_t size;
	FILE *out = open_memstream(&call.complaints, &size);
	int argc = 1;

	while ((argument = strsep(&rest, "|")) != NULL && arguments[0] != '\0')
		call.argv[argc++] = strdup(argument);
	assert_true(argc <= ARGUMENT_LIMIT);
	command_line_parse(&call.line, argc, call.argv, out);
	fclose(out);
	free(copy);
	return call;
}

static void call_finish(struct call *call)
{
	command_line_finish(&call->line);
	for (int i = 0; call->argv[i] != NULL; i++)
		free(call->argv[i]);
	free(call->complaints);
}

static void assert_command(const char *arguments, enum command expected)
{
	struct call call = call_with(arguments);

	if (call.line.command != expected)
		fail_msg("%s: command %d, %s", arguments, call.line.command, call.complaints);
	assert_string_equal(call.complaints, "");
	call_finish(&call);
}

static void each_command_has_its_words(void **state)
{
	(void)state;
	assert_command("-c|f", COMMAND_RUN);
	assert_command("-cf", COMMAND_RUN);
	assert_command("--config|f", COMMAND_RUN);
	assert_command("--config=f", COMMAND_RUN);
	assert_command("postgres://h", COMMAND_RUN);
	assert_command("postgresql://h|--check", COMMAND_CHECK);
	assert_command("--set|a.b=c", COMMAND_RUN);
	assert_command("-c|f|--check", COMMAND_CHECK);
	assert_command("--print-config|-c|f", COMMAND_PRINT_CONFIG);
	assert_command("--check|--print-config|-c|f", COMMAND_PRINT_CONFIG);
	assert_command("--print-config|--check|-c|f", COMMAND_PRINT_CONFIG);
	assert_command("--version", COMMAND_VERSION);
	assert_command("--help", COMMAND_HELP);
	assert_command("-h", COMMAND_HELP);
	assert_command("--version|-h|--check", COMMAND_HELP);
}

static void values_are_taken_in_their_order(void **state)
{
	struct call call = call_with("--set|a.b=c d|postgres://h/d|-c|file|--set=e.f=g");

	(void)state;
	assert_int_equal(call.line.command, COMMAND_RUN);
	assert_string_equal(call.line.config_file, "file");
	assert_string_equal(call.line.url, "postgres://h/d");
	assert_int_equal(call.line.set_count, 2);
	assert_string_equal(call.line.sets[0], "a.b=c d");
	assert_string_equal(call.line.sets[1], "e.f=g");
	call_finish(&call);
}

static void behind_two_dashes_there_are_no_options(void **state)
{
	struct call call = call_with("-c|f|--|postgres://h");

	(void)state;
	assert_string_equal(call.line.url, "postgres://h");
	call_finish(&call);
}

static void assert_wrong(const char *arguments, const char *complaint)
{
	struct call call = call_with(arguments);
	char expected[512];

	snprintf(expected, sizeof(expected),
		 "pgweir: error: %s\npgweir: hint: Try \"pgweir --help\" for more information.\n",
		 complaint);
	assert_int_equal(call.line.command, COMMAND_WRONG);
	assert_string_equal(call.complaints, expected);
	call_finish(&call);
}

static void wrong_usage_is_told_with_a_hint(void **state)
{
	(void)state;
	assert_int_equal(COMMAND_WRONG_STATUS, 2);
	assert_wrong("", "neither a configuration file nor a URL is given");
	assert_wrong("--check", "neither a configuration file nor a URL is given");
	assert_wrong("-x", "unrecognized option \"-x\"");
	assert_wrong("--chekc", "unrecognized option \"--chekc\"");
	assert_wrong("--chekc=1", "unrecognized option \"--chekc\"");
	assert_wrong("--check=1", "option \"--check\" takes no argument");
	assert_wrong("--help=1", "option \"--help\" takes no argument");
	assert_wrong("-c", "option \"-c\" requires an argument");
	assert_wrong("--set", "option \"--set\" requires an argument");
	assert_wrong("--config", "option \"--config\" requires an argument");
	assert_wrong("-c|a|--config|b", "option \"--config\" is given twice");
	assert_wrong("-x|--help", "unrecognized option \"-x\"");
	assert_wrong("pgweir.ini", "\"pgweir.ini\" is no URL; one begins with postgres://, and a file "
				   "is named by --config");
	assert_wrong("postgres://a|postgres://b", "there are too many arguments; only one URL is taken");
	assert_wrong("mysql://u:s3cret@h", "\"mysql://u:******@h\" is no URL; one begins with "
					   "postgres://, and a file is named by --config");
}

/* ps and /proc/PID/cmdline show argv to everybody. */
static void a_password_does_not_stay_in_argv(void **state)
{
	static const struct {
		const char *url, *left;
	} cases[] = {
		{ "postgres://app:secret@h:1/d", "postgres://app:******@h:1/d" },
		{ "postgres://app:a:b@h", "postgres://app:***@h" },
		{ "postgres://app:a@b/c@h", "postgres://app:*****@h" },
		{ "postgres://app:@h", "postgres://app:@h" },
		{ "postgres://app@h:1", "postgres://app@h:1" },
		{ "postgres://h:1/d", "postgres://h:1/d" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct call call = call_with(cases[i].url);

		assert_string_equal(call.line.url, cases[i].url);
		assert_string_equal(call.argv[1], cases[i].left);
		call_finish(&call);
	}
}

static char *print(void (*printer)(FILE *out))
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	printer(out);
	fclose(out);
	return text;
}

static void the_help_names_what_is_taken(void **state)
{
	static const char *const lines[] = { "\n  -c, --config FILE ", "\n      --set SECTION.KEY=VALUE ",
					     "\n      --check ",	    "\n      --print-config ",
					     "\n      --version ",	    "\n  -h, --help " };
	char *help = print(command_line_print_help);

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_non_null(strstr(help, lines[i]));
	free(help);
}

/* Nothing is reloaded in this version, and SIGHUP only says so in the log. */
static void the_help_promises_no_reload(void **state)
{
	char *help = print(command_line_print_help);

	(void)state;
	assert_non_null(strstr(help, "a changed FILE needs a restart"));
	assert_null(strstr(help, "SIGHUP"));
	assert_null(strstr(help, "reload"));
	free(help);
}

static void the_version_is_the_build_s(void **state)
{
	char *version = print(command_line_print_version);

	(void)state;
	assert_string_equal(version, "pgweir " PGWEIR_VERSION "\n");
	free(version);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_command_has_its_words),
		cmocka_unit_test(values_are_taken_in_their_order),
		cmocka_unit_test(behind_two_dashes_there_are_no_options),
		cmocka_unit_test(wrong_usage_is_told_with_a_hint),
		cmocka_unit_test(a_password_does_not_stay_in_argv),
		cmocka_unit_test(the_help_names_what_is_taken),
		cmocka_unit_test(the_help_promises_no_reload),
		cmocka_unit_test(the_version_is_the_build_s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
