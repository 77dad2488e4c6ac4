/*
 * Reads one address.  Resolves nothing: whether a name exists is found out when
 * it is used.
 */
#include "config/address.h"

#include "config/text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <strings.h>
#include <sys/un.h>

static const char *const PORT_FLAW = "the port must be an integer between 1 and 65535";

/* What an address consists of, as views of its text. */
struct parts {
	struct span host; /* without brackets */
	struct span port; /* data NULL: none was written */
};

/* DNS allows 253 bytes; the underscore is no DNS, but names of containers have it. */
static const char *check_name(struct span name)
{
	if (name.size == 0)
		return "the host is missing";
	if (name.size > 253)
		return "the host name is longer than 253 bytes";
	for (size_t i = 0; i < name.size; i++)
		if (!isalnum((unsigned char)name.data[i]) && strchr("-._", name.data[i]) == NULL)
			return "the host name contains a character that no host name has";
	return NULL;
}

/* A zone ("fe80::1%eth0") is left for the system to judge. */
static const char *check_ipv6(struct span text)
{
	char copy[INET6_ADDRSTRLEN];
	struct in6_addr address;
	struct span digits, zone = text;
	bool has_zone = text_split(&zone, '%', &digits);

	if (has_zone && (zone.size > 15 || check_name(zone) != NULL))
		return "the zone of the IPv6 address is wrong";
	snprintf(copy, sizeof(copy), "%.*s", SPAN_ARGS(digits));
	if (digits.size >= sizeof(copy) || inet_pton(AF_INET6, copy, &address) != 1)
		return "there is no IPv6 address between the brackets";
	return NULL;
}

static const char *split_ipv6(struct span text, struct parts *parts)
{
	text = span_after(text, 1);
	if (!text_split(&text, ']', &parts->host))
		return "the closing bracket is missing";
	if (text.size > 0 && text.data[0] != ':')
		return PORT_FLAW;
	if (text.size > 0)
		parts->port = span_after(text, 1);
	return check_ipv6(parts->host);
}

static const char *split_host(struct span text, struct parts *parts)
{
	*parts = (struct parts){ .port = { NULL, 0 } };
	if (text.size > 0 && text.data[0] == '[')
		return split_ipv6(text, parts);
	if (text_split(&text, ':', &parts->host))
		parts->port = text;
	if (parts->port.data != NULL && memchr(text.data, ':', text.size) != NULL)
		return "an IPv6 address needs brackets, as in [::1]:5432";
	return span_is(parts->host, "*") ? NULL : check_name(parts->host);
}

/* The last colon, so that a directory may contain others. */
static void split_directory(struct span text, struct parts *parts)
{
	const char *colon = memrchr(text.data, ':', text.size);

	*parts = (struct parts){ .host = text };
	if (colon == NULL)
		return;
	parts->host = span_first(text, (size_t)(colon - text.data));
	parts->port = span_after(text, parts->host.size + 1);
}

/* The kernel's limit is for the whole name, "/directory/.s.PGSQL.65535" and a NUL. */
static const char *check_directory(struct span directory)
{
	const size_t limit = sizeof(((struct sockaddr_un *)NULL)->sun_path);

	if (directory.size == 0 || directory.data[0] != '/')
		return "the directory of a Unix socket must begin with a slash";
	if (directory.size > limit - sizeof("/.s.PGSQL.65535"))
		return "the directory of the Unix socket is longer than 92 bytes";
	for (size_t i = 0; i < directory.size; i++)
		if (isspace((unsigned char)directory.data[i]))
			return "the directory of a Unix socket must not contain blanks";
	return NULL;
}

static const char *read_port(const struct parts *parts, int standard, int *port)
{
	*port = standard;
	if (parts->port.data != NULL && !text_number(parts->port, 1, 65535, port))
		return PORT_FLAW;
	return NULL;
}

static const char *read_inet(struct span text, int port, struct arena *arena,
			     struct config_address *address)
{
	struct parts parts;
	const char *flaw = split_host(text, &parts);

	if (flaw == NULL)
		flaw = read_port(&parts, port, &address->port);
	if (flaw == NULL)
		address->host = arena_copy_text(arena, parts.host);
	return flaw;
}

const char *address_read_listen(struct span text, struct arena *arena,
				struct config_address *address)
{
	struct parts parts;
	const char *flaw;

	*address = (struct config_address){ 0 };
	if (!span_starts_with(text, "unix:"))
		return read_inet(text, LISTEN_PORT, arena, address);
	split_directory(span_after(text, strlen("unix:")), &parts);
	flaw = check_directory(parts.host);
	if (flaw == NULL)
		flaw = read_port(&parts, LISTEN_PORT, &address->port);
	if (flaw == NULL)
		address->directory = arena_copy_text(arena, parts.host);
	return flaw;
}

const char *address_read_stats(struct span text, struct arena *arena,
			       struct config_address *address)
{
	*address = (struct config_address){ 0 };
	if (span_starts_with(text, "unix:"))
		return "statistics are not served on Unix sockets";
	return read_inet(text, STATS_PORT, arena, address);
}

static const char *name_node(struct arena *arena, const struct config_node *node)
{
	bool is_ipv6 = node->host[0] != '/' && strchr(node->host, ':') != NULL;
	size_t room = strlen(node->host) + sizeof("[]:65535");
	char *name = arena_get(arena, room);

	snprintf(name, room, is_ipv6 ? "[%s]:%d" : "%s:%d", node->host, node->port);
	return name;
}

static const char *read_weight(struct span words, int *weight)
{
	struct span word;

	*weight = 1;
	if (!text_next_word(&words, &word))
		return NULL;
	if (!span_starts_with(word, "weight=") || text_trim(words).size > 0)
		return "behind the address only weight=N may stand";
	if (!text_number(span_after(word, strlen("weight=")), 1, 100, weight))
		return "the weight must be an integer between 1 and 100";
	return NULL;
}

const char *address_read_node(struct span text, struct arena *arena, struct config_node *node)
{
	struct parts parts;
	struct span place;
	const char *flaw = NULL;

	*node = (struct config_node){ 0 };
	text_next_word(&text, &place);
	if (place.size > 0 && place.data[0] == '/') {
		split_directory(place, &parts);
		flaw = check_directory(parts.host);
	} else {
		flaw = split_host(place, &parts);
	}
	if (flaw == NULL && span_is(parts.host, "*"))
		flaw = "a server has no host *";
	if (flaw == NULL)
		flaw = read_port(&parts, NODE_PORT, &node->port);
	if (flaw == NULL)
		flaw = read_weight(text, &node->weight);
	if (flaw != NULL)
		return flaw;
	node->host = arena_copy_text(arena, parts.host);
	node->name = name_node(arena, node);
	return NULL;
}

static bool text_equal(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcasecmp(a, b) == 0);
}

bool address_equal(const struct config_address *a, const struct config_address *b)
{
	return a->port == b->port && text_equal(a->host, b->host) &&
	       (a->directory == b->directory ||
		(a->directory != NULL && b->directory != NULL &&
		 strcmp(a->directory, b->directory) == 0));
}
