/*
 * The draft of draft.h.  Names are sorted, so equal statements give equal
 * verdicts.  The text that is classified bounds how many there are.
 */
#include "sql/draft.h"

#include "base/ensure.h"

#include <stdlib.h>

void draft_init(struct draft *d)
{
	memset(d, 0, sizeof(*d));
	arena_init(&d->arena);
}

void draft_add(struct names *names, const char *name)
{
	if (names->count == names->capacity) {
		names->capacity = names->capacity ? 2 * names->capacity : 8;
		names->items = memory_resize(names->items, names->capacity * sizeof(char *));
	}
	names->items[names->count++] = name;
}

void draft_remove(struct names *names, const char *name)
{
	size_t i, kept = 0;

	for (i = 0; i < names->count; i++)
		if (strcmp(names->items[i], name) != 0)
			names->items[kept++] = names->items[i];
	names->count = kept;
}

void draft_add_qualified(struct draft *d, struct names *names, const char *schema,
			 const char *name)
{
	size_t schema_size = schema ? strlen(schema) : 0, name_size = strlen(name);
	char *both;

	if (schema_size == 0) {
		draft_add(names, name);
		return;
	}
	both = arena_get(&d->arena, schema_size + 1 + name_size + 1);
	memcpy(both, schema, schema_size);
	both[schema_size] = '.';
	memcpy(both + schema_size + 1, name, name_size + 1);
	draft_add(names, both);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void drop_duplicates(struct names *names)
{
	size_t i, kept = 0;

	if (names->count == 0)
		return;
	qsort(names->items, names->count, sizeof(char *), compare_names);
	for (i = 0; i < names->count; i++)
		if (i == 0 || strcmp(names->items[i], names->items[kept - 1]) != 0)
			names->items[kept++] = names->items[i];
	names->count = kept;
}

static size_t measure_names(const struct names *names)
{
	size_t i, size = names->count * sizeof(char *);

	for (i = 0; i < names->count; i++)
		size += strlen(names->items[i]) + 1;
	return size;
}

/* Where the next array of pointers and the next text go. */
struct place {
	const char **items;
	char *text;
};

static const char *const *place_names(struct place *p, const struct names *names,
				      uint16_t *count)
{
	const char **first = p->items;
	size_t i;

	ensure(names->count <= UINT16_MAX);
	*count = (uint16_t)names->count;
	for (i = 0; i < names->count; i++) {
		size_t size = strlen(names->items[i]) + 1;

		memcpy(p->text, names->items[i], size);
		*p->items++ = p->text;
		p->text += size;
	}
	return first;
}

static const char *place_text(struct place *p, const char *text)
{
	char *copy = p->text;

	if (!text)
		return NULL;
	p->text = stpcpy(copy, text) + 1;
	return copy;
}

static struct verdict *pack(const struct draft *d)
{
	size_t pointers = d->functions.count + d->operators.count + d->relations.count +
			  d->written.count + d->types.count + d->attributes.count +
			  d->settings.count + d->sets.count + d->deallocated.count;
	size_t size = sizeof(struct verdict) + measure_names(&d->functions) +
		      measure_names(&d->operators) + measure_names(&d->relations) +
		      measure_names(&d->written) + measure_names(&d->types) +
		      measure_names(&d->attributes) + measure_names(&d->settings) +
		      measure_names(&d->sets) +
		      measure_names(&d->deallocated) +
		      (d->verdict.deallocates ? strlen(d->verdict.deallocates) + 1 : 0);
	struct verdict *v = memory_get(size);
	struct place p = { .items = (const char **)(v + 1) };

	*v = d->verdict;
	p.text = (char *)(p.items + pointers);
	v->functions = place_names(&p, &d->functions, &v->function_count);
	v->operators = place_names(&p, &d->operators, &v->operator_count);
	v->relations = place_names(&p, &d->relations, &v->relation_count);
	v->written = place_names(&p, &d->written, &v->written_count);
	v->types = place_names(&p, &d->types, &v->type_count);
	v->attributes = place_names(&p, &d->attributes, &v->attribute_count);
	v->settings = place_names(&p, &d->settings, &v->setting_count);
	v->sets = place_names(&p, &d->sets, &v->set_count);
	v->deallocated = place_names(&p, &d->deallocated, &v->deallocated_count);
	v->deallocates = place_text(&p, d->verdict.deallocates);
	v->size_bytes = (uint32_t)size;
	return v;
}

struct verdict *draft_finish(struct draft *d)
{
	struct names *all[] = { &d->functions, &d->operators, &d->relations, &d->written,
				&d->types, &d->attributes, &d->settings, &d->sets,
				&d->deallocated };
	struct verdict *v;
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		drop_duplicates(all[i]);
	v = pack(d);
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		free(all[i]->items);
	arena_finish(&d->arena);
	return v;
}
