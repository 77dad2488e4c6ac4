/*
 * Requests of our own (own.h): puts them into the server's queue, hands their
 * answers to who asked.  A failure closes the session only if it cannot go on
 * without what was asked for.
 */
#include "client/own.h"

#include "client/carried.h"
#include "client/pins.h"
#include "client/query.h"
#include "wire/write.h"

#include <stdio.h>

enum { SET_UP_TRIES = 3 };

void own_ask(struct session *s, enum own_purpose purpose, int groups)
{
	static const enum request_kind group[] = { REQUEST_PARSE, REQUEST_BIND, REQUEST_EXECUTE };
	struct server *server = s->asker.server;
	struct request r = { .plan = ANSWER_DROP,
			     .asker = &s->asker,
			     .purpose = (uint8_t)purpose,
			     .tells_parameters = purpose == OWN_RESTORE };

	for (int i = 0; i < groups * 3; i++) {
		r.kind = group[i % 3];
		server_ask(server, &r);
	}
	r.kind = REQUEST_SYNC;
	server_ask(server, &r);
	server->unnamed = (struct statement_id){ 0 };
	s->own_due = (uint8_t)purpose;
	s->own_failed = false;
}

void own_discard_sequences(struct session *s)
{
	struct server *server = s->asker.server;

	write_string_message(conn_out(&server->conn), CLIENT_QUERY,
			     span_of("DISCARD SEQUENCES"));
	conn_sent(&server->conn);
	server_ask(server, &(struct request){ .kind = REQUEST_QUERY,
					      .plan = ANSWER_DROP,
					      .asker = &s->asker,
					      .purpose = OWN_SET_UP });
	server->unnamed = (struct statement_id){ 0 };
	s->own_due = OWN_SET_UP;
}

void own_on_row(struct session *s, const struct request *r, struct span row)
{
	if (r->purpose == OWN_VALUES)
		carried_on_row(s, row);
	else if (r->purpose == OWN_PINS)
		pins_on_row(s, row);
}

static void give_up(struct session *s, const struct error_fields *fields)
{
	char sqlstate[6], message[400];

	snprintf(sqlstate, sizeof sqlstate, "%.*s", SPAN_ARGS(fields->sqlstate));
	snprintf(message, sizeof message, "%.*s", SPAN_ARGS(fields->message));
	if (strlen(sqlstate) != 5)
		snprintf(sqlstate, sizeof sqlstate, "XX000");
	session_fail_with(s, &(struct error){ "FATAL", sqlstate, message, NULL, NULL });
}

bool own_may_try_again(struct session *s)
{
	return ++s->set_up_tries < SET_UP_TRIES;
}

/* What an earlier session left set (a time-out of a millisecond, say) may be in the
 * way of ours: another connection may do. */
static void fail_set_up(struct session *s, const struct error_fields *fields)
{
	bool was_cancelled = span_starts_with(fields->sqlstate, "57");

	if (s->state == SESSION_GREETING && was_cancelled)
		return; /* the tick asks again, until the login's deadline */
	if (s->state == SESSION_SETTING_UP && s->is_cancelled && was_cancelled)
		query_cancel_set_up(s);
	else if (s->state == SESSION_SETTING_UP && own_may_try_again(s))
		session_set_state(s, SESSION_IDLE);
	else
		give_up(s, fields);
}

bool own_on_error(struct session *s, const struct request *r, const struct error_fields *fields)
{
	s->own_failed = true;
	switch (r->purpose) {
	case OWN_VALUES:
	case OWN_PINS:
	case OWN_NAMES:
		return true;
	case OWN_SET_UP:
		fail_set_up(s, fields);
		return false;
	default:
		give_up(s, fields);
		return false;
	}
}

void own_end(struct session *s, enum own_purpose purpose)
{
	s->own_due = OWN_NOTHING;
	s->own_holds = false;
	switch (purpose) {
	case OWN_VALUES:
		carried_end(s);
		return;
	case OWN_PINS:
		pins_end(s);
		return;
	case OWN_SET_UP:
		s->set_up_tries = 0;
		return;
	default:
		return;
	}
}
