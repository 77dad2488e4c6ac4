/*
 * The functions of danger.def by name.
 */
#ifndef PGWEIR_SQL_DANGER_H
#define PGWEIR_SQL_DANGER_H

#include "base/span.h"
#include "sql/verdict.h"

/* Is a function of this name, without its schema, never a read?  `pin` gets what
 * it leaves behind. */
bool danger_find(struct span name, enum pin_reason *pin);

#endif
