"""The demonstration behind etc/demo: a cluster, pgweir in front, pgbench through it, a table.

What it says about where transactions ran is counted by PostgreSQL itself; only the percentiles
come from pgweir.  Leaves nothing behind, whichever way it ends.
"""

import signal
import sys
import time

import pgbench
from cluster import USERS, Cluster
from weir import Pgweir

SCALE, CLIENTS, SECONDS = 10, 32, 5
DATABASE = "bench"
MODES = ["simple", "extended", "prepared"]
# An idle session has told PostgreSQL's counters about its last transactions after 10 s.
SETTLE_S = 12
ON_TERMINAL = sys.stdout.isatty()


def say(text="", end="\n"):
    print(text, end=end, flush=True)


def show_progress(label):
    """A callback for pgbench's progress lines: one line that moves, or one line each."""
    def on_line(line):
        # progress: 1.0 s, 3012.5 tps, lat 2.650 ms stddev 0.937, 0 failed
        words = line.replace(",", "").split()
        text = f"  {label:<24}{words[1]:>6} s {float(words[3]):>10,.0f} tps {float(words[6]):>8.2f} ms"
        say(text, end="\r" if ON_TERMINAL else "\n")
    return on_line


def run_modes(proxy, script):
    """pgbench in each mode: a list of (mode, result)."""
    results = []
    for mode in MODES:
        results.append((mode, pgbench.run(
            proxy, DATABASE, mode=mode, clients=CLIENTS, seconds=SECONDS,
            extra=pgbench.SCRIPTS[script], on_progress=show_progress(f"{script}, {mode}"))))
        if ON_TERMINAL:
            say(" " * 70, end="\r")
    return results


def count_places(cluster, before, at_least):
    """Transactions on each node since `before`, when the counters have come to rest."""
    say("  waiting for the nodes' counters…", end="\r" if ON_TERMINAL else "\n")
    deadline = time.monotonic() + SETTLE_S
    while True:
        ran = {node: node.transactions(DATABASE) - before[node] for node in cluster.nodes}
        if sum(ran.values()) >= at_least or time.monotonic() > deadline:
            return ran
        time.sleep(0.5)


def run_script(cluster, proxy, script):
    before = {node: node.transactions(DATABASE) for node in cluster.nodes}
    results = run_modes(proxy, script)
    done = sum(result.transactions for _, result in results)
    return results, count_places(cluster, before, done)


def print_runs(runs):
    say(f"\n{'pgbench':<14}{'mode':<12}{'transactions':>14}{'failed':>9}{'tps':>10}{'average':>12}")
    for script, (results, _) in runs.items():
        for mode, result in results:
            failed = int(result.failed) + result.aborted_clients
            say(f"{script:<14}{mode:<12}{result.transactions:>14,.0f}{failed:>9,}"
                f"{result.tps:>10,.0f}{result.latency_ms:>9.2f} ms")


def print_places(cluster, runs):
    say("\nwhere they ran, as PostgreSQL counted (pg_stat_database)")
    names = [f"{node.address} {'primary' if node is cluster.primary else 'replica'}"
             for node in cluster.nodes]
    say(f"{'':<14}" + "".join(f"{name:>26}" for name in names))
    for script, (_, ran) in runs.items():
        say(f"{script:<14}" + "".join(f"{ran[node]:>26,}" for node in cluster.nodes))


def print_queries(proxy):
    say("\nthe three busiest queries, as pgweir's /stats tells")
    say(f"{'calls':>10}{'p50':>9}{'p95':>9}{'p99':>9}   ms")
    queries = sorted(proxy.stats()["queries"], key=lambda query: -query["calls"])
    for query in queries[:3]:
        latency = query["latency_ms"]
        text = " ".join((query["query"] or "others").split())
        say(f"{query['calls']:>10,}{latency['p50']:>9.2f}{latency['p95']:>9.2f}"
            f"{latency['p99']:>9.2f}   {text if len(text) <= 62 else text[:59] + '…'}")


def print_addresses(proxy, keep):
    base = f"http://127.0.0.1:{proxy.stats_port}"
    say("\ntry it" if keep else "\nto try, after etc/demo --keep (the ports change)")
    say(f"  PGPASSWORD={USERS['app']} psql -h 127.0.0.1 -p {proxy.port} -U app {DATABASE}")
    say(f"  curl {base}/stats")
    say(f"  curl {base}/nodes")
    say(f"  curl '{base}/queries?sort=p99&limit=5'")


def demonstrate(cluster, proxy):
    """Returns how many transactions or clients failed."""
    say(f"running pgbench with {CLIENTS} clients, {SECONDS} s each")
    runs = {script: run_script(cluster, proxy, script) for script in ("tpcb-like", "select-only")}
    print_runs(runs)
    print_places(cluster, runs)
    print_queries(proxy)
    broken = [result for results, _ in runs.values() for _, result in results
              if result.status != 0 or result.failed]
    for result in broken:
        say(f"\npgbench was not content:\n{result.text}")
    return len(broken)


def wait_for_interrupt():
    say("\nrunning until Ctrl-C")
    while True:
        signal.pause()


def main():
    def on_end(number, _):
        sys.exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_end)
    keep = "--keep" in sys.argv[1:]
    cluster, proxy, status = Cluster(), None, 1
    try:
        say("starting a primary and two replicas")
        cluster.create()
        say(f"filling database {DATABASE} (pgbench, scale {SCALE})")
        cluster.create_bench(SCALE, DATABASE)
        # One connection for each: pgbench -M prepared blocks a whole thread while one client waits.
        proxy = Pgweir(cluster, pool_size=CLIENTS)
        proxy.start()
        say(f"pgweir listens at 127.0.0.1:{proxy.port} in front of {cluster.addresses()}")
        status = 1 if demonstrate(cluster, proxy) else 0
        print_addresses(proxy, keep)
        if keep:
            wait_for_interrupt()
    except KeyboardInterrupt:
        say()
        status = 0 if status == 0 else 130
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # nothing may cut the cleaning short
        if proxy:
            proxy.destroy()
        cluster.destroy()
        say("everything is stopped and removed")
    return status


if __name__ == "__main__":
    sys.exit(main())
