"""Messages of PostgreSQL's protocol 3 as bytes: made, and read from any stream.

Nothing here checks what it is told to make: a wrong length or an unknown letter is made as
readily as a right one.  Letters are str, bodies and values are bytes.
"""

import struct
from typing import NamedTuple

PROTOCOL_3 = 3 << 16
SSL_REQUEST = struct.pack("!II", 8, 1234 << 16 | 5679)
GSS_REQUEST = struct.pack("!II", 8, 1234 << 16 | 5680)


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def texts(*strings):
    """Each string with its NUL."""
    return b"".join(as_bytes(string) + b"\0" for string in strings)


def frame(letter, body=b"", length=None):
    """A message; `length` lies about its size."""
    size = len(body) + 4 if length is None else length & 0xffffffff
    return as_bytes(letter) + struct.pack("!I", size) + body


def packet(code, body=b"", length=None):
    """A first packet, which has no letter."""
    size = len(body) + 8 if length is None else length & 0xffffffff
    return struct.pack("!II", size, code) + body


def startup(user="app", database="app", version=PROTOCOL_3, **parameters):
    pairs = {"user": user, "database": database, **parameters}
    body = b"".join(texts(name, value) for name, value in pairs.items() if value is not None)
    return packet(version, body + b"\0")


def cancel(process, secret):
    return packet(1234 << 16 | 5678, struct.pack("!II", process, secret))


# --- from a client

def query(sql):
    return frame("Q", texts(sql))


def parse(sql, name="", types=()):
    return frame("P", texts(name, sql) + struct.pack(f"!H{len(types)}I", len(types), *types))


def bind(statement="", values=(), portal=""):
    body = texts(portal, statement) + struct.pack("!HH", 0, len(values))
    for value in values:
        body += struct.pack("!i", -1) if value is None else \
            struct.pack("!I", len(as_bytes(value))) + as_bytes(value)
    return frame("B", body + struct.pack("!H", 0))


def describe(what="P", name=""):
    return frame("D", as_bytes(what) + texts(name))


def close(what="S", name=""):
    return frame("C", as_bytes(what) + texts(name))


def execute(portal="", limit=0):
    return frame("E", texts(portal) + struct.pack("!i", limit))


SYNC, FLUSH, TERMINATE = frame("S"), frame("H"), frame("X")


def one_query(sql, values=()):
    """Parse to Sync with the unnamed statement and portal."""
    return parse(sql) + bind(values=values) + describe() + execute() + SYNC


# --- from a server

def authentication(code, data=b""):
    return frame("R", struct.pack("!I", code) + data)


def parameter_status(name, value):
    return frame("S", texts(name, value))


def ready(status="I"):
    return frame("Z", as_bytes(status))


def row_description(*names):
    body = struct.pack("!H", len(names))
    for name in names:
        body += texts(name) + struct.pack("!IHIhih", 0, 0, 25, -1, -1, 0)
    return frame("T", body)


def data_row(*values):
    body = struct.pack("!H", len(values))
    for value in values:
        body += struct.pack("!i", -1) if value is None else \
            struct.pack("!I", len(as_bytes(value))) + as_bytes(value)
    return frame("D", body)


def complete(tag):
    return frame("C", texts(tag))


def error(sqlstate, message, severity="ERROR", letter="E"):
    """An ErrorResponse; a field of None is left out."""
    fields = {"S": severity, "V": severity, "C": sqlstate, "M": message}
    body = b"".join(as_bytes(code) + texts(value) for code, value in fields.items()
                    if value is not None)
    return frame(letter, body + b"\0")


def notice(message):
    return error("00000", message, severity="NOTICE", letter="N")


def notification(channel, payload="", process=1):
    return frame("A", struct.pack("!I", process) + texts(channel, payload))


# --- read

class Message(NamedTuple):
    type: str
    body: bytes

    @property
    def fields(self):
        """ErrorResponse, NoticeResponse: {"C": "42601", …}"""
        parts = self.body.rstrip(b"\0").split(b"\0")
        return {part[:1].decode("latin-1"): part[1:].decode(errors="replace") for part in parts}

    @property
    def values(self):
        """DataRow: the columns."""
        count, at, values = struct.unpack_from("!H", self.body)[0], 2, []
        for _ in range(count):
            size, at = struct.unpack_from("!i", self.body, at)[0], at + 4
            values.append(None if size < 0 else self.body[at:at + size])
            at += max(size, 0)
        return values

    @property
    def text(self):
        """CommandComplete and others with one string; ReadyForQuery's status."""
        return self.body.rstrip(b"\0").decode(errors="replace")

    def bytes(self):
        return frame(self.type, self.body)


class Closed(Exception):
    """The peer closed the connection; `rest` is what came of an incomplete message."""

    def __init__(self, rest=b""):
        super().__init__(f"closed by the peer, {len(rest)} bytes of a message before it")
        self.rest = rest


class Stream:
    """Messages from a socket.  A reset by the peer counts as its end."""

    def __init__(self, sock):
        self.sock = sock
        self.held = bytearray()

    def need(self, size):
        """Exactly `size` bytes."""
        while len(self.held) < size:
            try:
                more = self.sock.recv(max(65536, size - len(self.held)))
            except (ConnectionResetError, BrokenPipeError):
                more = b""
            if not more:
                raise Closed(bytes(self.held))
            self.held += more
        taken = bytes(self.held[:size])
        del self.held[:size]
        return taken

    def read(self):
        header = self.need(5)
        return Message(chr(header[0]), self.need(struct.unpack("!I", header[1:])[0] - 4))

    def read_packet(self):
        """A first packet: (code, body)."""
        size, code = struct.unpack("!II", self.need(8))
        return code, self.need(size - 8)
