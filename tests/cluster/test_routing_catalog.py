"""After DDL a statement that was harmless stays on the primary: at once if the DDL went through
pgweir, with the catalogue's timer if it did not; a verdict that is remembered follows."""

import pytest

from cluster import wait_until
from drivers import connect
from truth import logging, places, run
from weir import wait_splitting

pytestmark = pytest.mark.proxy

SCHEMA = """
drop schema if exists turned, turned_too cascade;
create schema turned authorization app; create schema turned_too authorization app; set role app;
set search_path = turned;
create table things (id int); insert into things select generate_series(1, 3);
create table written (n int);
create function writes(int default 1) returns int language sql volatile as
    'insert into turned.written values ($1) returning n';
create function allows(int) returns bool language sql volatile as
    'insert into turned.written values ($1) returning true';
create function turning() returns int language sql stable as 'select 1';
create function altered() returns int language sql stable as 'select 1';
create function sum_of(int, int) returns int language sql immutable as 'select $1 + $2';
create operator ### (leftarg = int, rightarg = int, function = sum_of);
create type plain as (n int); create type cooked as (n int);
create cast (plain as cooked) with inout;
create domain bounded as int check (value > 0);
create view seen as select 1 as n;
create view seen_twice as select n from seen;
create table logged (id int); create table guarded (id int); insert into guarded values (1);
create function turned_too.calm() returns int language sql stable as 'select 1';
"""
# (name, a statement that is harmless, the DDL after which it is not)
TURNS = [
    ("function", "select turning()", "create or replace function turned.turning() returns int"
     " language sql volatile as 'insert into turned.written values (1) returning n'"),
    ("alter_function", "select altered()", "alter function turned.altered() volatile"),
    ("operator", "select 1 ### 2", "create or replace function turned.sum_of(int, int) returns int"
     " language sql volatile as 'insert into turned.written values ($1) returning n'"),
    ("overloaded_operator", "select 1 ### 2 as n", "create operator turned.### (leftarg = text,"
     " rightarg = int, function = turned.loud_join)"),
    ("domain", "select 5::bounded", "alter domain turned.bounded add check (turned.allows(value))"),
    ("view", "select n from seen", "create or replace view turned.seen as select turned.writes() as n"),
    ("nested_view", "select n from seen_twice",
     "create or replace view turned.seen as select turned.writes() as n"),
    ("unlogged", "select id from logged", "alter table turned.logged set unlogged"),
    ("policy", "select id from guarded", "create policy p on turned.guarded"
     " using (turned.allows(id)); alter table turned.guarded enable row level security;"
     " alter table turned.guarded force row level security"),
    ("cast", "select row(1)::plain::cooked", "drop cast (turned.plain as turned.cooked);"
     " create function turned.cook(turned.plain) returns"
     " turned.cooked language sql volatile as 'insert into turned.written values (1)"
     " returning row(n)::turned.cooked';"
     " create cast (turned.plain as turned.cooked) with function turned.cook(turned.plain)"),
]


@pytest.fixture
def proxy(weir, cluster):
    cluster.primary.psql(SCHEMA, "app")
    cluster.primary.psql("set role app; create function turned.loud_join(text, int) returns text"
                         " language sql volatile as 'insert into turned.written values ($2)"
                         " returning $1'", "app")
    with logging(cluster):
        # The timer alone finds what is done behind the proxy's back.
        started = weir(route_primary_reads="never", cluster_catalog_interval_ms=100)
        wait_splitting(started, connect)
        yield started


def place(proxy, cluster, sql, path="turned"):
    """Where it runs in a new session, which has written nothing."""
    with connect(proxy, options=f"-c search_path={path}") as connection:
        tag = run(connection, sql, False)
    return places(cluster, tag)


def wait_place(proxy, cluster, sql, wanted, path="turned"):
    wait_until(lambda: place(proxy, cluster, sql, path) == {wanted}, f"{sql} on the {wanted}")


@pytest.mark.parametrize("sql, ddl", [turn[1:] for turn in TURNS],
                         ids=[turn[0] for turn in TURNS])
def test_timer_sees_ddl_behind_the_proxy(proxy, cluster, sql, ddl):
    wait_place(proxy, cluster, sql, "replica")
    cluster.primary.psql("set role app;" + ddl, "app")
    wait_place(proxy, cluster, sql, "primary")
    assert place(proxy, cluster, sql) == {"primary"}


@pytest.mark.parametrize("sql, ddl", [turn[1:] for turn in TURNS],
                         ids=[turn[0] for turn in TURNS])
def test_ddl_through_the_proxy(weir, proxy, cluster, sql, ddl):
    slow = weir(route_primary_reads="never", cluster_catalog_interval_ms=3600000)
    wait_splitting(slow, connect)
    wait_place(slow, cluster, sql, "replica")
    with connect(slow) as connection:
        connection.execute(ddl)
    wait_place(slow, cluster, sql, "primary")
    assert place(slow, cluster, sql) == {"primary"}


def test_verdicts_come_back(proxy, cluster):
    """Not a ratchet: what is harmless again leaves the primary again."""
    wait_place(proxy, cluster, "select altered()", "replica")
    for volatility, where in (("volatile", "primary"), ("stable", "replica")):
        cluster.primary.psql(f"alter function turned.altered() {volatility}", "app")
        wait_place(proxy, cluster, "select altered()", where)


def test_search_path_tells_which_function_is_meant(proxy, cluster):
    cluster.primary.psql("create function turned.calm() returns int language sql volatile as"
                         " 'insert into turned.written values (1) returning n'", "app")
    wait_place(proxy, cluster, "select calm()", "primary", "turned")
    assert place(proxy, cluster, "select calm()", "turned_too") == {"replica"}


@pytest.mark.xfail(strict=True, raises=AssertionError,
                   reason="a cast taints the type that it comes from, too")
def test_volatile_cast_from_a_type_leaves_casts_to_it_alone(proxy, cluster):
    wait_place(proxy, cluster, "select '(1)'::plain", "replica")
    cluster.primary.psql("set role app;" + TURNS[-1][2], "app")
    wait_place(proxy, cluster, TURNS[-1][1], "primary")
    assert place(proxy, cluster, "select '(1)'::plain") == {"replica"}


@pytest.mark.xfail(strict=True, raises=AssertionError,
                   reason="a harmless function is known by its bare name, in any schema")
@pytest.mark.parametrize("sql", ["select turned.timeofday(1)", "select timeofday(1)"])
def test_function_named_like_a_harmless_one_is_not_harmless(proxy, cluster, sql):
    """route.harmless_functions means PostgreSQL's own timeofday()."""
    cluster.primary.psql("create function turned.timeofday(int) returns int language sql volatile"
                         " as 'insert into turned.written values ($1) returning n';"
                         "create function turned.sibling() returns int language sql stable"
                         " as 'select 1'", "app")
    # Both are in one catalogue: unknown, it would stay on the primary whatever it is named.
    wait_place(proxy, cluster, "select sibling()", "replica")
    assert place(proxy, cluster, sql) == {"primary"}
