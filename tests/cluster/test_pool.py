"""Many clients share few server connections, and each limit holds."""

import threading
import time

import psycopg
import pytest

from cluster import wait_until
from drivers import connect, sqlstate_of_refusal, value
from load import Load

pytestmark = pytest.mark.proxy


def largest_crowd(node, load, seconds):
    """The most sessions of `app` seen on `node` while the load runs."""
    deadline, most = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        most = max(most, node.sessions())
    assert load.successes and not load.errors, load.errors[:3]
    return most


@pytest.mark.threads
@pytest.mark.parametrize("workers", [1, 2])
def test_size_and_overflow_hold_over_all_workers(weir, cluster, workers):
    proxy = weir(proxy_workers=workers, pool_size=2, pool_overflow=1, route_split="off")
    with Load(proxy, "select pg_sleep(0.01)", clients=12) as load:
        wait_until(lambda: len(load.successes) > 50, "the load to run")
        assert 1 < largest_crowd(cluster.primary, load, 2) <= 3


def test_pool_of_one_serves_all_in_turn(weir):
    proxy = weir(pool_size=1, pool_overflow=0)
    with Load(proxy, "select 7", clients=12) as load:
        wait_until(lambda: len(load.successes) > 300, "the load to run")
    assert not load.errors and {number for _, number in load.successes} == {7}


def test_wait_for_a_connection_ends_with_53300(weir):
    proxy = weir(pool_size=1, pool_overflow=0, pool_timeout_ms=400, route_split="off")
    with connect(proxy, autocommit=False) as holder, connect(proxy) as other:
        holder.execute("select 1")
        began = time.monotonic()
        with pytest.raises(psycopg.Error) as caught:
            other.execute("select 2")
        assert 0.3 < time.monotonic() - began < 10
        assert caught.value.sqlstate == "53300"
        assert sqlstate_of_refusal(proxy)[0] in ("53300", None)  # None: it needed no connection
    with connect(proxy) as other:
        assert value(other, "select 3") == 3


def test_client_that_vanishes_frees_its_connection(weir, cluster):
    proxy = weir(pool_size=1, pool_overflow=0, pool_timeout_ms=5000)
    cluster.primary.psql("create table if not exists pool_log (n int);"
                         " truncate pool_log; alter table pool_log owner to app", "app")
    vanishing = connect(proxy, autocommit=False)
    vanishing.execute("insert into pool_log values (1)")
    vanishing.pgconn.finish()  # no ROLLBACK, just gone
    with connect(proxy) as other:
        other.execute("insert into pool_log values (2)")
    assert cluster.primary.psql("select n from pool_log", "app") == "2"
    # … and in the middle of a running statement: it is cancelled or outlived, never shared.
    vanishing = connect(proxy)
    vanishing.pgconn.send_query(b"select pg_sleep(1), 'not yours'")
    vanishing.pgconn.finish()
    with connect(proxy) as other:
        for number in range(20):
            assert value(other, f"select {number}") == number


def test_connection_is_held_from_begin_to_commit(weir):
    proxy = weir(pool_size=5)
    clients = [connect(proxy, autocommit=False) for _ in range(4)]
    pids = [value(client, "select pg_backend_pid()") for client in clients]
    assert len(set(pids)) == 4
    assert pids == [value(client, "select pg_backend_pid()") for client in clients]
    for client in clients:
        client.close()


def test_idle_connections_are_closed(weir, cluster):
    proxy = weir(pool_size=5, pool_idle_s=1)
    with Load(proxy, "select pg_sleep(0.01)", clients=5) as load:
        wait_until(lambda: len(load.successes) > 20, "the load to run")
    wait_until(lambda: all(node.sessions() == 0 for node in cluster.nodes),
               "idle connections to be closed", 15)
    with connect(proxy) as connection:
        assert value(connection, "select 1") == 1


def test_old_connections_are_replaced(weir):
    proxy = weir(pool_size=1, pool_overflow=0, pool_recycle_s=1, route_split="off")
    with connect(proxy) as connection:
        first = value(connection, "select pg_backend_pid()")
        wait_until(lambda: value(connection, "select pg_backend_pid()") != first,
                   "a new server connection", 10)


def test_connections_closed_by_the_server_are_not_lent(weir, cluster):
    """An administrator ended them, or a firewall did: the next client must not notice."""
    proxy = weir(pool_size=4, route_split="off")
    with Load(proxy, "select pg_sleep(0.01)", clients=4) as load:
        wait_until(lambda: len(load.successes) > 20, "the load to run")
    cluster.primary.psql("select pg_terminate_backend(pid) from pg_stat_activity"
                         " where usename = 'app'")
    time.sleep(0.3)
    for _ in range(10):
        with connect(proxy) as connection:
            assert value(connection, "select 1") == 1


# --- session mode

def test_session_mode_keeps_one_connection_and_cleans_it(weir):
    proxy = weir(pool_mode="session", pool_size=1, pool_overflow=0)
    with connect(proxy) as first:
        pid = value(first, "select pg_backend_pid()")
        first.execute("create temporary table mine (n int)")
        first.execute("set work_mem = '1234kB'")
        first.execute("prepare mine as select 1")
        first.execute("select pg_advisory_lock(42)")
        first.execute("listen mine")
        assert value(first, "show work_mem") == "1234kB"
        assert value(first, "select pg_backend_pid()") == pid
    with connect(proxy) as second:
        assert value(second, "show work_mem") != "1234kB"
        assert value(second, "select to_regclass('mine')") is None
        assert value(second, "select count(*) from pg_prepared_statements") == 0
        assert value(second, "select count(*) from pg_listening_channels()") == 0
        assert value(second, "select count(*) from pg_locks where locktype = 'advisory'") == 0


def test_session_mode_makes_the_next_client_wait(weir):
    proxy = weir(pool_mode="session", pool_size=1, pool_overflow=0)
    first = connect(proxy)
    first.execute("select 1")
    served = []

    def wait_in_line():
        with connect(proxy) as second:
            served.append(value(second, "select 2"))

    thread = threading.Thread(target=wait_in_line, daemon=True)
    thread.start()
    time.sleep(0.5)
    assert not served
    first.close()
    thread.join(20)
    assert served == [2]
