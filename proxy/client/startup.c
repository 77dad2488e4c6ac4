/*
 * The first packets of a client: SSLRequest and GSSENCRequest (answered N, once
 * each), CancelRequest, StartupMessage.  Everything is untrusted.
 */
#include "client/replication.h"

#include "base/ensure.h"
#include "client/carried.h"
#include "base/log.h"
#include "watch/pairs.h"
#include "wire/startup.h"
#include "wire/write.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* Encryption is not served yet.  A client that sends more before it has read
 * the answer is either confused or an attacker who injects plain text. */
static enum take refuse_encryption(struct session *s, bool *was_refused, struct span bytes,
				   size_t size)
{
	if (*was_refused) {
		session_fail(s, "08P01", "encryption was asked for twice");
		return TAKE_HOLD;
	}
	if (bytes.size > size) {
		session_fail(s, "08P01", "received unencrypted data after an encryption request");
		return TAKE_HOLD;
	}
	*was_refused = true;
	session_send(s, span_of("N"));
	return TAKE_DONE;
}

static enum take take_cancel(struct session *s, const struct startup *startup)
{
	uint64_t key = (uint64_t)startup->cancel_process << 32 | startup->cancel_secret;

	stats_count(s->sessions->stats, COUNT_CANCELS, 1);
	s->sessions->on_cancel(s->sessions->context, key);
	session_close(s);
	return TAKE_HOLD;
}

static bool has_control(struct span text)
{
	for (size_t i = 0; i < text.size; i++) {
		if (iscntrl((unsigned char)text.data[i]))
			return true;
	}
	return false;
}

static char *copy_name(struct span text)
{
	char *copy = memory_get(text.size + 1);

	memcpy(copy, text.data, text.size);
	copy[text.size] = '\0';
	return copy;
}

static bool take_names(struct session *s, const struct startup *startup)
{
	struct span user = startup_find(startup, "user");
	struct span database = startup_find(startup, "database");

	if (user.size == 0) {
		session_fail(s, "28000", "no PostgreSQL user name specified in startup packet");
		return false;
	}
	if (database.size == 0)
		database = user;
	if (user.size > STARTUP_NAME_BYTES || database.size > STARTUP_NAME_BYTES ||
	    has_control(user) || has_control(database)) {
		session_fail(s, "28000",
			     "user and database names must be at most %d bytes, "
			     "without control characters",
			     STARTUP_NAME_BYTES);
		return false;
	}
	s->user = copy_name(user);
	s->database = copy_name(database);
	return true;
}

static bool add_setting(struct session *s, const char *name, struct span value)
{
	if (settings_add(&s->settings, span_of(name), value))
		return true;
	session_fail(s, "54000", "too many or too long startup parameters");
	return false;
}

static bool take_options(struct session *s, struct span options)
{
	struct options_setting setting;

	for (int i = 0; i <= STARTUP_MAX_PARAMETERS; i++) {
		switch (options_next(&options, &setting)) {
		case OPTIONS_END:
			return true;
		case OPTIONS_BAD:
			session_fail(s, "22023",
				     "invalid command-line argument for server process in "
				     "startup parameter \"options\"");
			return false;
		case OPTIONS_SETTING:
			if (!add_setting(s, setting.name, span_of(setting.value)))
				return false;
		}
	}
	session_fail(s, "54000", "more than %d settings in startup parameter \"options\"",
		     STARTUP_MAX_PARAMETERS);
	return false;
}

static bool take_parameter(struct session *s, struct span name, struct span value)
{
	char text[128];

	if (span_is(name, "user") || span_is(name, "database") ||
	    span_is(name, "replication") || span_starts_with(name, "_pq_."))
		return true;
	if (span_is(name, "options"))
		return take_options(s, value);
	if (name.size >= sizeof text || has_control(name)) {
		session_fail(s, "22023", "invalid startup parameter name");
		return false;
	}
	snprintf(text, sizeof text, "%.*s", SPAN_ARGS(name));
	return add_setting(s, text, value);
}

static bool take_parameters(struct session *s, const struct startup *startup)
{
	struct reader parameters = reader_of(startup->parameters);
	struct span name, value;

	while (startup_next(&parameters, &name, &value)) {
		if (!take_parameter(s, name, value))
			return false;
	}
	return true;
}

static void refuse_replication(struct session *s, struct span value)
{
	char message[128];

	snprintf(message, sizeof message, "invalid value for parameter \"replication\": \"%.*s\"",
		 SPAN_ARGS(span_first(value, value.size < 64 ? value.size : 64)));
	session_fail_with(s, &(struct error){ "FATAL", "22023", message, NULL,
					      "Valid values are: \"false\", 0, \"true\", 1, "
					      "\"database\"." });
}

/* On a connection of its own the parameters are the server's matter, all of them. */
static bool take_kind(struct session *s, const struct startup *startup)
{
	switch (startup_replication(startup)) {
	case REPLICATION_OFF:
		return take_parameters(s, startup);
	case REPLICATION_ON:
		replication_begin(s, startup);
		return true;
	case REPLICATION_BAD:
		break;
	}
	refuse_replication(s, startup_find(startup, "replication"));
	return false;
}

static bool has_protocol_options(const struct startup *startup)
{
	struct reader parameters = reader_of(startup->parameters);
	struct span name, value;

	while (startup_next(&parameters, &name, &value)) {
		if (span_starts_with(name, "_pq_."))
			return true;
	}
	return false;
}

static enum take take_startup(struct session *s, const struct startup *startup, struct span bytes)
{
	if (bytes.size > startup->size) {
		session_fail(s, "08P01", "received data before it was asked for");
		return TAKE_HOLD;
	}
	if (startup->minor > 0 || has_protocol_options(startup)) {
		startup_write_negotiate(conn_out(&s->conn), startup);
		conn_sent(&s->conn);
	}
	if (s->is_one_too_many) {
		session_fail(s, "53300", "sorry, too many clients already");
		return TAKE_HOLD;
	}
	if (!take_names(s, startup) || !take_kind(s, startup))
		return TAKE_HOLD;
	if (strcmp(s->database, "pgweir") == 0) {
		session_fail(s, "0A000", "the console is not part of this version");
		return TAKE_HOLD;
	}
	carried_begin(s);
	login_start(s);
	return TAKE_DONE;
}

enum take startup_take(struct session *s, struct span bytes, size_t *used)
{
	struct startup startup;
	enum startup_kind kind = startup_parse(bytes, &startup);

	pairs_note(PAIRS_FIRST, (int)kind, 0);
	*used = startup.size;
	switch (kind) {
	case STARTUP_MORE:
		*used = 0;
		return TAKE_MORE;
	case STARTUP_SSL:
		return refuse_encryption(s, &s->refused_ssl, bytes, startup.size);
	case STARTUP_GSS:
		return refuse_encryption(s, &s->refused_gss, bytes, startup.size);
	case STARTUP_CANCEL:
		return take_cancel(s, &startup);
	case STARTUP_MESSAGE:
		return take_startup(s, &startup, bytes);
	case STARTUP_BAD_VERSION:
		session_fail(s, "0A000",
			     "unsupported frontend protocol %d.%d: server supports 3.0 to 3.0",
			     startup.major, startup.minor);
		return TAKE_HOLD;
	case STARTUP_BAD_LAYOUT:
		session_fail(s, "08P01", "invalid startup packet layout");
		return TAKE_HOLD;
	case STARTUP_BAD_LENGTH:
		break;
	}
	session_fail(s, "08P01", "invalid length of startup packet");
	return TAKE_HOLD;
}
