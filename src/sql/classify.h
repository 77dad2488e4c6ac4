/*
 * Text → verdict.  The classifier knows the grammar (libpg_query) but no catalogue:
 * it says what a statement would do, and names what that depends on.
 */
#ifndef PGWEIR_SQL_CLASSIFY_H
#define PGWEIR_SQL_CLASSIFY_H

#include "base/span.h"
#include "sql/normal.h"
#include "sql/verdict.h"

/* The verdict on a bounded normal form (normal_is_bounded) that is not broken; a
 * function of it alone.  The caller owns it: verdict_destroy(). */
struct verdict *classify_normal(const struct normal *normal);

/* The verdict on a text that libpg_query must not see, for this reason. */
struct verdict *classify_unparsed(struct span text, bool standard_conforming_strings,
				  enum verdict_reason reason);

#endif
