"""How a script is written: a list of lines, each what a client writes at once.

A line is a message, a list of messages, or one of the steps below.  After a line the client reads
until one ReadyForQuery has come for each Query, Sync and FunctionCall in it; until("G", …) reads
up to these letters instead, in this order.  After the last line the client asks a question more,
which shows whether anything was left over, and says good-bye.

Messages have the letter of the protocol: Q Query, P Parse, B Bind, DS and DP Describe, E Execute,
CS and CP Close, S Sync, H Flush, F FunctionCall, X Terminate; d, c, f are CopyData, Done, Fail.
"""

import os
import struct
import sys
from typing import NamedTuple

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../wire"))

import messages as m  # noqa: E402  (needs the path above)

INT, TEXT, BYTEA, BOOL, UNKNOWN = 23, 25, 17, 16, 705

Q, S, H, X = m.query, m.SYNC, m.FLUSH, m.TERMINATE
c = m.frame("c")


def P(sql, name="", types=()):
    return m.parse(sql, name, types)


def B(*values, of="", portal="", formats=(), results=()):
    """Values are text, bytes, or None; formats 0 and 1 are text and binary."""
    body = m.texts(portal, of)
    body += struct.pack(f"!H{len(formats)}H", len(formats), *formats)
    body += struct.pack("!H", len(values))
    for value in values:
        data = None if value is None else m.as_bytes(value)
        body += struct.pack("!i", -1) if data is None else struct.pack("!I", len(data)) + data
    return m.frame("B", body + struct.pack(f"!H{len(results)}H", len(results), *results))


def DS(name=""):
    return m.describe("S", name)


def DP(name=""):
    return m.describe("P", name)


def E(limit=0, portal=""):
    return m.execute(portal, limit)


def CS(name=""):
    return m.close("S", name)


def CP(name=""):
    return m.close("P", name)


def d(data):
    return m.frame("d", m.as_bytes(data))


def f(reason):
    return m.frame("f", m.texts(reason))


def F(function, *arguments, formats=(1,), result=1):
    """A FunctionCall; arguments are bytes or None."""
    body = struct.pack(f"!IH{len(formats)}H", function, len(formats), *formats)
    body += struct.pack("!H", len(arguments))
    for value in arguments:
        body += struct.pack("!i", -1) if value is None else struct.pack("!I", len(value)) + value
    return m.frame("F", body + struct.pack("!H", result))


def int4(number):
    return struct.pack("!i", number)


raw = m.frame  # raw(letter, body, length): whatever the protocol forbids


def run(sql, *values):
    """Parse to Execute with the unnamed statement and portal."""
    return [P(sql), B(*values), DP(), E()]


# --- steps

class Line(NamedTuple):
    """Written at once; then the client reads until each of `letters` has come, in this order."""
    messages: list
    letters: str


class Elsewhere(NamedTuple):
    sql: str


class Beside(NamedTuple):
    messages: list


class Start(NamedTuple):
    user: str
    parameters: dict


def until(letters, *messages):
    """A line after which the client reads up to other letters than usual."""
    return Line(flatten(messages), letters)


def elsewhere(sql):
    """Meanwhile another session, a superuser's, does this on the primary."""
    return Elsewhere(sql)


def beside(*messages):
    """Before it goes on, another client of the same server asks this, and leaves."""
    return Beside(flatten(messages))


def start(user="app", **parameters):
    """The first step of a script may say how its client logs in."""
    return Start(user, parameters)


def line_of(step):
    """A Line from whatever a script may have in its place."""
    if isinstance(step, Line):
        return step
    messages = flatten(step)
    return Line(messages, answers(messages))


def flatten(line):
    """The messages of a line."""
    if isinstance(line, bytes):
        return [line]
    return [message for part in line for message in flatten(part)]


def answers(messages):
    """The letters that end what these messages ask for."""
    return "Z" * sum(message[:1] in (b"Q", b"S", b"F") for message in messages)
