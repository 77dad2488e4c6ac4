/*
 * The settings table and its simplest source, --set.  Does not judge values.
 */
#include "config/settings.h"

#include "config/errors.h"
#include "config/text.h"

void settings_init(struct settings *settings, struct arena *arena, struct config_errors *errors)
{
	*settings = (struct settings){ .arena = arena, .errors = errors };
	for (int i = 0; i < OPTION_COUNT; i++)
		settings->of[i].text = option_table[i].standard;
}

static void complain_of_section(struct settings *settings, const char *origin, struct span section)
{
	const char *near = option_near_section(section);
	struct text_excerpt name = text_show(section);

	if (near != NULL)
		errors_add(settings->errors, origin, "unknown section [%s]; did you mean [%s]?",
			   name.text, near);
	else
		errors_add(settings->errors, origin, "unknown section [%s]", name.text);
}

static void complain_of_key(struct settings *settings, const char *origin, struct span section,
			    struct span key)
{
	const char *near = option_near_key(section, key);
	const char *home = option_home_of(key);
	struct text_excerpt name = text_show(key), place = text_show(section);

	if (near != NULL)
		errors_add(settings->errors, origin,
			   "unknown key \"%s\" in section [%s]; did you mean \"%s\"?", name.text,
			   place.text, near);
	else if (home != NULL)
		errors_add(settings->errors, origin,
			   "unknown key \"%s\" in section [%s]; it belongs to section [%s]",
			   name.text, place.text, home);
	else
		errors_add(settings->errors, origin, "unknown key \"%s\" in section [%s]",
			   name.text, place.text);
}

enum option_index settings_find_option(struct settings *settings, const char *origin,
				       struct span section, struct span key)
{
	enum option_index option = option_find(section, key);

	if (option != OPTION_COUNT)
		return option;
	if (option_has_section(section))
		complain_of_key(settings, origin, section, key);
	else
		complain_of_section(settings, origin, section);
	return OPTION_COUNT;
}

struct setting *settings_put(struct settings *settings, enum option_index option, struct span text,
			     const char *origin)
{
	const struct config_option *o = &option_table[option];
	const char *flaw = text_flaw(text);

	if (flaw != NULL) {
		errors_add(settings->errors, origin, "%s.%s %s", o->section, o->key, flaw);
		return NULL;
	}
	settings->of[option] = (struct setting){
		.text = arena_copy_text(settings->arena, text),
		.origin = origin,
	};
	return &settings->of[option];
}

/* "--set pool.size=x".  A value that may be a URL is left out, for it may hold a password. */
static const char *make_origin(struct settings *settings, struct span shown)
{
	char origin[128];

	snprintf(origin, sizeof(origin), "--set %s", text_show(shown).text);
	return arena_copy_text(settings->arena, span_of(origin));
}

void settings_read_set(struct settings *settings, const char *set)
{
	struct span value = span_of(set), name, section;
	bool has_value = text_split(&value, '=', &name);
	struct span key = name;
	bool has_key = text_split(&key, '.', &section);
	enum option_index option;

	if (!has_value || !has_key) {
		errors_add(settings->errors, "--set", "must be followed by SECTION.KEY=VALUE");
		return;
	}
	option = settings_find_option(settings, make_origin(settings, name), text_trim(section),
				      text_trim(key));
	if (option == OPTION_COUNT)
		return;
	settings_put(settings, option, text_trim(value),
		     make_origin(settings, text_contains(value, "@") ? name : span_of(set)));
}
