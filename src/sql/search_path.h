/*
 * The schemas that unqualified names are looked up in: a setting search_path,
 * resolved.  Which of them have a name is the catalogue's (volatility.h).
 *
 * Their order is not kept to: a judgement takes the worst of all of them.  For
 * functions and operators it must, since PostgreSQL takes the overload that fits
 * best from any schema of the path.  For relations and types the first would do,
 * but a schema may be hidden by missing rights, and then the next one counts.
 */
#ifndef PGWEIR_SQL_SEARCH_PATH_H
#define PGWEIR_SQL_SEARCH_PATH_H

#include <stdbool.h>
#include <stdint.h>

enum { SEARCH_PATH_SCHEMAS = 32, SEARCH_PATH_BYTES = 1024, SEARCH_PATH_NAME_BYTES = 64 };

struct search_path {
	unsigned count, used; /* schemas; bytes of `text` */
	uint16_t starts[SEARCH_PATH_SCHEMAS]; /* of each, in `text` */
	char text[SEARCH_PATH_BYTES];
};

static inline const char *search_path_schema(const struct search_path *path, unsigned i)
{
	return path->text + path->starts[i];
}

/* pg_catalog alone: it is always there. */
void search_path_init(struct search_path *path);

/* Adds the schemas of a value of the setting: identifiers as PostgreSQL splits them,
 * "$user" being `user` (NULL: not known).  Called again, the path is both.  False, and
 * the path of no use, when it cannot be said what the value means here: it is not
 * well formed, too long, not ASCII (whose encoding?), or has temporary schemas. */
bool search_path_add(struct search_path *path, const char *value, const char *user);

#endif
