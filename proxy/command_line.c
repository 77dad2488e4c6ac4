/*
 * Parses argv with getopt_long.  One table holds the options: it makes
 * getopt_long's own and the help.
 */
#include "command_line.h"

#include "base/ensure.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What getopt_long returns: a letter, or for options without one a number. */
enum given {
	GIVEN_CONFIG = 'c',
	GIVEN_HELP = 'h',
	GIVEN_SET = 256,
	GIVEN_CHECK,
	GIVEN_PRINT,
	GIVEN_VERSION
};

struct flag {
	int given;
	const char *name;
	const char *argument; /* NULL: takes none */
	const char *sentence;
};

static const struct flag flags[] = {
	{ GIVEN_CONFIG, "config", "FILE", "read the configuration from FILE" },
	{ GIVEN_SET, "set", "SECTION.KEY=VALUE", "set one option; may be repeated" },
	{ GIVEN_CHECK, "check", NULL, "check the configuration, then exit" },
	{ GIVEN_PRINT, "print-config", NULL, "print the configuration in force, then exit" },
	{ GIVEN_VERSION, "version", NULL, "print the version, then exit" },
	{ GIVEN_HELP, "help", NULL, "print this help, then exit" },
};

enum { FLAG_COUNT = sizeof(flags) / sizeof(flags[0]) };

static void make_options(struct option options[FLAG_COUNT + 1])
{
	memset(options, 0, (FLAG_COUNT + 1) * sizeof(*options));
	for (int i = 0; i < FLAG_COUNT; i++) {
		options[i].name = flags[i].name;
		options[i].has_arg = flags[i].argument != NULL ? required_argument : no_argument;
		options[i].val = flags[i].given;
	}
}

__attribute__((format(printf, 3, 4))) static void complain(struct command_line *line, FILE *out,
							     const char *format, ...)
{
	va_list args;

	line->command = COMMAND_WRONG;
	fprintf(out, "pgweir: error: ");
	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	fprintf(out, "\npgweir: hint: Try \"pgweir --help\" for more information.\n");
}

/* argument: what getopt_long stopped at.  It refuses "--check=x" and "--chekc"
 * alike, and names the letter of a wrong "-x". */
static void complain_of_option(struct command_line *line, FILE *out, bool lacks_argument,
			       const char *argument)
{
	int name_size = (int)strcspn(argument, "=");

	if (lacks_argument)
		complain(line, out, "option \"%s\" requires an argument", argument);
	else if (optopt != 0 && strncmp(argument, "--", 2) == 0)
		complain(line, out, "option \"%.*s\" takes no argument", name_size, argument);
	else if (optopt != 0)
		complain(line, out, "unrecognized option \"-%c\"", optopt);
	else
		complain(line, out, "unrecognized option \"%.*s\"", name_size, argument);
}

/* Whatever stands between the first colon behind the scheme and the last @: as
 * much as a badly written URL could mean by its password. */
static void hide_password(char *url)
{
	char *scheme_end = strstr(url, "://"), *at = strrchr(url, '@'), *colon;

	if (scheme_end == NULL || at == NULL)
		return;
	colon = strchr(scheme_end + strlen("://"), ':');
	if (colon != NULL && colon < at)
		memset(colon + 1, '*', (size_t)(at - colon - 1));
}

static void take_url(struct command_line *line, char *argument, FILE *complaints)
{
	if (strncmp(argument, "postgres://", 11) != 0 &&
	    strncmp(argument, "postgresql://", 13) != 0) {
		hide_password(argument);
		complain(line, complaints,
			 "\"%s\" is no URL; one begins with postgres://, "
			 "and a file is named by --config",
			 argument);
		return;
	}
	line->url = memory_copy_text(argument);
	hide_password(argument);
}

static void take_command(struct command_line *line, enum command command)
{
	/* --help and --version need no configuration, and --print-config checks it. */
	if (command > line->command)
		line->command = command;
}

static void take_option(struct command_line *line, int given, FILE *complaints)
{
	switch (given) {
	case GIVEN_CONFIG:
		if (line->config_file != NULL)
			complain(line, complaints, "option \"--config\" is given twice");
		line->config_file = optarg;
		return;
	case GIVEN_SET:
		line->sets[line->set_count++] = optarg;
		return;
	case GIVEN_CHECK:
		take_command(line, COMMAND_CHECK);
		return;
	case GIVEN_PRINT:
		take_command(line, COMMAND_PRINT_CONFIG);
		return;
	case GIVEN_VERSION:
		take_command(line, COMMAND_VERSION);
		return;
	default:
		ensure(given == GIVEN_HELP);
		take_command(line, COMMAND_HELP);
		return;
	}
}

static void take_options(struct command_line *line, int argc, char **argv, FILE *complaints)
{
	struct option options[FLAG_COUNT + 1];
	int given;

	make_options(options);
	opterr = 0; /* the complaints are ours */
	optind = 0; /* begin anew, which glibc spells so */
	while (line->command != COMMAND_WRONG &&
	       (given = getopt_long(argc, argv, ":c:h", options, NULL)) != -1) {
		if (given == '?' || given == ':')
			complain_of_option(line, complaints, given == ':', argv[optind - 1]);
		else
			take_option(line, given, complaints);
	}
}

static void take_rest(struct command_line *line, int argc, char **argv, FILE *complaints)
{
	if (optind < argc - 1)
		complain(line, complaints, "there are too many arguments; only one URL is taken");
	else if (optind < argc)
		take_url(line, argv[optind], complaints);
	else if (line->config_file == NULL && line->set_count == 0)
		complain(line, complaints, "neither a configuration file nor a URL is given");
}

void command_line_parse(struct command_line *line, int argc, char **argv, FILE *complaints)
{
	*line = (struct command_line){ .command = COMMAND_RUN };
	line->sets = memory_get_zeroed((size_t)(argc + 1) * sizeof(*line->sets));
	take_options(line, argc, argv, complaints);
	if (line->command <= COMMAND_PRINT_CONFIG)
		take_rest(line, argc, argv, complaints);
}

void command_line_finish(struct command_line *line)
{
	if (line->url != NULL)
		explicit_bzero(line->url, strlen(line->url));
	free(line->url);
	free(line->sets);
	*line = (struct command_line){ .command = COMMAND_WRONG };
}

static void print_flag(const struct flag *flag, FILE *out)
{
	char letter[] = "-x, ", names[64];

	letter[1] = (char)flag->given;
	snprintf(names, sizeof(names), "%s--%s%s%s", flag->given < 256 ? letter : "    ",
		 flag->name, flag->argument != NULL ? " " : "",
		 flag->argument != NULL ? flag->argument : "");
	fprintf(out, "  %-28s %s\n", names, flag->sentence);
}

void command_line_print_help(FILE *out)
{
	fputs("pgweir splits reads and writes between PostgreSQL servers and pools connections.\n\n"
	      "Usage:\n"
	      "  pgweir --config FILE [OPTION]...\n"
	      "  pgweir [OPTION]... "
	      "postgres://USER:PASSWORD@HOST[:PORT][,HOST[:PORT]].../DATABASE\n\n"
	      "Options:\n",
	      out);
	for (int i = 0; i < FLAG_COUNT; i++)
		print_flag(&flags[i], out);
	fputs("\nWith a URL no file is needed: its servers' roles are found, and its user may\n"
	      "log in with its password.  SIGTERM lets transactions end and stops, SIGINT stops\n"
	      "at once; a changed FILE needs a restart.\n"
	      "Exit status: 0 for success, 1 after an error, 2 after wrong usage.\n",
	      out);
}

void command_line_print_version(FILE *out)
{
	fprintf(out, "pgweir " PGWEIR_VERSION "\n");
}
