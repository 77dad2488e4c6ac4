/*
 * Passes the messages of a batch on to the session's server, with the names of
 * statements exchanged and what the server lacks inserted.  Decides nothing
 * about where it runs.
 */
#include "client/batch.h"

#include "base/ensure.h"
#include "client/prepared.h"
#include "client/query.h"
#include "wire/read.h"
#include "wire/write.h"

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
				  .is_unnamed = true,
				  .undo = undo });
}

static void send_named_parse(struct session *s, struct statement *st, struct prepared_undo *undo,
			     bool is_taken)
{
	struct server *server = s->asker.server;
	bool is_known = server_knows(server, st);
	/* In a failed transaction the server refuses all but what ends it. */
	enum verdict_kind kind = st->query->verdict->kind;
	bool is_refused = server->status == 'E' && kind != VERDICT_CONTROL &&
			  kind != VERDICT_EMPTY;

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

bool batch_parse_is_allowed(struct session *s, const struct parse_message *p)
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
	if (!batch_parse_is_allowed(s, &parse))
		return TAKE_HOLD;
	q = query_know(s, parse.query);
	key = batch_key(s, &parse);
	st = statement_get(&s->sessions->statements, &key, q);
	/* The answer would be ours, but an earlier statement may yet fail its
	 * transaction, and with it this Parse. */
	if (parse.name.size > 0 && s->readies_due > 0 && server_knows(s->asker.server, st)) {
		statement_drop(st);
		known_query_drop(q);
		return query_hold(s);
	}
	query_note_use(s, q);
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
	if (bind.statement.size == 0 && server_is_unnamed_unsure(server))
		return query_hold(s);
	rest = m->f.size - FRAME_HEADER_BYTES - bind.size;
	if (rest > FRAME_LARGE_LIMIT - 4 - bind.size - STATEMENT_NAME_BYTES) {
		session_fail(s, "54000", "message Bind is too long");
		return TAKE_HOLD;
	}
	name = name_on_server(s, bind.statement, &st);
	note_bound(s, st);
	/* Which statement a portal runs is known for the last Bind only. */
	if (st && bind.portal.size > 0 &&
	    (query_drops_names(st->query) || st->query->verdict->resets_settings))
		server->is_tainted = true;
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

	if (d->what == 'S' && d->name.size == 0 && server_is_unnamed_unsure(server))
		return query_hold(s);
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
	s->drops_names = s->bound && query_drops_names(s->bound);
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
