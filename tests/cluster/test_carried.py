"""What a session has SET follows it over connections that others change under it: the same values,
the same reports, nothing more sent than the difference.  What must be is asked directly.
"""

import json
import os
import re
import sys

import psycopg
import pytest

from cluster import USERS, wait_until
from drivers import connect, value
from state import REPORTED
from test_clients import own_address
from weir import wait_splitting

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../wire"))

import messages as m  # noqa: E402  (needs the path above)
from peers import EvilClient  # noqa: E402

SHARED = {"proxy_workers": 1, "pool_size": 1, "pool_overflow": 0, "pool_timeout_ms": 20000,
          "route_split": "off"}
NAMES = ["work_mem", "my.own", "search_path", "timezone", "datestyle", "application_name", "role"]
LOOK = "select " + ", ".join(f"coalesce(current_setting('{name}', true), '')" for name in NAMES)
# FAILURES D10, D11.
VALUES = {
    "empty": "", "path": "\"$user\", public", "quote": 'a"b', "single": "it's", "backslash": "a\\b\\",
    "newline": "one\ntwo\r\n\tthree", "attack": "'; drop table carried_canary; --",
    "attack_2": "\\'; drop table carried_canary; --", "attack_3": "$1); drop table carried_canary; --",
    "attack_4": "x', false); drop table carried_canary; select set_config('a.b', '",
    "long": "8_KB_of_it_" * 745, "emoji": "🎈 é → 漢字", "json": '{"a": [1, "b\\"c", null], "d": \'e\'}',
    "null": "NULL", "default": "DEFAULT", "space": "  ", "percent": "%s %1$s {} $$ :x ?",
}
PATHS = ["", "\"$user\", public", "\"a\"\"b\", public", "\"it's\"", "\"'; drop table carried_canary; --\"",
         "\"\"", "pg_catalog, \"Ünïcode\"", "public, public", "\"back\\slash\""]


def look(connection):
    return connection.execute(LOOK).fetchone()


def reported(connection):
    return {name: connection.info.parameter_status(name) for name in REPORTED}


def attempt(connection, sql):
    try:
        return connection.execute(sql).statusmessage
    except psycopg.Error as error:
        return error.sqlstate


def alternate(rounds, *questions):
    """Each of several clients asks its own, in turn: the answers of each, without repetition."""
    found = [set() for _ in questions]
    for _ in range(rounds):
        for answers, question in zip(found, questions):
            answers.add(question())
    return found


# --- D10, D11: any value

@pytest.fixture
def canary(cluster):
    cluster.primary.psql("drop table if exists carried_canary; create table carried_canary as"
                         " select 1 as n; alter table carried_canary owner to app", "app")
    yield
    assert cluster.primary.psql("select n from carried_canary", "app") == "1"


def literal(connection, text):
    return psycopg.sql.Literal(text).as_string(connection)


def set_by_literal(connection, text):
    connection.execute(f"set my.own = {literal(connection, text)}")


def set_by_call(connection, text):
    connection.execute("select set_config('my.own', %s, false)", [text])


def set_at_start(_connection, _text):
    pass


@pytest.mark.parametrize("how", [set_by_literal, set_by_call, set_at_start])
def test_D10_D11_value_stays_equal(weir, canary, how):
    """All values on one pgweir, each replayed 100 times after another session's."""
    proxy = weir(**SHARED)
    wrong = {}
    with connect(proxy) as other:
        other.execute("set my.own = 'of the other'")
        for name, text in VALUES.items():
            if how is set_at_start and name == "long":
                continue  # test_D10_value_at_start_is_taken_as_by_postgresql
            escaped = re.sub(r"([\\\s])", r"\\\1", text)
            more = {"options": f"-c my.own={escaped}"} if how is set_at_start else {}
            with connect(proxy, **more) as connection:
                how(connection, text)
                found = alternate(100, lambda: value(connection, "select current_setting('my.own')"),
                                  lambda: value(other, "select current_setting('my.own')"))
                if found != [{text}, {"of the other"}]:
                    wrong[name] = found
    assert wrong == {}


@pytest.mark.proxy
@pytest.mark.parametrize("name", [
    pytest.param(name, marks=pytest.mark.xfail(strict=True, reason="finding 7: 8 KB in options"))
    if name == "long" else name for name in VALUES])
def test_D10_value_at_start_is_taken_as_by_postgresql(weir, cluster, name):
    options = "-c my.own=" + re.sub(r"([\\\s])", r"\\\1", VALUES[name])
    assert outcome_of_login(weir(**SHARED), options=options) == \
        outcome_of_login(cluster.primary, options=options)


def test_D10_search_path_stays_equal(weir, cluster, canary):
    proxy = weir(**SHARED)
    with connect(cluster.primary, user="app") as direct, connect(proxy) as other:
        other.execute("set search_path = pg_catalog")
        for path in PATHS:
            with connect(proxy) as connection:
                for each in (direct, connection):
                    each.execute("select set_config('search_path', %s, false)", [path])
                wanted = direct.execute("select current_setting('search_path'),"
                                        " current_schemas(false)::text").fetchone()
                found = alternate(100, lambda: connection.execute(
                    "select current_setting('search_path'), current_schemas(false)::text").fetchone(),
                    lambda: value(other, "show search_path"))
                assert found == [{wanted}, {"pg_catalog"}]


@pytest.mark.parametrize("encoding", ["LATIN1", "EUC_JP", "WIN1252"])
def test_D10_value_in_another_encoding(weir, cluster, encoding):
    """Not SJIS and its like: a text of theirs that is not ASCII is not read, and pins."""
    text = {"LATIN1": "é", "WIN1252": "€"}.get(encoding, "ソ漢")
    proxy = weir(**SHARED)
    sql = "select my || '', octet_length(my) from (select current_setting('my.own')) t (my)"
    with connect(cluster.primary, user="app") as direct, connect(proxy) as connection, \
            connect(proxy) as other:
        for each in (direct, connection):
            each.execute(f"set client_encoding = '{encoding}'")
            each.execute(f"set my.own = '{text}'")
        other.execute("set my.own = 'other 🎈'")
        found = alternate(10, lambda: connection.execute(sql).fetchone(),
                          lambda: value(other, "select current_setting('my.own')"))
        assert found == [{direct.execute(sql).fetchone()}, {"other 🎈"}]


# --- D13: when it counts

CHANGE = {
    "set": "set work_mem = '3MB'", "set_local": "set local work_mem = '3MB'",
    "set_default": "set work_mem to default", "reset": "reset work_mem", "reset_all": "reset all",
    "set_config": "select set_config('work_mem', '3MB', false)",
    "set_config_local": "select set_config('work_mem', '3MB', true)",
    "role": "set role clerk", "path": "set search_path = pg_catalog",
    "reported": "set application_name = 'renamed'; ", "zone": "set time zone 'Asia/Tokyo'",
}
# Where the change stands; {0} is the change.
PLACES = {
    "alone": ["{0}"],
    "committed": ["begin", "{0}", "commit"],
    "rolled_back": ["begin", "{0}", "rollback"],
    "failed": ["begin", "{0}", "select 1/0", "commit"],
    "savepoint_undone": ["begin", "set my.own = 'kept'", "savepoint s", "{0}", "rollback to s",
                         "commit"],
    "savepoint_released": ["begin", "savepoint s", "{0}", "release s", "commit"],
    "savepoints": ["begin", "savepoint a", "{0}", "savepoint b", "set work_mem = '5MB'",
                   "rollback to b", "release a", "commit"],
    "several": ["{0}; select 1; set my.own = 'y'"],
    "several_failed": ["{0}; select 1/0"],
    "several_around": ["begin; {0}; commit; set my.own = 'y'; select 1/0"],
    "twice": ["{0}", "begin", "set work_mem = '6MB'", "{0}", "rollback"],
}
STARTED = {"options": "-c work_mem=7MB -c my.own=start -c timezone=Europe/Oslo -c datestyle=German",
           "application_name": "at the start"}


def send_extended(connection, sql):
    """As one batch for each statement; what cannot be one statement is refused by both."""
    result = connection.pgconn.exec_params(sql.encode(), [])
    return result.command_status or result.error_field(psycopg.pq.DiagnosticField.SQLSTATE)


def send_prepared(connection, sql, number):
    name = b"carried_%d" % number
    result = connection.pgconn.prepare(name, sql.encode())
    if result.status == psycopg.pq.ExecStatus.COMMAND_OK:
        result = connection.pgconn.exec_prepared(name, [])
    return result.command_status or result.error_field(psycopg.pq.DiagnosticField.SQLSTATE)


def in_pipeline(connection, statements):
    """All statements in one go, each with its own Sync."""
    told = []
    pgconn = connection.pgconn
    pgconn.enter_pipeline_mode()
    for sql in statements:
        pgconn.send_query_params(sql.encode(), [])
        pgconn.pipeline_sync()
    while statements and len(told) < 2 * len(statements):
        result = pgconn.get_result()
        if result is None:
            continue
        told.append(result.command_status or result.error_field(
            psycopg.pq.DiagnosticField.SQLSTATE) or result.status)
    pgconn.get_result()
    pgconn.exit_pipeline_mode()
    return told


SENDERS = {
    "simple": lambda connection, texts: [attempt(connection, sql) for sql in texts],
    "extended": lambda connection, texts: [send_extended(connection, sql) for sql in texts],
    "prepared": lambda connection, texts: [send_prepared(connection, sql, number)
                                           for number, sql in enumerate(texts)],
    "pipeline": in_pipeline,
}


def settle(proxy, connection):
    """Until what the last statement changed has been read (test_D13_reset_close_behind_a_set)."""
    if hasattr(proxy, "stats"):
        wait_until(lambda: client_of(proxy, connection)["state"] == "idle", "settings to be read")


@pytest.mark.parametrize("reset", ["reset all", "discard all"])
def test_D13_reset_close_behind_a_set(weir, reset):
    """The RESET comes while pgweir still asks what the SET before it has set."""
    proxy = weir(**SHARED)
    # Not prepared: DISCARD ALL would take the statements from psycopg.
    with connect(proxy, prepare_threshold=None) as connection, connect(proxy) as other:
        found = set()
        for _ in range(100):
            connection.execute("set my.own = 'before'")
            connection.execute(reset)
            value(other, "select 1")
            found.add(value(connection, "select coalesce(current_setting('my.own', true), '')"))
        assert found == {""}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("start", [{}, STARTED], ids=["plain", "started"])
def test_D13_change_counts_as_on_a_direct_connection(weir, cluster, sender, place, start):
    """Each change in this place: outcomes, values and reports, with another session in between."""
    proxy = weir(**SHARED)
    wrong = {}
    with connect(proxy) as other:
        other.execute("set work_mem = '9MB'; set my.own = 'other'; set time zone 'UTC'")
        of_other = look(other)
        for name, change in CHANGE.items():
            with connect(cluster.primary, user="app", **start) as direct, \
                    connect(proxy, **start) as connection:
                for each in (direct, connection):
                    each.execute("set my.own = 'before'")
                settle(proxy, connection)
                texts = [text.format(change) for text in PLACES[place]]
                told = [SENDERS[sender](each, texts) for each in (connection, direct)]
                found, others = alternate(2, lambda: look(connection), lambda: look(other))
                if (told[0], found, reported(connection), others) != (
                        told[1], {look(direct)}, reported(direct), {of_other}):
                    wrong[name] = (told, found, look(direct), others)
    assert wrong == {}


@pytest.mark.parametrize("change", ["reset all", "discard all", "reset timezone; reset work_mem",
                                    "set time zone default", "set session characteristics as transaction"
                                    " read only; reset default_transaction_read_only",
                                    "set application_name to default", "set role clerk; reset role"])
def test_D13_reset_goes_back_to_start_up(weir, cluster, change):
    proxy = weir(**SHARED)
    with connect(cluster.primary, user="app", **STARTED) as direct, \
            connect(proxy, **STARTED) as connection, connect(proxy) as other:
        for each in (direct, connection):
            each.execute("set work_mem = '4MB'; set my.own = 'x'; set time zone 'Asia/Tokyo';"
                         "set application_name = 'y'; set datestyle = 'SQL'")
        fresh = look(other)
        for sql in change.split("; "):
            assert attempt(connection, sql) == attempt(direct, sql)
        found, others = alternate(3, lambda: look(connection), lambda: look(other))
        assert (found, others) == ({look(direct)}, {fresh})
        assert reported(connection) == reported(direct)


def outcome_of_login(server, **parameters):
    try:
        with connect(server, user="app", **parameters) as connection:
            return look(connection), reported(connection), value(connection, "select current_user")
    except psycopg.OperationalError as error:
        return re.sub(r".*(FATAL|ERROR):", r"\1:", str(error), flags=re.DOTALL)


@pytest.mark.proxy
@pytest.mark.parametrize("options", [
    "-c role=clerk", "-c role=none", "-c role=nobody_there", "-c work_mem=plenty", "-c no_such=1",
    "-c session_replication_role=replica", "-c shared_buffers=1GB", "--work-mem=3MB",
])
def test_D13_start_up_option(weir, cluster, options):
    proxy = weir(**SHARED)
    assert outcome_of_login(proxy, options=options) == \
        outcome_of_login(cluster.primary, options=options)


# --- D12: what it costs

MARK = "select 'D12', 1"


def statements_logged(cluster, pid, work):
    """The statements that the server with this pid ran meanwhile, without the client's own."""
    before = len(cluster.primary.log_grep(rf"\[{pid}\] .*(statement|execute)"))
    work()
    lines = cluster.primary.log_grep(rf"\[{pid}\] .*(statement|execute)")[before:]
    return [line for line in lines if MARK not in line]


@pytest.fixture
def all_logged(cluster):
    cluster.primary.configure(log_statement="all")
    yield
    cluster.primary.psql("alter system reset log_statement")
    cluster.primary.psql("select pg_reload_conf()")


@pytest.mark.proxy
@pytest.mark.parametrize("change", ["select 1", "set datestyle = 'SQL'", "set application_name = ''",
                                    "set role clerk", "set my.own = 'x'"])
def test_D12_nothing_is_sent_while_nothing_changes(weir, cluster, all_logged, change):
    proxy = weir(**SHARED)
    with connect(proxy) as connection:
        connection.execute(change)
        wait_until(lambda: client_of(proxy, connection)["state"] == "idle", "its settings to be read")
        pid = value(connection, "select pg_backend_pid()")
        extra = statements_logged(cluster, pid,
                                  lambda: [connection.execute(MARK) for _ in range(50)])
        assert extra == []


@pytest.mark.proxy
def test_D12_a_change_costs_one_message_group(weir, cluster, all_logged):
    """Two sessions with different settings: one set_config statement at each change of hands."""
    proxy = weir(**SHARED)
    with connect(proxy) as one, connect(proxy) as two:
        one.execute("set my.own = 'one'; set work_mem = '3MB'; set datestyle = 'SQL'")
        two.execute("set my.own = 'two'; set time zone 'Asia/Tokyo'")
        pid = value(two, "select pg_backend_pid()")
        value(one, "select 1")
        extra = statements_logged(cluster, pid, lambda: alternate(
            10, lambda: value(two, MARK), lambda: value(one, MARK)))
        assert len(extra) == 20 and all("set_config" in line for line in extra), extra


@pytest.mark.proxy
def test_D12_sessions_with_equal_settings_cost_nothing(weir, cluster, all_logged):
    proxy = weir(**SHARED)
    with connect(proxy) as one, connect(proxy) as two:
        for each in (one, two):
            each.execute("set my.own = 'same'; set datestyle = 'SQL'")
        pid = value(one, "select pg_backend_pid()")
        assert statements_logged(cluster, pid, lambda: alternate(
            10, lambda: value(two, MARK), lambda: value(one, MARK))) == []


# --- on replicas

@pytest.mark.proxy
def test_replica_reads_with_the_sessions_settings(weir, cluster):
    cluster.primary.psql("""
        drop schema if exists carried cascade; create schema carried authorization app;
        create table carried.tenant_rows (tenant text, n int);
        insert into carried.tenant_rows values ('a', 1), ('b', 2);
        alter table carried.tenant_rows owner to keeper; grant usage on schema carried to keeper;
        grant select on carried.tenant_rows to app;
        alter table carried.tenant_rows enable row level security;
        create policy own on carried.tenant_rows using (tenant = current_setting('my.tenant', true))
        """, "app")
    cluster.wait_replayed()
    proxy = weir(**{**SHARED, "route_split": "on"})
    wait_splitting(proxy, connect)
    with connect(proxy) as one, connect(proxy) as two:
        one.execute("set search_path = carried, public")
        one.execute("set my.tenant = 'a'")
        one.execute("set time zone 'Asia/Tokyo'")
        two.execute("set search_path = carried, public")
        two.execute("select set_config('my.tenant', 'b', false)")
        two.execute("set time zone 'Europe/Oslo'")
        sql = "/* pgweir: replica */ select on_replica(), n, extract(timezone from" \
            " '2026-01-01 00:00+00'::timestamptz)::int from tenant_rows"
        found = alternate(20, lambda: tuple(one.execute(sql).fetchall()),
                          lambda: tuple(two.execute(sql).fetchall()))
        assert found == [{((True, 1, 9 * 3600),)}, {((True, 2, 3600),)}]


# --- pin_policy = error

PINNING = {
    "listen carried": "listen", "create temp table carried (n int)": "temporary_table",
    "select pg_advisory_lock(4711)": "advisory_lock", "prepare carried as select 1": "prepare",
    "declare carried cursor with hold for select 1": "hold_cursor", "load 'plpgsql'": "load",
    "select set_config('a' || '.b', 'x', false)": "set_config", "select setseed(0.5)": "unresettable",
}


def errors_of(client, *frames):
    client.send(*frames)
    return client.result()


@pytest.mark.proxy
@pytest.mark.parametrize("sql", PINNING)
def test_pin_policy_error_is_an_error_like_any_other(weir, cluster, sql):
    """The same types of messages as for an error of PostgreSQL, in each protocol and place."""
    proxy = weir(**SHARED, pool_pin_policy="error")
    fails = "select no_such_column"
    scripts = {
        "simple": lambda text: [m.query(text), m.query("select 1")],
        "extended": lambda text: [m.one_query(text), m.one_query("select 1")],
        "named": lambda text: [m.parse(text, "named") + m.describe("S", "named") + m.SYNC,
                               m.bind("named") + m.execute() + m.SYNC],
        "pipeline": lambda text: [m.parse("select 1") + m.bind() + m.execute() + m.parse(text)
                                  + m.bind() + m.execute() + m.parse("select 2") + m.SYNC],
        "transaction": lambda text: [m.query("begin"), m.query(text), m.query("select 1"),
                                     m.query("rollback"), m.query("select 1")],
        "savepoint": lambda text: [m.query("begin; savepoint s"), m.one_query(text),
                                   m.query("rollback to s"), m.query("select 1"), m.query("commit")],
        "flush": lambda text: [m.parse(text) + m.FLUSH + m.SYNC, m.query("select 1")],
    }
    for name, script in scripts.items():
        with EvilClient(cluster.primary.port) as direct, EvilClient(proxy.port) as client:
            direct.login("app", USERS["app"], "app")
            client.login("app", USERS["app"], "app")
            for wanted_frame, frame in zip(script(fails), script(sql)):
                wanted, found = errors_of(direct, wanted_frame), errors_of(client, frame)
                assert (found.types, found.status) == (wanted.types, wanted.status), name
                for fields in found.errors:
                    if fields["C"] == "0A000":
                        assert PINNING[sql] in fields["M"] and fields["H"] and fields["S"] == "ERROR"
                assert [state.replace("0A000", "42703") for state in found.sqlstates] \
                    == wanted.sqlstates, name
    assert proxy.stats()["clients"]["pinned"] == 0


@pytest.mark.proxy
def test_pin_policy_error_leaves_alone_what_is_carried(weir):
    proxy = weir(**SHARED, pool_pin_policy="error")
    with connect(proxy) as connection:
        for sql in ("set my.own = 'x'", "set role clerk", "reset all", "discard all", "unlisten *",
                    "begin; select pg_advisory_xact_lock(1); commit", "notify carried",
                    "select set_config('my.own', 'x', false)", "begin; declare c cursor for select 1;"
                    "commit", "deallocate all", "select pg_advisory_unlock_all()"):
            connection.execute(sql)


# --- the end of a pin

ENDS = [
    ("listen carried", "unlisten *", "listen"),
    ("listen carried", "unlisten carried", "listen"),
    ("create temp table carried (n int)", "drop table carried", "temporary_table"),
    ("create temp table carried (n int)", "discard temp", "temporary_table"),
    ("create temp view carried as select 1", "drop view carried", "temporary_table"),
    ("create temp sequence carried", "drop sequence pg_temp.carried", "temporary_table"),
    ("create temp table carried (n serial)", "drop table carried", "temporary_table"),
    ("create function pg_temp.carried() returns int language sql as 'select 1'",
     "drop function pg_temp.carried()", "temporary_table"),
    ("select pg_advisory_lock(4711)", "select pg_advisory_unlock(4711)", "advisory_lock"),
    ("select pg_advisory_lock_shared(4, 7)", "select pg_advisory_unlock_shared(4, 7)",
     "advisory_lock"),
    ("select pg_try_advisory_lock(4711)", "select pg_advisory_unlock_all()", "advisory_lock"),
    ("declare carried cursor with hold for select 1", "close carried", "hold_cursor"),
    ("declare carried cursor with hold for select 1", "close all", "hold_cursor"),
    ("prepare carried as select 1", "deallocate carried", "prepare"),
    ("prepare carried as select 1", "deallocate all", "prepare"),
    ("begin|create temp table carried (n int)", "rollback", "temporary_table"),
    ("begin|create temp table carried (n int) on commit drop", "commit", "temporary_table"),
    ("begin|listen carried", "rollback", "listen"),
    ("begin|declare carried cursor with hold for select 1", "rollback", "hold_cursor"),
    ("begin|savepoint s|create temp table carried (n int)|rollback to s", "commit",
     "temporary_table"),
    ("begin|create temp table carried (n int)|select 1/0", "commit", "temporary_table"),
    ("listen carried", "discard all", "listen"),
    ("prepare carried as select 1", "discard all", "prepare"),
    ("select set_config(lower('A.B'), 'x', false)", "discard all", "set_config"),
    ("listen carried|create temp table carried (n int)|unlisten *", "drop table carried",
     "temporary_table"),
]


def client_of(proxy, connection):
    address = own_address(connection)
    clients = json.loads(proxy.get("/clients")[1])["clients"]
    return next(client for client in clients if client["address"] == address)


def is_waiting(proxy, connection):
    return client_of(proxy, connection)["state"] == "waiting"


def take_answer(connection):
    result = connection.pgconn.get_result()
    while connection.pgconn.get_result():
        pass
    return result.get_value(0, 0)


@pytest.mark.proxy
@pytest.mark.parametrize("begins, ends, reason", ENDS)
def test_pin_ends(weir, begins, ends, reason):
    """Another client waits while it lasts, and is served when it is over; so is it shown."""
    proxy = weir(**SHARED)
    with connect(proxy) as holder, connect(proxy) as waiter:
        for sql in begins.split("|"):
            attempt(holder, sql)
        wait_until(lambda: client_of(proxy, holder)["pin"] == reason, f"the pin {reason}", 10)
        stats = proxy.stats()
        assert stats["clients"]["pinned"] == 1 and stats["pins"][reason] == 1
        waiter.pgconn.send_query(b"select 'served'")
        wait_until(lambda: is_waiting(proxy, waiter), "the other client to wait", 10)
        attempt(holder, ends)
        assert take_answer(waiter) == b"served"
        wait_until(lambda: client_of(proxy, holder)["state"] == "idle", "the holder to be free", 10)
        assert client_of(proxy, holder)["pin"] is None and proxy.stats()["clients"]["pinned"] == 0


@pytest.mark.proxy
@pytest.mark.parametrize("begins, not_yet, ends", [
    ("listen carried", "begin|unlisten *|rollback", "unlisten *"),
    ("create temp table carried (n int)", "begin|drop table carried|rollback", "drop table carried"),
    ("select pg_advisory_lock(4711), pg_advisory_lock(4711)", "select pg_advisory_unlock(4711)",
     "select pg_advisory_unlock(4711)"),
    ("prepare carried as select 1|prepare carried2 as select 1", "deallocate carried",
     "deallocate carried2"),
    ("begin|select pg_advisory_lock(4711)", "rollback", "select pg_advisory_unlock(4711)"),
    ("begin|prepare carried as select 1", "rollback", "deallocate carried"),
    ("listen carried|create temp table carried (n int)", "unlisten *", "drop table carried"),
])
def test_pin_is_not_over_too_early(weir, begins, not_yet, ends):
    proxy = weir(**SHARED)
    with connect(proxy) as holder, connect(proxy) as waiter:
        for sql in [*begins.split("|"), *not_yet.split("|")]:
            attempt(holder, sql)
        waiter.pgconn.send_query(b"select 'served'")
        wait_until(lambda: is_waiting(proxy, waiter), "the other client to wait", 10)
        assert value(holder, "select 1") == 1  # whatever is asked of the server has been asked
        assert is_waiting(proxy, waiter) and client_of(proxy, holder)["pin"] is not None
        attempt(holder, ends)
        assert take_answer(waiter) == b"served"
