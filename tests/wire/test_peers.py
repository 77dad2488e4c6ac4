"""The peers against each other, without pgweir: what they cannot do right they cannot do wrong."""

import time

import pytest

import messages as m
import scram
from peers import EvilClient, LoginFailed


def login(server, password="app-secret", **options):
    return EvilClient(server.port, **options).login("app", password)


@pytest.mark.parametrize("auth", ["trust", "cleartext", "md5", "scram"])
def test_every_method_lets_in(make_server, auth):
    with login(make_server(auth=auth)) as client:
        assert client.parameters["server_version"] == "15.20"
        assert client.key[1] == 77
        assert client.query("select 'it''s'").value == "it's"


@pytest.mark.parametrize("auth", ["cleartext", "md5", "scram"])
def test_every_method_refuses_a_wrong_password(make_server, auth):
    with pytest.raises(LoginFailed, match="28P01"):
        login(make_server(auth=auth), "wrong")


def test_scram_as_in_rfc_7677():
    auth_message = ("n=user,r=rOprNGfwEbeRWgbNEkqO,"
                    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                    "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
                    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
    secret = ("pencil", scram.base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096, auth_message)
    assert scram.client_proof(*secret) == "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    assert scram.server_signature(*secret) == "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@pytest.mark.parametrize("piece", [1, 2, 7, None])
def test_messages_in_pieces(server, piece):
    server.piece = piece
    with login(server, piece=piece) as client:
        assert client.ask("select $1", ["value"]).types == "12TDCZ"
        assert client.query("rows 3 100 tag").tags == ["SELECT 3"]


def test_noise_goes_between_messages(server):
    server.noise = m.notice("psst")
    with login(server) as client:
        result = client.query("select 'x'")
        assert result.types == "NTNDNCNZ" and result.value == "x"


def test_a_transaction_and_its_failure(server):
    with login(server) as client:
        assert client.query("begin").status == "T"
        assert client.query("error").status == "E"
        assert client.query("select 'x'").sqlstates == ["25P02"]
        result = client.query("commit")
        assert result.tags == ["ROLLBACK"] and result.status == "I"


def test_copy_both_ways(server):
    with login(server) as client:
        assert client.query("copy out").types == "HddcCZ"
        client.send(m.query("copy in")).expect("G")
        client.send(m.frame("d", b"1\n2\n"), m.frame("c"))
        assert client.result().tags == ["COPY 2"]
        client.send(m.query("copy in"), m.frame("d", b"bad\n")).expect("GE")
        client.send(m.frame("d", b"3\n"), m.frame("c")).expect("Z")
        assert client.query("select 'x'").value == "x"


def test_cancel(server):
    with login(server) as client:
        client.send(m.query("sleep 30"))
        while not any(one.sql for one in server.data()):
            time.sleep(0.005)
        EvilClient(server.port).send(m.cancel(*client.key)).expect_closed()
        assert client.result().sqlstates == ["57014"]


def test_a_script_replaces_an_answer(server):
    server.scripts["die"] = lambda connection: connection.drop(with_reset=True)
    with login(server) as client:
        client.send(m.query("die")).expect_closed()


def test_a_database_that_is_not_there(server):
    with pytest.raises(LoginFailed, match="3D000"):
        EvilClient(server.port).login(database="no_such")


def test_the_control_plane_is_answered(make_server):
    for role, in_recovery in [("primary", b"0"), ("replica", b"1")]:
        server = make_server(role=role, auth="scram")
        with EvilClient(server.port).login(application_name="pgweir probe") as client:
            row = client.ask("SELECT pg_is_in_recovery() …").rows[0]
            assert len(row) == 8 and row[0] == in_recovery
        assert not server.data()
