/*
 * What a statement leaves behind in its session: settings, and what binds it to
 * its connection.  Shared by classify.c, which walks the tree, and leave.c;
 * nobody else includes it.
 */
#ifndef PGWEIR_SQL_LEAVE_H
#define PGWEIR_SQL_LEAVE_H

#include "sql/draft.h"

#include <pg_query/pg_query.pb-c.h>

/* One message on its way through the classifier. */
struct walk {
	struct draft draft;
	struct given_name *given; /* names of WITH; in the draft's arena */
	/* Of the statement in hand. */
	enum verdict_kind kind;
	enum verdict_reason reason;
	bool writes_nothing;
};

static inline void walk_note(struct walk *w, enum verdict_kind kind, enum verdict_reason reason)
{
	w->kind = kind;
	w->reason = reason;
}

static inline void walk_note_pin(struct walk *w, enum pin_reason pin)
{
	if (w->draft.verdict.pin == PIN_NONE)
		w->draft.verdict.pin = pin;
}

/* Judges a statement that is of its session only: SET, LISTEN, PREPARE, …;
 * false: it is none of these. */
bool leave_judge(struct walk *w, const PgQuery__Node *node);

/* A call of a function of danger.def, which says what it may leave. */
void leave_by_function(struct walk *w, const PgQuery__FuncCall *call, const char *name,
		       enum pin_reason pin);

/* Is all that the message asks for a look at settings, or a change of them? */
bool leave_only_settings(const struct draft *d);

#endif
