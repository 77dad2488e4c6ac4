"""Whatever a session changes, the next user of its connection finds a fresh one; and it finds its own.

One connection to each node, one worker: A, B and C are given the same server session, in turn.  One
pgweir serves all tests; where one has found a leak, the connections are cleaned before the next.
"""

import contextlib
import json
import os
import re
import socket
import sys

import psycopg
import pytest

import weir as program
from cluster import SUPERUSER, SUPERUSER_PASSWORD, USERS, wait_until
from drivers import connect, value
from session_changes import CHANGES, SETUP
from state import answer, difference, settings_on_replica, values_only, whole_state

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../wire"))

import messages as m  # noqa: E402  (needs the path above)
from peers import EvilClient  # noqa: E402

pytestmark = pytest.mark.proxy
SECRETS = {**USERS, SUPERUSER: SUPERUSER_PASSWORD}
OPTIONS = {"proxy_workers": 1, "pool_size": 1, "pool_overflow": 0, "pool_timeout_ms": 30000,
           "route_consistency": "eventual"}


class Bench:
    """The pgweir of all tests here, and what fresh sessions look like."""

    def __init__(self, cluster):
        self.cluster, self.replica = cluster, cluster.replicas[0]
        cluster.primary.psql(SETUP, "app")
        cluster.wait_replayed()
        self.fresh, self.fresh_on_replica = {}, {}
        self.proxy, self.is_spoilt = None, False
        self.start()

    def start(self):
        self.proxy = program.Pgweir(
            self.cluster, users=SECRETS, **OPTIONS,
            nodes=f"{self.cluster.primary.address}, {self.replica.address}").start()

    def finish(self):
        try:
            self.proxy.stop()
        finally:
            self.proxy.destroy()

    def connect(self, user, **parameters):
        return connect(self.proxy, user=user, password=SECRETS[user], **parameters)

    @contextlib.contextmanager
    def judged(self):
        """The proxy, with nothing on its connections of what an earlier test found there."""
        if self.is_spoilt:
            self.clean()
        try:
            yield self.proxy
        except BaseException:
            self.is_spoilt = True
            raise

    def clean(self):
        self.is_spoilt = False
        try:
            for user in ("app", SUPERUSER):
                with self.connect(user) as connection:
                    connection.execute("discard all")
        except psycopg.Error:
            self.finish()
            self.start()

    def expect_fresh(self, connection, user):
        """This session is like one that has just been opened at the node; returns its server's pid."""
        if user not in self.fresh:
            with connect(self.cluster.primary, user=user) as direct:
                self.fresh[user] = whole_state(direct)
            with connect(self.replica, user=user) as direct:
                self.fresh_on_replica[user] = settings_on_replica(direct)
        found = whole_state(connection)
        assert difference(found, self.fresh[user]) == {}
        there = wait_until(lambda: settings_on_replica(connection), "a read to run on the replica")
        assert difference(there, self.fresh_on_replica[user]) == {}
        return found["pid"]


@pytest.fixture(scope="module")
def bench(session_cluster):
    built = Bench(session_cluster)
    yield built
    built.finish()


# --- what is done

def attempt(connection, sql):
    """What became of it: the command's tag or the SQLSTATE."""
    try:
        return connection.execute(sql).statusmessage
    except psycopg.Error as error:
        return error.sqlstate


def run(connection, change):
    return [attempt(connection, sql) for sql in change.statements]


def run_directly(bench, change):
    """The outcomes and the state of a session without a proxy."""
    with connect(bench.cluster.primary, user=change.user, **change.parameters) as twin:
        outcomes = run(twin, change)
        return outcomes, None if change.is_blind else whole_state(twin)


def client_of(proxy, connection):
    """What /clients says of this connection."""
    with socket.socket(fileno=os.dup(connection.fileno())) as own:
        address = "{}:{}".format(*own.getsockname())
    clients = json.loads(proxy.get("/clients")[1])["clients"]
    return next(client for client in clients if client["address"] == address)


def has_answer(connection):
    connection.pgconn.consume_input()
    return not connection.pgconn.is_busy()


def waits_for_bound(proxy, waiter, holder):
    return (client_of(proxy, waiter)["state"] == "waiting"
            and client_of(proxy, holder)["pin"] is not None)


def begin_question(proxy, waiter, holder, is_carried):
    """Asks for the connection.  True: it was free; False: the holder is bound to it."""
    waiter.pgconn.send_query(b"/* pgweir: primary */ select 1")
    wait_until(lambda: has_answer(waiter) or (
        not is_carried and waits_for_bound(proxy, waiter, holder)),
        f"the connection of a session that should be free: {client_of(proxy, holder)}", 20)
    return has_answer(waiter)


def end_question(waiter):
    while waiter.pgconn.get_result():
        pass


def name_of(change):
    words = re.sub(r"\W+", "_", change.name)[:60].strip("_")
    return f"{CHANGES.index(change)}_{words}"


def parameters_of(changes):
    return [pytest.param(change, id=name_of(change),
                         marks=[pytest.mark.xfail(strict=True, reason=change.known)]
                         if change.known else []) for change in changes]


def test_there_are_changes_enough():
    assert len(CHANGES) >= 80
    assert len({change.name for change in CHANGES}) == len(CHANGES)


@pytest.mark.parametrize("change", parameters_of(CHANGES))
def test_D09_next_session_is_fresh(bench, change):
    """While A stays, if its connection is free; and when A has left."""
    wanted, state = run_directly(bench, change)
    with bench.judged() as proxy, bench.connect(change.user) as b:
        before = bench.expect_fresh(b, change.user)
        with bench.connect(change.user, **change.parameters) as a:
            assert run(a, change) == wanted
            is_free = begin_question(proxy, b, a, change.is_carried)
            if is_free:
                end_question(b)
                answer(a, "/* pgweir: replica */ select 1")
                assert bench.expect_fresh(b, change.user) == before, "another connection was looked at"
            if state:
                assert difference(values_only(whole_state(a)), values_only(state)) == {}
        if not is_free:
            end_question(b)
        bench.expect_fresh(b, change.user)
    with bench.judged(), bench.connect(change.user) as c:
        bench.expect_fresh(c, change.user)


# --- how it leaves

SET = m.query("set work_mem = '3MB'; set my.own = 'x'; set role clerk")
MUCH = m.query("set work_mem = '3MB'; set role none; create temp table leak (n int); prepare leak as"
               " select 1; select pg_advisory_lock(4711); listen leak")
NO_ROLE = m.query("reset role")
FEW_ROWS = "select generate_series(1, 9)"
CALL = m.parse("select set_config('work_mem', '3MB', false)") + m.bind() + m.execute()
# What a client has sent when it leaves, and the letters that it has read of the last answer.
LEFT = {
    "nothing else": ([SET], "Z"),
    "much": ([MUCH], "Z"),
    "answers unread": ([SET + MUCH + m.query(FEW_ROWS)], ""),
    "a transaction": ([m.query("begin"), SET, MUCH], "Z"),
    "a failed transaction": ([m.query("begin"), SET, MUCH, m.query("select 1/0")], "Z"),
    "a query that runs": ([MUCH, m.query("set statement_timeout = 0; select pg_sleep(600)")], ""),
    "a lock that waits": ([m.query("begin; lock table leak_rows"),
                           m.query("set my.own = 'x'; select pg_sleep(600)")], ""),
    "a batch that only parses": ([m.parse("select 1", "leak") + m.frame("H")], "1"),
    "a batch with no Sync": ([CALL], ""),
    "a batch with a Flush": ([CALL + m.FLUSH], "12DC"),
    "a batch that failed": ([m.parse("select 1/0") + m.bind() + m.execute() + m.FLUSH], "1E"),
    "half a batch": ([m.parse("select set_config('work_mem', '3MB', false)") + m.bind()], ""),
    "half a message": ([MUCH + m.query("set work_mem = '4MB'")[:9]], "Z"),
    "half a Parse": ([CALL + m.SYNC + m.parse("select 1", "leak")[:12]], "12DCZ"),
    "a portal": ([m.query("begin"), m.parse(FEW_ROWS, "leak") + m.bind("leak", portal="leak")
                  + m.execute("leak", 2) + m.SYNC], "12DDsZ"),
    "a cursor": ([m.query("begin"), m.query(f"declare leak cursor with hold for {FEW_ROWS}")], "Z"),
    "a cursor kept": ([m.query(f"declare leak cursor with hold for {FEW_ROWS}")], "Z"),
    "a COPY in": ([SET, NO_ROLE, m.query("copy public.leak_rows from stdin"), m.frame("d", b"1\n2\n")], ""),
    "a COPY that failed": ([SET, NO_ROLE, m.query("copy public.leak_rows from stdin"),
                            m.frame("d", b"no number\n") + m.frame("c") + SET], ""),
    "a COPY out": ([SET, m.query("copy (select generate_series(1, 9999999)) to stdout")], "H"),
    "a time-out": ([m.query("set statement_timeout = '1ms'")], "Z"),
    "a time-out in a transaction": ([m.query("begin"), m.query("set statement_timeout = '1ms'")], "Z"),
    "an encoding": ([m.query("set client_encoding = 'SJIS'")], "Z"),
    "read only": ([m.query("set default_transaction_read_only = on")], "Z"),
    "discarded": ([MUCH + m.query("discard all") + SET], ""),
}


def leave(client, how):
    if how == "terminate":
        client.send(m.TERMINATE)
    if how == "reset":
        client.reset()
    client.close()


def begin_to_leave(client, frames, letters):
    """Reads what came before the last frame, then of its answer so much."""
    for frame in frames[:-1]:
        client.send(frame)
        client.read_until("G" if b"from stdin" in frame else "Z")
    client.send(frames[-1])
    for letter in letters:
        client.read_until(letter)


@pytest.mark.parametrize("how", ["terminate", "reset", "close"])
@pytest.mark.parametrize("left", LEFT)
def test_D09_D18_client_that_leaves(bench, left, how):
    with bench.judged() as proxy, bench.connect("app") as b:
        bench.expect_fresh(b, "app")
        with EvilClient(proxy.port) as a:
            a.login("app", USERS["app"], "app")
            begin_to_leave(a, *LEFT[left])
            leave(a, how)
        bench.expect_fresh(b, "app")
    with bench.judged(), bench.connect("app") as c:
        bench.expect_fresh(c, "app")


# --- what no list shows

def sqlstate_of(client, *frames):
    client.send(*frames)
    return client.result().sqlstates


@pytest.mark.parametrize("name", ["", "leak"])
@pytest.mark.parametrize("stays", [True, False])
def test_E02_statements_and_portals_are_nobody_elses(bench, name, stays):
    """Those of the protocol are in no view by the client's name: their use tells."""
    def use(client):
        return [sqlstate_of(client, m.bind(name), m.execute(), m.SYNC),
                sqlstate_of(client, m.describe("S", name), m.SYNC),
                sqlstate_of(client, m.execute(name), m.SYNC),
                sqlstate_of(client, m.describe("P", name), m.SYNC),
                sqlstate_of(client, m.parse("select 2", name), m.SYNC)]

    with EvilClient(bench.cluster.primary.port) as direct:
        wanted = use(direct.login("app", USERS["app"], "app"))
    with bench.judged() as proxy, EvilClient(proxy.port) as a, EvilClient(proxy.port) as b:
        a.login("app", USERS["app"], "app")
        a.send(m.parse("select 1", name), m.bind(name, portal=name), m.execute(name), m.SYNC)
        assert a.result().rows == [[b"1"]]
        if not stays:
            leave(a, "terminate")
        assert use(b.login("app", USERS["app"], "app")) == wanted
        if stays and name:
            a.send(m.bind(name), m.execute(), m.SYNC)
            assert a.result().rows == [[b"1"]]


def random_numbers(connection):
    return [value(connection, "/* pgweir: primary */ select random()") for _ in range(3)]


@pytest.mark.parametrize("seed", ["select setseed(0.5)", "set seed to 0.5", "select setseed(0.1 * 5)"])
def test_D09_random_numbers_are_not_foretold(bench, seed):
    with connect(bench.cluster.primary, user="app") as direct:
        direct.execute(seed)
        foretold = random_numbers(direct)
    with bench.judged():
        with bench.connect("app") as a:
            a.execute(seed)
            assert random_numbers(a) == foretold
        with bench.connect("app") as b:
            assert not set(random_numbers(b)) & set(foretold)


def test_D09_library_is_gone(bench):
    with bench.judged():
        with bench.connect(SUPERUSER) as a:
            a.execute("load 'auto_explain'")
            assert answer(a, "show auto_explain.log_nested_statements") == "off"
        with connect(bench.cluster.primary, user=SUPERUSER) as direct:
            wanted = answer(direct, "show auto_explain.log_nested_statements")
        with bench.connect(SUPERUSER) as b:
            assert answer(b, "show auto_explain.log_nested_statements") == wanted == "42704"


def test_D09_notification_reaches_its_listener_only(bench):
    """A's channel is gone with A, and B hears nothing of it."""
    with bench.judged():
        with bench.connect("app") as a:
            a.execute("listen leak")
        with bench.connect("app") as b:
            heard = []
            b.add_notify_handler(heard.append)
            b.execute("notify leak, 'secret'")
            assert value(b, "/* pgweir: primary */ select 1") == 1 and heard == []


def test_D09_encoding_left_behind(bench):
    """B's text is read in B's encoding, whatever A's was."""
    with bench.judged(), bench.connect("app") as b:
        with bench.connect("app", client_encoding="LATIN1") as a:
            for _ in range(3):
                assert value(a, "/* pgweir: primary */ select 'é'") == "é"
                assert value(b, "/* pgweir: primary */ select 'é→🎈'") == "é→🎈"
                assert value(a, "/* pgweir: primary */ select octet_length('é')") == 2
        with bench.connect("app") as a:
            a.execute("set client_encoding = 'SJIS'")
            assert value(b, "/* pgweir: primary */ select 'é→🎈'") == "é→🎈"
            assert a.info.parameter_status("client_encoding") == "SJIS"
            a.execute("set client_encoding = 'UTF8'")
        assert value(b, "/* pgweir: primary */ select octet_length('é')") == 2
