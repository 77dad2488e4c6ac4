"""Reads the corpus: what each statement is, by PostgreSQL's documentation (see README.md here).

A file is a list of sections; a section is lines that begin with --- and then statements, one a
line; a line that begins with a blank goes on with the statement before it.
"""

import os
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMA = "routed"  # in the files; each protocol has a schema of its own
KINDS = ("harmless", "primary", "either")
ANY = "any"


@dataclass(frozen=True)
class Section:
    kind: str
    subject: str
    first: tuple = ()  # statements that its session sends before, each a message
    because: str = ""  # why `either`, or why more than the contract asks
    error: str = None  # the SQLSTATE that each statement ends with; ANY: not looked at
    known: str = None  # why each statement goes where it should not, today
    values: tuple = ()  # of the parameters: extended protocol only
    is_simple_only: bool = False
    changes_schema: bool = False


@dataclass(frozen=True)
class Statement:
    sql: str
    section: Section
    place: str  # file:line

    @property
    def kind(self):
        return self.section.kind

    def is_for(self, protocol):
        return not (self.section.is_simple_only if protocol == "extended" else self.section.values)

    def text(self, schema):
        return in_schema(self.sql, schema)

    def first(self, schema):
        return [in_schema(sql, schema) for sql in self.section.first]


def in_schema(text, schema):
    return text.replace(SCHEMA, schema)


def read(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()


def add_directive(section, word, value):
    """Section's arguments with one directive more."""
    if word == "first":
        section["first"] = (*section.get("first", ()), value)
    elif word == "values":
        section["values"] = tuple(value.split(", "))
    elif word in ("because", "error", "known"):
        section[word] = value
    elif word in ("simple", "ddl"):
        section["is_simple_only" if word == "simple" else "changes_schema"] = True
    else:
        raise ValueError(f"unknown directive {word}")


def parse(name):
    """The statements of one file."""
    found, section = [], None
    for number, line in enumerate(read(name).split("\n"), 1):
        if line.startswith("---"):
            word, _, value = line[3:].strip().partition(": ")
            if word in KINDS:
                section = {"kind": word, "subject": value}
            else:
                add_directive(section, word, value)
        elif line[:1] in (" ", "\t"):
            sql, arguments, place = found[-1]
            found[-1] = (f"{sql}\n{line}", arguments, place)
        elif line:
            found.append((line, section, f"{name}:{number}"))
    return [Statement(sql, Section(**arguments), place) for sql, arguments, place in found]


def load():
    """Harmless ones first, DDL last: while a catalogue is read anew, more stays on the primary
    than would otherwise, and hides what is judged wrong."""
    names = sorted(name for name in os.listdir(HERE)
                   if name.endswith(".sql") and name != "schema.sql")
    statements = [statement for name in names for statement in parse(name)]
    return sorted(statements, key=lambda one: (one.section.changes_schema,
                                               KINDS.index(one.kind)))


def setup(schema):
    return in_schema(read("schema.sql"), schema)
