"""How pgweir ends: SIGTERM lets open transactions finish, SIGINT does not wait."""

import signal
import time

import psycopg
import pytest

from cluster import wait_until
from drivers import connect, value
from load import Load

pytestmark = pytest.mark.proxy


@pytest.fixture
def ends(cluster):
    cluster.primary.psql("drop table if exists ends; create table ends (n int);"
                         "alter table ends owner to app", "app")


def refuses_clients(proxy):
    try:
        connect(proxy, connect_timeout=2).close()
    except psycopg.OperationalError:
        return True
    return False


@pytest.mark.threads
def test_sigterm_lets_an_open_transaction_finish(weir, cluster, ends):
    proxy = weir()
    with connect(proxy) as idle, connect(proxy) as connection:
        idle.execute("select 1")
        connection.execute("begin")
        connection.execute("insert into ends values (1)")
        proxy.signal(signal.SIGTERM)
        wait_until(lambda: refuses_clients(proxy), "new clients to be refused", 10)
        assert proxy.is_running()
        connection.execute("insert into ends values (2)")
        connection.execute("commit")
        proxy.check_end(timeout_s=10)
        with pytest.raises(psycopg.OperationalError):
            idle.execute("select 1")
    assert cluster.primary.number("select count(*) from ends", "app") == 2


def test_sigterm_waits_no_longer_than_the_deadline(weir, cluster, ends):
    proxy = weir(proxy_drain_timeout_ms=1000)
    connection = connect(proxy, autocommit=False)
    connection.execute("insert into ends values (1)")
    proxy.signal(signal.SIGTERM)
    began = time.monotonic()
    proxy.check_end(timeout_s=15)
    assert time.monotonic() - began > 0.8
    with pytest.raises(psycopg.OperationalError):
        connection.execute("select 1")
    wait_until(lambda: cluster.primary.sessions() == 0, "the server session to end")
    assert cluster.primary.number("select count(*) from ends", "app") == 0


def test_sigint_ends_at_once(weir, cluster, ends):
    proxy = weir()
    connection = connect(proxy, autocommit=False)
    connection.execute("insert into ends values (1)")
    proxy.signal(signal.SIGINT)
    proxy.check_end(statuses=(0, 130), timeout_s=10)
    with pytest.raises(psycopg.OperationalError):
        connection.execute("select 1")
    wait_until(lambda: cluster.primary.sessions() == 0, "the server session to end")
    assert cluster.primary.number("select count(*) from ends", "app") == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_end_under_load_is_clean(weir, number):
    proxy = weir()
    with Load(proxy, clients=8) as load:
        wait_until(lambda: len(load.successes) > 100, "the load to run")
        load.stopping.set()
        proxy.signal(number)
        proxy.check_end(statuses=(0, 130), timeout_s=40)


def test_second_sigterm_does_not_wait(weir):
    proxy = weir()
    connection = connect(proxy, autocommit=False)
    connection.execute("select 1")
    proxy.signal(signal.SIGTERM)
    time.sleep(0.5)
    proxy.signal(signal.SIGINT)
    proxy.check_end(statuses=(0, 130), timeout_s=10)
    connection.close()


def test_killed_proxy_leaves_no_transaction_open(weir, cluster, ends):
    proxy = weir()
    connection = connect(proxy, autocommit=False)
    connection.execute("insert into ends values (1)")
    proxy.process.kill()
    proxy.check_end(statuses=(-signal.SIGKILL,), timeout_s=10)
    wait_until(lambda: cluster.primary.sessions() == 0, "the server session to end", 10)
    assert cluster.primary.number("select count(*) from ends", "app") == 0
