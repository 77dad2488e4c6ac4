/*
 * The classifier of classify.h; the only file that knows libpg_query.  It judges
 * each statement by its kind, then visits *every* node of its tree, whatever the
 * node is, so nothing hides in a clause that was not thought of.  Knows no
 * catalogue.  Any thread; libpg_query keeps its memory per thread.
 *
 * Invariant: only a statement that is READ can become WRITE by what is in it; the
 * other kinds stay with the primary anyway.
 */
#include "sql/classify.h"

#include "base/ensure.h"
#include "sql/danger.h"
#include "sql/guess.h"
#include "sql/leave.h"
#include "sql/step.h"

#include <pg_query.h>
#include <stdlib.h>
#include <strings.h>

#define uthash_malloc(size) memory_get(size)
#include <uthash.h>

/* A name that WITH gives is no relation where it can be seen. */
struct given_name {
	UT_hash_handle hh;
	unsigned count; /* of the queries that see it here */
	char name[];
};

static void note_write(struct walk *w, enum verdict_reason reason)
{
	if (w->kind == VERDICT_READ)
		walk_note(w, VERDICT_WRITE, reason);
}

/* ---- names ---- */

static const char *read_string(const PgQuery__Node *node)
{
	if (!node || node->node_case != PG_QUERY__NODE__NODE_STRING)
		return NULL;
	return node->string->sval;
}

/* The last of a list of names; `schema` gets the one before, or NULL. */
static const char *read_name(PgQuery__Node **list, size_t count, const char **schema)
{
	*schema = count > 1 ? read_string(list[count - 2]) : NULL;
	return count > 0 ? read_string(list[count - 1]) : NULL;
}

static void add_name(struct walk *w, struct names *names, PgQuery__Node **list, size_t count)
{
	const char *schema, *name = read_name(list, count, &schema);

	if (name)
		draft_add_qualified(&w->draft, names, schema, name);
}

static void add_operator(struct walk *w, PgQuery__Node **list, size_t count)
{
	const char *schema, *name = read_name(list, count, &schema);

	if (name)
		draft_add_qualified(&w->draft, &w->draft.operators, schema, name);
}

static bool is_temporary_schema(const char *schema)
{
	return schema && strncmp(schema, "pg_temp", strlen("pg_temp")) == 0;
}

static struct given_name *find_given(const struct walk *w, const char *name)
{
	struct given_name *g;

	HASH_FIND_STR(w->given, name, g);
	return g;
}

/* From here on the name is seen. */
static void give_name(struct walk *w, const PgQuery__Node *query)
{
	const char *name = query->common_table_expr->ctename;
	struct given_name *g = find_given(w, name);

	if (!g) {
		g = arena_get(&w->draft.arena, sizeof(*g) + strlen(name) + 1);
		g->count = 0;
		memcpy(g->name, name, strlen(name) + 1);
		HASH_ADD_STR(w->given, name, g);
	}
	g->count++;
}

static void take_name(struct walk *w, const PgQuery__Node *query)
{
	find_given(w, query->common_table_expr->ctename)->count--;
}

static bool is_given(const struct walk *w, const char *name)
{
	const struct given_name *g = find_given(w, name);

	return g && g->count > 0;
}

static bool is_temporary(const PgQuery__RangeVar *r)
{
	return r && (strcmp(r->relpersistence, "t") == 0 || is_temporary_schema(r->schemaname));
}

static void add_relation(struct walk *w, const PgQuery__RangeVar *r)
{
	if (r)
		draft_add_qualified(&w->draft, &w->draft.relations, r->schemaname, r->relname);
}

/* ---- every node of the tree; each returns whether its parts are visited too ---- */

static bool see_relation(struct walk *w, const PgQuery__RangeVar *r)
{
	if (is_temporary(r))
		walk_note_pin(w, PIN_TEMPORARY_TABLE);
	if (r->schemaname[0] || !is_given(w, r->relname))
		add_relation(w, r);
	return false;
}

static void see_function(struct walk *w, const PgQuery__FuncCall *call)
{
	enum pin_reason pin = PIN_NONE;
	const char *schema, *name = read_name(call->funcname, call->n_funcname, &schema);

	add_name(w, &w->draft.functions, call->funcname, call->n_funcname);
	if (!name || !danger_find(span_of(name), &pin))
		return;
	note_write(w, VERDICT_BECAUSE_FUNCTION);
	leave_by_function(w, call, name, pin);
}

/* BETWEEN has a name of its own but is made of comparisons. */
static void see_expression(struct walk *w, const PgQuery__AExpr *e)
{
	switch (e->kind) {
	case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN:
	case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN:
	case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN_SYM:
	case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN_SYM:
		draft_add(&w->draft.operators, "<");
		draft_add(&w->draft.operators, "<=");
		draft_add(&w->draft.operators, ">");
		draft_add(&w->draft.operators, ">=");
		break;
	default:
		add_operator(w, e->name, e->n_name);
	}
}

/* "x in (select …)" names no operator and means "=". */
static void see_sublink(struct walk *w, const PgQuery__SubLink *s)
{
	if (s->n_oper_name > 0)
		add_operator(w, s->oper_name, s->n_oper_name);
	else if (s->testexpr)
		draft_add(&w->draft.operators, "=");
}

/* PostgreSQL reads t.f as f(t) if t has no column f; what it is, the catalogue
 * must say. */
static void see_column(struct walk *w, const PgQuery__ColumnRef *c)
{
	const char *name = c->n_fields > 1 ? read_string(c->fields[c->n_fields - 1]) : NULL;

	if (name)
		draft_add(&w->draft.attributes, name);
}

static void see_indirection(struct walk *w, const PgQuery__AIndirection *a)
{
	size_t i;

	for (i = 0; i < a->n_indirection; i++) {
		const char *name = read_string(a->indirection[i]);

		if (name)
			draft_add(&w->draft.attributes, name);
	}
}

static void add_written(struct walk *w, const PgQuery__RangeVar *target)
{
	/* It is a table even if a query of WITH has its name. */
	add_relation(w, target);
	if (target)
		draft_add_qualified(&w->draft, &w->draft.written, target->schemaname,
				    target->relname);
}

static void see_writing(struct walk *w, const PgQuery__RangeVar *target)
{
	note_write(w, VERDICT_BECAUSE_WRITING_CTE);
	/* An UPDATE of this view is a SET of what nobody can foresee. */
	if (target && strcmp(target->relname, "pg_settings") == 0)
		walk_note_pin(w, PIN_SET_CONFIG);
	add_written(w, target);
}

static void see_into(struct walk *w, const PgQuery__IntoClause *into)
{
	note_write(w, VERDICT_BECAUSE_INTO);
	w->draft.verdict.changes_schema |= !is_temporary(into->rel);
}

#define AS(type, message) ((const PgQuery__##type *)(message))

static bool see_message(struct walk *w, const ProtobufCMessage *m)
{
	const ProtobufCMessageDescriptor *d = m->descriptor;

	if (d == &pg_query__range_var__descriptor)
		return see_relation(w, AS(RangeVar, m));
	if (d == &pg_query__func_call__descriptor)
		see_function(w, AS(FuncCall, m));
	else if (d == &pg_query__a__expr__descriptor)
		see_expression(w, AS(AExpr, m));
	else if (d == &pg_query__column_ref__descriptor)
		see_column(w, AS(ColumnRef, m));
	else if (d == &pg_query__type_name__descriptor)
		add_name(w, &w->draft.types, AS(TypeName, m)->names, AS(TypeName, m)->n_names);
	else if (d == &pg_query__sub_link__descriptor)
		see_sublink(w, AS(SubLink, m));
	else if (d == &pg_query__a__indirection__descriptor)
		see_indirection(w, AS(AIndirection, m));
	else if (d == &pg_query__sort_by__descriptor)
		add_operator(w, AS(SortBy, m)->use_op, AS(SortBy, m)->n_use_op);
	else if (d == &pg_query__case_expr__descriptor && AS(CaseExpr, m)->arg)
		draft_add(&w->draft.operators, "=");
	else if (d == &pg_query__join_expr__descriptor &&
		 (AS(JoinExpr, m)->is_natural || AS(JoinExpr, m)->n_using_clause > 0))
		draft_add(&w->draft.operators, "=");
	else if (d == &pg_query__range_table_sample__descriptor)
		add_name(w, &w->draft.functions, AS(RangeTableSample, m)->method,
			 AS(RangeTableSample, m)->n_method);
	else if (d == &pg_query__string__descriptor && is_temporary_schema(AS(String, m)->sval))
		walk_note_pin(w, PIN_TEMPORARY_TABLE);
	else if (d == &pg_query__execute_stmt__descriptor)
		w->draft.verdict.names_prepared = true;
	else if (d == &pg_query__locking_clause__descriptor)
		note_write(w, VERDICT_BECAUSE_LOCKING);
	else if (d == &pg_query__into_clause__descriptor)
		see_into(w, AS(IntoClause, m));
	else if (d == &pg_query__insert_stmt__descriptor)
		see_writing(w, AS(InsertStmt, m)->relation);
	else if (d == &pg_query__update_stmt__descriptor)
		see_writing(w, AS(UpdateStmt, m)->relation);
	else if (d == &pg_query__delete_stmt__descriptor)
		see_writing(w, AS(DeleteStmt, m)->relation);
	else if (d == &pg_query__merge_stmt__descriptor)
		see_writing(w, AS(MergeStmt, m)->relation);
	/* The tables of FOR UPDATE OF are aliases; the text of a literal is no name. */
	return d != &pg_query__locking_clause__descriptor && d != &pg_query__a__const__descriptor;
}

static const PgQuery__WithClause *read_with(const ProtobufCMessage *m)
{
	const ProtobufCMessageDescriptor *d = m->descriptor;

	if (d == &pg_query__select_stmt__descriptor)
		return AS(SelectStmt, m)->with_clause;
	if (d == &pg_query__insert_stmt__descriptor)
		return AS(InsertStmt, m)->with_clause;
	if (d == &pg_query__update_stmt__descriptor)
		return AS(UpdateStmt, m)->with_clause;
	if (d == &pg_query__delete_stmt__descriptor)
		return AS(DeleteStmt, m)->with_clause;
	if (d == &pg_query__merge_stmt__descriptor)
		return AS(MergeStmt, m)->with_clause;
	return NULL;
}

static void visit(struct walk *w, const ProtobufCMessage *m);

static void visit_field(struct walk *w, const ProtobufCMessage *m,
			const ProtobufCFieldDescriptor *field)
{
	const char *base = (const char *)m;
	const void *at = base + field->offset;
	size_t i, count;

	if (field->type != PROTOBUF_C_TYPE_MESSAGE)
		return;
	if (field->label != PROTOBUF_C_LABEL_REPEATED) {
		visit(w, *(ProtobufCMessage *const *)at);
		return;
	}
	count = *(const size_t *)(base + field->quantifier_offset);
	for (i = 0; i < count; i++)
		visit(w, (*(ProtobufCMessage **const *)at)[i]);
}

/* A query of WITH sees those before it, or with RECURSIVE all of them. */
static void visit_with(struct walk *w, const PgQuery__WithClause *with)
{
	size_t i;

	for (i = 0; with->recursive && i < with->n_ctes; i++)
		give_name(w, with->ctes[i]);
	for (i = 0; i < with->n_ctes; i++) {
		visit(w, &with->ctes[i]->base);
		if (!with->recursive)
			give_name(w, with->ctes[i]);
	}
}

static void visit_parts(struct walk *w, const ProtobufCMessage *m)
{
	const PgQuery__WithClause *with = read_with(m);
	unsigned i;

	if (with)
		visit_with(w, with);
	for (i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &m->descriptor->fields[i];

		if (!with || strcmp(field->name, "with_clause") != 0)
			visit_field(w, m, field);
	}
	for (i = 0; with && i < with->n_ctes; i++)
		take_name(w, with->ctes[i]);
}

/* A Node is one pointer of many types, and all of them are messages. */
static const ProtobufCMessage *open_node(const ProtobufCMessage *m)
{
	const PgQuery__Node *node = (const PgQuery__Node *)m;

	if (!m || m->descriptor != &pg_query__node__descriptor)
		return m;
	if (node->node_case == PG_QUERY__NODE__NODE__NOT_SET)
		return NULL;
	return (const ProtobufCMessage *)node->alias;
}

static void visit(struct walk *w, const ProtobufCMessage *m)
{
	m = open_node(m);
	if (m && see_message(w, m))
		visit_parts(w, m);
}

/* ---- statements by their kind ---- */

/* Anything but 0, "false" and "off" counts as true, also what PostgreSQL refuses. */
static bool is_true(const PgQuery__Node *value)
{
	const char *word = read_string(value);

	if (!value)
		return true;
	if (value->node_case == PG_QUERY__NODE__NODE_INTEGER)
		return value->integer->ival != 0;
	return !word || (strcasecmp(word, "false") != 0 && strcasecmp(word, "off") != 0);
}

static bool is_analyze(const PgQuery__Node *option)
{
	return option->node_case == PG_QUERY__NODE__NODE_DEF_ELEM &&
	       strcmp(option->def_elem->defname, "analyze") == 0 && is_true(option->def_elem->arg);
}

/* COPY FROM, TRUNCATE: targets that the walk over the tree meets as relations. */
static void note_targets(struct walk *w, const PgQuery__Node *node)
{
	if (node->node_case == PG_QUERY__NODE__NODE_COPY_STMT && node->copy_stmt->is_from)
		add_written(w, node->copy_stmt->relation);
	if (node->node_case != PG_QUERY__NODE__NODE_TRUNCATE_STMT)
		return;
	for (size_t i = 0; i < node->truncate_stmt->n_relations; i++)
		add_written(w, node->truncate_stmt->relations[i]->range_var);
}

static void judge(struct walk *w, const PgQuery__Node *node);

static void judge_explain(struct walk *w, const PgQuery__ExplainStmt *s)
{
	size_t i;

	judge(w, s->query);
	for (i = 0; i < s->n_options; i++)
		if (is_analyze(s->options[i]))
			walk_note(w, VERDICT_WRITE, VERDICT_BECAUSE_EXPLAIN_ANALYZE);
}

static void judge_do(struct walk *w, const PgQuery__DoStmt *s)
{
	size_t i;

	walk_note(w, VERDICT_WRITE, VERDICT_BECAUSE_WRITE);
	for (i = 0; i < s->n_args; i++) {
		const char *body = read_string(s->args[i]->def_elem->arg);
		struct guess g = guess_from_bytes(body ? span_of(body) : span_of(""));

		if (g.may_leave)
			walk_note_pin(w, PIN_NOT_PARSED);
		w->draft.verdict.changes_schema |= g.may_change_schema;
	}
}

/* Tables that only this session has are no business of the catalogue's. */
static bool makes_temporary(const PgQuery__Node *node)
{
	switch (node->node_case) {
	case PG_QUERY__NODE__NODE_CREATE_STMT:
		return is_temporary(node->create_stmt->relation);
	case PG_QUERY__NODE__NODE_CREATE_TABLE_AS_STMT:
		return is_temporary(node->create_table_as_stmt->into->rel);
	case PG_QUERY__NODE__NODE_VIEW_STMT:
		return is_temporary(node->view_stmt->view);
	case PG_QUERY__NODE__NODE_CREATE_SEQ_STMT:
		return is_temporary(node->create_seq_stmt->sequence);
	default:
		return false;
	}
}

/* By the name of the statement's message: one too many costs a look at the
 * catalogue, one too few a wrong route. */
static bool is_definition(const PgQuery__Node *node)
{
	static const char *const prefixes[] = {
		"Create", "Alter", "Drop", "Rename", "Define", "Composite",
		"ViewStmt", "Rule", "Import",
	};
	const char *name = open_node(&node->base)->descriptor->short_name;
	size_t i;

	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static void judge_other(struct walk *w, const PgQuery__Node *node)
{
	walk_note(w, VERDICT_WRITE, VERDICT_BECAUSE_WRITE);
	note_targets(w, node);
	/* A temporary table may be among what is dropped. */
	w->draft.verdict.may_end_pin |= node->node_case == PG_QUERY__NODE__NODE_DROP_STMT;
	if (is_definition(node) && !makes_temporary(node))
		w->draft.verdict.changes_schema = true;
}

static void judge(struct walk *w, const PgQuery__Node *node)
{
	if (leave_judge(w, node))
		return;
	switch (node->node_case) {
	case PG_QUERY__NODE__NODE_SELECT_STMT:
		walk_note(w, VERDICT_READ, VERDICT_BECAUSE_READ);
		break;
	case PG_QUERY__NODE__NODE_EXPLAIN_STMT:
		judge_explain(w, node->explain_stmt);
		break;
	case PG_QUERY__NODE__NODE_TRANSACTION_STMT:
		step_judge(w, node->transaction_stmt);
		break;
	case PG_QUERY__NODE__NODE_DO_STMT:
		judge_do(w, node->do_stmt);
		break;
	default:
		judge_other(w, node);
	}
}

/* ---- the message ---- */

/* One kind for two statements: the same, or what suits both.  A transaction that
 * is opened or closed together with anything else is the primary's. */
static void add_statement(struct walk *w)
{
	struct verdict *v = &w->draft.verdict;

	if (v->kind == VERDICT_EMPTY || (v->kind == VERDICT_READ && w->kind == VERDICT_SESSION) ||
	    (v->kind != VERDICT_WRITE && w->kind == VERDICT_WRITE)) {
		v->kind = w->kind;
		v->reason = w->reason;
		return;
	}
	if (v->kind == w->kind || v->kind == VERDICT_WRITE ||
	    (v->kind == VERDICT_SESSION && w->kind == VERDICT_READ))
		return;
	if (v->kind == VERDICT_READ)
		v->reason = w->reason;
	v->kind = VERDICT_WRITE;
}

static void see_statement(struct walk *w, const PgQuery__Node *node)
{
	w->writes_nothing = false;
	judge(w, node);
	visit(w, &node->base);
	add_statement(w);
}

static void see_all(struct walk *w, const PgQuery__ParseResult *tree)
{
	struct verdict *v = &w->draft.verdict;
	bool writes_nothing = tree->n_stmts > 0;
	size_t i;

	for (i = 0; i < tree->n_stmts; i++) {
		see_statement(w, tree->stmts[i]->stmt);
		writes_nothing = writes_nothing && w->writes_nothing;
	}
	v->writes_nothing = writes_nothing;
	if (tree->n_stmts != 1 && v->deallocates)
		v->names_prepared = true;
	if (tree->n_stmts != 1)
		v->step = STEP_NONE;
	if (tree->n_stmts != 1)
		v->deallocates = NULL;
	else if (tree->stmts[0]->stmt->node_case == PG_QUERY__NODE__NODE_SELECT_STMT &&
		 w->reason == VERDICT_BECAUSE_FUNCTION)
		v->writes_nothing = leave_only_settings(&w->draft);
}

static struct verdict *make_unparsed(struct guess g, enum route_hint hint,
				     enum verdict_reason reason)
{
	bool is_size = reason == VERDICT_BECAUSE_TOO_LONG || reason == VERDICT_BECAUSE_TOO_DEEP;
	struct draft d;

	draft_init(&d);
	d.verdict.kind = VERDICT_WRITE;
	d.verdict.reason = reason;
	d.verdict.hint = hint;
	d.verdict.changes_schema = g.may_change_schema;
	if (g.may_leave)
		verdict_add_pin(&d.verdict, is_size ? PIN_TOO_LONG : PIN_NOT_PARSED);
	return draft_finish(&d);
}

struct verdict *classify_unparsed(struct span text, bool standard_conforming_strings,
				  enum verdict_reason reason)
{
	bool is_readable = reason != VERDICT_BECAUSE_ENCODING;
	struct guess g = is_readable ? guess_from_tokens(text, standard_conforming_strings) :
				       guess_from_bytes(text);

	return make_unparsed(g, HINT_NONE, reason);
}

static struct verdict *classify_tree(const PgQuery__ParseResult *tree, enum route_hint hint)
{
	struct walk w;
	struct verdict *v = &w.draft.verdict;

	draft_init(&w.draft);
	w.given = NULL;
	v->kind = VERDICT_EMPTY;
	v->reason = VERDICT_BECAUSE_EMPTY;
	v->hint = hint;
	see_all(&w, tree);
	HASH_CLEAR(hh, w.given);
	return draft_finish(&w.draft);
}

static struct verdict *classify_text(char *text, size_t size, enum route_hint hint)
{
	PgQueryProtobufParseResult parsed = pg_query_parse_protobuf(text);
	PgQuery__ParseResult *tree = NULL;
	struct verdict *v;

	if (!parsed.error)
		tree = pg_query__parse_result__unpack(NULL, parsed.parse_tree.len,
						      (const uint8_t *)parsed.parse_tree.data);
	if (tree)
		v = classify_tree(tree, hint);
	else
		v = make_unparsed(guess_from_tokens(span_make(text, size), true), hint,
				  VERDICT_BECAUSE_NOT_PARSED);
	if (tree)
		pg_query__parse_result__free_unpacked(tree, NULL);
	pg_query_free_protobuf_parse_result(parsed);
	return v;
}

struct verdict *classify_normal(const struct normal *normal)
{
	size_t size = normal->text.size;
	struct verdict *v;
	char *text;

	ensure(normal_is_bounded(normal) && !normal->is_broken && size <= NORMAL_BYTES_MAX);
	text = memory_get(size + 1);
	memcpy(text, normal->text.data, size);
	text[size] = '\0';
	normal_fill(text, size);
	v = classify_text(text, size, normal->hint);
	free(text);
	return v;
}
