"""/stats and its siblings keep their promises: the names, the sums, the answers."""

import json

import pytest

from cluster import wait_until
from drivers import connect, value
from weir import wait_splitting

pytestmark = pytest.mark.proxy
TIMES = {"avg", "p50", "p90", "p95", "p99", "max"}


def find(proxy, words, calls):
    """The query in /stats once it has been called so often."""
    def look():
        found = proxy.query(words)
        return found if found and found["calls"] >= calls else None

    return wait_until(look, f"{calls} calls of {words} in /stats", 10)


def test_stats_has_what_the_contract_says(weir, cluster):
    proxy = weir()
    with connect(proxy) as connection:
        connection.execute("select 1")
        find(proxy, "select", 1)
        stats = proxy.stats()
    assert {"version", "uptime_s", "clients", "nodes", "pools", "routes", "queries"} <= set(stats)
    assert {node["name"] for node in stats["nodes"]} == {node.address for node in cluster.nodes}
    for node in stats["nodes"]:
        assert {"name", "role", "up", "lag_ms", "fresh_ms_ago", "outstanding", "reads", "writes",
                "errors"} <= set(node)
    for pool in stats["pools"]:
        assert {"node", "database", "user", "idle", "lent", "waiting", "wait_ms"} <= set(pool)
    for query in stats["queries"]:
        assert {"digest", "query", "calls", "errors", "rows", "latency_ms", "server_ms", "wait_ms",
                "primary", "replica"} <= set(query)
        assert TIMES <= set(query["latency_ms"])


def test_literals_share_a_digest_and_are_not_shown(weir):
    proxy = weir()
    with connect(proxy) as connection:
        for number in range(20):
            connection.execute(f"select {number} as shared, 'secret {number}'")
    query = find(proxy, "shared", 20)
    assert query["calls"] == 20 and query["rows"] == 20 and query["errors"] == 0
    assert "secret" not in json.dumps(proxy.stats())
    assert query["primary"] + query["replica"] == 20


def test_prepared_and_simple_queries_are_counted_alike(weir):
    proxy = weir()
    with connect(proxy) as connection:
        for number in range(30):
            assert value(connection, "select %s::int as counted", [number]) == number
    assert find(proxy, "counted", 30)["calls"] == 30


def test_errors_and_rows_are_counted(weir):
    proxy = weir()
    with connect(proxy) as connection:
        for _ in range(3):
            connection.pgconn.exec_(b"select 1/0 as failing")
        connection.execute("select generate_series(1, 100) as plenty")
    assert find(proxy, "failing", 3)["errors"] == 3
    assert find(proxy, "plenty", 1)["rows"] == 100


def test_latency_is_measured(weir):
    proxy = weir()
    with connect(proxy) as connection:
        for _ in range(5):
            connection.execute("select pg_sleep(0.1)")
    latency = find(proxy, "pg_sleep", 5)["latency_ms"]
    assert 97 <= latency["p50"] <= latency["p95"] <= latency["p99"] <= latency["max"] * 1.03
    assert 97 <= latency["avg"] <= latency["max"]


def test_reads_and_writes_are_counted_for_their_node(weir, cluster):
    proxy = weir()
    wait_splitting(proxy, connect)
    cluster.primary.psql("create table if not exists tallied (n int);"
                         "alter table tallied owner to app", "app")

    def tally(kind):
        return {node["name"]: node[kind] for node in proxy.stats()["nodes"]}

    reads = sum(tally("reads")[node.address] for node in cluster.replicas)
    writes = tally("writes")[cluster.primary.address]
    with connect(proxy) as reader, connect(proxy) as writer:
        for _ in range(10):
            reader.execute("select 1")
            writer.execute("insert into tallied values (1)")
    assert sum(tally("reads")[node.address] for node in cluster.replicas) >= reads + 10
    assert tally("writes")[cluster.primary.address] >= writes + 10
    assert all(tally("writes")[node.address] == 0 for node in cluster.replicas)


def test_queries_can_be_sorted_and_limited(weir):
    proxy = weir()
    with connect(proxy) as connection:
        for number in range(5):
            for _ in range(number + 1):
                connection.execute(f"select 1 as query_{'abcde'[number]}")
    find(proxy, "query_e", 5)
    status, body = proxy.get("/queries?sort=calls&limit=2")
    answer = json.loads(body)
    queries = answer["queries"] if isinstance(answer, dict) else answer
    assert status == 200 and len(queries) == 2
    assert queries[0]["calls"] >= queries[1]["calls"] >= 4


@pytest.mark.parametrize("path", ["/stats", "/queries", "/nodes", "/pools", "/clients",
                                  "/healthz", "/readyz"])
def test_page_answers(weir, path):
    assert weir().get(path)[0] == 200


@pytest.mark.parametrize("path, status", [("/no-such-page", 404), ("/queries?limit=none", 400)])
def test_bad_question_gets_a_clear_refusal(weir, path, status):
    assert weir().get(path)[0] == status


def test_digests_have_a_limit(weir):
    proxy = weir(proxy_workers=1, stats_max_digests=10)
    with connect(proxy) as connection:
        for number in range(60):
            connection.execute(f"select 1 as column_{number}")
        connection.execute("select 2 as last_one")
    find(proxy, "last_one", 1)
    assert len(proxy.stats()["queries"]) <= 11  # and "others"
