"""What the suites said: reads JUnit files, compares runs, knows the explained differences."""

import collections
import re
import xml.etree.ElementTree as tree

SKIPPED = "skipped"
Entry = collections.namedtuple("Entry", "suite modes pattern reason")


def outcome(case):
    """None for passed, SKIPPED, or the first line of what went wrong."""
    for kind in ("failure", "error"):
        found = case.find(kind)
        if found is not None:
            lines = (found.get("message") or found.text or kind).strip().splitlines()
            return lines[0] if lines else kind
    return SKIPPED if case.find("skipped") is not None else None


def read_junit(path):
    """{test: outcome}; a test whose teardown fails, too, is there twice and failed once."""
    found = {}
    for case in tree.parse(path).iter("testcase"):
        name = "::".join(filter(None, (case.get("classname"), case.get("name"))))
        if found.get(name) in (None, SKIPPED):
            found[name] = outcome(case)
    return found


def failed(tests):
    return {name: what for name, what in tests.items() if what not in (None, SKIPPED)}


class Result:
    """A suite's run, and the run of its failures alone.

    A test counts as failed when it failed both times.  One that failed once is unsteady: told, but
    no difference, since these suites measure times and wait for the garbage collector.
    """

    def __init__(self, first, again):
        self.tests = first
        self.failed = {name: again.get(name) or what for name, what in failed(first).items()
                       if again.get(name, what) not in (None, SKIPPED)}
        self.unsteady = {name: what for name, what in failed(first).items()
                         if name not in self.failed}

    def count(self):
        skipped = sum(what == SKIPPED for what in self.tests.values())
        return len(self.tests) - skipped - len(self.failed), len(self.failed), skipped


def read_expected(path):
    """The lines of expected.txt: under a [reason], "suite modes test", * at its end for any."""
    entries, reason = [], None
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            if line.startswith("[") and line.endswith("]"):
                reason = line[1:-1]
                continue
            words = line.split(None, 2)
            if reason is None or len(words) != 3:
                raise ValueError(f"{path}:{number}: neither [reason] nor \"suite modes test\"")
            entries.append(Entry(words[0], words[1].split(","), words[2], reason))
    return entries


def matches(entry, suite, mode, test):
    pattern = re.escape(entry.pattern)
    if entry.pattern.endswith("*"):
        pattern = re.escape(entry.pattern[:-1]) + ".*"
    return (entry.suite == suite and mode in entry.modes
            and re.fullmatch(pattern, test, re.DOTALL) is not None)


class Report:
    """The table, and what differs."""

    def __init__(self, expected):
        self.expected = expected
        self.rows = []
        self.explained = collections.Counter()
        self.new, self.unsteady, self.gone = [], [], []

    def add_direct(self, suite, result):
        self._add_row(suite, "direct", result, "", "")
        if not result.count()[0]:
            self.new.append((suite.name, "direct", "(all)", "no test passed"))

    def add(self, suite, mode, direct, result):
        """What fails in `result` and not in `direct`, neither wholly nor now and then."""
        differing = {name: what for name, what in result.failed.items()
                     if name not in direct.failed and name not in direct.unsteady}
        differing.update({name: "was not run" for name in direct.tests if name not in result.tests})
        explained = 0
        for name, what in differing.items():
            entry = next((one for one in self.expected if matches(one, suite.name, mode, name)),
                         None)
            if entry:
                explained += 1
                self.explained[(suite.name, mode, entry.reason)] += 1
            else:
                self.new.append((suite.name, mode, name, what))
        self.unsteady += [(suite.name, mode, name, what)
                          for name, what in result.unsteady.items() if name not in direct.unsteady]
        self.gone += [(suite.name, mode, entry.pattern, entry.reason) for entry in self.expected
                      if entry.suite == suite.name and mode in entry.modes
                      and not any(matches(entry, suite.name, mode, name) for name in differing)
                      and any(matches(entry, suite.name, mode, name) for name in result.tests)]
        self._add_row(suite, mode, result, explained, len(differing) - explained)

    def _add_row(self, suite, mode, result, *differences):
        self.rows.append((f"{suite.name} {suite.version}", mode, *result.count(),
                          len(result.unsteady), *differences))

    def is_good(self):
        return not self.new

    def print(self):
        print("| suite | through | passed | failed | skipped | failed once "
              "| differ, explained | differ, new |")
        print("|---|---|--:|--:|--:|--:|--:|--:|")
        for row in self.rows:
            print("| " + " | ".join(map(str, row)) + " |")
        print("\nExplained:\n\n| suite | mode | tests | why |\n|---|---|--:|---|")
        for (suite, mode, reason), count in self.explained.items():
            print(f"| {suite} | {mode} | {count} | {reason} |")
        for title, found in (("NEW", self.new), ("failed once, then passed", self.unsteady),
                             ("expected, but no longer differs", self.gone)):
            for one in found:
                print(f"{title}: {one[0]} {one[1]} {one[2]}\n    {one[3]}")
