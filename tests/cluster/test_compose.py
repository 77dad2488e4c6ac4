"""docker-compose.yml for real: built, started, used as its head says, and taken down.

Needs a Docker daemon and either `docker compose` or docker-compose.  Where no registry can be
reached, etc/docker/base-image makes the base image.  Runs beside other compose projects: its
name and its published ports are its own.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import urllib.request

import psycopg
import pytest

import account
from cluster import wait_until

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
BUILD_LIMIT_S, STEP_LIMIT_S = 900, 180
READS = 40


def find_compose():
    """The command line of Docker Compose: the plugin's, the old program's, or None."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and succeeds([*command, "version"]):
            return command
    return None


def succeeds(command):
    return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0


def why_not():
    """Why this machine cannot run containers; empty when it can."""
    if not shutil.which("docker"):
        return "docker is not installed"
    if not succeeds(["docker", "info"]):
        return "the Docker daemon does not answer"
    if find_compose() is None:
        return "Docker Compose is not installed"
    return ""


class Project:
    """One compose project under a name of its own."""

    def __init__(self):
        self.port, self.stats_port = account.free_port(), account.free_port()
        self.command = [*find_compose(), "-f", os.path.join(ROOT, "docker-compose.yml"),
                        "-p", f"weirtest{os.getpid()}"]
        self.environment = account.environment({
            "PGWEIR_PORT": str(self.port), "PGWEIR_STATS_PORT": str(self.stats_port),
            "BENCH_SECONDS": "5", "BENCH_CLIENTS": "8", "BENCH_SCALE": "1",
        })

    def run(self, *arguments, limit_s=STEP_LIMIT_S):
        done = subprocess.run([*self.command, *arguments], cwd=ROOT, env=self.environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=limit_s, check=False)
        assert done.returncode == 0, f"{arguments} failed:\n{done.stdout[-6000:]}\n{self.logs()}"
        return done.stdout

    def logs(self):
        done = subprocess.run([*self.command, "logs", "--no-color", "--tail", "30"], cwd=ROOT,
                              env=self.environment, capture_output=True, text=True, check=False)
        return done.stdout[-6000:]

    def stats(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.stats_port}/stats", timeout=5) as page:
            return json.load(page)

    def connect(self, **changes):
        return psycopg.connect(**{"host": "localhost", "port": self.port, "user": "app",
                                  "password": "app", "dbname": "app", "autocommit": True,
                                  "connect_timeout": 10, **changes})


@pytest.fixture
def project():
    """The built and started project; its containers, network and volumes go with the test."""
    made = subprocess.run([os.path.join(ROOT, "etc/docker/base-image")], capture_output=True,
                          text=True, timeout=BUILD_LIMIT_S, check=False)
    assert made.returncode == 0, made.stderr
    one = Project()
    try:
        one.run("build", limit_s=BUILD_LIMIT_S)
        # Dependencies are started in order, each when the one before it is healthy.
        one.run("up", "-d", "pgweir")
        yield one
    finally:
        one.run("down", "--volumes", "--timeout", "5")


def reads_by_role(project):
    reads = {}
    for node in project.stats()["nodes"]:
        reads[node["role"]] = reads.get(node["role"], 0) + node["reads"]
    return reads


def wait_reads_on_replicas(project):
    """Returns when the catalogue is known, so that a read may leave the primary."""
    def read_leaves():
        with contextlib.suppress(psycopg.OperationalError), project.connect() as connection:
            return connection.execute("select pg_is_in_recovery()").fetchone()[0]
        return False

    wait_until(read_leaves, f"a read to reach a replica; logs:\n{project.logs()}", STEP_LIMIT_S)


@pytest.mark.proxy
@pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")
def test_compose_cluster_serves_splits_and_benches(project):
    wait_reads_on_replicas(project)
    before = reads_by_role(project)
    with project.connect() as connection:
        for _ in range(READS):
            assert connection.execute("select pg_is_in_recovery()").fetchone()[0]
    after = reads_by_role(project)
    assert after["replica"] - before["replica"] == READS
    assert after.get("primary", 0) == before.get("primary", 0)

    with project.connect() as connection:
        connection.execute("create table kept (n int primary key)")
        connection.execute("insert into kept values (1)")
        assert connection.execute("select count(*) from kept").fetchone()[0] == 1
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        project.connect(password="wrong")

    bench = project.run("run", "--rm", "-T", "bench")
    assert len(re.findall(r"number of failed transactions: 0 ", bench)) == 3, bench
    assert re.search(r"replica1:5432 *\| *replica *\| *t *\| *[1-9]", bench), bench
