/*
 * Prepared statements of one worker: a text with its parameter types is one
 * statement of a database and user, however many clients call it by however many
 * names.  Its name on
 * servers is made of its content, so that connections may move between workers.
 * Reference counted without atomics; one thread.
 */
#ifndef PGWEIR_SERVER_STATEMENT_H
#define PGWEIR_SERVER_STATEMENT_H

#include "base/span.h"
#include "sql/verdicts.h"

#include <stdatomic.h>
#include <stdint.h>
#include <uthash.h>

enum { STATEMENT_NAME_BYTES = 40 };

/* 128 bits of hash over text, types and scope, seeded with a secret of the process. */
struct statement_id {
	uint64_t high, low;
};

struct statement {
	UT_hash_handle hh;
	struct statement_id id;
	int references;
	char name[STATEMENT_NAME_BYTES]; /* "pgweir_" and the id in hex */
	struct known_query *query; /* held: what it does and how it is counted */
	/* Its tables changed under it: what was parsed in an earlier epoch answers with
	 * another row type than it had. */
	uint64_t changed_epoch;
	uint64_t settings; /* of its key */
	uint64_t proved_epoch; /* some server parsed it without an error in it; 0: never */
	struct span text; /* without NUL; empty with data == NULL: not kept (too long) */
	struct span types; /* as in Parse: count and OIDs */
	struct span scope; /* database and user, each with its NUL */
	struct statements *owner;
	char bytes[]; /* text, then types, then scope */
};

struct statements {
	struct statement *by_id;
	uint64_t seed;
	/* Grows with each change of the schema that is seen; from 1.  All workers share one
	 * clock, so that what a client did is known to all before it is told so. */
	_Atomic uint64_t *epoch;
	_Atomic uint64_t own_epoch; /* of who shares with nobody */
	uint64_t nameless_count; /* statements whose text was too long to keep */
};

void statements_init(struct statements *all, uint64_t seed);
static inline uint64_t statements_epoch(const struct statements *all)
{
	return atomic_load_explicit(all->epoch, memory_order_acquire);
}
/* The schema changed: what is parsed from here on is of another epoch. */
static inline uint64_t statements_begin_epoch(struct statements *all)
{
	return atomic_fetch_add_explicit(all->epoch, 1, memory_order_acq_rel) + 1;
}
/* Everything must have been dropped. */
void statements_finish(struct statements *all);

/* What a text means depends on these. */
struct statement_key {
	struct span text, types;
	const char *database, *user;
	uint64_t settings; /* a digest of those that count (settings_digest) */
};

/* The statement of this key, made if it is new; takes no reference of `query` but
 * holds it itself.  The caller holds the result. */
struct statement *statement_get(struct statements *all, const struct statement_key *key,
				struct known_query *query);
/* The same if it exists, without a reference; NULL otherwise. */
struct statement *statement_find(struct statements *all, const struct statement_key *key);
/* One whose text is passed on without being kept: it can live on one connection only. */
struct statement *statement_get_nameless(struct statements *all, struct known_query *query);
struct statement *statement_hold(struct statement *s);
void statement_drop(struct statement *s);

#endif
