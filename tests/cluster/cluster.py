"""A throw-away PostgreSQL cluster: one primary, streaming replicas, faults on demand.

Used by the cluster tests and by etc/demo; needs nothing but Python and PostgreSQL 15.  All of it
lives in one directory under /tmp, listens on loopback and in that directory, and is gone after
destroy().  Nodes never change their names: after a promotion `primary` tells who it is now.
"""

import glob
import os
import re
import signal
import subprocess
import time

import account

BINARIES = "/usr/lib/postgresql/15/bin"
SUPERUSER, SUPERUSER_PASSWORD = "postgres", "super-secret"
# Every way to log in to a server: SCRAM, md5 (stored so), and a password in clear; and who probes.
USERS = {"app": "app-secret", "keeper": "keeper-secret", "legacy": "legacy-secret",
         "clear": "clear-secret", "watcher": "watcher-secret"}

SETTINGS = """
listen_addresses = '127.0.0.1'
fsync = off
full_page_writes = off
shared_buffers = 64MB
max_connections = 150
max_wal_senders = 10
max_replication_slots = 10
max_slot_wal_keep_size = 2GB
max_wal_size = 2GB
hot_standby_feedback = on
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 200ms
log_line_prefix = '%m [%p] %e %u@%d '
log_lock_waits = off
max_prepared_transactions = 10
track_functions = all
"""

ACCESS = """
host all legacy 127.0.0.1/32 md5
local all legacy md5
host all clear 127.0.0.1/32 password
local all clear password
"""


def wait_until(condition, what, timeout_s=30, pause_s=0.05):
    """Polls until `condition()` is true and returns what it gave; TimeoutError otherwise."""
    deadline = time.monotonic() + timeout_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s} s for: {what}")
        time.sleep(pause_s)


def children_of(pid):
    """The live processes that `pid` has started."""
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="utf-8", errors="replace") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we were looking
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(path.split("/")[2]))
    return found


def signal_all(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass  # it ended by itself meanwhile


class Node:
    """One PostgreSQL server."""

    def __init__(self, name, home):
        self.name = name
        self.home = home
        self.data = os.path.join(home, name)
        self.log_path = os.path.join(home, f"{name}.log")
        self.port = account.free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.process = None

    # --- life and death

    def start(self, wait=True):
        with open(self.log_path, "ab") as log:
            account.give(self.log_path)
            self.process = account.spawn(
                [f"{BINARIES}/postgres", "-D", self.data, "-p", self.port, "-k", self.home],
                self.home, log, death_signal="QUIT")
        if wait:
            wait_until(self.is_up, f"node {self.name} to answer (log: {self.log_path})")

    def stop(self, how=signal.SIGINT):
        """SIGINT: fast shutdown; SIGQUIT: immediate; SIGTERM: waits for clients."""
        if self.is_running():
            self.process.send_signal(how)
            self.process.wait(60)

    def kill(self):
        """The machine loses power: every process of the node is gone at once."""
        if not self.is_running():
            return
        family = children_of(self.process.pid)
        self.process.kill()
        self.process.wait(10)
        signal_all(family, signal.SIGKILL)
        # Linux still holds the shared memory until the last one is really gone.
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in family),
                   f"the processes of node {self.name} to vanish")

    def pause(self):
        """The machine hangs: sockets stay open and nothing answers (until resume)."""
        signal_all([self.process.pid, *children_of(self.process.pid)], signal.SIGSTOP)

    def resume(self):
        signal_all([self.process.pid, *children_of(self.process.pid)], signal.SIGCONT)

    def promote(self):
        self.psql("select pg_promote(true, 60)")

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def is_up(self):
        if not self.is_running():
            raise RuntimeError(f"node {self.name} ended by itself:\n{self.log_tail()}")
        answer = subprocess.run(
            [f"{BINARIES}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False)
        return answer.returncode == 0

    # --- questions, asked directly, around any proxy

    def parameters(self, user=SUPERUSER, database="app", password=None):
        """How a driver connects to this node, in libpq's words."""
        known = {SUPERUSER: SUPERUSER_PASSWORD, **USERS}
        return {"host": "127.0.0.1", "port": self.port, "user": user, "dbname": database,
                "password": known[user] if password is None else password}

    def psql(self, sql, database="postgres"):
        """Runs `sql` as the superuser; returns the rows as text, columns split by |."""
        return account.run(
            [f"{BINARIES}/psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", self.home, "-p", self.port,
             "-U", SUPERUSER, "-d", database, "-c", sql],
            self.home, PGPASSWORD=SUPERUSER_PASSWORD).strip()

    def configure(self, **settings):
        """Changes settings that need no restart, such as log_statement='all'."""
        for name, value in settings.items():
            self.psql(f"alter system set {name} = '{value}'")
        self.psql("select pg_reload_conf()")

    def number(self, sql, database="postgres"):
        return int(self.psql(sql, database))

    def is_primary(self):
        return self.psql("select pg_is_in_recovery()") == "f"

    def transactions(self, database):
        """How many transactions `database` has seen here, by PostgreSQL's own count.

        A session reports its count at most once a second, and within 10 s after it went idle.
        """
        return self.number("select xact_commit + xact_rollback from pg_stat_database"
                           f" where datname = '{database}'")

    def scans(self, table, database):
        """How often statements have looked into `table` here."""
        return self.number("select coalesce(sum(coalesce(idx_scan, 0) + seq_scan), 0)::bigint"
                           f" from pg_stat_user_tables where relname = '{table}'", database)

    def sessions(self, user="app"):
        """Client sessions of `user` on this node, now."""
        return self.number("select count(*) from pg_stat_activity where backend_type ="
                           f" 'client backend' and usename = '{user}'")

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def log_tail(self, lines=30):
        return "\n".join(self.log().splitlines()[-lines:])

    def log_grep(self, pattern):
        return [line for line in self.log().splitlines() if re.search(pattern, line)]


class Cluster:
    """One primary with `replicas` streaming replicas, each with a slot of its own."""

    def __init__(self, replicas=2, **settings):
        self.home = account.make_directory("pgweir-")
        names = ["one", "two", "three", "four", "five"][:replicas + 1]
        self.nodes = [Node(name, self.home) for name in names]
        self.primary = self.nodes[0]
        self.settings = settings
        self.benches = set()

    @property
    def replicas(self):
        return [node for node in self.nodes if node is not self.primary]

    def addresses(self):
        return ", ".join(node.address for node in self.nodes)

    # --- building and removing

    def create(self):
        try:
            self._create_primary()
            for replica in self.replicas:
                self._create_replica(replica)
            self.wait_streaming()
        except BaseException:
            self.destroy()
            raise
        return self

    def destroy(self):
        for node in self.nodes:
            if node.is_running():
                node.resume()
                node.stop(signal.SIGQUIT)
        account.remove_directory(self.home)

    def __enter__(self):
        return self.create()

    def __exit__(self, *_):
        self.destroy()

    def _create_primary(self):
        node = self.primary
        secret = os.path.join(self.home, "secret")
        self._write(secret, SUPERUSER_PASSWORD)
        account.run([f"{BINARIES}/initdb", "-D", node.data, "-U", SUPERUSER, "--pwfile", secret,
                     "-A", "scram-sha-256", "--no-sync", "-E", "UTF8", "--locale", "C.UTF-8"],
                    self.home)
        access_path = os.path.join(node.data, "pg_hba.conf")
        with open(access_path, encoding="utf-8") as access:
            rest = access.read()
        self._write(access_path, ACCESS + rest)
        with open(os.path.join(node.data, "postgresql.conf"), "a", encoding="utf-8") as conf:
            conf.write(SETTINGS)
            conf.writelines(f"{name} = {value}\n" for name, value in self.settings.items())
        node.start()
        for user, password in USERS.items():
            how = "md5" if user == "legacy" else "scram-sha-256"
            node.psql(f"set password_encryption = '{how}';"
                      f" create role {user} login password '{password}'")
        node.psql("create role clerk; grant clerk to app")
        # In every database: where a statement runs, told by a read that may run anywhere.  The
        # server's own functions that tell it are for the primary, since applications ask them.
        node.psql("create function on_replica() returns bool language sql stable as"
                  " 'select pg_is_in_recovery()'", "template1")
        self.create_database("app")

    def _create_replica(self, node):
        account.run([f"{BINARIES}/pg_basebackup", "-D", node.data, "-h", "127.0.0.1",
                     "-p", self.primary.port, "-U", SUPERUSER, "-R", "-X", "stream", "-c", "fast",
                     "-C", "-S", f"slot_{node.name}", "--no-sync"],
                    self.home, PGPASSWORD=SUPERUSER_PASSWORD)
        node.start()

    def _write(self, path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)
        account.give(path)

    def create_database(self, name, owner="app"):
        self.primary.psql(f"create database {name} owner {owner}")

    def create_bench(self, scale, database="bench"):
        """A database with pgbench's tables, made once and seen by every replica."""
        if database in self.benches:
            return database
        self.create_database(database)
        account.run([f"{BINARIES}/pgbench", "-i", "-q", "-s", scale, "-h", "127.0.0.1",
                     "-p", self.primary.port, "-U", "app", database],
                    self.home, PGPASSWORD=USERS["app"])
        self.benches.add(database)
        self.wait_replayed()
        return database

    # --- waiting

    def wait_streaming(self):
        wanted = sum(node.is_running() for node in self.replicas)
        wait_until(lambda: self.primary.number("select count(*) from pg_stat_replication"
                                               " where state = 'streaming'") >= wanted,
                   f"{wanted} replicas to stream")

    def wait_replayed(self):
        """Returns when each running replica shows all that the primary has committed so far."""
        position = self.primary.psql("select pg_current_wal_flush_lsn()")
        for node in self.replicas:
            if node.is_running():
                wait_until(lambda node=node: node.psql(
                    f"select pg_last_wal_replay_lsn() >= '{position}'") == "t",
                    f"node {node.name} to replay up to {position}")

    def heal(self):
        """Undoes every fault but a promotion: all nodes run, answer and stream."""
        hurt = [node for node in self.nodes if not node.is_running()]
        for node in self.nodes:
            if node.is_running():
                node.resume()
        for node in hurt:
            node.start(wait=node is self.primary)
        for node in hurt:
            wait_until(node.is_up, f"node {node.name} to answer again")
        if hurt:
            self.wait_streaming()
