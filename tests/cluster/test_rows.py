"""Rows of the catalogue of failures that want a real PostgreSQL and have no other home: a server
that reloads, COPY and who comes next, databases, large objects, changed tables (B10 to E11)."""

import asyncio
import ctypes
import os
import random
import subprocess
import threading

import psycopg
import pytest

from drivers import connect, value
from state import difference, whole_state
from tagged import m, peers
from weir import find_binary

ONE = {"pool_size": 1, "pool_overflow": 0, "proxy_workers": 1}


def raw(proxy, **options):
    return peers.EvilClient(proxy.port).login(**options)


# --- B

def test_B10_a_server_that_reloads_while_clients_log_in(weir, cluster):
    """Each reload changes what the server reports to all its sessions, in the middle of anything."""
    proxy = weir(pool_size=2, pool_overflow=0)
    zones, over = ["Asia/Tokyo", "UTC"], threading.Event()

    def reload():
        turn = 0
        while not over.is_set():
            cluster.primary.configure(timezone=zones[turn % 2])
            turn += 1
        cluster.primary.psql("alter system reset timezone")
        cluster.primary.psql("select pg_reload_conf()")

    reloading = threading.Thread(target=reload)
    reloading.start()
    try:
        for number in range(25):
            with connect(proxy) as connection:
                assert value(connection, f"select {number}") == number
                assert value(connection, "show timezone") in zones + ["Etc/UTC"]
    finally:
        over.set()
        reloading.join(30)


@pytest.mark.proxy
def test_B12_the_libpq_in_use_is_not_known_to_be_broken():
    """CVE-2025-12818 and CVE-2019-10164 are gone from these on."""
    listed = subprocess.run(["ldd", find_binary()], capture_output=True, text=True, check=True).stdout
    path = next(line.split()[2] for line in listed.splitlines() if "libpq.so" in line)
    version = ctypes.CDLL(path).PQlibVersion()
    print(f"{path}: libpq {version // 10000}.{version % 10000}")
    fixed = {13: 23, 14: 20, 15: 15, 16: 11, 17: 7}
    assert version % 10000 >= fixed.get(version // 10000, 0) and version >= 130000


# --- D

@pytest.fixture
def copied(cluster):
    cluster.primary.psql("drop table if exists copied; create table copied (a int);"
                         " alter table copied owner to app", "app")


def copy_done(client):
    client.send(m.query("copy copied from stdin")).expect("G")
    client.send(m.frame("d", b"1\n2\n"), m.frame("c"))
    assert client.result().tags == ["COPY 2"]


def copy_bad_row(client):
    client.send(m.query("copy copied from stdin")).expect("G")
    late = [m.frame("d", b"3\n" * 1000)] * 50
    client.send(m.frame("d", b"1\nnot a number\n"), *late, m.frame("c"))
    assert client.result().sqlstates == ["22P02"]


def copy_given_up(client):
    client.send(m.query("copy copied from stdin")).expect("G")
    client.send(m.frame("d", b"1\n"), m.frame("f", b"no\0"))
    assert client.result().sqlstates == ["57014"]


def copy_left(client):
    client.send(m.query("copy copied from stdin")).expect("G")
    client.send(m.frame("d", b"1\n"))
    client.reset()


def copy_out(client):
    client.send(m.query("copy (select generate_series(1, 1000)) to stdout"))
    assert client.result().tags == ["COPY 1000"]


def copy_out_fails(client):
    client.send(m.query("copy (select 1 / (500 - i) from generate_series(1, 1000) i) to stdout"))
    assert client.result().sqlstates == ["22012"]


def copy_out_left(client):
    client.send(m.query("copy (select repeat('x', 1000) from generate_series(1, 50000)) to stdout"))
    client.stream.need(100000)
    client.reset()


def copy_extended(client):
    client.send(m.parse("copy copied from stdin"), m.bind(), m.execute(), m.SYNC).expect("12G")
    client.send(m.frame("d", b"1\n"), m.frame("c"), m.SYNC)
    assert client.result().tags == ["COPY 1"]


COPIES = [copy_done, copy_bad_row, copy_given_up, copy_left, copy_out, copy_out_fails,
          copy_out_left, copy_extended]


@pytest.mark.parametrize("how", COPIES, ids=lambda how: how.__name__)
def test_D07_the_first_query_after_somebody_elses_copy(weir, copied, how):
    proxy = weir(**ONE)
    with raw(proxy) as other:
        for turn in range(10):
            client = raw(proxy)
            how(client)
            assert other.query(f"select 'own{turn}'").value == f"own{turn}"
            assert other.ask("select $1::text", [f"own{turn}"]).value == f"own{turn}"
            client.close()


@pytest.mark.parametrize("leave", ["", "discard all", "reset all"])
def test_D08_startup_parameters_stay_with_their_client(weir, cluster, leave):
    proxy = weir(**ONE)
    with connect(cluster.primary, user="app") as fresh:
        wanted = whole_state(fresh)
    options = "-c statement_timeout=12345 -c search_path=pg_catalog -c work_mem=1234kB -c my.own=x"
    with connect(proxy, options=options) as owner:
        assert value(owner, "show statement_timeout") == "12345ms"
        if leave:
            owner.execute(leave)
            assert value(owner, "show statement_timeout") == "12345ms"
        with connect(proxy) as other:
            with other.transaction():
                value(other, "select pg_current_xact_id()")  # on the primary, as `fresh`
            assert difference(whole_state(other), wanted) == {}
        assert value(owner, "show work_mem") == "1234kB"


SIZES = [7900, 8191, 8192, 8193, 16384, 32767, 65535, 65536, 65537, 200000]


def test_D20_results_of_every_size_to_an_asynchronous_client(weir):
    """libpq's asynchronous calls.  Without TLS, which pgweir does not serve yet."""
    proxy = weir()

    async def scenario():
        named = proxy.parameters()
        async with await psycopg.AsyncConnection.connect(autocommit=True, **named) as connection:
            for size in SIZES:
                cursor = await connection.execute("select repeat('x', %s)", [size])
                assert (await cursor.fetchone())[0] == "x" * size

    asyncio.run(asyncio.wait_for(scenario(), 60))


@pytest.fixture
def databases(cluster):
    names = [f"many{i}" for i in range(6)]
    for name in names:
        cluster.create_database(name)
    cluster.wait_replayed()
    yield names
    for name in names:
        cluster.primary.psql(f"drop database {name} with (force)")


def test_D22_every_session_is_in_its_own_database(weir, databases):
    proxy = weir(pool_size=1, pool_overflow=0)
    trouble = []

    def work(seed):
        dice = random.Random(seed)
        try:
            for _ in range(15):
                name = dice.choice(databases)
                user = dice.choice(["app", "keeper"])
                with connect(proxy, database=name, user=user) as connection:
                    assert connection.execute(
                        "select current_database(), current_user::text").fetchone() == (name, user)
        except BaseException as failure:
            trouble.append(failure)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not trouble, trouble[0]


class LargeObjects:
    """libpq's lo_* calls, which are FunctionCalls."""

    def __init__(self, proxy):
        self.libpq = ctypes.CDLL("libpq.so.5")
        self.libpq.PQconnectdb.restype = ctypes.c_void_p
        self.libpq.PQexec.restype = ctypes.c_void_p
        for name in ("PQexec", "PQfinish", "PQstatus", "lo_creat", "lo_open", "lo_write", "lo_lseek",
                     "lo_read", "lo_close", "lo_unlink"):
            getattr(self.libpq, name).argtypes = None
        named = " ".join(f"{name}='{text}'" for name, text in proxy.parameters().items())
        self.connection = ctypes.c_void_p(self.libpq.PQconnectdb(named.encode()))
        assert self.libpq.PQstatus(self.connection) == 0

    def __getattr__(self, name):
        return lambda *arguments: getattr(self.libpq, f"lo_{name}")(self.connection, *arguments)

    def run(self, sql):
        self.libpq.PQexec(self.connection, sql.encode())

    def finish(self):
        self.libpq.PQfinish(self.connection)


@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_D23_large_objects_by_function_calls(weir, mode):
    read_write = 0x60000
    objects = LargeObjects(weir(pool_mode=mode, **ONE))
    content = os.urandom(100000)
    objects.run("begin")
    oid = objects.creat(read_write)
    assert oid > 0
    handle = objects.open(oid, read_write)
    assert handle >= 0
    assert objects.write(handle, content, ctypes.c_size_t(len(content))) == len(content)
    assert objects.lseek(handle, 0, 0) == 0
    got = ctypes.create_string_buffer(len(content))
    assert objects.read(handle, got, ctypes.c_size_t(len(content))) == len(content)
    assert got.raw == content
    assert objects.close(handle) == 0
    objects.run("commit")
    assert objects.unlink(oid) == 1  # on its own, outside of a transaction
    assert objects.unlink(oid) == -1  # an error, and the connection works
    objects.run("select 1")
    objects.finish()


# --- E

@pytest.mark.proxy
def test_E06_a_changed_table_heals_by_itself(weir, cluster):
    """A client that keeps its named statement may hear of the change, but not for ever."""
    cluster.primary.psql("drop table if exists shifting; create table shifting (a int);"
                         " insert into shifting values (1); alter table shifting owner to app", "app")
    proxy = weir(pool_size=3, pool_overflow=0)
    clients = [raw(proxy) for _ in range(4)]
    for client in clients:
        client.send(m.parse("select * from shifting", "s"), m.SYNC)
        assert client.result().types == "1Z"
    for turn in range(4):
        for client in clients:
            assert client.send(m.bind("s"), m.execute(), m.SYNC).result().errors == []
        cluster.primary.psql(f"alter table shifting add b{turn} int default {turn}", "app")
        cluster.wait_replayed()
        for client in clients:
            tries = [client.send(m.bind("s"), m.execute(), m.SYNC).result() for _ in range(12)]
            assert {state for one in tries for state in one.sqlstates} <= {"0A000"}
            assert not tries[-1].errors, f"after {len(tries)} tries: {tries[-1]}"
            assert len(tries[-1].rows[0]) == turn + 2
    for client in clients:
        client.close()


def bind(formats):
    """Bind of "s" with one parameter and these result formats."""
    body = m.texts("", "s") + b"\0\0" + b"\0\1" + b"\0\0\0\3" + b"258"
    body += len(formats).to_bytes(2, "big") + b"".join(one.to_bytes(2, "big") for one in formats)
    return m.frame("B", body)


def test_E11_one_text_with_text_and_binary_results(weir):
    """The formats are each Bind's own, whoever prepared the statement here."""
    proxy = weir(**ONE)
    wanted = {(): [b"258", b"x"], (0,): [b"258", b"x"], (1,): [b"\0\0\1\2", b"x"],
              (1, 0): [b"\0\0\1\2", b"x"], (0, 1): [b"258", b"x"]}
    with raw(proxy) as one, raw(proxy) as other:
        for client in (one, other):
            client.send(m.parse("select $1::int4, 'x'::text", "s"), m.SYNC)
            assert client.result().types == "1Z"
        dice = random.Random(11)
        for _ in range(100):
            formats = dice.choice(list(wanted))
            result = dice.choice((one, other)).send(bind(formats), m.execute(), m.SYNC).result()
            assert result.rows == [wanted[formats]], (formats, result)
