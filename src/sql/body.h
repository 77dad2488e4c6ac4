/*
 * What the body of a function may leave in the session of its caller, told by its
 * words, and which words those are.  A judgement errs towards "something".
 */
#ifndef PGWEIR_SQL_BODY_H
#define PGWEIR_SQL_BODY_H

#include "base/span.h"
#include "sql/verdict.h"

/* A word or name of the body, in lower case, without quotes; of strings too, for
 * they may be SQL that is run.  Valid during the call. */
typedef void on_body_word(void *context, struct span word);

/* PIN_NONE, PIN_FUNCTION, or PIN_UNRESETTABLE: what no DISCARD ALL undoes.  A body
 * that is no SQL (nor PL/pgSQL) is read byte by byte. */
enum pin_reason body_read(struct span text, bool is_sql, on_body_word *on_word, void *context);

#endif
