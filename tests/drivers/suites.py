"""Where the suites come from, how they are started, and which tests are left out.

Both suites live in a virtual environment under build/drivers, with the versions below, so that a
difference comes from pgweir and not from a new release.  A test is left out of the direct run,
too, so that both columns of the table count the same tests.
"""

import glob
import os
import shutil
import subprocess
import sys
import tarfile

import account
import outcomes

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.realpath(os.path.join(HERE, "../../build/drivers"))
PYTHON = os.path.join(BUILD, "venv/bin/python")
PSYCOPG_SOURCE = os.path.join(BUILD, "psycopg.git")

ASYNCPG, PSYCOPG = "0.32.0", "3.3.4"
PACKAGES = [
    f"asyncpg=={ASYNCPG}", f"psycopg[binary]=={PSYCOPG}", "psycopg-pool==3.3.1", "pytest==9.2.0",
    "pytest-timeout==2.4.0", "anyio==4.16.0", "pproxy==2.7.9", "distro==1.9.0", "dnspython==2.9.2",
]
TEST_TIMEOUT_S, SUITE_TIMEOUT_S = 40, 2400


class Trouble(Exception):
    """A part of the set-up that we cannot get, or a suite that did not come to its end."""


def run_quietly(line, **more):
    """Runs a tool; its output is shown only when it fails."""
    subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True,
                   **more)


def prepare_python():
    """The virtual environment with PACKAGES; made anew when they have changed."""
    stamp = os.path.join(BUILD, "venv/packages")
    wanted = "\n".join(PACKAGES)
    if os.path.exists(stamp):
        with open(stamp, encoding="utf-8") as file:
            if file.read() == wanted:
                return
    run_quietly([sys.executable, "-m", "venv", "--clear", os.path.join(BUILD, "venv")])
    run_quietly([PYTHON, "-m", "pip", "install", "--upgrade", "pip", "setuptools"])
    run_quietly([PYTHON, "-m", "pip", "install", *PACKAGES])
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(wanted)


class Suite:
    """A driver's tests, unpacked in a folder of their own."""

    name = version = None
    database = "postgres"
    options = []
    left_out = []  # names of tests

    def __init__(self):
        self.folder = os.path.join(BUILD, self.name)

    def prepare(self, options):
        os.makedirs(BUILD, exist_ok=True)
        prepare_python()
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.unpack(options)
        return self

    def unpack(self, options):
        raise NotImplementedError

    def environment(self, where):
        raise NotImplementedError

    def run(self, where, path, name=None):
        """All tests: {test: what went wrong, or None}; the output stays in `path`.log."""
        shutil.rmtree(f"{path}.cache", ignore_errors=True)
        return self._pytest(where, path, "all", self._select(name))

    def _select(self, name):
        """One -k for all: pytest heeds only the last."""
        wanted = [f"({name})"] if name else []
        wanted += [f"not {one}" for one in self.left_out]
        return ["-k", " and ".join(wanted)] if wanted else []

    def run_failed(self, where, path):
        """Those that failed in run() once more, without the others around them."""
        return self._pytest(where, path, "again", ["--last-failed"])

    def _pytest(self, where, path, part, more):
        junit, log_path = f"{path}.{part}.xml", f"{path}.{part}.log"
        line = [PYTHON, "-m", "pytest", "-q", "--tb=short", f"--timeout={TEST_TIMEOUT_S}",
                "-o", f"cache_dir={path}.cache", f"--junitxml={junit}", *self.options, *more]
        if os.path.exists(junit):
            os.unlink(junit)
        with open(log_path, "wb") as log:
            try:
                subprocess.run(line, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log,
                               env=account.environment(self.environment(where)),
                               stderr=subprocess.STDOUT, timeout=SUITE_TIMEOUT_S, check=False)
            except subprocess.TimeoutExpired:
                pass  # without a JUnit file, as after a crash
        found = outcomes.read_junit(junit) if os.path.exists(junit) else {}
        if not found:
            raise Trouble(f"{self.name}'s tests did not come to their end, see {log_path}")
        return found


class Psycopg(Suite):
    """psycopg 3 with its own libpq, in C; neither PyPI nor Debian's mirror has the tests."""

    name, version, database = "psycopg", PSYCOPG, "psycopg_test"
    options = [
        # mypy: types, no server.  refcount: counts Python's objects.  timing: fails on a slow
        # machine.  slow: sleeps; with these the suite takes five times as long.
        "-m", "not mypy and not refcount and not timing and not slow",
        # Another database, and a pool that is measured with a clock.
        "--ignore=tests/crdb", "--ignore=tests/pool",
    ]
    # Races of the client with itself, lost directly, too: does the answer come before the test's
    # own proxy ends, do an error and ReadyForQuery come in one read?
    left_out = ["test_wait_remote_closed", "test_errors_raised_on_commit"]

    def unpack(self, options):
        if not os.path.isdir(options.psycopg):
            raise Trouble(f"no clone of psycopg's repository in {options.psycopg}: make one"
                          " (git clone --bare), say --psycopg REPOSITORY, or --suites asyncpg")
        tree = os.path.join(BUILD, "psycopg.tar")
        run_quietly(["git", "-c", "safe.directory=*", "-C", options.psycopg, "archive", "-o", tree,
                     PSYCOPG, "tests", "tools", "pyproject.toml"])
        with tarfile.open(tree) as archive:
            archive.extractall(self.folder)

    def environment(self, where):
        dsn = " ".join(f"{key}={value}" for key, value in where.items())
        return {"PSYCOPG_TEST_DSN": dsn, "PSYCOPG_IMPL": "binary"}


class Asyncpg(Suite):
    """asyncpg; the tests are in its source distribution and count on the database postgres."""

    name, version = "asyncpg", ASYNCPG
    options = [
        "-p", "asyncpg_server", "--import-mode=importlib", "-o", "addopts=", "tests",
        # Checks of its source code, and of the machine that its authors test on.
        "--ignore=tests/test__sourcecode.py", "--ignore=tests/test__environment.py",
        # Builds servers of its own.  (Others that do so skip themselves: SSL, GSSAPI, pg_hba.conf.)
        "--deselect=tests/test_connect.py::TestConnectionAttributes",
    ]

    def unpack(self, options):
        run_quietly([PYTHON, "-m", "pip", "download", "--no-deps", "--no-binary", "asyncpg",
                     "-d", self.folder, f"asyncpg=={ASYNCPG}"])
        source, = glob.glob(f"{self.folder}/*.tar.gz")
        with tarfile.open(source) as archive:
            # Without the package itself, which would hide the one that is installed.
            archive.extractall(self.folder, [
                member for member in archive.getmembers()
                if f"asyncpg-{ASYNCPG}/tests" in member.name])
        os.rename(f"{self.folder}/asyncpg-{ASYNCPG}/tests", f"{self.folder}/tests")

    def environment(self, where):
        return {"PGHOST": where["host"], "PGPORT": str(where["port"]), "PGUSER": where["user"],
                "PGPASSWORD": where["password"], "PGDATABASE": where["dbname"],
                "PYTHONPATH": HERE}


SUITES = {"psycopg": Psycopg(), "asyncpg": Asyncpg()}
