"""COPY in both directions and results far larger than any buffer."""

import hashlib
import time

import psycopg
import pytest

from drivers import connect, value

ROWS = 100_000
MEGABYTE = 1024  # of kB, as in /proc


@pytest.fixture
def table(cluster):
    cluster.primary.psql("drop table if exists bulk; create table bulk (n int, text text);"
                         "alter table bulk owner to app", "app")
    cluster.wait_replayed()
    return "bulk"


def lines(count):
    for number in range(count):
        yield f"{number}\t{number * 7919 % 1000003:x}\n".encode()


def copy_in(connection, table, blocks):
    with connection.cursor().copy(f"copy {table} from stdin") as copy:
        for block in blocks:
            copy.write(block)


def test_copy_in_and_out_gives_the_same_bytes(weir, cluster, table):
    sent = b"".join(lines(ROWS))
    with connect(weir()) as connection:
        copy_in(connection, table, (sent[start:start + 50_001]
                                    for start in range(0, len(sent), 50_001)))
        received = hashlib.sha256()
        with connection.cursor().copy(f"copy (select * from {table} order by n) to stdout") as copy:
            for block in copy:
                received.update(block)
        assert received.hexdigest() == hashlib.sha256(sent).hexdigest()
        assert value(connection, f"select count(*) from {table}") == ROWS


def test_copy_in_small_pieces(weir, table):
    with connect(weir()) as connection:
        copy_in(connection, table, lines(5000))
        assert value(connection, f"select sum(n) from {table}") == sum(range(5000))


def test_bad_row_in_a_copy_fails_the_copy_alone(weir, table):
    with connect(weir()) as connection:
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            copy_in(connection, table, [*lines(20000), b"not a number\tx\n", *lines(20000)])
        assert value(connection, f"select count(*) from {table}") == 0
        copy_in(connection, table, lines(10))
        assert value(connection, f"select count(*) from {table}") == 10


def test_copy_given_up_by_the_client(weir, table):
    with connect(weir()) as connection:
        with pytest.raises((KeyError, psycopg.errors.QueryCanceled)):
            with connection.cursor().copy(f"copy {table} from stdin") as copy:
                copy.write(b"1\tone\n")
                raise KeyError("given up")  # psycopg sends CopyFail
        assert value(connection, f"select count(*) from {table}") == 0


@pytest.mark.proxy
def test_client_lost_in_a_copy_leaves_no_row_and_no_connection(weir, cluster, table):
    proxy = weir(pool_size=1, pool_overflow=0)
    vanishing = connect(proxy)
    vanishing.pgconn.exec_(b"copy bulk from stdin")
    vanishing.pgconn.put_copy_data(b"1\tone\n")
    vanishing.pgconn.finish()
    with connect(proxy) as connection:
        assert value(connection, f"select count(*) from {table}") == 0
        copy_in(connection, table, lines(10))
    assert cluster.primary.number(f"select count(*) from {table}", "app") == 10


def test_large_values_go_both_ways(weir):
    with connect(weir()) as connection:
        for size in (8191, 65535, 65536, 65537, 1 << 20, 20_000_000):
            text = "".join(chr(97 + size % 26)) * size
            assert value(connection, "select %s::text", [text]) == text


def test_slow_reader_of_a_large_result_holds_no_memory_of_the_proxy(weir):
    """200 MB to a client that takes a nap in the middle: back-pressure, not a buffer."""
    proxy = weir()
    rows, width = 20_000, 10_000
    with connect(proxy) as connection, connect(proxy) as other:
        for each in (connection, other):
            each.execute("select 1")
        measured = hasattr(proxy, "memory_kb")
        before = proxy.memory_kb() if measured else 0
        most, seen, length = 0, 0, 0
        stream = connection.cursor().stream(
            "select repeat('x', %s) from generate_series(1, %s)", [width, rows])
        for (text,) in stream:
            seen, length = seen + 1, length + len(text)
            if seen in (100, rows // 2):
                time.sleep(1)
                assert value(other, "select 2") == 2  # nobody else is held up
            if measured and seen % 500 == 0:
                most = max(most, proxy.memory_kb() - before)
        assert (seen, length) == (rows, rows * width)
        assert most < 32 * MEGABYTE, f"the proxy grew by {most} kB"


@pytest.mark.proxy
def test_slow_server_of_a_large_copy_holds_no_memory_of_the_proxy(weir, cluster, table):
    """The server hangs while the client sends 100 MB: the client has to wait."""
    proxy = weir(cluster_probe_timeout_ms=30000)
    block = b"1\t" + b"y" * 100_000 + b"\n"
    with connect(proxy) as connection:
        connection.execute("select 1")
        before, most = proxy.memory_kb(), 0
        with connection.cursor().copy(f"copy {table} from stdin") as copy:
            for number in range(1000):
                copy.write(block)
                if number % 50 == 0:
                    most = max(most, proxy.memory_kb() - before)
        assert most < 32 * MEGABYTE, f"the proxy grew by {most} kB"
        assert value(connection, f"select count(*) from {table}") == 1000
