/*
 * What statements leave in their session (src/sql/leave.h), and which settings the
 * calls of set_config() name (src/sql/config_call.h).
 */
#include "sql/classifying.h"

#include "sql/config_call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* "a b c", in the order of the verdict (sorted). */
static void join(char *out, const char *const *names, int count)
{
	out[0] = '\0';
	for (int i = 0; i < count; i++)
		out = stpcpy(stpcpy(out, i ? " " : ""), names[i]);
}

static void test_settings(void **state)
{
	static const struct {
		const char *text, *settings, *sets;
		bool resets, all;
	} cases[] = {
		{ "select 1", "", "", false, false },
		{ "set a.b = 1", "a.b", "a.b", false, false },
		{ "set \"Work_MEM\" to '1MB'", "work_mem", "work_mem", false, false },
		{ "set session a.b = 1", "a.b", "a.b", false, false },
		{ "set local a.b = 1", "", "", false, false },
		{ "set a.b to default", "a.b", "", true, false },
		{ "reset a.b", "a.b", "", true, false },
		{ "reset all", "", "", true, true },
		{ "discard all", "", "", true, true },
		{ "discard plans", "", "", false, false },
		{ "set time zone 'UTC'", "timezone", "timezone", false, false },
		{ "set time zone interval '1' hour to minute", "timezone", "timezone", false,
		  false },
		{ "set names 'utf8'", "client_encoding", "client_encoding", false, false },
		{ "set schema 'a'", "search_path", "search_path", false, false },
		{ "set xml option document", "xmloption", "xmloption", false, false },
		{ "set role a", "role", "role", false, false },
		{ "set role none", "role", "role", false, false },
		{ "reset role", "role", "", true, false },
		{ "set session authorization a", "role session_authorization",
		  "session_authorization", false, false },
		{ "set session authorization default", "role session_authorization", "", true,
		  false },
		{ "reset session authorization", "role session_authorization", "", true, false },
		{ "set session characteristics as transaction read only, isolation level "
		  "serializable, deferrable",
		  "default_transaction_deferrable default_transaction_isolation "
		  "default_transaction_read_only",
		  "default_transaction_deferrable default_transaction_isolation "
		  "default_transaction_read_only",
		  false, false },
		{ "set transaction isolation level serializable", "", "", false, false },
		{ "set transaction_read_only = on", "", "", false, false },
		{ "set a.b = 1; reset a.b", "a.b", "", true, false },
		{ "reset a.b; set a.b = 1", "a.b", "a.b", true, false },
		{ "set a.b = 1; reset all", "a.b", "", true, true },
		{ "reset all; set a.b = 1; set c.d = 2", "a.b c.d", "a.b c.d", true, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct verdict *v = classify(span_of(cases[i].text), true);
		char settings[256], sets[256];

		join(settings, v->settings, v->setting_count);
		join(sets, v->sets, v->set_count);
		if (strcmp(settings, cases[i].settings) != 0 || strcmp(sets, cases[i].sets) != 0 ||
		    v->resets_settings != cases[i].resets || v->resets_all != cases[i].all)
			fail_msg("%s: %s, %s, %d, %d", cases[i].text, settings, sets,
				 v->resets_settings, v->resets_all);
		verdict_destroy(v);
	}
}

static void test_traces(void **state)
{
	static const struct {
		const char *text;
		bool writes_nothing, may_end_pin, sets_config;
	} cases[] = {
		{ "select 1", false, false, false },
		{ "show all", true, false, false },
		{ "set a.b = 1; show a.b; begin", true, false, false },
		{ "set a.b = 1; insert into t values (1)", false, false, false },
		{ "listen c", true, false, false },
		{ "unlisten *", true, true, false },
		{ "prepare p as select 1", true, false, false },
		{ "execute p", false, false, false },
		{ "deallocate p", true, true, false },
		{ "discard temp", true, true, false },
		{ "close c", true, true, false },
		{ "declare c cursor for select 1", false, false, false },
		{ "drop table t", false, true, false },
		{ "select pg_advisory_unlock(1)", false, true, false },
		{ "select pg_advisory_unlock_all(); close all; unlisten *; reset all", false, true,
		  false },
		{ "commit prepared 'x'", false, false, false },
		{ "select set_config('a.b', 'c', false)", true, false, true },
		{ "select set_config('a.b', $1::text, true)", true, false, false },
		{ "select pg_catalog.set_config($1, $2, false)", true, false, true },
		{ "select current_setting('a.b')", true, false, false },
		{ "select set_config('a.b', f(), false)", false, false, true },
		{ "select set_config('a.b', x, false) from t", false, false, true },
		{ "select set_config('a.b', 'x' || 'y', false)", false, false, true },
		{ "select set_config('a.b', 'c', false); drop table t", false, true, true },
		{ "insert into t select set_config('a.b', 'c', false)", false, false, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct verdict *v = classify(span_of(cases[i].text), true);

		if (v->writes_nothing != cases[i].writes_nothing ||
		    v->may_end_pin != cases[i].may_end_pin ||
		    v->sets_config != cases[i].sets_config)
			fail_msg("%s: %d %d %d", cases[i].text, v->writes_nothing, v->may_end_pin,
				 v->sets_config);
		verdict_destroy(v);
	}
}

/* The names that a text gives; "?" for the first that it does not. */
static void test_config_calls(void **state)
{
	static const struct {
		const char *text, *names;
	} cases[] = {
		{ "select 1", "" },
		{ "select set_config('a.b', 'c', false)", "a.b" },
		{ "SELECT PG_CATALOG.Set_Config ( 'Work_MEM' , $1 , $2 )", "work_mem" },
		{ "select \"set_config\"('a', 'b', false), set_config('c'::text, 'd', true)", "a c" },
		{ "select set_config('a', set_config('b', 'c', false), true)", "a b" },
		{ "select set_config($1, 'b', false)", "?" },
		{ "select set_config('a' || 'b', 'c', false)", "?" },
		{ "select set_config('a'\n'b', 'c', false)", "?" },
		{ "select set_config(E'a', 'c', false)", "?" },
		{ "select set_config('', 'c', false)", "?" },
		{ "select set_config('a''b', 'c', false)", "?" },
		{ "select set_config('\xc3\xa4', 'c', false)", "?" },
		{ "select set_config(setting_name => 'a', new_value => 'b', is_local => false)",
		  "?" },
		{ "select U&\"set\\005fconfig\"('a', 'b', false)", "?" },
		{ "select set_config, set_config('a', 'b', false)", "?" },
		{ "select 'set_config(''x'', 1)' -- set_config('y', 1)", "" },
		{ "select $$set_config('x', 1)$$, set_config('z', '1', false)", "z" },
		{ "select set_config('a', 'b', false), 'no end", "a ?" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char name[CONFIG_NAME_BYTES], names[256] = "", *end = names;
		enum config_call call;
		struct lexer l;

		lexer_start(&l, span_of(cases[i].text), true);
		while ((call = config_call_next(&l, name)) == CONFIG_CALL_NAMED)
			end = stpcpy(stpcpy(end, end > names ? " " : ""), name);
		if (call == CONFIG_CALL_UNKNOWN)
			stpcpy(stpcpy(end, end > names ? " " : ""), "?");
		if (strcmp(names, cases[i].names) != 0)
			fail_msg("%s: \"%s\"", cases[i].text, names);
	}
}

static void test_names_too_long(void **state)
{
	char text[CONFIG_NAME_BYTES + 64], name[CONFIG_NAME_BYTES];
	struct lexer l;

	(void)state;
	for (int size = CONFIG_NAME_BYTES - 2; size <= CONFIG_NAME_BYTES; size++) {
		snprintf(text, sizeof text, "select set_config('%0*d', $1, false)", size, 0);
		lexer_start(&l, span_of(text), true);
		assert_int_equal(config_call_next(&l, name),
				 size < CONFIG_NAME_BYTES ? CONFIG_CALL_NAMED :
							    CONFIG_CALL_UNKNOWN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_traces),
		cmocka_unit_test(test_config_calls),
		cmocka_unit_test(test_names_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
