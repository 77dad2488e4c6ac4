/*
 * Looks at a batch before any of it is sent: what may it do, all in all, and
 * where does it end?  Changes nothing but what the session notes about it.
 */
#include "client/batch.h"

#include "client/carried.h"
#include "client/prepared.h"
#include "client/query.h"

enum look_result {
	LOOK_MORE, /* its end is not here yet */
	LOOK_SYNC, /* whole: the last message is a Sync */
	LOOK_PREPARES, /* ends with Flush so far, and only parses and describes */
	LOOK_RUNS, /* ends with Flush so far, and something runs */
	LOOK_TOO_LONG,
	LOOK_BAD, /* a message is malformed */
};

struct look {
	struct need need;
	bool runs; /* a Bind, Execute, ... was seen */
	bool flushes; /* a Flush was seen */
	bool parses; /* a Parse was seen */
	bool is_known_good; /* nothing but Parses that were proved before */
	struct span parsed; /* the last name parsed in it */
};

struct statement_key batch_key(struct session *s, const struct parse_message *p)
{
	return (struct statement_key){ p->query, p->types, s->database, s->user,
				       carried_digest(s) };
}

/* Has some server accepted this very Parse, in the schema of today? */
static bool is_proved(struct session *s, const struct parse_message *p)
{
	struct statement_key key = batch_key(s, p);
	struct statement *st = statement_find(&s->sessions->statements, &key);

	return st && st->proved_epoch == statements_epoch(&s->sessions->statements) &&
	       !prepared_find(s, p->name) && st->query->verdict->pin == PIN_NONE;
}

static bool look_at_parse(struct session *s, const struct frame *f, struct look *look)
{
	struct parse_message parse;
	struct known_query *q;

	if (!parse_message_read(f->body, &parse))
		return false;
	q = query_know(s, parse.query);
	query_need_add(s, &look->need, q);
	known_query_drop(q);
	look->parsed = parse.name;
	look->parses = true;
	look->is_known_good = look->is_known_good && is_proved(s, &parse);
	return true;
}

static void look_at_bind(struct session *s, const struct frame *f, struct look *look)
{
	struct statement *st;
	struct bind_head bind;

	look->runs = true;
	if (bind_head_read(f->body, false, &bind) != HEAD_READ)
		return;
	if (look->parses && span_equal(bind.statement, look->parsed))
		return; /* judged with its Parse */
	st = prepared_find(s, bind.statement);
	if (st) {
		query_need_add(s, &look->need, st->query);
	} else if (look->need.is_harmless) {
		look->need.is_harmless = false;
		look->need.reason = VERDICT_BECAUSE_SESSION;
	}
}

/* Looks at one message; false when it is malformed. */
static bool look_at(struct session *s, const struct frame *f, struct look *look)
{
	if (f->type != CLIENT_PARSE)
		look->is_known_good = false;
	switch (f->type) {
	case CLIENT_PARSE:
		return look_at_parse(s, f, look);
	case CLIENT_BIND:
		look_at_bind(s, f, look);
		return true;
	case CLIENT_FLUSH:
		look->flushes = true;
		return true;
	case CLIENT_DESCRIBE:
	case CLIENT_CLOSE:
		return true;
	default:
		look->runs = true; /* Execute; and what has no place in a batch */
		return true;
	}
}

static enum look_result look_ahead(struct session *s, struct span bytes, struct look *look)
{
	struct span all = bytes;
	enum frame_result result;
	struct frame f;

	*look = (struct look){ .need.is_harmless = true, .is_known_good = true };
	while ((result = frame_next(FRAME_FROM_CLIENT, bytes, &f)) == FRAME_WHOLE) {
		if (f.type == CLIENT_SYNC)
			return LOOK_SYNC;
		if (f.type == CLIENT_QUERY || f.type == CLIENT_FUNCTION_CALL)
			return LOOK_TOO_LONG; /* legal, rare, and not worth a judgement */
		if (!look_at(s, &f, look))
			return LOOK_BAD;
		bytes = span_after(bytes, f.size);
	}
	if (result == FRAME_BAD_TYPE || result == FRAME_BAD_LENGTH)
		return LOOK_BAD;
	if (all.size > SESSION_JUDGED_BYTES ||
	    (result == FRAME_PARTIAL && f.size > SESSION_JUDGED_BYTES))
		return LOOK_TOO_LONG;
	if (!look->flushes || bytes.size > 0)
		return LOOK_MORE;
	return look->runs ? LOOK_RUNS : LOOK_PREPARES;
}

enum take batch_judge(struct session *s, struct span ahead, struct need *need)
{
	struct look look;
	enum look_result result = look_ahead(s, ahead, &look);

	if (s->arrived_us == 0)
		s->arrived_us = loop_now_us();
	*need = look.need;
	s->is_detached = false;
	s->is_local = result == LOOK_SYNC && look.is_known_good && s->state == SESSION_IDLE &&
		      !s->is_verbatim;
	switch (result) {
	case LOOK_MORE:
		return TAKE_MORE;
	case LOOK_BAD:
		session_fail(s, "08P01", "invalid message format");
		return TAKE_HOLD;
	case LOOK_SYNC:
		break;
	case LOOK_PREPARES:
		s->is_detached = !s->is_verbatim;
		break;
	case LOOK_RUNS:
		need->is_harmless = false;
		need->reason = ROUTE_FIRST_OWN + ROUTE_FLUSH;
		break;
	case LOOK_TOO_LONG:
		need->is_harmless = false;
		need->reason = ROUTE_FIRST_OWN + ROUTE_LARGE_MESSAGE;
		break;
	}
	return TAKE_DONE;
}
