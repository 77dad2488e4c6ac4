/*
 * Loads a configuration and counts who holds it.  Reads no file, resolves no
 * name.  Loading is the control thread's; any thread may hold and drop.
 *
 *     option.def   file text    URL        --set
 *         └────────────┴────┬────┴───────────┘        the later one wins
 *                       settings     text and origin of each option
 *                           │ option_store, derive_fields
 *                        config      values
 *                           │ check_config
 *                    config or errors
 */
#include "config/config.h"

#include "base/ensure.h"
#include "config/check.h"
#include "config/derive.h"
#include "config/errors.h"
#include "config/text.h"

#include <stdatomic.h>
#include <stdlib.h>

/* What config_load hands out is the first member of this. */
struct held_config {
	struct config config;
	atomic_int holders;
	struct arena arena; /* all that config points to */
	char *secret; /* url_password, to be wiped */
};

static void store_values(struct config *config, const struct settings *settings)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct config_option *option = &option_table[i];
		const struct setting *setting = &settings->of[i];
		char expected[128];

		if (option_store(option, config, setting->text))
			continue;
		ensure(setting->origin != NULL); /* defaults are good values */
		option_expect(option, expected, sizeof(expected));
		errors_add(settings->errors, setting->origin, "%s.%s must be %s, not \"%s\"",
			   option->section, option->key, expected,
			   text_show(span_of(setting->text)).text);
	}
}

static void read_sources(struct settings *settings, const struct config_source *source,
			 struct url_login *login)
{
	if (source->file_name != NULL)
		settings_read_file(settings, source->file_name, source->file_text);
	if (source->url != NULL)
		settings_read_url(settings, source->url, login);
	for (int i = 0; i < source->set_count; i++)
		settings_read_set(settings, source->sets[i]);
}

/* A config that could not be loaded has no holder yet. */
static void destroy(struct held_config *held)
{
	if (held->secret != NULL)
		explicit_bzero(held->secret, strlen(held->secret));
	arena_finish(&held->arena);
	free(held);
}

struct config *config_load(const struct config_source *source, struct config_errors *errors)
{
	struct held_config *held = memory_get_zeroed(sizeof(*held));
	struct config *config = &held->config;
	struct url_login login = { 0 };
	struct settings settings;

	*errors = (struct config_errors){ 0 };
	arena_init(&held->arena);
	settings_init(&settings, &held->arena, errors);
	read_sources(&settings, source, &login);
	config->url_user = login.user;
	config->url_password = held->secret = login.password;
	store_values(config, &settings);
	derive_fields(config, &settings, source);
	check_config(config, &settings, source);
	if (errors->count > 0) {
		destroy(held);
		return NULL;
	}
	atomic_init(&held->holders, 1);
	return config;
}

struct config *config_hold(struct config *config)
{
	struct held_config *held = (struct held_config *)config;

	ensure(atomic_fetch_add(&held->holders, 1) > 0);
	return config;
}

void config_drop(struct config *config)
{
	struct held_config *held = (struct held_config *)config;
	int holders;

	if (config == NULL)
		return;
	holders = atomic_fetch_sub(&held->holders, 1);
	ensure(holders > 0);
	if (holders == 1)
		destroy(held);
}
