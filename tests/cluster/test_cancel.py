"""A cancel stops the query of the client that asked for it and no other."""

import threading
import time

import psycopg
import pytest

from cluster import wait_until
from drivers import connect, value


def cancelled_after(connection, delay_s, sql="select pg_sleep(30)"):
    """Runs `sql`, cancels it after a while; returns how long it took."""
    timer = threading.Timer(delay_s, connection.cancel)
    timer.start()
    began = time.monotonic()
    with pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute(sql)
    timer.join()
    return time.monotonic() - began


def test_read_is_cancelled(weir):
    with connect(weir()) as connection:
        assert cancelled_after(connection, 0.3) < 5
        assert value(connection, "select 1") == 1


def test_query_in_a_transaction_is_cancelled_on_its_connection(weir):
    with connect(weir()) as connection:
        connection.execute("begin")
        assert cancelled_after(connection, 0.3) < 5
        connection.execute("rollback")
        assert value(connection, "select 1") == 1


def test_neighbour_is_not_cancelled(weir):
    proxy = weir(pool_size=2, pool_overflow=0)
    with connect(proxy) as one, connect(proxy) as other:
        finished = []
        thread = threading.Thread(
            target=lambda: finished.append(value(other, "select 'slept' from pg_sleep(1.5)")))
        thread.start()
        assert cancelled_after(one, 0.3) < 1.5
        thread.join(10)
        assert finished == ["slept"]


def test_cancel_of_an_idle_client_hits_nobody(weir):
    """One shared server connection: a late cancel must not stop the next client's query."""
    proxy = weir(proxy_workers=1, pool_size=1, pool_overflow=0)
    with connect(proxy) as idle, connect(proxy) as busy:
        for number in range(40):
            assert value(idle, "select 1") == 1
            idle.cancel()
            assert value(busy, f"select {number} from pg_sleep(0.005)") == number


def test_cancel_storm_leaves_the_pool_whole(weir):
    proxy = weir(pool_size=3, pool_overflow=0)
    with connect(proxy) as canary:
        clients = [connect(proxy) for _ in range(6)]
        stop = threading.Event()

        def storm(connection):
            while not stop.is_set():
                timer = threading.Timer(0.01, connection.cancel)
                timer.start()
                try:
                    connection.execute("select pg_sleep(0.02)")
                except psycopg.errors.QueryCanceled:
                    pass
                timer.join()

        threads = [threading.Thread(target=storm, args=[client], daemon=True)
                   for client in clients]
        for thread in threads:
            thread.start()
        for number in range(100):
            assert value(canary, f"select {number}") == number
        stop.set()
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)
        for client in clients:
            client.close()


@pytest.mark.proxy
def test_cancel_with_a_wrong_key_is_ignored(weir):
    proxy = weir()
    with connect(proxy) as connection, connect(proxy) as stranger:
        outcome = []
        thread = threading.Thread(
            target=lambda: outcome.append(value(connection, "select 'slept' from pg_sleep(1)")))
        thread.start()
        time.sleep(0.2)
        stranger.cancel()  # a right key, of somebody who is running nothing
        thread.join(10)
        assert outcome == ["slept"]
        wait_until(lambda: value(stranger, "select 1") == 1, "the stranger to go on")
