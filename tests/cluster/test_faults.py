"""Nodes die, hang, come back and change their roles under clients that go on."""

import time

import psycopg
import pytest

from cluster import Cluster, wait_until
from drivers import connect, sqlstate_of_refusal, value
from load import Load
from weir import wait_splitting

pytestmark = pytest.mark.proxy
WRITE = "insert into fault_log values (1)"
CLIENTS = 16


@pytest.fixture
def fault_log(cluster):
    cluster.primary.psql("create table if not exists fault_log (n int);"
                         " alter table fault_log owner to app", "app")
    cluster.wait_replayed()


def sqlstate_of(connection, sql):
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(sql)
    return caught.value.sqlstate


@pytest.mark.threads
def test_killed_replica_costs_at_most_the_queries_it_was_running(weir, cluster):
    proxy = weir()
    wait_splitting(proxy, connect)
    victim = cluster.replicas[0]
    with Load(proxy, clients=CLIENTS) as load:
        wait_until(lambda: len(load.successes) > 300, "the load to run")
        killed = time.monotonic()
        victim.kill()
        time.sleep(3)
        went_on = len(load.successes_after(killed + 1))
    assert len(load.errors) <= CLIENTS, load.errors[:3]
    assert not load.errors_after(killed + 1)
    assert went_on > 300
    assert not proxy.node(victim)["up"]


@pytest.mark.parametrize("attempt", [1, 2])
def test_replica_is_used_again_within_three_seconds_of_being_up(weir, cluster, attempt):
    proxy = weir()
    wait_splitting(proxy, connect)
    victim = cluster.replicas[attempt % 2]
    with Load(proxy, clients=8) as load:
        victim.kill()
        proxy.wait_nodes(lambda up: len(up) == 2)
        reads = proxy.node(victim)["reads"]
        victim.start()
        began = time.monotonic()
        wait_until(lambda: proxy.node(victim)["reads"] > reads, "a read on the node", 3)
        time.sleep(1)
    assert not load.errors_after(began)


def test_hanging_replica_takes_no_new_reads(weir, cluster):
    proxy = weir(cluster_probe_timeout_ms=500)
    wait_splitting(proxy, connect)
    victim = cluster.replicas[0]
    victim.pause()
    try:
        proxy.wait_nodes(lambda up: len(up) == 2, timeout_s=5)
        for _ in range(20):
            with connect(proxy) as connection:
                assert value(connection, "select 1") == 1
    finally:
        victim.resume()
    proxy.wait_nodes(lambda up: len(up) == 3)


def test_reads_fall_back_to_the_primary_without_replicas(weir, cluster):
    proxy = weir()
    for replica in cluster.replicas:
        replica.stop()
    proxy.wait_nodes(lambda up: len(up) == 1)
    with connect(proxy) as connection:
        assert value(connection, "select on_replica()") is False


def test_without_primary_reads_go_on_and_writes_fail_with_57P03(weir, cluster, fault_log):
    proxy = weir(route_primary_wait_ms=400)
    wait_splitting(proxy, connect)
    with connect(proxy) as connection:
        cluster.primary.kill()
        proxy.wait_nodes(lambda up: len(up) == 2)
        assert value(connection, "select on_replica()") is True
    with connect(proxy) as connection:
        assert sqlstate_of(connection, WRITE) == "57P03"


def test_write_waits_for_a_primary_that_comes_back(weir, cluster, fault_log):
    proxy = weir(route_primary_wait_ms=20000)
    cluster.primary.kill()
    proxy.wait_nodes(lambda up: len(up) == 2)
    with Load(proxy, WRITE + " returning n", clients=4) as load:
        time.sleep(0.5)
        assert not load.successes
        cluster.primary.start()
        wait_until(lambda: len(load.successes) > 20, "writes to go on")
    assert not load.errors


def test_unanswered_write_is_never_sent_again(weir, cluster, fault_log):
    """The outcome of a write whose connection is lost is unknown: an error, no second try."""
    proxy = weir()
    cluster.primary.psql("truncate fault_log", "app")
    with connect(proxy) as connection:
        connection.execute(WRITE)
    with Load(proxy, "insert into fault_log select 2 from pg_sleep(0.05) returning n",
              clients=8) as load:
        wait_until(lambda: len(load.successes) > 20, "writes to run")
        cluster.primary.kill()
        cluster.primary.start()
        wait_until(lambda: load.successes_after(time.monotonic() - 0.5), "writes to go on")
    stored = cluster.primary.number("select count(*) from fault_log where n = 2", "app")
    # fsync is off and the crash loses nothing that was handed to the kernel.
    assert len(load.successes) <= stored <= len(load.successes) + len(load.errors)


def test_starts_with_the_replicas_down_and_takes_them_in(weir, cluster):
    for replica in cluster.replicas:
        replica.stop()
    proxy = weir()
    with connect(proxy) as connection:
        assert value(connection, "select on_replica()") is False
    cluster.heal()
    wait_splitting(proxy, connect)


def test_starts_with_the_primary_down_and_takes_it_in(weir, cluster, fault_log):
    cluster.primary.stop()
    proxy = weir(route_primary_wait_ms=300)
    with connect(proxy) as connection:
        assert sqlstate_of(connection, WRITE) == "57P03"
    cluster.primary.start()
    proxy.wait_nodes(lambda up: [node for node in up if node["role"] == "primary"])
    with connect(proxy) as connection:
        connection.execute(WRITE)


def test_starts_with_no_node_up_and_says_so(weir, cluster):
    for node in cluster.nodes:
        node.stop()
    proxy = weir(ready=False, route_primary_wait_ms=300)
    wait_until(lambda: "200" in str(answer_of(proxy, "/healthz")), "pgweir to live")
    assert answer_of(proxy, "/readyz")[0] == 503
    sqlstate, message = sqlstate_of_refusal(proxy)
    assert sqlstate == "57P03", message
    cluster.heal()
    proxy.wait_ready()
    with connect(proxy) as connection:
        assert value(connection, "select 1") == 1


def answer_of(proxy, path):
    try:
        return proxy.get(path)
    except OSError:
        return None, "not listening yet"


def test_promotion_is_followed(weir, own_cluster):
    cluster = own_cluster
    cluster.primary.psql("create table fault_log (n int); alter table fault_log owner to app",
                         "app")
    cluster.wait_replayed()
    proxy = weir(cluster)
    heir = cluster.replicas[0]
    with Load(proxy, WRITE + " returning n", clients=4) as load:
        wait_until(lambda: len(load.successes) > 20, "writes to run")
        cluster.primary.kill()
        heir.promote()
        promoted = time.monotonic()
        wait_until(lambda: load.successes_after(promoted + 0.1), "writes on the new primary", 10)
        time.sleep(0.5)
    assert not [text for text in load.errors if "read-only" in text[1]]
    assert proxy.node(heir)["role"] == "primary"


def test_old_primary_that_comes_back_writable_is_fenced(weir, own_cluster):
    cluster = own_cluster
    cluster.primary.psql("create table fault_log (n int); alter table fault_log owner to app",
                         "app")
    cluster.wait_replayed()
    proxy = weir(cluster)
    old, heir = cluster.primary, cluster.replicas[0]
    old.kill()
    heir.promote()
    with connect(proxy) as connection:
        connection.execute(WRITE)
    old.start()
    time.sleep(1.5)  # several probes
    before = old.number("select count(*) from fault_log", "app")
    for _ in range(20):
        with connect(proxy) as connection:
            connection.execute(WRITE)
    assert old.number("select count(*) from fault_log", "app") == before
    assert heir.number("select count(*) from fault_log", "app") >= 21


def test_role_is_found_not_configured(weir):
    """The order of the nodes says nothing about their roles."""
    with Cluster(replicas=1) as cluster:
        proxy = weir(cluster, nodes=", ".join(node.address for node in reversed(cluster.nodes)))
        assert proxy.node(cluster.primary)["role"] == "primary"
        assert proxy.node(cluster.replicas[0])["role"] == "replica"
        proxy.stop()
