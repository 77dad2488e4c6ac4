/*
 * The checks of check.h.  An option that is accepted and not kept would be a
 * lie, so what is not built so far is refused.
 */
#include "config/check.h"

#include "config/errors.h"
#include "config/text.h"

struct check {
	const struct settings *settings;
	const char *file_name; /* the origin of what was set nowhere; may be NULL */
};

static void complain(const struct check *check, enum option_index option, const char *flaw)
{
	const struct config_option *o = &option_table[option];
	const char *origin = check->settings->of[option].origin;

	errors_add(check->settings->errors, origin != NULL ? origin : check->file_name, "%s.%s %s",
		   o->section, o->key, flaw);
}

static void check_required(const struct check *check, const struct config *config)
{
	if (config->cluster_nodes[0] == '\0')
		complain(check, OPTION_cluster_nodes, "must name at least one server");
	if (config->proxy_users_file[0] == '\0' && config->url_password == NULL)
		complain(check, OPTION_proxy_users_file,
			 "must name a file, or nobody could log in");
}

static void check_name(const struct check *check, enum option_index option)
{
	if (strlen(check->settings->of[option].text) > 63)
		complain(check, option, "is longer than 63 bytes, PostgreSQL's limit for names");
}

static void check_tls_mode(const struct check *check, enum option_index option,
			   enum tls_mode mode)
{
	if (mode > TLS_PREFER)
		complain(check, option,
			 "must be disable, allow or prefer, for TLS is not served so far");
}

static void check_tls(const struct check *check, const struct config *config)
{
	static const enum option_index files[] = { OPTION_tls_client_cert, OPTION_tls_client_key,
						   OPTION_tls_client_ca, OPTION_tls_server_ca };

	check_tls_mode(check, OPTION_tls_client_mode, config->tls_client_mode);
	check_tls_mode(check, OPTION_tls_server_mode, config->tls_server_mode);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (check->settings->of[files[i]].text[0] != '\0')
			complain(check, files[i], "must be empty, for TLS is not served so far");
}

void check_config(const struct config *config, const struct settings *settings,
		  const struct config_source *source)
{
	const struct check check = { .settings = settings, .file_name = source->file_name };

	check_required(&check, config);
	check_name(&check, OPTION_cluster_probe_user);
	check_name(&check, OPTION_cluster_probe_database);
	check_tls(&check, config);
	if (config->route_consistency == CONSISTENCY_GLOBAL)
		complain(&check, OPTION_route_consistency,
			 "must be eventual or session, for global is not supported so far");
}
