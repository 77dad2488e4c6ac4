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
	atomic_init(&all->own_epoch, 1);
	all->epoch = &all->own_epoch;
}

void statements_finish(struct statements *all)
{
	ensure(!all->by_id);
}

static uint64_t hash_scope(const struct statement_key *key, uint64_t seed)
{
	uint64_t database = XXH3_64bits_withSeed(key->database, strlen(key->database),
						 seed ^ key->settings);

	return XXH3_64bits_withSeed(key->user, strlen(key->user), database);
}

static struct statement_id id_of(const struct statements *all, const struct statement_key *key)
{
	uint64_t seed = hash_scope(key, all->seed);
	XXH128_hash_t of_text = XXH3_128bits_withSeed(key->text.data, key->text.size, seed);
	XXH128_hash_t of_types =
		XXH3_128bits_withSeed(key->types.data, key->types.size, seed ^ of_text.low64);

	return (struct statement_id){ of_text.high64 ^ of_types.high64,
				      of_text.low64 ^ of_types.low64 };
}

static struct statement *create(struct statements *all, struct statement_id id, size_t size,
				struct known_query *query)
{
	struct statement *s = memory_get_zeroed(sizeof *s + size);

	s->id = id;
	s->references = 1;
	s->owner = all;
	s->query = known_query_hold(query);
	snprintf(s->name, sizeof s->name, "pgweir_%016" PRIx64 "%016" PRIx64, id.high, id.low);
	HASH_ADD(hh, all->by_id, id, sizeof s->id, s);
	return s;
}

static bool is_same(const struct statement *s, const struct statement_key *key)
{
	return span_equal(s->text, key->text) && span_equal(s->types, key->types) &&
	       s->scope.data && s->settings == key->settings &&
	       strcmp(s->scope.data, key->database) == 0 &&
	       strcmp(s->scope.data + strlen(key->database) + 1, key->user) == 0;
}

/* Two keys with one hash: the next free number is the second's. */
static struct statement *look_up(struct statements *all, const struct statement_key *key,
				 struct statement_id *id)
{
	struct statement *s;

	for (*id = id_of(all, key);; id->low++) {
		HASH_FIND(hh, all->by_id, id, sizeof *id, s);
		if (!s || is_same(s, key))
			return s;
	}
}

struct statement *statement_find(struct statements *all, const struct statement_key *key)
{
	struct statement_id id;

	return look_up(all, key, &id);
}

static struct span append(char **at, const void *data, size_t size)
{
	struct span copy = span_make(*at, size);

	memcpy(*at, data, size);
	*at += size;
	return copy;
}

struct statement *statement_get(struct statements *all, const struct statement_key *key,
				struct known_query *query)
{
	size_t database = strlen(key->database) + 1, user = strlen(key->user) + 1;
	struct statement_id id;
	struct statement *s = look_up(all, key, &id);
	char *at;

	if (s)
		return statement_hold(s);
	s = create(all, id, key->text.size + key->types.size + database + user, query);
	at = s->bytes;
	s->text = append(&at, key->text.data, key->text.size);
	s->types = append(&at, key->types.data, key->types.size);
	s->settings = key->settings;
	s->scope = append(&at, key->database, database);
	s->scope.size += append(&at, key->user, user).size;
	return s;
}

struct statement *statement_get_nameless(struct statements *all, struct known_query *query)
{
	struct statement_id id = { 0, ++all->nameless_count };

	return create(all, id, 0, query);
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
