/*
 * The prepared statements of a worker (statement.h).
 */
#define XXH_INLINE_ALL /* libpg_query exports XXH names of its own */
#include "server/statement.h"

#include "base/ensure.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

void statements_init(struct statements *all, uint64_t seed)
{
	*all = (struct statements){ .seed = seed };
}

void statements_finish(struct statements *all)
{
	ensure(!all->by_id);
}

static struct statement_id id_of(const struct statements *all, struct span text, struct span types)
{
	XXH128_hash_t of_text = XXH3_128bits_withSeed(text.data, text.size, all->seed);
	XXH128_hash_t of_types =
		XXH3_128bits_withSeed(types.data, types.size, all->seed ^ of_text.low64);

	return (struct statement_id){ of_text.high64 ^ of_types.high64,
				      of_text.low64 ^ of_types.low64 };
}

static struct statement *create(struct statements *all, struct statement_id id, struct span text,
				struct span types, struct known_query *query)
{
	struct statement *s = memory_get_zeroed(sizeof *s + text.size + types.size);

	s->id = id;
	s->references = 1;
	s->owner = all;
	s->query = known_query_hold(query);
	snprintf(s->name, sizeof s->name, "pgweir_%016" PRIx64 "%016" PRIx64, id.high, id.low);
	HASH_ADD(hh, all->by_id, id, sizeof s->id, s);
	return s;
}

static bool is_same(const struct statement *s, struct span text, struct span types)
{
	return span_equal(s->text, text) && span_equal(s->types, types);
}

struct statement *statement_get(struct statements *all, struct span text, struct span types,
				struct known_query *query)
{
	struct statement_id id = id_of(all, text, types);
	struct statement *s;

	/* Two texts with one hash: the next free number is the second's. */
	for (;; id.low++) {
		HASH_FIND(hh, all->by_id, &id, sizeof id, s);
		if (!s)
			break;
		if (is_same(s, text, types))
			return statement_hold(s);
	}
	s = create(all, id, text, types, query);
	memcpy(s->bytes, text.data, text.size);
	memcpy(s->bytes + text.size, types.data, types.size);
	s->text = span_make(s->bytes, text.size);
	s->types = span_make(s->bytes + text.size, types.size);
	return s;
}

struct statement *statement_get_nameless(struct statements *all, struct known_query *query)
{
	struct statement_id id = { all->seed, ++all->nameless_count };

	return create(all, id, span_make(NULL, 0), span_make(NULL, 0), query);
}

struct statement *statement_hold(struct statement *s)
{
	if (s)
		s->references++;
	return s;
}

void statement_drop(struct statement *s)
{
	if (!s || --s->references > 0)
		return;
	ensure(s->references == 0);
	HASH_DEL(s->owner->by_id, s);
	known_query_drop(s->query);
	free(s);
}
