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
 * parameter: the harmless functions' names, joined by commas.  Rows: kind,
 * schema, name, and 1 when it is dangerous. */
const char *survey_question(void);

/* NULL when the answer makes no sense. */
struct volatility *survey_read(const PGresult *rows, const char *database, uint64_t generation);

/* 128 bits of what the rows say; equal answers have equal digests. */
struct survey_digest {
	uint64_t low, high;
};
struct survey_digest survey_digest(const PGresult *rows, uint64_t seed);

#endif
