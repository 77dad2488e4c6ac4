/*
 * Pins (pins.h).  Whether one is over is the server's to say: what a transaction
 * took back, what ON COMMIT DROP dropped, which locks are left, it knows.  Runs on
 * the worker's thread.
 */
#include "client/pins.h"

#include "base/ensure.h"
#include "client/own.h"
#include "sql/config_call.h"
#include "wire/extended.h"
#include "wire/read.h"
#include "wire/write.h"

#include <stdio.h>

#define BIT(reason) (1u << (reason))

/* DISCARD ALL does not end them. */
#define FOR_LIFE                                                               \
	(BIT(PIN_SESSION_MODE) | BIT(PIN_REPLICATION) | BIT(PIN_LOAD) | BIT(PIN_UNRESETTABLE))

/* How the server is asked whether there is any of it. */
static const struct {
	enum pin_reason reason;
	const char *is_there;
} askable[] = {
	{ PIN_LISTEN, "EXISTS (SELECT FROM pg_catalog.pg_listening_channels())" },
	{ PIN_ADVISORY_LOCK,
	  "EXISTS (SELECT FROM pg_catalog.pg_locks"
	  " WHERE locktype OPERATOR(pg_catalog.=) 'advisory'"
	  " AND pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid())" },
	{ PIN_HOLD_CURSOR, "EXISTS (SELECT FROM pg_catalog.pg_cursors WHERE is_holdable)" },
	{ PIN_PREPARE, "EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql)" },
	{ PIN_TEMPORARY_TABLE,
	  /* Whatever is in the temporary schema depends on it. */
	  "EXISTS (SELECT FROM pg_catalog.pg_depend WHERE refclassid OPERATOR(pg_catalog.=)"
	  " 'pg_catalog.pg_namespace'::pg_catalog.regclass"
	  " AND refobjid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema())"
	  " OR pg_catalog.current_setting('search_path')"
	  " OPERATOR(pg_catalog.~~*) '%pg_temp%'" },
};

enum { ASKABLE = sizeof askable / sizeof *askable };

/* --- pinned --- */

void session_pin(struct session *s, enum pin_reason reason)
{
	if (reason == PIN_NONE)
		return;
	/* What no reset undoes must not reach another client. */
	if ((BIT(reason) & FOR_LIFE) && reason != PIN_SESSION_MODE && s->asker.server)
		s->asker.server->is_tainted = true;
	s->pins_changed = true;
	s->pins_since |= BIT(reason);
	if (s->pins & BIT(reason))
		return;
	s->pins |= BIT(reason);
	if (reason == PIN_SESSION_MODE)
		s->is_verbatim = true;
	stats_pin(s->sessions->stats, reason);
	if (s->pin == PIN_NONE)
		s->pin = reason;
}

void session_pin_all(struct session *s, unsigned reasons)
{
	for (int reason = 0; reasons; reason++, reasons >>= 1)
		if (reasons & 1)
			session_pin(s, (enum pin_reason)reason);
}

bool pins_are_for_life(const struct session *s)
{
	return (s->pins & FOR_LIFE) != 0;
}

static void set_pins(struct session *s, unsigned pins)
{
	int reason = PIN_NONE;

	s->pins = pins;
	while (pins && !(pins & BIT(reason)))
		reason++;
	s->pin = (enum pin_reason)reason;
	if (pins != 0)
		return;
	/* It is gone, and yet the next client must be able to trust that. */
	s->needs_reset = true;
	s->is_verbatim = false;
}

/* --- is it over? --- */

void pins_note_end(struct session *s, const struct verdict *v)
{
	if (s->pin == PIN_NONE)
		return;
	if (v->may_end_pin)
		s->pins_changed = true;
	if (v->discards_all)
		set_pins(s, s->pins & FOR_LIFE);
}

/* A text that we could not read bound the session to its connection, in case the
 * server can read it.  It could not: a reset will do. */
void pins_note_failure(struct session *s, const struct verdict *v)
{
	if (s->pins == BIT(PIN_NOT_PARSED) && v->pin == PIN_NOT_PARSED)
		set_pins(s, 0);
}

static unsigned askable_pins(void)
{
	unsigned pins = 0;

	for (int i = 0; i < ASKABLE; i++)
		pins |= BIT(askable[i].reason);
	return pins;
}

/* There are some, and none that the server cannot tell. */
bool pins_are_due(const struct session *s)
{
	return s->pins && s->pins_changed && !(s->pins & ~askable_pins());
}

/* For all that can be: what is about to be free may have been bound by a function, or
 * by what PREPARE prepared. */
static void write_question(struct buf *out)
{
	char query[2048];
	size_t used = (size_t)snprintf(query, sizeof query, "SELECT ");
	const char *comma = "";

	for (int i = 0; i < ASKABLE; i++) {
		used += (size_t)snprintf(query + used, sizeof query - used, "%s%s", comma,
					 askable[i].is_there);
		comma = ", ";
	}
	ensure(used < sizeof query);
	parse_message_write(out, span_of(""), span_of(query), span_make("\0\0", 2));
	bind_message_end(out, bind_message_begin(out, 0));
	execute_message_write(out);
	write_empty(out, CLIENT_SYNC);
}

void pins_ask(struct session *s)
{
	struct server *server = s->asker.server;

	s->pins_changed = false;
	s->pins_since = 0;
	s->pins_left = s->pins;
	write_question(conn_out(&server->conn));
	conn_sent(&server->conn);
	own_ask(s, OWN_PINS, 1);
}

void pins_on_row(struct session *s, struct span row)
{
	struct reader r = reader_of(row);
	unsigned left = 0;

	read_int16(&r);
	for (int i = 0; i < ASKABLE; i++) {
		bool is_there = read_int32(&r) != 1 || !span_is(read_bytes(&r, 1), "f");

		left |= is_there ? BIT(askable[i].reason) : 0;
	}
	if (!r.failed)
		s->pins_left = left;
}

/* What was pinned while the answer was on its way stays. */
void pins_end(struct session *s)
{
	if (!s->own_failed)
		set_pins(s, s->pins_left | s->pins_since);
}

/* --- refused --- */

/* Names what cannot be known from the verdict alone. */
static enum pin_reason reason_of(const struct session *s, const struct verdict *v, struct span text)
{
	char name[CONFIG_NAME_BYTES];
	enum config_call call;
	struct lexer l;

	/* What could not be read may be harmless: it is not refused, but pinned. */
	if (v->pin == PIN_NOT_PARSED || v->pin == PIN_TOO_LONG)
		return PIN_NONE;
	if (v->pin != PIN_NONE || !v->sets_config)
		return v->pin;
	lexer_start(&l, text, s->strings_conform);
	while ((call = config_call_next(&l, name)) == CONFIG_CALL_NAMED)
		;
	return call == CONFIG_CALL_UNKNOWN ? PIN_SET_CONFIG : PIN_NONE;
}

bool pins_refuse_any(const struct session *s)
{
	return s->sessions->config->pool_pin_policy == PIN_POLICY_ERROR && !pins_are_for_life(s);
}

struct substitute *pins_refuse(const struct session *s, const struct verdict *v, struct span text)
{
	char message[200];
	enum pin_reason reason;

	if (!pins_refuse_any(s))
		return NULL;
	reason = reason_of(s, v, text);
	if (reason == PIN_NONE)
		return NULL;
	snprintf(message, sizeof message,
		 "statement would bind the session to one server connection (%s)",
		 pin_reason_word(reason));
	return substitute_create(
		"42601",
		&(struct error){ NULL, "0A000", message,
				 "pool.pin_policy is \"error\".",
				 "Use a connection in session mode for this, or set "
				 "pool.pin_policy to \"pin\"." });
}
