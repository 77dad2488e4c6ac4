"""Compares what the ways gave, and writes the table.

A difference from the direct run is *explained* when explained.ini has a section for its test, for
that way, and each line that differs matches one of the section's patterns: an explanation of
something else explains nothing.
"""

import configparser
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))


class Explanation:
    """One section of explained.ini: why a test differs, and what the difference looks like."""

    def __init__(self, section):
        self.ways = section["ways"].split()
        self.why = " ".join(section["why"].split())
        self.patterns = [re.compile(line) for line in section["lines"].strip().splitlines()]

    def covers(self, way, lines):
        return way in self.ways and all(
            any(pattern.fullmatch(line) for pattern in self.patterns) for line in lines)


def read_explanations(path=os.path.join(HERE, "explained.ini")):
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",),
                                       comment_prefixes=(";",))
    with open(path, encoding="utf-8") as file:
        parser.read_file(file)
    return {test: Explanation(parser[test]) for test in parser.sections()}


def differing_lines(diff):
    """The lines of a diff that are on one side only, without its head."""
    return [line for line in diff.splitlines()
            if re.match("[-+]", line) and not re.match(r"(---|\+\+\+) /", line)]


class Comparison:
    """The outcomes of all ways, side by side."""

    def __init__(self, outcomes, explanations):
        self.outcomes = outcomes
        self.explanations = explanations
        self.direct = next((one for one in outcomes if one.way == "direct"), None)

    def tests(self):
        seen = {}
        for outcome in self.outcomes:
            seen.update(outcome.results)
        return list(seen)

    def word(self, outcome, test):
        """How a test went over one way: ok, as direct, explained, failed, stalled, not run."""
        result = outcome.results.get(test, "not run")
        if result != "failed" or outcome is self.direct:
            return result
        lines = differing_lines(outcome.diffs.get(test, ""))
        if self.direct and lines and lines == differing_lines(self.direct.diffs.get(test, "")):
            return "as direct"
        explanation = self.explanations.get(test)
        return "explained" if explanation and lines and explanation.covers(
            outcome.way, lines) else "failed"

    def unexplained(self):
        """What must not be: (way, test, what)."""
        found = [(outcome.way, test, self.word(outcome, test)) for outcome in self.outcomes
                 for test in self.tests() if outcome is not self.direct
                 and self.word(outcome, test) not in ("ok", "as direct", "explained")]
        return found + [(outcome.way, "pgweir itself", outcome.trouble)
                        for outcome in self.outcomes if outcome.trouble]

    def rows(self):
        return [[test] + [self.word(outcome, test) for outcome in self.outcomes]
                for test in self.tests()]

    # --- for people

    def table(self, everything=False):
        """In Markdown: the tests that are not ok everywhere, or all of them."""
        rows = [row for row in self.rows() if everything or set(row[1:]) != {"ok"}]
        lines = [["test"] + [outcome.way for outcome in self.outcomes],
                 ["---"] * (len(self.outcomes) + 1), *rows, self.sums()]
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)

    def sums(self):
        rows = self.rows()
        return ["**ok, of %d**" % len(rows)] + [
            f"**{sum(row[column] == 'ok' for row in rows)}**"
            for column in range(1, len(self.outcomes) + 1)]

    def explained(self):
        """The explanations that were needed, in Markdown."""
        needed = [row[0] for row in self.rows() if "explained" in row]
        return "".join(f"- **{test}**: {self.explanations[test].why}\n" for test in needed)
