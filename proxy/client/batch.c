/*
 * Batches of the extended protocol: Parse, Bind, Describe, Execute, Close up to
 * a Sync.  A batch is one unit: it is looked at as a whole, gets one server, and
 * its messages are passed on with the names of statements exchanged.
 */
#include "client/query.h"

#include "client/prepared.h"
#include "base/ensure.h"
#include "wire/extended.h"
#include "wire/read.h"
#include "wire/write.h"

#include <stdio.h>

/* Our names on servers begin so; no client may use one. */
#define OUR_PREFIX "pgweir_"
/* A statement of this name exists on no server. */
#define NO_SUCH_STATEMENT "pgweir_none"
/* One that only gives DEALLOCATE something to work on. */
#define THROW_AWAY "pgweir_throw_away"

/* --- looking ahead --- */

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

static struct statement_key key_of(const struct session *s, const struct parse_message *p)
{
	return (struct statement_key){ p->query, p->types, s->database, s->user };
}

/* Has some server accepted this very Parse, under the catalogue of today? */
static bool is_proved(struct session *s, const struct parse_message *p)
{
	struct statement_key key = key_of(s, p);
	struct statement *st = statement_find(&s->sessions->statements, &key);

	return st && st->proved_generation &&
	       st->proved_generation == router_generation(s->sessions->router, s->database) &&
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
		look->need = (struct need){ false, VERDICT_BECAUSE_SESSION };
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

/* What the batch at the start of `ahead` needs.  TAKE_DONE: `need` is known. */
static enum take judge_batch(struct session *s, struct span ahead, struct need *need)
{
	struct look look;
	enum look_result result = look_ahead(s, ahead, &look);

	if (s->arrived_us == 0)
		s->arrived_us = loop_now_us();
	*need = look.need;
	s->is_detached = false;
	s->is_local = result == LOOK_SYNC && look.is_known_good && s->state == SESSION_IDLE;
	switch (result) {
	case LOOK_MORE:
		return TAKE_MORE;
	case LOOK_BAD:
		session_fail(s, "08P01", "invalid message format");
		return TAKE_HOLD;
	case LOOK_SYNC:
		break;
	case LOOK_PREPARES:
		s->is_detached = true;
		break;
	case LOOK_RUNS:
		*need = (struct need){ false, ROUTE_FIRST_OWN + ROUTE_FLUSH };
		break;
	case LOOK_TOO_LONG:
		*need = (struct need){ false, ROUTE_FIRST_OWN + ROUTE_LARGE_MESSAGE };
		break;
	}
	return TAKE_DONE;
}

/* --- passing on --- */

static void ask(struct session *s, const struct request *r)
{
	struct request full = *r;
	struct server *server = s->asker.server;

	full.asker = &s->asker;
	s->names_due += prepared_undo_is_named(full.undo);
	if (full.plan == ANSWER_PASS && full.kind == REQUEST_EXECUTE) {
		full.sent_us = loop_now_us();
		full.asked_us = s->arrived_us ? s->arrived_us : full.sent_us;
	}
	server_ask(server, &full);
}

static void ask_local(struct session *s, enum request_kind kind, const char *bytes,
		      struct prepared_undo *undo)
{
	ask(s, &(struct request){ .kind = kind,
				  .plan = ANSWER_LOCAL,
				  .local = bytes,
				  .local_size = FRAME_HEADER_BYTES,
				  .undo = undo });
}

/* The server gets a Parse of ours, whose answer nobody sees. */
static void insert_parse(struct session *s, struct statement *st, struct span name)
{
	struct server *server = s->asker.server;
	bool is_named = name.size > 0;

	if (is_named)
		server_learn(server, st, &s->asker);
	else
		server->unnamed = st->id;
	parse_message_write(conn_out(&server->conn), name, st->text, st->types);
	conn_sent(&server->conn);
	ask(s, &(struct request){ .kind = REQUEST_PARSE,
				  .plan = ANSWER_DROP_BUT_ERROR,
				  .statement = st,
				  .is_learnt = is_named });
}

static bool is_unnamed_there(const struct server *server, const struct statement *st)
{
	return server->unnamed.high == st->id.high && server->unnamed.low == st->id.low;
}

static bool may_be_servers_own(struct span name)
{
	return name.size > 0 && !span_starts_with(name, OUR_PREFIX);
}

/* The name by which the server knows what the client calls `name`; it is made
 * known there first if it is not. */
static struct span name_on_server(struct session *s, struct span name, struct statement **found)
{
	struct server *server = s->asker.server;
	struct statement *st = prepared_find(s, name);

	*found = st;
	if (!st)
		/* A SQL-level PREPARE of this (then pinned) session, or nothing. */
		return may_be_servers_own(name) ? name : span_of(NO_SUCH_STATEMENT);
	if (name.size == 0) {
		if (!is_unnamed_there(server, st)) {
			if (!st->text.data)
				return span_of(NO_SUCH_STATEMENT);
			insert_parse(s, st, name);
		}
		return name;
	}
	if (!server_knows(server, st)) {
		if (!st->text.data)
			return span_of(NO_SUCH_STATEMENT);
		insert_parse(s, st, span_of(st->name));
	}
	return span_of(st->name);
}

/* --- Parse --- */

/* DEALLOCATE of a protocol-level statement: the server would not know the name.
 * It gets one that it knows, so that the answer is its own. */
static struct span replace_deallocate(struct session *s)
{
	struct server *server = s->asker.server;
	struct buf *out = conn_out(&server->conn);

	named_message_write(out, CLIENT_CLOSE, 'S', span_of(THROW_AWAY));
	ask(s, &(struct request){ .kind = REQUEST_CLOSE, .plan = ANSWER_DROP_BUT_ERROR });
	parse_message_write(out, span_of(THROW_AWAY), span_of(""), span_make("\0\0", 2));
	ask(s, &(struct request){ .kind = REQUEST_PARSE, .plan = ANSWER_DROP_BUT_ERROR });
	return span_of("DEALLOCATE " THROW_AWAY);
}

static void send_unnamed_parse(struct session *s, const struct parse_message *p,
			       struct statement *st, struct prepared_undo *undo)
{
	struct server *server = s->asker.server;
	struct span text = p->query;

	if (st->query->verdict->deallocates &&
	    prepared_find(s, span_of(st->query->verdict->deallocates)))
		text = replace_deallocate(s);
	parse_message_write(conn_out(&server->conn), span_of(""), text, p->types);
	server->unnamed = st->id;
	ask(s, &(struct request){ .kind = REQUEST_PARSE,
				  .plan = ANSWER_PASS,
				  .statement = st,
				  .undo = undo });
}

static void send_named_parse(struct session *s, struct statement *st, struct prepared_undo *undo,
			     bool is_taken)
{
	struct server *server = s->asker.server;
	bool is_known = server_knows(server, st);
	/* In a failed transaction the server refuses all but what ends it. */
	bool is_refused = server->status == 'E' && st->query->verdict->kind != VERDICT_CONTROL;

	if (is_known && !is_taken && !is_refused) {
		ask_local(s, REQUEST_PARSE, "1\0\0\0\4", undo);
		return;
	}
	/* The client's name is taken already: a second Parse of one name makes
	 * the server say so (42P05). */
	if (!is_known && is_taken)
		insert_parse(s, st, span_of(st->name));
	if (!is_known && !is_taken)
		server_learn(server, st, &s->asker);
	parse_message_write(conn_out(&server->conn), span_of(st->name), st->text, st->types);
	ask(s, &(struct request){ .kind = REQUEST_PARSE,
				  .plan = ANSWER_PASS,
				  .statement = st,
				  .is_learnt = !is_known && !is_taken,
				  .undo = undo });
}

static bool parse_is_allowed(struct session *s, const struct parse_message *p)
{
	if (span_starts_with(p->name, OUR_PREFIX)) {
		session_fail(s, "42602", "prepared statement names must not begin with \"%s\"",
			     OUR_PREFIX);
		return false;
	}
	if (p->name.size > 0 && prepared_is_full(s)) {
		session_fail(s, "54000", "more than %d prepared statements in one session",
			     PREPARED_NAMES_MAX);
		return false;
	}
	return true;
}

static enum take pass_parse(struct session *s, const struct incoming *m)
{
	struct parse_message parse;
	struct statement_key key;
	struct known_query *q;
	struct statement *st;
	bool is_taken;

	if (!parse_message_read(m->f.body, &parse)) {
		session_fail(s, "08P01", "invalid message format");
		return TAKE_HOLD;
	}
	if (!parse_is_allowed(s, &parse))
		return TAKE_HOLD;
	q = query_know(s, parse.query);
	query_note_use(s, q);
	key = key_of(s, &parse);
	st = statement_get(&s->sessions->statements, &key, q);
	is_taken = parse.name.size > 0 && prepared_find(s, parse.name);
	if (parse.name.size == 0)
		send_unnamed_parse(s, &parse, st, prepared_set(s, parse.name, st));
	else
		send_named_parse(s, st, is_taken ? NULL : prepared_set(s, parse.name, st),
				 is_taken);
	statement_drop(st);
	known_query_drop(q);
	return TAKE_DONE;
}

static void send_long_parse(struct session *s, const struct incoming *m, struct span name,
			    struct statement *st)
{
	struct server *server = s->asker.server;
	struct buf *out = conn_out(&server->conn);
	struct span there = span_of(name.size ? st->name : "");
	size_t rest = m->f.size - FRAME_HEADER_BYTES - name.size - 1;

	if (name.size)
		server_learn(server, st, &s->asker);
	else
		server->unnamed = st->id;
	write_byte(out, CLIENT_PARSE);
	write_int32(out, (int32_t)(4 + there.size + 1 + rest));
	write_text(out, there);
	conn_send(&server->conn, span_after(m->f.body, name.size + 1));
	ask(s, &(struct request){ .kind = REQUEST_PARSE,
				  .plan = ANSWER_PASS,
				  .statement = st,
				  .is_learnt = name.size > 0,
				  .undo = prepared_set(s, name, st) });
}

/* Too long to keep: it passes by count, known to this connection only, to which
 * the session is bound from here on. */
static enum take pass_long_parse(struct session *s, const struct incoming *m)
{
	struct parse_message parse = { 0 };
	struct reader body = reader_of(m->f.body);
	struct statement *st;
	struct known_query *q;

	parse.name = read_text(&body);
	if (body.failed && m->f.body.size <= FRAME_SMALL_LIMIT)
		return TAKE_MORE;
	if (body.failed || m->f.size > FRAME_LARGE_LIMIT - STATEMENT_NAME_BYTES) {
		session_fail(s, "54000", "message Parse is too long");
		return TAKE_HOLD;
	}
	if (!parse_is_allowed(s, &parse))
		return TAKE_HOLD;
	q = query_know(s, span_make("", 0));
	st = statement_get_nameless(&s->sessions->statements, q);
	s->wrote = true;
	if (s->pin == PIN_NONE) {
		s->pin = PIN_TOO_LONG;
		stats_count(s->sessions->stats, COUNT_PINS, 1);
	}
	send_long_parse(s, m, parse.name, st);
	statement_drop(st);
	known_query_drop(q);
	return TAKE_DONE;
}

/* --- Bind, Describe, Execute, Close, Sync, Flush --- */

static void note_bound(struct session *s, struct statement *st)
{
	if (s->bound)
		known_query_drop(s->bound);
	s->bound = st ? known_query_hold(st->query) : NULL;
	if (!st)
		s->wrote = true;
	s->bound_is_control = st && query_note_use(s, st->query) == USE_CONTROL;
}

static enum take pass_bind(struct session *s, const struct incoming *m)
{
	struct server *server = s->asker.server;
	struct statement *st;
	struct bind_head bind;
	enum head_result head;
	struct span name;
	size_t rest;

	head = bind_head_read(m->f.body, m->is_whole, &bind);
	/* No name is longer than a small message. */
	if (head == HEAD_MORE && m->f.body.size <= FRAME_SMALL_LIMIT)
		return TAKE_MORE;
	if (head != HEAD_READ) {
		session_fail(s, "08P01", "invalid message format");
		return TAKE_HOLD;
	}
	rest = m->f.size - FRAME_HEADER_BYTES - bind.size;
	if (rest > FRAME_LARGE_LIMIT - 4 - bind.size - STATEMENT_NAME_BYTES) {
		session_fail(s, "54000", "message Bind is too long");
		return TAKE_HOLD;
	}
	name = name_on_server(s, bind.statement, &st);
	note_bound(s, st);
	bind_head_write(conn_out(&server->conn), bind.portal, name, rest);
	conn_send(&server->conn, span_after(m->f.body, bind.size));
	ask(s, &(struct request){ .kind = REQUEST_BIND, .plan = ANSWER_PASS, .statement = st });
	return TAKE_DONE;
}

static enum take pass_describe(struct session *s, const struct incoming *m,
			       const struct named_message *d)
{
	struct server *server = s->asker.server;
	struct statement *st;

	if (d->what == 'S') {
		struct span name = name_on_server(s, d->name, &st);

		named_message_write(conn_out(&server->conn), CLIENT_DESCRIBE, 'S', name);
	} else {
		conn_send(&server->conn, m->raw);
	}
	ask(s, &(struct request){ .kind = REQUEST_DESCRIBE, .plan = ANSWER_PASS });
	return TAKE_DONE;
}

/* The statement stays on the server for whoever else uses its text. */
static enum take pass_close(struct session *s, const struct incoming *m,
			    const struct named_message *c)
{
	bool is_statement = c->what == 'S';

	if (is_statement && (prepared_find(s, c->name) || !may_be_servers_own(c->name))) {
		ask_local(s, REQUEST_CLOSE, "3\0\0\0\4", prepared_set(s, c->name, NULL));
		return TAKE_DONE;
	}
	conn_send(&s->asker.server->conn, m->raw);
	ask(s, &(struct request){ .kind = REQUEST_CLOSE, .plan = ANSWER_PASS });
	return TAKE_DONE;
}

static enum take pass_named(struct session *s, const struct incoming *m)
{
	struct named_message named;

	if (!named_message_read(m->f.body, &named)) {
		session_fail(s, "08P01", "invalid message format");
		return TAKE_HOLD;
	}
	return m->f.type == CLIENT_DESCRIBE ? pass_describe(s, m, &named) : pass_close(s, m, &named);
}

static enum take pass_execute(struct session *s, const struct incoming *m)
{
	struct server *server = s->asker.server;
	struct execute_message execute;

	if (!execute_message_read(m->f.body, &execute)) {
		session_fail(s, "08P01", "invalid message format");
		return TAKE_HOLD;
	}
	conn_send(&server->conn, m->raw);
	ask(s, &(struct request){ .kind = REQUEST_EXECUTE,
				  .plan = ANSWER_PASS,
				  .query = s->bound });
	if (!s->bound_is_control)
		query_count_use(s, s->wrote ? USE_WRITE : USE_READ);
	return TAKE_DONE;
}

static void send_sync(struct session *s, enum answer_plan plan)
{
	write_empty(conn_out(&s->asker.server->conn), CLIENT_SYNC);
	s->is_batch_open = false;
	s->skips_to_sync = false;
	s->is_detached = false;
	s->arrived_us = 0;
	if (plan == ANSWER_PASS)
		s->readies_due++;
	ask(s, &(struct request){ .kind = REQUEST_SYNC, .plan = plan });
}

static enum take pass_sync(struct session *s)
{
	send_sync(s, ANSWER_PASS);
	return TAKE_DONE;
}

/* The batch only prepares: it ends here with a Sync of ours, so that what is run
 * later may run elsewhere.  Nothing is looked at before its answers are there,
 * since an error in it must skip what follows. */
static enum take pass_flush(struct session *s, const struct incoming *m)
{
	if (!s->is_detached) {
		conn_send(&s->asker.server->conn, m->raw);
		return TAKE_DONE;
	}
	s->owes_sync = true;
	send_sync(s, ANSWER_DROP);
	query_hold(s);
	return TAKE_DONE;
}

static enum take pass(struct session *s, const struct incoming *m)
{
	if (!m->is_whole && m->f.type != CLIENT_BIND && m->f.type != CLIENT_PARSE)
		return TAKE_MORE;
	switch (m->f.type) {
	case CLIENT_PARSE:
		if (m->is_whole)
			return pass_parse(s, m);
		return m->f.size <= SESSION_JUDGED_BYTES ? TAKE_MORE : pass_long_parse(s, m);
	case CLIENT_BIND:
		return pass_bind(s, m);
	case CLIENT_EXECUTE:
		return pass_execute(s, m);
	case CLIENT_SYNC:
		return pass_sync(s);
	case CLIENT_FLUSH:
		return pass_flush(s, m);
	default:
		return pass_named(s, m);
	}
}

/* --- the entry --- */

/* Messages that the client must not send now, or that mean nothing now. */
static enum take take_skipped(struct session *s, const struct incoming *m)
{
	s->passing_is_dropped = true;
	if (m->f.type != CLIENT_SYNC)
		return TAKE_DONE;
	if (s->state == SESSION_LINKED)
		return pass_sync(s);
	s->skips_to_sync = false;
	s->owes_sync = false;
	write_ready(conn_out(&s->conn), 'I');
	conn_sent(&s->conn);
	return TAKE_DONE;
}

static enum take take_refused(struct session *s, const struct incoming *m)
{
	query_give_refusal(s);
	s->skips_to_sync = true;
	return take_skipped(s, m);
}

/* PostgreSQL ignores both while it reads COPY data; anything else breaks it. */
static enum take take_while_copying(struct session *s, const struct incoming *m)
{
	if (m->f.type == CLIENT_SYNC || m->f.type == CLIENT_FLUSH) {
		conn_send(&s->asker.server->conn, m->raw);
		return TAKE_DONE;
	}
	session_fail(s, "08P01", "unexpected message %s during COPY from stdin",
		     frame_name(FRAME_FROM_CLIENT, m->f.type));
	return TAKE_HOLD;
}

/* A Sync or Flush outside of a batch needs no server. */
static bool take_alone(struct session *s, const struct incoming *m)
{
	if (s->state != SESSION_IDLE)
		return false;
	if (m->f.type == CLIENT_FLUSH)
		return true;
	if (m->f.type != CLIENT_SYNC)
		return false;
	s->owes_sync = false;
	write_ready(conn_out(&s->conn), 'I');
	conn_sent(&s->conn);
	return true;
}

/* A new batch: which server? */
static enum take begin_batch(struct session *s, const struct incoming *m)
{
	struct need need;
	enum take taken;

	/* What a name means is known when an earlier batch has not failed. */
	if (s->names_due > 0)
		return query_hold(s);
	if (s->state == SESSION_LINKED && query_is_bound(s)) {
		router_count_bound(s->sessions->router, s->pin != PIN_NONE);
		s->is_detached = false;
		return TAKE_DONE;
	}
	taken = judge_batch(s, m->ahead, &need);
	if (taken != TAKE_DONE)
		return taken;
	if (s->is_local)
		return TAKE_DONE;
	if (s->state == SESSION_IDLE && !query_get_server(s, &need))
		return TAKE_HOLD;
	if (!need.is_harmless && !query_is_bound(s))
		return query_change_server(s);
	return TAKE_DONE;
}

/* A batch of nothing but Parses that servers accepted before needs no server now:
 * the statement is made known to one when it is bound.  (pgbench, for one, waits
 * for a Parse with all its other clients' transactions open: were that to wait
 * for a connection of theirs, it would wait for ever.) */
static enum take take_locally(struct session *s, const struct incoming *m)
{
	struct buf *out = conn_out(&s->conn);
	struct parse_message parse;
	struct statement_key key;

	if (m->f.type == CLIENT_SYNC) {
		s->is_local = false;
		s->arrived_us = 0;
		write_ready(out, 'I');
		conn_sent(&s->conn);
		return TAKE_DONE;
	}
	ensure(m->is_whole && parse_message_read(m->f.body, &parse));
	if (!parse_is_allowed(s, &parse))
		return TAKE_HOLD;
	key = key_of(s, &parse);
	prepared_undo_forget(prepared_set(s, parse.name,
					  statement_find(&s->sessions->statements, &key)));
	write_empty(out, SERVER_PARSE_COMPLETE);
	conn_sent(&s->conn);
	return TAKE_DONE;
}

enum take query_take_batch(struct session *s, const struct incoming *m)
{
	enum take taken;

	if (s->skips_to_sync)
		return take_skipped(s, m);
	if (s->is_copying_in)
		return take_while_copying(s, m);
	if (s->refusal)
		return take_refused(s, m);
	if (!s->is_local && take_alone(s, m))
		return TAKE_DONE;
	if (!s->is_batch_open && !s->is_local) {
		taken = begin_batch(s, m);
		if (taken != TAKE_DONE)
			return taken;
	}
	if (s->is_local)
		return take_locally(s, m);
	s->passing_is_dropped = false;
	taken = pass(s, m);
	if (taken != TAKE_DONE)
		return taken;
	if (m->f.type != CLIENT_SYNC && !(m->f.type == CLIENT_FLUSH && s->owes_sync))
		s->is_batch_open = true;
	query_sent(s);
	return TAKE_DONE;
}
