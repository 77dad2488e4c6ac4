"""What one session sets is seen by that session and by nobody else, on a shared connection too."""

import asyncio

import asyncpg
import psycopg
import pytest

from drivers import asyncpg_parameters, connect, connect_asyncpg, value

# One worker and one connection to each node: whoever comes next gets the same server session.
SHARED = {"proxy_workers": 1, "pool_size": 1, "pool_overflow": 0, "pool_timeout_ms": 4000}
# Two: a session that has SET something may keep one of them to itself.
PAIR = {**SHARED, "pool_size": 2}
CHANGES = {
    "work_mem": "1234kB", "search_path": "pg_catalog", "timezone": "Asia/Tokyo",
    "datestyle": "SQL, DMY", "intervalstyle": "iso_8601", "extra_float_digits": "0",
    "statement_timeout": "77s", "lock_timeout": "78s", "bytea_output": "escape",
    "standard_conforming_strings": "off", "enable_seqscan": "off", "plan_cache_mode":
    "force_generic_plan", "application_name": "tagged", "default_transaction_isolation":
    "serializable", "idle_in_transaction_session_timeout": "79s", "my.own": "mine",
}


def show(connection, name):
    return value(connection, "select current_setting(%s, true)", [name])


@pytest.mark.parametrize("name", CHANGES)
def test_set_follows_its_session_and_no_other(weir, name):
    proxy = weir(**PAIR)
    with connect(proxy) as other:
        default = show(other, name)
        with connect(proxy) as setter:
            quote = "" if name == "search_path" else "'"
            setter.execute(f"set {name} = {quote}{CHANGES[name]}{quote}")
            for _ in range(3):
                assert show(setter, name) == CHANGES[name]
                assert show(other, name) in (default, "")
        check_both_connections(proxy, name, default)


def check_both_connections(proxy, name, default):
    """Two transactions at once have the whole pool: none of it may remember `name`."""
    with connect(proxy, autocommit=False) as one, connect(proxy, autocommit=False) as two:
        for each in (one, two):
            # A setting of one's own (my.own) is empty, not absent, where it has once been.
            assert show(each, name) in (default, "")


@pytest.mark.parametrize("name", CHANGES)
def test_reset_undoes_set(weir, name):
    with connect(weir(**PAIR)) as connection:
        default = show(connection, name)
        quote = "" if name == "search_path" else "'"
        connection.execute(f"set {name} = {quote}{CHANGES[name]}{quote}")
        connection.execute(f"reset {name}")
        assert show(connection, name) in (default, "")


def test_set_in_a_rolled_back_transaction_is_undone(weir):
    with connect(weir(**SHARED)) as connection:
        before = show(connection, "work_mem")
        with pytest.raises(psycopg.errors.DivisionByZero):
            with connection.transaction():
                connection.execute("set work_mem = '3MB'")
                assert show(connection, "work_mem") == "3MB"
                connection.execute("select 1/0")
        assert show(connection, "work_mem") == before


@pytest.mark.parametrize("change", ["set local work_mem = '3MB'",
                                    "select set_config('work_mem', '3MB', true)"])
def test_set_local_ends_with_its_transaction(weir, change):
    """Row-level security is told its user in this way, in each transaction: it must not pin."""
    proxy = weir(**SHARED)
    with connect(proxy) as connection, connect(proxy) as other:
        before = show(connection, "work_mem")
        with connection.transaction():
            connection.execute(change)
            assert show(connection, "work_mem") == "3MB"
        assert show(connection, "work_mem") == before == show(other, "work_mem")


@pytest.mark.parametrize("parameters, name, wanted", [
    ({"application_name": "till 7"}, "application_name", "till 7"),
    ({"options": "-c search_path=pg_catalog"}, "search_path", "pg_catalog"),
    ({"options": "-c work_mem=5MB -c statement_timeout=9s"}, "work_mem", "5MB"),
    ({"options": "-c my.own=with\\ space"}, "my.own", "with space"),
    ({"client_encoding": "LATIN1"}, "client_encoding", "LATIN1"),
])
def test_startup_parameter_is_the_clients_own(weir, parameters, name, wanted):
    proxy = weir(**SHARED)
    with connect(proxy) as other:
        default = show(other, name)
        with connect(proxy, **parameters) as connection:
            for _ in range(3):
                assert show(connection, name) == wanted
                assert show(other, name) in (default, "")
            with connection.transaction():
                assert show(connection, name) == wanted
        assert show(other, name) in (default, "")
    with connect(proxy) as later:
        assert show(later, name) in (default, "")


def test_client_encoding_reaches_the_client(weir):
    proxy = weir(**SHARED)
    with connect(proxy, client_encoding="LATIN1") as latin, connect(proxy) as utf8:
        for _ in range(3):
            assert latin.info.encoding == "iso8859-1" and utf8.info.encoding == "utf-8"
            assert value(latin, "select 'é'") == value(utf8, "select 'é'") == "é"
            assert value(latin, "select octet_length('é')") == 2


def test_bad_startup_parameter_is_refused_for_that_client_only(weir):
    proxy = weir(**SHARED)
    with connect(proxy) as other:
        with pytest.raises(psycopg.OperationalError):
            with connect(proxy, options="-c work_mem=plenty") as connection:
                connection.execute("select 1")
        assert value(other, "select 1") == 1


# --- drivers that tidy up after themselves

def test_asyncpg_pool_resets_its_connections(weir):
    """asyncpg sends SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL; in one."""
    proxy = weir(**SHARED)

    async def scenario():
        async with asyncpg.create_pool(**asyncpg_parameters(proxy), min_size=1,
                                       max_size=1) as pool:
            default = await pool.fetchval("show work_mem")
            for round_number in range(5):
                async with pool.acquire() as connection:
                    await connection.execute(f"set work_mem = '{round_number + 1}MB'")
                    assert await connection.fetchval("show work_mem") == f"{round_number + 1}MB"
                assert await pool.fetchval("show work_mem") == default

    asyncio.run(scenario())


def test_asyncpg_learns_types_that_it_does_not_know(weir, cluster):
    """Its introspection switches jit off and on again for the session, in mid-flight."""
    cluster.primary.psql("drop type if exists mood; create type mood as enum ('sad', 'ok')", "app")
    cluster.wait_replayed()
    proxy = weir(**SHARED)

    async def scenario():
        connection = await connect_asyncpg(proxy)
        try:
            assert await connection.fetchval("select array['ok', 'sad']::mood[]") == ["ok", "sad"]
            assert await connection.fetchval("select row(1, 'ok'::mood)") == (1, "ok")
            return await connection.fetchval("show jit")
        finally:
            await connection.close()

    assert asyncio.run(scenario()) == cluster.primary.psql("show jit", "app")


def test_psycopg_deallocates_what_it_prepared(weir):
    proxy = weir(**SHARED)
    with connect(proxy) as connection, connect(proxy) as other:
        for each in (connection, other):
            each.prepare_threshold, each.prepared_max = 0, 2
        for number in [1, 2, 3, 4, 1, 3, 2, 4] * 3:
            for each in (connection, other):
                assert value(each, f"select {number} + %s", [number]) == 2 * number


def test_discard_all_and_deallocate_all(weir):
    proxy = weir(**PAIR)
    with connect(proxy) as connection, connect(proxy) as other:
        assert value(other, "select %s::int", [1]) == 1
        connection.execute("set work_mem = '3MB'")
        connection.execute("prepare mine(int) as select $1 + 1")
        assert value(connection, "execute mine(1)") == 2
        connection.execute("deallocate all")
        with pytest.raises(psycopg.errors.InvalidSqlStatementName):
            connection.execute("execute mine(1)")
        connection.execute("discard all")
        assert show(connection, "work_mem") == show(other, "work_mem") != "3MB"
