"""/clients tells who is connected, what each does, and what binds it to its connection."""

import contextlib
import json
import os
import socket

import pytest

from cluster import wait_until
from drivers import connect, value

pytestmark = pytest.mark.proxy
KEYS = {"user", "database", "address", "application_name", "state", "pin", "node", "age_s",
        "idle_s", "wait_ms"}


def ask(proxy, query=""):
    status, body = proxy.get("/clients" + query)
    assert status == 200, body
    return json.loads(body)


def find(proxy, name):
    """The client that gave itself this application_name; None while there is none."""
    found = [client for client in ask(proxy)["clients"] if client["application_name"] == name]
    assert len(found) < 2, found
    return found[0] if found else None


def wait_state(proxy, name, state):
    """The client, once it is in this state."""
    def look():
        client = find(proxy, name)
        return client if client and client["state"] == state else None

    return wait_until(look, f"client {name} to be {state} in /clients", 10)


def own_address(connection):
    """The client's end of its socket, which is pgweir's other end."""
    with socket.socket(fileno=os.dup(connection.fileno())) as own:
        return "{}:{}".format(*own.getsockname())


def test_idle_client_is_shown_with_what_it_said(weir):
    proxy = weir()
    with connect(proxy, application_name="restful") as connection:
        connection.execute("select 1")
        client = wait_state(proxy, "restful", "idle")
        assert set(client) == KEYS
        assert (client["user"], client["database"]) == ("app", "app")
        assert client["address"] == own_address(connection)
        assert client["pin"] is None and client["node"] is None and client["wait_ms"] is None
        assert 0 <= client["idle_s"] <= client["age_s"]
        keeper = connect(proxy, user="keeper", application_name="other")
        assert find(proxy, "other")["user"] == "keeper"
        keeper.close()
    wait_until(lambda: find(proxy, "restful") is None, "the client that left to be gone", 10)


@pytest.mark.parametrize("statement, pin", [
    ("listen channel_of_mine", "listen"),
    ("create temporary table own (n int)", "temporary_table"),
    ("select pg_advisory_lock(4711)", "advisory_lock"),
])
def test_pinned_client_is_shown_with_its_reason(weir, cluster, statement, pin):
    proxy = weir()
    with connect(proxy, application_name="pinned") as connection, connect(proxy) as free:
        free.execute("select 1")
        before = proxy.stats()
        assert before["pins"][pin] == 0 and before["clients"]["pinned"] == 0
        connection.execute(statement)
        wait_until(lambda: find(proxy, "pinned")["idle_s"] is not None, "our question's answer")
        client = wait_state(proxy, "pinned", "linked")
        assert client["pin"] == pin and client["node"] == cluster.primary.address
        assert client["idle_s"] is not None and client["wait_ms"] is None
        after = proxy.stats()
        assert after["pins"] == {**before["pins"], pin: 1}
        assert after["clients"]["pinned"] == 1 and after["clients"]["pins"] == 1
        connection.execute("select 1")
        assert proxy.stats()["pins"][pin] == 1, "it was bound once"
    wait_until(lambda: proxy.stats()["clients"]["pinned"] == 0, "nobody to be pinned", 10)
    assert proxy.stats()["pins"][pin] == 1, "counted since the start"


@pytest.mark.threads
def test_pins_are_counted_by_reason(weir):
    """Over two workers: their counts and lists become one."""
    proxy = weir(proxy_workers=2)
    connections = [connect(proxy, application_name=f"number {number}") for number in range(7)]
    for number, connection in enumerate(connections):
        if number < 3:
            connection.execute("listen channel")
        elif number < 5:
            connection.execute("create temporary table own (n int)")
        else:
            connection.execute("select 1")
    stats = proxy.stats()
    assert {reason: count for reason, count in stats["pins"].items() if count} == {
        "listen": 3, "temporary_table": 2}
    assert stats["clients"]["pinned"] == 5 and stats["clients"]["pins"] == 5
    pins = {client["application_name"]: client["pin"] for client in ask(proxy)["clients"]}
    assert pins == {f"number {number}": pin for number, pin in
                    enumerate(["listen"] * 3 + ["temporary_table"] * 2 + [None] * 2)}
    for connection in connections:
        connection.close()


def test_waiting_client_and_open_transaction(weir, cluster):
    proxy = weir(pool_size=1, pool_overflow=0, route_split="off")
    with connect(proxy, autocommit=False, application_name="holder") as holder, \
            connect(proxy, application_name="waiter") as waiter:
        holder.execute("select 1")
        waiter.pgconn.send_query(b"select 2")
        first = wait_state(proxy, "waiter", "waiting")
        assert first["node"] is None and first["idle_s"] is None and first["wait_ms"] >= 0
        later = wait_until(lambda: longer(proxy, first), "the wait to grow", 10)
        assert later["state"] == "waiting"
        assert proxy.stats()["clients"]["waiting"] == 1
        held = find(proxy, "holder")
        assert held["state"] == "linked" and held["node"] == cluster.primary.address
        assert held["pin"] is None and held["idle_s"] is not None and held["wait_ms"] is None
        holder.commit()
        while waiter.pgconn.get_result():
            pass
        assert wait_state(proxy, "waiter", "idle")["wait_ms"] is None


def longer(proxy, before):
    client = find(proxy, before["application_name"])
    return client if client["wait_ms"] is None or client["wait_ms"] > before["wait_ms"] else None


def test_busy_client_is_not_idle(weir):
    proxy = weir()
    with contextlib.closing(connect(proxy, application_name="busy")) as connection:
        connection.pgconn.send_query(b"select pg_sleep(600)")
        client = wait_state(proxy, "busy", "linked")
        assert client["node"] is not None and client["idle_s"] is None


def test_client_without_a_node_waits_too(weir, cluster):
    """Not in any pool's queue: /stats counts it like /clients."""
    proxy = weir(nodes=cluster.replicas[0].address)  # so there is no primary
    with contextlib.closing(connect(proxy, application_name="writer")) as connection:
        connection.pgconn.send_query(b"create table never (n int)")
        assert wait_state(proxy, "writer", "waiting")["wait_ms"] is not None
        assert proxy.stats()["clients"]["waiting"] == 1


def test_limit_shows_the_longest_connected_and_counts_the_rest(weir):
    proxy = weir(proxy_workers=2)
    connections = [connect(proxy, application_name=f"number {number}") for number in range(6)]

    def names(answer):
        return [client["application_name"] for client in answer["clients"]]

    everyone = [f"number {number}" for number in range(6)]
    for limit, shown in ((1, 1), (5, 5), (6, 6), (7, 6), (10000, 6)):
        answer = ask(proxy, f"?limit={limit}")
        assert names(answer) == everyone[:shown] and answer["not_shown"] == 6 - shown
    answer = ask(proxy)
    assert names(answer) == everyone and answer["not_shown"] == 0
    for query in ("limit=0", "limit=10001", "limit=x", "sort=calls"):
        assert proxy.get(f"/clients?{query}")[0] == 400
    for connection in connections:
        connection.close()


def test_unix_client_has_no_address(weir, cluster):
    proxy = weir(proxy_listen=f"unix:{cluster.home}")
    with connect(proxy, host=cluster.home, port=6432, application_name="near") as connection:
        assert value(connection, "select 1") == 1
        assert find(proxy, "near")["address"] == "unix"


def test_nothing_secret_is_shown(weir):
    proxy = weir()
    with connect(proxy, application_name="near") as connection:
        text = json.dumps(ask(proxy))
        assert str(connection.info.backend_pid) not in text
        assert "secret" not in text
