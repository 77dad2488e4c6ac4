/*
 * Writes a configuration as an ini file.  Never writes a password.
 */
#include "config/option.h"

/* As a comment; what the URL set stands below as settings. */
static void print_url(const struct config *config, FILE *out)
{
	fprintf(out, "; from a URL: postgres://%s@", config->url_user);
	for (int i = 0; i < config->node_count; i++)
		fprintf(out, "%s%s", i > 0 ? "," : "", config->nodes[i].name);
	fprintf(out, "/%s (the password is not shown)\n", config->cluster_probe_database);
}

void config_print(const struct config *config, FILE *out)
{
	const char *section = "";

	fprintf(out, "; the configuration of pgweir " PGWEIR_VERSION "\n");
	if (config->url_user != NULL)
		print_url(config, out);
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct config_option *option = &option_table[i];
		char number[12];
		const char *value = option_read(option, config, number);

		if (strcmp(section, option->section) != 0)
			fprintf(out, "\n[%s]\n", option->section);
		section = option->section;
		fprintf(out, "%s =%s%s\n", option->key, value[0] == '\0' ? "" : " ", value);
	}
}
