"""The protocol as drivers use it: prepared statements, pipelines, portals, errors in between."""

import asyncio
import random
import threading
import time
import uuid

import asyncpg
import psycopg
import pytest

from drivers import connect, connect_asyncpg, value

FEW = {"pool_size": 3, "pool_overflow": 0}


# --- every answer goes to the client that asked

class Echo(threading.Thread):
    """Asks for its own tags in all the ways a driver can, until the deadline."""

    def __init__(self, server, deadline, seed):
        super().__init__(daemon=True)
        self.server, self.deadline, self.random = server, deadline, random.Random(seed)
        self.trouble, self.asked = [], 0

    def run(self):
        try:
            with connect(self.server) as connection:
                while time.monotonic() < self.deadline and not self.trouble:
                    self.random.choice([self.simple, self.extended, self.prepared, self.pipeline,
                                        self.failing, self.large, self.transaction])(connection)
        except Exception as error:  # reported by the test, in its own thread
            self.trouble.append(repr(error))

    def expect(self, got, wanted):
        self.asked += 1
        if got != wanted:
            self.trouble.append(f"asked for {wanted!r:.80}, got {got!r:.80}")

    def tag(self):
        return uuid.UUID(int=self.random.getrandbits(128)).hex

    def simple(self, connection):
        tag = self.tag()
        self.expect(value(connection, f"select '{tag}'"), tag)

    def extended(self, connection):
        tag = self.tag()
        self.expect(connection.execute("select %s::text", [tag], prepare=False).fetchone()[0], tag)

    def prepared(self, connection):
        tag, number = self.tag(), self.random.randrange(8)
        self.expect(connection.execute(f"select %s::text, {number}", [tag],
                                       prepare=True).fetchone(), (tag, number))

    def pipeline(self, connection):
        tags = [self.tag() for _ in range(self.random.randrange(1, 20))]
        with connection.pipeline():
            cursors = [connection.execute("select %s::text", [tag]) for tag in tags]
        for cursor, tag in zip(cursors, tags):
            self.expect(cursor.fetchone()[0], tag)

    def failing(self, connection):
        tag = self.tag()
        try:
            connection.execute("select %s::text::int", [f"no number {tag}"])
            self.trouble.append("no error")
        except psycopg.errors.InvalidTextRepresentation as error:
            self.expect(tag in str(error), True)

    def large(self, connection):
        tag = self.tag() * self.random.randrange(1, 20000)
        self.expect(value(connection, "select %s::text", [tag]), tag)

    def transaction(self, connection):
        tag = self.tag()
        with connection.transaction():
            connection.execute(f"set local my.tag = '{tag}'")
            self.expect(value(connection, "select current_setting('my.tag')"), tag)


@pytest.mark.threads
@pytest.mark.parametrize("options", [FEW, {"proxy_workers": 2, "pool_size": 1, "pool_overflow": 0}])
def test_every_answer_goes_to_the_client_that_asked(weir, seconds, options):
    proxy = weir(**options)
    deadline = time.monotonic() + seconds(60)
    clients = [Echo(proxy, deadline, seed) for seed in range(16)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(150)
    assert not [trouble for client in clients for trouble in client.trouble]
    assert not any(client.is_alive() for client in clients), "a client hangs"
    assert all(client.asked for client in clients)


# --- prepared statements on whichever connection

def test_prepared_statement_runs_on_connections_that_have_not_seen_it(weir):
    """Blockers hold one connection after the other, so that the statement has to move."""
    proxy = weir(pool_size=4, pool_overflow=0, route_split="off")
    with connect(proxy) as connection:
        seen, blockers = set(), []
        for number in range(3):
            pid, answer = connection.execute("select pg_backend_pid(), %s::int", [number],
                                             prepare=True).fetchone()
            assert answer == number
            seen.add(pid)
            blocker = connect(proxy, autocommit=False)
            blocker.execute("select 1")
            blockers.append(blocker)
        for blocker in blockers:
            blocker.close()
    assert len(seen) > 1 or not hasattr(proxy, "stats")


def test_two_clients_may_use_the_same_name_for_different_statements(weir):
    with_one = {"pool_size": 1, "pool_overflow": 0, "route_split": "off"}
    proxy = weir(**with_one)
    with connect(proxy) as one, connect(proxy) as two:
        for each, text in ((one, b"select 'one' || $1"), (two, b"select 'two' || $1")):
            result = each.pgconn.prepare(b"same", text)
            assert result.status == psycopg.pq.ExecStatus.COMMAND_OK, result.error_message
        for _ in range(3):
            for each, wanted in ((one, b"one!"), (two, b"two!")):
                result = each.pgconn.exec_prepared(b"same", [b"!"])
                assert result.get_value(0, 0) == wanted


def test_statement_is_described_and_prepared_again_after_being_closed(weir):
    proxy = weir(**FEW)
    with connect(proxy) as connection:
        pgconn = connection.pgconn
        for number in range(5):
            pgconn.prepare(b"again", b"select $1::int + %d" % number)
            described = pgconn.describe_prepared(b"again")
            assert described.nparams == 1 and described.nfields == 1
            assert pgconn.exec_prepared(b"again", [b"1"]).get_value(0, 0) == b"%d" % (number + 1)
            connection.execute("deallocate again")
            failed = pgconn.exec_prepared(b"again", [b"1"])
            assert failed.error_field(psycopg.pq.DiagnosticField.SQLSTATE) == b"26000"


def test_name_in_use_is_refused_as_by_postgresql(weir):
    with connect(weir(**FEW)) as connection:
        connection.pgconn.prepare(b"taken", b"select 1")
        again = connection.pgconn.prepare(b"taken", b"select 2")
        assert again.error_field(psycopg.pq.DiagnosticField.SQLSTATE) == b"42P05"
        assert connection.pgconn.exec_prepared(b"taken", []).get_value(0, 0) == b"1"


def test_statement_survives_a_changed_table(weir, cluster):
    """DDL elsewhere makes cached plans stale; the client must not see a stranger's error."""
    cluster.primary.psql("drop table if exists changing; create table changing (a int);"
                         "insert into changing values (1); alter table changing owner to app",
                         "app")
    cluster.wait_replayed()
    with connect(weir(**FEW)) as connection:
        for _ in range(3):
            assert connection.execute("select a from changing", prepare=True).fetchone() == (1,)
        cluster.primary.psql("alter table changing add b int", "app")
        cluster.wait_replayed()
        for _ in range(3):
            assert connection.execute("select a from changing", prepare=True).fetchone() == (1,)


def test_more_statements_than_a_server_connection_keeps(weir):
    proxy = weir(pool_max_prepared=10, **FEW)
    with connect(proxy) as connection:
        connection.prepare_threshold, connection.prepared_max = 0, 500
        for _ in range(3):
            for number in range(40):
                assert value(connection, f"select {number} + %s", [1]) == number + 1


# --- pipelines

def test_error_in_the_middle_of_a_pipeline_ends_at_its_sync(weir):
    """With libpq's own calls: psycopg's cursors hide which answer belongs to which request."""
    with connect(weir(**FEW)) as connection:
        pgconn = connection.pgconn
        pgconn.enter_pipeline_mode()
        for text in (b"select 1", b"select 1/0", b"select 3", None, b"select 4", None):
            if text:
                pgconn.send_query_params(text, [])
            else:
                pgconn.pipeline_sync()
        assert [next_outcome(pgconn) for _ in range(6)] == [
            b"1", b"22012", "aborted", "sync", b"4", "sync"]
        pgconn.exit_pipeline_mode()
        assert value(connection, "select 5") == 5


def next_outcome(pgconn):
    """The next answer in a pipeline, in a word."""
    result = pgconn.get_result()
    if result.status == psycopg.pq.ExecStatus.PIPELINE_SYNC:
        return "sync"
    assert pgconn.get_result() is None  # the end of this statement's results
    if result.status == psycopg.pq.ExecStatus.PIPELINE_ABORTED:
        return "aborted"
    if result.status == psycopg.pq.ExecStatus.FATAL_ERROR:
        return result.error_field(psycopg.pq.DiagnosticField.SQLSTATE)
    return result.get_value(0, 0)


def test_long_pipeline_of_reads_and_writes(weir, cluster):
    cluster.primary.psql("drop table if exists piped; create table piped (n int primary key);"
                         "alter table piped owner to app", "app")
    cluster.wait_replayed()
    with connect(weir(**FEW)) as connection:
        with connection.pipeline() as pipeline:
            counted = []
            for number in range(300):
                connection.execute("insert into piped values (%s)", [number])
                pipeline.sync()
                counted.append(connection.execute("select count(*) from piped"))
                pipeline.sync()
        assert [cursor.fetchone()[0] for cursor in counted] == list(range(1, 301))


def test_pipeline_in_one_transaction(weir):
    with connect(weir(**FEW)) as connection:
        with connection.pipeline(), connection.transaction():
            first = connection.execute("select pg_backend_pid()")
            second = connection.execute("select pg_backend_pid()")
        assert first.fetchone() == second.fetchone()


# --- the simple protocol

def test_several_statements_in_one_message(weir):
    with connect(weir(**FEW)) as connection:
        cursor = connection.execute("select 1; select 2, 3; select 'four'")
        rows = [cursor.fetchall()]
        while cursor.nextset():
            rows.append(cursor.fetchall())
        assert rows == [[(1,)], [(2, 3)], [("four",)]]


def test_error_in_several_statements_undoes_them_all(weir, cluster):
    cluster.primary.psql("drop table if exists several; create table several (n int);"
                         "alter table several owner to app", "app")
    with connect(weir(**FEW)) as connection:
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute("insert into several values (1); select 1/0")
        assert value(connection, "select count(*) from several") == 0
        connection.execute("begin; insert into several values (2); commit")
        assert cluster.primary.psql("select n from several", "app") == "2"


def test_empty_statement(weir):
    with connect(weir(**FEW)) as connection:
        assert connection.pgconn.exec_(b"").status == psycopg.pq.ExecStatus.EMPTY_QUERY
        assert connection.pgconn.exec_params(b" -- nothing", []).status == (
            psycopg.pq.ExecStatus.EMPTY_QUERY)
        assert value(connection, "select 1") == 1


def test_failed_transaction_stays_failed_until_rollback(weir):
    with connect(weir(**FEW)) as connection:
        connection.execute("begin")
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("select * from no_such_table")
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            connection.execute("select 1")
        connection.execute("rollback")
        assert value(connection, "select 1") == 1


def test_savepoints(weir):
    with connect(weir(**FEW)) as connection, connection.transaction():
        pid = value(connection, "select pg_backend_pid()")
        with pytest.raises(psycopg.errors.DivisionByZero):
            with connection.transaction():
                connection.execute("select 1/0")
        assert value(connection, "select pg_backend_pid()") == pid


def test_notices_reach_the_client_that_caused_them(weir):
    with connect(weir(**FEW)) as connection:
        heard = []
        connection.add_notice_handler(lambda notice: heard.append(notice.message_primary))
        connection.execute("do $$ begin raise notice 'for %', 'me'; end $$")
        assert heard == ["for me"]


# --- portals

def test_server_side_cursor_of_psycopg(weir):
    with connect(weir(**FEW), autocommit=False) as connection:
        with connection.cursor(name="walk") as cursor:
            cursor.itersize = 7
            cursor.execute("select generate_series(1, 100)")
            assert cursor.fetchmany(3) == [(1,), (2,), (3,)]
            assert [row[0] for row in cursor] == list(range(4, 101))


def test_portals_with_a_row_limit(weir):
    """asyncpg's cursors suspend a portal: Execute with a row limit, again and again."""
    proxy = weir(**FEW)

    async def walk(connection, first):
        async with connection.transaction():
            rows = [row[0] async for row in connection.cursor(
                "select generate_series($1::int, $1::int + 999)", first, prefetch=13)]
        assert rows == list(range(first, first + 1000))

    async def scenario():
        connections = [await connect_asyncpg(proxy) for _ in range(3)]
        await asyncio.gather(*(walk(each, 1000 * number)
                               for number, each in enumerate(connections)))
        for connection in connections:
            await connection.close()

    asyncio.run(scenario())


def test_sql_executes_what_a_driver_prepared(weir):
    """asyncpg prepares by protocol, under the name that it is told."""
    async def execute(proxy):
        connection = await connect_asyncpg(proxy)
        try:
            _kept = await connection.prepare("select $1::int + 1 as n", name="by_protocol")
            found = [await connection.fetchval("execute by_protocol (41)"),
                     (await connection.fetch("execute by_protocol (1)"))[0]["n"]]
            await connection.execute("deallocate by_protocol")
            with pytest.raises(asyncpg.InvalidSQLStatementNameError):
                await connection.fetchval("execute by_protocol (41)")
            return found
        finally:
            await connection.close()

    assert asyncio.run(execute(weir(pool_size=2))) == [42, 2]
