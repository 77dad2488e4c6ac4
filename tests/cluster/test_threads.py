"""Workers share a pool's limit: connections move between them all the time, and none is lost,
counted twice or left behind.

With fewer connections than workers every query may have to fetch its connection from another
thread.  tests/run runs these twice: with the address and with the thread sanitizer.
"""

import os
import shlex
import signal
import subprocess
import threading
import time

import psycopg
import pytest

import account
import pgbench
import weir as program
from cluster import wait_until
from drivers import connect, value

pytestmark = [pytest.mark.proxy, pytest.mark.threads]

LIMIT, WORKERS, CLIENTS = 4, 4, 32
CROWDED = {"pool_size": LIMIT, "pool_overflow": 0, "proxy_workers": WORKERS}


class Watch:
    """Asks /stats and every node for their connections until the block ends."""

    def __init__(self, proxy, cluster):
        self.questions = [lambda: self._ask_proxy(proxy)]
        self.questions += [lambda node=node: self._ask_node(node) for node in cluster.nodes]
        self.threads = [threading.Thread(target=self._repeat, args=[question], daemon=True)
                        for question in self.questions]
        self.ended = threading.Event()
        self.counts, self.answers, self.trouble = {}, 0, []

    def _ask_proxy(self, proxy):
        for pool in proxy.stats()["pools"]:
            key = "stats", pool["node"], pool["database"], pool["user"]
            open_now = pool["idle"] + pool["lent"] + pool["connecting"]
            self.counts[key] = max(self.counts.get(key, 0), open_now)
        self.answers += 1

    def _ask_node(self, node):
        self.counts[node] = max(self.counts.get(node, 0), node.sessions())

    def _repeat(self, question):
        while not self.ended.wait(0.1):
            try:
                question()
            except Exception as error:  # pylint: disable=broad-except
                self.trouble.append(error)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join(20)
        assert not self.trouble, self.trouble[:3]

    def check_limit(self):
        assert self.answers > 3
        beyond = {key: count for key, count in self.counts.items() if count > LIMIT}
        assert self.counts and not beyond, beyond


def check_nothing_is_left(proxy, cluster):
    """What /stats says is open is what the nodes see, and nobody has or wants any of it."""
    def settled():
        pools = proxy.stats()["pools"]
        return not any(pool["lent"] + pool["waiting"] + pool["connecting"] for pool in pools)

    wait_until(settled, "all connections to be idle")
    for node in cluster.nodes:
        idle = sum(pool["idle"] for pool in proxy.stats()["pools"] if pool["node"] == node.address)
        assert idle == node.sessions(), f"{idle} in /stats, {node.sessions()} at {node.name}"


@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
def test_connections_move_while_everything_is_counted(weir, cluster, bench, mode):
    proxy = weir(**CROWDED)
    writers = {}

    def write():
        # One thread for each client: pgbench prepares synchronously, its other clients stop then.
        writers["result"] = pgbench.run(proxy, bench, mode=mode, clients=8, threads=8, seconds=3,
                                        extra=pgbench.SCRIPTS["simple-update"])

    with Watch(proxy, cluster) as watch:
        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        read = pgbench.run(proxy, bench, mode=mode, clients=CLIENTS, seconds=3,
                           extra=pgbench.SCRIPTS["select-only"]).check()
        thread.join(60)
    written = writers["result"].check()
    watch.check_limit()
    check_nothing_is_left(proxy, cluster)
    select = proxy.query("select abalance from")
    update = proxy.query("update pgbench_accounts set")
    assert select["calls"] == read.transactions + written.transactions
    assert update["calls"] == written.transactions
    clients = proxy.stats()["clients"]
    # Each run has a connection more, which reads the scale.
    assert clients["accepted"] == clients["logins"] == CLIENTS + 8 + 2
    assert clients["connected"] == 0 == clients["lost"]


def test_churn_of_clients(weir, cluster, bench):
    proxy = weir(**CROWDED)
    with Watch(proxy, cluster) as watch:
        result = pgbench.run(proxy, bench, clients=CLIENTS, seconds=3,
                             extra=["-C", *pgbench.SCRIPTS["select-only"]]).check()
    watch.check_limit()
    check_nothing_is_left(proxy, cluster)
    assert proxy.query("select abalance from")["calls"] == result.transactions


def hold_together(connections):
    """Each begins a transaction on the primary and ends it when all have begun."""
    barrier = threading.Barrier(len(connections), timeout=20)
    trouble = []

    def hold(connection):
        try:
            with connection.transaction():
                value(connection, "select txid_current()")
                barrier.wait()
        except Exception as error:  # pylint: disable=broad-except
            trouble.append(error)

    threads = [threading.Thread(target=hold, args=[connection], daemon=True)
               for connection in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not trouble, trouble


def test_idle_connections_of_one_worker_serve_all_who_wait_at_another(weir, cluster):
    """Only the first one who waited got one; the others waited for its transaction's end."""
    proxy = weir(**CROWDED)
    clients = [connect(proxy) for _ in range(LIMIT * WORKERS)]
    for _ in range(3):
        for first in range(WORKERS):
            # Clients go to the emptiest worker: these are all at the same one.
            hold_together(clients[first::WORKERS])
    assert cluster.primary.sessions() == LIMIT
    for client in clients:
        client.close()
    check_nothing_is_left(proxy, cluster)


def test_clients_that_vanish_leave_nothing(weir, cluster, bench):
    proxy = weir(**CROWDED)
    line, environment = pgbench.command(proxy, bench, clients=CLIENTS, seconds=60)
    with subprocess.Popen(line, cwd="/tmp", env=environment, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as load:
        wait_until(lambda: proxy.stats()["clients"]["transactions"] > 100, "the load to run")
        load.kill()
    wait_until(lambda: proxy.stats()["clients"]["connected"] == 0, "all clients to be gone")
    assert proxy.stats()["clients"]["lost"] == CLIENTS
    check_nothing_is_left(proxy, cluster)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_end_while_connections_move(weir, cluster, bench, number):
    """A connection on its way to another worker was read after its sender's pool was freed."""
    for _ in range(3):
        proxy = weir(**CROWDED, proxy_drain_timeout_ms=2000)
        line, environment = pgbench.command(proxy, bench, clients=CLIENTS, seconds=60,
                                            extra=["-S"])
        with subprocess.Popen(line, cwd="/tmp", env=environment, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as load:
            try:
                wait_until(lambda: proxy.stats()["clients"]["transactions"] > 300,
                           "the load to run")
                proxy.signal(number)
                proxy.check_end()
            finally:
                load.kill()
        for node in cluster.nodes:
            wait_until(lambda node=node: node.sessions() == 0, f"sessions on {node.name} to end")


def test_stack_of_a_worker_is_not_the_shells(weir, tmp_path):
    """libpg_query needs more than 1 KB for each NOT."""
    script = tmp_path / "pgweir"
    binary = shlex.quote(os.path.abspath(program.find_binary()))
    script.write_text(f'#!/bin/sh\nulimit -S -s 512\nexec {binary} "$@"\n')
    script.chmod(0o755)
    account.give(str(script))
    proxy = weir(binary=str(script))
    with connect(proxy) as client:
        assert value(client, "select " + "not " * 480 + "true") is True


def test_waiting_ends_for_those_who_leave(weir, cluster):
    """Who waits and leaves is forgotten by other workers, too: its connection is not sent."""
    proxy = weir(**{**CROWDED, "pool_size": 1}, pool_timeout_ms=500)
    clients = [connect(proxy, autocommit=False) for _ in range(WORKERS)]
    holder, waiting = clients[0], clients[1:]
    holder.execute("select txid_current()")
    for client in waiting:
        with pytest.raises(psycopg.Error) as caught:
            client.execute("select txid_current()")
        assert caught.value.sqlstate == "53300"
        client.rollback()
    holder.commit()
    for client in clients:
        client.execute("select txid_current()")
        client.commit()
        client.close()
    time.sleep(0.1)
    check_nothing_is_left(proxy, cluster)
