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

/* The first on a connection, so that nobody else's functions are called: from here on
 * search_path is pg_catalog.  (Were it so from login, nobody could ask what else it were.) */
const char *survey_opening(void);

/* For PostgreSQL 14 and newer.  Its one
 * parameter: the harmless functions' names, joined by commas.  Rows of four words:
 *
 *   f o t r   schema   name   1      dangerous, 0: not
 *   q p       object   body   ""     of a function, in SQL or PL/pgSQL; p: in another
 *   u         object   object ""     using the first one may use the second
 *   n         schema   name   object
 *   s         level    role   path   search_path at the beginning (enum start_level)
 *   i         level    role   name   the role then
 *
 * q, p, u, n say what may leave traces; traces.h tells what an object is. */
const char *survey_question(void);

/* NULL when the answer makes no sense. */
struct volatility *survey_read(const PGresult *rows, const char *database, uint64_t generation);

/* 128 bits of what the rows say; equal answers have equal digests. */
struct survey_digest {
	uint64_t low, high;
};
struct survey_digest survey_digest(const PGresult *rows, uint64_t seed);

#endif
