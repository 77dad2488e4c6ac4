/*
 * A verdict while it is being found: names may be added in any order and twice;
 * draft_finish makes the value of them.  Lifetime: one call of the classifier.
 */
#ifndef PGWEIR_SQL_DRAFT_H
#define PGWEIR_SQL_DRAFT_H

#include "base/arena.h"
#include "sql/verdict.h"

struct names {
	const char **items; /* the texts belong to the arena or outlive the draft */
	size_t count, capacity;
};

struct draft {
	struct verdict verdict; /* without its names */
	struct names functions, operators, relations, written, types, attributes;
	struct names settings, sets, deallocated;
	struct arena arena;
};

void draft_init(struct draft *d);
void draft_add(struct names *names, const char *name);
void draft_remove(struct names *names, const char *name);
/* "schema.name", or "name" if there is no schema. */
void draft_add_qualified(struct draft *d, struct names *names, const char *schema,
			 const char *name);
/* The verdict, in one allocation; the draft is over. */
struct verdict *draft_finish(struct draft *d);

#endif
