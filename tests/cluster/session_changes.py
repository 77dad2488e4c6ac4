"""What a client may do to the state of its session: the list for test_state_leak.py.

Each change is a list of statements, sent as simple queries; some fail, and shall.  `is_carried`:
its session gives its connection back afterwards, so it is nobody's alone.  `known`: what pgweir
is known to get wrong, the reason of a strict xfail.
"""

from dataclasses import dataclass, field
from typing import Optional

# Made once, before any change: functions and tables that do it from the inside.
SETUP = """
drop table if exists leak_serial, leak_rows, leak_trigger; drop sequence if exists leak_sequence;
create sequence leak_sequence start 41;
create table leak_serial (id serial, n int);
create table leak_rows (n int);
create table leak_trigger (n int);
create or replace function leak_set() returns text language sql volatile
  as $$ select set_config('work_mem', '3MB', false) $$;
create or replace function leak_set_inside() returns void language plpgsql
  as $$ begin perform set_config('work_mem', '3MB', false); end $$;
create or replace function leak_set_text(statement text) returns void language plpgsql
  as $$ begin execute statement; end $$;
create or replace function leak_with_clause() returns text language sql set work_mem = '3MB'
  as $$ select current_setting('work_mem') $$;
create or replace procedure leak_call() language plpgsql
  as $$ begin perform set_config('work_mem', '3MB', false); end $$;
create or replace function leak_on_insert() returns trigger language plpgsql
  as $$ begin perform set_config('work_mem', '3MB', false); return new; end $$;
create trigger leak_on_insert before insert on leak_trigger
  for each row execute function leak_on_insert();
create or replace view leak_view as select set_config('work_mem', '3MB', false) as changed;
grant all on all tables in schema public to app; grant all on all sequences in schema public to app;
"""

INSIDE = "SQL that is put together, and calls from DO, are not seen (README, limits)"
SEQUENCES = "currval and lastval follow the connection (regress finding 5/6, the leader's)"


@dataclass
class Change:
    name: str
    statements: list
    user: str = "app"
    is_carried: bool = False
    known: Optional[str] = None
    parameters: dict = field(default_factory=dict)
    is_blind: bool = False  # it can hardly be asked about its own state


def carried(name, *statements, **more):
    return Change(name, list(statements), is_carried=True, **more)


def bound(name, *statements, **more):
    return Change(name, list(statements), **more)


def inside(name, *statements, known=INSIDE):
    return Change(name, list(statements), known=known)


SETTINGS = [carried(f"set {text}", f"set {text}") for text in [
    "work_mem = '3MB'", "search_path = pg_catalog", "search_path = 'no where', \"Odd\"\"one\"",
    "search_path to ''", "timezone = 'Asia/Tokyo'", "time zone interval '+05:30' hour to minute",
    "time zone -3.5", "datestyle = 'SQL, DMY'", "intervalstyle = 'iso_8601'",
    "extra_float_digits = 0", "statement_timeout = '77s'", "lock_timeout = '78s'",
    "idle_in_transaction_session_timeout = '79s'", "bytea_output = 'escape'",
    "standard_conforming_strings = off", "escape_string_warning = off",
    "backslash_quote = on", "enable_seqscan = off", "plan_cache_mode = 'force_generic_plan'",
    "application_name = 'left behind'", "application_name = ''",
    "default_transaction_isolation = 'serializable'", "default_transaction_read_only = on",
    "default_transaction_deferrable = on", "client_min_messages = 'error'", "row_security = off",
    "xmlbinary = 'hex'", "xml option document", "names 'LATIN1'", "client_encoding = 'SJIS'",
    "schema 'pg_catalog'", "check_function_bodies = off", "synchronous_commit = off",
    "temp_buffers = 200", "my.own = 'mine'", "\"My\".\"Own\" = 'mine'", "a.b.c = 'three parts'",
    "transform_null_equals = on", "lc_monetary = 'C'", "jit = off", "geqo_seed = 0.5",
    "random_page_cost = 7", "vacuum_cost_delay = 9", "default_toast_compression = 'pglz'",
    "default_text_search_config = 'pg_catalog.german'", "password_encryption = 'md5'",
    "work_mem from current", "array_nulls = off", "role clerk", "session role clerk", "role none",
    "session characteristics as transaction isolation level repeatable read, read only",
    "session characteristics as transaction read only", "session work_mem = 4096",
]]

SUPERUSERS = [carried(f"superuser: set {text}", f"set {text}", user="postgres") for text in [
    "session_replication_role = replica", "log_statement = 'none'",
    "log_min_duration_statement = '1h'", "lc_messages = 'C'", "session authorization app",
    "zero_damaged_pages = on", "deadlock_timeout = '9s'", "role app",
]] + [
    carried("superuser: session authorization, then role", "set session authorization app",
            "set role clerk", user="postgres"),
    carried("superuser: session authorization and back", "set session authorization app",
            "reset session authorization", user="postgres"),
    carried("superuser: session authorization default", "set session authorization app",
            "set work_mem = '3MB'", "set session authorization default", user="postgres"),
    bound("superuser: load auto_explain", "load 'auto_explain'",
          "set auto_explain.log_min_duration = '1h'", user="postgres"),
    bound("superuser: load plpgsql", "load 'plpgsql'", user="postgres"),
    bound("superuser: another's advisory lock", "select pg_advisory_lock(4711)",
          "set session authorization app", user="postgres"),
]

RESETS = [
    carried("set and reset", "set work_mem = '3MB'", "reset work_mem"),
    carried("set and reset all", "set work_mem = '3MB'", "set my.own = 'x'", "select 1", "reset all"),
    carried("set and set to default", "set timezone = 'Asia/Tokyo'", "set time zone default"),
    carried("set local outside a transaction", "set local work_mem = '3MB'"),
    carried("set of a bad value", "set work_mem = 'plenty'"),
    carried("set of an unknown name", "set no_such_setting = 1"),
    carried("role that is not ours", "set role postgres"),
    carried("a time-out that hits everything", "set statement_timeout = '1ms'", is_blind=True),
]

CONFIG_CALLS = [carried(f"config call: {sql}", sql) for sql in [
    "select set_config('work_mem', '3MB', false)",
    "SELECT PG_CATALOG.SET_CONFIG('Work_Mem', '3MB', FALSE)",
    "select set_config('my.own', 'it''s', false)",
    "select set_config('work_mem', '3MB', true)",
    "select set_config('role', 'clerk', false)",
    "select \"set_config\"('work_mem', '3MB', false)",
    "select * from set_config('work_mem', '3MB', false)",
    "with c as (select set_config('work_mem', '3MB', false)) select * from c",
    "select 1 where set_config('work_mem', '3MB', false) is null",
    "select set_config('work_mem'::text, '3MB', 1 = 2)",
    "select set_config('work_mem', '3MB', false), set_config('my.own', 'two', false)",
]] + [bound(f"config call: {sql}", sql) for sql in [
    "select U&\"set!005fconfig\" uescape '!' ('work_mem', '3MB', false)",
    "select set_config(E'work\\x5fmem', '3MB', false)",
    "select set_config('work' || '_mem', '3MB', false)",
    "select set_config(n, v, false) from (values ('work_mem', '3MB'), ('my.own', 'x')) t (n, v)",
    "select set_config(is_local => false, setting_name => 'work_mem', new_value => '3MB')",
    "select set_config(setting_name => 'my.own', new_value => 'x', is_local => false)",
    "select set_config(lower('WORK_MEM'), '3MB', false)",
    "select set_config($$work_mem$$, '3MB', false)",
    "values (set_config('work_mem', '3MB', false))",
    "insert into leak_rows values (length(set_config('work_mem', '3MB', false)))",
    "explain analyze select set_config('work_mem', '3MB', false)",
    "create temp table leak as select set_config('work_mem', '3MB', false)",
]] + [bound(f"config call: {sql}", sql) for sql in [
    "update pg_settings set setting = '3MB' where name = 'work_mem'",
    "update pg_catalog.pg_settings set setting = 'Asia/Tokyo' where name = 'TimeZone'",
]]

TRANSACTIONS = [
    carried("committed", "begin", "set work_mem = '3MB'", "commit"),
    carried("rolled back", "begin", "set work_mem = '3MB'", "rollback"),
    carried("failed", "begin", "set work_mem = '3MB'", "select 1/0", "commit"),
    carried("savepoint rolled back to", "begin", "set my.own = 'kept'", "savepoint s",
            "set work_mem = '3MB'", "set my.own = 'lost'", "rollback to s", "commit"),
    carried("savepoint released", "begin", "savepoint s", "set work_mem = '3MB'", "release s",
            "commit"),
    carried("failed and rolled back to a savepoint", "begin", "set work_mem = '3MB'",
            "savepoint s", "set work_mem = '4MB'", "select 1/0", "rollback to s", "commit"),
    carried("set local committed", "begin", "set local work_mem = '3MB'", "commit"),
    carried("set, then set local", "begin", "set work_mem = '3MB'", "set local work_mem = '4MB'",
            "commit"),
    carried("set local, then set", "begin", "set local work_mem = '4MB'", "set work_mem = '3MB'",
            "commit"),
    carried("several statements", "set work_mem = '3MB'; set my.own = 'x'; select 1"),
    carried("several statements, one of which fails", "set work_mem = '3MB'; select 1/0"),
    carried("several statements with their own transaction",
            "begin; set work_mem = '3MB'; commit; set my.own = 'x'; select 1/0"),
    carried("chained", "begin", "set work_mem = '3MB'", "commit and chain", "set my.own = 'x'",
            "rollback"),
    carried("chained isolation", "begin isolation level serializable read only",
            "commit and chain", "set my.own = 'x'", "commit"),
    carried("role rolled back", "begin", "set role clerk", "rollback"),
    carried("role in a released savepoint", "begin", "savepoint s", "set role clerk", "release s",
            "commit"),
    carried("transaction's own", "begin", "set transaction isolation level serializable, read only",
            "commit"),
    carried("transaction's own, by name", "begin", "set transaction_read_only = on", "commit"),
    carried("prepared transaction", "begin", "set work_mem = '3MB'", "insert into leak_rows"
            " values (1)", "prepare transaction 'leak'", "rollback prepared 'leak'"),
    carried("prepared transaction that fails", "begin", "set work_mem = '3MB'", "select 1/0",
            "prepare transaction 'leak'"),
]

TEMPORARY = [
    bound("temporary by set_config", "select set_config('search_path', 'pg_temp', false)",
          "create table leak (n int)"),
    bound("temporary by start-up", "create table leak (n int)",
          parameters={"options": "-c search_path=pg_temp"}),
] + [bound("temporary: " + "; ".join(statements), *statements) for statements in [
    ["create temporary table leak (n int)"],
    ["create temp table leak as select 1 as n"],
    ["create table pg_temp.leak (n int)"],
    ["create local temporary table leak (n serial primary key)"],
    ["create temp table leak (n int) on commit delete rows"],
    ["create temp table leak (n int) on commit preserve rows"],
    ["create temp table leak (n int) on commit drop"],
    ["create temp view leak as select 1"],
    ["create view leak as select * from pg_temp.not_there"],
    ["create temp sequence leak"],
    ["create function pg_temp.leak() returns int language sql as 'select 1'"],
    ["create type pg_temp.leak as (n int)"],
    ["create domain pg_temp.leak as int check (value > 0)"],
    ["create operator pg_temp.+++ (function = int4pl, leftarg = int, rightarg = int)"],
    ["select 1 as n into temporary leak"],
    ["select 1 as n into pg_temp.leak"],
    ["set search_path = pg_temp, public", "create table leak (n int)"],
    ["explain analyze create temp table leak as select 1"],
    ["begin; create temp table leak (n int); commit"],
    ["begin", "create temp table leak (n int)", "rollback"],
    ["begin", "savepoint s", "create temp table leak (n int)", "rollback to s", "commit"],
    ["prepare p as select 1 as n", "create temp table leak as execute p", "deallocate p"],
    ["create temp table pg_class (relname text)"],  # hides the catalogue from a careless question
    ["create temp view pg_settings as select 'work_mem' as name, '1' as setting"],
]]

LOCKS = [bound("lock: " + "; ".join(statements), *statements) for statements in [
    ["select pg_advisory_lock(4711)"],
    ["select pg_advisory_lock(47, 11)"],
    ["select pg_advisory_lock_shared(4711)"],
    ["select pg_try_advisory_lock(4711)"],
    ["select pg_try_advisory_lock_shared(47, 11)"],
    ["select pg_catalog.pg_advisory_lock(4711), pg_advisory_lock(4711)"],
    ["select * from \"pg_advisory_lock\"(4711)"],
    ["with l as materialized (select pg_advisory_lock(4711)) select count(*) from l"],
    ["begin", "select pg_advisory_lock(4712)", "rollback"],
    ["begin", "savepoint s", "select pg_advisory_lock(4713)", "rollback to s", "commit"],
    ["select pg_advisory_lock(4714), 1/(random() * 0)::int"],
    ["select pg_advisory_lock(n) from generate_series(1, 9) n"],
    ["insert into leak_rows select 1 from pg_advisory_lock(4716)"],
]] + [
    bound("lock: by a prepared statement that is gone", "prepare p as select pg_advisory_lock(4715)",
          "execute p", "deallocate p"),
    bound("lock: with another reason in one message", "listen leak; select pg_advisory_lock(4718)",
          "unlisten *"),
    bound("lock: taken twice, given back once", "select pg_advisory_lock(4711)",
          "select pg_advisory_lock(4711)", "select pg_advisory_unlock(4711)"),
    carried("lock: of a transaction", "begin", "select pg_advisory_xact_lock(4711)", "commit"),
    carried("lock: given back", "select pg_advisory_lock(4711)", "select pg_advisory_unlock(4711)"),
    carried("lock: all given back", "select pg_advisory_lock(4711), pg_advisory_lock_shared(1, 2)",
            "select pg_advisory_unlock_all()"),
]

CURSORS = [bound("cursor: " + "; ".join(statements), *statements) for statements in [
    ["declare leak cursor with hold for select generate_series(1, 9)"],
    ["declare leak scroll cursor with hold for select generate_series(1, 9)", "fetch 3 from leak"],
    ["declare leak binary insensitive cursor with hold for select 1"],
    ["begin; declare leak cursor with hold for select 1; commit"],
]] + [
    carried("cursor: rolled back", "begin", "declare leak cursor with hold for select 1",
            "rollback"),
    carried("cursor: of a transaction", "begin", "declare leak cursor for select 1",
            "fetch 1 from leak", "commit"),
    carried("cursor: outside a transaction", "declare leak cursor for select 1"),
    carried("cursor: closed", "declare leak cursor with hold for select 1", "close leak"),
    carried("cursor: all closed", "declare leak cursor with hold for select 1", "close all"),
]

STATEMENTS = [
    bound("prepare", "prepare leak as select 1"),
    bound("prepare with a type, executed", "prepare leak (int) as select $1 + 1",
          "execute leak (1)"),
    bound("prepare rolled back, which keeps it", "begin", "prepare leak as select 1", "rollback"),
    carried("prepare that fails", "prepare leak as select no_such_column"),
    carried("prepare and deallocate", "prepare leak as select 1", "deallocate leak"),
    carried("prepare and deallocate all", "prepare leak as select 1", "deallocate all"),
    bound("prepare, executed: it sets", "prepare leak as select set_config('work_mem', '3MB',"
          " false)", "execute leak"),
    bound("prepare, executed: it sets, deallocated", "prepare leak as select set_config('work_mem',"
          " '3MB', false)", "execute leak", "deallocate leak"),
]

CHANNELS = [
    bound("listen", "listen leak"),
    bound("listen to several", "listen leak", "listen \"Odd one\""),
    carried("listen and unlisten", "listen leak", "unlisten leak"),
    carried("listen and unlisten all", "listen leak", "unlisten *"),
    carried("listen rolled back", "begin", "listen leak", "rollback"),
    bound("listen, unlisten rolled back", "listen leak", "begin", "unlisten *", "rollback"),
]

# "select 1": not close behind a SET, which is test_D13_reset_close_behind_a_set.
DISCARDS = [
    carried("discard all", "set work_mem = '3MB'", "set role clerk", "select 1",
            "discard all"),
    carried("discard all after much", "prepare leak as select 1", "listen leak",
            "create temp table leak (n int)", "select pg_advisory_lock(4711)", "discard all"),
    carried("discard all in a transaction", "set work_mem = '3MB'", "begin", "discard all",
            "rollback"),
    carried("discard plans", "set work_mem = '3MB'", "discard plans"),
    carried("discard temp", "create temp table leak (n int)", "discard temp"),
    carried("discard sequences", "set work_mem = '3MB'", "discard sequences"),
]

SEQUENCE_VALUES = [Change(f"sequence: {sql}", [sql], known=SEQUENCES) for sql in [
    "select nextval('leak_sequence')", "select setval('leak_sequence', 77)",
    "insert into leak_serial (n) values (1)",
]]

# Reset afterwards, or closed: nobody can read this from the session, so test_state_leak.py has a
# look of its own at the random numbers.
SEEDS = [bound("seed: select setseed(0.5)", "select setseed(0.5)"),
         bound("seed: set seed to 0.5", "set seed to 0.5")]

BODIES = [bound(f"do: {body}", f"do $$ begin {body} end $$") for body in [
    "set work_mem = '3MB';", "set my.own to 'x';", "perform set_config('work_mem', '3MB', false);",
    "execute 'set work_mem = ''3MB''';", "execute 'listen leak';", "listen leak;",
    "create temp table leak (n int);", "perform pg_advisory_lock(4711);",
    "execute 'create temporary table leak (n int)';", "set role clerk;",
    "execute 'prepare leak as select 1';", "set local work_mem = '3MB';",
    "if true then set work_mem = '3MB'; end if;", "commit; set work_mem = '3MB'; commit;",
    "execute format('set %I = %L', 'work_mem', '3MB');",
    "set work_mem = '3MB'; raise division_by_zero;",
    "begin perform 1/0; exception when others then set work_mem = '3MB'; end;",
]] + [
    inside("do: words put together", "do $$ begin execute 'se' || 't work_mem = ''3MB'''; end $$"),
    inside("do: words put together, temporary",
           "do $$ begin execute 'create te' || 'mp table leak (n int)'; end $$"),
    bound("do: by the view's rule", "do $$ begin update pg_settings set setting = '3MB'"
          " where name = 'work_mem'; end $$"),
    inside("do: calls", "do $$ begin perform leak_set(); end $$"),
    bound("function: sql", "select leak_set()"),
    bound("function: plpgsql", "select leak_set_inside()"),
    inside("function: text set", "select leak_set_text('set work_mem = ''3MB''')"),
    inside("function: text role", "select leak_set_text('set role clerk')"),
    inside("function: text temporary", "select leak_set_text('create temp table leak (n int)')"),
    inside("function: text lock", "select leak_set_text('select pg_advisory_lock(4717)')"),
    inside("function: text listen", "select leak_set_text('listen leak')"),
    inside("function: text prepare", "select leak_set_text('prepare leak as select 1')"),
    bound("procedure", "call leak_call()"),
    bound("trigger", "insert into leak_trigger values (1)"),
    bound("view", "select * from leak_view"),
    carried("function: with a clause of its own", "select leak_with_clause()"),
]

STARTS = [carried(f"start-up: {parameters}", "select 1", parameters=parameters) for parameters in [
    {"options": "-c statement_timeout=9s"}, {"options": "-c search_path=pg_catalog"},
    {"options": "-c my.own=x -c work_mem=3MB -c datestyle=German"},
    {"application_name": "left behind"}, {"client_encoding": "LATIN1"},
]] + [carried("start-up: then reset all", "set work_mem = '4MB'", "select 1", "reset all",
              parameters={"options": "-c work_mem=3MB -c timezone=Asia/Tokyo"})]

CHANGES = [*SETTINGS, *SUPERUSERS, *RESETS, *CONFIG_CALLS, *TRANSACTIONS, *TEMPORARY, *LOCKS,
           *CURSORS, *STATEMENTS, *CHANNELS, *DISCARDS, *SEQUENCE_VALUES, *SEEDS, *BODIES, *STARTS]
