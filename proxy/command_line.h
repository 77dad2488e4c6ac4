/*
 * The command line: argv → a plain struct.  Opens no file and ends no process:
 * main.c does what it says.
 */
#ifndef PGWEIR_COMMAND_LINE_H
#define PGWEIR_COMMAND_LINE_H

#include <stdio.h>

enum command {
	COMMAND_RUN,
	COMMAND_CHECK, /* load the configuration, tell its errors, end */
	COMMAND_PRINT_CONFIG, /* load it, print it, end */
	COMMAND_VERSION,
	COMMAND_HELP,
	COMMAND_WRONG, /* wrong usage, which was told: exit with COMMAND_WRONG_STATUS */
};

enum { COMMAND_WRONG_STATUS = 2 };

struct command_line {
	enum command command;
	const char *config_file; /* a view of argv; NULL: none */
	char *url; /* owned; NULL: none */
	const char **sets; /* owned; each a view of argv, "section.key=value" */
	int set_count;
};

/* Complains of wrong usage to `complaints`.  What may be the URL's password is
 * overwritten in argv, where ps would show it; command_line_finish wipes the
 * copy.  Not thread-safe, for getopt_long is not: called once, first. */
void command_line_parse(struct command_line *line, int argc, char **argv, FILE *complaints);
void command_line_finish(struct command_line *line);

/* What --help and --version print. */
void command_line_print_help(FILE *out);
void command_line_print_version(FILE *out);

#endif
