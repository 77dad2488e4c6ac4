/*
 * The question that probes put to a node, and how its answer is read.  Asks
 * nobody itself; probe.c does.
 */
#ifndef PGWEIR_CLUSTER_QUESTION_H
#define PGWEIR_CLUSTER_QUESTION_H

#include "cluster/census.h"

#include <libpq-fe.h>
#include <stdbool.h>

/* Needs no privilege, has no parameter; the same for primaries and replicas. */
const char *question_text(void);

/* False when the answer makes no sense. */
bool question_read(const PGresult *rows, struct census_answer *answer);

#endif
