"""Fixtures of the cluster tests: one cluster for all, a pgweir of its own for each test.

    cluster   the session's cluster, healed after each test (no promotion here: see `own_cluster`)
    own_cluster   a cluster of this test alone, for promotions
    weir      weir(pool_size=1, …) starts a pgweir; it is stopped and judged after the test
    bench     the database with pgbench's tables

$PGWEIR_BIN is the binary under test; `direct` runs the workloads against the primary itself and
skips the tests that only make sense with a proxy (mark `proxy`).  PGWEIR_LONG=1 takes the full
durations of the issue instead of short ones.
"""

import os
import signal

import pytest

import weir as program
from cluster import Cluster

TEST_LIMIT_S = 240
LONG = os.environ.get("PGWEIR_LONG") == "1"


def pytest_configure(config):
    # Ended by tests/run's time limit: fixtures shall still stop their servers.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    config.addinivalue_line("markers", "proxy: makes no sense without pgweir")
    config.addinivalue_line("markers", "threads: also run with the thread sanitizer")
    config.addinivalue_line("markers", "limit(s): another time limit with PGWEIR_LONG=1")


def pytest_collection_modifyitems(items):
    if program.direct_wanted():
        for item in items:
            if item.get_closest_marker("proxy"):
                item.add_marker(pytest.mark.skip(reason="PGWEIR_BIN=direct"))


class Hung(BaseException):
    """Not an Exception: no driver and no test may swallow it."""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """A proxy that hangs must fail its test, not the whole run."""
    longer = item.get_closest_marker("limit")
    limit_s = longer.args[0] if longer and LONG else TEST_LIMIT_S

    def on_alarm(*_):
        raise Hung(f"{item.name} took longer than {limit_s} s")

    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(limit_s)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def session_cluster():
    with Cluster() as built:
        yield built


@pytest.fixture
def cluster(session_cluster):
    yield session_cluster
    session_cluster.heal()


@pytest.fixture
def own_cluster():
    with Cluster() as built:
        yield built


@pytest.fixture
def bench(cluster):
    return cluster.create_bench(scale=5)


@pytest.fixture
def weir(request):
    """A factory: weir(cluster, pool_size=1) or, for the session's cluster, weir(pool_size=1)."""
    started = []

    def start(cluster=None, ready=True, **options):
        cluster = cluster or request.getfixturevalue("cluster")
        kind = program.Direct if program.direct_wanted() else program.Pgweir
        one = kind(cluster, **options)
        started.append(one)
        return one.start(ready)

    yield start
    try:
        for one in started:
            one.stop()
    finally:
        for one in started:
            one.destroy()


@pytest.fixture
def seconds():
    """How long a load runs: seconds(30) is 30 s with PGWEIR_LONG=1 and 5 s otherwise."""
    return lambda long_s, short_s=5: long_s if LONG else short_s
