/*
 * The search_path that a connection begins with: what ALTER ROLE, ALTER DATABASE
 * and the configuration of the server give a user in one database.  Built by one
 * thread, with a volatility snapshot, then only read.
 *
 * A pooled connection keeps what it began with, whatever is altered later.  So
 * start_paths_keep remembers: a user's path is then all that it may be.
 */
#ifndef PGWEIR_SQL_START_PATH_H
#define PGWEIR_SQL_START_PATH_H

#include "sql/search_path.h"

/* The more special wins: PostgreSQL's order. */
enum start_level {
	START_ROLE_IN_DATABASE,
	START_ROLE,
	START_DATABASE,
	START_ALL_ROLES,
	START_SERVER,
	START_LEVEL_COUNT
};

struct start_paths;

struct start_paths *start_paths_create(void);
void start_paths_destroy(struct start_paths *starts);

/* The setting of a level: `role` for the levels of roles, else "".  A path that no level
 * tells is not known. */
void start_paths_add(struct start_paths *starts, enum start_level level, const char *role,
		     const char *path);
/* The level sets "role", so that it is not the user who logs in that begins. */
void start_paths_add_role(struct start_paths *starts, enum start_level level, const char *role);
/* Connections from before the change may still be in use.  Last, when all is added. */
void start_paths_keep(struct start_paths *starts, const struct start_paths *before);

/* What a session is known to have set since its beginning. */
struct path_wish {
	const char *login; /* who logged in */
	const char *user; /* SET SESSION AUTHORIZATION or ROLE; NULL: neither */
	const char *path; /* SET search_path; NULL: not set */
};

/* Where the session's names are looked up.  False: that is not known. */
bool start_paths_resolve(const struct start_paths *starts, const struct path_wish *wish,
			 struct search_path *path);

#endif
