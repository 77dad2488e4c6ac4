/*
 * Passes the messages of a batch on to the session's server, with the names of
 * statements exchanged and what the server lacks inserted.  Decides nothing
 * about where it runs.
 */
#include "client/batch.h"

#include "base/ensure.h"
#include "client/carried.h"
#include "client/own.h"
#include "client/pins.h"
#include "client/prepared.h"
#include "client/query.h"
#include "wire/read.h"
#include "wire/write.h"

#include <stdio.h>
#include <stdlib.h>

/* Our names on servers begin so; no client may use one. */
#define OUR_PREFIX "pgweir_"
/* A statement of this name exists on no server. */
#define NO_SUCH_STATEMENT "pgweir_none"
/* One that only gives DEALLOCATE something to work on. */
#define THROW_AWAY "pgweir_throw_away"

static void ask(struct session *s, const struct request *r)
{
	struct request full = *r;
	struct server *server = s->asker.server;

	full.asker = &s->asker;
	full.is_detached = s->is_detached;
	s->names_due += prepared_depends_on(&full);
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
				  .is_learnt = is_named,
				  .is_unnamed = !is_named });
}

static bool is_unnamed_there(const struct server *server, const struct statement *st)
{
	return server->unnamed.high == st->id.high && server->unnamed.low == st->id.low;
}

static bool may_be_servers_own(struct span name)
{
	return name.size > 0 && !span_starts_with(name, OUR_PREFIX);
}

/* The error of this SQLSTATE that the server gives to our name, with the client's. */
static struct substitute *say_of_name(const char *sqlstate, const char *format, struct span name)
{
	struct substitute *s;
	char *message;

	ensure(asprintf(&message, format, SPAN_ARGS(name)) > 0);
	s = substitute_create(sqlstate, &(struct error){ .message = message });
	free(message);
	return s;
}

/* What a Bind or Describe speaks of. */
struct meant {
	struct statement *statement; /* NULL: none of this name */
	struct span name; /* there */
	struct substitute *substitute;
};

static struct meant mean_nothing(struct session *s, struct span name)
{
	struct server *server = s->asker.server;

	if (name.size)
		return (struct meant){ NULL, span_of(NO_SUCH_STATEMENT),
				       say_of_name("26000",
						   "prepared statement \"%.*s\" does not exist",
						   name) };
	/* The server may have an unnamed one, of another client's. */
	named_message_write(conn_out(&server->conn), CLIENT_CLOSE, 'S', name);
	ask(s, &(struct request){ .kind = REQUEST_CLOSE, .plan = ANSWER_DROP_BUT_ERROR });
	server->unnamed = (struct statement_id){ 0 };
	return (struct meant){ NULL, name, NULL };
}

/* Another client was told by the server that the rows are of another type now; this
 * one, which may decode them by the old one, is told by us, once, as it would be on
 * a connection of its own. */
static struct meant mean_changed(struct session *s, struct statement *st)
{
	static const struct error changed = { .sqlstate = "0A000",
					      .message = "cached plan must not change result "
							 "type" };

	prepared_renew(s, st);
	return (struct meant){ st, span_of(NO_SUCH_STATEMENT),
			       substitute_create("26000", &changed) };
}

/* What the client calls `name`; it is made known to the server if it is not. */
static struct meant find_meant(struct session *s, struct span name)
{
	struct server *server = s->asker.server;
	struct statement *st = prepared_find(s, name);
	enum knowledge knowledge;

	/* A SQL-level PREPARE of this (then pinned) session, or nothing. */
	if (name.size && (s->is_verbatim || (!st && may_be_servers_own(name))))
		return (struct meant){ st, name, NULL };
	if (!st)
		return mean_nothing(s, name);
	if (name.size && prepared_epoch(s, name) < st->changed_epoch)
		return mean_changed(s, st);
	if (name.size)
		knowledge = server_knows(server, st, prepared_epoch(s, name));
	else
		knowledge = is_unnamed_there(server, st) ? KNOWS : KNOWS_NOT;
	if (knowledge != KNOWS && !st->text.data)
		return mean_nothing(s, name);
	if (name.size)
		name = span_of(st->name);
	if (knowledge == KNOWS_OLD)
		server_unlearn(server, st, &s->asker);
	if (knowledge != KNOWS)
		insert_parse(s, st, name);
	return (struct meant){ st, name, NULL };
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
	struct substitute *refused = pins_refuse(s, st->query->verdict, p->query);
	struct span text = refused ? span_of(PINS_REFUSED_TEXT) : p->query;
	const char *deallocates = st->query->verdict->deallocates;

	if (deallocates && !s->is_verbatim && prepared_find(s, span_of(deallocates)))
		text = replace_deallocate(s);
	parse_message_write(conn_out(&server->conn), span_of(""), text, p->types);
	server->unnamed = st->id;
	ask(s, &(struct request){ .kind = REQUEST_PARSE,
				  .plan = ANSWER_PASS,
				  .statement = st,
				  .is_unnamed = true,
				  .substitute = refused,
				  .undo = undo });
}

/* The name is taken already: the server says so (42P05), to a second Parse of ours. */
static void send_taken_parse(struct session *s, struct statement *st, struct span name)
{
	struct server *server = s->asker.server;

	if (server_knows(server, st, 0) == KNOWS_NOT)
		insert_parse(s, st, span_of(st->name));
	parse_message_write(conn_out(&server->conn), span_of(st->name), st->text, st->types);
	ask(s, &(struct request){ .kind = REQUEST_PARSE,
				  .plan = ANSWER_PASS,
				  .statement = st,
				  .substitute = say_of_name(
					  "42P05", "prepared statement \"%.*s\" already exists",
					  name) });
}

/* In a failed transaction the server refuses all but what ends it, and a batch may
 * have ended it by now: it is asked under a name that nobody uses. */
static void send_known_parse(struct session *s, struct statement *st, struct prepared_undo *undo)
{
	struct buf *out = conn_out(&s->asker.server->conn);

	named_message_write(out, CLIENT_CLOSE, 'S', span_of(THROW_AWAY));
	ask(s, &(struct request){ .kind = REQUEST_CLOSE, .plan = ANSWER_DROP_BUT_ERROR });
	parse_message_write(out, span_of(THROW_AWAY), st->text, st->types);
	ask(s, &(struct request){ .kind = REQUEST_PARSE,
				  .plan = ANSWER_PASS,
				  .statement = st,
				  .undo = undo });
}

static void send_named_parse(struct session *s, struct statement *st, struct prepared_undo *undo)
{
	struct server *server = s->asker.server;
	struct substitute *refused = pins_refuse(s, st->query->verdict, st->text);
	enum knowledge knowledge = server_knows(server, st, statements_epoch(st->owner));

	if (knowledge != KNOWS_NOT && server->status == 'E' && !refused) {
		send_known_parse(s, st, undo);
		return;
	}
	if (knowledge == KNOWS && !refused) {
		ask_local(s, REQUEST_PARSE, "1\0\0\0\4", undo);
		return;
	}
	if (knowledge != KNOWS_NOT)
		server_unlearn(server, st, &s->asker);
	server_learn(server, st, &s->asker);
	parse_message_write(conn_out(&server->conn), span_of(st->name),
			    refused ? span_of(PINS_REFUSED_TEXT) : st->text, st->types);
	ask(s, &(struct request){ .kind = REQUEST_PARSE,
				  .plan = ANSWER_PASS,
				  .statement = st,
				  .is_learnt = true,
				  .substitute = refused,
				  .undo = undo });
}

/* --- by the client's own names --- */

static void send_verbatim_parse(struct session *s, const struct parse_message *p,
				struct statement *st, struct prepared_undo *undo)
{
	parse_message_write(conn_out(&s->asker.server->conn), p->name, p->query, p->types);
	ask(s, &(struct request){ .kind = REQUEST_PARSE,
				  .plan = ANSWER_PASS,
				  .statement = st,
				  .undo = undo });
}

/* It may fail, if its tables are gone, and then is unknown there; so each has a Sync
 * of its own, but within the client's batch. */
static void tell_name(struct session *s, struct span name, struct statement *st)
{
	struct server *server = s->asker.server;
	struct request r = { .kind = REQUEST_PARSE,
			     .plan = s->is_batch_open ? ANSWER_DROP_BUT_ERROR : ANSWER_DROP,
			     .purpose = s->is_batch_open ? OWN_NOTHING : OWN_NAMES,
			     .asker = &s->asker };

	parse_message_write(conn_out(&server->conn), name, st->text, st->types);
	server_ask(server, &r);
	if (s->is_batch_open)
		return;
	write_empty(conn_out(&server->conn), CLIENT_SYNC);
	r.kind = REQUEST_SYNC;
	server_ask(server, &r);
}

void batch_make_verbatim(struct session *s)
{
	struct server *server = s->asker.server;
	struct prepared_cursor at = { 0 };

	if (s->is_verbatim || server->status == 'E')
		return;
	session_pin(s, PIN_PREPARE);
	s->is_verbatim = true;
	while (prepared_next(s, &at)) {
		if (at.statement->text.data)
			tell_name(s, at.name, at.statement);
	}
	conn_sent(&server->conn);
}

bool batch_parse_is_allowed(struct session *s, const struct parse_message *p)
{
	if (s->is_verbatim)
		return true;
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

/* A name that is taken keeps its meaning: the server will refuse. */
static struct prepared_undo *set_if_new(struct session *s, struct span name, struct statement *st)
{
	return prepared_find(s, name) ? NULL : prepared_set(s, name, st);
}

static enum take pass_parse(struct session *s, const struct incoming *m)
{
	struct parse_message parse;
	struct statement_key key;
	struct known_query *q;
	struct statement *st;

	if (!parse_message_read(m->f.body, &parse)) {
		session_fail(s, "08P01", "invalid message format");
		return TAKE_HOLD;
	}
	if (!batch_parse_is_allowed(s, &parse))
		return TAKE_HOLD;
	q = query_know(s, parse.query);
	key = batch_key(s, &parse);
	st = statement_get(&s->sessions->statements, &key, q);
	/* The answer would be ours, but an earlier statement may yet fail its
	 * transaction, and with it this Parse. */
	if (parse.name.size > 0 && s->readies_due > 0 && !s->is_verbatim &&
	    server_knows(s->asker.server, st, 0) != KNOWS_NOT) {
		statement_drop(st);
		known_query_drop(q);
		return query_hold(s);
	}
	if (q->verdict->names_prepared && !pins_refuse_any(s))
		batch_make_verbatim(s);
	if (parse.name.size == 0)
		send_unnamed_parse(s, &parse, st, prepared_set(s, parse.name, st));
	else if (s->is_verbatim)
		send_verbatim_parse(s, &parse, st, set_if_new(s, parse.name, st));
	else if (prepared_find(s, parse.name))
		send_taken_parse(s, st, parse.name);
	else
		send_named_parse(s, st, prepared_set(s, parse.name, st));
	statement_drop(st);
	known_query_drop(q);
	return TAKE_DONE;
}

static void send_long_parse(struct session *s, const struct incoming *m, struct span name,
			    struct statement *st)
{
	struct server *server = s->asker.server;
	struct buf *out = conn_out(&server->conn);
	struct span there = s->is_verbatim ? name : span_of(name.size ? st->name : "");
	bool is_ours = name.size > 0 && !s->is_verbatim;
	size_t rest = m->f.size - FRAME_HEADER_BYTES - name.size - 1;

	if (is_ours)
		server_learn(server, st, &s->asker);
	if (name.size == 0)
		server->unnamed = st->id;
	write_byte(out, CLIENT_PARSE);
	write_int32(out, (int32_t)(4 + there.size + 1 + rest));
	write_text(out, there);
	conn_send(&server->conn, span_after(m->f.body, name.size + 1));
	ask(s, &(struct request){ .kind = REQUEST_PARSE,
				  .plan = ANSWER_PASS,
				  .statement = st,
				  .is_learnt = is_ours,
				  .is_unnamed = name.size == 0,
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
	if (!batch_parse_is_allowed(s, &parse))
		return TAKE_HOLD;
	q = query_know(s, span_make("", 0));
	st = statement_get_nameless(&s->sessions->statements, q);
	s->wrote = true;
	session_pin(s, PIN_TOO_LONG);
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
	s->bound_is_control = false;
	if (!st)
		return;
	carried_note(s, st->query->verdict, st->text);
	s->bound_is_control = query_note_use(s, st->query) == USE_CONTROL;
}

/* Which statement a portal runs is known for the last Bind only: this one is taken
 * to run, whichever that will be. */
static void note_named_portal(struct session *s, const struct verdict *v)
{
	if (v->drops_prepared || v->deallocates)
		s->asker.server->is_tainted = true;
	if (v->resets_settings)
		carried_note_reset(s, v);
}

static enum take pass_bind(struct session *s, const struct incoming *m)
{
	struct server *server = s->asker.server;
	struct meant meant;
	struct bind_head bind;
	enum head_result head;
	size_t rest;

	head = bind_head_read(m->f.body, m->is_whole, &bind);
	/* No name is longer than a small message. */
	if (head == HEAD_MORE && m->f.body.size <= FRAME_SMALL_LIMIT)
		return TAKE_MORE;
	if (head != HEAD_READ) {
		session_fail(s, "08P01", "invalid message format");
		return TAKE_HOLD;
	}
	if (bind.statement.size == 0 && server_is_unnamed_unsure(server))
		return query_hold(s);
	rest = m->f.size - FRAME_HEADER_BYTES - bind.size;
	if (rest > FRAME_LARGE_LIMIT - 4 - bind.size - STATEMENT_NAME_BYTES) {
		session_fail(s, "54000", "message Bind is too long");
		return TAKE_HOLD;
	}
	meant = find_meant(s, bind.statement);
	note_bound(s, meant.statement);
	if (meant.statement && bind.portal.size > 0)
		note_named_portal(s, meant.statement->query->verdict);
	bind_head_write(conn_out(&server->conn), bind.portal, meant.name, rest);
	conn_send(&server->conn, span_after(m->f.body, bind.size));
	ask(s, &(struct request){ .kind = REQUEST_BIND,
				  .plan = ANSWER_PASS,
				  .statement = meant.statement,
				  .substitute = meant.substitute });
	return TAKE_DONE;
}

static enum take pass_describe(struct session *s, const struct incoming *m,
			       const struct named_message *d)
{
	struct server *server = s->asker.server;
	struct meant meant = { 0 };

	if (d->what == 'S' && d->name.size == 0 && server_is_unnamed_unsure(server))
		return query_hold(s);
	if (d->what == 'S') {
		meant = find_meant(s, d->name);
		named_message_write(conn_out(&server->conn), CLIENT_DESCRIBE, 'S', meant.name);
	} else {
		conn_send(&server->conn, m->raw);
	}
	ask(s, &(struct request){ .kind = REQUEST_DESCRIBE,
				  .plan = ANSWER_PASS,
				  .statement = meant.statement,
				  .substitute = meant.substitute });
	return TAKE_DONE;
}

/* The statement stays on the server for whoever else uses its text. */
static enum take pass_close(struct session *s, const struct incoming *m,
			    const struct named_message *c)
{
	bool is_statement = c->what == 'S';

	if (is_statement && s->is_verbatim) {
		conn_send(&s->asker.server->conn, m->raw);
		ask(s, &(struct request){ .kind = REQUEST_CLOSE,
					  .plan = ANSWER_PASS,
					  .undo = prepared_set(s, c->name, NULL) });
		return TAKE_DONE;
	}
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
	if (m->f.type == CLIENT_DESCRIBE)
		return pass_describe(s, m, &named);
	return pass_close(s, m, &named);
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
	s->must_be_answered = s->bound && query_must_be_answered(s, s->bound);
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
	s->owes_sync = plan == ANSWER_DROP;
	s->arrived_us = 0;
	s->must_be_answered = carried_restores(s);
	if (plan == ANSWER_PASS)
		s->readies_due++;
	ask(s, &(struct request){ .kind = REQUEST_SYNC, .plan = plan });
}

void batch_pass_sync(struct session *s)
{
	send_sync(s, ANSWER_PASS);
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
	send_sync(s, ANSWER_DROP);
	query_hold(s);
	return TAKE_DONE;
}

enum take batch_pass(struct session *s, const struct incoming *m)
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
		batch_pass_sync(s);
		return TAKE_DONE;
	case CLIENT_FLUSH:
		return pass_flush(s, m);
	default:
		return pass_named(s, m);
	}
}
