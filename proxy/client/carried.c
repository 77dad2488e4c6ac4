/*
 * Carried settings (carried.h): notes which were touched, asks for their values,
 * puts them on another connection.  Knows nothing of routes.  Runs on the
 * worker's thread.
 *
 * Invariant: when a connection is given back without a reset, server->settings is
 * what is set on it.
 */
#include "client/carried.h"

#include "base/ensure.h"
#include "client/own.h"
#include "client/pins.h"
#include "sql/config_call.h"
#include "wire/extended.h"
#include "wire/read.h"
#include "wire/write.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <utarray.h>

/* Since the server was last asked. */
struct touched {
	UT_array *names; /* lower case */
	bool is_unsure; /* some may not be set: they were reset, or their statement failed */
};

/* --- which --- */

static bool is_touched(const struct touched *t, const char *name)
{
	char **known = NULL;

	while ((known = (char **)utarray_next(t->names, known)))
		if (strcmp(*known, name) == 0)
			return true;
	return false;
}

static struct touched *get_touched(struct session *s)
{
	if (!s->touched) {
		s->touched = memory_get_zeroed(sizeof *s->touched);
		utarray_new(s->touched->names, &ut_str_icd);
	}
	return s->touched;
}

static void destroy_touched(struct touched *t)
{
	if (!t)
		return;
	utarray_free(t->names);
	free(t);
}

static void touch(struct session *s, const char *name)
{
	struct touched *t = get_touched(s);

	if (is_touched(t, name))
		return;
	if (utarray_len(t->names) == SETTINGS_MAX)
		session_pin(s, PIN_SET);
	else
		utarray_push_back(t->names, &name);
}

static void touch_all(struct session *s, const struct settings *settings)
{
	const char *name, *value;
	char folded[CONFIG_NAME_BYTES];

	for (int i = 0; settings_at(settings, i, &name, &value); i++) {
		size_t size = strlen(name);

		if (size >= sizeof folded) {
			session_pin(s, PIN_SET);
			continue;
		}
		for (size_t j = 0; j <= size; j++)
			folded[j] = fold_letter(name[j]);
		touch(s, folded);
	}
}

/* Set since, and not in s->settings yet: the answer is on its way. */
static void touch_asked(struct session *s)
{
	char **name = NULL;

	while (s->asked && (name = (char **)utarray_next(s->asked->names, name)))
		touch(s, *name);
}

/* What set_config() sets: the text has the names, or else nobody knows. */
static void touch_called(struct session *s, struct span text)
{
	char name[CONFIG_NAME_BYTES];
	enum config_call call;
	struct lexer l;

	lexer_start(&l, text, s->strings_conform);
	while ((call = config_call_next(&l, name)) == CONFIG_CALL_NAMED)
		touch(s, name);
	if (call == CONFIG_CALL_UNKNOWN)
		session_pin(s, PIN_SET_CONFIG);
}

void carried_note(struct session *s, const struct verdict *v, struct span text)
{
	for (int i = 0; i < v->setting_count; i++)
		touch(s, v->settings[i]);
	if (v->sets_config)
		touch_called(s, text);
	if (!v->resets_settings)
		return;
	get_touched(s)->is_unsure = true;
	if (v->resets_all) {
		touch_asked(s);
		touch_all(s, s->settings);
		touch_all(s, s->startup_settings);
	}
}

void carried_note_failure(struct session *s, const struct verdict *v)
{
	if (s->touched && (v->setting_count > 0 || v->sets_config))
		s->touched->is_unsure = true;
}

/* --- back to the values of start-up --- */

static bool is_among(const char *name, const char *const *names, int count)
{
	for (int i = 0; i < count; i++)
		if (strcasecmp(names[i], name) == 0)
			return true;
	return false;
}

void carried_note_reset(struct session *s, const struct verdict *v)
{
	const char *name, *value;

	for (int i = 0; settings_at(s->startup_settings, i, &name, &value); i++) {
		bool is_reset = v->resets_all || is_among(name, v->settings, v->setting_count);

		if (is_reset && !is_among(name, v->sets, v->set_count))
			ensure(settings_add(&s->to_restore, span_of(name), span_of(value)));
	}
}

bool carried_must_wait(const struct session *s, const struct verdict *v)
{
	return v->resets_settings && s->startup_settings;
}

bool carried_restores(const struct session *s)
{
	return s->to_restore != NULL;
}

/* The client is told of the values, for it was told of the defaults. */
void carried_restore(struct session *s)
{
	struct server *server = s->asker.server;
	int groups = settings_write_change(conn_out(&server->conn), NULL, s->to_restore);

	conn_sent(&server->conn);
	own_ask(s, OWN_RESTORE, groups);
	carried_restore_not(s);
}

void carried_restore_not(struct session *s)
{
	settings_drop(s->to_restore);
	s->to_restore = NULL;
}

bool carried_is_unsaved(const struct session *s)
{
	return s->touched || s->to_restore || s->own_due == OWN_VALUES || s->own_due == OWN_RESTORE;
}

/* --- their values --- */

bool carried_is_due(const struct session *s)
{
	return s->touched != NULL;
}

/* current_setting() works for every setting, pg_settings shows only most; it alone
 * knows whether one is set. */
static void write_question(struct buf *out, const struct touched *t)
{
	char query[SETTINGS_MAX * 8 + 512];
	size_t used;
	unsigned count = utarray_len(t->names);

	used = (size_t)snprintf(query, sizeof query,
				"SELECT n.name, pg_catalog.current_setting(n.name, true)%s "
				"FROM pg_catalog.unnest(ARRAY[",
				t->is_unsure ? ", s.source OPERATOR(pg_catalog.=) 'session'" :
					      "");
	for (unsigned i = 1; i <= count; i++)
		used += (size_t)snprintf(query + used, sizeof query - used, "%s$%u",
					 i > 1 ? "," : "", i);
	used += (size_t)snprintf(
		query + used, sizeof query - used, "]::pg_catalog.text[]) AS n(name)%s",
		t->is_unsure ? " LEFT JOIN pg_catalog.pg_settings s ON"
			      " pg_catalog.lower(s.name) OPERATOR(pg_catalog.=) n.name" :
			      "");
	ensure(used < sizeof query);
	parse_message_write(out, span_of(""), span_of(query), span_make("\0\0", 2));
}

static void write_names(struct buf *out, const struct touched *t)
{
	size_t begun = bind_message_begin(out, (int)utarray_len(t->names));
	char **name = NULL;

	while ((name = (char **)utarray_next(t->names, name)))
		bind_message_text(out, *name);
	bind_message_end(out, begun);
	execute_message_write(out);
	write_empty(out, CLIENT_SYNC);
}

void carried_ask(struct session *s)
{
	struct server *server = s->asker.server;
	struct touched *t = s->touched;

	s->touched = NULL;
	s->asked_settings = settings_copy(s->settings);
	write_question(conn_out(&server->conn), t);
	write_names(conn_out(&server->conn), t);
	conn_sent(&server->conn);
	own_ask(s, OWN_VALUES, 1);
	destroy_touched(s->asked);
	s->asked = t;
	/* It may have been reset: then what was given at start-up comes first. */
	s->own_holds = t->is_unsure && s->startup_settings;
}

static bool read_column(struct reader *r, struct span *value)
{
	int32_t size = read_int32(r);

	*value = span_make("", 0);
	if (size < 0)
		return false;
	*value = read_bytes(r, (size_t)size);
	return !r->failed;
}

/* Too many or too long: the session keeps its connection. */
static void add(struct session *s, struct settings **to, struct span name, struct span value)
{
	if (!settings_add(to, name, value))
		s->own_failed = true;
}

void carried_on_row(struct session *s, struct span row)
{
	struct reader r = reader_of(row);
	int columns = read_int16(&r);
	struct span name, value, is_set;
	bool has_name = read_column(&r, &name), has_value = read_column(&r, &value);
	bool is_told = columns == 3 && read_column(&r, &is_set);
	bool is_default = is_told && span_is(is_set, "f");
	char text[CONFIG_NAME_BYTES + 1];
	const char *at_start;

	if (!has_name || r.failed) {
		s->own_failed = true;
		return;
	}
	snprintf(text, sizeof text, "%.*s", SPAN_ARGS(name));
	at_start = settings_find(s->startup_settings, text);
	/* An application's own setting is not in pg_settings, and empty when it was reset. */
	if (columns == 3 && !is_told && value.size == 0 && at_start)
		is_default = true;
	/* It was reset, unseen: in a message that failed later. */
	if (is_default && at_start) {
		value = span_of(at_start);
		add(s, &s->to_restore, name, value);
	}
	if (at_start || (has_value && !is_default))
		add(s, &s->asked_settings, name, value);
	else
		settings_remove(&s->asked_settings, text);
}

/* A replica runs no serializable transactions. */
static bool needs_primary(const struct settings *settings)
{
	const char *isolation = settings_find(settings, "default_transaction_isolation");

	return isolation && strcasecmp(isolation, "serializable") == 0;
}

static void set(struct session *s, struct settings *settings)
{
	const char *path = settings_find(settings, "search_path");

	if (s->settings != settings)
		settings_drop(s->settings);
	s->settings = settings;
	s->asker.settings = settings;
	s->settings_digest = settings_digest(settings);
	s->lookup_digest = router_lookup_digest(s->sessions->router, s->user, settings);
	s->is_serializable = needs_primary(settings);
	/* What is made with this path is temporary. */
	if (path && strcasestr(path, "pg_temp"))
		session_pin(s, PIN_TEMPORARY_TABLE);
}

void carried_end(struct session *s)
{
	struct server *server = s->asker.server;
	struct settings *now = s->asked_settings;

	s->asked_settings = NULL;
	destroy_touched(s->asked);
	s->asked = NULL;
	if (s->own_failed) {
		settings_drop(now);
		session_pin(s, PIN_SET);
		return;
	}
	set(s, now);
	settings_drop(server->settings);
	server->settings = settings_hold(now);
}

/* --- onto a connection --- */

bool carried_set_up(struct session *s, struct server *server)
{
	int groups = settings_write_change(conn_out(&server->conn), server->settings, s->settings);

	if (groups == 0)
		return false;
	conn_sent(&server->conn);
	own_ask(s, OWN_SET_UP, groups);
	settings_drop(server->settings);
	server->settings = settings_hold(s->settings);
	return true;
}

uint64_t carried_digest(struct session *s)
{
	if (!carried_is_unsaved(s))
		return s->settings_digest;
	return (s->key ^ ++s->unknown_count) | 1;
}

struct lookup carried_lookup(const struct session *s)
{
	bool is_known = !carried_is_unsaved(s) && s->pin == PIN_NONE && !s->may_look_elsewhere;

	return (struct lookup){ s->database, s->user, s->settings,
				is_known ? s->lookup_digest : 0 };
}

/* --- from beginning to end --- */

void carried_begin(struct session *s)
{
	s->startup_settings = settings_hold(s->settings);
	set(s, s->settings);
}

void carried_finish(struct session *s)
{
	destroy_touched(s->touched);
	destroy_touched(s->asked);
	s->touched = s->asked = NULL;
	settings_drop(s->asked_settings);
	settings_drop(s->to_restore);
	settings_drop(s->startup_settings);
	settings_drop(s->settings);
}
