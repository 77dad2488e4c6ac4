"""Cancels as people and drivers send them, and 100,000 of them with PGWEIR_LONG=1: nobody is hit
who did not ask (FAILURES F1, F2, F6; W6)."""

import asyncio
import json
import os
import pickle
import pty
import select
import signal
import subprocess
import sys
import threading
import time

import psycopg
import pytest

import tagged
from cluster import wait_until
from conftest import LONG
from drivers import connect, connect_asyncpg, value
from tagged import m

HERE = os.path.dirname(os.path.abspath(__file__))
CANCELS = 100_000 if LONG else 1500
WAIT_S = 2000 if LONG else 200
SIZE = 3


# --- psql and drivers

class Psql:
    """psql in a terminal of its own."""

    def __init__(self, proxy):
        named = proxy.parameters()
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ.update({"PGPASSWORD": named["password"], "TERM": "dumb", "LC_ALL": "C"})
            os.execlp("psql", "psql", "-X", "-P", "pager=off", "-h", named["host"], "-p", str(named["port"]),
                      "-U", named["user"], named["dbname"])
        self.seen = ""

    def type(self, text):
        os.write(self.terminal, text.encode())

    def expect(self, text, timeout_s=30):
        deadline = time.monotonic() + timeout_s
        while text not in self.seen:
            ready, _, _ = select.select([self.terminal], [], [], deadline - time.monotonic())
            assert ready, f"{text!r} expected, seen: {self.seen}"
            self.seen += os.read(self.terminal, 65536).decode(errors="replace")
        self.seen = self.seen.partition(text)[2]

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


def is_sleeping(cluster):
    return any(node.number("select count(*) from pg_stat_activity where state = 'active'"
                           " and query like '%pg_sleep(61)%' and pid <> pg_backend_pid()")
               for node in cluster.nodes if node.is_running())


@pytest.mark.parametrize("begin", ["", "begin; "])
def test_psql_and_ctrl_c(weir, cluster, begin):
    psql = Psql(weir())
    try:
        psql.expect("app=> ")
        for turn in range(3):
            psql.type(f"{begin}select pg_sleep(61);\n")
            wait_until(lambda: is_sleeping(cluster), "the query to run")
            psql.type("\x03")
            psql.expect("canceling statement due to user request")
            wait_until(lambda: not is_sleeping(cluster), "the query to end")
            psql.type(f"rollback; select 'ali' || 've{turn}';\n")
            psql.expect(f"alive{turn}")
    finally:
        psql.end()


@pytest.mark.parametrize("autocommit", [True, False])
def test_psycopg_cancel(weir, cluster, autocommit):
    with connect(weir(), autocommit=autocommit) as connection:
        for turn in range(3):
            def cancel_when_it_runs():
                wait_until(lambda: is_sleeping(cluster), "the query to run")
                connection.cancel()
            thread = threading.Thread(target=cancel_when_it_runs)
            thread.start()
            with pytest.raises(psycopg.errors.QueryCanceled):
                connection.execute("select pg_sleep(61)")
            thread.join(30)
            connection.rollback()
            assert value(connection, f"select {turn}") == turn


def test_asyncpg_time_limits_cancel(weir, cluster):
    """A time limit of asyncpg is a cancel; it waits for its end before the next query."""
    async def scenario():
        connection = await connect_asyncpg(weir())
        for turn in range(5):
            with pytest.raises(asyncio.TimeoutError):
                await connection.fetchval("select pg_sleep(61)", timeout=0.3)
            assert await connection.fetchval(f"select {turn} + $1::int", 1) == turn + 1
        async with connection.transaction():
            assert await connection.fetchval("select 'in'") == "in"
        task = asyncio.ensure_future(connection.fetchval("select pg_sleep(61)"))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await connection.fetchval("select 'alive'") == "alive"
        await connection.close()

    asyncio.run(scenario())
    wait_until(lambda: not is_sleeping(cluster), "the queries to end")


# --- the storm

def sleepers(port):
    """Statements that a late cancel would find running."""
    place = tagged.PLACE
    known = tagged.learn(port, [
        (1, 1, m.query(f"select '{place}' from pg_sleep(0.003)")),
        (1, 1, tagged.extended("select $1::text from pg_sleep(0.002)", [place])),
        (1, 2, m.query("begin") + m.query(f"select '{place}' from pg_sleep(0.001)") + m.query("end"))])
    return known


def spawn(script, *arguments):
    return subprocess.Popen([sys.executable, os.path.join(HERE, script), *map(str, arguments)],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)


def end(process):
    out, trouble = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, trouble[-3000:]
    return json.loads(out.splitlines()[-1])


def all_connections_can_be_had(proxy):
    """As many transactions at once as the pool has connections."""
    with_all = [connect(proxy, autocommit=False) for _ in range(SIZE)]
    for number, connection in enumerate(with_all):
        assert value(connection, f"select {number}") == number
    for connection in with_all:
        connection.close()


@pytest.mark.proxy
@pytest.mark.limit(2100)
def test_D02_F01_F02_F06_a_storm_of_cancels(weir, cluster, tmp_path):
    forms = tmp_path / "sleepers"
    forms.write_bytes(pickle.dumps(sleepers(cluster.primary.port)))
    proxy = weir(pool_size=SIZE, pool_overflow=0, proxy_workers=2)
    all_connections_can_be_had(proxy)
    before = proxy.descriptors()
    neighbours = spawn("tagged.py", forms, proxy.port, 1, 6, "--ask")
    cancellers = [spawn("cancelling.py", proxy.port, seed, 8, CANCELS // 2) for seed in (1, 2)]
    try:
        counts = [end(process) for process in cancellers]
        answers = end(neighbours)["answers"]
    finally:
        for process in [*cancellers, neighbours]:
            process.kill()
            process.wait()
    sums = {name: sum(count[name] for count in counts) for name in counts[0]}
    print(sums, f"{answers} answers of neighbours")
    assert sums["cancels"] >= CANCELS // 16 * 16 and sums["hit"] and sums["finished"] and answers
    assert proxy.stats()["clients"]["cancels"] == sums["cancels"]
    all_connections_can_be_had(proxy)
    wait_until(lambda: proxy.descriptors() <= before + 2 * SIZE, "descriptors to be as before")
