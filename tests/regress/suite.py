"""Runs PostgreSQL's core regression suite over one way to a server.

One call is one freshly built cluster with one freshly created database `regression`: tests leave
roles and settings behind, and no way shall start where another one ended.  The files that
pg_regress reads and writes are copied to a directory of the servers' user, because some tests let
the server itself write there.
"""

import glob
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../cluster"))
# pylint: disable=wrong-import-position
import account
import weir
from cluster import BINARIES, SUPERUSER, SUPERUSER_PASSWORD, USERS, Cluster, children_of
from cluster import signal_all
from source import SERVER

DATABASE = "regression"
PG_REGRESS = f"{SERVER}/lib/pgxs/src/test/regress/pg_regress"
LIMIT_S = 30 * 60  # of one way; it takes about two minutes
STALL_S = 300  # nothing was written for so long: whoever still runs waits for something lost
FIRST = "test_setup"  # what all other tests build upon

# The roles that tests create have no passwords.
ACCESS = "local all all trust\nhost all all 127.0.0.1/32 trust\n"

# What pg_regress does for a database of its own.
PREPARE = "".join(f"alter database {DATABASE} set {name} to '{value}';" for name, value in {
    "lc_messages": "C", "lc_monetary": "C", "lc_numeric": "C", "lc_time": "C",
    "bytea_output": "hex", "timezone_abbreviations": "Default"}.items())

WAYS = {
    "direct": None,
    "session": {"pool_mode": "session"},
    "transaction": {"pool_mode": "transaction", "route_split": "off"},
    "split": {"pool_mode": "transaction", "route_split": "on"},
}


class Outcome:
    """What pg_regress said of one way."""

    def __init__(self, way):
        self.way = way
        self.results = {}  # test → "ok", "failed" or "stalled", in the order of the schedule
        self.diffs = {}  # test → its part of regression.diffs
        self.routes = {}  # how often pgweir decided what
        self.pins = 0
        self.trouble = ""  # why pgweir's own run was not clean
        self.duration_s = 0

    def failures(self):
        return [test for test, result in self.results.items() if result != "ok"]


def open_server(cluster, way, binary):
    """The way's server: the primary itself, or a pgweir in front of the cluster."""
    if WAYS[way] is None:
        return weir.Direct(cluster)
    users = {SUPERUSER: SUPERUSER_PASSWORD, **USERS}
    return weir.Pgweir(cluster, binary, users=users, pool_size=30, pool_overflow=20, **WAYS[way])


def let_everyone_in(cluster):
    for node in cluster.nodes:
        path = os.path.join(node.data, "pg_hba.conf")
        with open(path, encoding="utf-8") as file:
            rest = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(ACCESS + rest)
        node.psql("select pg_reload_conf()")


def create_database(cluster):
    cluster.primary.psql(f"create database {DATABASE} template template0 encoding 'UTF8' locale 'C'")
    cluster.primary.psql(PREPARE)
    cluster.wait_replayed()


class Desk:
    """The directory that pg_regress works in."""

    def __init__(self, source):
        self.home = account.make_directory("pgweir-r")
        self.input = os.path.join(self.home, "input")
        self.output = os.path.join(self.home, "output")
        self.modules = os.path.join(self.home, "modules")
        shutil.copytree(source.suite, self.input)
        shutil.copytree(source.build_modules(), self.modules)
        os.mkdir(self.output)
        for folder, _, names in os.walk(self.home):
            for name in ["", *names]:
                account.give(os.path.join(folder, name))

    def command(self, port, tests):
        what = [FIRST, *tests] if tests else [f"--schedule={self.input}/parallel_schedule"]
        return [PG_REGRESS, f"--inputdir={self.input}", f"--outputdir={self.output}",
                f"--dlpath={self.modules}", f"--bindir={BINARIES}", "--use-existing",
                f"--dbname={DATABASE}", "--host=127.0.0.1", f"--port={port}",
                f"--user={SUPERUSER}", "--max-concurrent-tests=20", *what]

    def last_written(self):
        paths = glob.glob(f"{self.output}/results/*.out") + glob.glob(f"{self.home}/log")
        return max((os.path.getmtime(path) for path in paths), default=0)

    def read(self, name):
        path = os.path.join(self.home, name)
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()


def tests_of(pids):
    """Which tests the psql processes `pids` were running, by the files they write."""
    found = {}
    for pid in pids:
        try:
            output = os.readlink(f"/proc/{pid}/fd/1")
        except OSError:
            continue
        if output.endswith(".out"):
            found[pid] = os.path.basename(output)[:-len(".out")]
    return found


class Watch:
    """Waits for pg_regress, ends clients that wait in vain, and in the end all of it."""

    def __init__(self, process, desk):
        self.process, self.desk = process, desk
        self.stalled = set()
        self.deadline = time.monotonic() + LIMIT_S

    def clients(self):
        """psql, or the shell that starts it, and psql below that."""
        found = children_of(self.process.pid)
        return found + [pid for parent in found for pid in children_of(parent)]

    def end_clients(self):
        running = tests_of(self.clients())
        self.stalled |= set(running.values())
        signal_all(list(running), 15)

    def wait(self):
        quiet_since, written = time.monotonic(), 0
        while self.process.poll() is None:
            time.sleep(0.2)
            now = time.monotonic()
            if self.desk.last_written() != written:
                quiet_since, written = now, self.desk.last_written()
            if now > self.deadline:
                self.process.kill()  # starts no more clients
                self.end_clients()
                raise TimeoutError(f"pg_regress took longer than {LIMIT_S} s")
            if now - quiet_since > STALL_S:
                self.end_clients()
                quiet_since = now


RESULT = re.compile(r"^(?:test |     )(\S+)\s+\.\.\. (ok|FAILED|failed \(ignored\))", re.MULTILINE)


def read_results(said, stalled):
    results = {}
    for test, word in RESULT.findall(said):
        results[test] = "ok" if word == "ok" else "stalled" if test in stalled else "failed"
    return results


def read_diffs(text):
    """regression.diffs, taken apart: each part begins with the names of the two files."""
    parts = re.split(r"^(?=diff -U3 )", text, flags=re.MULTILINE)
    return {os.path.basename(part.split("\n", 1)[0].split()[-1])[:-len(".out")]: part
            for part in parts if part.startswith("diff ")}


def run_pg_regress(desk, port, tests, outcome):
    with open(os.path.join(desk.home, "log"), "wb") as log:
        process = account.spawn(desk.command(port, tests), desk.home, log,
                                PGPASSWORD=SUPERUSER_PASSWORD)
        watch = Watch(process, desk)
        try:
            watch.wait()
        finally:
            if process.poll() is None:
                process.kill()
                watch.end_clients()
            process.wait(10)
            outcome.results = read_results(desk.read("log"), watch.stalled)
            outcome.diffs = read_diffs(desk.read("output/regression.diffs"))
    if not outcome.results:
        raise RuntimeError(f"pg_regress ran nothing:\n{desk.read('log')}")


def judge_server(server, outcome):
    """Ends pgweir as an operator would; its own trouble is a result of this way, too."""
    if isinstance(server, weir.Direct):
        return
    try:
        stats = server.stats()
        outcome.routes, outcome.pins = stats["routes"], stats["clients"]["pins"]
        server.stop()
    except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
        outcome.trouble = str(error)


def keep(desk, server, folder):
    """What a person wants to read afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    shutil.copytree(os.path.join(desk.output, "results"), os.path.join(folder, "results"))
    for name in ("log", "output/regression.diffs"):
        if os.path.exists(os.path.join(desk.home, name)):
            shutil.copy(os.path.join(desk.home, name), folder)
    if not isinstance(server, weir.Direct):
        shutil.copy(server.log_path, folder)


def run(source, way, binary, tests, folder):
    """Runs the suite, or `FIRST` and `tests`, over `way`; keeps its files in `folder`."""
    outcome, desk = Outcome(way), Desk(source)
    started = time.monotonic()
    try:
        # A replica's feedback would hold back VACUUM, which some plans show.
        with Cluster(hot_standby_feedback="off") as cluster:
            let_everyone_in(cluster)
            create_database(cluster)
            server = open_server(cluster, way, binary)
            try:
                server.start()
                run_pg_regress(desk, server.port, tests, outcome)
                judge_server(server, outcome)
                keep(desk, server, folder)
            finally:
                server.destroy()
    finally:
        account.remove_directory(desk.home)
    outcome.duration_s = time.monotonic() - started
    return outcome
