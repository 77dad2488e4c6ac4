"""What the kernel says about a proxy's processes: processor time, system calls, private memory.

A proxy is a process with all that it started: PgBouncer and pgweir are one process, Pgpool-II is
one for each client.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

# The tests' own cluster and programs are used here too.
ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
sys.path.insert(0, os.path.join(ROOT, "tests/cluster"))

# pylint: disable=wrong-import-position
import cluster as postgres


def family(pid):
    """`pid` and all processes below it."""
    found = [pid]
    for one in found:
        found.extend(postgres.children_of(one))
    return found


def cpu_s(pid):
    """Processor time used by the family of `pid`, with that of its ended children."""
    ticks = 0
    for one in family(pid):
        with contextlib.suppress(OSError):  # it ended meanwhile: its parent has its time
            with open(f"/proc/{one}/stat", encoding="utf-8", errors="replace") as stat:
                fields = stat.read().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def private_bytes(pid):
    """Memory that only the family of `pid` has: Private_Clean and Private_Dirty, no page twice."""
    total_kb = 0
    for one in family(pid):
        with open(f"/proc/{one}/smaps_rollup", encoding="utf-8") as rollup:
            total_kb += sum(map(int, re.findall(r"^Private_\w+:\s+(\d+) kB", rollup.read(), re.M)))
    return total_kb * 1024


def system_calls(pid, work):
    """How many system calls the family of `pid` makes while `work()` runs; None without perf.

    perf counts in the kernel: strace would slow the proxy down, more clients would be ready at
    each epoll_wait, and the count per transaction would be too good.
    """
    if not shutil.which("perf"):
        work()
        return None
    line = ["perf", "stat", "-x", ",", "-e", "raw_syscalls:sys_enter",
            "-p", ",".join(map(str, family(pid)))]
    with subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, start_new_session=True) as perf:
        try:
            time.sleep(0.3)  # it attaches to each thread
            work()
        finally:
            if perf.poll() is None:
                perf.send_signal(signal.SIGINT)
        found = re.search(r"^(\d+),", perf.stderr.read(), re.M)
    return int(found.group(1)) if found else None


def version(*line):
    """The first line of what a program says of itself."""
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).splitlines()[0].strip()


def machine():
    """The machine in one line, for the head of a table."""
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        model = re.search(r"model name\s*: (.*)", info.read())
    name = model.group(1) if model else os.uname().machine
    return (f"{os.cpu_count()} × {name}, Linux {os.uname().release}, "
            f"load average {os.getloadavg()[0]:.1f} before")


def release_binary():
    """$PGWEIR_BIN, or a release build of this tree, brought up to date."""
    if os.environ.get("PGWEIR_BIN"):
        return os.environ["PGWEIR_BIN"]
    build = os.path.join(ROOT, "build/release")
    for line in (["cmake", "-S", ROOT, "-B", build, "-DCMAKE_BUILD_TYPE=Release"],
                 ["cmake", "--build", build, "--target", "pgweir", "-j", str(os.cpu_count())]):
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"could not build pgweir: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return os.path.join(build, "pgweir")
