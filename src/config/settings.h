/*
 * What was set so far: for each option its text and where that came from.  The
 * sources write into it, weakest first; config.c turns it into values.
 */
#ifndef PGWEIR_CONFIG_SETTINGS_H
#define PGWEIR_CONFIG_SETTINGS_H

#include "base/arena.h"
#include "config/option.h"

struct setting {
	const char *text;
	const char *origin; /* "pgweir.ini:12"; NULL: the default */
	bool from_file, from_url;
};

struct settings {
	struct arena *arena; /* of the config to be: it keeps the texts */
	struct config_errors *errors;
	struct setting of[OPTION_COUNT];
};

/* All defaults. */
void settings_init(struct settings *settings, struct arena *arena, struct config_errors *errors);
/* The option of that name, or OPTION_COUNT after a complaint that says what was
 * probably meant. */
enum option_index settings_find_option(struct settings *settings, const char *origin,
				       struct span section, struct span key);
/* NULL after a complaint: the text could not be a line of a file. */
struct setting *settings_put(struct settings *settings, enum option_index option, struct span text,
			     const char *origin);

/* The sources.  Each complains by itself and goes on. */
void settings_read_file(struct settings *settings, const char *name, struct span text);
void settings_read_set(struct settings *settings, const char *set);

/* Who the start URL says its user is; NULL where it does not.  In the arena. */
struct url_login {
	char *user, *password;
};
void settings_read_url(struct settings *settings, const char *url, struct url_login *login);

#endif
