/*
 * The way back (relay.h): frames the server's bytes in place and hands runs of
 * them on without looking inside, but for the few messages that end a request.
 * Invariant: a byte reaches a client only while the head of the queue, or the
 * connection's lease, says that it is that client's.
 */
#include "server/relay.h"

#include "base/ensure.h"
#include "server/pool.h"
#include "watch/pairs.h"
#include "watch/stats.h"
#include "wire/extended.h"
#include "wire/frame.h"
#include "wire/read.h"
#include "wire/write.h"

#include <stdio.h>

enum {
	/* A message that must be whole before anything is decided on it. */
	WHOLE_LIMIT_BYTES = 16 * 1024 * 1024,
	/* So much of an error is enough to read its fields. */
	ERROR_READ_BYTES = 32 * 1024,
	ERROR_RENAMED_BYTES = 1024,
};

/* Bytes [begin, at) of the span are the client's and were not sent yet. */
struct run {
	struct server *server;
	struct span bytes;
	size_t begin, at;
	struct asker *asker; /* whose they are */
};

enum step { STEP_NEXT, STEP_WAIT, STEP_STOP };

static void flush(struct run *run)
{
	if (run->at > run->begin && run->asker) {
		stats_count(run->server->pool->pools->stats, COUNT_BYTES_TO_CLIENTS,
			    run->at - run->begin);
		conn_send(run->asker->conn,
			  span_make(run->bytes.data + run->begin, run->at - run->begin));
	}
	run->begin = run->at;
}

/* Takes the next `size` bytes: to this asker, or to nobody. */
static void take(struct run *run, size_t size, struct asker *asker)
{
	if (!asker || asker != run->asker) {
		flush(run);
		run->asker = asker;
	}
	run->at += size;
	if (!asker)
		run->begin = run->at;
}

static enum step refuse(struct server *s, const char *what)
{
	char message[160];

	snprintf(message, sizeof message, "server broke the protocol: %s", what);
	server_fail(s, &(struct error){ "ERROR", "08P01", message, NULL, NULL });
	return STEP_STOP;
}

/* For the table of tests/run. */
static void note(struct server *s, char type)
{
	struct request *head = server_head(s);

	pairs_note(PAIRS_SERVER, s->state, type);
	pairs_note(PAIRS_ANSWER, head ? (int)head->kind : PAIRS_NO_REQUEST, type);
}

static enum step refuse_message(struct server *s, char type)
{
	char what[96];

	snprintf(what, sizeof what, "unexpected message %s (0x%02x)",
		 frame_name(FRAME_FROM_SERVER, type), (unsigned char)type);
	return refuse(s, what);
}

static struct asker *receiver(const struct request *head)
{
	return head->plan == ANSWER_PASS ? head->asker : NULL;
}

void relay_give_local(struct server *s)
{
	struct request *head;

	while ((head = server_head(s)) && head->plan == ANSWER_LOCAL) {
		if (head->asker)
			conn_send(head->asker->conn, span_make(head->local, head->local_size));
		server_pop(s, REQUEST_DONE);
	}
}

/* The head is answered: its message is in the run already. */
static void end_head(struct run *run, enum request_outcome outcome)
{
	struct server *s = run->server;

	server_pop(s, outcome);
	if (s->queue_count && server_head(s)->plan == ANSWER_LOCAL) {
		flush(run);
		relay_give_local(s);
	}
}

/* --- which messages may answer what --- */

static bool answers(enum request_kind kind, char type)
{
	static const char *const allowed[] = {
		[REQUEST_QUERY] = "TDCIZGHWdcE", [REQUEST_FUNCTION] = "VZE",
		[REQUEST_PARSE] = "1E",		[REQUEST_BIND] = "2E",
		[REQUEST_DESCRIBE] = "tTnE",	[REQUEST_EXECUTE] = "DCIsGHdcE",
		[REQUEST_CLOSE] = "3E",		[REQUEST_SYNC] = "ZE",
	};

	return strchr(allowed[kind], type) != NULL;
}

/* Does this message complete a request of this kind? */
static bool completes(enum request_kind kind, char type)
{
	switch (type) {
	case SERVER_PARSE_COMPLETE:
	case SERVER_BIND_COMPLETE:
	case SERVER_CLOSE_COMPLETE:
	case SERVER_NO_DATA:
		return true;
	case SERVER_ROW_DESCRIPTION:
		return kind == REQUEST_DESCRIBE;
	case SERVER_COMMAND_COMPLETE:
	case SERVER_EMPTY_QUERY:
	case SERVER_PORTAL_SUSPENDED:
		return kind == REQUEST_EXECUTE;
	}
	return false;
}

/* --- ErrorResponse --- */

static void copy_field(char *out, size_t room, struct span text, const char *otherwise)
{
	if (text.data)
		snprintf(out, room, "%.*s", SPAN_ARGS(text));
	else
		snprintf(out, room, "%s", otherwise);
}

/* FATAL and PANIC end the connection: told once, through the one exit. */
static enum step on_fatal(struct run *run, const struct error_fields *fields)
{
	char sqlstate[8], message[512];

	flush(run);
	copy_field(sqlstate, sizeof sqlstate, fields->sqlstate, "08006");
	copy_field(message, sizeof message, fields->message, "server ended the connection");
	if (strlen(sqlstate) != 5)
		snprintf(sqlstate, sizeof sqlstate, "08006");
	server_fail(run->server, &(struct error){ "FATAL", sqlstate, message, NULL, NULL });
	return STEP_STOP;
}

static bool is_fatal(const struct error_fields *fields)
{
	return span_is(fields->severity, "FATAL") || span_is(fields->severity, "PANIC");
}

static void fail_head(struct server *s)
{
	struct request *head = server_head(s);

	s->is_streaming = false;
	if (s->is_copying_in) {
		s->is_copying_in = false;
		if (head->asker)
			head->asker->ops->on_copy_in(head->asker, s, false);
	}
	head->is_failed = true;
	/* Simple requests and Sync still end with their ReadyForQuery. */
	if (head->kind != REQUEST_QUERY && head->kind != REQUEST_FUNCTION &&
	    head->kind != REQUEST_SYNC) {
		struct asker *asker = head->asker;

		if (!server_skip_to_sync(s) && asker)
			asker->ops->on_batch_failed(asker, s);
	}
}

/* An error that speaks of a prepared statement by our name for it. */
static bool rename_statement(const struct request *head, const struct error_fields *fields,
			     char renamed[ERROR_RENAMED_BYTES])
{
	const struct statement *st = head->statement;
	struct span message = fields->message, name;
	const char *found;
	int before;

	if (!st)
		return false;
	found = memmem(message.data, message.size, st->name, strlen(st->name));
	if (!found)
		return false;
	name = head->asker->ops->name_of(head->asker, st);
	before = (int)(found - message.data);
	found += strlen(st->name);
	snprintf(renamed, ERROR_RENAMED_BYTES, "%.*s%.*s%.*s", before, message.data,
		 SPAN_ARGS(name), (int)(message.data + message.size - found), found);
	return true;
}

/* To the client: as it is, or in the words of its substitute. */
static void give_error(struct run *run, const struct frame *f, const struct request *head,
		       const struct error_fields *fields)
{
	const struct substitute *s = head->substitute;
	char renamed[ERROR_RENAMED_BYTES];
	struct error e = { .message = renamed };

	if (s && span_is(fields->sqlstate, s->sqlstate))
		e = s->error;
	else if (!rename_statement(head, fields, renamed)) {
		take(run, f->size, head->asker);
		flush(run);
		return;
	}
	take(run, f->size, NULL);
	error_rewrite(conn_out(head->asker->conn), f->body, &e);
	conn_sent(head->asker->conn);
}

/* A plan whose tables are not any more what they were: "cached plan must not change
 * result type" (E6), or what was a name before is none now. */
static void note_stale(struct server *s, const struct request *head,
		       const struct error_fields *fields)
{
	bool uses = head->kind == REQUEST_BIND || head->kind == REQUEST_DESCRIBE;

	if (!uses || !head->statement || head->substitute)
		return;
	if (span_is(fields->sqlstate, "0A000"))
		head->asker->ops->on_changed(head->asker, head->statement);
	else if (span_starts_with(fields->sqlstate, "42"))
		server_doubt(s, head->statement);
}

static enum step on_error(struct run *run, const struct frame *f)
{
	struct server *s = run->server;
	struct request *head = server_head(s);
	struct error_fields fields;
	struct asker *asker;

	error_read(f->body, &fields);
	if (is_fatal(&fields) || !head)
		return on_fatal(run, &fields);
	asker = head->asker;
	if (head->plan != ANSWER_DROP) {
		note_stale(s, head, &fields);
		give_error(run, f, head, &fields);
		fail_head(s);
		return STEP_NEXT;
	}
	take(run, f->size, NULL);
	if (!asker)
		return refuse(s, "an error in answer to a reset");
	if (asker->ops->on_own_error(asker, s, head, &fields)) {
		fail_head(s);
		return STEP_NEXT;
	}
	server_close(s, "a request of our own failed");
	return STEP_STOP;
}

/* --- ReadyForQuery --- */

static enum step on_ready(struct run *run, const struct frame *f)
{
	struct server *s = run->server;
	struct request *head = server_head(s);
	struct asker *asker = head->asker;
	enum answer_plan plan = head->plan;
	char status = f->body.size == 1 ? f->body.data[0] : '\0';

	if (status != 'I' && status != 'T' && status != 'E')
		return refuse(s, "a transaction status that does not exist");
	take(run, f->size, receiver(head));
	flush(run);
	s->status = status;
	s->is_copying_in = s->is_streaming = s->has_streamed = false;
	s->has_unread = run->at < run->bytes.size && s->queue_count == 1;
	server_pop(s, head->is_failed ? REQUEST_FAILED : REQUEST_DONE);
	relay_give_local(s);
	if (s->state == SERVER_CLOSED)
		return STEP_STOP;
	if (asker)
		asker->ops->on_ready(asker, s, status, plan);
	else if (s->queue_count == 0)
		pool_server_ready(s);
	return STEP_NEXT;
}

/* --- messages at any time --- */

static enum step on_parameter(struct run *run, const struct frame *f, struct asker *to)
{
	struct reader r = reader_of(f->body);
	struct span name = read_text(&r);
	struct span value = read_text(&r);

	if (!reader_is_done(&r))
		return refuse(run->server, "a malformed ParameterStatus");
	server_note_parameter(run->server, name, value);
	take(run, f->size, to);
	if (to)
		to->ops->on_parameter(to, name, value);
	return STEP_NEXT;
}

/* To who has the connection, in a request or not.  The client knows itself by the
 * process number of its own BackendKeyData. */
static void give_notification(struct run *run, const struct frame *f)
{
	struct asker *to = run->server->asker;
	struct reader body = reader_of(f->body);
	uint32_t process = (uint32_t)read_int32(&body);
	struct buf *out;

	if (!to || body.failed || process != run->server->process) {
		take(run, f->size, to);
		return;
	}
	take(run, f->size, NULL);
	out = conn_out(to->conn);
	write_byte(out, SERVER_NOTIFICATION);
	write_int32(out, (int32_t)(f->size - 1));
	write_int32(out, (int32_t)to->process);
	write_bytes(out, span_after(f->body, 4));
	conn_sent(to->conn);
}

/* NoticeResponse, ParameterStatus, NotificationResponse. */
static enum step on_async(struct run *run, const struct frame *f)
{
	struct server *s = run->server;
	struct request *head = server_head(s);
	struct asker *to = head ? receiver(head) : s->asker;

	if (f->type == SERVER_NOTIFICATION) {
		give_notification(run, f);
		return STEP_NEXT;
	}
	if (f->type == SERVER_PARAMETER_STATUS && head && head->tells_parameters)
		to = head->asker;
	if (f->type == SERVER_PARAMETER_STATUS)
		return on_parameter(run, f, to);
	take(run, f->size, to);
	return STEP_NEXT;
}

/* --- one message --- */

/* CopyInResponse, CopyBothResponse. */
static void on_copy_in(struct run *run, char type, struct asker *asker)
{
	struct server *s = run->server;

	s->is_copying_in = true;
	s->is_streaming = type == SERVER_COPY_BOTH;
	if (server_head(s)->kind == REQUEST_EXECUTE)
		server_drop_syncs(s);
	if (asker)
		asker->ops->on_copy_in(asker, s, true);
}

static void on_complete(struct server *s, struct request *head, struct span body)
{
	head->rows += command_rows(body);
	s->has_streamed |= s->is_streaming;
	s->is_copying_in = s->is_streaming = false;
}

static enum step on_answer(struct run *run, const struct frame *f)
{
	struct server *s = run->server;
	struct request *head = server_head(s);

	if (!head || !answers(head->kind, f->type))
		return refuse_message(s, f->type);
	/* Only a WAL sender streams both ways. */
	if (f->type == SERVER_COPY_BOTH && !s->pool->is_private)
		return refuse_message(s, f->type);
	if (f->type == SERVER_ERROR)
		return on_error(run, f);
	if (f->type == SERVER_READY)
		return on_ready(run, f);
	take(run, f->size, receiver(head));
	if (f->type == SERVER_DATA_ROW && head->plan == ANSWER_DROP && head->purpose)
		head->asker->ops->on_own_row(head->asker, s, head, f->body);
	if (f->type == SERVER_COMMAND_COMPLETE)
		on_complete(s, head, f->body);
	if (f->type == SERVER_COPY_IN || f->type == SERVER_COPY_BOTH)
		on_copy_in(run, f->type, head->asker);
	if (completes(head->kind, f->type))
		end_head(run, REQUEST_DONE);
	return STEP_NEXT;
}

/* Only bulk messages pass while they are still coming. */
static enum step on_partial(struct run *run, struct frame *f)
{
	struct server *s = run->server;
	struct request *head = server_head(s);
	size_t here = run->bytes.size - run->at;

	bool is_own = head && head->plan == ANSWER_DROP && head->purpose;

	if (is_own || (f->type != SERVER_DATA_ROW && f->type != SERVER_COPY_DATA &&
		       f->type != SERVER_FUNCTION_RESULT)) {
		if (f->size > WHOLE_LIMIT_BYTES)
			return refuse(s, "a message too long for its type");
		return STEP_WAIT;
	}
	if (!head || !answers(head->kind, f->type))
		return refuse_message(s, f->type);
	s->passing = f->size - here;
	s->passing_is_dropped = !receiver(head);
	take(run, here, receiver(head));
	return STEP_NEXT;
}

static enum step take_frame(struct run *run)
{
	struct server *s = run->server;
	struct frame f;

	switch (frame_next(FRAME_FROM_SERVER, span_after(run->bytes, run->at), &f)) {
	case FRAME_MORE:
		return STEP_WAIT;
	case FRAME_PARTIAL:
		return on_partial(run, &f);
	case FRAME_BAD_TYPE:
		note(s, f.type);
		return refuse_message(s, f.type);
	case FRAME_BAD_LENGTH:
		return refuse(s, "an impossible message length");
	case FRAME_WHOLE:
		break;
	}
	note(s, f.type);
	switch (f.type) {
	case SERVER_NOTICE:
	case SERVER_PARAMETER_STATUS:
	case SERVER_NOTIFICATION:
		return on_async(run, &f);
	case SERVER_ERROR:
		return on_error(run, &f);
	default:
		return on_answer(run, &f);
	}
}

/* The rest of a bulk message whose beginning was passed. */
static void take_passing(struct run *run)
{
	struct server *s = run->server;
	size_t here = run->bytes.size - run->at;
	size_t size = s->passing < here ? s->passing : here;

	s->passing -= size;
	take(run, size, s->passing_is_dropped ? NULL : server_head(s)->asker);
	if (s->passing == 0 && server_head(s)->plan == ANSWER_LOCAL)
		relay_give_local(s);
}

size_t relay_bytes(struct server *s, struct span bytes)
{
	struct run run = { .server = s, .bytes = bytes };
	enum step step = STEP_NEXT;

	while (step == STEP_NEXT && run.at < bytes.size && s->state != SERVER_CLOSED) {
		if (s->passing)
			take_passing(&run);
		else
			step = take_frame(&run);
	}
	if (s->state == SERVER_CLOSED)
		return bytes.size;
	flush(&run);
	if (s->asker && conn_is_congested(s->asker->conn))
		conn_stop_reading(&s->conn);
	return run.at;
}
