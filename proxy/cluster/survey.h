/*
 * The survey: the one question to a database's catalogue, and how its answer
 * becomes a volatility snapshot.  Asks nobody itself; catalog.c does.
 */
#ifndef PGWEIR_CLUSTER_SURVEY_H
#define PGWEIR_CLUSTER_SURVEY_H

#include "sql/volatility.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

/* For PostgreSQL 14 and newer, with search_path = pg_catalog.  Its one
 * parameter: the harmless functions' names, joined by commas.  Rows of four words:
 *
 *   f o t r   schema   name   1      dangerous, 0: not; o has no schema
 *   q p       object   body   ""     of a function, in SQL or PL/pgSQL; p: in another
 *   u         object   object ""     using the first one may use the second
 *   n         schema   name   object
 *
 * The last three say what may leave traces; traces.h tells what an object is. */
const char *survey_question(void);

/* NULL when the answer makes no sense. */
struct volatility *survey_read(const PGresult *rows, const char *database, uint64_t generation);

/* 128 bits of what the rows say; equal answers have equal digests. */
struct survey_digest {
	uint64_t low, high;
};
struct survey_digest survey_digest(const PGresult *rows, uint64_t seed);

#endif
