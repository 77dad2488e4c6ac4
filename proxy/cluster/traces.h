/*
 * Which objects of a database may leave something in the session that uses them:
 * functions whose body says so, and whatever reaches one.  Built from the survey's
 * rows, told to a volatility snapshot, thrown away.  Control thread.
 *
 * An object is a letter and an oid, "f16385": f function, o operator, t type, c type
 * of a column, r relation, w the writing of that relation.
 */
#ifndef PGWEIR_CLUSTER_TRACES_H
#define PGWEIR_CLUSTER_TRACES_H

#include "sql/volatility.h"

#include <stdbool.h>

struct traces;

struct traces *traces_create(void);
void traces_destroy(struct traces *t);

/* In any order; all texts are borrowed until traces_tell. */
void traces_add_body(struct traces *t, const char *object, const char *body, bool is_sql);
void traces_add_name(struct traces *t, const char *object, const char *schema,
		     const char *name);
/* A use of `object` may use `used`. */
void traces_add_use(struct traces *t, const char *object, const char *used);

/* Marks in `v` what may leave something. */
void traces_tell(struct traces *t, struct volatility *v);

#endif
