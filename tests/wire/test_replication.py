"""Replication connections: a server connection of the client's own, opened with what it said, both
sides streaming at once (CopyBoth), and gone when the client is."""

import random
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import echo
import messages as m
from peers import EvilClient, LoginFailed

BOTH = m.frame("W", struct.pack("!BH", 0, 0))
KEEPALIVE = m.frame("d", b"k" + bytes(17))
STATUS = m.frame("d", b"r" + bytes(33))
DONE = m.frame("c")
GROWTH_KB = 48 * 1024  # of a build with sanitizers, which frees late


def wal(data):
    return m.frame("d", b"w" + bytes(24) + m.as_bytes(data))


def end_stream(connection, tag="START_STREAMING"):
    connection.send(m.complete(tag), m.ready())


def until_copy_done(connection):
    """What the other side streams, up to its CopyDone."""
    found = []
    while True:
        message = connection.read()
        assert message.type in "dc", message
        if message.type == "c":
            return found
        found.append(message.body)


def stream_of(server, script):
    """The server answers "stream" with CopyBothResponse and then the script."""
    def run(connection):
        connection.send(BOTH)
        script(connection)
    server.scripts["stream"] = run


def begin_stream(one, **parameters):
    client = one.login(replication="true", **parameters)
    client.send(m.query("stream")).expect("W")
    return client


def wait_until(condition, what):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def replicating(server):
    return [c for c in server.data() if "replication" in c.parameters]


# --- the start-up packet

@pytest.mark.parametrize("kind", ["true", "database"])
def test_the_server_gets_all_that_the_client_said(server, weir, kind):
    said = {"replication": kind, "application_name": "standby one", "DateStyle": "German",
            "options": "-c  a.b=c\\ d -B 7", "client_encoding": "LATIN1", "role": "clerk", "x": ""}
    with weir(server).login(**said) as client:
        connection, = server.data()
        assert connection.parameters == {"user": "app", "database": "app", **said}
        assert client.query("select 'x'").value == "x"
        assert [message.type for message in connection.received] == ["Q"]


@pytest.mark.proxy
def test_options_of_the_protocol_are_ours(server, weir):
    with weir(server).client() as client:
        client.send(m.startup(replication="on", **{"_pq_.better": "yes"}))
        assert client.read().type == "v"
        client.authenticate("app", "app-secret")
        client.read_greeting()
        assert server.data()[0].parameters == {"user": "app", "database": "app",
                                               "replication": "on"}


@pytest.mark.proxy
@pytest.mark.parametrize("value", ["", "x", "o", "truex", "Database", "databas", "2", "01", " on",
                                   "a\nb", "y" * 3000])
def test_what_is_no_boolean_is_refused_as_postgres_does(shared, value):
    with shared.client() as client:
        client.send(m.startup(replication=value))
        found = client.expect_fatal("22023")
        assert found["M"] == f'invalid value for parameter "replication": "{value[:64]}"'
        assert found["H"] == 'Valid values are: "false", 0, "true", 1, "database".'


@pytest.mark.proxy
@pytest.mark.parametrize("value", ["t", "TRUE", "y", "Yes", "on", "1"])
def test_what_is_true(server, weir, value):
    with weir(server).login(replication=value):
        assert server.data()[0].parameters["replication"] == value


@pytest.mark.proxy
@pytest.mark.parametrize("value", ["f", "False", "n", "NO", "of", "off", "0"])
def test_what_is_false_is_an_ordinary_session(server, weir, value):
    with weir(server).login(replication=value) as client:
        assert client.query("select 'x'").value == "x"
        assert all(c.parameters == {"user": "app", "database": "app"} for c in server.data())


def test_the_greeting_is_that_of_its_connection(server, weir):
    def login(connection):
        connection.authenticate()
        connection.send(m.authentication(0))
        connection.send(m.parameter_status("application_name",
                                           connection.parameters.get("application_name", "-")))
        connection.send(m.frame("K", struct.pack("!II", connection.process, connection.secret)))
        connection.send(m.ready())
    server.login = login
    one = weir(server)
    with one.login() as ordinary:
        assert ordinary.parameters["application_name"] == "-"
        for name in ("first", "second"):
            with one.login(replication="true", application_name=name) as client:
                assert client.parameters["application_name"] == name


# --- who may

@pytest.mark.parametrize("auth", ["cleartext", "md5", "scram"])
def test_every_method(make_server, weir, auth):
    server = make_server(auth=auth)
    with weir(server).login(replication="true") as client:
        assert client.query("select 'x'").value == "x"


@pytest.mark.proxy
def test_a_wrong_password_reaches_no_server(server, weir):
    with weir(server).client() as client:
        with pytest.raises(LoginFailed, match="28P01"):
            client.login(password="wrong", replication="true")
    assert not replicating(server)


@pytest.mark.proxy
@pytest.mark.parametrize("sqlstate", ["28000", "53300", "42704"])
def test_the_server_says_why_not(server, weir, sqlstate):
    """At once: nobody waits for one of max_wal_senders."""
    def login(connection):
        if "replication" in connection.parameters:
            body = m.texts("SFATAL", "VFATAL", f"C{sqlstate}", "Mnot you", "Dwho are you", "Hask")
            connection.send(m.frame("E", body + b"\0"))
            raise m.Closed()
        connection.log_in()
    server.login = login
    one = weir(server)
    for _ in range(3):
        with one.client() as client:
            client.send(m.startup(replication="true"))
            client.authenticate("app", "app-secret")
            found = client.expect_fatal(sqlstate)
            assert (found["M"], found["D"], found["H"]) == ("not you", "who are you", "ask")
    with one.login() as ordinary:
        assert ordinary.query("select 'x'").value == "x"


@pytest.mark.proxy
def test_a_client_that_leaves_while_its_connection_is_opened(server, weir):
    has_come, may_go = threading.Event(), threading.Event()

    def login(connection):
        if "replication" in connection.parameters:
            has_come.set()
            may_go.wait(10)
        connection.log_in()
    server.login = login
    one = weir(server)
    with one.client() as client:
        client.send(m.startup(replication="true"))
        client.authenticate("app", "app-secret")
        assert has_come.wait(10)
    may_go.set()
    wait_until(lambda: not replicating(server), "the connection to be closed")


@pytest.mark.proxy
def test_only_the_primary_is_asked(make_server, weir):
    replica, primary = make_server(role="replica"), make_server()
    with weir(replica, primary).login(replication="true"):
        assert len(replicating(primary)) == 1 and not replicating(replica)


@pytest.mark.proxy
def test_without_a_primary_the_login_ends(make_server, weir):
    replica = make_server(role="replica")
    one = weir(replica, proxy_login_timeout_ms=500)
    with one.client() as client:
        client.send(m.startup(replication="true"))
        client.authenticate("app", "app-secret")
        client.expect_fatal("57P03")


# --- nobody else's

@pytest.mark.proxy
@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_nobody_else_gets_the_connection(server, weir, mode):
    one = weir(server, pool_size=1, pool_mode=mode)
    with one.login(replication="database", application_name="mine") as client:
        mine, = replicating(server)
        assert client.query("set x = 1").tags == ["SET"]
        with one.login() as ordinary:
            assert ordinary.query("select 'x'").value == "x"
    wait_until(lambda: not mine.is_open, "the connection to be closed")
    with one.login(replication="database") as client, one.login() as ordinary:
        assert client.query("select 'y'").value == "y"
        assert ordinary.query("select 'z'").value == "z"
        assert replicating(server)[0].parameters == {"user": "app", "database": "app",
                                                     "replication": "database"}
    sql = [message.text for message in mine.received if message.type == "Q"]
    assert sql == ["set x = 1"]


@pytest.mark.proxy
def test_ordinary_connections_are_untouched(server, weir):
    one = weir(server, pool_size=1)
    with one.login() as ordinary:
        ordinary.query("select 'x'")
        shared, = server.data()
        for _ in range(20):
            with one.login(replication="true") as client:
                client.query("select 'mine'")
        ordinary.query("select 'x'")
    assert shared.is_open
    assert [message.text for message in shared.received] == ["select 'x'"] * 2


@pytest.mark.proxy
def test_a_limit_of_their_own(server, weir):
    """Below, at and above it; the next one gets its turn when one leaves."""
    one = weir(server, pool_size=1, pool_overflow=1, pool_timeout_ms=300)
    first, second = (one.login(replication="true") for _ in range(2))
    with one.client() as third:
        with pytest.raises(LoginFailed, match="53300"):
            third.login(replication="true", database="elsewhere")
    with one.login() as ordinary:
        assert ordinary.query("begin").status == "T"
        first.close()
        with one.login(replication="true") as third:
            assert third.query("select 'x'").value == "x"
    second.close()


@pytest.mark.proxy
def test_statistics(server, weir):
    one = weir(server)

    def row():
        return next((row for row in one.stats()["pools"] if row["database"] == "(replication)"),
                    None)
    stream_of(server, until_copy_done)
    pins = one.stats()["clients"]["pins"]
    clients = [begin_stream(one) for _ in range(2)]
    found = row()
    assert (found["user"], found["lent"], found["idle"]) == ("app", 2, 0)
    assert one.stats()["clients"]["pins"] == pins + 2
    for client in clients:
        client.close()
    wait_until(lambda: row() is None, "the row to go")


# --- the stream

def test_the_client_ends_first(server, weir):
    def script(connection):
        connection.send(wal("one"), KEEPALIVE)
        assert until_copy_done(connection) == [STATUS[5:]]
        connection.send(wal("two"), DONE)
        end_stream(connection)
    stream_of(server, script)
    with begin_stream(weir(server)) as client:
        client.expect("dd")
        client.send(STATUS, DONE)
        assert client.result().types == "dcCZ"
        assert client.query("select 'x'").value == "x"


def test_the_server_ends_first(server, weir):
    """As at the end of a timeline: a result set follows when the client has ended, too."""
    def script(connection):
        connection.send(wal("one"), DONE)
        assert until_copy_done(connection) == [STATUS[5:]]
        connection.send(m.row_description("next_tli", "next_tli_startpos"),
                        m.data_row("2", "0/3000000"), m.complete("START_STREAMING"))
        end_stream(connection)
    stream_of(server, script)
    with begin_stream(weir(server)) as client:
        client.expect("dc")
        result = client.send(STATUS, DONE).result()
        assert result.types == "TDCCZ" and result.rows == [[b"2", b"0/3000000"]]
        assert client.query("select 'x'").value == "x"


def test_both_end_at_once(server, weir):
    def script(connection):
        connection.send(DONE)
        until_copy_done(connection)
        end_stream(connection)
    stream_of(server, script)
    one = weir(server)
    for _ in range(20):
        with one.login(replication="true") as client:
            client.send(m.query("stream"), DONE)
            assert client.result().types == "WcCZ"


def test_copy_data_right_behind_the_command(server, weir):
    """It was sent before CopyBothResponse came."""
    def script(connection):
        assert until_copy_done(connection) == [STATUS[5:]] * 3
        connection.send(DONE)
        end_stream(connection)
    stream_of(server, script)
    with weir(server).login(replication="true") as client:
        client.send(m.query("stream"), STATUS, STATUS, STATUS, DONE)
        assert client.result().types == "WcCZ"
        assert client.query("select 'x'").value == "x"


def test_keepalives_while_nothing_happens(server, weir):
    def script(connection):
        for _ in range(50):
            connection.send(KEEPALIVE)
            assert connection.read().bytes() == STATUS
        connection.send(DONE)
        until_copy_done(connection)
        end_stream(connection)
    stream_of(server, script)
    with begin_stream(weir(server)) as client:
        for _ in range(50):
            assert client.read().bytes() == KEEPALIVE
            client.send(STATUS)
        client.expect("c")
        client.send(DONE).expect("CZ")


def test_an_error_in_the_stream(server, weir):
    """What the client had sent on its way is ignored; the session lives on."""
    def script(connection):
        connection.send(wal("one"), m.error("58P01", "requested WAL segment has been removed"),
                        m.ready())
    stream_of(server, script)
    with begin_stream(weir(server)) as client:
        client.send(STATUS * 3)
        result = client.result()
        assert result.types == "dEZ" and result.sqlstates == ["58P01"]
        client.send(STATUS, STATUS + DONE)
        assert client.query("select 'x'").value == "x"


def test_the_server_ends_without_waiting(server, weir):
    """Data of the client that comes after all is over breaks nothing."""
    def script(connection):
        connection.send(wal("one"), DONE)
        end_stream(connection)
    stream_of(server, script)
    with begin_stream(weir(server)) as client:
        client.expect("dcCZ")
        client.send(STATUS * 5, wal("x" * 300000), DONE)
        assert client.query("select 'x'").value == "x"


def test_messages_of_every_size(server, weir):
    sizes = [0, 1] + [size + by for size in (8192, 65536, 262144) for by in (-31, -30, -1, 0, 1)]

    def script(connection):
        connection.send(*[wal("s" * size) for size in sizes])
        assert [len(body) - 25 for body in until_copy_done(connection)] == sizes
        connection.send(DONE)
        end_stream(connection)
    stream_of(server, script)
    with begin_stream(weir(server)) as client:
        client.send(*[wal("c" * size) for size in sizes], DONE)
        assert [len(message.body) - 25 for message in client.read_until("c")[:-1]] == sizes
        client.expect("CZ")


def test_both_flood_each_other(server, weir):
    """Each reads only when it has sent its part: a proxy that waits for one of them to read before
    it reads from the other would wait for ever."""
    part = wal("x" * 9000) * 100

    def script(connection):
        sender = threading.Thread(target=lambda: [connection.send_raw(part) for _ in range(40)])
        sender.start()
        assert len(until_copy_done(connection)) == 4000
        sender.join(30)
        connection.send(DONE)
        end_stream(connection)
    stream_of(server, script)
    with begin_stream(weir(server)) as client:
        sender = threading.Thread(target=lambda: client.send(*[part] * 40, DONE))
        sender.start()
        assert len(client.read_until("c")) == 4001
        sender.join(30)
        client.expect("CZ")


@pytest.mark.proxy
def test_D06_a_client_that_does_not_read_stops_the_server(server, weir):
    sent = []
    part = wal("x" * 60000)

    def script(connection):
        for _ in range(2000):
            connection.send_raw(part)
            sent.append(1)
        connection.send(DONE)
        until_copy_done(connection)
        end_stream(connection)
    stream_of(server, script)
    one = weir(server)
    before = one.memory_kb()
    with EvilClient(one.port, receive_buffer=8192).login(replication="true") as client:
        client.send(m.query("stream"))
        reached = -1
        while reached != len(sent):
            reached = len(sent)
            time.sleep(0.3)
        assert reached < 2000 and one.memory_kb() - before < GROWTH_KB
        one.canary()
        assert len(client.read_until("c")) == 2002
        client.send(DONE).expect("CZ")


# --- ends

@pytest.mark.parametrize("how", ["close", "reset", "half_close"])
def test_a_client_cut_in_the_stream_takes_its_connection_along(server, weir, how):
    def script(connection):
        while True:
            connection.send(KEEPALIVE)
            connection.read()
    stream_of(server, script)
    client = begin_stream(weir(server))
    mine, = replicating(server)
    client.send(STATUS)
    getattr(client, how)()
    wait_until(lambda: not mine.is_open, "the connection to be closed")
    assert not server.cancels
    client.close()


@pytest.mark.proxy
def test_a_server_cut_in_the_stream_ends_the_client_with_one_error(server, weir):
    stream_of(server, lambda connection: connection.read())
    one = weir(server)
    with begin_stream(one) as client, one.login() as ordinary:
        ordinary.query("select 'x'")
        replicating(server)[0].drop()
        client.expect_fatal("08006")
        assert ordinary.query("select 'x'").value == "x"


@pytest.mark.proxy
def test_a_server_cut_in_a_message_ends_the_client_without_a_word(server, weir):
    def script(connection):
        connection.send_raw(wal("x" * 100000)[:70000])
        connection.read()
        raise m.Closed()
    stream_of(server, script)
    with begin_stream(weir(server)) as client:
        client.send(STATUS)
        with pytest.raises(m.Closed) as closed:
            client.read()
        assert 0 < len(closed.value.rest) <= 70000


def test_a_server_that_is_shut_down(server, weir):
    """A WAL sender says CommandComplete and leaves; so do we, without an error."""
    def script(connection):
        connection.send(wal("last"), m.complete("COPY 0"))
        raise m.Closed()
    stream_of(server, script)
    with begin_stream(weir(server)) as client:
        client.expect("dC")
        client.expect_closed()


@pytest.mark.proxy
def test_a_fatal_error_in_the_stream(server, weir):
    stream_of(server, lambda connection: connection.fatal("57P05", "terminating walsender"))
    with begin_stream(weir(server)) as client:
        assert client.expect_fatal("57P05")["M"] == "terminating walsender"


@pytest.mark.proxy
@pytest.mark.parametrize("message", [m.query("select 1"), m.SYNC, m.FLUSH, m.parse("select 1")])
def test_something_else_in_the_stream(server, weir, message):
    stream_of(server, until_copy_done)
    with begin_stream(weir(server)) as client:
        mine, = replicating(server)
        client.send(message)
        letter = chr(message[0])
        assert client.expect_fatal("08P01")["M"] == f'invalid standby message type "{letter}"'
        wait_until(lambda: not mine.is_open, "the connection to be closed")


@pytest.mark.proxy
@pytest.mark.parametrize("sql", ["stream", "select 'x'"])
def test_no_other_connection_streams_both_ways(server, weir, sql):
    server.scripts[sql] = lambda connection: connection.send(BOTH, m.ready())
    with weir(server).login() as client:
        result = client.query(sql)
        assert result.types == "EZ" and result.sqlstates == ["08P01"]


@pytest.mark.proxy
def test_a_storm_of_cuts(server, weir):
    """Both sides leave at any moment, from the login to the end of a stream."""
    seed = random.SystemRandom().getrandbits(32)
    print("seed", seed)

    def script(connection):
        dice = random.Random(seed + connection.process)
        while dice.random() < 0.9:
            connection.send_raw(wal("x" * dice.choice([0, 100, 70000]))[:dice.choice([None, 50])])
        if dice.random() < 0.5:
            raise m.Closed()
        connection.read()

    def login(connection):
        if random.Random(seed - connection.process).random() < 0.1:
            raise m.Closed()
        connection.log_in()

    def leave_somewhere(number):
        dice = random.Random(seed + number)
        with one.client() as client:
            try:
                client.send(m.startup(replication="true"))
                client.authenticate("app", "app-secret")
                if dice.random() < 0.3:
                    return
                client.read_greeting()
                client.sock.settimeout(0.3)  # it may wait for what never comes, and leaves then
                client.send(m.query("stream"), STATUS * dice.randint(0, 5))
                for _ in range(dice.randint(0, 10)):
                    client.read()
                client.send(STATUS, DONE if dice.random() < 0.5 else b"")
                if dice.random() < 0.5:
                    client.reset()
            except (m.Closed, LoginFailed, OSError):
                pass  # the server left first

    stream_of(server, script)
    server.login = login
    one = weir(server, pool_size=4, pool_connect_timeout_ms=2000, proxy_login_timeout_ms=3000)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(leave_somewhere, range(200)))
    server.login = None
    with one.login() as ordinary, one.login(replication="true") as client:
        assert ordinary.query("select 'x'").value == "x"
        assert client.query("select 'y'").value == "y"
    wait_until(lambda: not replicating(server), "all connections to be closed")


# --- what is no stream

def test_a_base_backup(server, weir):
    """Result sets, CopyOut, a result set again: all in answer to one command."""
    results = (m.row_description("a") + m.data_row("1") + m.complete("SELECT")) * 2
    server.scripts["backup"] = lambda connection: connection.send(
        results, m.frame("H", echo.COPY_FORMAT), m.frame("d", b"n" + b"x" * 70000), DONE,
        results, m.ready())
    with weir(server).login(replication="true") as client:
        assert client.query("backup").types == "TDCTDCHdcTDCTDCZ"


def test_extended_protocol_is_the_servers_matter(server, weir):
    refusal = m.error("08P01", "extended query protocol not supported in a replication connection")

    def serve(connection):
        is_skipping = False
        while True:
            message = connection.read()
            if message.type == "S":
                is_skipping = False
                connection.send(m.ready())
            elif message.type == "Q" and not is_skipping:
                echo.on_query(connection, message.text)
            elif message.type == "F" and not is_skipping:
                connection.send(refusal, m.ready())
            elif message.type in "PBDEC" and not is_skipping:
                connection.send(refusal)
                is_skipping = True
            elif message.type == "X":
                return
    server.serve = serve
    with weir(server).login(replication="database") as client:
        assert client.ask("select $1", ["x"]).types == "EZ"
        client.send(m.parse("select 1", "s"), m.FLUSH).expect("E")
        client.send(m.query("select 'skipped'"), m.close("S", "s"), m.SYNC)
        assert client.result().types == "Z"
        client.send(m.frame("F", bytes(10)))
        assert client.result().types == "EZ"
        client.send(m.SYNC, m.SYNC, m.query("select 'x'"))
        assert [client.result().types for _ in range(3)] == ["Z", "Z", "TDCZ"]


@pytest.mark.parametrize("sql", ["discard all", "deallocate all", "set role x", "listen x; select"])
def test_texts_are_not_judged(server, weir, sql):
    with weir(server).login(replication="database") as client:
        client.query(sql)
        assert server.data()[0].received == [m.Message("Q", m.texts(sql))]


def test_a_cancel_reaches_its_command(server, weir):
    one = weir(server)
    with one.login(replication="database") as client:
        mine, = replicating(server)
        client.send(m.query("sleep 30"))
        wait_until(lambda: mine.sql, "the command to run")
        with one.client() as other:
            other.send(m.cancel(*client.key))
            assert client.result().sqlstates == ["57014"]
            other.expect_closed()
        assert client.query("select 'x'").value == "x"
        assert server.cancels == [mine]


@pytest.mark.proxy
def test_the_end_of_the_process(server, weir):
    """Streams and idle sessions end at once, a command may finish."""
    may_go = threading.Event()

    def finish(connection):
        may_go.wait(10)
        connection.send(m.complete("FINISHED"), m.ready())
    server.scripts["finish"] = finish
    stream_of(server, until_copy_done)
    one = weir(server, proxy_drain_timeout_ms=20000, pool_size=5)
    one.has_canary = False
    idle, busy = one.login(replication="true"), one.login(replication="true")
    stream = begin_stream(one)
    busy.send(m.query("finish"))
    wait_until(lambda: any(c.received and c.received[0].text == "finish"
                           for c in replicating(server)), "the command to run")
    one.process.terminate()
    idle.expect_fatal("57P01")
    stream.expect_fatal("57P01")
    may_go.set()
    busy.expect("CZ")
    busy.expect_fatal("57P01")
    one.check_end()
    one.check = lambda: None
