"""Runs libpq_pipeline, PostgreSQL's own test of pipelines in libpq, over a way to a server.

Some of its tests come with a trace: every message that libpq sent and got, in order.  Through
pgweir it must be the same to the letter.
"""

import os
import subprocess

ROWS = 700  # what PostgreSQL's own runner asks for
LIMIT_S = 220  # uniqviol takes 5 s on an idle machine and 40 on a busy one


def tests(program):
    listed = subprocess.run([program, "tests"], capture_output=True, text=True, timeout=LIMIT_S,
                            check=True)
    return listed.stdout.split()


def create_database(cluster, way, user):
    """A database without the tables of a former run, which would show in the traces."""
    # The tests set the language of messages, which asks for a superuser or for this.
    cluster.primary.psql(f"grant set on parameter lc_messages to {user}")
    cluster.create_database(f"pipeline_{way}", user)
    return f"pipeline_{way}"


def complaint(program, traces, test, parameters, folder):
    """What was wrong with `test`, or None; `parameters` say how to connect, in libpq's words."""
    address = " ".join(f"{name}='{value}'" for name, value in parameters.items())
    expected, trace = os.path.join(traces, f"{test}.trace"), os.path.join(folder, f"{test}.trace")
    is_traced = os.path.exists(expected)
    try:
        done = subprocess.run(
            [program, "-r", str(ROWS), *(["-t", trace] if is_traced else []), test, address],
            capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"no end within {LIMIT_S} s"
    if done.returncode != 0:
        return f"status {done.returncode}: {done.stderr.strip()}"
    return first_difference(expected, trace) if is_traced else None


def first_difference(expected, trace):
    with open(expected, encoding="utf-8") as wanted, open(trace, encoding="utf-8") as got:
        wanted, got = wanted.read().splitlines(), got.read().splitlines()
    for number, (ours, theirs) in enumerate(zip(got, wanted), 1):
        if ours != theirs:
            return f"line {number} of the trace is {ours!r}, expected {theirs!r}"
    if len(got) != len(wanted):
        return f"{len(got)} lines of trace, expected {len(wanted)}"
    return None
