"""What a function leaves behind on its connection: its session keeps it, nobody else meets it."""

import functools

import pytest

from cluster import wait_until
from drivers import connect, value
from test_settings import SHARED
from weir import wait_splitting

DATABASE = "traces"
FUNCTIONS = """
create table plain (id int primary key, note text);
create table watched (id int, note text);
create table parent (id int primary key);
create table child (id int references parent on delete cascade);
create table defaulted (id int, at text);
create table checked (id int);
create function remember(name text, what text) returns void language plpgsql as
 $$ begin perform set_config(name, what, false); end $$;
create function nested(what text) returns void language sql as
 $$ select remember('my.own', what) $$;
create function deeper() returns int language plpgsql as
 $$ begin perform public.nested('deep'); return 1; end $$;
create function atomic(what text) returns void language sql
 begin atomic select remember('my.own', what); end;
create function sly() returns text language sql stable as
 $$ select set_config('my.own', 'sly', false) $$;
create procedure staged() language plpgsql as
 $$ begin create temp table staging as select 1 as one; commit; end $$;
create procedure changes() language plpgsql as
 $$ begin if true then set work_mem = '3MB'; end if; end $$;
create function late() returns void language plpgsql as
 $$ begin -- what tells is far behind the beginning, behind all that a name of PostgreSQL may hold
 perform 1; perform pg_try_advisory_lock_shared(1, 2); end $$;
create function locks() returns void language plpgsql as
 $$ begin perform pg_advisory_lock(4711); end $$;
create function hears() returns void language plpgsql as
 $$ begin execute 'listen '||'left_over'; end $$;
create function dynamic() returns void language plpgsql as
 $$ begin execute format('set %I = %L', 'work_mem', '3MB'); end $$;
create function prepares() returns void language plpgsql as
 $$ begin execute 'prepare left_over as select 1'; end $$;
create function holds() returns void language plpgsql as
 $$ begin execute 'declare left_over cursor with hold for select generate_series(1, 9)'; end $$;
create function defaults_to(a text default deeper()::text) returns text language sql as
 $$ select a $$;
create function seeds() returns void language plpgsql as $$ begin perform setseed(0.5); end $$;
create function on_watched() returns trigger language plpgsql as
 $$ begin perform remember('my.own', new.note); return new; end $$;
create trigger watch before insert or update on watched for each row execute function on_watched();
create function on_child() returns trigger language plpgsql as
 $$ begin perform remember('my.own', 'child'); return old; end $$;
create trigger watch before delete on child for each row execute function on_child();
alter table defaulted alter column at set default deeper()::text;
create function is_fine(id int) returns bool language plpgsql as
 $$ begin perform remember('my.own', 'checked'); return true; end $$;
alter table checked add check (is_fine(id));
create view looks as select deeper() as one;
create view writable as select * from watched;
create function writes() returns void language plpgsql as
 $$ begin insert into watched values (1, 'by function'); end $$;
create operator === (leftarg = text, rightarg = text, procedure = remember);
insert into plain values (1, 'one');
insert into parent values (1), (2), (3);
insert into child values (1), (2), (3);
insert into watched values (7, 'seven');

create function local_only(what text) returns void language plpgsql as $$ begin
 -- Set the caller's name; load it first.
 perform set_config('my.own', what, true); set local work_mem = '3MB'; end $$;
create function updates() returns void language plpgsql as $$ declare temp int := 1; begin
 update plain
    set note = 'two' where id = temp;
 raise notice 'set of % is done', temp; end $$;
create function drops() returns void language plpgsql as
 $$ begin create temp table if not exists brief on commit drop as select 1 as one; end $$;
create function xact_lock() returns void language plpgsql as
 $$ begin perform pg_advisory_xact_lock(4711); end $$;
create function restores() returns int language plpgsql set work_mem = '3MB' as
 $$ begin return 1; end $$;
"""
LEAVING = [
    "select remember('work_mem', '3MB')", "select public.remember('my.own', 'mine')",
    "select nested('mine')", "select deeper()", "select atomic('mine')", "select sly()",
    "call staged()", "call changes()", "select locks()", "select late()", "select hears()", "select dynamic()",
    "select prepares()", "select holds()", "select defaults_to()",
    "insert into watched values (2, 'mine')", "update writable set note = 'mine' where id = 7",
    "delete from parent where id = 1", "insert into defaulted (id) values (1)",
    "insert into checked values (1)", "select * from looks", "select writes()",
    "select 'my.own' === 'mine'", "with w as (insert into watched values (3, 'cte')) select 1",
    "copy (select deeper()) to stdout", "explain analyze select deeper()",
]
HARMLESS = [
    "select local_only('x')", "select updates()", "select drops()", "select xact_lock()",
    "select restores()", "select * from watched", "insert into plain values (2, 'two')",
    "delete from plain where id = 2", "select count(*) from parent",
]


@pytest.fixture
def traces(cluster):
    """The database, made once; nothing of a test stays in its tables' triggers."""
    if DATABASE not in cluster.benches:
        cluster.create_database(DATABASE)
        cluster.primary.psql("set role app;" + FUNCTIONS, DATABASE)
        cluster.benches.add(DATABASE)
        cluster.wait_replayed()
    cluster.primary.psql("insert into parent values (1) on conflict do nothing;"
                         " insert into child values (1); truncate checked, defaulted;"
                         " delete from plain where id = 2",
                         DATABASE)
    return cluster


connect_traces = functools.partial(connect, database=DATABASE)


def start(weir, **options):
    """A pgweir that knows the catalogue."""
    proxy = weir(**SHARED, **options)
    if hasattr(proxy, "stats"):
        wait_splitting(proxy, connect_traces)
    return proxy


STATE = {
    # PL/pgSQL's settings are there wherever its library has once been loaded.
    "settings": "select name, setting from pg_settings where name not like 'plpgsql.%'"
                " and name not in ('application_name', 'transaction_read_only', 'in_hot_standby')"
                " order by 1",
    "identity": "select current_user, session_user",
    "own": "select coalesce(current_setting('my.own', true), '')",
    "statements": "select name from pg_prepared_statements where from_sql",
    "cursors": "select name from pg_cursors where name <> ''",
    "locks": "select classid, objid from pg_locks where locktype = 'advisory'"
             " and pid = pg_backend_pid() order by 1, 2",
    "channels": "select * from pg_listening_channels()",
    "tables": "select relname from pg_class where relpersistence = 't'"
              " and pg_table_is_visible(oid)",
}


def whole_state(connection):
    """What these functions may leave; in a transaction, so on the primary."""
    with connection.transaction():
        return {name: connection.execute(sql).fetchall() for name, sql in STATE.items()}


def pins(proxy):
    return {reason: count for reason, count in proxy.stats()["pins"].items() if count}


def run(connection, statement):
    if statement.startswith("copy"):
        with connection.cursor().copy(statement) as copy:
            return list(copy)
    return connection.execute(statement)


@pytest.mark.parametrize("statement", LEAVING)
@pytest.mark.proxy
def test_next_client_finds_nothing_that_a_function_left(weir, traces, statement):
    proxy = start(weir)
    with connect(traces.primary, user="app", database=DATABASE) as direct:
        fresh = whole_state(direct)
    with connect_traces(proxy) as before:
        run(before, statement)
        left = whole_state(before)
        assert left != fresh, "the statement leaves nothing: the test shows nothing"
        assert whole_state(before) == left
    with connect_traces(proxy) as after:
        found = whole_state(after)
    assert {key: found[key] for key in found if found[key] != fresh[key]} == {}
    assert pins(proxy) == {"function": 1}


@pytest.mark.parametrize("statement", LEAVING)
def test_session_keeps_what_a_function_left(weir, traces, statement):
    with connect_traces(start(weir)) as connection:
        run(connection, statement)
        left = whole_state(connection)
        for _ in range(3):
            connection.execute("select 1")
            assert whole_state(connection) == left


@pytest.mark.proxy
def test_prepared_call_pins_as_well(weir, traces):
    proxy = start(weir)
    with connect_traces(proxy) as connection:
        connection.prepare_threshold = 0
        connection.execute("select remember(%s, %s)", ["work_mem", "3MB"])
        assert pins(proxy) == {"function": 1}
        assert value(connection, "show work_mem") == "3MB"
    with connect_traces(proxy) as after:
        assert value(after, "show work_mem") != "3MB"


@pytest.mark.parametrize("statement", HARMLESS)
@pytest.mark.proxy
def test_harmless_function_does_not_pin(weir, traces, statement):
    proxy = start(weir)
    with connect(traces.primary, user="app", database=DATABASE) as direct:
        fresh = whole_state(direct)
    with connect_traces(proxy) as connection:
        run(connection, statement)
        assert pins(proxy) == {} and proxy.stats()["clients"]["pinned"] == 0
    with connect_traces(proxy) as after:
        assert whole_state(after) == fresh


@pytest.mark.parametrize("listed", ["nested", "public.nested"])
@pytest.mark.proxy
def test_listed_function_does_not_pin(weir, traces, listed):
    proxy = start(weir, route_harmless_functions=listed)
    with connect_traces(proxy) as connection:
        connection.execute("begin")  # or it would run on a replica
        connection.execute(f"select {listed}('x'), deeper()")
        connection.execute("rollback")
        assert pins(proxy) == {}
        connection.execute("select remember('my.own', 'x')")
        assert pins(proxy) == {"function": 1}


@pytest.mark.proxy
def test_stable_function_with_a_trace_stays_on_the_primary(weir, traces):
    proxy = start(weir)
    with connect_traces(proxy) as connection:
        connection.execute("select sly()")
        assert value(connection, "select on_replica()") is False
        assert value(connection, "select current_setting('my.own')") == "sly"
        connection.execute("insert into plain values (77, '')")
        connection.execute("delete from plain where id = 77")


@pytest.mark.proxy
def test_what_no_reset_undoes_costs_the_connection(weir, traces):
    proxy = start(weir)
    question = "select pg_backend_pid() from plain for update"  # on the primary
    with connect_traces(proxy) as before:
        before.execute("select seeds()")
        pid = value(before, question)
    with connect_traces(proxy) as after:
        assert value(after, question) != pid
    assert pins(proxy) == {"unresettable": 1}


@pytest.mark.proxy
def test_discard_all_ends_it(weir, traces):
    proxy = start(weir)
    with connect_traces(proxy) as connection:
        connection.execute("select deeper()")
        assert proxy.stats()["clients"]["pinned"] == 1
        connection.execute("discard all")
        assert proxy.stats()["clients"]["pinned"] == 0


@pytest.mark.proxy
def test_function_made_by_a_client_is_known_soon(weir, traces):
    proxy = start(weir)

    def is_seen():
        with connect_traces(proxy) as caller:
            caller.execute("select made_now()")
            caller.execute("discard all")
        return "function" in pins(proxy)

    with connect_traces(proxy) as maker:
        maker.execute("create or replace function made_now() returns void language plpgsql as"
                      " 'begin create temp table if not exists made (n int); end'")
        try:
            wait_until(is_seen, "made_now() to be known")
        finally:
            maker.execute("drop function made_now()")
