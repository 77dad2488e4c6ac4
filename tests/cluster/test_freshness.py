"""A session reads its own writes, however far the replicas are behind."""

import threading
import time

import pytest

from cluster import wait_until
from drivers import connect, value
from load import Load
from weir import wait_splitting

pytestmark = pytest.mark.proxy


@pytest.fixture
def counters(cluster):
    cluster.primary.psql("drop table if exists counters; create table counters (id int primary key,"
                         " n int); insert into counters select n, 0 from generate_series(0, 15) n;"
                         "alter table counters owner to app", "app")
    cluster.wait_replayed()


@pytest.fixture
def slow_replicas(cluster):
    """slow_replicas(ms): the replicas show each commit so much later."""
    def delay(milliseconds):
        for node in cluster.replicas:
            node.configure(recovery_min_apply_delay=f"{milliseconds}ms")

    yield delay
    delay(0)
    cluster.wait_replayed()


def count_up(proxy, identity, rounds, trouble):
    try:
        with connect(proxy) as connection:
            for _ in range(rounds):
                written = value(connection, "update counters set n = n + 1 where id = %s"
                                            " returning n", [identity])
                read = value(connection, "select n from counters where id = %s", [identity])
                if read < written:
                    trouble.append(f"wrote {written}, read {read}")
    except Exception as error:  # reported by the test, in its own thread
        trouble.append(repr(error))


@pytest.mark.threads
@pytest.mark.parametrize("delay_ms", [0, 150])
def test_session_reads_its_own_writes(weir, counters, slow_replicas, delay_ms):
    proxy = weir()
    wait_splitting(proxy, connect)
    slow_replicas(delay_ms)
    trouble = []
    threads = [threading.Thread(target=count_up, args=[proxy, identity, 150, trouble], daemon=True)
               for identity in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    assert not any(thread.is_alive() for thread in threads)
    assert not trouble


def test_write_inside_a_transaction_or_a_function_counts_too(weir, cluster, counters,
                                                             slow_replicas):
    cluster.primary.psql("create or replace function bump() returns int language sql volatile as"
                         " 'update counters set n = n + 1 where id = 0 returning n'", "app")
    cluster.wait_replayed()
    proxy = weir()
    wait_splitting(proxy, connect)
    slow_replicas(300)
    for number in range(1, 20, 2):
        with connect(proxy) as connection:
            assert value(connection, "select bump()") == number
            assert value(connection, "select n from counters where id = 0") == number
            with connection.transaction():
                connection.execute("update counters set n = n + 1 where id = 0")
            assert value(connection, "select n from counters where id = 0") == number + 1


def test_session_that_only_reads_stays_on_the_replicas(weir, counters):
    proxy = weir(route_max_lag_ms=60000)
    wait_splitting(proxy, connect)
    with connect(proxy) as writer, connect(proxy) as reader:
        writer.execute("update counters set n = n + 1")
        assert value(writer, "select on_replica()") is False
        assert value(reader, "select on_replica()") is True


def test_replica_beyond_max_lag_takes_no_reads(weir, cluster, counters, slow_replicas):
    proxy = weir(route_max_lag_ms=500, cluster_probe_interval_ms=100)
    wait_splitting(proxy, connect)
    with Load(proxy, "update counters set n = n + 1 where id = 1 returning n", clients=1) as load:
        slow_replicas(4000)
        wait_until(lambda: all((proxy.node(node)["lag_ms"] or 0) > 1000
                               for node in cluster.replicas), "the replicas to fall behind")
        with connect(proxy) as reader:
            for _ in range(20):
                assert value(reader, "select on_replica()") is False
                time.sleep(0.01)
        slow_replicas(0)
        wait_splitting(proxy, connect)
    assert not load.errors
