"""Prepared statements and portals by name, as on a connection of one's own (FAILURES E1 to E8, E10)."""

import threading

import pytest

import messages as m
from peers import EvilClient


def prepared(client, name, sql="select $1"):
    client.send(m.parse(sql, name), m.SYNC)
    assert client.result().types == "1Z"


def run(client, name, *values):
    client.send(m.bind(name, values), m.execute(), m.SYNC)
    return client.result()


def test_a_statement_is_known_on_every_connection(server, weir):
    one = weir(server, pool_size=3)
    with one.login() as client, one.login() as first, one.login() as second:
        prepared(client, "mine")
        for i in range(10):
            # Others hold connections in turn, so that ours changes.
            first.query("begin" if i % 2 else "commit")
            second.query("commit" if i % 3 else "begin")
            assert run(client, "mine", str(i)).value == str(i)


def test_the_same_name_means_each_clients_own(server, weir):
    one = weir(server, pool_size=1)
    with one.login() as a, one.login() as b:
        prepared(a, "s", "select $1")
        prepared(b, "s", "rows 1 5 b")
        for _ in range(3):
            assert run(a, "s", "a").value == "a"
            assert run(b, "s").value == "b...."


@pytest.mark.proxy
def test_E01_a_batch_larger_than_the_cache(server, weir):
    one = weir(server, pool_size=1, pool_max_prepared=2)
    with one.login() as client:
        for turn in range(5):
            client.send(*[m.parse(f"select $1 -- {turn}.{i}", f"s{turn}.{i}")
                          + m.bind(f"s{turn}.{i}", [f"{i}"]) + m.execute() for i in range(10)], m.SYNC)
            result = client.result()
            assert result.types == "12DC" * 10 + "Z", result
            assert [row[0] for row in result.rows] == [b"%d" % i for i in range(10)]
        for i in range(10):
            assert run(client, f"s0.{i}", "again").value == "again"
        assert all(len(one.statements) <= 10 + 3 for one in server.data())


def test_E02_a_parse_whose_client_left(server, weir):
    one = weir(server, pool_size=1)
    for end in (b"", m.FLUSH, m.SYNC):
        leaver = one.login().send(m.parse("select $1", "s"), end)
        if end:
            leaver.expect("1")
        leaver.reset()
        with one.login() as client:
            prepared(client, "s")
            assert run(client, "s", "x").value == "x"


def test_E02_a_parse_that_was_skipped(server, weir):
    """After an error in the batch the statement was never made, for nobody."""
    one = weir(server, pool_size=1)
    with one.login() as client, one.login() as other:
        client.send(m.bind("unknown"), m.parse("select $1", "s"), m.SYNC)
        assert client.result().sqlstates == ["26000"]
        assert run(client, "s", "x").sqlstates == ["26000"]
        prepared(other, "s")
        assert run(other, "s", "x").value == "x"
        prepared(client, "s")
        assert run(client, "s", "y").value == "y"


@pytest.mark.parametrize("failing", [m.bind("unknown"), m.execute("unknown")], ids=["bind", "portal"])
def test_E02_the_same_parse_in_two_batches_of_which_the_first_fails(server, weir, failing):
    """Found by random pipelines: both are on their way before the first answer is known.  What the
    connection knows must be right afterwards, or others get 42P05 for what they never did."""
    one = weir(server, pool_size=1)
    with one.login() as client, one.login() as other:
        client.send(failing, m.parse("select $1", "s"), m.SYNC, m.parse("select $1", "s"), m.SYNC)
        assert client.result().types == "EZ"
        result = client.result()
        assert result.types == "1Z", result
        prepared(other, "s")
        assert run(other, "s", "x").value == "x"
        assert run(client, "s", "y").value == "y"


def test_E02_a_parse_that_fails_twice_in_a_pipeline(server, weir):
    one = weir(server, pool_size=1)
    with one.login() as client:
        client.send(m.parse("unparsable", "a"), m.SYNC, m.parse("unparsable", "b"), m.SYNC,
                    m.parse("select $1", "a"), m.SYNC)
        assert [client.result().sqlstates for _ in range(3)] == [["42601"], ["42601"], []]
        assert run(client, "a", "x").value == "x"


def test_a_parse_in_a_failed_transaction(server, weir):
    """Also of a text that the connection knows."""
    one = weir(server, pool_size=1)
    with one.login() as client:
        prepared(client, "known")
        client.query("begin")
        client.query("error")
        client.send(m.parse("select $1", "again"), m.SYNC)
        assert client.result().sqlstates == ["25P02"]
        client.query("rollback")


def test_E03_closing_a_portal_keeps_the_statement_of_its_name(shared):
    with shared.login() as client:
        prepared(client, "same")
        client.send(m.bind("same", ["v"], "same"), m.close("P", "same"), m.SYNC)
        assert client.result().types == "23Z"
        assert run(client, "same", "x").value == "x"


def test_E03_closing_a_statement(shared):
    with shared.login() as client, shared.login() as other:
        prepared(client, "s")
        prepared(other, "s")
        client.send(m.close("S", "s"), m.SYNC)
        assert client.result().types == "3Z"
        assert run(client, "s", "x").sqlstates == ["26000"]
        assert run(other, "s", "x").value == "x"
        prepared(client, "s")
        assert run(client, "s", "x").value == "x"


def test_E08_closing_what_is_unknown(shared):
    with shared.login() as client:
        client.send(m.close("S", "never"), m.close("P", "never"), m.close("S", ""), m.SYNC)
        assert client.result().types == "333Z"


@pytest.mark.parametrize("sql", ["select $1", "rows 1 5 b", ""])
def test_a_name_twice(shared, sql):
    """Refused each time, and the name keeps its meaning."""
    with shared.login() as client:
        prepared(client, "s")
        for _ in range(3):
            client.send(m.parse(sql, "s"), m.SYNC)
            assert client.result().sqlstates == ["42P05"]
            assert run(client, "s", "x").value == "x"


def test_a_name_twice_in_a_batch_that_had_failed(server, weir):
    """The second Parse is skipped: the name keeps its meaning, here and for the next batch."""
    one = weir(server, pool_size=1)
    with one.login() as client:
        prepared(client, "s")
        for _ in range(2):
            client.send(m.execute("unknown"), m.parse("rows 1 5 b", "s"), m.close("S", "s"), m.SYNC)
            assert client.result().sqlstates == ["34000"]
            assert run(client, "s", "x").value == "x"
        client.send(m.parse("rows 1 5 b", "s"), m.SYNC)
        assert client.result().sqlstates == ["42P05"]
        assert run(client, "s", "x").value == "x"


def test_a_name_twice_with_a_text_that_fails(server, weir):
    """PostgreSQL parses first: 42601.  Nobody may be told later that this text was prepared."""
    one = weir(server, pool_size=1)
    with one.login() as client, one.login() as other:
        prepared(client, "s")
        client.send(m.parse("unparsable", "s"), m.SYNC)
        assert client.result().sqlstates == ["42601"]
        for name in ("a", "b"):
            other.send(m.parse("unparsable", name), m.SYNC)
            assert other.result().sqlstates == ["42601"]
        assert run(client, "s", "x").value == "x"


def test_the_unnamed_statement_outlives_a_skipped_query(server, weir):
    """A simple Query forgets it, but not one that was skipped after an error."""
    one = weir(server, pool_size=1)
    with one.login() as client:
        client.send(m.parse("select $1"), m.execute("unknown"), m.query("select 'skipped'"), m.SYNC)
        assert client.result().types == "1EZ"
        assert run(client, "", "x").value == "x"
        assert client.query("select 'y'").value == "y"
        assert run(client, "", "x").sqlstates == ["26000"]


def test_unknown_statements(shared):
    with shared.login() as client:
        for message in (m.bind("never"), m.describe("S", "never")):
            client.send(message, m.SYNC)
            assert client.result().sqlstates == ["26000"]
        client.send(m.execute("never"), m.SYNC)
        assert client.result().sqlstates == ["34000"]


def test_E04_a_parse_that_failed_is_not_remembered(server, weir):
    one = weir(server, pool_size=1)
    with one.login() as client:
        for _ in range(3):
            client.send(m.parse("unparsable", "s"), m.bind("s"), m.execute(), m.SYNC)
            result = client.result()
            assert result.types == "EZ" and result.sqlstates == ["42601"]
        prepared(client, "s")
        assert run(client, "s", "x").value == "x"


def test_E04_unnamed_statements_of_many_clients(server, weir):
    one = weir(server, pool_size=2, pool_max_prepared=3)
    failures = []

    def work(number):
        try:
            with one.login() as client:
                for i in range(40):
                    client.send(m.parse(f"rows 1 20 c{number}"), m.describe("S"), m.SYNC)
                    assert client.result().types == "1tTZ"
                    client.send(m.bind(), m.execute(), m.SYNC)
                    result = client.result()
                    assert result.sqlstates == [] and result.value == f"c{number}".ljust(20, "."), result
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures, failures


def test_D04_as_asyncpg_does_it(server, weir):
    """Parse, Describe, Flush; read; Bind, Execute, Sync.  Close, Flush without a Sync."""
    one = weir(server, pool_size=2, pool_max_prepared=2)
    with one.login() as client, one.login() as neighbour:
        for i in range(12):
            client.send(m.parse(f"rows 1 8 t{i}", f"a{i}"), m.describe("S", f"a{i}"), m.FLUSH)
            client.expect("1tT")
            assert neighbour.query(f"select 'n{i}'").value == f"n{i}"
            client.send(m.bind(f"a{i}"), m.execute(), m.SYNC)
            result = client.result()
            assert result.types == "2DCZ" and result.value == f"t{i}".ljust(8, ".")
            client.send(m.close("S", f"a{i}"), m.FLUSH)
            client.expect("3")
            client.send(m.SYNC)
            assert client.result().types == "Z"


def test_portals_in_pieces(shared):
    with shared.login() as client:
        client.query("begin")
        client.send(m.parse("rows 5 3 r"), m.bind(portal="p"), m.execute("p", 2), m.FLUSH)
        client.expect("12DDs")
        client.send(m.execute("p", 2), m.SYNC).expect("DDsZ")
        client.send(m.execute("p", 0), m.SYNC).expect("DCZ")
        client.query("commit")
        client.send(m.execute("p"), m.SYNC)
        assert client.result().sqlstates == ["34000"]


def test_describe_before_and_after_bind(shared):
    with shared.login() as client:
        client.send(m.parse("select $1"), m.describe("S"), m.bind(values=["v"]), m.describe("P"),
                    m.execute(), m.close("P"), m.SYNC)
        assert client.result().types == "1tT2TDC3Z"


def test_E07_discard_and_deallocate_all(server, weir):
    one = weir(server, pool_size=1)
    with one.login() as client, one.login() as other:
        prepared(other, "s")
        for sql in ("discard all", "deallocate all"):
            prepared(client, "s")
            assert client.query(sql).errors == []
            assert run(client, "s", "x").sqlstates == ["26000"], sql
            assert run(other, "s", "x").value == "x", sql


@pytest.mark.parametrize("piece", [1, 3])
def test_batches_in_pieces(shared, piece):
    with EvilClient(shared.port, piece=piece).login() as client:
        client.send(m.parse("select $1", "s"), m.bind("s", ["a"]), m.execute(), m.SYNC,
                    m.bind("s", ["b"]), m.execute(), m.SYNC)
        assert client.result().value == "a"
        assert client.result().value == "b"
