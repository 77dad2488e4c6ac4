"""The other proxies as processes, with the face of weir.Pgweir, so that one workload fits all.

Both are Debian's packages, run in the foreground on loopback as an unprivileged user, log in by
SCRAM on both sides and write no log line per connection.
"""

import os
import shutil
import subprocess

import account
from cluster import BINARIES, SUPERUSER, SUPERUSER_PASSWORD, USERS, wait_until


class Peer:
    """A proxy in front of `cluster`; subclasses write its files and know its command line."""

    program = ""

    def __init__(self, cluster):
        if not shutil.which(self.program):
            raise SystemExit(f"{self.program} is not installed")
        self.cluster = cluster
        self.home = account.make_directory("pgweir-b")
        self.log_path = os.path.join(self.home, "log")
        self.port = account.free_port()
        self.process = None

    def write(self, name, text):
        path = os.path.join(self.home, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)
        account.give(path)
        return path

    def command(self):
        raise NotImplementedError

    def start(self):
        with open(self.log_path, "ab") as log:
            account.give(self.log_path)
            self.process = account.spawn(self.command(), self.home, log)
        wait_until(self.answers, f"{self.program} to answer (log: {self.log_path})")
        return self

    def answers(self):
        if self.process.poll() is not None:
            with open(self.log_path, encoding="utf-8", errors="replace") as log:
                raise RuntimeError(f"{self.program} ended by itself:\n{log.read()[-4000:]}")
        asked = subprocess.run(
            [f"{BINARIES}/psql", "-XAtqw", "-h", "127.0.0.1", "-p", str(self.port), "-U", "app",
             "-c", "select 1", "app"], capture_output=True, check=False,
            env=account.environment({"PGPASSWORD": USERS["app"], "PGCONNECT_TIMEOUT": "5"}))
        return asked.returncode == 0

    def stop(self):
        """SIGINT ends PgBouncer at once, and Pgpool-II with its children without waiting."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(2)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(15)

    def destroy(self):
        self.stop()
        account.remove_directory(self.home)

    def parameters(self, user="app", database="app", password=None):
        return {"host": "127.0.0.1", "port": self.port, "user": user, "dbname": database,
                "password": USERS[user] if password is None else password}


class PgBouncer(Peer):
    """In front of the primary alone: it knows no replicas."""

    program = "pgbouncer"

    def __init__(self, cluster, pool_size, mode="transaction", max_clients=1000):
        super().__init__(cluster)
        self.write("users.txt", "".join(f'"{u}" "{secret}"\n' for u, secret in USERS.items()))
        self.write("pgbouncer.ini", f"""[databases]
* = host=127.0.0.1 port={cluster.primary.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = users.txt
pool_mode = {mode}
default_pool_size = {pool_size}
max_client_conn = {max_clients}
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
log_stats = 0
""")

    def command(self):
        return [self.program, "pgbouncer.ini"]


class Pgpool(Peer):
    """In front of all nodes, reads balanced over the replicas; a process for each client."""

    program = "pgpool"

    def __init__(self, cluster, clients):
        super().__init__(cluster)
        nodes = "".join(f"""
backend_hostname{i} = '127.0.0.1'
backend_port{i} = {node.port}
backend_weight{i} = {0 if node is cluster.primary else 1}
backend_flag{i} = 'DISALLOW_TO_FAILOVER'
""" for i, node in enumerate(cluster.nodes))
        self.write("pgpool.conf", f"""
backend_clustering_mode = 'streaming_replication'
listen_addresses = '127.0.0.1'
port = {self.port}
socket_dir = '{self.home}'
pcp_listen_addresses = '127.0.0.1'
pcp_port = {account.free_port()}
pcp_socket_dir = '{self.home}'
{nodes}
enable_pool_hba = on
pool_passwd = 'pool_passwd'
num_init_children = {clients + 8}
max_pool = 1
child_life_time = 0
load_balance_mode = on
sr_check_user = '{SUPERUSER}'
sr_check_password = '{SUPERUSER_PASSWORD}'
pid_file_name = '{self.home}/pgpool.pid'
logdir = '{self.home}'
work_dir = '{self.home}'
log_destination = 'stderr'
""")
        self.write("pool_hba.conf", "host all all 127.0.0.1/32 scram-sha-256\n")
        self.write("pool_passwd", "".join(f"{u}:TEXT{secret}\n" for u, secret in USERS.items()))
        self.write("pcp.conf", "")

    def command(self):
        return [self.program, "-n", "-f", "pgpool.conf", "-a", "pool_hba.conf", "-F", "pcp.conf"]
