/*
 * The steps of step.h.  Any thread.
 */
#include "sql/step.h"

static const PgQuery__AConst *read_constant(const PgQuery__DefElem *e)
{
	const PgQuery__Node *arg = e->arg;

	return arg && arg->node_case == PG_QUERY__NODE__NODE_A_CONST ? arg->a_const : NULL;
}

static void read_option(struct transaction_mode *mode, const PgQuery__DefElem *e)
{
	const PgQuery__AConst *c = read_constant(e);

	if (!c)
		return;
	if (strcmp(e->defname, "transaction_read_only") == 0 &&
	    c->val_case == PG_QUERY__A__CONST__VAL_IVAL)
		mode->access = c->ival->ival ? ACCESS_READ_ONLY : ACCESS_READ_WRITE;
	if (strcmp(e->defname, "transaction_isolation") == 0 &&
	    c->val_case == PG_QUERY__A__CONST__VAL_SVAL)
		mode->isolation = strcmp(c->sval->sval, "serializable") == 0 ?
					  ISOLATION_SERIALIZABLE :
					  ISOLATION_OTHER;
}

static void read_options(struct walk *w, PgQuery__Node **options, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (options[i]->node_case == PG_QUERY__NODE__NODE_DEF_ELEM)
			read_option(&w->draft.verdict.mode, options[i]->def_elem);
}

static enum transaction_step find_step(const PgQuery__TransactionStmt *s)
{
	switch (s->kind) {
	case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_BEGIN:
		return STEP_BEGIN;
	case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_START:
		return STEP_START;
	case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_COMMIT:
		return s->chain ? STEP_OTHER : STEP_COMMIT;
	case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_ROLLBACK:
		return s->chain ? STEP_OTHER : STEP_ROLLBACK;
	default:
		return STEP_OTHER;
	}
}

void step_judge(struct walk *w, const PgQuery__TransactionStmt *s)
{
	w->draft.verdict.step = find_step(s);
	read_options(w, s->options, s->n_options);
	switch (s->kind) {
	case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_COMMIT_PREPARED:
		/* What was prepared may have been DDL. */
		w->draft.verdict.changes_schema = true;
		walk_note(w, VERDICT_WRITE, VERDICT_BECAUSE_WRITE);
		break;
	case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_ROLLBACK_PREPARED:
		walk_note(w, VERDICT_WRITE, VERDICT_BECAUSE_WRITE);
		break;
	default:
		walk_note(w, VERDICT_CONTROL, VERDICT_BECAUSE_CONTROL);
		w->writes_nothing = true;
	}
}

void step_judge_mode(struct walk *w, const PgQuery__VariableSetStmt *s)
{
	bool is_mode = s->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_SET_MULTI &&
		       strcmp(s->name, "TRANSACTION") == 0;

	w->draft.verdict.step = is_mode ? STEP_MODE : STEP_OTHER;
	read_options(w, s->args, s->n_args);
}
