"""What a client hears when there is no room, no time, no node, no primary."""

import threading
import time

import pytest

import messages as m
from peers import LoginFailed

pytestmark = pytest.mark.proxy


def test_too_many_clients(server, weir):
    one = weir(server, proxy_max_clients=3)
    clients = [one.login() for _ in range(3)]
    with one.client() as extra:
        extra.send_if_open(m.startup())
        assert "53300" in extra.expect_end()
    clients.pop().close()
    deadline = time.monotonic() + 5
    while True:
        try:
            one.login().close()
            break
        except (LoginFailed, m.Closed):
            assert time.monotonic() < deadline
    for client in clients:
        assert client.query("select 'x'").value == "x"
        client.close()


def test_D05_a_wait_for_a_connection_ends(server, weir):
    """And what the waiting client had sent is not executed later."""
    one = weir(server, pool_size=1, pool_timeout_ms=300)
    with one.login() as holder, one.login() as waiter:
        assert holder.query("begin").status == "T"
        waiter.send(m.query("select 'late'"))
        failed = waiter.read()
        assert failed.type == "E" and failed.fields["C"][:2] in ("08", "53", "57"), failed
        holder.query("commit")
        if failed.fields["S"] == "ERROR":
            waiter.expect("Z")
            for i in range(5):
                assert waiter.query(f"select '{i}'").value == str(i)
        else:
            waiter.expect_closed()
        assert holder.query("select 'x'").value == "x"
    assert not any(message.text == "select 'late'"
                   for connection in server.connections for message in connection.received)


def test_waiting_clients_are_served_in_turn(server, weir):
    one = weir(server, pool_size=1)
    answers = []

    def ask(number):
        with one.login() as client:
            answers.append((number, client.query(f"select '{number}'").value))

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == [(i, str(i)) for i in range(20)]
    assert len(server.data()) == 1


def test_the_pool_is_never_larger_than_its_size(server, weir):
    one = weir(server, pool_size=2, pool_overflow=1)
    clients = [one.login() for _ in range(6)]
    for client in clients:
        client.send(m.query("sleep 0.1"))
    most = 0
    for client in clients:
        most = max(most, len(server.data()))
        assert client.result().tags == ["SLEEP"]
        client.close()
    assert most <= 3


def test_no_node_is_up(make_server, weir):
    server = make_server()
    server.stop_listening()
    one = weir(server, ready=False, route_primary_wait_ms=200, proxy_login_timeout_ms=600)
    one.has_canary = False
    wait_for_port(one)
    with one.client() as client:
        client.send(m.startup())
        client.authenticate("app", "app-secret")
        assert client.expect_fatal()["C"] in ("57P03", "08001", "08006")


def wait_for_port(one):
    deadline = time.monotonic() + 10
    while True:
        try:
            one.client().close()
            return
        except ConnectionRefusedError:
            assert time.monotonic() < deadline and one.is_running(), one.log_tail()
            time.sleep(0.05)


def test_no_primary(make_server, weir):
    server = make_server(role="replica")
    one = weir(server, route_primary_wait_ms=200)
    one.has_canary = False
    with one.client() as client:
        try:
            client.login()
            result = client.send(m.query("insert into shop values (1)")).read()
            assert result.type == "E" and result.fields["C"] == "57P03", result
        except LoginFailed as failed:
            assert failed.fields["C"] == "57P03"
    server.role = "primary"
    server.timeline = 2
    deadline = time.monotonic() + 10
    while True:
        try:
            with one.login() as client:
                assert client.query("insert into shop values (1)").tags == ["INSERT 0 1"]
            break
        except (LoginFailed, AssertionError):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_write_waits_for_a_primary(make_server, weir):
    """One that comes back in time is served, and nobody hears of it."""
    server = make_server()
    one = weir(server, route_primary_wait_ms=10000)
    with one.login() as client:
        assert client.query("set x = 1").tags == ["SET"]
        server.role = "replica"
        time.sleep(1)
        client.send(m.query("set x = 2"))
        server.role = "primary"
        assert client.result().tags == ["SET"]


def test_reads_go_to_the_replica_and_writes_do_not(make_server, weir):
    primary, replica = make_server(), make_server(role="replica")
    one = weir(primary, replica)
    one.wait_catalogue()

    def texts(server):
        return [message.text for connection in server.connections
                if connection.is_data for message in connection.received]

    with one.login() as client:
        for i in range(20):
            assert client.query(f"select 'read {i}'").value == f"read {i}"
        assert [f"select 'read {i}'" for i in range(20)] == texts(replica)
        for i in range(20):
            client.query(f"error {i}")
        assert len(texts(replica)) == 20


def test_console_is_not_for_everybody(server, weir):
    one = weir(server, proxy_admin_users="other")
    with one.client() as client, pytest.raises(LoginFailed):
        client.login("app", "app-secret", "pgweir")
