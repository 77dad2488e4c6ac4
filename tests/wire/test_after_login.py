"""A client that is logged in and sends nonsense: lengths, letters, messages out of place."""

import pytest

import messages as m

LETTERS = "BCDEFHPQSXcdfp"


@pytest.mark.proxy
@pytest.mark.parametrize("length", [0, 3, 2**31 - 1, 2**31, 2**32 - 1])
def test_A04_A13_lengths(shared, length):
    for letter in LETTERS:
        with shared.login() as client:
            client.send_if_open(m.frame(letter, length=length))
            client.expect_fatal("08P01")


@pytest.mark.proxy
def test_every_unknown_letter(shared):
    for letter in range(256):
        if chr(letter) not in LETTERS:
            with shared.login() as client:
                client.send_if_open(m.frame(bytes([letter])))
                client.expect_fatal("08P01")


@pytest.mark.proxy
def test_an_unknown_letter_in_a_transaction_frees_its_connection(server, weir):
    one = weir(server, pool_size=1)
    with one.login() as client:
        client.query("begin")
        client.send(m.frame("y"))
        client.expect_fatal("08P01")
    with one.login() as client:
        assert client.query("select 'x'").value == "x"


@pytest.mark.proxy
@pytest.mark.parametrize("again", [m.startup(), m.startup("other"), m.SSL_REQUEST],
                         ids=["same", "other", "ssl"])
def test_C02_a_second_startup(shared, again):
    with shared.login() as client:
        client.send(again)
        client.expect_fatal("08P01")


@pytest.mark.proxy
def test_a_password_after_the_login(shared):
    with shared.login() as client:
        client.send(m.frame("p", b"secret\0"))
        client.expect_fatal("08P01")


def test_copy_messages_outside_copy_are_ignored(shared):
    """As PostgreSQL does: they may be late after a failed COPY."""
    with shared.login() as client:
        client.send(m.frame("d", b"1\n"), m.frame("c"), m.frame("f", b"no\0"))
        assert client.query("select 'x'").types == "TDCZ"


def test_flush_and_sync_alone(shared):
    with shared.login() as client:
        client.send(m.FLUSH, m.SYNC, m.FLUSH, m.SYNC, m.SYNC)
        client.expect("ZZZ")
        assert client.query("select 'x'").value == "x"


@pytest.mark.proxy
@pytest.mark.parametrize("message", [
    m.frame("P", b""), m.frame("P", b"\0"), m.frame("P", b"\0select 1\0\0\1"),
    m.frame("P", b"\0select 1\0\0\0x"), m.frame("P", b"\0x\0\xff\xff"), m.frame("B", b""),
    m.frame("B", b"portal"), m.frame("B", b"\0name"), m.frame("D", b""), m.frame("D", b"Xa\0"),
    m.frame("D", b"Sa"), m.frame("C", b"S"), m.frame("C", b"Sa\0b"), m.frame("E", b"\0"),
    m.frame("E", b"\0\0\0\0\0x"), m.frame("Q", b""), m.frame("Q", b"select 'x'")],
    ids=lambda f: f.hex()[:24])
def test_malformed_bodies(shared, message):
    """Refused with 08P01, whether the connection survives it (as in PostgreSQL) or not."""
    with shared.login() as client:
        client.send(message, m.SYNC)
        found = client.read()
        assert found.type == "E" and found.fields["C"] == "08P01", found


@pytest.mark.proxy
def test_A03_a_parameter_count_that_lies_is_the_servers_to_judge(server, weir):
    """What lies behind Bind's names passes unread; the connection stays in step all the same."""
    server.scripts["judge"] = lambda connection: connection.send(m.complete("JUDGE"))
    one = weir(server, pool_size=1)
    with one.login() as client:
        client.send(m.parse("judge"), m.frame("B", b"\0\0" + b"\0\0\0\0\0\0"), m.execute(), m.SYNC)
        assert client.result().types == "12CZ"
        assert client.query("select 'x'").value == "x"


def test_empty_queries(shared):
    with shared.login() as client:
        assert client.query("").types == "IZ"
        assert client.query("  ;  ").types == "IZ"
        assert client.ask("").types == "12nIZ"


def test_function_calls_pass(shared):
    with shared.login() as client:
        client.send(m.frame("F", b"\0\0\0\1" + b"\0\0" * 3))
        assert client.result().types == "VZ"
        assert client.query("select 'x'").value == "x"


def test_terminate_in_the_same_segment(shared):
    """The answers to what came before are not lost."""
    with shared.login() as client:
        client.send(m.query("select 'last'"), m.TERMINATE)
        assert client.result().value == "last"
        client.expect_closed()
