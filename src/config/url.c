/*
 * Reads the start URL into the settings:
 *
 *     postgres://user:password@h1:5432,[::1],%2Frun%2Fpostgresql/database?sslmode=prefer
 *                └── login ──┘ └────────── servers ────────────┘└─ name ┘└─ parameters ─┘
 *
 * The password goes nowhere but into the login.  A badly written URL may have
 * its password anywhere, so no complaint repeats more of it than the name of a
 * parameter.
 */
#include "config/settings.h"

#include "config/errors.h"
#include "config/text.h"

#include <ctype.h>
#include <string.h>

static const char *const ORIGIN = "URL";

static void complain(struct settings *settings, const char *text)
{
	errors_add(settings->errors, ORIGIN, "%s", text);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "%2F" → "/".  NULL when a percent sign is not followed by two hexadecimal
 * digits, or they are 00. */
static char *decode(struct arena *arena, struct span text)
{
	char *decoded = arena_copy_text(arena, text), *out = decoded;

	for (const char *in = decoded; *in != '\0'; in++) {
		int high, low;

		if (*in != '%') {
			*out++ = *in;
			continue;
		}
		high = hex_digit(in[1]);
		low = high < 0 ? -1 : hex_digit(in[2]);
		if (low < 0 || high + low == 0)
			return NULL;
		*out++ = (char)(high * 16 + low);
		in += 2;
	}
	/* Nothing is left of a password but what its owner will wipe. */
	memset(out, 0, (size_t)(decoded + text.size + 1 - out));
	return decoded;
}

static void put(struct settings *settings, enum option_index option, struct span text)
{
	struct setting *setting = settings_put(settings, option, text, ORIGIN);

	if (setting != NULL)
		setting->from_url = true;
}

static void read_login(struct settings *settings, struct span text, struct url_login *login)
{
	struct span password = text, user;
	bool has_password = text_split(&password, ':', &user);

	login->user = decode(settings->arena, user);
	if (has_password)
		login->password = decode(settings->arena, password);
	if (login->user == NULL || (has_password && login->password == NULL))
		complain(settings, "the user and the password must be percent-encoded");
	else if (login->user[0] == '\0')
		complain(settings, "the user is missing");
	else if (has_password && login->password[0] == '\0')
		login->password = NULL;
	if (login->user != NULL && login->user[0] != '\0')
		put(settings, OPTION_cluster_probe_user, span_of(login->user));
}

/* Blanks and commas would be read as several servers or as a weight. */
static bool is_one_host(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text == ',' || isspace((unsigned char)*text))
			return false;
	return true;
}

static void read_servers(struct settings *settings, struct span text)
{
	/* Each server takes what it takes in the URL at most, and ", " instead of ",". */
	char *list = arena_get(settings->arena, 2 * text.size + 3), *end = list;
	struct span item;
	bool more;

	do {
		char *host;

		more = text_split(&text, ',', &item);
		host = decode(settings->arena, item);
		if (host == NULL || !is_one_host(host)) {
			complain(settings, "the servers must be percent-encoded");
			return;
		}
		end = stpcpy(end, host);
		if (more)
			end = stpcpy(end, ", ");
	} while (more);
	put(settings, OPTION_cluster_nodes, span_make(list, (size_t)(end - list)));
}

static void read_database(struct settings *settings, struct span text,
			  const struct url_login *login)
{
	const char *name = decode(settings->arena, text);

	if (name == NULL)
		complain(settings, "the database must be percent-encoded");
	else if (name[0] != '\0')
		put(settings, OPTION_cluster_probe_database, span_of(name));
	else if (login->user != NULL && login->user[0] != '\0')
		put(settings, OPTION_cluster_probe_database, span_of(login->user));
}

/* Other parameters would have no effect: better to say so than to drop them. */
static void read_parameters(struct settings *settings, struct span text)
{
	struct span value, name;

	while (text.size > 0) {
		text_split(&text, '&', &value);
		text_split(&value, '=', &name);
		if (span_is(name, "sslmode"))
			put(settings, OPTION_tls_server_mode, value);
		else
			errors_add(settings->errors, ORIGIN,
				   "the parameter \"%s\" is not supported; only sslmode is",
				   text_show(name).text);
	}
}

static bool skip_scheme(struct span *text)
{
	static const char *const schemes[] = { "postgres://", "postgresql://" };

	for (int i = 0; i < 2; i++) {
		if (!span_starts_with(*text, schemes[i]))
			continue;
		*text = span_after(*text, strlen(schemes[i]));
		return true;
	}
	return false;
}

/* The parts of a URL behind its scheme. */
struct url_parts {
	struct span login, servers, database, parameters;
	bool has_login;
};

static const char *split_url(struct span text, struct url_parts *parts)
{
	struct span authority = span_first(text, strcspn(text.data, "/?#"));
	struct span rest = span_after(text, authority.size);

	if (memchr(rest.data, '@', rest.size) != NULL)
		return "in the user and the password / ? # @ must be percent-encoded";
	if (rest.size > 0 && rest.data[0] == '#')
		return "a URL of PostgreSQL has no fragment behind a #";
	parts->servers = authority;
	parts->has_login = text_split(&parts->servers, '@', &parts->login);
	if (!parts->has_login)
		parts->servers = authority;
	else if (memchr(parts->servers.data, '@', parts->servers.size) != NULL)
		return "in the user and the password / ? # @ must be percent-encoded";
	parts->parameters = rest;
	text_split(&parts->parameters, '?', &parts->database);
	if (parts->database.size > 0)
		parts->database = span_after(parts->database, 1); /* the slash */
	return NULL;
}

void settings_read_url(struct settings *settings, const char *url, struct url_login *login)
{
	struct span text = span_of(url);
	struct url_parts parts;
	const char *flaw;

	*login = (struct url_login){ 0 };
	if (text.size > TEXT_LIMIT_BYTES || !skip_scheme(&text))
		flaw = "it must begin with postgres:// or postgresql://, "
		       "and have 65536 bytes at most";
	else
		flaw = split_url(text, &parts);
	if (flaw != NULL) {
		complain(settings, flaw);
		return;
	}
	if (parts.has_login)
		read_login(settings, parts.login, login);
	read_servers(settings, parts.servers);
	read_database(settings, parts.database, login);
	read_parameters(settings, parts.parameters);
}
