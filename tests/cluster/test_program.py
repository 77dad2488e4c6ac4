"""The command line, the configuration as a user meets it, and reload."""

import os
import signal
import subprocess

import pytest

import account
from cluster import USERS, wait_until
from drivers import connect, sqlstate_of_refusal, value
from weir import SANITIZERS, Pgweir

pytestmark = pytest.mark.proxy


@pytest.fixture
def idle(cluster):
    """A pgweir that is laid out but not started: its binary, its files."""
    one = Pgweir(cluster)
    yield one
    one.destroy()


def call(one, *arguments, as_root=False):
    """Runs the program to its end; (status, standard output, standard error)."""
    line = [one.binary, *arguments]
    if not as_root:
        line = account.as_account(line)
    done = subprocess.run(line, cwd=one.home, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=20, env=account.environment(SANITIZERS))
    return done.returncode, done.stdout, done.stderr


def write(one, name, text):
    path = os.path.join(one.home, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    account.give(path)
    return path


def test_version(idle):
    status, out, _ = call(idle, "--version")
    assert status == 0 and out.startswith("pgweir ")


def test_check_accepts_a_good_file(idle):
    assert call(idle, "-c", idle.ini, "--check")[0] == 0


def test_check_tells_all_errors_with_file_and_line(idle):
    bad = write(idle, "bad.ini", "[pool]\nsise = 3\nsize = many\n[nowhere]\nx = 1\n"
                                 "[route]\nbalance = best\n")
    status, out, error = call(idle, "-c", bad, "--check")
    assert status != 0
    for place in ("bad.ini:2", "bad.ini:3", "bad.ini:4", "bad.ini:7"):
        assert place in out + error, out + error
    assert "sise" in out + error and "many" in out + error


def test_print_config_can_be_loaded_again(idle):
    status, printed, _ = call(idle, "-c", idle.ini, "--set", "pool.size=7", "--print-config")
    assert status == 0 and "size = 7" in printed
    assert not [secret for secret in USERS.values() if secret in printed]
    again = write(idle, "again.ini", printed)
    status, reprinted, error = call(idle, "-c", again, "--print-config")
    assert status == 0, error
    assert reprinted == printed


def test_file_that_is_not_there(idle):
    status, out, error = call(idle, "-c", "/no/such/file.ini")
    assert status != 0 and "/no/such/file.ini" in out + error


def test_unknown_argument(idle):
    status, out, error = call(idle, "--frobnicate")
    assert status != 0 and "frobnicate" in out + error


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try to run it as root")
def test_root_is_refused_without_a_user_to_become(idle):
    status, out, error = call(idle, "-c", idle.ini, as_root=True)
    assert status != 0 and "user" in out + error


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_becomes_another_user(idle, cluster):
    idle.write_options(proxy_user=account.ACCOUNT.pw_name)
    with open(idle.log_path, "ab") as log:
        idle.process = subprocess.Popen([idle.binary, "-c", idle.ini], cwd=idle.home, stdout=log,
                                        stderr=log, env=account.environment(SANITIZERS))
    idle.wait_ready()
    with open(f"/proc/{idle.process.pid}/status", encoding="utf-8") as status:
        text = status.read()
    uid = account.ACCOUNT.pw_uid
    assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}" in text
    with connect(idle) as connection:
        assert value(connection, "select 1") == 1
    idle.stop()


def test_port_in_use_is_an_error_that_names_it(weir, idle):
    running = weir()
    idle.write_options(proxy_listen=f"127.0.0.1:{running.port}")
    status, out, error = call(idle, "-c", idle.ini)
    assert status != 0 and str(running.port) in out + error


def test_starts_from_a_url_alone(idle, cluster):
    """Swap the DSN: no file, roles found by itself, the URL's user logs in with its password."""
    hosts = ",".join(node.address for node in reversed(cluster.nodes))
    url = f"postgres://app:{USERS['app']}@{hosts}/app"
    idle.options["cluster_nodes"] = hosts
    with open(idle.log_path, "ab") as log:
        idle.process = account.spawn(
            [idle.binary, "--set", f"proxy.listen=127.0.0.1:{idle.port}",
             "--set", f"proxy.stats_listen=127.0.0.1:{idle.stats_port}", url],
            idle.home, log, **SANITIZERS)
    idle.wait_ready()
    idle.wait_nodes(lambda up: len(up) == 3)
    with connect(idle) as connection:
        connection.execute("create table if not exists from_url (n int)")
    assert sqlstate_of_refusal(idle, password="wrong")[0] == "28P01"
    idle.stop()
    assert USERS["app"] not in idle.log()


def test_unix_socket(weir, cluster):
    directory = account.make_directory("pgweir-s")
    try:
        proxy = weir()
        proxy.stop()
        proxy.write_options(proxy_listen=f"127.0.0.1:{proxy.port}, unix:{directory}")
        proxy.start()
        path = next(name for name in os.listdir(directory) if name.startswith(".s.PGSQL."))
        with connect(proxy, host=directory, port=path.rpartition(".")[2]) as connection:
            assert value(connection, "select 1") == 1
        proxy.stop()
        assert not os.listdir(directory)
    finally:
        account.remove_directory(directory)


def test_servers_over_a_unix_socket(weir, cluster):
    nodes = ", ".join(f"{cluster.home}:{node.port}" for node in cluster.nodes)
    with connect(weir(nodes=nodes)) as connection:
        assert value(connection, "select 1") == 1


# --- reload

def test_sighup_interrupts_nobody_and_is_answered_in_the_log(weir):
    proxy = weir()
    with connect(proxy, autocommit=False) as connection:
        pid = value(connection, "select pg_backend_pid()")
        write(proxy, "pgweir.ini", "[pool]\nsise = 3\n")
        proxy.signal(signal.SIGHUP)
        wait_until(lambda: "SIGHUP" in proxy.log(), "the signal to be logged", 10)
        assert value(connection, "select pg_backend_pid()") == pid
    with connect(proxy) as connection:
        assert value(connection, "select 2") == 2
