/*
 * The statements of a session (leave.h): which settings they touch, what binds
 * the session to its connection, what may end that.  Values are no concern of
 * it: the server is asked for them.  Any thread.
 */
#include "sql/leave.h"

#include "base/span.h"
#include "sql/lexer.h"
#include "sql/step.h"

/* PostgreSQL's bit of DECLARE … WITH HOLD. */
enum { CURSOR_WITH_HOLD = 0x20 };

/* ---- settings ---- */

static void touch(struct walk *w, const char *name, bool is_set)
{
	size_t size = strlen(name) + 1;
	char *folded = arena_get(&w->draft.arena, size);

	for (size_t i = 0; i < size; i++)
		folded[i] = fold_letter(name[i]);
	draft_add(&w->draft.settings, folded);
	draft_remove(&w->draft.sets, folded);
	if (is_set)
		draft_add(&w->draft.sets, folded);
	/* PostgreSQL sets the role back with it. */
	if (strcmp(folded, "session_authorization") == 0)
		draft_add(&w->draft.settings, "role");
	/* The generator's state can be set but not read. */
	if (strcmp(folded, "seed") == 0)
		walk_note_pin(w, PIN_UNRESETTABLE);
}

/* SET SESSION CHARACTERISTICS AS TRANSACTION …: the defaults of these. */
static void touch_characteristics(struct walk *w, const PgQuery__VariableSetStmt *s)
{
	for (size_t i = 0; i < s->n_args; i++) {
		const char *name = s->args[i]->node_case == PG_QUERY__NODE__NODE_DEF_ELEM ?
					   s->args[i]->def_elem->defname :
					   "";
		size_t room = sizeof "default_" + strlen(name);
		char *full = arena_get(&w->draft.arena, room);

		stpcpy(stpcpy(full, "default_"), name);
		touch(w, full, true);
	}
}

/* A search_path of pg_temp: what is made next may be temporary and outlive it. */
static bool names_temporary(const PgQuery__Node *node)
{
	const PgQuery__AConst *c = node->node_case == PG_QUERY__NODE__NODE_A_CONST ? node->a_const :
										     NULL;

	return c && c->val_case == PG_QUERY__A__CONST__VAL_SVAL &&
	       strcasestr(c->sval->sval, "pg_temp");
}

/* Gone with the transaction. */
static bool is_of_transaction(const PgQuery__VariableSetStmt *s)
{
	return s->is_local || strcmp(s->name, "transaction_isolation") == 0 ||
	       strcmp(s->name, "transaction_read_only") == 0 ||
	       strcmp(s->name, "transaction_deferrable") == 0;
}

static bool is_reset(const PgQuery__VariableSetStmt *s)
{
	return s->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_RESET ||
	       s->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_SET_DEFAULT;
}

static void reset_all(struct walk *w)
{
	w->draft.verdict.resets_settings = true;
	w->draft.verdict.resets_all = true;
	w->draft.sets.count = 0;
}

static void judge_set(struct walk *w, const PgQuery__VariableSetStmt *s)
{
	walk_note(w, VERDICT_SESSION, VERDICT_BECAUSE_SESSION);
	w->writes_nothing = true;
	for (size_t i = 0; i < s->n_args; i++)
		if (names_temporary(s->args[i]))
			walk_note_pin(w, PIN_TEMPORARY_TABLE);
	if (strncmp(s->name, "TRANSACTION", strlen("TRANSACTION")) == 0) {
		walk_note(w, VERDICT_CONTROL, VERDICT_BECAUSE_CONTROL);
		step_judge_mode(w, s);
		return;
	}
	if (is_of_transaction(s))
		return;
	if (s->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_RESET_ALL)
		reset_all(w);
	else if (strcmp(s->name, "SESSION CHARACTERISTICS") == 0)
		touch_characteristics(w, s);
	else
		touch(w, s->name, !is_reset(s));
	w->draft.verdict.resets_settings |= is_reset(s);
}

/* ---- what binds to the connection, or sets free ---- */

static void judge_discard(struct walk *w, const PgQuery__DiscardStmt *s)
{
	struct verdict *v = &w->draft.verdict;

	v->may_end_pin = true;
	if (s->target != PG_QUERY__DISCARD_MODE__DISCARD_ALL)
		return;
	reset_all(w);
	v->drops_prepared = true;
	v->discards_all = true;
}

static void judge_deallocate(struct walk *w, const PgQuery__DeallocateStmt *s)
{
	w->draft.verdict.may_end_pin = true;
	if (s->name[0]) {
		w->draft.verdict.deallocates = s->name;
		draft_add(&w->draft.deallocated, s->name);
	} else {
		w->draft.verdict.drops_prepared = true;
	}
}

bool leave_judge(struct walk *w, const PgQuery__Node *node)
{
	switch (node->node_case) {
	case PG_QUERY__NODE__NODE_VARIABLE_SET_STMT:
		judge_set(w, node->variable_set_stmt);
		return true;
	case PG_QUERY__NODE__NODE_DISCARD_STMT:
		judge_discard(w, node->discard_stmt);
		break;
	case PG_QUERY__NODE__NODE_DEALLOCATE_STMT:
		judge_deallocate(w, node->deallocate_stmt);
		break;
	case PG_QUERY__NODE__NODE_LISTEN_STMT:
		walk_note_pin(w, PIN_LISTEN);
		break;
	case PG_QUERY__NODE__NODE_PREPARE_STMT:
		walk_note_pin(w, PIN_PREPARE);
		w->draft.verdict.names_prepared = true;
		break;
	case PG_QUERY__NODE__NODE_UNLISTEN_STMT:
	case PG_QUERY__NODE__NODE_CLOSE_PORTAL_STMT:
		w->draft.verdict.may_end_pin = true;
		break;
	case PG_QUERY__NODE__NODE_VARIABLE_SHOW_STMT:
		break;
	case PG_QUERY__NODE__NODE_LOAD_STMT:
		walk_note_pin(w, PIN_LOAD);
		walk_note(w, VERDICT_SESSION, VERDICT_BECAUSE_SESSION);
		return true;
	case PG_QUERY__NODE__NODE_DECLARE_CURSOR_STMT:
		if (node->declare_cursor_stmt->options & CURSOR_WITH_HOLD)
			walk_note_pin(w, PIN_HOLD_CURSOR);
		walk_note(w, VERDICT_SESSION, VERDICT_BECAUSE_SESSION);
		return true;
	case PG_QUERY__NODE__NODE_EXECUTE_STMT:
	case PG_QUERY__NODE__NODE_FETCH_STMT:
		walk_note(w, VERDICT_SESSION, VERDICT_BECAUSE_SESSION);
		return true;
	default:
		return false;
	}
	walk_note(w, VERDICT_SESSION, VERDICT_BECAUSE_SESSION);
	w->writes_nothing = true;
	return true;
}

/* ---- functions ---- */

/* The parser gives TRUE a cast of its own. */
static bool is_true(const PgQuery__Node *node)
{
	const PgQuery__AConst *c;

	if (node->node_case == PG_QUERY__NODE__NODE_TYPE_CAST)
		node = node->type_cast->arg;
	c = node && node->node_case == PG_QUERY__NODE__NODE_A_CONST ? node->a_const : NULL;
	return c && c->val_case == PG_QUERY__A__CONST__VAL_BOOLVAL && c->boolval->boolval;
}

void leave_by_function(struct walk *w, const PgQuery__FuncCall *call, const char *name,
		       enum pin_reason pin)
{
	bool sets = strcmp(name, "set_config") == 0;

	if (strcmp(name, "currval") == 0 || strcmp(name, "lastval") == 0)
		w->draft.verdict.reads_sequence = true;
	if (strncmp(name, "pg_advisory_unlock", strlen("pg_advisory_unlock")) == 0)
		w->draft.verdict.may_end_pin = true;
	/* set_config(name, value, true) ends with its transaction; of what the others
	 * touch only the text knows, whose literals are not here. */
	if (sets && !(call->n_args == 3 && is_true(call->args[2])))
		w->draft.verdict.sets_config = true;
	if (!sets && pin != PIN_NONE)
		walk_note_pin(w, pin);
}

static bool is_of_settings(const char *function)
{
	const char *dot = strchr(function, '.');
	const char *name = dot ? dot + 1 : function;

	return strcmp(name, "set_config") == 0 || strcmp(name, "current_setting") == 0;
}

static bool is_plain_type(const char *type)
{
	static const char *const plain[] = { "text", "varchar", "bool", "int4", "int8" };
	const char *dot = strchr(type, '.');

	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		if (strcmp(dot ? dot + 1 : type, plain[i]) == 0)
			return true;
	return false;
}

bool leave_only_settings(const struct draft *d)
{
	if (d->functions.count == 0 || d->relations.count > 0 || d->operators.count > 0 ||
	    d->attributes.count > 0)
		return false;
	for (size_t i = 0; i < d->functions.count; i++)
		if (!is_of_settings(d->functions.items[i]))
			return false;
	for (size_t i = 0; i < d->types.count; i++)
		if (!is_plain_type(d->types.items[i]))
			return false;
	return true;
}
