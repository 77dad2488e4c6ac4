/*
 * The verdict cache of one worker: text → { digest, normal form, verdict }.
 * Two levels: exact text first (drivers repeat themselves), then normal form
 * with database and standard_conforming_strings.  Bounded in bytes, the least
 * recently used leaves.  On a miss the classifier is asked.  No locking: one
 * thread owns it.
 */
#ifndef PGWEIR_SQL_VERDICTS_H
#define PGWEIR_SQL_VERDICTS_H

#include "base/span.h"
#include "sql/verdict.h"

#include <stddef.h>

struct verdicts;

/* What is known of a text.  Reference counted without atomics: an entry that
 * somebody holds outlives its place in the cache. */
struct known_query {
	uint64_t digest; /* of the normal form; what statistics group by */
	const char *text; /* the normal form, NUL-terminated, cut at 4 KiB for people */
	const struct verdict *verdict;
	/* Written by the router: what the catalogue of this generation said of it, in a
	 * session whose names are looked up so (struct lookup). */
	uint64_t judged_generation; /* 0: never asked */
	uint64_t judged_lookup;
	int judged_proof; /* enum proof of volatility.h */
	uint64_t traced_epoch; /* of the router, when that asked for its traces; 0: never */
	uint64_t traced_lookup;
	int judged_traces; /* enum pin_reason */
};

/* How the text is to be read. */
struct query_context {
	struct span database;
	bool standard_conforming_strings;
	bool unsafe_encoding; /* client_encoding whose trail bytes look like ASCII */
};

struct verdicts *verdicts_create(size_t limit_bytes);
void verdicts_destroy(struct verdicts *cache);

/* The query of a Query or Parse message, without the final NUL.  Never fails:
 * what is not understood is VERDICT_WRITE.  The caller gets a reference. */
struct known_query *verdicts_find(struct verdicts *cache, struct span text,
				  const struct query_context *context);
struct known_query *known_query_hold(struct known_query *q);
void known_query_drop(struct known_query *q);

/* Of what fell out of the cache or was asked of it, since creation. */
struct verdicts_counts {
	uint64_t exact_hits, normal_hits, misses, evictions;
	size_t bytes;
};
struct verdicts_counts verdicts_count(const struct verdicts *cache);

#endif
