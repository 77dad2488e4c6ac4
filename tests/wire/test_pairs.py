"""Every message in every state, on both sides (FAILURES C2): handled, or refused with 08P01, and the
next client is served.  tests/pairs.py counts from these that no pair was left out."""

import hashlib
import socket
import struct
import threading
import time

import pytest

import echo
import messages as m
from conftest import USERS

pytestmark = pytest.mark.proxy

# Each message of a client as it may be sent by one that is logged in.
TRAFFIC = {
    "Q": m.query("select 'q'"), "P": m.parse("select 'p'", "p"), "B": m.bind("unknown"),
    "D": m.describe("S", "unknown"), "E": m.execute("unknown"), "C": m.close("S", "unknown"),
    "F": m.frame("F", b"\0\0\0\1" + b"\0\0" * 3), "H": m.FLUSH, "S": m.SYNC,
    "d": m.frame("d", b"1\n"), "c": m.frame("c"), "f": m.frame("f", b"no\0"),
}
# What they are answered up to the ReadyForQuery of a Sync behind them.
ANSWERS = {"Q": "TDCZZ", "P": "1Z", "B": "EZ", "D": "EZ", "E": "EZ", "C": "3Z", "F": "VZZ", "H": "Z",
           "S": "ZZ", "d": "Z", "c": "Z", "f": "Z"}
NEVER = {"p": m.frame("p", b"x\0"), "startup": m.startup(), "other": m.startup("other"),
         "ssl": m.SSL_REQUEST, "gss": m.GSS_REQUEST, "cancel": m.cancel(1, 2)}
NEVER.update({f"byte_{byte}": m.frame(bytes([byte])) for byte in (1, 65, 71, 82, 90, 121, 127, 128, 255)})
EVERY = {**TRAFFIC, "X": m.TERMINATE, **NEVER}


def served(one, count=2, **login):
    for i in range(count):
        with one.login(**login) as client:
            assert client.query(f"select 'own{i}'").value == f"own{i}"


def md5_users():
    inner = hashlib.md5(b"app-secretapp").hexdigest()
    return {**USERS, "app": f"md5{inner}"}


# --- clients that are not logged in

def to_scram_first(client):
    client.send(m.startup()).expect("R")


def to_scram_final(client):
    client.send(m.startup()).expect("R")
    client.scram_first()
    client.expect("R")


def expect_refused(client, word):
    """08P01 for what is no message of the login; nothing for who says good-bye."""
    states = client.expect_end()
    assert states == ([] if word == "X" else ["28P01"] if word == "p" else ["08P01"]), (word, states)


@pytest.mark.parametrize("advance", [to_scram_first, to_scram_final])
def test_C02_every_message_before_a_scram_message(shared, advance):
    for word, message in EVERY.items():
        if word != "p":
            with shared.client() as client:
                advance(client)
                client.send(message)
                expect_refused(client, word)


def test_C02_every_message_before_an_md5_password(server, weir):
    one = weir(server, users=md5_users())
    one.has_canary = False  # it would log in by SCRAM
    for word, message in EVERY.items():
        with one.client() as client:
            to_scram_first(client)
            client.send(message)
            expect_refused(client, word)
    with one.client() as client:
        client.login()
        assert client.query("select 'x'").value == "x"


# --- a client that is

def expect_answered(client, word):
    """To the message and the Sync that was sent behind it."""
    if word == "X":
        client.expect_closed()
    elif word in NEVER:
        client.expect_fatal("08P01")
    else:
        client.expect(ANSWERS[word])


def expect_fatal_last(client):
    """Answers to what came before may be there, or not: PostgreSQL would give them."""
    found = []
    try:
        while True:
            found.append(client.read())
    except m.Closed:
        assert found[-1].type == "E" and found[-1].fields["C"] == "08P01", found


def behind(word):
    return m.SYNC if word in TRAFFIC else b""


@pytest.mark.parametrize("word", EVERY)
def test_C02_every_message_while_the_login_waits_for_a_server(server, weir, word):
    """It is answered when the server came: it waited, and was not lost."""
    gate = threading.Event()

    def late(connection):
        gate.wait(20)
        connection.log_in()

    server.login = late
    one = weir(server, pool_size=1, users=md5_users())
    one.has_canary = False
    with one.client() as client:
        client.send(m.startup())
        salt = client.read_authentication()[1]
        inner = hashlib.md5(b"app-secretapp").hexdigest().encode()
        answer = b"md5" + m.texts(hashlib.md5(inner + salt).hexdigest())
        client.send(m.frame("p", answer), EVERY[word], behind(word))
        client.expect("R")
        gate.set()
        client.read_greeting()
        expect_answered(client, word)


def test_C02_every_message_to_an_idle_client(server, weir):
    one = weir(server, pool_size=1)
    for word, message in EVERY.items():
        with one.login() as client:
            client.send(message, behind(word))
            expect_answered(client, word)
    served(one)


def test_C02_every_message_in_a_transaction(server, weir):
    one = weir(server, pool_size=1)
    for word, message in EVERY.items():
        with one.login() as client:
            client.query("begin")
            client.send(message, behind(word))
            expect_answered(client, word)
    served(one)


def test_C02_every_message_while_a_query_waits_for_a_connection(server, weir):
    one = weir(server, pool_size=1)
    with one.login() as holder:
        for word, message in EVERY.items():
            with one.login() as client:
                holder.query("begin")
                client.send(m.query("select 'first'"), message, behind(word))
                assert holder.query("select 'h'").value == "h"
                holder.query("commit")
                if word in NEVER:
                    expect_fatal_last(client)
                else:
                    assert client.result().value == "first"
                    expect_answered(client, word)
    served(one)


def test_C02_every_message_while_the_connection_is_set_up(server, weir):
    """It has another client's settings: the query waits for its own, and all behind it."""
    one = weir(server, pool_size=1, proxy_workers=1)  # it is not waited for, too
    with one.login(application_name="other") as other:
        for word, message in EVERY.items():
            with one.login(application_name="mine") as client:
                assert other.query("select 'o'").value == "o"
                client.send(m.query("select 'first'") + message + behind(word))
                if word in NEVER:
                    expect_fatal_last(client)
                else:
                    assert client.result().value == "first"
                    expect_answered(client, word)
    served(one)


def test_C02_what_no_replication_connection_takes(server, weir):
    one = weir(server, pool_size=1)
    for message in NEVER.values():
        with one.login(replication="true") as client:
            client.send(message)
            client.expect_fatal("08P01")
    with one.login(replication="true") as client:
        client.send(m.frame("f", b"no copy\0"), m.query("select 'x'"))
        assert client.result().value == "x"
    served(one)


def test_C02_every_message_behind_one_that_was_refused(server, weir):
    """None of them is looked at, and the words of the refusal arrive."""
    one = weir(server, pool_size=1)
    for word, message in EVERY.items():
        with one.login() as client:
            client.send_if_open(m.frame("p", b"x\0"), message, behind(word))
            client.expect_fatal("08P01")
    served(one)
    assert [one.text for c in server.data() for one in c.received if one.type == "Q"
            and "'q'" in one.text] == []


@pytest.mark.parametrize("first", [m.startup(), m.SSL_REQUEST + m.startup(),
                                   m.GSS_REQUEST + m.startup(), m.cancel(1, 2),
                                   m.startup(version=2 << 16), m.packet(m.PROTOCOL_3, b"user"),
                                   m.packet(3, length=3)],
                         ids=["startup", "ssl", "gss", "cancel", "version", "layout", "length"])
@pytest.mark.parametrize("piece", [None, 1])
def test_C02_every_first_packet(shared, first, piece):
    with shared.client(piece=piece) as client:
        client.send_if_open(first[:8])
        if len(first) > 8 and first[:8] in (m.SSL_REQUEST, m.GSS_REQUEST):
            assert client.stream.need(1) == b"N"
        client.send_if_open(first[8:])
        if first.endswith(m.startup()):
            client.expect("R")
        else:
            assert client.expect_end() in ([], ["08P01"], ["0A000"])


# --- servers

REPLIES = {
    "1": m.frame("1"), "2": m.frame("2"), "3": m.frame("3"), "A": m.notification("news"),
    "C": m.complete("SELECT 1"), "D": m.data_row("foreign"), "E": m.error("XX000", "evil"),
    "G": m.frame("G", echo.COPY_FORMAT), "H": m.frame("H", echo.COPY_FORMAT), "I": m.frame("I"),
    "K": m.frame("K", struct.pack("!II", 1, 2)), "N": m.notice("evil"), "R": m.authentication(0),
    "S": m.parameter_status("application_name", "evil"), "T": m.row_description("text"),
    "V": m.frame("V", struct.pack("!i", -1)), "W": m.frame("W", echo.COPY_FORMAT), "Z": m.ready(),
    "c": m.frame("c"), "d": m.frame("d", b"foreign\n"), "n": m.frame("n"), "s": m.frame("s"),
    "t": m.frame("t", b"\0\0"), "v": m.frame("v", struct.pack("!ii", 0, 0)), "other": m.frame("?"),
}
REQUESTS = {
    "query": m.query("select 'q'"), "function": TRAFFIC["F"], "parse": m.parse("select 'p'") + m.FLUSH,
    "bind": m.parse("select 'p'") + m.bind() + m.FLUSH,
    "describe": m.parse("select 'p'") + m.describe("S") + m.FLUSH,
    "execute": m.parse("select 'p'") + m.bind() + m.execute() + m.FLUSH,
    "close": m.parse("select 'p'") + m.close("P", "x") + m.FLUSH, "sync": m.SYNC,
}
LETTERS = {"query": "Q", "function": "F", "parse": "P", "bind": "B", "describe": "D", "execute": "E",
           "close": "C", "sync": "S"}


def read_to_the_end(client):
    """Whatever comes, up to an error or the end."""
    try:
        while client.read().type not in "EZ":
            pass
    except m.Closed:
        pass


def say(connection, reply):
    """This alone; only who said ReadyForQuery, which is right, stays."""
    connection.send_raw(reply)
    if reply != REPLIES["Z"]:
        connection.sock.shutdown(socket.SHUT_WR)


def evil_answers(letter, reply):
    """A server that follows the protocol until a message of this letter comes, and leaves then."""
    def serve(connection):
        read = connection.read

        def read_or_be_evil():
            message = read()
            if message.type == letter:
                connection.send_raw(reply)
                connection.sock.shutdown(socket.SHUT_WR)
            return message

        connection.read = read_or_be_evil
        echo.serve(connection)
    return serve


@pytest.mark.parametrize("request_kind", REQUESTS)
def test_B06_every_message_as_an_answer(server, weir, request_kind):
    one = weir(server, pool_size=1)
    for reply in REPLIES.values():
        server.cut_data()
        server.serve = evil_answers(LETTERS[request_kind], reply)
        with one.login() as client:
            client.query("begin") if request_kind != "query" else None
            client.send(REQUESTS[request_kind])
            read_to_the_end(client)
        server.serve = None
        server.cut_data()
        served(one)


def test_B06_every_message_that_nobody_asked_for_in_a_transaction(server, weir):
    one = weir(server, pool_size=1)
    for reply in REPLIES.values():
        with one.login() as client:
            client.query("begin")
            server.data()[0].send_raw(reply)
            client.send_if_open(m.query("select 'x'"))
            read_to_the_end(client)
        served(one)


def test_B06_every_message_that_nobody_asked_for_on_an_idle_connection(server, weir):
    """Nobody sees what it says."""
    one = weir(server, pool_size=1, proxy_workers=1)
    for reply in REPLIES.values():
        served(one, 1)
        server.data()[0].send_raw(reply)
        one.canary()  # by the same worker: it has read the reply before
        served(one)


def test_B07_every_message_in_the_login(server, weir):
    """Before and behind AuthenticationOk; the next login is a right one."""
    one = weir(server, pool_size=1)
    for number, reply in enumerate(REPLIES.values()):
        for ahead in (b"", m.authentication(0)):
            # A pool that nobody has used: for others there is a greeting already.
            database = f"pool{number}{'b' if ahead else 'a'}"

            def once(connection, ahead=ahead, reply=reply):
                server.login = None
                connection.send_raw(ahead + reply)
                connection.sock.shutdown(socket.SHUT_WR)

            server.login = once
            with one.client() as client:
                client.send(m.startup(database=database))
                client.authenticate("app", "app-secret")
                read_to_the_end(client)
            assert server.login is None
            served(one, 1, database=database)


def test_B06_every_message_in_answer_to_a_reset(server, weir):
    one = weir(server, pool_size=1)
    resets = []
    for number, reply in enumerate(REPLIES.values()):
        def answer(connection, reply=reply):
            resets.append(connection)
            say(connection, reply)
        server.scripts["DISCARD ALL"] = answer
        with one.login() as client:
            assert client.query("listen a").tags == ["LISTEN"]
            client.query("select 'x'")  # behind our question whether it listens
        wait_for(lambda number=number: len(resets) > number)
        served(one)
    assert len(resets) == len(REPLIES)


def test_B06_every_message_in_answer_to_a_ping(server, weir):
    """A connection that was idle for 10 s is checked: one of each pool, all in one wait."""
    one = weir(server, pool_size=1)
    pools = [f"pool{i}" for i in range(len(REPLIES))]
    for database in pools:
        one.login(database=database).close()
    pings = []
    for database, reply in zip(pools, REPLIES.values()):
        connection = next(c for c in server.data() if c.parameters["database"] == database)

        def read(connection=connection, reply=reply, plain=connection.read):
            message = plain()
            if message.type == "Q" and message.text == "":
                pings.append(connection)
                say(connection, reply)
                message = plain()
            return message
        connection.read = read
        # Its thread waits in the plain one already: a query makes it come to this one.
        with one.login(database=database) as client:
            assert client.query("select 'x'").value == "x"
    time.sleep(10.5)
    for database in pools:
        with one.login(database=database) as client:
            assert client.query("select 'x'").value == "x"
    assert len(pings) == len(REPLIES)


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
