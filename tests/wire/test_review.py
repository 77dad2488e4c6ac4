"""Bugs that a reading of the code suspected: what was said in the middle of something, halves of
messages, batches that wait for themselves, what a connection was thought to carry."""

import os
import random
import shutil
import socket
import struct
import tempfile
import threading
import time

import pytest

import echo
import messages as m
from peers import EvilClient, FakeServer

pytestmark = pytest.mark.proxy

COPY_IN = m.frame("G", echo.COPY_FORMAT)


def served(one, count=3):
    for i in range(count):
        with one.login() as client:
            client.sock.settimeout(5)
            assert client.query(f"select 'own{i}'").value == f"own{i}"


def ever(server):
    """All connections of clients that there ever were."""
    return [one for one in server.connections if one.is_data]


def texts_parsed(connection):
    return [one.body.split(b"\0")[1].decode() for one in connection.received if one.type == "P"]


# --- bytes that would reach another client

def test_a_sync_in_the_middle_of_a_copy_answers_nobody(server, weir):
    """PostgreSQL ignores it, unless the COPY has just failed: that ReadyForQuery is nobody's."""
    def copy(connection):
        connection.send(COPY_IN)
        connection.read()
        connection.send(m.error("22P02", "bad"), m.ready())
        time.sleep(0.3)  # so that the next client has the connection when the Sync is read

    server.scripts["copy t from stdin"] = copy
    one = weir(server, pool_size=1)
    with one.login() as client, one.login() as neighbour:
        client.send(m.query("copy t from stdin")).expect("G")
        client.send(m.frame("d", b"bad\n"), m.SYNC)
        client.expect("EZ")
        for i in range(3):
            assert neighbour.query(f"select 'n{i}'").value == f"n{i}"


def test_a_long_sync_in_the_middle_of_a_copy(server, weir):
    """Half of a message must never be on a connection that somebody else gets."""
    one = weir(server, pool_size=1)
    with one.login() as client:
        client.send(m.query("copy in")).expect("G")
        client.send(m.frame("S", b"x" * 5000)[:100])
        time.sleep(0.05)
        client.send(m.frame("S", b"x" * 5000)[100:], m.frame("d", b"1\n"), m.frame("c"))
        assert client.result().tags == ["COPY 1"]
    served(one)


def test_the_unnamed_statement_of_another_client(server, weir):
    """The Parse was skipped, and a Bind in the next batch of the pipeline depends on it: what is
    unnamed on the connection is not this client's."""
    one = weir(server, pool_size=1)
    with one.login() as other, one.login() as client:
        for skipped in (m.parse("select 'mine'"), m.parse("select 'mine'") + m.parse("vacuum")):
            assert other.ask("select 'foreign'").value == "foreign"
            client.send(m.bind("unknown"), skipped, m.SYNC, m.bind(), m.execute(), m.SYNC)
            assert client.result().sqlstates == ["26000"]
            assert client.result().sqlstates == ["26000"]
        # The same where the Parse is the proxy's own.
        client.send(m.parse("select 'mine'"), m.SYNC).expect("1Z")
        assert other.ask("select 'foreign'").value == "foreign"
        client.send(m.execute("unknown"), m.bind(), m.execute(), m.SYNC,
                    m.bind(), m.execute(), m.SYNC)
        assert client.result().sqlstates == ["34000"]
        assert client.result().value == "mine"


# --- a connection that nobody gives back

def test_the_rest_of_a_copy_message_after_the_copy_failed(server, weir):
    """The ReadyForQuery came before the message was complete."""
    def copy(connection):
        connection.send(COPY_IN)
        connection.read()
        connection.send(m.error("22P02", "bad"), m.ready())

    server.scripts["copy t from stdin"] = copy
    one = weir(server, pool_size=1)
    with one.login() as client:
        client.send(m.query("copy t from stdin")).expect("G")
        late = m.frame("d", b"1\n" * 50000)
        client.send(m.frame("d", b"bad\n"), late[:70000])
        client.expect("EZ")
        client.send(late[70000:])
        served(one)
        assert client.query("select 'x'").value == "x"


@pytest.mark.parametrize("size", [1000, 300000])
def test_a_copy_that_fails_while_the_client_is_stopped(server, weir, size):
    """Its server took no more: whoever stopped it must let it go on."""
    is_over = threading.Event()

    def copy(connection):
        connection.send(COPY_IN)
        connection.read()
        time.sleep(0.5)  # nothing is read meanwhile: the client is stopped
        connection.send(m.error("22P02", "bad"), m.ready())
        is_over.wait(5)

    server.scripts["copy t from stdin"] = copy
    one = weir(server, pool_size=1)
    with one.login() as client:
        client.send(m.query("copy t from stdin")).expect("G")
        data = m.frame("d", b"1\n" * (size // 2))
        sender = threading.Thread(target=client.send, args=(
            *[data] * (20_000_000 // size), m.frame("c"), m.query("select 'x'")))
        sender.start()
        client.expect("EZ")
        is_over.set()
        assert client.result().value == "x"
        sender.join(10)
    served(one)


def test_terminate_in_the_middle_of_a_copy(server, weir):
    """It will not end by itself, and the client may keep its socket open."""
    one = weir(server, pool_size=1)
    with one.login() as client:
        client.send(m.query("copy in")).expect("G")
        client.send(m.frame("d", b"1\n"), m.TERMINATE)
        served(one)


# --- batches that wait for themselves

def test_a_sync_after_a_batch_that_failed_at_a_flush(shared):
    with shared.login() as client:
        client.sock.settimeout(5)
        for _ in range(3):
            client.send(m.bind("unknown"), m.execute(), m.FLUSH).expect("E")
            client.send(m.SYNC).expect("Z")
            assert client.query("select 'x'").value == "x"


def test_a_batch_that_fails_behind_one_that_only_prepared(shared):
    """As asyncpg does: Parse, Describe, Flush; then Bind, Execute, Sync.  What fails there must
    not make the next message be skipped."""
    with shared.login() as client:
        client.sock.settimeout(5)
        client.send(m.parse("select $1"), m.describe("S"), m.FLUSH).expect("1tT")
        client.send(m.bind(), m.execute(), m.SYNC)
        assert client.result().sqlstates == ["08P01"]
        assert client.query("select 'x'").value == "x"
        client.send(m.parse("select $1"), m.describe("S"), m.FLUSH).expect("1tT")
        assert client.query("error").sqlstates == ["42601"]
        assert client.query("select 'y'").value == "y"


@pytest.mark.parametrize("count", [2000, 2100, 6000])
def test_more_messages_in_a_batch_than_may_be_outstanding(server, weir, count):
    """Their Sync is behind them: nothing may wait for its answer."""
    one = weir(server, pool_size=1)
    with one.login() as client:
        client.send(m.parse("select $1"), *[m.bind(values=["v"]), m.execute()] * count, m.SYNC)
        result = client.result()
        assert result.types == "1" + "2DC" * count + "Z"
        client.send(m.parse("error"), *[m.bind(values=["v"]), m.execute()] * count, m.SYNC)
        assert client.result().sqlstates
        assert client.query("select 'x'").value == "x"
    served(one)


def test_deallocate_in_an_open_batch(shared):
    with shared.login() as client:
        client.sock.settimeout(5)
        client.send(m.parse("select $1", "s"), m.SYNC).expect("1Z")
        client.send(m.parse("select $1"), m.bind(values=["a"]), m.execute(),
                    m.query("deallocate s"), m.SYNC)
        assert client.result().types == "12DCCZ"
        assert client.result().types == "Z"
        client.send(m.bind("s", ["a"]), m.execute(), m.SYNC)
        assert client.result().sqlstates == ["26000"]


def test_copy_data_that_nobody_wants_in_an_open_batch(shared):
    """PostgreSQL ignores it."""
    with shared.login() as client:
        client.sock.settimeout(5)
        client.send(m.parse("select $1"), m.bind(values=["a"]), m.execute(),
                    m.frame("d", b"1\n"), m.SYNC)
        assert client.result().types == "12DCZ"


def test_a_sync_between_execute_and_the_data(server, weir):
    """It comes when the server reads COPY data already, which ignores it."""
    one = weir(server, pool_size=1)
    with one.login() as client:
        client.send(m.parse("copy in"), m.bind(), m.execute(), m.FLUSH).expect("12G")
        client.send(m.SYNC)
        client.send(m.frame("d", b"1\n"), m.frame("c"), m.SYNC)
        assert client.result().types == "CZ"
        assert client.query("select 'x'").value == "x"
    served(one)


# --- connections that are closed for nothing, or opened without end

@pytest.mark.parametrize("piece", [1, 7])
def test_answers_in_pieces_cost_no_connection(server, weir, piece):
    server.piece = piece
    one = weir(server, pool_size=1)
    with one.login() as client:
        for i in range(20):
            assert client.query(f"select '{i}'").value == str(i)
    assert len(ever(server)) == 1


def test_a_server_that_says_more_behind_its_login(server, weir):
    """Whatever is made of it, it is not tried again and again without a pause."""
    def login(connection):
        connection.send(m.authentication(0))
        connection.send(m.frame("K", struct.pack("!II", connection.process, connection.secret)))
        connection.send_raw(m.ready() + m.notice("welcome"))

    one = weir(server, pool_size=1)
    one.has_canary = False
    server.login = login
    client = one.client().send(m.startup())
    client.authenticate("app", "app-secret")
    time.sleep(1)
    assert len(ever(server)) <= 15
    client.close()


# --- what a connection is thought to carry

def test_parse_behind_discard_all_in_a_pipeline(server, weir):
    """What is known on the connection is wrong otherwise: 42P05 for those who have it next."""
    one = weir(server, pool_size=1)
    with one.login() as client, one.login() as other:
        client.send(m.query("discard all"), m.parse("select $1", "s"), m.SYNC)
        assert client.result().tags == ["DISCARD ALL"]
        assert client.result().types == "1Z"
        client.send(m.bind("s", ["a"]), m.execute(), m.SYNC)
        assert client.result().value == "a"
        other.send(m.parse("select $1", "mine"), m.bind("mine", ["b"]), m.execute(), m.SYNC)
        assert other.result().value == "b"
        client.send(m.parse("deallocate all"), m.bind(), m.execute(),
                    m.parse("select $1", "s"), m.bind("s", ["c"]), m.execute(), m.SYNC)
        result = client.result()
        assert result.types == "12C12DCZ", result
        other.send(m.bind("mine", ["d"]), m.execute(), m.SYNC)
        assert other.result().value == "d"


def test_a_statement_whose_closing_was_skipped(server, weir):
    """The cache is full: a Close goes ahead of a Parse, and an error before both skips them."""
    one = weir(server, pool_size=1, pool_max_prepared=1)
    with one.login() as client:
        client.query("listen a")  # pinned: the connection stays
        client.send(m.parse("select $1", "a"), m.SYNC).expect("1Z")
        client.send(m.bind("unknown"), m.parse("select $1 -- b", "b"), m.SYNC)
        assert client.result().sqlstates == ["26000"]
        client.send(m.bind("a", ["x"]), m.execute(), m.SYNC)
        assert client.result().value == "x"
    served(one)


@pytest.mark.parametrize("texts", [
    ["begin", "reset all", "rollback"], ["reset application_name"],
    ["set application_name to default"], ["reset application_name; select 'x'"],
    ["begin", "discard temp; reset all", "rollback"], ["reset all"], ["discard all"],
])
def test_settings_that_went_back(server, weir, texts):
    """To what was given at start-up, as on a connection of one's own; the server is asked what
    came of it."""
    one = weir(server, pool_size=1)
    with one.login(application_name="mine") as client:
        for text in texts:
            client.query(text)
        with one.login(application_name="mine") as same:
            same.query("select 'x'")
        connection, = server.data()
        assert connection.settings == {"application_name": "mine"}


def test_reset_all_that_was_rolled_back_and_a_client_without_settings(server, weir):
    one = weir(server, pool_size=1)
    with one.login() as plain, one.login(application_name="mine") as client:
        for text in ("begin", "reset all", "rollback"):
            client.query(text)
        connection, = server.data()
        assert connection.settings == {"application_name": "mine"}
        plain.query("select 'x'")
        assert connection.settings == {}


def test_reset_all_by_a_named_portal(server, weir):
    """Another was bound last when it is run."""
    one = weir(server, pool_size=1)
    with one.login(application_name="mine") as client, one.login() as other:
        client.query("select 'x'")
        client.send(m.parse("reset all", "r"), m.bind("r", portal="p"), m.parse("select $1"),
                    m.bind(values=["v"]), m.execute("p"), m.execute(), m.SYNC)
        assert client.result().tags == ["RESET", "SELECT 1"]
        other.query("select 'x'")
        connection, = server.data()
        assert connection.settings == {}
        client.query("select 'x'")
        assert connection.settings == {"application_name": "mine"}


# --- who waits for a server

class UnixServer(FakeServer):
    """Also listens at a Unix socket, where a connection is refused at once."""

    def __init__(self, directory):
        super().__init__()
        self.directory = directory
        self.path = f"{directory}/.s.PGSQL.{self.port}"
        self.open()

    @property
    def address(self):
        return f"{self.directory}:{self.port}"

    def open(self):
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind(self.path)
        os.chmod(self.path, 0o777)
        self.unix.listen(64)
        threading.Thread(target=self.accept_unix, args=(self.unix,), daemon=True).start()

    def accept_unix(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            connection = UnixConnection(self, sock)
            with self.lock:
                self.connections.append(connection)
            threading.Thread(target=connection.run, daemon=True).start()

    def close(self):
        self.unix.shutdown(socket.SHUT_RDWR)
        self.unix.close()
        os.unlink(self.path)


class UnixConnection:
    """A Connection whose socket knows no TCP_NODELAY."""

    def __new__(cls, server, sock):
        from peers import Connection

        class Wrapped:
            def __init__(self, inner):
                self.inner = inner

            def setsockopt(self, *_):
                pass

            def __getattr__(self, name):
                return getattr(self.inner, name)

        return Connection(server, Wrapped(sock))


@pytest.fixture
def unix_server():
    directory = tempfile.mkdtemp(prefix="pgweir-u")
    os.chmod(directory, 0o755)
    server = UnixServer(directory)
    yield server
    server.stop()
    shutil.rmtree(directory)


def test_a_connection_that_is_refused_at_once(unix_server, weir):
    """Before the asker even waits.  It is served when the node is back."""
    one = weir(unix_server, pool_size=1, cluster_probe_interval_ms=1000,
               route_primary_wait_ms=8000)
    with one.login() as client, one.login() as other:
        client.sock.settimeout(8)
        unix_server.close()
        unix_server.cut_data()
        time.sleep(0.2)
        client.send(m.query("select 'x'"))
        other.send(m.one_query("select $1", ["y"]))
        time.sleep(0.3)
        unix_server.open()
        assert client.result().value == "x"
        assert other.result().value == "y"


def test_a_lost_batch_leaves_no_old_time(server, weir):
    """How long a message may wait for a primary counts from its own arrival."""
    server.scripts["select 'die'"] = lambda connection: connection.drop()
    one = weir(server, pool_size=1, route_primary_wait_ms=1500)
    with one.login() as client:
        client.send(m.parse("select 'die'"), m.bind(), m.execute(), m.FLUSH)
        client.expect("12E")
        client.send(m.SYNC).expect("Z")
        time.sleep(1.6)
        server.role = "replica"
        one.wait_nodes(lambda nodes: all(node["role"] != "primary" for node in nodes))
        client.send(m.query("insert"))
        time.sleep(0.3)
        server.role = "primary"
        assert client.result().tags == ["INSERT 0 1"]


def test_a_lost_connection_behind_a_query_that_was_skipped(server, weir):
    """The skipped Query gets no ReadyForQuery: the client waits for one only."""
    server.scripts["select 'die'"] = lambda connection: connection.drop()
    one = weir(server, pool_size=1)
    with one.login() as client:
        client.send(m.parse("error"), m.bind(), m.execute(), m.query("select 'skipped'"), m.SYNC)
        assert client.result().types == "12EZ"
        result = client.query("select 'die'")
        assert result.sqlstates == ["08006"] and result.errors[0]["S"] == "ERROR"
        assert client.query("select 'x'").value == "x"


# --- memory

def test_answers_of_our_own_that_nobody_reads(server, weir):
    """They count for back-pressure as a server's do."""
    one = weir(server, pool_size=1)
    with one.login() as client:
        before = one.memory_kb()
        client.sock.settimeout(0.5)
        sent, data = 0, m.SYNC * 20000
        try:
            while sent < 60_000_000:
                sent += client.sock.send(data)
        except TimeoutError:
            pass
        assert one.memory_kb() - before < 20_000
        client.sock.settimeout(15)
        client.send(m.SYNC[sent % 5:] if sent % 5 else b"")
        for _ in range((sent + 4) // 5):
            message = client.read()
            assert message.type == "Z"
        assert client.query("select 'x'").value == "x"


# --- pipelines in real time

def random_messages(dice, error="error", rows="rows 5 10 t", unparsable="unparsable"):
    name = dice.choice(["", "", "s1", "s2"])
    choices = [
        lambda: m.query(f"select '{dice.randrange(1000)}'"), lambda: m.query(error),
        lambda: m.query("begin"), lambda: m.query("rollback"), lambda: m.query("copy out"),
        lambda: m.parse("select $1", name), lambda: m.parse(error, name),
        lambda: m.parse(unparsable, name), lambda: m.parse(rows, name),
        lambda: m.bind(name, ["v"]), lambda: m.bind(name), lambda: m.bind("unknown"),
        lambda: m.describe("S", name), lambda: m.describe("P", ""), lambda: m.execute(),
        lambda: m.execute("nope"), lambda: m.close("S", name), lambda: m.parse("", name),
        lambda: m.SYNC, lambda: m.SYNC, lambda: m.FLUSH, lambda: m.FLUSH,
        lambda: m.parse("select $1") + m.describe("S") + m.FLUSH,
        lambda: m.bind("", ["w"]) + m.execute() + m.SYNC,
    ]
    return [dice.choice(choices)() for _ in range(dice.randrange(1, 14))] + [m.SYNC]


def answers(port, scripts, seed, **parameters):
    """All that came, per script; with pauses anywhere."""
    dice, found = random.Random(seed), []
    with EvilClient(port).login(**parameters) as client:
        client.sock.settimeout(10)
        for number, script in enumerate(scripts):
            for message in [*script, m.query("rollback"), m.query(f"select 'end{number}'")]:
                cut = dice.choice([0, 0, dice.randrange(len(message))])
                client.send(message[:cut])
                time.sleep(dice.choice([0, 0, 0.002]))
                client.send(message[cut:])
            last, messages = m.data_row(f"end{number}"), []
            while not (messages and messages[-1].type == "Z"
                       and any(one.bytes() == last for one in messages)):
                messages.append(client.read())
            found.append([(one.type, one.fields.get("C") if one.type == "E" else one.body)
                          for one in messages])
    return found


@pytest.mark.parametrize("seed", range(100, 112))
def test_random_batches_in_real_time_are_answered_as_without_a_proxy(server, make_server, weir,
                                                                     seed):
    dice = random.Random(seed)
    scripts = [random_messages(dice) for _ in range(30)]
    one = weir(server, pool_size=2)
    expected = answers(make_server().port, scripts, seed)
    for script, got, wanted in zip(scripts, answers(one.port, scripts, seed), expected):
        assert got == wanted, b"".join(script)


def check_answers(one, direct, seed, failures):
    """Texts that PostgreSQL can parse: nothing binds a client to its connection for ever."""
    dice = random.Random(seed)
    scripts = [random_messages(dice, "vacuum", "select 'row'", "vacuum") for _ in range(40)]
    name = dice.choice([None, "a", "b"])
    try:
        expected = answers(direct.port, scripts, seed)
        got = answers(one.port, scripts, seed, application_name=name)
        for i, script in enumerate(scripts):
            assert got[i] == expected[i], (name, b"".join(script))
    except BaseException as failure:
        failures.append(failure)


@pytest.mark.parametrize("seed", range(200, 206))
def test_random_batches_of_many_on_primary_and_replica(make_server, weir, seed):
    primary, replica = make_server(), make_server(role="replica")
    one = weir(primary, replica, pool_size=2, route_consistency="eventual", pool_max_prepared=2)
    direct, failures = make_server(), []
    threads = [threading.Thread(target=check_answers, args=(one, direct, 10 * seed + i, failures))
               for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures, failures
    assert ever(replica) and ever(primary)
    served(one)
