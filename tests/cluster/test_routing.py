"""Where statements run, told by the nodes' own logs: a read may leave the primary only if it is
proved harmless, and whatever may write or lock never reaches a replica."""

import pytest

from cluster import wait_until
from drivers import connect
from truth import logging, places, run
from weir import wait_splitting

pytestmark = pytest.mark.proxy

SCHEMA = """
drop schema if exists routed cascade; create schema routed authorization app;
set role app; set search_path = routed;
create table things (id int primary key, name text, doc jsonb default '{"a": 1}');
insert into things select n, 'thing ' || n from generate_series(1, 50) n;
create unlogged table fleeting (id int);
create sequence ticket;
create table written (n int);
create view harmless as select id from things;
create function pure(int) returns int language sql immutable as 'select $1 + 1';
create function steady() returns bigint language sql stable as 'select count(*) from things';
create function writes() returns int language sql volatile as
    'insert into routed.written values (1) returning n';
create function overloaded(int) returns int language sql immutable as 'select $1';
create function overloaded(text) returns int language sql volatile as
    'insert into routed.written values (2) returning n';
create view sly as select writes() as n;
create function hidden(int default writes()) returns int language sql immutable as 'select $1';
"""

READS = [
    "select 1", "values (1), (2)", "table things",
    "select * from things where id = 7", "select count(*) from things where name like '%1'",
    "with few as (select * from things limit 3) select count(*) from few",
    "select a.id from things a join things b using (id) order by 1 limit 5",
    "select name, row_number() over (order by id) from things",
    "select id from things union all select 0 order by 1",
    "select doc ? 'a', doc ->> 'a' from things limit 1",
    "select * from harmless", "select pure(1)", "select steady()", "select now(), random()",
    "explain select * from things", "select 'for update'", "select 'insert into things'",
    "select \"name\" from things -- for update\n limit 1", "select $$delete from things$$",
    "select /* update */ 1", "(select 1)", "select * from (select for_update.id from things"
    " for_update) x", "select E'\\' for update' as text",
]
WRITES = [
    "insert into written values (5)", "update written set n = 6", "delete from written where n = 9",
    "with gone as (delete from written where n = 8 returning n) select count(*) from gone",
    "with put as (insert into written values (7) returning n) select n from put",
    "select * from things where id = 7 for update", "select * from things limit 1 for share",
    "select id into copied from things; drop table copied",
    "create table made as select 1; drop table made",
    "select nextval('ticket')", "select setval('ticket', 5)", "select writes()",
    "select overloaded(1)", "select overloaded('x'::text)", "select * from sly", "select hidden()",
    "select count(*) from fleeting", "select last_value from ticket",
    "select pg_advisory_xact_lock(1)", "select txid_current() > 0",
    "explain analyze insert into written values (3)", "explain analyze select writes()",
    "do $$ begin perform 1; end $$", "lock table things in access share mode; select 1",
    "begin; select 1; commit", "begin; lock table things; select 2; commit",
    "select query_to_xml('select routed.writes()', true, true, '')",
    "select set_config('my.own', 'x', false)", "truncate written", "analyze things",
    "select 1; insert into written values (10)", "select lo_create(0) > 0",
    "copy written from program 'true'", "select 1 where not exists (select writes())",
    "select case when true then writes() end", "vacuum things", "notify me",
    "select unknown_function_of_nobody()", "merge into written using things on n = id"
    " when matched then delete", "select pg_notify('me', '')", "table things for update",
    "sel ect", "create or replace temporary view short as select 1",
]


@pytest.fixture(scope="module")
def schema(session_cluster):
    session_cluster.primary.psql(SCHEMA, "app")
    with logging(session_cluster):
        yield


@pytest.fixture
def proxy(weir, schema):
    started = weir(route_primary_reads="never")
    wait_splitting(started, lambda server: connect(server))
    return started


@pytest.mark.parametrize("extended", [False, True], ids=["simple", "extended"])
@pytest.mark.parametrize("statements, wanted", [(READS, "replica"), (WRITES, "primary")],
                         ids=["reads", "writes"])
def test_statement_runs_where_it_belongs(proxy, cluster, statements, wanted, extended):
    tags = {}
    for sql in statements:
        if extended and ";" in sql.replace("end $$", ""):
            continue  # one statement only in the extended protocol
        # A session of its own: one that has written reads from the primary for a while.
        with connect(proxy, options="-c search_path=routed") as connection:
            tags[sql] = run(connection, sql, extended)
    wait_until(lambda: all(places(cluster, tag) for sql, tag in tags.items()
                           if sql != "sel ect"), "every statement to be logged somewhere")
    found = {sql: places(cluster, tag) for sql, tag in tags.items()}
    assert {sql: where for sql, where in found.items() if not where <= {wanted}} == {}


def test_hints_override(proxy, cluster):
    with connect(proxy) as connection:
        tag = run(connection, "/* pgweir: primary */ select 1", False)
        assert wait_until(lambda: places(cluster, tag), "the log") == {"primary"}
    with connect(proxy) as connection:
        tag = run(connection, "/* pgweir: replica */ select 1", False)
        assert wait_until(lambda: places(cluster, tag), "the log") == {"replica"}


def test_split_off_sends_everything_to_the_primary(weir, schema, cluster):
    proxy = weir(route_split="off")
    with connect(proxy) as connection:
        for _ in range(10):
            tag = run(connection, "select 1", False)
            assert wait_until(lambda tag=tag: places(cluster, tag), "the log") == {"primary"}


def test_function_that_becomes_volatile_moves_to_the_primary(proxy, cluster):
    """DDL seen on the wire refreshes the catalogue at once."""
    with connect(proxy) as connection:
        connection.execute("create or replace function routed.turning() returns int language sql"
                           " stable as 'select 1'")
        connection.execute("create or replace function routed.turning() returns int language sql"
                           " volatile as 'insert into routed.written values (77) returning n'")
    cluster.wait_replayed()
    with connect(proxy) as connection:
        tag = run(connection, "select routed.turning()", False)
        assert wait_until(lambda: places(cluster, tag), "the log") == {"primary"}


def test_reasons_are_counted(proxy):
    before = sum(proxy.stats()["routes"].values())
    with connect(proxy) as connection:
        for _ in range(10):
            connection.execute("select 1")
    assert sum(proxy.stats()["routes"].values()) >= before + 10
