"""Runs pgbench through a proxy or directly and reads what it found."""

import glob
import os
import re
import subprocess
import threading

import account
from cluster import BINARIES

# Names of the built-in scripts, as the issue tracker and the README use them.
SCRIPTS = {"select-only": ["-S"], "simple-update": ["-N"], "tpcb-like": []}


class Result:
    """One finished run."""

    def __init__(self, text, status):
        self.text = text
        self.status = status
        self.transactions = self._number(r"actually processed: (\d+)")
        self.failed = self._number(r"number of failed transactions: (\d+)")
        self.aborted_clients = len(re.findall(r"client \d+ (?:script \d+ )?aborted", text))
        self.tps = self._number(r"tps = ([\d.]+)")
        self.latency_ms = self._number(r"latency average = ([\d.]+)")

    def _number(self, pattern):
        found = re.search(pattern, self.text)
        return float(found.group(1)) if found else 0

    def check(self):
        """Nothing failed, nothing was aborted, something was done."""
        assert self.status == 0 and self.failed == 0 and self.aborted_clients == 0, self.text
        assert self.transactions > 0, self.text
        return self


def command(server, database, mode="simple", clients=8, seconds=5, threads=2, extra=()):
    """The command line and its environment; `server` is a Pgweir, Direct or Node."""
    parameters = server.parameters(user="app", database=database)
    line = [f"{BINARIES}/pgbench", "-n", "-M", mode, "-c", str(clients), "-j", str(threads),
            "-T", str(seconds), *map(str, extra), "-h", parameters["host"],
            "-p", str(parameters["port"]), "-U", parameters["user"], database]
    return line, account.environment({"PGPASSWORD": parameters["password"]})


def run(server, database, directory="/tmp", seconds=5, on_progress=None, **options):
    """Runs to the end; `on_progress` gets each line of pgbench's progress report."""
    if on_progress:
        options["extra"] = [*options.get("extra", ()), "-P", "1"]
    line, environment = command(server, database, seconds=seconds, **options)
    return run_line(line, environment, seconds, directory, on_progress)


def run_line(line, environment, seconds, directory="/tmp", on_progress=None):
    """Runs what command() made."""
    text = []
    with subprocess.Popen(line, cwd=directory, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          start_new_session=True) as process:
        watchdog = threading.Timer(seconds + 60, process.kill)
        watchdog.start()
        try:
            for output in process.stdout:
                text.append(output)
                if on_progress and output.startswith("progress:"):
                    on_progress(output.strip())
            status = process.wait()
        except BaseException:
            process.kill()
            raise
        finally:
            watchdog.cancel()
    return Result("".join(text), status)


def latencies_ms(prefix):
    """The sorted latencies in the logs of a run with `-l --log-prefix`, waiting for the
    schedule of -R taken out."""
    found = []
    for path in glob.glob(f"{prefix}.*"):
        with open(path, encoding="utf-8") as log:
            for line in log:
                fields = line.split()
                late_us = int(fields[6]) if len(fields) > 6 else 0
                found.append((int(fields[2]) - late_us) / 1000)
        os.unlink(path)
    return sorted(found)


def percentile(ordered, share):
    """The smallest value that at least `share` of the sorted values do not exceed."""
    return ordered[max(0, -(-int(len(ordered) * share * 1000) // 1000) - 1)]
