"""Starts servers as an unprivileged user that dies with us.

PostgreSQL refuses to run as root and pgweir only does so to drop to another user, while CI and
newcomers are root.  Every server of the tests and of etc/demo is started here: as user postgres
(or nobody), in a directory that this user owns, and with a parent-death signal, so that not even
a kill -9 of the test runner leaves a server behind.  The signal fires when the *thread* that
called spawn() ends: call it from the main thread.
"""

import os
import pwd
import random
import shutil
import socket
import subprocess
import tempfile


def find_account():
    """The user that runs servers; ourselves unless we are root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("neither user postgres nor user nobody exists")


ACCOUNT = find_account()


def as_account(arguments, death_signal="KILL"):
    """The command line that runs `arguments` as ACCOUNT; the process keeps its pid."""
    prefix = ["setpriv", f"--pdeathsig={death_signal}"]
    if os.geteuid() == 0:
        prefix += [f"--reuid={ACCOUNT.pw_uid}", f"--regid={ACCOUNT.pw_gid}", "--clear-groups"]
    return prefix + ["--"] + [str(argument) for argument in arguments]


def make_directory(prefix):
    """A new directory, its path short enough for a Unix socket, owned by ACCOUNT.

    In $PGWEIR_TMP, which tests/run removes whatever happened to us, or in /tmp.
    """
    directory = tempfile.mkdtemp(prefix=prefix, dir=os.environ.get("PGWEIR_TMP") or "/tmp")
    give(directory)
    return directory


def give(path):
    """Lets ACCOUNT own `path`."""
    if os.geteuid() == 0:
        os.chown(path, ACCOUNT.pw_uid, ACCOUNT.pw_gid)


def remove_directory(directory):
    shutil.rmtree(directory, ignore_errors=True)


def environment(extra):
    """What a server or a tool sees: nothing of the caller's PG* variables, English messages."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": "/tmp", **extra}


def spawn(arguments, directory, log, death_signal="KILL", **extra_environment):
    """Starts a server with its output in the open file `log`; returns its Popen.

    It gets a session of its own: a Ctrl-C at the terminal is for us, who then stop it in order.
    """
    return subprocess.Popen(
        as_account(arguments, death_signal), cwd=directory, stdin=subprocess.DEVNULL, stdout=log,
        stderr=subprocess.STDOUT, start_new_session=True, env=environment(extra_environment))


def run(arguments, directory, timeout_s=120, **extra_environment):
    """Runs a tool to its end as ACCOUNT; returns its output, raises with it when it failed."""
    done = subprocess.run(
        as_account(arguments), cwd=directory, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=timeout_s, start_new_session=True, env=environment(extra_environment))
    if done.returncode != 0:
        raise RuntimeError(f"{arguments[0]} failed ({done.returncode}): {done.stderr}{done.stdout}")
    return done.stdout


def free_port():
    """A port that nobody listens at, below the range of outgoing connections."""
    while True:
        port = random.SystemRandom().randint(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
