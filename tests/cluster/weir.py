"""The program under test as a process: its files, its start, its questions, its end.

Pgweir(cluster, pool_size=1).start() writes the ini file from options named section_key, as in
src/config/option.def.  A run counts as clean only when the process ended by SIGTERM with status
0 and its log holds no sanitizer report and no broken ensure(): stop() insists on that.
Direct(cluster) has the same face and is the primary itself, so that a workload can be compared
with PostgreSQL without a proxy.
"""

import json
import os
import re
import shutil
import signal
import time
import urllib.error
import urllib.request

import account
from cluster import USERS, wait_until

SANITIZERS = {
    "ASAN_OPTIONS": "exitcode=99:detect_leaks=1:quarantine_size_mb=16:strict_string_checks=1"
                    ":detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "exitcode=66:halt_on_error=0:second_deadlock_stack=1",
}
# Where a PGWEIR_COVERAGE build counts pairs of state and message (tests/pairs.py).
PAIRS = {name: os.environ[name] for name in ("PGWEIR_PAIRS",) if name in os.environ}
TROUBLE = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:"
                     r"|ensure\(|Assertion")


def direct_wanted():
    """PGWEIR_BIN=direct: the tests' workloads run without a proxy, to test the tests."""
    return os.environ.get("PGWEIR_BIN") == "direct"


def find_binary():
    """The program under test: $PGWEIR_BIN, or what tests/run builds."""
    here = os.path.dirname(os.path.abspath(__file__))
    return os.environ.get("PGWEIR_BIN") or os.path.join(here, "../../build/asan/pgweir")


class Pgweir:
    """One pgweir in front of `cluster`."""

    def __init__(self, cluster, binary=None, nodes=None, users=None, **options):
        self.cluster = cluster
        binary = binary or find_binary()
        assert os.path.isfile(binary), f"there is no {binary}: build it or set PGWEIR_BIN"
        self.home = account.make_directory("pgweir-p")
        self.binary = os.path.join(self.home, "pgweir")
        self.ini = os.path.join(self.home, "pgweir.ini")
        self.log_path = os.path.join(self.home, "pgweir.log")
        self.port, self.stats_port = account.free_port(), account.free_port()
        self.process = None
        self.was_checked = False
        # The clone may be unreadable for ACCOUNT: what it runs and reads is copied.
        shutil.copy(binary, self.binary)
        os.chmod(self.binary, 0o755)
        users = USERS if users is None else users
        self._write("users.txt", "".join(f'"{user}" "{secret}"\n' for user, secret in users.items()))
        self.options = {
            "proxy_listen": f"127.0.0.1:{self.port}",
            "proxy_stats_listen": f"127.0.0.1:{self.stats_port}",
            "proxy_users_file": "users.txt",
            "cluster_nodes": nodes or cluster.addresses(),
            "cluster_probe_user": "watcher",
            "cluster_probe_interval_ms": 200,
            **options,
        }
        self.write_options()

    def _write(self, name, text):
        path = os.path.join(self.home, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)
        account.give(path)

    def write_options(self, **changes):
        """Writes pgweir.ini; `changes` are options that differ from now on."""
        self.options.update(changes)
        sections = {}
        for name, value in self.options.items():
            section, key = name.split("_", 1)
            sections.setdefault(section, []).append(f"{key} = {value}\n")
        self._write("pgweir.ini", "".join(
            f"[{section}]\n" + "".join(lines) for section, lines in sections.items()))

    # --- life and death

    def start(self, ready=True):
        """Starts the process; with `ready` waits until it sees every running node."""
        with open(self.log_path, "ab") as log:
            account.give(self.log_path)
            self.process = account.spawn([self.binary, "-c", self.ini], self.home, log,
                                         **SANITIZERS, **PAIRS)
        self.was_checked = False
        if ready:
            self.wait_ready()
            running = sum(node.is_running() for node in self.cluster.nodes)
            self.wait_nodes(lambda up: len(up) >= min(running, self.node_count()))
        return self

    def node_count(self):
        return self.options["cluster_nodes"].count(",") + 1

    def stop(self):
        """SIGTERM, and the run must have been clean."""
        if self.process is None or self.was_checked:
            return
        if self.is_running():
            self.process.terminate()
        self.check_end()

    def check_end(self, statuses=(0,), timeout_s=40):
        """Waits for the end of the process and checks status and log, once."""
        self.was_checked = True
        assert os.path.exists(self.log_path), "pgweir's log is gone: nothing can be judged"
        try:
            status = self.process.wait(timeout_s)
        except Exception:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait(10)
            raise AssertionError(
                f"pgweir did not end in {timeout_s} s:\n{self.log_tail()}") from None
        trouble = [line for line in self.log().splitlines() if TROUBLE.search(line)]
        assert not trouble, f"pgweir's log has trouble:\n{self.log_from(trouble[0])}"
        assert status in statuses, f"pgweir ended with status {status}:\n{self.log_tail()}"

    def destroy(self):
        """Removes everything; does not judge."""
        if self.is_running():
            self.process.kill()
            self.process.wait(10)
        account.remove_directory(self.home)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    # --- what it says

    def get(self, path, timeout_s=5):
        """An HTTP question to pgweir: (status, body)."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.stats_port}{path}",
                                        timeout=timeout_s) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def stats(self):
        status, body = self.get("/stats")
        assert status == 200, f"/stats answered {status}: {body}"
        return json.loads(body)

    def node(self, node):
        """What /stats says about a node of the cluster."""
        return next(entry for entry in self.stats()["nodes"] if entry["name"] == node.address)

    def query(self, words):
        """What /stats says about the busiest query whose text contains `words`."""
        found = [entry for entry in self.stats()["queries"] if words in (entry["query"] or "")]
        return max(found, key=lambda entry: entry["calls"], default=None)

    def is_ready(self):
        if not self.is_running():
            raise RuntimeError(f"pgweir ended by itself ({self.process.poll()}):\n{self.log_tail()}")
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def wait_ready(self, timeout_s=20):
        wait_until(self.is_ready, f"/readyz of pgweir (log so far:\n{self.log_tail()})", timeout_s)

    def wait_nodes(self, condition, timeout_s=20):
        """Waits until `condition` holds for the list of nodes that pgweir sees up."""
        wait_until(lambda: condition([entry for entry in self.stats()["nodes"] if entry["up"]]),
                   "pgweir to see the nodes as they are", timeout_s)

    def memory_kb(self):
        """Resident memory of the process."""
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))

    def cpu_s(self):
        """Processor time that the process has used."""
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as log:
                return log.read()
        except FileNotFoundError:
            return ""

    def log_tail(self, lines=40):
        return "\n".join(self.log().splitlines()[-lines:])

    def log_from(self, line, lines=60):
        rest = self.log()[self.log().index(line):]
        return "\n".join(rest.splitlines()[:lines])

    # --- how clients reach it

    def parameters(self, user="app", database="app", password=None):
        return {"host": "127.0.0.1", "port": self.port, "user": user, "dbname": database,
                "password": USERS[user] if password is None else password}


class Direct:
    """No proxy: the primary, with the part of Pgweir's face that workloads use."""

    def __init__(self, cluster, **_):
        self.cluster = cluster
        self.port = cluster.primary.port

    def start(self, ready=True):
        return self

    def stop(self):
        pass

    def destroy(self):
        pass

    def parameters(self, user="app", database="app", password=None):
        return self.cluster.primary.parameters(user, database, password)


def wait_splitting(weir, connect, timeout_s=15):
    """Returns when a read of a new client runs on a replica: the catalogue is known by then."""
    deadline = time.monotonic() + timeout_s
    while True:
        with connect(weir) as connection:
            if connection.execute("select on_replica()").fetchone()[0]:
                return
        assert time.monotonic() < deadline, f"no read reached a replica:\n{weir.log_tail()}"
        time.sleep(0.05)
