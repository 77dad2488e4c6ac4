/*
 * The verdict cache of verdicts.h: two tables per database and way of reading
 * strings, one list of all entries by last use.  Does not classify: it asks.
 * One thread.
 *
 *	exact texts     "SELECT 1"   "select 2"     (entries hold a query each)
 *	                       \       /
 *	normal forms         "select $?"            (the query: digest, verdict)
 *
 * Invariants: a query is in the cache whenever one of its exact texts is, for it
 * is moved to the front after each of them; an entry is counted in bytes exactly
 * while it is in the list.
 */
#include "sql/verdicts.h"

#include "base/ensure.h"
#include "sql/classify.h"
#include "sql/digest.h"
#include "sql/lexer.h"
#include "sql/normal.h"

#include <stdlib.h>

#define uthash_malloc(size) memory_get(size)
#include <uthash.h>
#include <utlist.h>

enum {
	/* What malloc and the hash table's buckets add to an entry, about. */
	OVERHEAD_BYTES = 64,
	/* One text must not push everything else out. */
	LARGEST_SHARE = 8,
	/* Texts seen once, by hash: a power of two. */
	SEEN_COUNT = 1024,
};

struct entry;

struct query {
	struct known_query known; /* first: it is what callers hold */
	size_t references;
	size_t size_bytes;
	struct entry *entry; /* in the table of normal forms, or NULL */
	struct span normal; /* what the verdict depends on */
	char texts[]; /* the normal form, then known.text unless it is the same */
};

struct entry {
	UT_hash_handle hh;
	struct entry *prev, *next; /* by last use */
	struct entry **table; /* the one it is in */
	struct database *database;
	struct query *query; /* a reference */
	size_t size_bytes;
	char text[]; /* the exact text; a normal form is the query's */
};

/* Index: standard_conforming_strings. */
struct database {
	UT_hash_handle hh;
	struct entry *exact[2], *normal[2];
	size_t entry_count;
	struct span name;
	char name_text[];
};

struct verdicts {
	size_t limit_bytes;
	uint64_t seed; /* of the tables' hashes; differs from process to process */
	struct database *databases;
	struct database *latest;
	struct entry *newest; /* the head of the list; its prev is the oldest */
	struct verdicts_counts counts;
	uint64_t seen[SEEN_COUNT];
	char room[NORMAL_BYTES_MAX];
};

/* A text on its way through the cache. */
struct question {
	struct span text;
	const struct query_context *context;
	struct database *database;
	unsigned exact_hash;
};

/* ---- queries ---- */

static struct query *query_of(struct known_query *known)
{
	return (struct query *)known;
}

struct known_query *known_query_hold(struct known_query *q)
{
	query_of(q)->references++;
	return q;
}

void known_query_drop(struct known_query *q)
{
	struct query *query = query_of(q);

	ensure(query->references > 0);
	if (--query->references > 0)
		return;
	ensure(!query->entry);
	verdict_destroy((struct verdict *)q->verdict);
	free(query);
}

/* Takes the verdict; the caller has the first reference. */
static struct query *make_query(struct span normal, struct span shown, struct verdict *verdict)
{
	bool is_same = span_equal(normal, shown);
	size_t size = sizeof(struct query) + normal.size + 1 + (is_same ? 0 : shown.size + 1);
	struct query *q = memory_get(size);
	char *shown_text = q->texts + (is_same ? 0 : normal.size + 1);

	*q = (struct query){ .references = 1, .size_bytes = size + verdict->size_bytes };
	memcpy(q->texts, normal.data, normal.size);
	q->texts[normal.size] = '\0';
	memcpy(shown_text, shown.data, shown.size);
	shown_text[shown.size] = '\0';
	q->normal = span_make(q->texts, normal.size);
	q->known.digest = digest_make(normal, 0);
	q->known.text = shown_text;
	q->known.verdict = verdict;
	return q;
}

static struct query *make_known(const struct question *question, const struct normal *normal)
{
	char shown[DIGEST_TEXT_MAX];
	size_t size = digest_describe(question->text,
				      question->context->standard_conforming_strings, shown,
				      sizeof(shown));

	return make_query(normal->text, span_make(shown, size), classify_normal(normal));
}

/* For what is not kept: all of its kind share a digest. */
static struct query *make_unkept(const struct question *question, struct span first_word,
				 enum verdict_reason reason)
{
	char shown[DIGEST_TEXT_MAX];
	const char *why = reason == VERDICT_BECAUSE_TOO_LONG ? "too long" :
			  reason == VERDICT_BECAUSE_TOO_DEEP ? "too deep" :
			  reason == VERDICT_BECAUSE_ENCODING ? "unsafe encoding" :
							       "not parsed";
	size_t size = digest_describe_unkept(first_word, why, shown, sizeof(shown));
	struct verdict *verdict =
		classify_unparsed(question->text, question->context->standard_conforming_strings,
				  reason);

	return make_query(span_make(shown, size), span_make(shown, size), verdict);
}

/* ---- databases ---- */

static struct database *add_database(struct verdicts *cache, struct span name)
{
	struct database *d = memory_get_zeroed(sizeof(*d) + name.size);

	memcpy(d->name_text, name.data, name.size);
	d->name = span_make(d->name_text, name.size);
	cache->counts.bytes += sizeof(*d) + name.size + OVERHEAD_BYTES;
	HASH_ADD_KEYPTR(hh, cache->databases, d->name.data, (unsigned)d->name.size, d);
	return d;
}

static void remove_database(struct verdicts *cache, struct database *d)
{
	ensure(d->entry_count == 0);
	cache->counts.bytes -= sizeof(*d) + d->name.size + OVERHEAD_BYTES;
	if (cache->latest == d)
		cache->latest = NULL;
	HASH_DEL(cache->databases, d);
	free(d);
}

static struct database *find_database(struct verdicts *cache, struct span name)
{
	struct database *d = cache->latest;

	if (d && span_equal(d->name, name))
		return d;
	HASH_FIND(hh, cache->databases, name.data, (unsigned)name.size, d);
	if (!d)
		d = add_database(cache, name);
	cache->latest = d;
	return d;
}

/* ---- entries ---- */

static void move_to_front(struct verdicts *cache, struct entry *e)
{
	if (cache->newest == e)
		return;
	DL_DELETE(cache->newest, e);
	DL_PREPEND(cache->newest, e);
}

static void remove_entry(struct verdicts *cache, struct entry *e)
{
	struct query *q = e->query;

	DL_DELETE(cache->newest, e);
	HASH_DEL(*e->table, e);
	cache->counts.bytes -= e->size_bytes;
	e->database->entry_count--;
	if (q->entry == e)
		q->entry = NULL;
	known_query_drop(&q->known);
	free(e);
}

static void remove_oldest(struct verdicts *cache)
{
	struct entry *oldest = cache->newest->prev;
	struct database *d = oldest->database;

	remove_entry(cache, oldest);
	cache->counts.evictions++;
	if (d->entry_count == 0)
		remove_database(cache, d);
}

static bool fits(const struct verdicts *cache, size_t size)
{
	return size <= cache->limit_bytes / LARGEST_SHARE;
}

/* The text is the key; the entry has room for a copy or points into its query. */
static struct entry *add_entry(struct verdicts *cache, struct database *d, struct entry **table,
			       struct span key, unsigned hash, struct query *q, size_t size)
{
	struct entry *e = memory_get(size);

	memset(e, 0, sizeof(*e));
	e->table = table;
	e->database = d;
	e->query = query_of(known_query_hold(&q->known));
	e->size_bytes = size + OVERHEAD_BYTES;
	d->entry_count++;
	cache->counts.bytes += e->size_bytes;
	DL_PREPEND(cache->newest, e);
	if (table == d->exact || table == d->exact + 1)
		key.data = memcpy(e->text, key.data, key.size);
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, *table, key.data, (unsigned)key.size, hash, e);
	return e;
}

static void keep_normal(struct verdicts *cache, const struct question *question,
			struct query *q, unsigned hash)
{
	struct database *d = question->database;
	bool strings = question->context->standard_conforming_strings;

	if (!fits(cache, q->size_bytes))
		return;
	q->entry = add_entry(cache, d, &d->normal[strings], q->normal, hash, q,
			     sizeof(struct entry));
	q->entry->size_bytes += q->size_bytes + OVERHEAD_BYTES;
	cache->counts.bytes += q->size_bytes + OVERHEAD_BYTES;
}

static void keep_exact(struct verdicts *cache, const struct question *question, struct query *q)
{
	struct database *d = question->database;
	bool strings = question->context->standard_conforming_strings;

	if (!q->entry || question->text.size > NORMAL_BYTES_MAX ||
	    !fits(cache, question->text.size))
		return;
	add_entry(cache, d, &d->exact[strings], question->text, question->exact_hash, q,
		  sizeof(struct entry) + question->text.size);
	move_to_front(cache, q->entry);
}

static void make_room(struct verdicts *cache)
{
	while (cache->counts.bytes > cache->limit_bytes && cache->newest)
		remove_oldest(cache);
}

/* A text with literals of its own is not worth an entry until it comes again. */
static bool was_seen(struct verdicts *cache, uint64_t hash)
{
	uint64_t *place = &cache->seen[hash % SEEN_COUNT];
	bool is_known = *place == hash;

	*place = hash;
	return is_known;
}

/* ---- the two levels ---- */

static struct query *find_exact(struct verdicts *cache, const struct question *question)
{
	struct entry *table = question->database->exact[question->context
								->standard_conforming_strings];
	struct entry *e;

	if (question->text.size > NORMAL_BYTES_MAX)
		return NULL;
	HASH_FIND_BYHASHVALUE(hh, table, question->text.data, (unsigned)question->text.size,
			      question->exact_hash, e);
	if (!e)
		return NULL;
	cache->counts.exact_hits++;
	move_to_front(cache, e);
	move_to_front(cache, e->query->entry);
	return e->query;
}

static struct query *find_normal(struct verdicts *cache, const struct question *question,
				 struct span normal, unsigned hash)
{
	struct entry *table = question->database->normal[question->context
								 ->standard_conforming_strings];
	struct entry *e;

	HASH_FIND_BYHASHVALUE(hh, table, normal.data, (unsigned)normal.size, hash, e);
	if (!e)
		return NULL;
	cache->counts.normal_hits++;
	move_to_front(cache, e);
	return e->query;
}

/* Why libpg_query must not see the text, or VERDICT_BECAUSE_READ if it may. */
static enum verdict_reason refuse(const struct normal *n)
{
	if (n->is_too_long)
		return VERDICT_BECAUSE_TOO_LONG;
	if (!normal_is_bounded(n))
		return VERDICT_BECAUSE_TOO_DEEP;
	if (n->is_broken || n->has_old_escapes)
		return VERDICT_BECAUSE_NOT_PARSED;
	return VERDICT_BECAUSE_READ;
}

/* The caller has a reference to what is returned. */
static struct query *find_by_normal(struct verdicts *cache, const struct question *question,
				    const struct normal *n, bool is_repeated)
{
	unsigned hash = (unsigned)digest_make(n->text, cache->seed);
	struct query *q = find_normal(cache, question, n->text, hash);

	if (q) {
		known_query_hold(&q->known);
	} else {
		cache->counts.misses++;
		q = make_known(question, n);
		keep_normal(cache, question, q, hash);
		is_repeated = true; /* a new form is mostly a prepared text */
	}
	if (is_repeated)
		keep_exact(cache, question, q);
	make_room(cache);
	return q;
}

static struct query *find_slowly(struct verdicts *cache, const struct question *question,
				 bool is_repeated)
{
	const struct normal_options options = {
		.standard_conforming_strings = question->context->standard_conforming_strings,
	};
	enum verdict_reason refusal;
	struct normal n;

	normal_make(&n, question->text, &options, cache->room, sizeof(cache->room));
	refusal = refuse(&n);
	if (refusal == VERDICT_BECAUSE_READ)
		return find_by_normal(cache, question, &n, is_repeated);
	cache->counts.misses++;
	return make_unkept(question, n.first_word, refusal);
}

static struct query *find_unsafe(struct verdicts *cache, const struct question *question)
{
	cache->counts.misses++;
	return make_unkept(question, span_of(""), VERDICT_BECAUSE_ENCODING);
}

struct known_query *verdicts_find(struct verdicts *cache, struct span text,
				  const struct query_context *context)
{
	struct question question = { .text = text_before_nul(text), .context = context };
	struct query *q;
	uint64_t hash;

	if (context->unsafe_encoding)
		return &find_unsafe(cache, &question)->known;
	question.database = find_database(cache, context->database);
	hash = digest_make(question.text, cache->seed);
	question.exact_hash = (unsigned)hash;
	q = find_exact(cache, &question);
	if (q)
		return known_query_hold(&q->known);
	return &find_slowly(cache, &question, was_seen(cache, hash))->known;
}

struct verdicts *verdicts_create(size_t limit_bytes)
{
	struct verdicts *cache = memory_get_zeroed(sizeof(*cache));

	cache->limit_bytes = limit_bytes;
	/* Who can choose texts must not be able to choose their buckets. */
	cache->seed = (uint64_t)(uintptr_t)cache * 0x9e3779b97f4a7c15u;
	return cache;
}

void verdicts_destroy(struct verdicts *cache)
{
	struct database *d, *following;

	if (!cache)
		return;
	while (cache->newest)
		remove_entry(cache, cache->newest->prev);
	HASH_ITER(hh, cache->databases, d, following)
		remove_database(cache, d);
	free(cache);
}

struct verdicts_counts verdicts_count(const struct verdicts *cache)
{
	return cache->counts;
}
