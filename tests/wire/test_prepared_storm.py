"""Random traffic of prepared statements over few connections that remember few of them, and servers
that vanish under it (FAILURES B5, E5, E9)."""

import os
import random
import threading

import pytest

import messages as m

LONG = os.environ.get("PGWEIR_LONG") == "1"
OPERATIONS = 4000 if LONG else 250  # of each client
NAMES = ["", "a", "b", "c"]


class Model:
    """One client and what its names must mean."""

    def __init__(self, one, number, failures):
        self.one, self.number, self.failures = one, number, failures
        self.dice, self.known, self.asked = random.Random(number), {}, 0

    def run(self):
        try:
            with self.one.login() as client:
                for _ in range(OPERATIONS):
                    self.dice.choice((self.parse, self.parse, self.execute, self.execute,
                                      self.execute, self.describe, self.close, self.simple))(client)
        except BaseException as failure:
            self.failures.append(failure)

    def tag(self):
        self.asked += 1
        # Half of the texts are everybody's, half are this client's own.
        who = self.number if self.dice.random() < 0.5 else "all"
        return f"t{who}.{self.asked % 7}"

    def parse(self, client):
        name, tag = self.dice.choice(NAMES), self.tag()
        result = client.send(m.parse(f"rows 1 12 {tag}", name), m.SYNC).result()
        if name and name in self.known:
            assert result.sqlstates == ["42P05"], result
        else:
            assert result.types == "1Z", result
            self.known[name] = tag

    def execute(self, client):
        name = self.dice.choice(NAMES)
        result = client.send(m.bind(name), m.execute(), m.SYNC).result()
        if name in self.known:
            assert result.value == self.known[name].ljust(12, "."), (name, result)
        else:
            assert result.sqlstates == ["26000"], result

    def describe(self, client):
        name = self.dice.choice(NAMES)
        result = client.send(m.describe("S", name), m.SYNC).result()
        assert result.types == ("tTZ" if name in self.known else "EZ"), (name, result)

    def close(self, client):
        name = self.dice.choice(NAMES)
        assert client.send(m.close("S", name), m.SYNC).result().types == "3Z"
        self.known.pop(name, None)

    def simple(self, client):
        tag = self.tag()
        assert client.query(f"select '{tag}'").value == tag
        self.known.pop("", None)  # as PostgreSQL's own simple Query does


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_E05_random_statements_with_a_small_memory(server, weir, limit):
    one = weir(server, pool_size=2, pool_max_prepared=limit)
    failures = []
    threads = [threading.Thread(target=Model(one, i, failures).run) for i in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(110)
    assert not failures, failures[0]
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.proxy
def test_E09_ever_new_statements_do_not_pile_up(server, weir):
    """Neither on the server's connections nor in the proxy."""
    one = weir(server, pool_size=2, pool_max_prepared=20)
    count, before = 6000 if LONG else 1500, None
    with one.login() as client:
        for i in range(count):
            client.send(m.parse(f"rows 1 9 u{i}", "s"), m.bind("s"), m.execute(), m.close("S", "s"),
                        m.SYNC)
            result = client.result()
            assert result.types == "12DC3Z" and result.value == f"u{i}".ljust(9, "."), result
            if i == count // 3:
                before = one.memory_kb()
        assert all(len(connection.statements) <= 21 for connection in server.data())
    # A third more would show a leak of 1 KB each; the sanitizer keeps 16 MB of freed memory.
    assert one.memory_kb() - before < 32768


@pytest.mark.proxy
def test_E09_names_of_one_session_are_bounded(server, weir):
    one = weir(server, pool_size=1, pool_max_prepared=20)
    with one.login() as client:
        client.send(*[m.parse("select $1", f"n{i}") for i in range(10000)], m.SYNC)
        assert client.result().types == "1" * 10000 + "Z"
        client.send(m.parse("select $1", "one_more"), m.SYNC)
        assert client.read().fields["C"] == "54000"
    with one.login() as client:
        assert client.query("select 'x'").value == "x"


@pytest.mark.proxy
def test_B05_connections_killed_in_a_loop_under_load(server, weir):
    """Answers are right or an error of the connection's loss; the process and the pool live on."""
    one = weir(server, pool_size=3)
    failures, is_over, counts = [], threading.Event(), {"right": 0, "lost": 0}

    def ask(number):
        try:
            client = one.login()
            while not is_over.is_set():
                tag = f"k{number}"
                try:
                    result = client.query(f"rows 5 2000 {tag}")
                except m.Closed:
                    counts["lost"] += 1
                    client = one.login()
                    continue
                if result.errors:
                    assert result.sqlstates[0][:2] in ("08", "57"), result
                    counts["lost"] += 1
                else:
                    assert result.rows == [[tag.ljust(2000, ".").encode()]] * 5
                    counts["right"] += 1
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(5)]
    for thread in threads:
        thread.start()
    dice, killed = random.Random(5), 0
    while killed < (1000 if LONG else 200) and not failures:
        for connection in server.data():
            if dice.random() < 0.3:
                connection.drop(with_reset=dice.random() < 0.5)
                killed += 1
        is_over.wait(0.01)
    is_over.set()
    for thread in threads:
        thread.join(30)
    assert not failures, failures[0]
    assert counts["right"] and counts["lost"], counts
    with one.login() as client:
        assert client.query("select 'x'").value == "x"
