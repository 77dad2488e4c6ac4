/*
 * Sets of session settings (settings.h).  A set is built by one thread, then
 * never changes.  Its names are sorted, so that two sets are compared side by side.
 */
#define XXH_INLINE_ALL /* libpg_query exports XXH names of its own */
#include "server/settings.h"

#include "base/ensure.h"
#include "sql/lexer.h"
#include "wire/extended.h"
#include "wire/frame.h"
#include "wire/write.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <xxhash.h>

struct setting {
	char *name, *value; /* owned by a set; in a change: borrowed, NULL is the default */
};

struct settings {
	atomic_int references;
	int count;
	size_t size; /* bytes of all names and values */
	struct setting *all; /* owned */
};

/* --- building --- */

static char *copy_span(struct span text)
{
	char *copy = memory_get(text.size + 1);

	memcpy(copy, text.data, text.size);
	copy[text.size] = '\0';
	return copy;
}

static struct settings *create(void)
{
	struct settings *s = memory_get_zeroed(sizeof *s);

	atomic_init(&s->references, 1);
	return s;
}

/* Where the name is, or would be. */
static int place_of(const struct settings *s, const char *name, bool *is_there)
{
	int i = 0;

	*is_there = false;
	while (s && i < s->count) {
		int order = strcasecmp(s->all[i].name, name);

		*is_there = order == 0;
		if (order >= 0)
			return i;
		i++;
	}
	return i;
}

static void insert(struct settings *s, int place, char *name, char *value)
{
	s->all = memory_resize(s->all, (size_t)(s->count + 1) * sizeof *s->all);
	memmove(&s->all[place + 1], &s->all[place], (size_t)(s->count - place) * sizeof *s->all);
	s->all[place] = (struct setting){ name, value };
	s->count++;
}

static void replace_value(struct settings *s, int place, char *value)
{
	s->size -= strlen(s->all[place].value);
	free(s->all[place].value);
	s->all[place].value = value;
}

bool settings_add(struct settings **building, struct span name, struct span value)
{
	struct settings *s = *building ? *building : (*building = create());
	char *name_copy = copy_span(name);
	bool is_there;
	int place = place_of(s, name_copy, &is_there);
	size_t more = is_there ? value.size : name.size + value.size;

	if (more > SETTINGS_MAX_BYTES - s->size || (!is_there && s->count == SETTINGS_MAX)) {
		free(name_copy);
		return false;
	}
	s->size += more;
	if (is_there) {
		free(name_copy);
		replace_value(s, place, copy_span(value));
	} else {
		insert(s, place, name_copy, copy_span(value));
	}
	return true;
}

void settings_remove(struct settings **building, const char *name)
{
	struct settings *s = *building;
	bool is_there;
	int place = place_of(s, name, &is_there);

	if (!is_there)
		return;
	s->size -= strlen(s->all[place].name) + strlen(s->all[place].value);
	free(s->all[place].name);
	free(s->all[place].value);
	s->count--;
	memmove(&s->all[place], &s->all[place + 1], (size_t)(s->count - place) * sizeof *s->all);
	if (s->count > 0)
		return;
	settings_drop(s);
	*building = NULL;
}

struct settings *settings_copy(const struct settings *s)
{
	struct settings *copy = s ? create() : NULL;

	for (int i = 0; s && i < s->count; i++)
		insert(copy, i, copy_span(span_of(s->all[i].name)),
		       copy_span(span_of(s->all[i].value)));
	if (copy)
		copy->size = s->size;
	return copy;
}

/* --- having --- */

struct settings *settings_hold(struct settings *s)
{
	if (s)
		atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
	return s;
}

void settings_drop(struct settings *s)
{
	if (!s || atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) > 1)
		return;
	for (int i = 0; i < s->count; i++) {
		free(s->all[i].name);
		free(s->all[i].value);
	}
	free(s->all);
	free(s);
}

bool settings_equal(const struct settings *a, const struct settings *b)
{
	if (a == b)
		return true;
	if (!a || !b || a->count != b->count || a->size != b->size)
		return false;
	for (int i = 0; i < a->count; i++) {
		if (strcasecmp(a->all[i].name, b->all[i].name) != 0 ||
		    strcmp(a->all[i].value, b->all[i].value) != 0)
			return false;
	}
	return true;
}

const char *settings_find(const struct settings *s, const char *name)
{
	bool is_there;
	int place = place_of(s, name, &is_there);

	return is_there ? s->all[place].value : NULL;
}

bool settings_at(const struct settings *s, int i, const char **name, const char **value)
{
	if (!s || i >= s->count)
		return false;
	*name = s->all[i].name;
	*value = s->all[i].value;
	return true;
}

/* Settings of an application's own have a dot in their names; the others here tell
 * how a statement runs, not what it is. */
static bool counts(const char *name)
{
	static const char *const not[] = {
		"application_name", "client_min_messages", "deadlock_timeout",
		"extra_float_digits", "idle_in_transaction_session_timeout",
		"idle_session_timeout", "lock_timeout", "log_min_duration_statement",
		"statement_timeout", "synchronous_commit", "work_mem",
	};

	for (size_t i = 0; i < sizeof not / sizeof *not; i++)
		if (strcasecmp(name, not[i]) == 0)
			return false;
	return !strchr(name, '.');
}

uint64_t settings_digest(const struct settings *s)
{
	uint64_t digest = 0;

	for (int i = 0; s && i < s->count; i++) {
		const char *value = s->all[i].value;

		if (!counts(s->all[i].name))
			continue;
		for (const char *c = s->all[i].name; *c; c++)
			digest = XXH3_64bits_withSeed(&folded_letters[(unsigned char)*c], 1,
						      digest);
		digest = XXH3_64bits_withSeed(value, strlen(value) + 1, digest);
	}
	return digest;
}

/* --- from one set to another --- */

/* In the order in which they are to be set. */
struct change {
	struct setting all[2 * SETTINGS_MAX + 4];
	int count;
};

/* Values are read in the encoding that is in force when their Bind comes in, so the
 * encoding has a group of its own, the first. */
static bool is_encoding(const char *name)
{
	return strcasecmp(name, "client_encoding") == 0;
}

/* Who one is: what others may be set depends on it. */
static const char *const identities[] = { "session_authorization", "role" };

static bool is_identity(const char *name)
{
	return strcasecmp(name, identities[0]) == 0 || strcasecmp(name, identities[1]) == 0;
}

static void add(struct change *c, const char *name, const char *value)
{
	ensure(c->count < 2 * SETTINGS_MAX + 4);
	c->all[c->count++] = (struct setting){ (char *)name, (char *)value };
}

static bool is_wanted(const char *name, bool of_encoding)
{
	return is_encoding(name) == of_encoding && !is_identity(name);
}

static void add_differences(struct change *c, const struct settings *from,
			    const struct settings *to, bool of_encoding)
{
	for (int i = 0; from && i < from->count; i++) {
		const char *name = from->all[i].name;

		if (is_wanted(name, of_encoding) && !settings_find(to, name))
			add(c, name, NULL);
	}
	for (int i = 0; to && i < to->count; i++) {
		const char *name = to->all[i].name, *value = to->all[i].value;
		const char *before = settings_find(from, name);

		if (is_wanted(name, of_encoding) && !(before && strcmp(before, value) == 0))
			add(c, name, value);
	}
}

/* Back to the user who logged in, for whom everything else was set. */
static void add_identity_end(struct change *c, const struct settings *from)
{
	for (int i = 0; i < 2; i++)
		if (settings_find(from, identities[i]))
			add(c, identities[i], NULL);
}

static void add_identity(struct change *c, const struct settings *to)
{
	for (int i = 0; i < 2; i++) {
		const char *value = settings_find(to, identities[i]);

		if (value)
			add(c, identities[i], value);
	}
}

static void write_parse(struct buf *out, int count)
{
	char query[(2 * SETTINGS_MAX + 4) * 64];
	size_t used = (size_t)snprintf(query, sizeof query, "SELECT ");

	for (int i = 0; i < count; i++) {
		used += (size_t)snprintf(query + used, sizeof query - used,
					 "%spg_catalog.set_config($%d,$%d,false)", i ? "," : "",
					 2 * i + 1, 2 * i + 2);
		ensure(used < sizeof query);
	}
	parse_message_write(out, span_of(""), span_of(query), span_make("\0\0", 2));
}

/* Parse, Bind, Execute, all unnamed; nothing to change: nothing. */
static int write_group(struct buf *out, const struct change *c)
{
	size_t begun;

	if (c->count == 0)
		return 0;
	write_parse(out, c->count);
	begun = bind_message_begin(out, c->count * 2);
	for (int i = 0; i < c->count; i++) {
		bind_message_text(out, c->all[i].name);
		bind_message_text(out, c->all[i].value);
	}
	bind_message_end(out, begun);
	execute_message_write(out);
	return 1;
}

int settings_write_change(struct buf *out, const struct settings *from, const struct settings *to)
{
	struct change encoding = { .count = 0 }, others = { .count = 0 };
	int groups;

	if (settings_equal(from, to))
		return 0;
	add_identity_end(&others, from);
	add_differences(&encoding, from, to, true);
	add_differences(&others, from, to, false);
	add_identity(&others, to);
	groups = write_group(out, &encoding);
	groups += write_group(out, &others);
	if (groups > 0)
		write_empty(out, CLIENT_SYNC);
	return groups;
}
