/*
 * What the catalogue of one database says: which functions, operators, casts
 * can have side effects or differ from call to call, which relations only the
 * primary can serve, what may leave something in the session that uses it.  An
 * immutable snapshot, built by the control thread (cluster/catalog), held by the
 * workers; reference counted with atomics.
 */
#ifndef PGWEIR_SQL_VOLATILITY_H
#define PGWEIR_SQL_VOLATILITY_H

#include "base/span.h"
#include "sql/search_path.h"
#include "sql/start_path.h"
#include "sql/verdict.h"

#include <stddef.h>
#include <stdint.h>

enum proof {
	PROOF_HARMLESS,
	PROOF_VOLATILE_FUNCTION,
	PROOF_UNKNOWN_FUNCTION,
	PROOF_VOLATILE_OPERATOR,
	PROOF_VOLATILE_TYPE, /* a cast or domain that reaches a volatile function */
	PROOF_PRIMARY_ONLY_RELATION,
	PROOF_UNKNOWN_RELATION,
};

struct volatility;

struct volatility *volatility_create(const char *database, uint64_t generation);
/* While it is being built, by one thread.  Names are "name"; the schema is
 * given apart and both forms, "name" and "schema.name", become known: the first one
 * for who does not know where it is looked up.  A name
 * that is ever added as volatile stays volatile, whatever comes later. */
void volatility_add_function(struct volatility *v, const char *schema, const char *name,
			     bool is_volatile);
void volatility_add_operator(struct volatility *v, const char *schema, const char *name,
			     bool is_volatile);
void volatility_add_type(struct volatility *v, const char *schema, const char *name,
			 bool is_volatile);
void volatility_add_relation(struct volatility *v, const char *schema, const char *name,
			     bool is_primary_only);
/* Functions that are volatile but harmless on a replica (random, ...), from the
 * configuration: judged harmless from now on. */
void volatility_allow_function(struct volatility *v, const char *name);

/* A use of it may leave something in the session: PIN_FUNCTION, or worse,
 * PIN_UNRESETTABLE.  A name unknown so far is not harmless either. */
void volatility_mark_function(struct volatility *v, const char *schema, const char *name,
			      enum pin_reason pin);
void volatility_mark_operator(struct volatility *v, const char *schema, const char *name,
			      enum pin_reason pin);
void volatility_mark_type(struct volatility *v, const char *schema, const char *name,
			  enum pin_reason pin);
/* When it is read, or only when it is written (a trigger). */
void volatility_mark_relation(struct volatility *v, const char *schema, const char *name,
			      enum pin_reason pin, bool is_on_write);

struct volatility *volatility_hold(struct volatility *v);
void volatility_drop(struct volatility *v);

/* Is the statement of this verdict harmless?  Its unqualified names are looked up in
 * `path`; NULL: not known, the worst of all schemas.  `culprit` (may be NULL) gets the
 * name that decided, owned by the verdict.  For VERDICT_READ only. */
enum proof volatility_judge(const struct volatility *v, const struct verdict *verdict,
			    const struct search_path *path, const char **culprit);
/* What may the statement leave in its session through the functions that it
 * reaches?  PIN_NONE, PIN_FUNCTION or PIN_UNRESETTABLE, for any verdict.  What its
 * text says itself is in verdict->pins. */
enum pin_reason volatility_traces(const struct volatility *v, const struct verdict *verdict,
				  const struct search_path *path);
/* What search_path sessions begin with; to add to while it is being built. */
struct start_paths *volatility_start_paths(struct volatility *v);
const char *proof_word(enum proof proof);
uint64_t volatility_generation(const struct volatility *v);
const char *volatility_database(const struct volatility *v);

#endif
