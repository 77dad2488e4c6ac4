/*
 * The facts of volatility.h: four tables from names to what is wrong with them.  Does not ask the
 * server and does not read SQL.  Built by one thread, then only read, by any.
 * Invariant: a fact only ever gets worse, for a name means all that bear it.
 */
#include "sql/volatility.h"

#include "base/ensure.h"

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
};

struct volatility *volatility_create(const char *database, uint64_t generation)
{
	struct volatility *v = memory_get_zeroed(sizeof(*v));

	v->database = memory_copy_text(database);
	v->generation = generation;
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

void volatility_add_operator(struct volatility *v, const char *name, bool is_volatile)
{
	get_fact(&v->operators, name)->is_bad |= is_volatile;
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

void volatility_mark_operator(struct volatility *v, const char *name, enum pin_reason pin)
{
	mark(&v->operators, name, pin, false);
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
	free(v->database);
	free(v);
}

/* What is wrong with a name: what `bad` or `unknown` say, or nothing. */
static enum proof ask(const struct fact *table, const char *name, enum proof bad,
		      enum proof unknown)
{
	const struct fact *f = find_fact(table, name);

	if (!f)
		return unknown;
	/* A trace binds the session to where it is, which must be the primary. */
	return f->is_bad || f->trace != PIN_NONE ? bad : PROOF_HARMLESS;
}

static enum proof ask_function(const struct volatility *v, const char *name, enum proof unknown)
{
	if (find_fact(v->allowed, name))
		return PROOF_HARMLESS;
	return ask(v->functions, name, PROOF_VOLATILE_FUNCTION, unknown);
}

static enum proof judge_functions(const struct volatility *v, const struct verdict *verdict,
				  const char **culprit)
{
	enum proof proof = PROOF_HARMLESS;
	unsigned i;

	for (i = 0; i < verdict->function_count && proof == PROOF_HARMLESS; i++) {
		*culprit = verdict->functions[i];
		proof = ask_function(v, *culprit, PROOF_UNKNOWN_FUNCTION);
	}
	/* A column, unless there is such a function. */
	for (i = 0; i < verdict->attribute_count && proof == PROOF_HARMLESS; i++) {
		*culprit = verdict->attributes[i];
		proof = ask_function(v, *culprit, PROOF_HARMLESS);
	}
	return proof;
}

static enum proof judge_names(const struct fact *table, const char *const *names, unsigned count,
			      enum proof bad, enum proof unknown, const char **culprit)
{
	enum proof proof = PROOF_HARMLESS;
	unsigned i;

	for (i = 0; i < count && proof == PROOF_HARMLESS; i++) {
		*culprit = names[i];
		proof = ask(table, names[i], bad, unknown);
	}
	return proof;
}

static enum proof judge_all(const struct volatility *v, const struct verdict *verdict,
			    const char **culprit)
{
	enum proof proof = judge_functions(v, verdict, culprit);

	if (proof == PROOF_HARMLESS)
		proof = judge_names(v->operators, verdict->operators, verdict->operator_count,
				    PROOF_VOLATILE_OPERATOR, PROOF_VOLATILE_OPERATOR, culprit);
	if (proof == PROOF_HARMLESS)
		proof = judge_names(v->types, verdict->types, verdict->type_count,
				    PROOF_VOLATILE_TYPE, PROOF_VOLATILE_TYPE, culprit);
	if (proof == PROOF_HARMLESS)
		proof = judge_names(v->relations, verdict->relations, verdict->relation_count,
				    PROOF_PRIMARY_ONLY_RELATION, PROOF_UNKNOWN_RELATION, culprit);
	return proof;
}

enum proof volatility_judge(const struct volatility *v, const struct verdict *verdict,
			    const char **culprit)
{
	const char *name = NULL;
	enum proof proof;

	ensure(verdict->kind == VERDICT_READ);
	proof = judge_all(v, verdict, &name);
	if (culprit)
		*culprit = proof == PROOF_HARMLESS ? NULL : name;
	return proof;
}

/* The worst of some names. */
static enum pin_reason trace_of(const struct fact *table, const char *const *names,
				unsigned count, const struct fact *allowed, bool is_written)
{
	enum pin_reason worst = PIN_NONE;

	for (unsigned i = 0; i < count; i++) {
		const struct fact *f = find_fact(table, names[i]);

		if (f && !(allowed && find_fact(allowed, names[i])))
			worst = worse_of(worst, is_written ? f->written_trace : f->trace);
	}
	return worst;
}

enum pin_reason volatility_traces(const struct volatility *v, const struct verdict *verdict)
{
	bool is_written = verdict->kind != VERDICT_READ;
	enum pin_reason worst;

	worst = trace_of(v->functions, verdict->functions, verdict->function_count, v->allowed,
			 false);
	worst = worse_of(worst, trace_of(v->functions, verdict->attributes,
					 verdict->attribute_count, v->allowed, false));
	worst = worse_of(worst, trace_of(v->operators, verdict->operators,
					 verdict->operator_count, NULL, false));
	worst = worse_of(worst,
			 trace_of(v->types, verdict->types, verdict->type_count, NULL, false));
	return worse_of(worst, trace_of(v->relations, verdict->relations, verdict->relation_count,
					NULL, is_written));
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
