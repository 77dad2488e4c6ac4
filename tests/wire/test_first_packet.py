"""What may come first on a connection, and all that may not (FAILURES A1, A2, A4, A5, A8-A11,
A15, C9): refused without a crash, a hang or an answer that lets anybody in."""

import os
import struct

import pytest

import messages as m
from peers import EvilClient, LoginFailed

LENGTHS = [0, 3, 4, 5, 7, 10001, 2**30, 2**31 - 1, 2**31, 2**32 - 1]


def expect_refused(client, data):
    """Neither an answer that goes on with a login nor a hang."""
    with client:
        client.send_if_open(data)
        client.expect_end()


@pytest.mark.proxy
def test_A01_every_first_byte_with_every_length(shared):
    for letter in range(256):
        for length in (0, 3, 4, 5, 8, 2**31 - 1, 2**32 - 1):
            expect_refused(shared.client(), bytes([letter]) + struct.pack("!I", length))


@pytest.mark.proxy
@pytest.mark.parametrize("length", LENGTHS)
def test_A04_A08_lengths(shared, length):
    expect_refused(shared.client(), struct.pack("!I", length) + bytes(4))


@pytest.mark.proxy
@pytest.mark.parametrize("greeting", [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"*1\r\n$4\r\nPING\r\n", b"SSH-2.0-x\r\n", os.urandom(64)], ids=lambda g: g[:4].hex())
def test_A09_other_protocols(shared, greeting):
    # A random greeting could by chance look like a packet that is not complete.
    if struct.unpack("!I", greeting[:4])[0] > 10000:
        expect_refused(shared.client(), greeting)


@pytest.mark.proxy
def test_A09_memory_does_not_follow_the_claim(shared):
    before = shared.memory_kb()
    clients = [shared.client().send(struct.pack("!I", 10000) + b"\0\3\0\0user\0") for _ in range(200)]
    shared.canary()
    assert shared.memory_kb() - before < 200 * 64
    for client in clients:
        client.close()


@pytest.mark.proxy
def test_A11_many_that_leave_before_the_first_byte(shared):
    for i in range(500):
        client = shared.client()
        client.reset() if i % 2 else client.close()


# --- SSLRequest and GSSENCRequest

def test_ssl_and_gss_requests_are_answered_with_n(shared):
    with shared.client() as client:
        client.send(m.SSL_REQUEST)
        assert client.stream.need(1) == b"N"
        client.send(m.GSS_REQUEST)
        assert client.stream.need(1) == b"N"
        client.login()
        assert client.query("select 'x'").value == "x"


@pytest.mark.proxy
@pytest.mark.parametrize("request_", [m.SSL_REQUEST, m.GSS_REQUEST], ids=["ssl", "gss"])
def test_A10_a_repeated_request_is_refused(shared, request_):
    with shared.client() as client:
        client.send(request_)
        assert client.stream.need(1) == b"N"
        client.send(request_)
        client.expect_end()


@pytest.mark.proxy
def test_A10_alternating_requests_end(shared):
    with shared.client() as client:
        for request in (m.SSL_REQUEST, m.GSS_REQUEST):
            client.send(request)
            assert client.stream.need(1) == b"N"
        client.send_if_open((m.SSL_REQUEST + m.GSS_REQUEST) * 10000)
        client.expect_end()


@pytest.mark.proxy
@pytest.mark.parametrize("request_", [m.SSL_REQUEST, m.GSS_REQUEST], ids=["ssl", "gss"])
def test_C09_bytes_behind_an_ssl_request(shared, request_):
    """They were sent in the clear before anybody could know whether TLS follows."""
    with shared.client() as client:
        client.send(request_ + m.startup())
        try:
            if client.stream.need(1) == b"E":
                client.stream.held[:0] = b"E"
        except m.Closed:
            return
        assert client.expect_end() in ([], ["08P01"])


# --- versions

@pytest.mark.proxy
@pytest.mark.parametrize("version", [m.PROTOCOL_3 | 2, m.PROTOCOL_3 | 9999])
def test_newer_minor_versions_are_negotiated(shared, version):
    with shared.client() as client:
        client.send(m.startup(version=version))
        assert client.read() == m.Message("v", struct.pack("!II", m.PROTOCOL_3, 0))
        client.authenticate("app", "app-secret")
        client.read_until("Z")
        assert client.query("select 'x'").value == "x"


@pytest.mark.proxy
def test_B11_unknown_options_are_named_once(shared):
    with shared.client() as client:
        client.send(m.startup(version=m.PROTOCOL_3 | 2, **{"_pq_.one": "1", "_pq_.two": "2"}))
        negotiated = client.read()
        assert negotiated.type == "v"
        assert negotiated.body == struct.pack("!II", m.PROTOCOL_3, 2) + m.texts("_pq_.one", "_pq_.two")
        client.authenticate("app", "app-secret")
        assert "v" not in [message.type for message in client.read_until("Z")]


@pytest.mark.proxy
@pytest.mark.parametrize("version", [2 << 16, 1 << 16, 4 << 16, 0, 2**32 - 1])
def test_other_major_versions_are_refused(shared, version):
    with shared.client() as client:
        client.send(m.startup(version=version))
        assert "unsupported frontend protocol" in client.expect_fatal("0A000", "08P01")["M"]


# --- names and values

@pytest.mark.proxy
@pytest.mark.parametrize("body", [
    b"", b"user\0app", b"user\0app\0", b"user\0app\0\0x", b"user\0app\0\0\0", b"user\0\0", b"\0app\0\0",
    b"user\0app\0database\0app\0application_name\0x\0user\0other\0\0",
    b"user\0app\0application_name\0x\0\0user\0other\0\0",
    b"".join(b"p%d\0v\0" % i for i in range(101)) + b"\0"])
def test_A15_layout(shared, body):
    with shared.client() as client:
        client.send(m.packet(m.PROTOCOL_3, body))
        client.expect_fatal("08P01")


@pytest.mark.proxy
@pytest.mark.parametrize("parameters", [
    {"user": None}, {"user": ""}, {"user": "u" * 64}, {"user": "u" * 9900}, {"database": "d" * 64},
    {"database": "d" * 1023}, {"user": b"\xff\xfe"}, {"user": "a\nb"}, {"database": "\x01"}],
    ids=lambda p: str(p)[:30])
def test_A02_odd_names(shared, parameters):
    """Refused, at once or after an exchange that nobody can pass."""
    with shared.client() as client:
        client.send(m.startup(**parameters))
        with pytest.raises((LoginFailed, m.Closed)):
            client.authenticate(parameters.get("user", "app") or "", "app-secret")
            client.read_greeting()


def test_A02_the_longest_database_name(shared):
    with shared.login(database="d" * 63) as client:
        assert client.query("select 'x'").value == "x"


@pytest.mark.proxy
def test_without_a_database_it_is_the_users(shared, shared_server):
    with shared.client() as client:
        client.send(m.startup(database=None))
        client.authenticate("app", "app-secret")
        client.read_until("Z")
        assert client.query("select 'x'").value == "x"
    assert "app" in [one.parameters["database"] for one in shared_server.data()]


@pytest.mark.proxy
def test_A15_a_server_never_gets_what_a_client_sent(server, weir):
    one = weir(server)
    with one.login(application_name="x", options="-c work_mem=1MB", search_path="evil",
                   DateStyle="German") as client:
        assert client.query("select 'x'").value == "x"
        for connection in server.data():
            assert connection.startup_body == m.texts("user", "app", "database", "app") + b"\0"


# --- options

@pytest.mark.proxy
@pytest.mark.parametrize("options", [
    "-c=", "--=", "-c =", "-c", "--", "-", "-c -c", "\\", "-c a", "a=b", "-e", "-c a=1 -c=",
    "-c " * 3000, "-c=" * 3000, "-c " + "n" * 128 + "=1", "-c a=" + "v" * 5000],
    ids=lambda o: o[:12])
def test_A05_options_empty_name(shared, options):
    with shared.client() as client:
        client.send(m.startup(options=options))
        try:
            client.authenticate("app", "app-secret")
            client.read_greeting()
        except LoginFailed as failed:
            assert failed.fields["S"] == "FATAL", failed.fields
            return
    raise AssertionError("it was let in")


@pytest.mark.proxy
def test_A05_options_that_are_too_many(shared):
    with shared.client() as client:
        client.send(m.startup(options="-ca= " * 1900))
        with pytest.raises(LoginFailed):
            client.authenticate("app", "app-secret")
            client.read_greeting()


@pytest.mark.parametrize("options", ["", " ", "-c geqo=off", "--geqo=off", "-cwork_mem=4MB ",
                                     "-c search_path=a,\\ b -c statement_timeout=5s"])
def test_A05_options_that_are_right(shared, options):
    with shared.login(options=options) as client:
        assert client.query("select 'x'").value == "x"


# --- the other ways to begin

@pytest.mark.proxy
def test_a_cancel_for_nobody(shared):
    for process, secret in [(0, 0), (1, 2), (2**32 - 1, 2**32 - 1)]:
        with shared.client() as client:
            client.send(m.cancel(process, secret))
            client.expect_closed()


@pytest.mark.proxy
@pytest.mark.parametrize("extra", [b"x", b"\0" * 4, b"\0" * 1000])
def test_a_cancel_of_the_wrong_size(shared, extra):
    expect_refused(shared.client(), m.packet(1234 << 16 | 5678, bytes(8) + extra))


@pytest.mark.proxy
def test_a_login_that_never_ends(server, weir):
    one = weir(server, proxy_login_timeout_ms=300)
    silent, halfway = one.client(), one.client().send(m.startup())
    silent.expect_end()
    halfway.expect("R")
    halfway.expect_end()
    slow = one.client()
    with pytest.raises((BrokenPipeError, ConnectionResetError, m.Closed)):
        # A byte now and then does not buy time.
        for byte in m.startup(application_name="n" * 5000):
            slow.sock.sendall(bytes([byte]))
            slow.sock.settimeout(0.01)
            try:
                slow.stream.need(1)
            except TimeoutError:
                pass


def test_A06_byte_by_byte(shared):
    with EvilClient(shared.port, piece=1, gap_s=0.0005).login() as client:
        assert client.ask("select $1", ["x"]).value == "x"
