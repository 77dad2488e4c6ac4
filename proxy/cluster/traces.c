/*
 * The graph of traces.h.  A body uses what its words name, in whatever schema;
 * what uses something that leaves a trace leaves it too.  Linear in the bodies'
 * bytes and in the uses.
 *
 * Invariant: what has a trace is in `todo`, or its users have that trace too.
 */
#include "cluster/traces.h"

#include "base/ensure.h"
#include "base/span.h"
#include "sql/body.h"

#include <stdlib.h>

#define uthash_malloc(size) memory_get(size)
#include <uthash.h>
#include <utlist.h>

struct object;

/* Who uses an object. */
struct user {
	struct object *object;
	struct user *next;
};

struct object {
	UT_hash_handle hh; /* by id */
	const char *id, *schema, *name, *body; /* borrowed; NULL: not told */
	bool is_sql; /* the body */
	enum pin_reason trace;
	bool is_todo;
	struct user *users;
	struct object *next_of_name; /* another that bears it */
	struct object *next_todo;
};

/* All objects of one name. */
struct bearers {
	UT_hash_handle hh;
	const char *name; /* in lower case, owned */
	struct object *first;
	const struct object *last_user; /* whose body was the last to name it */
};

struct traces {
	struct object *objects;
	struct bearers *names;
	struct object *todo; /* got a trace, their users not yet */
	struct object *reading; /* whose body is read now */
};

struct traces *traces_create(void)
{
	return memory_get_zeroed(sizeof(struct traces));
}

static void free_objects(struct traces *t)
{
	struct object *o, *following;
	struct user *u, *next;

	HASH_ITER(hh, t->objects, o, following) {
		HASH_DEL(t->objects, o);
		LL_FOREACH_SAFE(o->users, u, next)
			free(u);
		free(o);
	}
}

void traces_destroy(struct traces *t)
{
	struct bearers *b, *following;

	HASH_ITER(hh, t->names, b, following) {
		HASH_DEL(t->names, b);
		free((char *)b->name);
		free(b);
	}
	free_objects(t);
	free(t);
}

static struct object *get_object(struct traces *t, const char *id)
{
	struct object *o;

	HASH_FIND_STR(t->objects, id, o);
	if (o)
		return o;
	o = memory_get_zeroed(sizeof(*o));
	o->id = id;
	HASH_ADD_KEYPTR(hh, t->objects, o->id, strlen(o->id), o);
	return o;
}

void traces_add_body(struct traces *t, const char *object, const char *body, bool is_sql)
{
	struct object *o = get_object(t, object);

	o->body = body;
	o->is_sql = is_sql;
}

static struct bearers *find_bearers(const struct traces *t, struct span name)
{
	struct bearers *b;

	HASH_FIND(hh, t->names, name.data, name.size, b);
	return b;
}

/* Bodies name it in whatever case, with quotes or without. */
static char *fold_name(const char *name)
{
	char *folded = memory_copy_text(name);

	for (char *c = folded; *c; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
	return folded;
}

static struct bearers *get_bearers(struct traces *t, const char *name)
{
	char *folded = fold_name(name);
	struct bearers *b = find_bearers(t, span_of(folded));

	if (b) {
		free(folded);
		return b;
	}
	b = memory_get_zeroed(sizeof(*b));
	b->name = folded;
	HASH_ADD_KEYPTR(hh, t->names, b->name, strlen(b->name), b);
	return b;
}

static bool can_be_named(const struct object *o)
{
	return o->id[0] == 'f' || o->id[0] == 'r' || o->id[0] == 'w';
}

void traces_add_name(struct traces *t, const char *object, const char *schema,
		     const char *name)
{
	struct object *o = get_object(t, object);
	struct bearers *b;

	if (o->name)
		return;
	o->schema = schema;
	o->name = name;
	if (!can_be_named(o))
		return;
	b = get_bearers(t, name);
	LL_PREPEND2(b->first, o, next_of_name);
}

static void add_user(struct object *used, struct object *by)
{
	struct user *u = memory_get_zeroed(sizeof(*u));

	u->object = by;
	LL_PREPEND(used->users, u);
}

void traces_add_use(struct traces *t, const char *object, const char *used)
{
	add_user(get_object(t, used), get_object(t, object));
}

/* ---- bodies ---- */

static void on_word(void *context, struct span word)
{
	struct traces *t = context;
	struct bearers *b = find_bearers(t, word);
	struct object *o;

	if (!b || b->last_user == t->reading)
		return;
	b->last_user = t->reading;
	LL_FOREACH2(b->first, o, next_of_name)
		add_user(o, t->reading);
}

static void give_trace(struct traces *t, struct object *o, enum pin_reason trace)
{
	bool is_worse = o->trace == PIN_NONE || trace == PIN_UNRESETTABLE;

	if (trace == PIN_NONE || o->trace == trace || !is_worse)
		return;
	o->trace = trace;
	if (o->is_todo)
		return;
	o->is_todo = true;
	LL_PREPEND2(t->todo, o, next_todo);
}

static void read_bodies(struct traces *t)
{
	struct object *o, *following;

	HASH_ITER(hh, t->objects, o, following) {
		if (!o->body)
			continue;
		t->reading = o;
		give_trace(t, o, body_read(span_of(o->body), o->is_sql, on_word, t));
	}
}

/* ---- whatever reaches them ---- */

static void spread(struct traces *t)
{
	while (t->todo) {
		struct object *o = t->todo;
		struct user *u;

		LL_DELETE2(t->todo, o, next_todo);
		o->is_todo = false;
		LL_FOREACH(o->users, u)
			give_trace(t, u->object, o->trace);
	}
}

static void tell(const struct object *o, struct volatility *v)
{
	switch (o->id[0]) {
	case 'f':
		volatility_mark_function(v, o->schema, o->name, o->trace);
		break;
	case 'o':
		volatility_mark_operator(v, o->schema, o->name, o->trace);
		break;
	case 't':
		volatility_mark_type(v, o->schema, o->name, o->trace);
		break;
	case 'r':
	case 'w':
		volatility_mark_relation(v, o->schema, o->name, o->trace, o->id[0] == 'w');
		break;
	default: /* of a column: its relation tells */
		break;
	}
}

void traces_tell(struct traces *t, struct volatility *v)
{
	struct object *o, *following;

	read_bodies(t);
	spread(t);
	HASH_ITER(hh, t->objects, o, following)
		if (o->name && o->trace != PIN_NONE)
			tell(o, v);
}
