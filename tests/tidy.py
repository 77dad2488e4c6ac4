#!/usr/bin/python3
"""Checks the house rules that a machine can check: DESIGN.md 1 and CONTRIBUTING.md.

Prints each finding as file:line: message and ends with status 1 if there is one; warnings (a file
that is probably two) do not count.  Reads tracked and new files alike, changes nothing.
"""

import os
import re
import subprocess
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
LINE_WIDTH, TEST_DATA_WIDTH, TAB = 100, 140, 8
FILE_LINES_WARNED, FILE_LINES_MOST, FUNCTION_LINES = 500, 700, 60

# Strictly downwards: a file may include its own floor and those below it.
FLOORS = [
    {"proxy/main", "proxy/worker", "proxy/listener", "proxy/reload"},
    {"proxy/client"},
    {"proxy/route"},
    {"proxy/server"},
    {"proxy/cluster", "proxy/watch"},
    {"proxy/conn", "proxy/loop"},
    {"src/wire", "src/sql", "src/auth", "src/config"},
    {"src/base"},
]
# Observations leave from everywhere; a topology is a value that everyone may look at.
OPEN_HEADERS = {"watch/stats.h", "cluster/topology.h"}
# Library header → the files that may see it.
FENCES = {
    r"ev\.h": r"proxy/loop\.[ch]",
    r"pg_query\.h|protobuf/pg_query.*": r"src/sql/(classify|leave|step)\.[ch]",
    r"libpq-fe\.h|postgres_ext\.h": r"proxy/cluster/.*",
    r"microhttpd\.h": r"proxy/watch/http\.c",
    r"jansson\.h": r"proxy/watch/(report\.c|value\.[ch])|proxy/advise/.*",
    r"openssl/.*": r"proxy/conn\.c|src/auth/(scram|credential)\.c",
    r"ini\.h": r"src/config/.*\.c",
}
# What pure code does without: sockets, threads, clocks, files.
IMPURE = (r"sys/(socket|un|epoll|eventfd|select|poll|uio|ioctl|wait|mman|random|time)\.h|netinet/.*"
          r"|arpa/.*|netdb\.h|poll\.h|pthread\.h|threads\.h|signal\.h|unistd\.h|fcntl\.h|time\.h")
PURE_EXCEPTIONS = {"src/base/log.c",  # writes to standard error
                   "src/config/address.c"}  # parses numeric addresses, knows sun_path's size
BANNED = {
    "strcpy": "snprintf or memcpy with a length", "strcat": "snprintf", "sprintf": "snprintf",
    "vsprintf": "vsnprintf", "strtok": "a span", "atoi": "a parser that reports errors",
    "atol": "a parser that reports errors", "alloca": "a bounded buffer", "gets": "fgets",
    "strncpy": "snprintf", "rand": "a random number that is an argument",
    "setjmp": "a return value",
    "longjmp": "a return value",
}  # in src/ and proxy/: a test may break what it likes
UNFINISHED = re.compile("|".join(["\\bTO" + "DO", "FIX" + "ME", "\\bXX" + "X\\b"]))
HUB_HEADERS = {"pgweir.h", "common.h", "all.h", "defs.h", "includes.h", "utils.h", "util.h"}
# Folders that need no list of their files: data, and trees whose head README says how they mirror.
NO_README = re.compile(r"tests/(unit/|fuzz/corpus)|\.ci$|\.github|tests/unit$|etc$|etc/")
# Prose and tables scroll; code does not.
WIDE_FILES = re.compile(r"\.(def|md|txt|ini|yml)$")

findings, warnings = [], []


def report(path, line, message):
    findings.append(f"{path}:{line}: {message}")


def warn(path, line, message):
    warnings.append(f"{path}:{line}: warning: {message}")


def list_files():
    """Every file that is tracked or would be, as paths from the root."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT,
                            capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        names = listed.stdout.split("\n")
    else:  # an unpacked archive
        names = [os.path.relpath(os.path.join(folder, name), ROOT)
                 for folder, _, files in os.walk(ROOT) for name in files
                 if "/build" not in folder and "/.git" not in folder]
    return sorted(name for name in set(names) if name and os.path.isfile(os.path.join(ROOT, name)))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def blank(match):
    """The same number of lines without a word."""
    return re.sub(r"[^\n]", " ", match.group(0))


def code_only(text):
    """C without comments and without the insides of literals, on the same lines."""
    return re.sub(r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", blank, text,
                  flags=re.DOTALL)


# --- who may include whom

def floor_of(path):
    """The name and number of the floor that a source or an included header belongs to."""
    parts = path.split("/")
    name = "/".join(parts[:2])
    name = os.path.splitext(name)[0]
    for number, floor in enumerate(FLOORS):
        if name in floor:
            return name, number
    # A file of proxy/ itself that the drawing does not name belongs to the top floor.
    return (name, 0) if parts[0] == "proxy" and len(parts) == 2 else (name, None)


def resolve(header):
    """The path of one of our headers from the root; None for a library's."""
    for base in ("src", "proxy"):
        if os.path.isfile(os.path.join(ROOT, base, header)):
            return f"{base}/{header}"
    return None


def check_own_include(path, line, header, target):
    name, floor = floor_of(path)
    other, other_floor = floor_of(target)
    if floor is None or other_floor is None:
        report(path, line, f"\"{header}\": the house has no such floor")
    elif path.startswith("src/") and target.startswith("proxy/"):
        report(path, line, f"\"{header}\": src/ knows nothing of proxy/")
    elif header in OPEN_HEADERS or name == other:
        return
    elif other_floor < floor:
        report(path, line, f"\"{header}\": {other} is above {name}")
    elif other_floor == floor and path.startswith("src/"):
        report(path, line, f"\"{header}\": {other} is a sibling of {name}, and src/ has no such")


def check_includes(path, text):
    for line, content in enumerate(text.splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', content)
        if not found:
            continue
        header = found.group(2)
        target = resolve(header)
        if found.group(1) == '"':
            if target:
                check_own_include(path, line, header, target)
            elif not os.path.isfile(os.path.join(ROOT, os.path.dirname(path), header)):
                report(path, line, f"\"{header}\" is not a file from src/ or proxy/")
        check_library(path, line, header)


def check_library(path, line, header):
    for library, where in FENCES.items():
        if re.fullmatch(library, header) and not re.fullmatch(where, path):
            report(path, line, f"<{header}> belongs into {where} only")
    if path.startswith("src/") and re.fullmatch(IMPURE, header) and path not in PURE_EXCEPTIONS:
        report(path, line, f"<{header}>: src/ is pure: no socket, thread, clock or file")


# --- what is written in a file

def width_of(path, content):
    """How wide a line may be: a test's quoted input is not broken for looks."""
    is_test_data = path.startswith("tests/") and '"' in content
    return TEST_DATA_WIDTH if is_test_data else LINE_WIDTH


def check_text(path, text):
    width_matters = not WIDE_FILES.search(path)
    for line, content in enumerate(text.splitlines(), 1):
        if UNFINISHED.search(content) and not path.startswith("tests/fuzz/corpus"):
            report(path, line, "unfinished work belongs into an issue")
        if width_matters and len(content.expandtabs(TAB)) > width_of(path, content):
            report(path, line, f"wider than {width_of(path, content)} columns")
        if content != content.rstrip():
            report(path, line, "blanks at the end of the line")
    if text and not text.endswith("\n"):
        report(path, len(text.splitlines()), "no newline at the end of the file")


def check_length(path, text):
    lines = text.count("\n")
    if lines > FILE_LINES_MOST:
        report(path, lines, f"{lines} lines, {FILE_LINES_MOST} at most: this is two files")
    elif lines > FILE_LINES_WARNED:
        warn(path, lines, f"{lines} lines: is this two files?")


def check_banned(path, code):
    for line, content in enumerate(code.splitlines(), 1):
        for found in re.finditer(r"(?<![\w.>])(\w+)\s*\(", content):
            if found.group(1) in BANNED:
                report(path, line, f"{found.group(1)}: use {BANNED[found.group(1)]}")


def check_functions(path, code):
    """A function is a body that opens and closes in the first column."""
    opened = None
    for line, content in enumerate(code.splitlines(), 1):
        if content.startswith("{"):
            opened = line
        elif content.startswith("}") and opened:
            length = line - opened - 1
            if length > FUNCTION_LINES:
                report(path, opened, f"a function of {length} lines, {FUNCTION_LINES} at most")
            opened = None


def check_opening(path, text):
    if not text.lstrip().startswith("/*"):
        report(path, 1, "a file opens with what it does and what it does not do")
    name = os.path.basename(path)
    if name in HUB_HEADERS:
        report(path, 1, "no hub header: each file includes what it uses")
    if name.endswith(".h") and not re.search(r"#ifndef (\w+)\n#define \1\n", text):
        report(path, 1, "no include guard")


# --- documents

def check_readmes(paths):
    folders = {}
    for path in paths:
        folders.setdefault(os.path.dirname(path), []).append(os.path.basename(path))
    for folder, names in sorted(folders.items()):
        if not folder or NO_README.match(folder) or folder.startswith("."):
            continue
        if "README.md" not in names:
            report(folder, 1, "the folder has no README.md")
            continue
        text = read(f"{folder}/README.md")
        for name in names:
            stem = os.path.splitext(name)[0]
            if name != "README.md" and not re.search(rf"(?<!\w){re.escape(stem)}(?!\w)", text):
                report(f"{folder}/README.md", 1, f"does not say what {name} is")


def check_named_files(path, text):
    """What the project's README calls a file of ours must exist."""
    for line, content in enumerate(text.splitlines(), 1):
        for name in re.findall(r"`((?:src|proxy|tests|etc)/[\w./-]+)`", content):
            if not any(os.path.exists(os.path.join(ROOT, name + end)) for end in ("", ".c", ".h")):
                report(path, line, f"there is no {name}")
        for name in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", content):
            if not os.path.exists(os.path.join(ROOT, os.path.dirname(path), name)):
                report(path, line, f"there is no {name}")


def check_documents(paths):
    for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"):
        if name not in paths:
            report(name, 1, "is missing")
    for path in paths:
        if path.endswith(".md"):
            check_named_files(path, read(path))


def main():
    paths = list_files()
    for path in paths:
        if not re.search(r"\.(c|h|def|py|md|txt|ini|yml|sh)$|(^|/)(run|demo|install)$", path):
            continue
        text = read(path)
        check_text(path, text)
        if re.search(r"\.(c|h|py)$", path):
            check_length(path, text)
        if re.search(r"\.(c|h)$", path):
            code = code_only(text)
            check_functions(path, code)
        if re.match(r"(src|proxy)/.*\.(c|h)$", path):
            check_banned(path, code)
            check_includes(path, text)
            check_opening(path, text)
    check_readmes(paths)
    check_documents(paths)
    print("\n".join(warnings + findings))
    print(f"tidy: {len(findings)} findings, {len(warnings)} warnings in {len(paths)} files")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
