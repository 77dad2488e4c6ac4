"""Cancel requests hit the query of the client that asked for it, or nothing (FAILURES F1, F3, F5)."""

import random
import threading
import time

import pytest

import messages as m


def cancel(one, key):
    with one.client() as client:
        client.send_if_open(m.cancel(*key))
        client.expect_end()


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def is_running(server, sql):
    return any(connection.sql == sql for connection in server.data())


def test_a_running_query_is_cancelled(server, weir):
    one = weir(server, pool_size=2)
    with one.login() as client, one.login() as other:
        other.send(m.query("sleep 0.5"))
        client.send(m.query("sleep 30"))
        wait_for(lambda: is_running(server, "sleep 30"))
        cancel(one, client.key)
        assert client.result().sqlstates == ["57014"]
        assert other.result().tags == ["SLEEP"]
        assert client.query("select 'x'").value == "x"


@pytest.mark.proxy
def test_F01_a_cancel_that_comes_late_hits_nobody(server, weir):
    """W6: few connections, many clients, cancels at the moment an answer arrives."""
    one = weir(server, pool_size=2)
    failures, is_over = [], threading.Event()

    def neighbour():
        try:
            with one.login() as client:
                while not is_over.is_set():
                    assert client.query("sleep 0.003").tags == ["SLEEP"]
        except BaseException as failure:
            failures.append(failure)

    neighbours = [threading.Thread(target=neighbour) for _ in range(4)]
    for thread in neighbours:
        thread.start()
    dice = random.Random(1)
    try:
        with one.login() as client:
            for _ in range(100):
                client.send(m.query("sleep 0.002"))
                time.sleep(dice.random() * 0.01)
                cancelling = threading.Thread(target=cancel, args=(one, client.key))
                cancelling.start()
                assert client.result().sqlstates in ([], ["57014"])
                cancelling.join(10)
    finally:
        is_over.set()
        for thread in neighbours:
            thread.join(20)
    assert not failures, failures


@pytest.mark.proxy
def test_a_cancel_of_an_idle_client_reaches_no_server(server, weir):
    one = weir(server, pool_size=1)
    with one.login() as client:
        assert client.query("select 'x'").value == "x"
        for _ in range(5):
            cancel(one, client.key)
        assert client.query("select 'x'").value == "x"
    assert server.cancels == []


@pytest.mark.proxy
def test_a_wrong_secret_cancels_nothing(server, weir):
    one = weir(server, pool_size=1)
    with one.login() as client:
        client.send(m.query("sleep 0.5"))
        wait_for(lambda: is_running(server, "sleep 0.5"))
        process, secret = client.key
        for key in ((process, secret ^ 1), (process ^ 1, secret), (secret, process), (0, 0)):
            cancel(one, key)
        assert client.result().tags == ["SLEEP"]
    assert server.cancels == []


@pytest.mark.proxy
def test_F05_cancelling_while_waiting_for_a_connection(server, weir):
    """The one who holds the connection is not hit; who waits is answered once."""
    one = weir(server, pool_size=1)
    with one.login() as holder, one.login() as waiter:
        holder.query("begin")
        waiter.send(m.query("select 'w'"))
        time.sleep(0.05)
        cancel(one, waiter.key)
        assert holder.query("select 'h'").value == "h"
        holder.query("commit")
        result = waiter.result()
        assert result.sqlstates in ([], ["57014"])
        assert waiter.query("select 'x'").value == "x"


@pytest.mark.proxy
def test_F03_cancel_then_leave(server, weir):
    one = weir(server, pool_size=1)
    for i in range(10):
        client = one.login()
        client.send(m.query("sleep 20"))
        wait_for(lambda: is_running(server, "sleep 20"))
        if i % 2:
            client.reset()
            cancel(one, client.key)
        else:
            with one.client() as canceller:
                canceller.send(m.cancel(*client.key))
                client.reset()
        with one.login() as other:
            assert other.query("select 'x'").value == "x"
