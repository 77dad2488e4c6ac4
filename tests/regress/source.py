"""Fetches PostgreSQL's own tests from Debian and builds what of them is C.

All of it lands in build/regress of the clone, once: Debian's source package of the installed
server, of which the core regression suite and libpq_pipeline are unpacked, and the header files of
postgresql-server-dev, unpacked beside it and not installed.  Nothing of it is ever committed.
Debian's archive is asked through apt with the machine's own sources, in a private directory, so
that the machine's lists stay as they are.
"""

import glob
import os
import re
import shutil
import subprocess
import tarfile

import debian

HERE = os.path.dirname(os.path.abspath(__file__))
HOME = os.path.join(HERE, "../../build/regress")
SERVER = "/usr/lib/postgresql/15"
CALLS_S = 300  # apt and gcc; a slow mirror needs most of it

SUITE, PIPELINE = "src/test/regress", "src/test/modules/libpq_pipeline"


class Unavailable(Exception):
    """The source is not to be had here, and why."""


class Source:
    """What has been fetched and built: paths for those who run it."""

    def __init__(self, home=HOME):
        self.home = os.path.realpath(home)
        self.version = None
        self.tree = None

    # --- fetching

    def fetch(self):
        """Downloads and unpacks what is missing; raises Unavailable when it cannot."""
        os.makedirs(self.home, exist_ok=True)
        installed = self._installed_version()
        try:
            self.version = self._cached(installed) or self._download(installed)
        except (debian.Refused, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"Debian's source of PostgreSQL cannot be fetched: {error}") from error
        self.tree = os.path.join(self.home, self.version)
        self._unpack()
        return self

    @staticmethod
    def _installed_version():
        found = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "postgresql-15"],
                               capture_output=True, text=True, check=False)
        if found.returncode != 0:
            raise Unavailable("postgresql-15 is not installed from a Debian package")
        return found.stdout.strip()

    def _cached(self, version):
        folder = os.path.join(self.home, version)
        complete = glob.glob(f"{folder}/*.orig.tar.*") and glob.glob(f"{folder}/*.deb")
        return version if complete else None

    def _download(self, wanted):
        """The installed version, or, when Debian keeps it no more, the newest one."""
        archive = debian.Archive(os.path.join(self.home, "apt"), CALLS_S)
        archive.update()
        offered = archive.source_versions("postgresql-15")
        if not offered:
            raise debian.Refused("the archive lists no source package postgresql-15")
        version = wanted if wanted in offered else offered[0]
        folder = os.path.join(self.home, version)
        os.makedirs(folder, exist_ok=True)
        archive.download(f"postgresql-server-dev-15={version}", folder)
        archive.download_source(f"postgresql-15={version}", folder)
        return version

    def _unpack(self):
        if os.path.exists(self._in_tree("unpacked")):
            return
        for package in glob.glob(self._in_tree("*.deb")):
            call(["dpkg-deb", "-x", package, self._in_tree("headers")])
        with tarfile.open(glob.glob(self._in_tree("*.orig.tar.*"))[0]) as tar:
            for member in tar:
                inner = member.name.partition("/")[2]
                if re.match(f"(src/)?({SUITE}|{PIPELINE})/", inner) and member.isfile():
                    member.name = inner
                    tar.extract(member, self.tree)
        with open(self._in_tree("unpacked"), "w", encoding="utf-8"):
            pass

    def _in_tree(self, *names):
        return os.path.join(self.tree, *names)

    # --- building

    @property
    def suite(self):
        return self._in_tree(SUITE)

    @property
    def pipeline_traces(self):
        return self._in_tree(PIPELINE, "traces")

    def _headers(self):
        return ["-I", self._in_tree("headers/usr/include/postgresql/15/server"),
                "-I", "/usr/include/postgresql", "-D_GNU_SOURCE", "-O1", "-w"]

    def _is_newer(self, made, *sources):
        return os.path.exists(made) and all(
            os.path.getmtime(made) >= os.path.getmtime(source) for source in sources)

    def build_modules(self):
        """The directory of regress.so with the two modules of contrib that tests load."""
        folder = self._in_tree("modules")
        os.makedirs(folder, exist_ok=True)
        made, text = os.path.join(folder, "regress.so"), os.path.join(self.suite, "regress.c")
        if not self._is_newer(made, text):
            call(["gcc", "-shared", "-fPIC", *self._headers(), "-o", made, text])
        for name in ("autoinc.so", "refint.so"):
            shutil.copy(os.path.join(SERVER, "lib", name), folder)
        return folder

    def build_pipeline(self):
        """The program libpq_pipeline, linked with the installed libpq."""
        made = self._in_tree("libpq_pipeline")
        text = self._in_tree(PIPELINE, "libpq_pipeline.c")
        if not self._is_newer(made, text):
            library = self._in_tree("headers", SERVER.lstrip("/"), "lib")
            call(["gcc", *self._headers(), "-o", made, text,
                  f"-L{library}", "-lpgcommon", "-lpgport", "-lpq"])
        return made


def call(arguments):
    """Runs a tool to its end; its messages are in the exception when it failed."""
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=CALLS_S, check=False)
    if done.returncode != 0:
        raise Unavailable(f"{arguments[0]} failed ({done.returncode}):\n{done.stderr}")
