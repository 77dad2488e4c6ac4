/*
 * BEGIN, SET TRANSACTION, COMMIT, ...: what a statement does to its transaction.
 * For classify.c and leave.c, like leave.h; nobody else includes it.
 */
#ifndef PGWEIR_SQL_STEP_H
#define PGWEIR_SQL_STEP_H

#include "sql/leave.h"

void step_judge(struct walk *w, const PgQuery__TransactionStmt *s);
/* SET TRANSACTION ..., which PostgreSQL takes for a kind of SET. */
void step_judge_mode(struct walk *w, const PgQuery__VariableSetStmt *s);

#endif
