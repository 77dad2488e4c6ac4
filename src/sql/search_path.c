/*
 * Splits a search_path (search_path.h) as PostgreSQL's SplitIdentifierString does.
 * Does not know which schemas exist.  Any thread.
 */
#include "sql/search_path.h"

#include "sql/lexer.h"

#include <string.h>

static bool is_space(char c)
{
	return c != '\0' && strchr(" \t\n\r\f", c) != NULL;
}

static const char *skip_spaces(const char *at)
{
	while (is_space(*at))
		at++;
	return at;
}

/* Behind the closing quote; NULL: there is none, or no room. */
static const char *read_quoted(const char *at, char *name)
{
	unsigned size = 0;

	for (at++; *at && !(at[0] == '"' && at[1] != '"'); at++) {
		if (size == SEARCH_PATH_NAME_BYTES - 1)
			return NULL;
		name[size++] = *at;
		at += *at == '"';
	}
	name[size] = '\0';
	return *at ? at + 1 : NULL;
}

/* Anything up to a comma or a space, folded. */
static const char *read_plain(const char *at, char *name)
{
	unsigned size = 0;

	for (; *at && *at != ',' && !is_space(*at); at++) {
		if (size == SEARCH_PATH_NAME_BYTES - 1)
			return NULL;
		name[size++] = fold_letter(*at);
	}
	name[size] = '\0';
	return size > 0 ? at : NULL;
}

static bool is_ascii(const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name >= 0x80)
			return false;
	return true;
}

static bool has_schema(const struct search_path *path, const char *name)
{
	for (unsigned i = 0; i < path->count; i++)
		if (strcmp(search_path_schema(path, i), name) == 0)
			return true;
	return false;
}

static bool add_schema(struct search_path *path, const char *name)
{
	size_t size = strlen(name) + 1;

	/* "" is what an empty path is written as. */
	if (name[0] == '\0' || has_schema(path, name))
		return true;
	if (path->count == SEARCH_PATH_SCHEMAS || size > SEARCH_PATH_BYTES - path->used)
		return false;
	path->starts[path->count++] = (uint16_t)path->used;
	memcpy(path->text + path->used, name, size);
	path->used += (unsigned)size;
	return true;
}

void search_path_init(struct search_path *path)
{
	path->count = path->used = 0;
	add_schema(path, "pg_catalog");
}

static bool add_name(struct search_path *path, const char *name, const char *user)
{
	if (strcmp(name, "$user") == 0)
		name = user;
	return name && is_ascii(name) && strncmp(name, "pg_temp", strlen("pg_temp")) != 0 &&
	       add_schema(path, name);
}

bool search_path_add(struct search_path *path, const char *value, const char *user)
{
	const char *at = skip_spaces(value);
	char name[SEARCH_PATH_NAME_BYTES];

	if (*at == '\0')
		return true;
	for (;;) {
		at = *at == '"' ? read_quoted(at, name) : read_plain(at, name);
		if (!at || !add_name(path, name, user))
			return false;
		at = skip_spaces(at);
		if (*at == '\0')
			return true;
		if (*at != ',')
			return false;
		at = skip_spaces(at + 1);
	}
}
