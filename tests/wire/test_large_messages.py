"""Rows, parameters and texts around every buffer's size, slow readers, and that memory stays
bounded (FAILURES D6, E10, I1, I12)."""

import time

import pytest

import messages as m
from peers import EvilClient

AROUND = [size + by for size in (8192, 65536, 262144) for by in (-6, -5, -1, 0, 1, 5)]
SIZES = [1, 500] + AROUND + [2**20 + 1, 3 * 2**20]
GROWTH_KB = 48 * 1024  # of a build with sanitizers, which frees late


def test_rows_of_every_size(shared):
    with shared.login() as client:
        for size in SIZES:
            result = client.query(f"rows 2 {size} tag")
            assert result.types == "TDDCZ"
            assert result.rows == [["tag".ljust(size, ".").encode()]] * 2


def test_E10_rows_of_every_size_by_a_prepared_statement(shared):
    with shared.login() as client:
        for size in AROUND:
            client.send(m.parse(f"rows 1 {size} tag", f"s{size}"), m.SYNC)
            assert client.result().types == "1Z"
            for _ in range(2):
                client.send(m.bind(f"s{size}"), m.describe(), m.execute(), m.SYNC)
                result = client.result()
                assert result.types == "2TDCZ" and len(result.value) == size


def test_parameters_of_every_size(shared):
    with shared.login() as client:
        for size in SIZES:
            value = f"{size}".ljust(size, "p")
            assert client.ask("select $1", [value]).value == value


def test_texts_of_every_size(shared):
    with shared.login() as client:
        for size in SIZES:
            value = f"{size}".ljust(size, "q")
            assert client.query(f"select '{value}'").value == value


def test_parse_of_every_size(shared):
    with shared.login() as client:
        for size in SIZES:
            value = f"{size}".ljust(size, "r")
            assert client.ask(f"select '{value}'").value == value
            client.send(m.parse(f"select '{value}'", f"s{size}"), m.bind(f"s{size}"), m.execute(), m.SYNC)
            result = client.result()
            assert result.types == "12DCZ" and result.value == value
            client.send(m.bind(f"s{size}"), m.execute(), m.SYNC)
            assert client.result().value == value


@pytest.mark.parametrize("piece", [1000, 65536, 100000])
def test_large_messages_in_pieces(shared, piece):
    with EvilClient(shared.port, piece=piece).login() as client:
        value = "v" * 700000
        assert client.ask("select $1", [value]).value == value
        assert client.query(f"select '{value}'").value == value


def test_copy_of_much_data(shared):
    with shared.login() as client:
        client.send(m.query("copy in")).expect("G")
        for _ in range(50):
            client.send(m.frame("d", b"x" * 99999 + b"\n"))
        client.send(m.frame("c"))
        assert client.result().tags == ["COPY 50"]


def test_several_large_messages_in_a_batch(server, weir):
    one = weir(server, pool_size=1)
    with one.login() as client:
        values = [str(i) * 400000 for i in range(8)]
        client.send(*[m.parse("select $1") + m.bind(values=[value]) + m.execute() for value in values],
                    m.SYNC)
        result = client.result()
        assert [row[0].decode() for row in result.rows] == values


@pytest.mark.proxy
def test_D06_a_slow_reader_does_not_fill_memory(server, weir):
    one = weir(server, pool_size=2)
    with one.login() as warm:
        warm.query("rows 10 65536 x")
    before = one.memory_kb()
    slow = EvilClient(one.port, receive_buffer=4096).login()
    slow.send(m.query("rows 3000 65536 slow"))
    slow.stream.need(100000)
    time.sleep(1)
    assert one.memory_kb() - before < GROWTH_KB
    with one.login() as client:
        assert client.query("select 'x'").value == "x"
    # It reads on, and all of it is there.
    slow.sock.settimeout(60)
    slow.stream.need(20 * 2**20)
    slow.reset()

def test_D06_a_slow_reader_and_who_waits_for_its_connection(server, weir):
    """The server is long done, the client is not: the next one gets its own answer, whole."""
    one = weir(server, pool_size=1)
    with EvilClient(one.port, receive_buffer=4096) as slow, one.login() as other:
        slow.login()
        slow.send(m.query("rows 200 100000 slow"))  # 20 MB
        slow.stream.need(5)
        other.send(m.query("rows 3 1000 other"))
        row = m.data_row("slow".ljust(100000, "."))
        for _ in range(20):
            slow.stream.need(1000)
            time.sleep(0.01)
        # 20,005 bytes were taken: the description of the row and the first of the first row.
        head = m.row_description("text")
        left = head + row * 200 + m.complete("SELECT 200") + m.ready()
        assert slow.stream.need(len(left) - 20005) == left[20005:]
        assert other.result().rows == [["other".ljust(1000, ".").encode()]] * 3
        assert slow.query("select 'x'").value == "x"


@pytest.mark.proxy
def test_a_writer_whose_server_does_not_read(server, weir):
    server.scripts["deaf"] = lambda connection: (connection.send(m.frame("G", b"\0\0\0")), time.sleep(3))
    one = weir(server, pool_size=2)
    before = one.memory_kb()
    with one.login() as client:
        client.send(m.query("deaf")).expect("G")
        client.sock.settimeout(1)
        with pytest.raises((TimeoutError, BrokenPipeError, ConnectionResetError)):
            for _ in range(2000):
                client.send(m.frame("d", b"x" * 65536))
        assert one.memory_kb() - before < GROWTH_KB
        one.canary()


@pytest.mark.proxy
def test_I01_memory_after_large_queries(server, weir):
    one = weir(server, pool_size=2)
    clients = [one.login() for _ in range(100)]
    before = one.memory_kb()
    value = "v" * 1000000
    for client in clients:
        assert len(client.ask("select $1", [value]).value) == len(value)
    # 100 clients that each kept a buffer of that size would hold 100 MB.
    assert one.memory_kb() - before < GROWTH_KB
    for client in clients:
        client.close()


def test_I12_leaving_inside_a_large_row(server, weir):
    one = weir(server, pool_size=1)
    for i in range(20):
        client = one.login()
        client.send(m.query("rows 3 1000000 gone"))
        client.stream.need(1 + i * 70000)
        client.reset() if i % 2 else client.close()
    with one.login() as client:
        assert client.query("select 'x'").value == "x"
