/*
 * Makes the derived fields of a config from its texts.  Whether the options
 * agree with each other is for check.c to say.
 */
#include "config/derive.h"

#include "config/address.h"
#include "config/errors.h"
#include "config/text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { WORKER_LIMIT = 64 };

/* The items of one option's comma list, one after another. */
struct items {
	const struct settings *settings;
	enum option_index option;
	struct span rest;
	struct span item; /* trimmed */
	int number; /* of the item, from 1 */
	bool more;
};

static struct items items_of(const struct settings *settings, enum option_index option)
{
	struct span text = span_of(settings->of[option].text);

	return (struct items){
		.settings = settings, .option = option, .rest = text, .more = text.size > 0
	};
}

static bool next_item(struct items *items)
{
	if (!items->more)
		return false;
	items->more = text_split(&items->rest, ',', &items->item);
	items->item = text_trim(items->item);
	items->number++;
	return true;
}

static size_t count_items(struct items items)
{
	size_t count = 0;

	while (next_item(&items))
		count++;
	return count;
}

static void *get_array(const struct items *items, size_t size)
{
	return arena_get(items->settings->arena, (count_items(*items) + 1) * size);
}

/* A URL's servers are told by their number: what looks like a host may be a
 * part of a password that was not encoded. */
static void complain(const struct items *items, const char *flaw)
{
	const struct config_option *option = &option_table[items->option];
	const struct setting *setting = &items->settings->of[items->option];

	if (setting->from_url)
		errors_add(items->settings->errors, setting->origin, "server %d: %s", items->number,
			   flaw);
	else
		errors_add(items->settings->errors, setting->origin, "%s.%s cannot take \"%s\": %s",
			   option->section, option->key, text_show(items->item).text, flaw);
}

static void complain_of_list(const struct items *items, const char *flaw)
{
	const struct config_option *option = &option_table[items->option];

	errors_add(items->settings->errors, items->settings->of[items->option].origin, "%s.%s %s",
		   option->section, option->key, flaw);
}

static bool is_heard(const struct config *config, const struct config_address *address)
{
	for (int i = 0; i < config->listen_count; i++)
		if (address_equal(&config->listen[i], address))
			return true;
	return false;
}

static void add_addresses(struct config *config, struct items *items)
{
	while (next_item(items)) {
		struct config_address *address = &config->listen[config->listen_count];
		const char *flaw =
			address_read_listen(items->item, items->settings->arena, address);

		if (flaw == NULL && is_heard(config, address))
			flaw = "it is named twice";
		if (flaw == NULL)
			config->listen_count++;
		else
			complain(items, flaw);
	}
}

static void derive_listen(struct config *config, const struct settings *settings)
{
	struct items items = items_of(settings, OPTION_proxy_listen);

	config->listen = get_array(&items, sizeof(*config->listen));
	if (count_items(items) == 0)
		complain_of_list(&items, "must name at least one address");
	else if (count_items(items) > LISTEN_LIMIT)
		complain_of_list(&items, "names more than 64 addresses");
	else
		add_addresses(config, &items);
}

static bool has_node(const struct config *config, const char *name)
{
	for (int i = 0; i < config->node_count; i++)
		if (strcasecmp(config->nodes[i].name, name) == 0)
			return true;
	return false;
}

static void add_nodes(struct config *config, struct items *items)
{
	while (next_item(items)) {
		struct config_node *node = &config->nodes[config->node_count];
		const char *flaw = address_read_node(items->item, items->settings->arena, node);

		if (flaw == NULL && has_node(config, node->name))
			flaw = "it is named twice";
		if (flaw == NULL)
			config->node_count++;
		else
			complain(items, flaw);
	}
}

/* An entry with an @ is a URL and may hold a password: it is not repeated. */
static void derive_nodes(struct config *config, const struct settings *settings)
{
	struct items items = items_of(settings, OPTION_cluster_nodes);

	config->nodes = get_array(&items, sizeof(*config->nodes));
	if (memchr(items.rest.data, '@', items.rest.size) != NULL)
		complain_of_list(&items, "takes host:port without a user or a password");
	else if (count_items(items) > NODE_LIMIT)
		complain_of_list(&items, "names more than 64 servers");
	else
		add_nodes(config, &items);
}

static void derive_stats(struct config *config, const struct settings *settings)
{
	struct items items = items_of(settings, OPTION_proxy_stats_listen);
	const char *flaw;

	config->stats = (struct config_address){ 0 };
	if (!next_item(&items))
		return;
	flaw = items.more ? "statistics are served at one address only" :
			    address_read_stats(items.item, settings->arena, &config->stats);
	if (flaw != NULL)
		complain(&items, flaw);
}

static void derive_workers(struct config *config, const struct settings *settings)
{
	const struct setting *setting = &settings->of[OPTION_proxy_workers];
	struct span text = span_of(setting->text);

	config->worker_count = 0;
	if (!text_is_word(text, "auto") &&
	    !text_number(text, 1, WORKER_LIMIT, &config->worker_count))
		errors_add(settings->errors, setting->origin,
			   "proxy.workers must be auto or an integer between 1 and %d, not \"%s\"",
			   WORKER_LIMIT, text_show(text).text);
}

static const char **derive_names(const struct settings *settings, enum option_index option,
				 const char *(*find_flaw)(struct span name), int *count)
{
	struct items items = items_of(settings, option);
	const char **names = get_array(&items, sizeof(*names));

	*count = 0;
	while (next_item(&items)) {
		const char *flaw = find_flaw(items.item);

		if (flaw == NULL)
			names[(*count)++] = arena_copy_text(settings->arena, items.item);
		else
			complain(&items, flaw);
	}
	return names;
}

static const char *find_user_flaw(struct span name)
{
	if (name.size == 0)
		return "a name is missing between the commas";
	return name.size > 63 ? "PostgreSQL's names have 63 bytes at most" : NULL;
}

static const char *find_function_flaw(struct span name)
{
	if (name.size == 0)
		return "a name is missing between the commas";
	for (size_t i = 0; i < name.size; i++) {
		unsigned char c = (unsigned char)name.data[i];

		if (!isalnum(c) && c != '_' && c != '$' && c != '.' && c < 0x80)
			return "a function is named without quotes, parentheses and arguments";
	}
	return NULL;
}

static void derive_functions(struct config *config, const struct settings *settings)
{
	/* Copied in lower case once, not compared without case per query. */
	const char **names = derive_names(settings, OPTION_route_harmless_functions,
					  find_function_flaw, &config->harmless_function_count);

	config->harmless_functions = names;
	for (int i = 0; i < config->harmless_function_count; i++)
		for (char *c = (char *)names[i]; *c != '\0'; c++)
			*c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
}

/* Relative to the file that names it, so that pgweir may start anywhere. */
static void derive_users_file(struct config *config, const struct settings *settings,
			      const struct config_source *source)
{
	const struct setting *setting = &settings->of[OPTION_proxy_users_file];
	const char *slash = setting->from_file ? strrchr(source->file_name, '/') : NULL;
	size_t folder_size;
	char *path;

	if (slash == NULL || setting->text[0] == '/' || setting->text[0] == '\0')
		return;
	folder_size = (size_t)(slash + 1 - source->file_name);
	path = arena_get(settings->arena, folder_size + strlen(setting->text) + 1);
	memcpy(path, source->file_name, folder_size);
	memcpy(path + folder_size, setting->text, strlen(setting->text) + 1);
	config->proxy_users_file = path;
}

void derive_fields(struct config *config, const struct settings *settings,
		   const struct config_source *source)
{
	derive_workers(config, settings);
	derive_listen(config, settings);
	derive_stats(config, settings);
	derive_nodes(config, settings);
	derive_users_file(config, settings, source);
	config->admin_users = derive_names(settings, OPTION_proxy_admin_users, find_user_flaw,
					   &config->admin_user_count);
	derive_functions(config, settings);
}
