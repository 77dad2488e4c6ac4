#!/usr/bin/python3
"""Prints which (state, message) pairs the tests executed: pairs.py FILE

FILE is what processes of a PGWEIR_COVERAGE build appended at their end ($PGWEIR_PAIRS): lines of
"TABLE STATE TYPE COUNT" (proxy/watch/pairs.h).  The states and messages are read from the sources,
so that a new state is in the table, and missing, before anybody thinks of it.  Ends with status 1
if a pair of the client side was not executed.
"""

import os
import re
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
FIRST, CLIENT, HELD, SERVER, ANSWER = range(5)  # enum pairs_table
NO_REQUEST = 15
# In these no message can be looked at: there is no socket, or packets without a type.
WITHOUT_MESSAGES = {"startup": "see the first packets", "connecting": "no byte can come",
                    "closed": "its socket is closed"}
OTHER = "other"  # any byte that is no message of this side


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def enumerators(path, enum, prefix):
    """The names of an enum, in order."""
    body = re.search(rf"enum {enum} {{(.*?)\n}}", read(path), re.S).group(1)
    return [name.lower() for name in re.findall(rf"^\t{prefix}(\w+)", body, re.M)]


def states(path, prefix):
    """The words of a list of X(NAME, "word")."""
    return re.findall(rf'X\({prefix}\w+, "(\w+)"\)', read(path))


def letters(side):
    return re.findall(rf"MESSAGE\({side}, '(.)'", read("src/wire/message.def"))


def load(path):
    """{table: {(state, type): count}}"""
    tables = {table: {} for table in range(5)}
    with open(path, encoding="ascii") as file:
        for line in file:
            table, state, kind, count = map(int, line.split())
            found = tables[table]
            found[state, chr(kind)] = found.get((state, chr(kind)), 0) + count
    return tables


def count_of(found, state, column, columns):
    """How often a column was met; OTHER stands for all types that have none."""
    if column != OTHER:
        return found.get((state, column), 0)
    return sum(count for (where, kind), count in found.items()
               if where == state and kind not in columns)


def label(column):
    return {"\0": "0"}.get(column, column)


def show(title, rows, columns, found):
    """Prints one table; returns the pairs that are missing.  rows: [(state, word)]"""
    print(f"\n{title}")
    print(f"{'':14}" + "".join(f"{label(column):>3}" for column in columns).replace("other", " other"))
    missing = []
    for state, word in rows:
        counts = [count_of(found, state, column, columns) for column in columns]
        print(f"{word:14}" + "".join(f"{'+' if count else '-':>3}" for count in counts))
        missing += [f"({word}, {label(column)})" for column, count in zip(columns, counts) if not count]
    total = len(rows) * len(columns)
    print(f"{total - len(missing)} of {total} pairs executed"
          + (f"; never: {' '.join(missing)}" if missing else ""))
    return missing


def with_messages(words):
    return [(i, word) for i, word in enumerate(words) if word not in WITHOUT_MESSAGES]


def show_first(found):
    kinds = enumerators("src/wire/startup.h", "startup_kind", "STARTUP_")
    counts = {kind: found.get((i, "\0"), 0) for i, kind in enumerate(kinds)}
    print("\nfirst packets, executed: " + " ".join(kind for kind in kinds if counts[kind]))
    missing = [kind for kind in kinds if not counts[kind]]
    if missing:
        print("never: " + " ".join(missing))
    return missing


def merge(*tables):
    found = {}
    for table in tables:
        for pair, count in table.items():
            found[pair] = found.get(pair, 0) + count
    return found


def main():
    tables = load(sys.argv[1])
    missing = show_first(tables[FIRST])
    missing += show(
        f"client: state × message (0: a first packet again; other: any other byte; where "
        "messages wait: was there, unread)",
        with_messages(states("proxy/client/session.h", "SESSION_")),
        letters("CLIENT") + ["\0", OTHER], merge(tables[CLIENT], tables[HELD]))
    from_servers = letters("SERVER") + [OTHER]
    show("server: state × message",
         with_messages(states("proxy/server/server.h", "SERVER_")), from_servers, tables[SERVER])
    kinds = enumerators("proxy/server/server.h", "request_kind", "REQUEST_")
    show("server: oldest request × message", [*enumerate(kinds), (NO_REQUEST, "none")],
         from_servers, tables[ANSWER])
    print("\nleft out: " + "; ".join(f"{word}, {why}" for word, why in WITHOUT_MESSAGES.items()))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
