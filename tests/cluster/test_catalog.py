"""What the catalogue says of a statement, told by the nodes' own logs: whatever reaches a volatile
function, or what only the primary can serve, stays there by whichever way it is reached; what
merely looks like it may leave; and a change of the catalogue is known to all sessions."""

import functools
import time

import pytest

from cluster import wait_until
from drivers import connect, value
from test_routing import places, run
from weir import wait_splitting

pytestmark = pytest.mark.proxy

DATABASE = "catalog"
OBJECTS = """
create table plain (id int primary key, note text);
insert into plain values (1, 'one');
create table written (n int);
create function pure(int) returns int language sql immutable as 'select $1 + 1';
create function writes(int default 0) returns int language plpgsql as
 $$ begin insert into public.written values ($1); return $1; end $$;
create function writes_text(text) returns text language plpgsql as
 $$ begin insert into public.written values (1); return $1; end $$;
create function overloaded(int) returns int language sql immutable as 'select $1';
create function overloaded(text) returns int language sql volatile as 'select writes(1)';
create procedure proceeds() language sql as 'select writes(2)';
create function is_fine(int) returns bool language plpgsql as
 $$ begin perform public.writes($1); return true; end $$;

create operator === (leftarg = int, rightarg = int, procedure = pg_catalog.int4eq);
create function compares(int, int) returns bool language sql as 'select writes($1) = $2';
create operator =!= (leftarg = int, rightarg = int, procedure = compares);
create operator !? (rightarg = int, procedure = writes);

create type mood as enum ('glad', 'sad');
create type distance as enum ('near', 'far');
create type crate as (a int);
create function box_of(mood) returns crate language sql as 'select row(writes(3))::public.crate';
create cast (mood as crate) with function box_of(mood);
create domain small as int check (value < 1000);
create domain picky as int check (is_fine(value));
create domain nested_domain as picky;
create domain fresh as int default writes(4);
create type pair as (one int, two picky);

create type wrapped as (a text);
create function wrap(bytea) returns wrapped language sql as
 'select row(writes(3))::public.wrapped';
create cast (bytea as wrapped) with function wrap(bytea) as implicit;
create table bytes (b bytea);
create function takes_wrapped(wrapped) returns int language sql immutable as 'select 1';
create table of_wrapped (w wrapped);
create type spanning as range (subtype = int4);

create view harmless as select id from plain;
create view sly as select writes(5) as n;
create view sly_twice as select * from sly;
create view by_operator as select id =!= 3 as n from plain;
create view by_domain as select id::picky as n from plain;
create view by_default as select writes() as n;
create view by_where as select id from plain where is_fine(id);
create view by_aggregate as select 1 as n having writes(6) > 0;
create view of_harmless as select * from harmless;
create materialized view stored as select id from plain;
create materialized view stored_sly as select writes(7) as n;
create view of_stored as select * from stored;
create view of_activity as select count(*) as n from pg_stat_activity;
create view of_classes as select count(*) as n from pg_class;
create view of_lock as select pg_advisory_xact_lock(1) is null as n;
create view of_random as select random() as n;

create table open_policy (id int); alter table open_policy enable row level security;
create policy yes on open_policy using (id > 0);
create table sly_policy (id int); alter table sly_policy enable row level security;
create policy sly on sly_policy using (is_fine(id));
create table off_policy (id int);
create policy sly on off_policy using (is_fine(id));
create view of_policy as select * from sly_policy;

create unlogged table fleeting (id int);
create view of_fleeting as select * from fleeting;
create sequence ticket;
create view of_ticket as select last_value from ticket;
create table numbered (id serial, big bigint generated always as identity, at timestamptz default
 clock_timestamp(), twice int generated always as (1 + 1) stored);
create table parent (id int) partition by list (id);
create table child partition of parent for values in (1);
create unlogged table child_fleeting partition of parent for values in (2);
create table fine_parent (id int) partition by list (id);
create table fine_child partition of fine_parent for values in (1);
create table above (id int); create unlogged table below () inherits (above);
create table of_picky (n picky, p pair);
create table of_small (n small, m mood[]);

create function defaulted(a int default writes(8)) returns int language sql immutable as
 'select $1';
create function atomic(a int) returns int stable begin atomic select writes(a); end;
create function atomic_fine(a int) returns int stable begin atomic select pure(a); end;
create function of_ticket_atomic() returns bigint stable begin atomic
 select last_value from ticket; end;
create function adds(int, int) returns int language sql immutable as 'select $1 + $2';
create function adds_slyly(int, int) returns int language plpgsql volatile as
 $$ begin return writes($1) + $2; end $$;
create aggregate total (int) (sfunc = adds, stype = int, initcond = '0');
create aggregate sly_total (int) (sfunc = adds_slyly, stype = int, initcond = '0');
create aggregate sly_final (int) (sfunc = adds, stype = int, initcond = '0', finalfunc = writes);
create view of_sly_total as select sly_total(id) as n from plain;
create function rows_of() returns setof plain language sql stable as 'select * from plain';
create function sly_of_row(plain) returns int language sql as 'select writes($1.id)';
create extension file_fdw;
create server files foreign data wrapper file_fdw;
create foreign table far (line text) server files options (filename '/dev/null');
create view of_far as select * from far;
grant all on all tables in schema public to app; grant all on sequence ticket to app;
"""

REACHING = [
    # functions
    "select writes(1)", "select public.writes(1)", "select overloaded(1)", "call proceeds()",
    "select x.sly_of_row from plain x", "select (x).sly_of_row from plain x",
    "select defaulted()", "select defaulted(a => 1)", "select atomic(1)",
    "select of_ticket_atomic()", "select * from writes(3)",
    "select 1 from plain order by writes(id)", "select count(*) filter (where is_fine(id)) from plain",
    "select sum(writes(id)) over () from plain", "select lag(id, writes(0)) over () from plain",
    "select array(select writes(1))", "select 1 limit writes(1)",
    "select * from plain, lateral writes(id)", "select * from rows from (writes(1), pure(2)) as x",
    "values (writes(1))", "select exists (select writes(1))",
    # aggregates
    "select sly_total(id) from plain", "select sly_final(id) from plain",
    "select sly_total(id) over () from plain", "select * from of_sly_total",
    # operators, casts, types
    "select 1 =!= 2", "select 1 operator(public.=!=) 2", "select !? 1",
    "select id from plain order by id =!= 2", "select 1 =!= any (array[1, 2])",
    "select 'glad'::mood::crate", "select cast('glad'::mood as crate)",
    "select 1::picky", "select picky '1'", "select 1::nested_domain", "select 1::fresh",
    "select '{1}'::picky[]", "select '(1,2)'::pair",
    "select * from json_to_record('{\"a\": 1}') as x(a picky)",
    "select * from json_populate_record(null::pair, '{}')",
    "select takes_wrapped(b) from bytes",
    "select b from bytes union all select w from of_wrapped",
    # views, however deep
    "select * from sly", "table sly_twice", "select * from by_operator", "select * from by_domain",
    "select * from by_default", "select * from by_where", "select * from by_aggregate",
    "select * from of_activity", "select * from of_classes", "select * from of_lock",
    "with x as (select * from sly) select 1 from x", "select (select n from sly)",
    # policies
    "select * from sly_policy", "select * from of_policy",
    # what only the primary has
    "select * from fleeting", "select * from of_fleeting", "select last_value from ticket",
    "select * from of_ticket", "select nextval('ticket')", "select * from parent",
    "select * from above", "select * from far", "select * from of_far",
    "select * from child_fleeting",
    # the server's own
    "select count(*) from pg_class", "select * from pg_catalog.pg_namespace limit 1",
    "select count(*) from pg_stat_activity", "select count(*) from pg_stat_user_tables",
    "select count(*) from pg_locks", "select count(*) from information_schema.tables",
    "select pg_stat_get_numscans(0)", "select pg_current_xact_id_if_assigned()",
    "select pg_relation_size('plain')",
    "select unheard_of(1)", "select * from unheard_of", "select 1::unheard_of",
]
LEAVING = [
    "select pure(1)", "select id + 1, note || 'x' from plain", "select 1 === 2",
    "select * from harmless", "select * from of_harmless", "select * from stored",
    "select * from stored_sly", "select * from of_stored", "select * from open_policy",
    "select * from off_policy", "select * from numbered", "select * from fine_parent",
    "select * from child", "select * from of_small", "select 'far'::distance", "select 5::small", "select x.n from of_picky x",
    "select 'plain'::regclass", "select to_regclass('plain')",
    "select total(id) from plain", "select atomic_fine(1)", "select * from rows_of()",
    "select note from plain where id in (1, 2) order by note", "select '[1,5)'::spanning",
    "select count(*), max(id), string_agg(note, ',') from plain",
    "select * from of_random", "select random(), now(), clock_timestamp()",
    "select '{1,2}'::int[], '2020-01-01'::date + 1, '{}'::jsonb",
    "select x.id, x.note from plain x",
]


@pytest.fixture
def catalog(cluster):
    """The database, made once."""
    if DATABASE not in cluster.benches:
        cluster.create_database(DATABASE)
        cluster.primary.psql(OBJECTS, DATABASE)
        cluster.benches.add(DATABASE)
    for node in cluster.nodes:
        node.configure(log_statement="all")
    cluster.wait_replayed()
    yield cluster
    for node in cluster.nodes:
        node.configure(log_statement="none")


connect_catalog = functools.partial(connect, database=DATABASE)


@pytest.fixture
def proxy(weir, catalog):
    started = weir(route_primary_reads="never")
    wait_splitting(started, connect_catalog)
    return started


def where(proxy, cluster, statements, **session):
    """{statement: roles of the nodes that ran it}, each in a session of its own: one that has
    written reads from the primary for a while."""
    tags = {}
    for sql in statements:
        with connect_catalog(proxy, **session) as connection:
            tags[sql] = run(connection, sql, False)
    wait_until(lambda: all(places(cluster, tag) for tag in tags.values()), "all to be logged")
    return {sql: places(cluster, tag) for sql, tag in tags.items()}


@pytest.mark.parametrize("statements, wanted", [(REACHING, "primary"), (LEAVING, "replica")],
                         ids=["reaching", "leaving"])
def test_what_is_reached(proxy, catalog, statements, wanted):
    found = where(proxy, catalog, statements)
    assert {sql: roles for sql, roles in found.items() if roles != {wanted}} == {}


# --- unqualified names follow the search_path

PATHS = "paths"
PATHS_ALTERED = "paths_altered"
# In a and in keeper everything is harmless, in b and in clerk nothing; c has none of it.
SCHEMAS = """
create schema a; create schema b; create schema c; create schema keeper; create schema clerk;
create table public.written (n int);
create function public.notes(int) returns int language plpgsql as
 $$ begin insert into public.written values ($1); return $1; end $$;
create function public.refuses(int) returns bool language plpgsql as
 $$ begin perform public.notes($1); return true; end $$;
""" + "".join(f"""
create function {schema}.f() returns int language sql stable as 'select 1';
create table {schema}.t (id int);
create operator {schema}.#=# (leftarg = int, rightarg = int, procedure = int4eq);
create domain {schema}.d as int;
""" for schema in ["a", "keeper"]) + "".join(f"""
create function {schema}.f() returns int language sql as 'select public.notes(1)';
create unlogged table {schema}.t (id int);
create function {schema}.compares(int, int) returns bool language sql as
 'select public.notes(1) = 1';
create operator {schema}.#=# (leftarg = int, rightarg = int, procedure = {schema}.compares);
create domain {schema}.d as int check (public.refuses(value));
""" for schema in ["b", "clerk"]) + """
create function b.only_b(int) returns int language sql as 'select 1';
create function a.best(numeric) returns int language sql stable as 'select 1';
create function b.best(int) returns int language sql as 'select public.notes(1)';
grant usage on schema a, b, c, keeper, clerk to public; grant create on schema public to public;
grant all on all tables in schema a, b, keeper, clerk, public to public;
"""
NAMES = ["select f()", "select * from t", "select 1 #=# 1", "select 1::d", "select t.f from a.t"]


@pytest.fixture
def paths(catalog):
    """Two databases, made once; in the second one nothing else is known but the database's own."""
    for database in [PATHS, PATHS_ALTERED]:
        if database not in catalog.benches:
            catalog.create_database(database)
            catalog.primary.psql(SCHEMAS, database)
            catalog.benches.add(database)
    catalog.primary.psql(f"alter database {PATHS_ALTERED} set search_path = b, public")
    catalog.wait_replayed()
    yield catalog
    for database in [PATHS, PATHS_ALTERED]:
        catalog.primary.psql(f"alter role keeper in database {database} reset all;"
                             f" alter database {database} reset all")
    catalog.primary.psql("alter role legacy reset all; alter role watcher reset all;"
                         " alter role all reset all")


def start_paths(weir, **options):
    started = weir(route_primary_reads="never", **options)
    for database in [PATHS, PATHS_ALTERED]:
        # A fresh connection on each, and the catalogue of each.
        wait_until(lambda database=database: is_split(started, database), "reads to be spread", 15)
    return started


def is_split(proxy, database):
    with connect(proxy, database=database) as connection:
        return value(connection, "select public.on_replica()")


def roles_of(proxy, cluster, statements, before=(), **session):
    """Like `where`, with statements that set the session up; then only the roles."""
    tags = {}
    for sql in statements:
        with connect(proxy, **{"database": PATHS, **session}) as connection:
            for first in before:
                connection.execute(first)
            # Its next statement may still be bound to the connection of the last one.
            wait_until(lambda: value(connection, "select public.on_replica()"), "free choice")
            tags[sql] = run(connection, sql, False)
    wait_until(lambda: all(places(cluster, tag) for tag in tags.values()), "all to be logged")
    return {sql: places(cluster, tag) for sql, tag in tags.items()}


def expect(proxy, cluster, role, statements=NAMES, before=(), **session):
    found = roles_of(proxy, cluster, statements, before, **session)
    assert {sql: roles for sql, roles in found.items() if roles != {role}} == {}


@pytest.mark.parametrize("path, role", [
    ("a", "replica"), ("b", "primary"), ("a, b", "primary"), ("b, a", "primary"),
    ("a, pg_catalog", "replica"), ("A", "replica"), ('"a" , c', "replica"), ("c", "primary"),
    ("nowhere, a", "replica"), ('"A"', "primary"), ("public", "primary"), ("", "primary"),
])
def test_path_of_the_session(weir, paths, path, role):
    """Given at start-up and set later, the same."""
    proxy = start_paths(weir)
    # A column t.f where there is no function f: it fails, but nowhere can it do anything.
    names = [sql for sql in NAMES if role != "primary" or "t.f" not in sql or "b" in path.split(", ")]
    if path:
        escaped = path.replace(" ", "\\ ")
        expect(proxy, paths, role, names, options=f"-c search_path={escaped}")
    setting = f"set search_path = {path}" if path else "set search_path = ''"
    expect(proxy, paths, role, names, before=[setting])
    expect(proxy, paths, role, names, before=[f"select set_config('search_path', '{path}', false)"])


def test_functions_are_judged_by_all_schemas_of_the_path(weir, paths):
    """The best match may be in a later one."""
    proxy = start_paths(weir)
    best = ["select best(1)"]
    expect(proxy, paths, "replica", best, before=["set search_path = a"])
    expect(proxy, paths, "primary", best, before=["set search_path = a, b"])


def test_qualified_names_do_not_depend_on_the_path(weir, paths):
    proxy = start_paths(weir)
    for path in ["a", "b"]:
        before = [f"set search_path = {path}"]
        expect(proxy, paths, "replica", ["select a.f()", "select * from a.t", "select 1::a.d",
                                         "select 1 operator(a.#=#) 1"], before)
        expect(proxy, paths, "primary", ["select b.f()", "select * from b.t", "select 1::b.d",
                                         "select 1 operator(b.#=#) 1"], before)


def test_sessions_of_different_paths_share_a_text(weir, paths):
    proxy = start_paths(weir, proxy_workers=1)
    with connect(proxy, database=PATHS, options="-c search_path=a") as one, \
            connect(proxy, database=PATHS, options="-c search_path=b") as other:
        for _ in range(5):
            for connection, role in [(one, "replica"), (other, "primary")]:
                for extended in [False, True]:
                    tag = run(connection, "select f()", extended)
                    found = wait_until(lambda tag=tag: places(paths, tag), "the log")
                    assert found == {role}


def test_path_that_is_set_back_or_only_tried(weir, paths):
    proxy = start_paths(weir)
    start = {"options": "-c search_path=a"}
    expect(proxy, paths, "replica", before=["set search_path = b", "reset search_path"], **start)
    expect(proxy, paths, "replica", before=["set search_path = b", "discard all"], **start)
    expect(proxy, paths, "replica", before=["begin", "set search_path = b", "rollback"], **start)
    expect(proxy, paths, "primary", before=["begin", "set search_path = b", "commit"], **start)
    expect(proxy, paths, "replica", before=["begin", "set local search_path = b", "commit"],
           **start)


@pytest.mark.parametrize("locally", ["set local search_path = b",
                                     "select set_config('search_path', 'b', true)"])
@pytest.mark.parametrize("apart", [True, False], ids=["apart", "with begin"])
def test_write_behind_a_local_path_is_a_write(weir, paths, locally, apart):
    """Where a name is looked up inside of the transaction is not known: what it called may have
    written, and the session reads its own writes."""
    proxy = start_paths(weir)
    with connect(proxy, database=PATHS, options="-c search_path=a") as connection:
        for sql in ["begin", locally] if apart else [f"begin; {locally}"]:
            connection.execute(sql)
        connection.execute("select f()")
        connection.execute("commit")
        for _ in range(5):
            assert value(connection, "select public.on_replica()") is False


def test_path_of_the_user(weir, paths):
    """"$user" is who is current: SET ROLE and SESSION AUTHORIZATION change it."""
    proxy = start_paths(weir)
    expect(proxy, paths, "replica", user="keeper")  # the server's default: "$user", public
    expect(proxy, paths, "primary", NAMES[:4])  # app has no schema of its own
    expect(proxy, paths, "primary", before=["set role clerk"])
    expect(proxy, paths, "primary", NAMES[:4], before=["set role clerk", "reset role"])
    expect(proxy, paths, "replica", user="keeper", before=["set role none"])
    expect(proxy, paths, "replica", user="keeper", before=["set session authorization keeper"])


def test_path_of_role_and_database(weir, paths):
    """The more special of what ALTER ROLE and ALTER DATABASE say."""
    paths.primary.psql(f"alter role keeper in database {PATHS} set search_path = a;"
                       " alter role legacy set search_path = a")
    proxy = start_paths(weir)
    expect(proxy, paths, "replica", user="keeper")
    expect(proxy, paths, "replica", user="legacy")
    expect(proxy, paths, "primary", database=PATHS_ALTERED)
    expect(proxy, paths, "primary", database=PATHS_ALTERED, user="keeper")
    expect(proxy, paths, "replica", database=PATHS_ALTERED, user="legacy")


def test_path_that_cannot_be_known_is_the_worst(weir, paths):
    """Whoever asks has another path than the server gives to others."""
    paths.primary.psql("alter role watcher set search_path = a")
    proxy = start_paths(weir)
    expect(proxy, paths, "primary", user="keeper")
    expect(proxy, paths, "replica", user="keeper", before=["set search_path = a"])


def test_altered_path_counts_beside_the_old_one(weir, paths):
    """Connections of before keep it: until all are gone, a read must be harmless with both."""
    paths.primary.psql("alter role legacy set search_path = b")
    proxy = start_paths(weir)
    expect(proxy, paths, "primary", user="legacy")
    with connect(proxy, database=PATHS) as connection:
        connection.execute("create table public.seen (); drop table public.seen")  # looks at once
    paths.primary.psql("alter role legacy set search_path = a")
    with connect(proxy, database=PATHS) as connection:
        connection.execute("create or replace function public.seen() returns int language sql stable"
                           " as 'select 1'")
    wait_until(lambda: roles_of(proxy, paths, ["select public.seen()"])["select public.seen()"]
               == {"replica"}, "the catalogue")
    expect(proxy, paths, "primary", user="legacy")


# --- changes

CHANGING = "changing"
VOLATILE = "create or replace function turns() returns int language sql volatile as" \
           " 'insert into written values (1) returning n'"
CHANGES = {
    "replace": ([VOLATILE], "select turns()"),
    "rename": (["alter function turns() rename to gone",
                "alter function other() rename to turns"], "select turns()"),
    "alter": (["alter function turns() volatile"], "select turns()"),
    "drop": (["drop function turns() cascade"], "select turns()"),
    "view": (["create or replace view looks as select other() as n"], "select * from looks"),
    "unlogged": (["alter table things set unlogged"], "select * from things"),
    "policy": (["alter table things enable row level security",
                "create policy sly on things using (other() > 0)"], "select * from things"),
    "extension": (["create extension citext", "alter table things rename to shy",
                   "create unlogged table things ()"], "select * from things"),
    "do": (["do $$ begin execute 'alter function turns() volatile'; end $$"], "select turns()"),
    "one message": (["begin; alter function turns() volatile; commit"], "select turns()"),
}


@pytest.fixture
def changing(catalog):
    """A database of this test alone: each one changes it."""
    catalog.primary.psql(f"drop database if exists {CHANGING} with (force)")
    catalog.create_database(CHANGING)
    catalog.primary.psql("""set role app; create table written (n int); create table things ();
        create function turns() returns int language sql stable as 'select 1';
        create function other() returns int language sql volatile as
         'insert into written values (2) returning n';
        create view looks as select turns() as n""", CHANGING)
    catalog.wait_replayed()
    yield catalog
    catalog.primary.psql(f"drop database if exists {CHANGING} with (force)")


def role_of(proxy, cluster, sql):
    return roles_of(proxy, cluster, [sql], database=CHANGING)[sql]


def start_changing(weir):
    # No look at the catalogue but the first, and those that a change asks for.
    started = weir(route_primary_reads="never", cluster_catalog_interval_ms=3600000,
                   proxy_workers=2)
    wait_until(lambda: is_split(started, CHANGING), "reads to be spread", 15)
    return started


@pytest.mark.parametrize("name", CHANGES)
def test_change_is_known_to_all_sessions(weir, changing, name):
    statements, sql = CHANGES[name]
    proxy = start_changing(weir)
    for _ in range(4):  # of either worker
        assert role_of(proxy, changing, sql) == {"replica"}
    with connect(proxy, database=CHANGING) as connection:
        for statement in statements:
            connection.execute(statement)
    wait_until(lambda: role_of(proxy, changing, sql) == {"primary"}, "the change to be known", 15)
    for _ in range(8):
        assert role_of(proxy, changing, sql) == {"primary"}


@pytest.mark.parametrize("end, role", [("commit", "primary"), ("rollback", "replica"),
                                       ("prepare transaction 'ddl'", "primary")])
def test_change_counts_when_its_transaction_ends(weir, changing, end, role):
    """However long that takes: the looks that the statement itself asked for are over by then."""
    proxy = start_changing(weir)
    turns = "select turns()"
    assert role_of(proxy, changing, turns) == {"replica"}
    with connect(proxy, database=CHANGING) as connection:
        connection.execute("begin")
        connection.execute("alter function turns() volatile")
        time.sleep(2.5)
        assert role_of(proxy, changing, turns) == {"replica"}
        connection.execute(end)
        if end.startswith("prepare"):
            time.sleep(2.5)
            assert role_of(proxy, changing, turns) == {"replica"}
            connection.execute("commit prepared 'ddl'")
    if role == "primary":
        wait_until(lambda: role_of(proxy, changing, turns) == {role}, "the change to be known", 15)
    else:
        assert role_of(proxy, changing, turns) == {role}
