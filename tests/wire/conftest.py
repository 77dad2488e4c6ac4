"""Fixtures of the wire tests: pgweir between scripted clients and scripted servers.

    server     a FakeServer, the primary of this test
    weir       weir(server, pool_size=1, …) starts a pgweir in front of FakeServers
    shared     a pgweir for tests that leave nothing behind: one process for all of them

After each test the process must be alive, a canary client on a pool of its own must be answered,
and at its end the process must exit with 0 and no sanitizer report (tests/cluster/weir.py).
$PGWEIR_BIN is the binary under test; PGWEIR_BIN=direct runs against the FakeServer itself, to
test the tests, and skips those that only make sense with a proxy (mark `proxy`).
"""

import os
import signal
import sys
import time

import pytest

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../cluster"))

import weir as program  # noqa: E402  (needs the path above)
from peers import EvilClient, FakeCluster, FakeServer  # noqa: E402

TEST_LIMIT_S = 120
CANARY_S = 2
USERS = {"app": "app-secret", "other": "other-secret"}
OPTIONS = {
    "proxy_workers": 2, "proxy_drain_timeout_ms": 300, "cluster_probe_user": "app",
    "cluster_probe_interval_ms": 100, "pool_size": 3, "pool_overflow": 0,
    "route_primary_wait_ms": 2000,
}


def pytest_configure(config):
    config.addinivalue_line("markers", "proxy: makes no sense without pgweir")


def pytest_collection_modifyitems(items):
    if program.direct_wanted():
        for item in items:
            if item.get_closest_marker("proxy"):
                item.add_marker(pytest.mark.skip(reason="PGWEIR_BIN=direct"))


class Hung(BaseException):
    """Not an Exception: no test may swallow it."""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """A proxy that hangs must fail its test, not the whole run."""
    def on_alarm(*_):
        raise Hung(f"{item.name} took longer than {TEST_LIMIT_S} s")

    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(TEST_LIMIT_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class Clients:
    """How tests reach what is under test; `port` is its port."""

    def client(self, **options):
        """A connection on which nothing was sent yet."""
        return EvilClient(self.port, **options)

    def login(self, user="app", database="app", piece=None, **parameters):
        return EvilClient(self.port, piece=piece).login(user, USERS[user], database, **parameters)

    def canary(self):
        """A well-behaved client on a pool of its own is served, whatever the others do."""
        with EvilClient(self.port) as client:
            client.sock.settimeout(CANARY_S)
            client.login("app", USERS["app"], "canary")
            assert client.query("select 'tweet'").value == "tweet"


class Weir(program.Pgweir, Clients):
    """A pgweir in front of FakeServers."""

    def __init__(self, *servers, users=None, **options):
        super().__init__(FakeCluster(*servers), users=users or USERS, **{**OPTIONS, **options})
        self.has_canary = True

    def wait_catalogue(self, database="app"):
        """From here reads are proved to be reads; the first login asks for it."""
        self.login(database=database).close()
        line = f'read the catalogue of database "{database}"'
        deadline = time.monotonic() + 10
        while line not in self.log():
            assert time.monotonic() < deadline, self.log_tail()
            time.sleep(0.01)

    def check(self):
        assert self.is_running(), f"pgweir ended by itself:\n{self.log_tail()}"
        if self.has_canary:
            self.canary()


class Direct(Clients):
    """The FakeServer itself, with the part of Weir's face that tests use."""

    def __init__(self, *servers, **_):
        self.server, self.port = servers[0], servers[0].port
        self.has_canary = True

    def start(self, ready=True):
        return self

    def check(self):
        if self.has_canary:
            self.canary()

    def stop(self):
        pass

    def destroy(self):
        pass


def make(*servers, **options):
    return (Direct if program.direct_wanted() else Weir)(*servers, **options)


@pytest.fixture
def make_server():
    """A factory of FakeServers, which end with the test; no script of theirs may have failed."""
    made = []

    def start(**options):
        made.append(FakeServer(**options))
        return made[-1]

    yield start
    for one in made:
        one.stop()
    failures = [failure for one in made for failure in one.failures]
    assert not failures, failures


@pytest.fixture
def server(make_server):
    return make_server()


@pytest.fixture
def weir():
    """A factory; all it started are checked and stopped after the test."""
    started = []

    def start(*servers, ready=True, **options):
        started.append(make(*servers, **options))
        return started[-1].start(ready)

    yield start
    try:
        for one in started:
            one.check()
            one.stop()
    finally:
        for one in started:
            one.destroy()


@pytest.fixture(scope="session")
def shared_pair():
    server = FakeServer()
    one = make(server)
    try:
        yield server, one.start()
        one.stop()
    finally:
        one.destroy()
        server.stop()


@pytest.fixture
def shared(shared_pair):
    server, one = shared_pair
    yield one
    one.check()
    assert not server.failures, server.failures


@pytest.fixture
def shared_server(shared_pair):
    """The server behind `shared`."""
    return shared_pair[0]
