"""All that a session may have inherited from another, or must still have itself, as one value.

What a state must be is never written down: it is asked from a session that is connected to the node
itself.  Not compared, since no reset takes it from a connection: that a custom setting is empty
instead of absent, that PL/pgSQL was loaded (it is, everywhere), that there was a temporary schema.
"""

import json

import psycopg

CUSTOM = ["my.own", "my.other", "a.b.c", "app.user_id", "leak.mark"]
REPORTED = ["application_name", "client_encoding", "DateStyle", "default_transaction_read_only",
            "in_hot_standby", "integer_datetimes", "IntervalStyle", "is_superuser",
            "server_encoding", "server_version", "session_authorization",
            "standard_conforming_strings", "TimeZone"]
SEQUENCE = "leak_sequence"

# Asked in one statement, which any search_path, role or encoding understands.
SETTINGS = """
  select jsonb_object_agg(lower(name), jsonb_build_array(setting, source))
  from pg_catalog.pg_settings
  where name not in ('transaction_read_only', 'transaction_isolation', 'transaction_deferrable')
"""
QUESTION = f"""
select jsonb_build_object(
  'pid', pg_backend_pid(),
  'settings', ({SETTINGS}),
  'custom', (select jsonb_object_agg(n, coalesce(current_setting(n, true), ''))
             from unnest(array[{", ".join(f"'{name}'" for name in CUSTOM)}]) n),
  'identity', jsonb_build_array(current_user, session_user),
  'role', current_setting('role'),
  'path', (select jsonb_agg(s) from unnest(current_schemas(true)) s where s not like 'pg!_temp!_%'
           escape '!'),
  'statements', (select jsonb_agg(name order by name) from pg_catalog.pg_prepared_statements
                 where from_sql),
  'cursors', (select jsonb_agg(name order by name) from pg_catalog.pg_cursors where name <> ''),
  'locks', (select jsonb_agg(concat_ws(' ', classid, objid, objsubid, mode)
                             order by classid, objid, objsubid, mode)
            from pg_catalog.pg_locks where locktype = 'advisory' and pid = pg_backend_pid()),
  'channels', (select jsonb_agg(c order by c) from pg_catalog.pg_listening_channels() c),
  'temporary', (select count(*) from pg_catalog.pg_depend
                where refclassid = 'pg_catalog.pg_namespace'::regclass
                  and refobjid = pg_catalog.pg_my_temp_schema()),
  'timeouts', jsonb_build_array(current_setting('statement_timeout'),
                                current_setting('lock_timeout'))
)::text
"""


def answer(connection, sql):
    """The value, or the SQLSTATE of the error in its place."""
    try:
        return connection.execute(sql).fetchone()[0]
    except psycopg.Error as error:
        return error.sqlstate


def is_defined(connection, sql):
    """Has a sequence a value in this session?  The SQLSTATE if not."""
    found = answer(connection, sql)
    return True if isinstance(found, int) else found


def whole_state(connection):
    """Of a session outside a transaction; `pid` is the server's, and no part of the state."""
    connection.execute("do $$ begin end $$")
    found = json.loads(connection.execute(QUESTION).fetchone()[0])
    found["currval"] = is_defined(connection, f"select currval('public.{SEQUENCE}')")
    found["lastval"] = is_defined(connection, "select lastval()")
    found["reported"] = {name: connection.info.parameter_status(name) for name in REPORTED}
    return found


def settings_on_replica(connection):
    """What a replica says of the session's settings; None: it ran on the primary."""
    on_replica, settings = connection.execute(
        "/* pgweir: replica */ select pg_catalog.pg_is_in_recovery(), "
        f"({SETTINGS})::text").fetchone()
    return json.loads(settings) if on_replica else None


def values_only(state):
    """Without where the settings came from: start-up values are `client` on a direct connection."""
    return {**state, "settings": {name: value for name, (value, _) in state["settings"].items()}}


def difference(found, wanted, path=""):
    """Where two states differ, as {path: (found, wanted)}: short enough to be read."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        parts = {}
        for key in sorted((set(found) | set(wanted)) - {"pid"}):
            parts.update(difference(found.get(key), wanted.get(key), f"{path}/{key}"))
        return parts
    return {} if found == wanted else {path: (found, wanted)}
