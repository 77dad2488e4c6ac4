"""Servers that die, talk too much or make no sense in the middle of an answer (FAILURES A16, B2,
B4, B6, B9, G4): one clean error, nothing of it for anybody else, the next query is answered."""

import struct
import time

import pytest

import messages as m

ROWS = [m.row_description("text"), m.data_row("one"), m.data_row("two"), m.complete("SELECT 2"),
        m.ready()]


def broken(client):
    """What came until one error and then ReadyForQuery or the end, or until the end in a message."""
    found = []
    while True:
        try:
            found.append(client.read())
        except m.Closed as closed:
            errors = [message for message in found if message.type == "E"]
            assert closed.rest or len(errors) == 1, f"a silent end, or not one error: {found}"
            break
        if found[-1].type == "Z":
            errors = [message for message in found if message.type == "E"]
            assert len(errors) == 1, f"not one error: {found}"
            break
    for message in errors:
        assert message.fields["C"][:2] in ("08", "25", "40", "53", "57"), message.fields
    return found


def expect_served(one, count=5):
    """Everybody gets what is his."""
    for i in range(count):
        with one.login() as client:
            assert client.query(f"select 'own{i}'").value == f"own{i}"
            assert client.ask("select $1", [f"ext{i}"]).value == f"ext{i}"


# --- B4: it dies

@pytest.mark.proxy
@pytest.mark.parametrize("with_reset", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize("after", range(6))
def test_B04_a_server_dies_after_a_message(server, weir, after, with_reset):
    def die(connection):
        connection.send(*ROWS[:after])
        connection.drop(with_reset)
    server.scripts["die"] = die
    one = weir(server, pool_size=1)
    with one.login() as client:
        client.send(m.query("die"))
        if after < 5:
            # A reset may overtake what was sent before it.
            broken(client)
        else:
            assert client.result().types == "TDDCZ"
    expect_served(one)


@pytest.mark.proxy
def test_B04_a_server_dies_after_each_byte(server, weir):
    answer = b"".join(ROWS)
    one = weir(server, pool_size=1)
    for size in range(0, len(answer), 3):
        def die(connection, sent=size):
            connection.send_raw(answer[:sent])
            connection.drop()
        server.scripts["die"] = die
        with one.login() as client:
            client.send(m.query("die"))
            broken(client)
    expect_served(one)


@pytest.mark.proxy
def test_B04_a_server_dies_in_a_large_row(server, weir):
    def die(connection):
        connection.send(m.row_description("text"))
        connection.send_raw(m.data_row("x" * 1000000)[:500000])
        connection.drop(with_reset=True)
    server.scripts["die"] = die
    one = weir(server, pool_size=1)
    with one.login() as client:
        client.send(m.query("die"))
        broken(client)
    expect_served(one)


@pytest.mark.proxy
def test_G01_a_server_dies_in_a_transaction(server, weir):
    """What follows is not executed as if nothing had been."""
    server.scripts["die"] = lambda connection: connection.drop()
    one = weir(server, pool_size=1)
    with one.login() as client:
        client.query("begin")
        client.query("set x = 1")
        client.send(m.query("die"))
        found = broken(client)
        if found[-1].type == "Z":
            result = client.query("set x = 2")
            assert result.sqlstates, "a lost transaction went on as another one"
    assert not any(message.text == "set x = 2" for one in server.connections
                   for message in one.received)
    expect_served(one)


@pytest.mark.proxy
def test_a_fatal_error_of_a_server(server, weir):
    def shut_down(connection):
        connection.fatal("57P01", "terminating connection due to administrator command")
    server.scripts["end"] = shut_down
    one = weir(server, pool_size=1)
    with one.login() as client:
        client.send(m.query("end"))
        error = [message for message in broken(client) if message.type == "E"][0]
        assert error.fields["C"] == "57P01"
    expect_served(one)


LAST_WORDS = [(b"", False), (b"", True), (m.error("57P01", "terminating connection", "FATAL"), False)]


def wait_until_noticed(one):
    deadline = time.monotonic() + 10
    while sum(pool["idle"] for pool in one.stats()["pools"] if pool["database"] == "app"):
        assert time.monotonic() < deadline, "lost connections stay in the pool"
        time.sleep(0.005)


@pytest.mark.proxy
@pytest.mark.parametrize("words, with_reset", LAST_WORDS, ids=["fin", "rst", "fatal"])
def test_G04_idle_connections_that_the_server_closed(server, weir, words, with_reset):
    """Nobody hears of it, not even who writes."""
    one = weir(server, pool_size=3)
    clients = [one.login() for _ in range(4)]
    for _ in range(5):
        for connection in server.data():
            connection.send(words)
            connection.drop(with_reset)
        wait_until_noticed(one)
        for i, client in enumerate(clients * 5):
            assert client.query("insert into shop values (1)").tags == ["INSERT 0 1"]
            assert client.query(f"select '{i}'").value == str(i)
    for client in clients:
        client.close()


@pytest.mark.proxy
@pytest.mark.xfail(strict=True, reason="reads are not asked again yet")
@pytest.mark.parametrize("words, with_reset", LAST_WORDS, ids=["fin", "rst", "fatal"])
def test_a_read_that_a_lost_connection_did_not_answer_is_asked_again(server, weir, words,
                                                                     with_reset):
    """The connection may be lost in the moment when the query is sent."""
    asked = []

    def lose_the_first(connection):
        asked.append(connection)
        if len(asked) == 1:
            connection.send(words)
            connection.drop(with_reset)
        else:
            connection.send(*ROWS)
    server.scripts["select 'lost'"] = lose_the_first
    one = weir(server, pool_size=1)
    one.wait_catalogue()
    with one.login() as client:
        assert client.query("select 'lost'").types == "TDDCZ"


# --- B2, B6, A16: it makes no sense

NONSENSE = {
    "unknown_type": m.frame("?"), "nul_type": bytes(5), "client_type": m.frame("Q", b"x\0"),
    "length_0": m.frame("D", length=0), "length_3": m.frame("C", length=3),
    "length_minus": m.frame("D", length=-1), "length_max": m.frame("T", length=2**31 - 1),
    "small_too_long": m.frame("Z", length=10001), "auth": m.authentication(0),
    "auth_md5": m.authentication(5, b"salt"), "key": m.frame("K", bytes(8)),
    "parse_complete": m.frame("1"), "bind_complete": m.frame("2"), "no_data": m.frame("n"),
    "negotiate": m.frame("v", bytes(8)), "function": m.frame("V", bytes(4)),
    "bad_status": m.ready("x"), "no_status": m.frame("Z"), "long_status": m.frame("Z", b"II"),
    "parameter": m.frame("S", b"no value"), "http": b"HTTP/1.1 200 OK\r\n\r\n",
}


@pytest.mark.proxy
@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE.keys())
def test_B06_nonsense_in_an_answer(server, weir, nonsense):
    def answer(connection):
        connection.send_raw(ROWS[0] + ROWS[1] + nonsense)
        connection.read()
    server.scripts["odd"] = answer
    one = weir(server, pool_size=1)
    with one.login() as client:
        client.send(m.query("odd"))
        found = broken(client)
        # What made no sense was not handed on.
        assert [message.type for message in found[:2]] in (["T", "D"], ["T", "E"], ["E"], ["E", "Z"])
    expect_served(one)


ERRORS = {
    "no_sqlstate": m.error(None, "broken"), "no_message": m.error("42601", None),
    "no_severity": m.error("42601", "broken", None), "nothing": m.frame("E", b"\0"),
    "empty": m.error("", "", ""), "empty_body": m.frame("E"),
    "unterminated": m.frame("E", b"SERROR\0C42601\0Mbroken"),
    "doubled": m.frame("E", b"SERROR\0C42601\0C00000\0Ma\0Mb\0\0"),
    "unknown_fields": m.frame("E", b"\xffx\0zzz\0SERROR\0C42601\0Mb\0\0"),
    "long_sqlstate": m.error("4" * 5000, "broken"), "long_message": m.error("42601", "m" * 200000),
}


@pytest.mark.proxy
@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS.keys())
def test_B02_odd_errors(server, weir, error):
    server.scripts["odd"] = lambda connection: connection.send(error, m.ready())
    one = weir(server, pool_size=1)
    with one.login() as client:
        client.send(m.query("odd"))
        assert client.read().type == "E"
    expect_served(one)


@pytest.mark.proxy
@pytest.mark.parametrize("extra", [
    m.complete("SELECT 1") + m.ready(), m.data_row("foreign"), m.ready(), m.ready() * 50,
    m.row_description("text") + m.data_row("foreign") + m.complete("SELECT 1") + m.ready(), b"D"],
    ids=["complete", "row", "ready", "many_ready", "answer", "one_byte"])
def test_more_than_was_asked_for(server, weir, extra):
    """Bytes behind ReadyForQuery are nobody's answer."""
    server.scripts["more"] = lambda connection: connection.send_raw(b"".join(ROWS) + extra)
    one = weir(server, pool_size=1)
    with one.login() as client:
        assert client.send(m.query("more")).result().types == "TDDCZ"
    expect_served(one, 10)


@pytest.mark.proxy
def test_ready_before_the_end(server, weir):
    server.scripts["early"] = lambda connection: connection.send_raw(
        ROWS[0] + ROWS[1] + m.ready() + ROWS[2] + ROWS[3] + m.ready())
    one = weir(server, pool_size=1)
    with one.login() as client:
        client.send(m.query("early"))
        client.expect("TDZ")
    expect_served(one, 10)


# --- B9, B8: it talks between any two messages

@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("kind", ["parameter", "notice", "notification", "all"])
def test_B09_messages_between_any_two(server, weir, kind, count):
    noise = {"parameter": m.parameter_status("application_name", "x"), "notice": m.notice("psst"),
             "notification": m.notification("channel", "payload")}
    noise["all"] = b"".join(noise.values())
    one = weir(server, pool_size=1)
    with one.login() as client:
        server.noise = noise[kind] * count
        for i in range(10):
            for result, types in [
                    (client.query(f"select '{i}'"), "TDCZ"), (client.ask("select $1", [str(i)]), "12TDCZ"),
                    (client.query("begin"), "CZ"), (client.query("error"), "EZ"),
                    (client.query("rollback"), "CZ"), (client.query("copy out"), "HddcCZ")]:
                assert result.types.translate({ord(c): None for c in "SNA"}) == types
        assert "N" in result.types or kind not in ("notice", "all")
        assert "S" in result.types or kind not in ("parameter", "all")


def test_notices_keep_their_place(shared):
    with shared.login() as client:
        assert client.query("notice psst").types == "TNDCZ"
        assert client.query("notice a; notice b").types == "TNDCTNDCZ"


# --- A16: fields that lie; they pass unread, and the stream stays in step

@pytest.mark.parametrize("row", [
    m.frame("D", b"\0\1" + struct.pack("!i", -5)), m.frame("D", b"\xff\xff"), m.frame("D"),
    m.frame("D", b"\0\1" + struct.pack("!i", 2**31 - 1) + b"x"), m.frame("T", b"\0\2x\0")],
    ids=lambda f: f.hex()[:20])
def test_A16_lengths_inside_a_message(server, weir, row):
    server.scripts["odd"] = lambda connection: connection.send(
        row, m.complete("SELECT 1"), m.ready())
    one = weir(server, pool_size=1)
    with one.login() as client:
        client.send(m.query("odd"))
        first = client.read()
        if first.type == row[:1].decode():
            assert first.bytes() == row
            client.expect("CZ")
    expect_served(one)


def test_D21_answers_in_small_pieces(server, weir):
    one = weir(server, pool_size=1)
    with one.login() as client:
        for piece in (1, 2, 3, 4, 5, 6, 7, 11):
            server.piece = piece
            assert client.query("rows 20 30 tag").types == "T" + "D" * 20 + "CZ"
            assert client.ask("select $1", [f"{piece}"]).value == f"{piece}"
            assert client.query("error").sqlstates == ["42601"]
