/*
 * The settings of start_path.h, by role.  Asks nobody and knows no schema.
 *
 * Invariant: what `past` of a role or of all has is in every path that it resolves to.
 */
#include "sql/start_path.h"

#include "base/ensure.h"
#include "base/span.h"

#include <stdlib.h>
#include <string.h>

#define uthash_malloc(size) memory_get(size)
#include <uthash.h>
#include <utlist.h>

/* Of more, none is told apart: the path is not known. */
enum { PAST_MAX = 16 };

/* A path that a connection may have begun with. */
struct past {
	struct past *next;
	char *path; /* owned; NULL: not known which */
};

/* The settings of one role, or of all: those of other levels are NULL. */
struct start {
	UT_hash_handle hh; /* by role; not of `all` */
	char *paths[START_LEVEL_COUNT]; /* owned */
	bool is_other_user; /* "role" is set */
	struct past *past;
	char role[];
};

struct start_paths {
	struct start *roles;
	struct start *all;
};

static struct start *create_start(const char *role)
{
	struct start *s = memory_get_zeroed(sizeof *s + strlen(role) + 1);

	memcpy(s->role, role, strlen(role) + 1);
	return s;
}

static void destroy_start(struct start *s)
{
	struct past *p, *next;

	for (int i = 0; i < START_LEVEL_COUNT; i++)
		free(s->paths[i]);
	LL_FOREACH_SAFE(s->past, p, next) {
		free(p->path);
		free(p);
	}
	free(s);
}

struct start_paths *start_paths_create(void)
{
	struct start_paths *starts = memory_get_zeroed(sizeof *starts);

	starts->all = create_start("");
	return starts;
}

void start_paths_destroy(struct start_paths *starts)
{
	struct start *s, *next;

	if (!starts)
		return;
	HASH_ITER(hh, starts->roles, s, next) {
		HASH_DEL(starts->roles, s);
		destroy_start(s);
	}
	destroy_start(starts->all);
	free(starts);
}

static struct start *find_start(const struct start_paths *starts, const char *role)
{
	struct start *s;

	HASH_FIND_STR(starts->roles, role, s);
	return s;
}

static struct start *get_start(struct start_paths *starts, const char *role)
{
	struct start *s = find_start(starts, role);

	if (s)
		return s;
	s = create_start(role);
	HASH_ADD_STR(starts->roles, role, s);
	return s;
}

static struct start *start_of(struct start_paths *starts, enum start_level level,
			      const char *role)
{
	return level <= START_ROLE ? get_start(starts, role) : starts->all;
}

void start_paths_add(struct start_paths *starts, enum start_level level, const char *role,
		     const char *path)
{
	struct start *s = start_of(starts, level, role);

	free(s->paths[level]);
	s->paths[level] = memory_copy_text(path);
}

void start_paths_add_role(struct start_paths *starts, enum start_level level, const char *role)
{
	start_of(starts, level, role)->is_other_user = true;
}

/* ---- what was before ---- */

/* NULL: not known. */
static const char *path_of(const struct start *s, const struct start *all)
{
	for (int i = 0; i < START_LEVEL_COUNT; i++) {
		const char *path = s && s->paths[i] ? s->paths[i] : all->paths[i];

		if (path)
			return path;
	}
	return NULL;
}

static bool is_same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static void add_past(struct start *s, const char *path)
{
	struct past *p;
	int count;

	LL_FOREACH(s->past, p)
		if (is_same(p->path, path))
			return;
	LL_COUNT(s->past, p, count);
	if (count == PAST_MAX)
		return;
	if (count == PAST_MAX - 1)
		path = NULL;
	p = memory_get_zeroed(sizeof *p);
	p->path = path ? memory_copy_text(path) : NULL;
	LL_PREPEND(s->past, p);
}

static void keep(struct start *s, const struct start *before, const char *path,
		 const char *path_before)
{
	const struct past *p;

	if (!is_same(path, path_before))
		add_past(s, path_before);
	if (!before)
		return;
	LL_FOREACH(before->past, p)
		add_past(s, p->path);
	s->is_other_user |= before->is_other_user;
}

void start_paths_keep(struct start_paths *starts, const struct start_paths *before)
{
	struct start *s, *next;

	keep(starts->all, before->all, path_of(NULL, starts->all), path_of(NULL, before->all));
	HASH_ITER(hh, before->roles, s, next)
		get_start(starts, s->role);
	HASH_ITER(hh, starts->roles, s, next) {
		const struct start *old = find_start(before, s->role);

		keep(s, old, path_of(s, starts->all), path_of(old, before->all));
	}
}

/* ---- what a session has ---- */

static bool add_all_past(struct search_path *path, const struct start *s, const char *user)
{
	const struct past *p;

	LL_FOREACH(s->past, p)
		if (!p->path || !search_path_add(path, p->path, user))
			return false;
	return true;
}

bool start_paths_resolve(const struct start_paths *starts, const struct path_wish *wish,
			 struct search_path *path)
{
	const struct start *s = find_start(starts, wish->login), *all = starts->all;
	bool is_other = all->is_other_user || (s && s->is_other_user);
	const char *user = wish->user ? wish->user : is_other ? NULL : wish->login;
	const char *value = wish->path ? wish->path : path_of(s, all);

	search_path_init(path);
	if (!value || !search_path_add(path, value, user))
		return false;
	return wish->path || (add_all_past(path, all, user) && (!s || add_all_past(path, s, user)));
}
