/*
 * The facts of volatility.h: four tables from names to what is wrong with them.  Does not ask the
 * server and does not read SQL.  Built by one thread, then only read, by any.
 * Invariant: a fact only ever gets worse, for a name means all that bear it.
 */
#include "sql/volatility.h"

#include "base/ensure.h"
#include "base/span.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define uthash_malloc(size) memory_get(size)
#include <uthash.h>

struct fact {
	UT_hash_handle hh;
	bool is_bad;
	/* What a use leaves; of relations: a read, a write. */
	enum pin_reason trace, written_trace;
	char name[];
};

struct volatility {
	_Atomic size_t references;
	uint64_t generation;
	char *database;
	struct fact *functions, *operators, *types, *relations;
	struct fact *allowed; /* functions */
	struct start_paths *starts; /* owned */
};

struct volatility *volatility_create(const char *database, uint64_t generation)
{
	struct volatility *v = memory_get_zeroed(sizeof(*v));

	v->database = memory_copy_text(database);
	v->generation = generation;
	v->starts = start_paths_create();
	atomic_init(&v->references, 1);
	return v;
}

static struct fact *find_fact(const struct fact *table, const char *name)
{
	struct fact *f;

	/* HASH_FIND reads only; its head is not const. */
	HASH_FIND_STR((struct fact *)table, name, f);
	return f;
}

static struct fact *get_fact(struct fact **table, const char *name)
{
	struct fact *f = find_fact(*table, name);

	if (f)
		return f;
	f = memory_get_zeroed(sizeof(*f) + strlen(name) + 1);
	memcpy(f->name, name, strlen(name) + 1);
	HASH_ADD_STR(*table, name, f);
	return f;
}

static char *join_names(const char *schema, const char *name)
{
	size_t size = strlen(schema) + 1 + strlen(name) + 1;
	char *both = memory_get(size);

	snprintf(both, size, "%s.%s", schema, name);
	return both;
}

static void add_fact(struct fact **table, const char *schema, const char *name, bool is_bad)
{
	char *both = join_names(schema, name);

	get_fact(table, name)->is_bad |= is_bad;
	get_fact(table, both)->is_bad |= is_bad;
	free(both);
}

void volatility_add_function(struct volatility *v, const char *schema, const char *name,
			     bool is_volatile)
{
	add_fact(&v->functions, schema, name, is_volatile);
}

void volatility_add_operator(struct volatility *v, const char *schema, const char *name,
			     bool is_volatile)
{
	add_fact(&v->operators, schema, name, is_volatile);
}

void volatility_add_type(struct volatility *v, const char *schema, const char *name,
			 bool is_volatile)
{
	add_fact(&v->types, schema, name, is_volatile);
}

void volatility_add_relation(struct volatility *v, const char *schema, const char *name,
			     bool is_primary_only)
{
	add_fact(&v->relations, schema, name, is_primary_only);
}

static enum pin_reason worse_of(enum pin_reason a, enum pin_reason b)
{
	if (a == PIN_UNRESETTABLE || b == PIN_NONE)
		return a;
	return b;
}

static void mark(struct fact **table, const char *name, enum pin_reason pin, bool is_on_write)
{
	struct fact *f = find_fact(*table, name);

	if (!f) {
		f = get_fact(table, name);
		f->is_bad = true;
	}
	if (!is_on_write)
		f->trace = worse_of(f->trace, pin);
	f->written_trace = worse_of(f->written_trace, pin);
}

static void mark_both(struct fact **table, const char *schema, const char *name,
		      enum pin_reason pin, bool is_on_write)
{
	char *both = join_names(schema, name);

	mark(table, name, pin, is_on_write);
	mark(table, both, pin, is_on_write);
	free(both);
}

void volatility_mark_function(struct volatility *v, const char *schema, const char *name,
			      enum pin_reason pin)
{
	mark_both(&v->functions, schema, name, pin, false);
}

void volatility_mark_operator(struct volatility *v, const char *schema, const char *name,
			      enum pin_reason pin)
{
	mark_both(&v->operators, schema, name, pin, false);
}

void volatility_mark_type(struct volatility *v, const char *schema, const char *name,
			  enum pin_reason pin)
{
	mark_both(&v->types, schema, name, pin, false);
}

void volatility_mark_relation(struct volatility *v, const char *schema, const char *name,
			      enum pin_reason pin, bool is_on_write)
{
	mark_both(&v->relations, schema, name, pin, is_on_write);
}

/* A bare name means PostgreSQL's own function; another schema's must be named. */
void volatility_allow_function(struct volatility *v, const char *name)
{
	char *both;

	get_fact(&v->allowed, name);
	if (strchr(name, '.'))
		return;
	both = join_names("pg_catalog", name);
	get_fact(&v->allowed, both);
	free(both);
}

struct volatility *volatility_hold(struct volatility *v)
{
	atomic_fetch_add_explicit(&v->references, 1, memory_order_relaxed);
	return v;
}

static void free_facts(struct fact *table)
{
	struct fact *f, *following;

	HASH_ITER(hh, table, f, following) {
		HASH_DEL(table, f);
		free(f);
	}
}

void volatility_drop(struct volatility *v)
{
	if (!v || atomic_fetch_sub_explicit(&v->references, 1, memory_order_acq_rel) > 1)
		return;
	free_facts(v->functions);
	free_facts(v->operators);
	free_facts(v->types);
	free_facts(v->relations);
	free_facts(v->allowed);
	start_paths_destroy(v->starts);
	free(v->database);
	free(v);
}

/* ---- a name, as a session means it ---- */

/* What is known of all that a name may mean. */
struct finding {
	bool is_known, is_bad;
	enum pin_reason trace, written_trace;
};

static void add_finding(struct finding *found, const struct fact *f)
{
	if (!f)
		return;
	found->is_known = true;
	found->is_bad |= f->is_bad;
	found->trace = worse_of(found->trace, f->trace);
	found->written_trace = worse_of(found->written_trace, f->written_trace);
}

static void find_in_schema(const struct fact *table, const char *schema, const char *name,
			   struct finding *found)
{
	char both[2 * SEARCH_PATH_NAME_BYTES + 1];

	/* PostgreSQL's names are shorter. */
	if (strlen(schema) + 1 + strlen(name) >= sizeof both)
		return;
	stpcpy(stpcpy(stpcpy(both, schema), "."), name);
	add_finding(found, find_fact(table, both));
}

/* The worst of the schemas on the path, see search_path.h.  One with a dot has its schema,
 * or is odd enough to mean all that bear it. */
static struct finding find_name(const struct fact *table, const char *name,
				const struct search_path *path)
{
	struct finding found = { 0 };

	if (!path || strchr(name, '.')) {
		add_finding(&found, find_fact(table, name));
		return found;
	}
	for (unsigned i = 0; i < path->count; i++)
		find_in_schema(table, search_path_schema(path, i), name, &found);
	return found;
}

/* ---- judging ---- */

/* One judgement: of what, by what. */
struct judgement {
	const struct volatility *v;
	const struct search_path *path;
	const char *culprit;
};

/* What is wrong with a name: what `bad` or `unknown` say, or nothing. */
static enum proof ask(const struct judgement *j, const struct fact *table, const char *name,
		      enum proof bad, enum proof unknown)
{
	struct finding found = find_name(table, name, j->path);

	if (!found.is_known)
		return unknown;
	/* A trace binds the session to where it is, which must be the primary. */
	return found.is_bad || found.trace != PIN_NONE ? bad : PROOF_HARMLESS;
}

static enum proof ask_function(const struct judgement *j, const char *name, enum proof unknown)
{
	if (find_fact(j->v->allowed, name))
		return PROOF_HARMLESS;
	return ask(j, j->v->functions, name, PROOF_VOLATILE_FUNCTION, unknown);
}

static enum proof judge_functions(struct judgement *j, const struct verdict *verdict)
{
	enum proof proof = PROOF_HARMLESS;
	unsigned i;

	for (i = 0; i < verdict->function_count && proof == PROOF_HARMLESS; i++) {
		j->culprit = verdict->functions[i];
		proof = ask_function(j, j->culprit, PROOF_UNKNOWN_FUNCTION);
	}
	/* A column, unless there is such a function. */
	for (i = 0; i < verdict->attribute_count && proof == PROOF_HARMLESS; i++) {
		j->culprit = verdict->attributes[i];
		proof = ask_function(j, j->culprit, PROOF_HARMLESS);
	}
	return proof;
}

static enum proof judge_names(struct judgement *j, const struct fact *table,
			      const char *const *names, unsigned count, enum proof bad,
			      enum proof unknown)
{
	enum proof proof = PROOF_HARMLESS;
	unsigned i;

	for (i = 0; i < count && proof == PROOF_HARMLESS; i++) {
		j->culprit = names[i];
		proof = ask(j, table, names[i], bad, unknown);
	}
	return proof;
}

static enum proof judge_all(struct judgement *j, const struct verdict *verdict)
{
	enum proof proof = judge_functions(j, verdict);

	if (proof == PROOF_HARMLESS)
		proof = judge_names(j, j->v->operators, verdict->operators,
				    verdict->operator_count, PROOF_VOLATILE_OPERATOR,
				    PROOF_VOLATILE_OPERATOR);
	if (proof == PROOF_HARMLESS)
		proof = judge_names(j, j->v->types, verdict->types, verdict->type_count,
				    PROOF_VOLATILE_TYPE, PROOF_VOLATILE_TYPE);
	if (proof == PROOF_HARMLESS)
		proof = judge_names(j, j->v->relations, verdict->relations,
				    verdict->relation_count, PROOF_PRIMARY_ONLY_RELATION,
				    PROOF_UNKNOWN_RELATION);
	return proof;
}

enum proof volatility_judge(const struct volatility *v, const struct verdict *verdict,
			    const struct search_path *path, const char **culprit)
{
	struct judgement j = { v, path, NULL };
	enum proof proof;

	ensure(verdict->kind == VERDICT_READ);
	proof = judge_all(&j, verdict);
	if (culprit)
		*culprit = proof == PROOF_HARMLESS ? NULL : j.culprit;
	return proof;
}

/* The worst of some names. */
static enum pin_reason trace_of(const struct fact *table, const char *const *names,
				unsigned count, const struct search_path *path,
				const struct fact *allowed, bool is_written)
{
	enum pin_reason worst = PIN_NONE;

	for (unsigned i = 0; i < count; i++) {
		struct finding found;

		if (allowed && find_fact(allowed, names[i]))
			continue;
		found = find_name(table, names[i], path);
		worst = worse_of(worst, is_written ? found.written_trace : found.trace);
	}
	return worst;
}

enum pin_reason volatility_traces(const struct volatility *v, const struct verdict *verdict,
				  const struct search_path *path)
{
	bool is_written = verdict->kind != VERDICT_READ;
	enum pin_reason worst;

	worst = trace_of(v->functions, verdict->functions, verdict->function_count, path,
			 v->allowed, false);
	worst = worse_of(worst, trace_of(v->functions, verdict->attributes,
					 verdict->attribute_count, path, v->allowed, false));
	worst = worse_of(worst, trace_of(v->operators, verdict->operators,
					 verdict->operator_count, path, NULL, false));
	worst = worse_of(worst, trace_of(v->types, verdict->types, verdict->type_count, path,
					 NULL, false));
	return worse_of(worst, trace_of(v->relations, verdict->relations, verdict->relation_count,
					path, NULL, is_written));
}

const char *proof_word(enum proof proof)
{
	static const char *const words[] = {
		[PROOF_HARMLESS] = "harmless",
		[PROOF_VOLATILE_FUNCTION] = "volatile_function",
		[PROOF_UNKNOWN_FUNCTION] = "unknown_function",
		[PROOF_VOLATILE_OPERATOR] = "volatile_operator",
		[PROOF_VOLATILE_TYPE] = "volatile_type",
		[PROOF_PRIMARY_ONLY_RELATION] = "primary_only_relation",
		[PROOF_UNKNOWN_RELATION] = "unknown_relation",
	};

	ensure((unsigned)proof < sizeof(words) / sizeof(words[0]));
	return words[proof];
}

uint64_t volatility_generation(const struct volatility *v)
{
	return v->generation;
}

const char *volatility_database(const struct volatility *v)
{
	return v->database;
}

struct start_paths *volatility_start_paths(struct volatility *v)
{
	return v->starts;
}
