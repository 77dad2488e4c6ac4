/*
 * Names of prepared statements (prepared.h).
 */
#include "client/prepared.h"

#include "base/ensure.h"

#include <stdlib.h>

struct session_name {
	UT_hash_handle hh;
	struct statement *statement; /* held */
	uint64_t epoch; /* when it was parsed */
	size_t size;
	char name[];
};

/* PostgreSQL cuts names so. */
enum { NAME_BYTES = 63 };

static struct span cut(struct span name)
{
	return span_first(name, name.size < NAME_BYTES ? name.size : NAME_BYTES);
}

/* Changes of the unnamed statement do not wait for each other, so that pipelines
 * flow: each makes a version, and is only taken back while that is the newest. */
struct prepared_undo {
	struct statement *before; /* held; NULL: the name meant nothing */
	uint64_t version_before, version_after; /* of the unnamed statement */
	size_t size;
	char name[];
};

static struct session_name *find_name(const struct session *s, struct span name)
{
	struct session_name *n;

	name = cut(name);
	HASH_FIND(hh, s->names, name.data, name.size, n);
	return n;
}

struct statement *prepared_find(const struct session *s, struct span name)
{
	struct session_name *n;

	if (name.size == 0)
		return s->unnamed;
	n = find_name(s, name);
	return n ? n->statement : NULL;
}

uint64_t prepared_epoch(const struct session *s, struct span name)
{
	const struct session_name *n = find_name(s, name);

	return n ? n->epoch : 0;
}

void prepared_renew(struct session *s, const struct statement *st)
{
	for (struct session_name *n = s->names; n; n = n->hh.next)
		if (n->statement == st)
			n->epoch = statements_epoch(st->owner);
}

bool prepared_next(const struct session *s, struct prepared_cursor *at)
{
	struct session_name *n = at->has_begun ? at->next : s->names;

	at->has_begun = true;
	if (!n)
		return false;
	at->name = span_make(n->name, n->size);
	at->statement = n->statement;
	at->next = n->hh.next;
	return true;
}

struct span prepared_name_of(const struct session *s, const struct statement *st)
{
	struct session_name *n;

	for (n = s->names; n; n = n->hh.next)
		if (n->statement == st)
			return span_make(n->name, n->size);
	return span_make("", 0);
}

static void remove_name(struct session *s, struct session_name *n)
{
	HASH_DEL(s->names, n);
	statement_drop(n->statement);
	free(n);
}

static void set_named(struct session *s, struct span name, struct statement *st)
{
	struct session_name *n = find_name(s, name);

	statement_hold(st);
	if (n)
		remove_name(s, n);
	if (!st)
		return;
	name = cut(name);
	n = memory_get_zeroed(sizeof *n + name.size);
	n->statement = st;
	n->epoch = statements_epoch(st->owner);
	n->size = name.size;
	memcpy(n->name, name.data, name.size);
	HASH_ADD_KEYPTR(hh, s->names, n->name, n->size, n);
}

static void set(struct session *s, struct span name, struct statement *st)
{
	if (name.size > 0) {
		set_named(s, name, st);
		return;
	}
	statement_hold(st);
	statement_drop(s->unnamed);
	s->unnamed = st;
}

struct prepared_undo *prepared_set(struct session *s, struct span name, struct statement *st)
{
	struct prepared_undo *undo = memory_get(sizeof *undo + name.size);

	undo->before = statement_hold(prepared_find(s, name));
	undo->size = name.size;
	memcpy(undo->name, name.data, name.size);
	set(s, name, st);
	undo->version_before = s->unnamed_version;
	if (name.size == 0)
		s->unnamed_version = ++s->unnamed_changes;
	undo->version_after = s->unnamed_version;
	return undo;
}

void prepared_undo(struct session *s, struct prepared_undo *undo)
{
	bool is_newest = undo->size > 0 || s->unnamed_version == undo->version_after;

	if (is_newest)
		set(s, span_make(undo->name, undo->size), undo->before);
	if (is_newest && undo->size == 0)
		s->unnamed_version = undo->version_before;
	prepared_undo_forget(undo);
}

bool prepared_depends_on(const struct request *r)
{
	const struct prepared_undo *undo = r->undo;

	return r->is_learnt || (undo && (undo->size > 0 || r->kind == REQUEST_QUERY));
}

void prepared_settle(struct session *s, struct request *r, enum request_outcome outcome)
{
	struct prepared_undo *undo = r->undo;

	s->names_due -= prepared_depends_on(r);
	r->undo = NULL;
	if (!undo)
		return;
	if (outcome == REQUEST_DONE) {
		prepared_undo_forget(undo);
	} else if (outcome == REQUEST_FAILED && undo->size == 0) {
		/* PostgreSQL drops the unnamed statement before it looks at the
		 * new one, or at the Query. */
		if (s->unnamed_version == undo->version_after)
			set(s, span_make("", 0), NULL);
		prepared_undo_forget(undo);
	} else {
		prepared_undo(s, undo);
	}
}

void prepared_undo_forget(struct prepared_undo *undo)
{
	statement_drop(undo->before);
	free(undo);
}

bool prepared_is_full(const struct session *s)
{
	return HASH_COUNT(s->names) >= PREPARED_NAMES_MAX;
}

void prepared_forget_all(struct session *s)
{
	struct session_name *n, *next;

	HASH_ITER(hh, s->names, n, next)
		remove_name(s, n);
	statement_drop(s->unnamed);
	s->unnamed = NULL;
}
