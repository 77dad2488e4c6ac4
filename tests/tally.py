"""Reads what a test runner wrote and prints "PASSED FAILED SKIPPED" for tests/run.

usage: tally.py ctest|pytest JUNIT.xml FAILURES, where FAILURES gets a line for each failed test.
A program of unit tests counts by the tests in it, which cmocka prints; one that died before it
could print counts as one failed test.
"""

import re
import sys
import xml.etree.ElementTree as tree


def outcome(case):
    """passed, failed or skipped."""
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
        return "skipped"
    return "passed"


def cmocka_sums(case):
    """What the program's own output says: passed, failed, skipped."""
    text = case.findtext("system-out") or ""
    sums = []
    for word in ("PASSED", "FAILED", "SKIPPED"):
        found = re.findall(rf"\[ +{word} +\] (?:.*: )?(\d+) test\(s\)", text)
        sums.append(sum(map(int, found)))
    return sums


def tally(kind, path):
    passed, failed, skipped, names = 0, 0, 0, []
    for case in tree.parse(path).iter("testcase"):
        what = outcome(case)
        name = "::".join(filter(None, (case.get("classname"), case.get("name"))))
        inner = cmocka_sums(case) if kind == "ctest" and what != "skipped" else [0, 0, 0]
        if what == "failed":
            failed += max(1, inner[1])
            names.append(case.get("name") if kind == "ctest" else name)
        elif what == "skipped":
            skipped += 1
        passed += inner[0] or (what == "passed")
        skipped += inner[2]
    return passed, failed, skipped, names


def main():
    kind, path, failures = sys.argv[1:]
    try:
        passed, failed, skipped, names = tally(kind, path)
    except (OSError, tree.ParseError) as error:
        sys.exit(f"tally: {error}")
    with open(failures, "w", encoding="utf-8") as file:
        file.writelines(f"{name}\n" for name in names)
    print(passed, failed, skipped)


if __name__ == "__main__":
    main()
