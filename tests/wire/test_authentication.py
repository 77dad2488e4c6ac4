"""Who gets in, and that nobody else does: wrong secrets, unknown names, every message in every
state of the login (FAILURES A1, A3, A7, C1, C2, C3, C11)."""

import struct

import pytest

import messages as m
import scram
from conftest import USERS
from peers import LoginFailed

pytestmark = pytest.mark.proxy

DENIED = 'password authentication failed for user "{}"'


def exchange(client, user, password):
    """A whole SCRAM login that must fail; returns (letters and codes, salt, error fields)."""
    client.send(m.startup(user))
    kinds = []
    code, mechanisms = client.read_authentication()
    kinds.append((code, mechanisms))
    bare = client.scram_first()
    code, first = client.read_authentication()
    kinds.append((code, scram.attributes(first.decode())["i"], len(first)))
    client.scram_final(password, bare, first.decode())
    fields = client.expect_fatal("28P01")
    return kinds, scram.attributes(first.decode())["s"], fields


def test_wrong_password(shared):
    with shared.client() as client:
        fields = exchange(client, "app", "wrong")[2]
    assert fields["M"] == DENIED.format("app")


def test_C11_an_unknown_user_looks_like_a_wrong_password(shared):
    with shared.client() as known, shared.client() as unknown, shared.client() as again:
        kinds, _, fields = exchange(known, "app", "wrong")
        mock_kinds, salt, mock_fields = exchange(unknown, "nobody_here", "wrong")
        assert mock_kinds == kinds
        assert mock_fields["M"] == DENIED.format("nobody_here")
        assert {k: v for k, v in mock_fields.items() if k != "M"} == \
               {k: v for k, v in fields.items() if k != "M"}
        assert exchange(again, "nobody_here", "other")[1] == salt, "a salt that changes betrays"


def test_an_unknown_user_with_a_known_password(shared):
    with shared.client() as client:
        exchange(client, "nobody_here", USERS["app"])


def test_C03_a_wrong_password_after_a_right_one(shared):
    with shared.login() as client:
        assert client.query("select 'x'").value == "x"
    for _ in range(3):
        with shared.client() as client:
            exchange(client, "app", "wrong")


def test_C01_case_and_spaces_are_part_of_the_name(shared):
    for user in ("APP", "app ", " app", "app\t"):
        with shared.client() as client, pytest.raises((LoginFailed, m.Closed)):
            client.login(user, USERS["app"])


def test_unknown_database(shared):
    with shared.client() as client, pytest.raises(LoginFailed) as failed:
        client.login(database="no_such")
    assert failed.value.fields["C"] == "3D000"
    assert failed.value.fields["M"] == 'database "no_such" does not exist'


def test_users_of_every_kind_of_secret(server, weir):
    server.passwords = {"clear": "s1", "keys": "s2", "old": "s3"}
    server.auth = "trust"
    inner = scram.hashlib.md5(b"s3old").hexdigest()
    one = weir(server, users={**USERS, "clear": "s1", "keys": scram.verifier("s2"),
                              "old": "md5" + inner})
    for user, secret in server.passwords.items():
        with one.client() as client:
            client.login(user, secret)
            assert client.query("select 'x'").value == "x"
        with one.client() as client, pytest.raises(LoginFailed, match="28P01"):
            client.login(user, "wrong")


def test_pass_through_with_a_verifier_only(make_server, weir):
    """No password is stored anywhere: the client's proof logs pgweir in."""
    server = make_server(auth="scram", passwords={"keys": "s2", "app": "app-secret"})
    one = weir(server, users={**USERS, "keys": scram.verifier("s2", server.salt)})
    with one.client() as client:
        client.login("keys", "s2", "app")
        assert client.query("select 'x'").value == "x"


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 65535 - 4, 65536 - 4, 65537 - 4, 100000])
def test_A07_answers_of_every_size(shared, size):
    with shared.client() as client:
        client.send(m.startup()).expect("R")
        client.send_if_open(m.frame("p", b"x" * size))
        assert client.expect_end() in ([], ["08P01"], ["28P01"], ["0A000"])


# --- SCRAM done wrong

FIRST_MESSAGES = {
    "empty": b"", "no_nonce": b"n,,n=", "empty_nonce": b"n,,n=,r=", "no_header": b"n=,r=abc",
    "binding_unasked": b"p=tls-unique,,n=,r=abc", "authzid": b"n,a=app,n=,r=abc",
    "extension": b"n,,m=x,n=,r=abc", "no_name": b"n,,r=abc", "nul": b"n,,n=,r=a\0b",
    "long": b"n,,n=,r=" + b"a" * 30000, "control": b"n,,n=,r=a\x01b", "only_commas": b",,,,",
}


@pytest.mark.parametrize("first", FIRST_MESSAGES.values(), ids=FIRST_MESSAGES.keys())
def test_malformed_first_messages(shared, first):
    with shared.client() as client:
        client.send(m.startup()).expect("R")
        client.send(m.frame("p", m.texts("SCRAM-SHA-256") + struct.pack("!I", len(first)) + first))
        client.expect_fatal("08P01", "28P01", "0A000", "28000")


@pytest.mark.parametrize("inner", [-1, -2, 0, 7, 9, 2**31 - 1, -2**31], ids=str)
def test_A03_inner_lengths(shared, inner):
    first = b"n,,n=,r="  # 8 bytes
    with shared.client() as client:
        client.send(m.startup()).expect("R")
        client.send(m.frame("p", m.texts("SCRAM-SHA-256") + struct.pack("!i", inner) + first))
        client.expect_fatal("08P01", "28P01")


@pytest.mark.parametrize("body", [b"", b"SCRAM-SHA-256", b"SCRAM-SHA-256\0", b"SCRAM-SHA-256\0\0\0",
                                  m.texts("SCRAM-SHA-256-PLUS") + b"\0\0\0\3n,,",
                                  m.texts("PLAIN") + b"\0\0\0\0", b"\0\0\0\0\0"])
def test_mechanisms(shared, body):
    with shared.client() as client:
        client.send(m.startup()).expect("R")
        client.send(m.frame("p", body))
        client.expect_fatal("08P01", "28P01")


def final_of(client):
    """Up to AuthenticationSASLContinue: (bare, server-first-message)."""
    client.send(m.startup()).expect("R")
    bare = client.scram_first()
    return bare, client.read_authentication()[1].decode()


@pytest.mark.parametrize("how", ["proof", "nonce", "channel", "empty", "no_proof", "twice"])
def test_malformed_final_messages(shared, how):
    with shared.client() as client:
        bare, first = final_of(client)
        nonce = scram.attributes(first)["r"]
        right = f"c=biws,r={nonce}"
        proof = scram.encode(b"\0" * 32)
        client.send(m.frame("p", {
            "proof": f"{right},p={proof}", "nonce": f"c=biws,r={nonce}x,p={proof}",
            "channel": f"c=eSws,r={nonce},p={proof}", "empty": "", "no_proof": right,
            "twice": f"{right},p={proof},p={proof}"}[how].encode()))
        client.expect_fatal("28P01", "08P01")


def test_a_proof_cannot_be_used_twice(shared):
    with shared.client() as client, shared.client() as thief:
        bare, first = final_of(client)
        client.scram_final(USERS["app"], bare, first)
        client.expect("R")
        thief_bare, thief_first = final_of(thief)
        without = f"c=biws,r={scram.attributes(thief_first)['r']}"
        said = scram.attributes(first)
        stolen = scram.client_proof(USERS["app"], scram.base64.b64decode(said["s"]), int(said["i"]),
                                    f"{bare},{first},c=biws,r={said['r']}")
        thief.send(m.frame("p", f"{without},p={stolen}".encode()))
        thief.expect_fatal("28P01")


# --- C2: every message in every state of the login

def to_first(client):
    client.send(m.startup()).expect("R")


def to_final(client):
    final_of(client)


@pytest.mark.parametrize("advance", [to_first, to_final], ids=["before_first", "before_final"])
def test_C02_every_message_in_every_login_state(shared, advance):
    """No message of any type, not even a well-formed one, leads past the login."""
    for letter in range(256):
        for body in (b"", b"x\0"):
            with shared.client() as client:
                advance(client)
                client.send_if_open(m.frame(bytes([letter]), body))
                states = client.expect_end()
                assert states in ([], ["08P01"], ["28P01"]), f"{letter}: {states}"


@pytest.mark.parametrize("advance", [to_first, to_final], ids=["before_first", "before_final"])
@pytest.mark.parametrize("again", [m.startup("other"), m.startup(), m.SSL_REQUEST, m.GSS_REQUEST,
                                   m.cancel(1, 2)], ids=["other", "same", "ssl", "gss", "cancel"])
def test_C02_a_second_startup_in_the_login(shared, advance, again):
    with shared.client() as client:
        advance(client)
        client.send(again)
        assert client.expect_end() in ([], ["08P01"])


def test_C02_a_query_pipelined_behind_a_wrong_password(shared, shared_server):
    with shared.client() as client:
        bare, first = final_of(client)
        client.sock.setsockopt(6, 1, 0)
        client.scram_final("wrong", bare, first)
        client.send_if_open(m.query("select 'never'"))
        assert client.expect_end() == ["28P01"]
    assert not any(message.text == "select 'never'"
                   for one in shared_server.connections for message in one.received)


def test_lengths_in_the_login(shared):
    for advance in (to_first, to_final):
        for length in (0, 3, 65537, 2**31 - 1, 2**32 - 1):
            with shared.client() as client:
                advance(client)
                client.send_if_open(m.frame("p", b"x", length=length))
                assert client.expect_end() in ([], ["08P01"])
