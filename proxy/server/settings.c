/*
 * Sets of session settings (settings.h).  A set is built by one thread, then
 * never changes.
 */
#include "server/settings.h"

#include "base/ensure.h"
#include "wire/extended.h"
#include "wire/frame.h"
#include "wire/write.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

struct setting {
	char *name, *value; /* owned */
};

struct settings {
	atomic_int references;
	int count;
	size_t size; /* bytes of all names and values */
	struct setting all[SETTINGS_MAX];
};

static char *copy_span(struct span text)
{
	char *copy = memory_get(text.size + 1);

	memcpy(copy, text.data, text.size);
	copy[text.size] = '\0';
	return copy;
}

static struct setting *find(struct settings *s, const char *name)
{
	for (int i = 0; i < s->count; i++) {
		if (strcasecmp(s->all[i].name, name) == 0)
			return &s->all[i];
	}
	return NULL;
}

bool settings_add(struct settings **building, struct span name, struct span value)
{
	struct settings *s = *building;
	struct setting *place;
	char *name_copy;

	if (!s) {
		s = *building = memory_get_zeroed(sizeof *s);
		atomic_init(&s->references, 1);
	}
	if (name.size + value.size > SETTINGS_MAX_BYTES - s->size)
		return false;
	s->size += name.size + value.size;
	name_copy = copy_span(name);
	place = find(s, name_copy);
	if (place) {
		free(name_copy);
		free(place->value);
		place->value = copy_span(value);
		return true;
	}
	if (s->count == SETTINGS_MAX) {
		free(name_copy);
		return false;
	}
	s->all[s->count++] = (struct setting){ name_copy, copy_span(value) };
	return true;
}

const char *settings_find(const struct settings *s, const char *name)
{
	const struct setting *found = s ? find((struct settings *)(uintptr_t)s, name) : NULL;

	return found ? found->value : NULL;
}

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
	free(s);
}

bool settings_equal(const struct settings *a, const struct settings *b)
{
	if (a == b)
		return true;
	if (!a || !b || a->count != b->count)
		return false;
	for (int i = 0; i < a->count; i++) {
		if (strcasecmp(a->all[i].name, b->all[i].name) != 0 ||
		    strcmp(a->all[i].value, b->all[i].value) != 0)
			return false;
	}
	return true;
}

/* Parse, Bind with these texts as parameters, Execute: all unnamed. */
static void write_group(struct buf *out, const char *query, const struct settings *values)
{
	size_t begun;

	parse_message_write(out, span_of(""), span_of(query), span_make("\0\0", 2));
	begun = write_begin(out, CLIENT_BIND);
	write_text(out, span_of(""));
	write_text(out, span_of(""));
	write_int16(out, 0);
	write_int16(out, (int16_t)(values ? values->count * 2 : 0));
	for (int i = 0; values && i < values->count; i++) {
		write_int32(out, (int32_t)strlen(values->all[i].name));
		write_bytes(out, span_of(values->all[i].name));
		write_int32(out, (int32_t)strlen(values->all[i].value));
		write_bytes(out, span_of(values->all[i].value));
	}
	write_int16(out, 0);
	write_end(out, begun);
	begun = write_begin(out, CLIENT_EXECUTE);
	write_text(out, span_of(""));
	write_int32(out, 0);
	write_end(out, begun);
}

static void write_set_group(struct buf *out, const struct settings *to)
{
	char query[SETTINGS_MAX * 64];
	size_t used = (size_t)snprintf(query, sizeof query, "SELECT ");

	for (int i = 0; i < to->count; i++) {
		used += (size_t)snprintf(query + used, sizeof query - used,
					 "%spg_catalog.set_config($%d,$%d,false)", i ? "," : "",
					 2 * i + 1, 2 * i + 2);
		ensure(used < sizeof query);
	}
	write_group(out, query, to);
}

int settings_write_change(struct buf *out, const struct settings *from, const struct settings *to)
{
	int groups = 0;

	if (from) {
		write_group(out, "RESET ALL", NULL);
		groups++;
	}
	if (to) {
		write_set_group(out, to);
		groups++;
	}
	write_empty(out, CLIENT_SYNC);
	return groups;
}
