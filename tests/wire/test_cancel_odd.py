"""Cancels at bad moments: the server is silent, gone or full, the proxy is full, the proxy works for
itself on the connection (FAILURES F1, F4, F5, F6, F7)."""

import threading
import time

import pytest

import echo
import messages as m
import peers

pytestmark = pytest.mark.proxy


def cancel(one, key):
    with one.client() as client:
        client.send_if_open(m.cancel(*key))
        client.expect_end()


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def is_running(server, sql):
    return any(connection.sql == sql for connection in server.data())


def served(one, count=3):
    for i in range(count):
        with one.login() as client:
            assert client.query(f"select 'own{i}'").value == f"own{i}"


@pytest.fixture
def gate(monkeypatch):
    """Until it is set no server reads a cancel request that came."""
    event = threading.Event()
    plain = peers.Connection.take_cancel

    def take_late(connection, *key):
        event.wait(60)
        plain(connection, *key)

    monkeypatch.setattr(peers.Connection, "take_cancel", take_late)
    yield event
    event.set()


def test_F01_a_cancel_that_the_server_reads_much_later(server, weir, gate):
    """However long it takes: who has the connection meanwhile did not ask."""
    one = weir(server, pool_size=1)
    with one.login() as client, one.login() as other:
        client.send(m.query("sleep 0.3"))
        wait_for(lambda: is_running(server, "sleep 0.3"))
        cancel(one, client.key)
        assert client.result().tags == ["SLEEP"]
        other.send(m.query("sleep 2"))  # waits for a connection that no cancel can reach
        wait_for(lambda: is_running(server, "sleep 2"))
        gate.set()
        assert other.result().sqlstates == []


def test_F06_cancels_to_a_server_that_is_silent(server, weir, gate):
    """Each costs nothing but the first: a client could fill the table of descriptors."""
    one = weir(server, pool_size=2)
    with one.login() as client:
        client.send(m.query("sleep 60"))
        wait_for(lambda: is_running(server, "sleep 60"))
        before = one.descriptors()
        most = 0
        for i in range(500):
            cancel(one, client.key)
            if i % 50 == 49:
                most = max(most, one.descriptors() - before)
        assert most < 20, f"{most} descriptors for one query that shall be cancelled"
        gate.set()
        assert client.result().sqlstates == ["57014"]
        assert client.query("select 'x'").value == "x"


def test_F06_descriptors_after_many_cancels(server, weir):
    """Of running and of idle clients, with right and wrong keys, some halves of requests."""
    one = weir(server, pool_size=2)
    with one.login() as client, one.login() as idle:
        assert client.query("select 'x'").value == "x"
        before = one.descriptors()
        for i in range(100):
            client.send(m.query("sleep 20"))
            wait_for(lambda: is_running(server, "sleep 20"))
            cancel(one, idle.key)
            cancel(one, (client.key[0] ^ 1, client.key[1]))
            with one.client() as half:
                half.send(m.cancel(*client.key)[:i % 16])
            cancel(one, client.key)
            assert client.result().sqlstates == ["57014"]
        wait_for(lambda: one.descriptors() <= before + 2)


def test_F04_a_thousand_cancels_while_the_server_takes_none(make_server, weir):
    """New connections are refused, the old ones work: the cancels are lost, and nothing waits for
    them when the server is back."""
    server = make_server()
    one = weir(server, pool_size=2)
    with one.login() as client, one.login() as other:
        client.send(m.query("sleep 2"))
        wait_for(lambda: is_running(server, "sleep 2"))
        assert other.query("select 'x'").value == "x"
        server.stop_listening()
        for _ in range(1000):
            cancel(one, client.key)
        assert client.result().tags == ["SLEEP"]
    again = make_server(port=server.port)
    server.drop_all()
    wait_for(lambda: one.stats()["nodes"][0]["up"])
    served(one)
    assert again.cancels == []


def test_F05_a_cancel_when_everything_is_full(server, weir):
    """No room for clients, the pool lent, the server refuses connections with 53300."""
    one = weir(server, pool_size=1, proxy_max_clients=2)
    one.has_canary = False
    with one.login() as client, one.login() as waiter:
        client.send(m.query("sleep 60"))
        wait_for(lambda: is_running(server, "sleep 60"))
        server.login = lambda c: c.fatal("53300", "sorry, too many clients already")
        waiter.send(m.query("select 'w'"))
        with one.client() as extra:
            extra.send_if_open(m.startup())
            assert extra.expect_end() == ["53300"]
        cancel(one, client.key)
        assert client.result().sqlstates == ["57014"]
        assert waiter.result().value == "w"


def test_F05_a_waiting_client_is_told_at_once(server, weir):
    one = weir(server, pool_size=1)
    with one.login() as holder, one.login() as waiter:
        holder.query("begin")
        for i in range(20):
            waiter.send(m.query(f"select '{i}'"))
            time.sleep(0.01)
            cancel(one, waiter.key)
            # It may be looked for before the query was read: then it hits nothing.
            if i % 5 == 4:
                assert holder.query("select 'h'").value == "h"
            holder.query("commit")
            assert waiter.result().sqlstates in ([], ["57014"])
            holder.query("begin")
    assert server.cancels == []


class Replay:
    """A server whose set_config takes until it is cancelled, once."""

    def __init__(self, server):
        self.began, self.is_over = threading.Event(), False
        server.serve = self.serve

    def serve(self, connection):
        read = connection.read

        def read_slowly():
            message = read()
            if message.type == "E" and not self.is_over and self.is_replay(connection):
                self.is_over = True
                self.began.set()
                echo.sleep(connection, 20)
            return message

        connection.read = read_slowly
        try:
            echo.serve(connection)
        except echo.Failed as failure:
            # As PostgreSQL: an error, then nothing up to Sync.
            connection.send(m.error(*failure.args))
            while connection.stream.read().type != "S":
                pass
            connection.send(m.ready())
            echo.serve(connection)

    @staticmethod
    def is_replay(connection):
        return any("set_config" in sql for sql in connection.statements.values())


@pytest.mark.parametrize("ask", ["query", "ask"])
def test_F07_a_cancel_while_the_settings_are_replayed(server, weir, ask):
    """The client's query is cancelled or answered, and what is set on the connection is known."""
    one = weir(server, pool_size=1)
    with one.login() as other, one.login(options="-c search_path=mine") as client:
        for _ in range(2):
            assert other.query("select 'o'").value == "o"
            assert client.query("select 'c'").value == "c"
        assert other.query("select 'o'").value == "o"
        replay = Replay(server)
        server.cut_data()
        served(one, 1)
        client.send(m.query("select 'late'") if ask == "query" else m.one_query("select 'late'"))
        assert replay.began.wait(20)
        cancel(one, client.key)
        result = client.result()
        assert result.sqlstates == ["57014"] or result.value == "late", result
        for i in range(3):
            assert client.query(f"select 'c{i}'").value == f"c{i}"
            assert other.query(f"select 'o{i}'").value == f"o{i}"
    served(one)


@pytest.mark.parametrize("order", ["client_first", "server_first", "cancel_first", "together"])
def test_F03_both_ends_close_after_a_cancel(server, weir, gate, order):
    one = weir(server, pool_size=1)
    for _ in range(5):
        gate.clear()
        client = one.login()
        client.send(m.query("sleep 60"))
        wait_for(lambda: is_running(server, "sleep 60"))
        cancel(one, client.key)
        if order == "client_first":
            client.reset()
            time.sleep(0.02)
        if order == "cancel_first":
            gate.set()
            time.sleep(0.02)
        server.cut_data()
        if order == "server_first":
            time.sleep(0.02)
        client.close()
        gate.set()
        served(one)


def test_F01_cancels_with_keys_of_the_server(server, weir):
    """The server's own keys mean nothing here."""
    one = weir(server, pool_size=1)
    with one.login() as client:
        client.send(m.query("sleep 0.5"))
        wait_for(lambda: is_running(server, "sleep 0.5"))
        for connection in server.data():
            cancel(one, (connection.process, connection.secret))
        assert client.result().tags == ["SLEEP"]
    assert server.cancels == []
