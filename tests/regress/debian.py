"""Asks Debian's archive for packages that are read and not installed.

apt does it, with the sources that this machine has and their source packages added to them, and
with lists and cache in a directory of our own: the machine's configuration is read only.
"""

import glob
import os
import re
import subprocess

SOURCES = ("/etc/apt/sources.list", "/etc/apt/sources.list.d/*.list",
           "/etc/apt/sources.list.d/*.sources")


class Refused(Exception):
    """apt's own words."""


def codename():
    with open("/etc/os-release", encoding="utf-8") as release:
        found = re.search(r"^VERSION_CODENAME=(\w+)", release.read(), re.MULTILINE)
    if not found:
        raise Refused("/etc/os-release names no release of Debian")
    return found.group(1)


def stanza_of_line(line):
    """An entry in one-line style, as the fields of the newer style; None for anything else."""
    found = re.match(r"deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.+)", line.strip())
    if not found:
        return None
    options, place, suite, components = found.groups()
    signed = re.search(r"signed-by=(\S+)", options or "")
    fields = {"URIs": place, "Suites": suite, "Components": components}
    return fields | ({"Signed-By": signed.group(1)} if signed else {})


def stanzas_of(path):
    with open(path, encoding="utf-8") as file:
        text = re.sub(r"^#.*\n", "", file.read(), flags=re.MULTILINE)
    if path.endswith(".sources"):
        for part in re.split(r"\n\s*\n", text):
            yield dict(re.findall(r"^([\w-]+):\s*(.+)$", part, re.MULTILINE))
    else:
        yield from filter(None, map(stanza_of_line, text.splitlines()))


def debian_sources():
    """The machine's entries for its own release, with source packages, in apt's newer style."""
    suite = re.compile(rf"{codename()}(-security|-updates)?(/updates)?")
    for pattern in SOURCES:
        for path in sorted(glob.glob(pattern)):
            for fields in stanzas_of(path):
                if any(suite.fullmatch(name) for name in fields.get("Suites", "").split()):
                    yield "".join(f"{name}: {value}\n" for name, value in
                                  {**fields, "Types": "deb deb-src"}.items())


class Archive:
    """Debian's archive, seen through lists in `home`."""

    def __init__(self, home, limit_s):
        self.home = home
        self.limit_s = limit_s
        for folder in ("lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(home, folder), exist_ok=True)
        self.list_path = os.path.join(home, "debian.sources")
        stanzas = list(debian_sources())
        if not stanzas:
            raise Refused(f"no source of Debian {codename()} in {', '.join(SOURCES)}")
        with open(self.list_path, "w", encoding="utf-8") as file:
            file.write("\n".join(stanzas))

    def _run(self, tool, *arguments, folder="."):
        options = {"Dir::Etc::sourcelist": self.list_path, "Dir::Etc::sourceparts": "-",
                   "Dir::State::lists": os.path.join(self.home, "lists"),
                   "Dir::Cache": os.path.join(self.home, "cache"),
                   "APT::Sandbox::User": "root", "Acquire::Retries": "3"}
        command = [tool, "-q"] + [f"-o{name}={value}" for name, value in options.items()]
        done = subprocess.run(command + list(arguments), cwd=folder, capture_output=True,
                              text=True, timeout=self.limit_s, check=False,
                              env={**os.environ, "LC_ALL": "C.UTF-8"})
        if done.returncode != 0:
            raise Refused(f"{tool} {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def update(self):
        self._run("apt-get", "update", "-o", "APT::Update::Error-Mode=any")

    def source_versions(self, package):
        """The versions on offer, the newest first."""
        shown = self._run("apt-cache", "showsrc", "--only-source", package)
        versions = set(re.findall(r"^Version: (\S+)$", shown, re.MULTILINE))
        # dpkg knows how versions compare; there are two or three of them.
        return sorted(versions, key=VersionKey, reverse=True)

    def download(self, package, folder):
        self._run("apt-get", "download", package, folder=folder)

    def download_source(self, package, folder):
        self._run("apt-get", "source", "--download-only", "--only-source", package, folder=folder)


class VersionKey:
    """Orders versions as dpkg does."""

    def __init__(self, version):
        self.version = version

    def __lt__(self, other):
        return subprocess.run(["dpkg", "--compare-versions", self.version, "lt", other.version],
                              check=False).returncode == 0
