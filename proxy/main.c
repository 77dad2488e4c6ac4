/*
 * Starts pgweir: command line, configuration, users, sockets, privileges; then
 * hands over to the control thread.  All errors of the configuration and of the
 * users file are told at once, on standard error.
 */
#include "auth/credential.h"
#include "base/ensure.h"
#include "base/log.h"
#include "command_line.h"
#include "config/config.h"
#include "control.h"
#include "listener.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_LIMIT_BYTES = 16 * 1024 * 1024, SECRET_BYTES = 32 };

/* --- files --- */

/* The whole file, NUL-terminated, the caller's; NULL after it was complained of. */
static char *read_file(const char *name, size_t *size)
{
	FILE *file = fopen(name, "r");
	struct stat status;
	char *text;

	if (!file) {
		fprintf(stderr, "pgweir: could not open file \"%s\": %s\n", name, strerror(errno));
		return NULL;
	}
	if (fstat(fileno(file), &status) < 0 || !S_ISREG(status.st_mode) ||
	    status.st_size > FILE_LIMIT_BYTES) {
		fprintf(stderr,
			"pgweir: could not read file \"%s\": "
			"not a regular file of at most %d bytes\n",
			name, FILE_LIMIT_BYTES);
		fclose(file);
		return NULL;
	}
	text = memory_get((size_t)status.st_size + 1);
	*size = fread(text, 1, (size_t)status.st_size, file);
	text[*size] = '\0';
	fclose(file);
	return text;
}

static struct config *load_config(const struct command_line *line)
{
	struct config_source source = {
		.file_name = line->config_file,
		.url = line->url,
		.sets = line->sets,
		.set_count = line->set_count,
	};
	struct config_errors errors = { 0 };
	struct config *config;
	char *text = NULL;
	size_t size = 0;

	if (line->config_file) {
		text = read_file(line->config_file, &size);
		if (!text)
			return NULL;
		source.file_text = span_make(text, size);
	}
	config = config_load(&source, &errors);
	for (int i = 0; i < errors.count; i++)
		fprintf(stderr, "pgweir: %s\n", errors.lines[i]);
	config_errors_finish(&errors);
	free(text);
	return config;
}

static void on_users_error(void *context, int line, const char *message)
{
	fprintf(stderr, "pgweir: %s:%d: %s\n", (const char *)context, line, message);
}

static struct credentials *load_users(const struct config *config)
{
	char *name = (char *)config->proxy_users_file;
	uint8_t secret[SECRET_BYTES];
	struct credentials *users;
	char *text = NULL;
	size_t size = 0;

	ensure(getrandom(secret, sizeof secret, 0) == sizeof secret);
	if (*name) {
		text = read_file(name, &size);
		if (!text)
			return NULL;
	}
	users = credentials_load(span_make(text ? text : "", size), secret, on_users_error, name);
	explicit_bzero(secret, sizeof secret);
	if (text)
		explicit_bzero(text, size);
	free(text);
	if (users && config->url_password)
		credentials_add(users, config->url_user, config->url_password);
	return users;
}

/* --- the process --- */

/* Each client and each server connection is a descriptor. */
static void raise_descriptor_limit(const struct config *config)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warning("could not raise the limit of open files: %s", strerror(errno));
	if (limit.rlim_cur < (rlim_t)config->proxy_max_clients + 100)
		log_warning("the limit of open files, %llu, is too small for max_clients = %d",
			    (unsigned long long)limit.rlim_cur, config->proxy_max_clients);
}

static bool become(const char *name)
{
	struct passwd *user = getpwnam(name);

	if (!user) {
		log_error("could not find the user \"%s\" of proxy.user", name);
		return false;
	}
	if (initgroups(name, user->pw_gid) < 0 || setgid(user->pw_gid) < 0 ||
	    setuid(user->pw_uid) < 0) {
		log_error("could not become user \"%s\": %s", name, strerror(errno));
		return false;
	}
	return true;
}

static bool drop_privileges(const struct config *config)
{
	if (geteuid() == 0 && !*config->proxy_user) {
		log_error("running as root is not permitted: set proxy.user to the user to become");
		return false;
	}
	if (geteuid() == 0 && !become(config->proxy_user))
		return false;
	if (geteuid() == 0) {
		log_error("running as root is not permitted: proxy.user must not be root");
		return false;
	}
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#ifndef __SANITIZE_ADDRESS__ /* whose leak check must trace the process */
	/* Memory holds passwords: no core dumps, no ptrace by others. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
	return true;
}

static int run(struct config *config, struct credentials *users)
{
	struct listeners *listeners;
	char error[512];

	log_set_level((enum log_level)config->log_level);
	raise_descriptor_limit(config);
	listeners = listeners_open(config, error, sizeof error);
	if (!listeners) {
		log_error("%s", error);
		return 1;
	}
	if (!drop_privileges(config)) {
		listeners_close(listeners);
		return 1;
	}
	return control_run(config, users, listeners);
}

static int run_command(const struct command_line *line)
{
	struct config *config = load_config(line);
	struct credentials *users = config ? load_users(config) : NULL;
	int status = 1;

	if (!users) {
		config_drop(config);
		return status;
	}
	if (line->command == COMMAND_PRINT_CONFIG) {
		config_print(config, stdout);
		status = 0;
	} else if (line->command == COMMAND_CHECK) {
		printf("pgweir: configuration is valid\n");
		status = 0;
	} else {
		status = run(config, users);
	}
	credentials_drop(users);
	config_drop(config);
	return status;
}

int main(int argc, char **argv)
{
	struct command_line line;
	int status = 0;

	command_line_parse(&line, argc, argv, stderr);
	switch (line.command) {
	case COMMAND_WRONG:
		status = COMMAND_WRONG_STATUS;
		break;
	case COMMAND_HELP:
		command_line_print_help(stdout);
		break;
	case COMMAND_VERSION:
		command_line_print_version(stdout);
		break;
	default:
		status = run_command(&line);
	}
	command_line_finish(&line);
	return status;
}
