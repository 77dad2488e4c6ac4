"""Tagged statements on raw sockets, fast: every byte of every answer is known in advance.

Each statement carries a tag (client, sequence, 128 random bits) of fixed length, and so does all
that it answers: rows, notices, errors.  What PostgreSQL itself answers to a form of statement with
the tag PLACE is learnt once on a direct connection; the answer to any other tag is the same bytes
with that tag in them.  So a pipeline's answer is compared as one string, whatever is in it.

    tagged.py FORMS PORT SEED CONNECTIONS COUNT   asks COUNT statements; 1: a wrong byte came
    tagged.py FORMS PORT SEED CONNECTIONS --ask   the same, till stdin ends
    tagged.py FORMS PORT SEED CONNECTIONS --die   clients that die at any byte, till stdin ends

Prints {"answers": …, "bytes": …, "deaths": …} as its last line.
"""

import json
import os
import pickle
import random
import select
import selectors
import socket
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../wire"))

import messages as m  # noqa: E402  (needs the path above)
import peers  # noqa: E402

TAG_BYTES = 44
PLACE = "~" * TAG_BYTES
USER, PASSWORD, DATABASE = "app", "app-secret", "app"
PREPARED = m.parse("select $1::text, 7::int8", "tagged") + m.SYNC
IS_PREPARED = m.frame("1") + m.ready()
CHUNK = 1 << 18


class Foreign(Exception):
    """A byte came that is not of the answer."""


def extended(sql, values=(), results=0):
    """One batch with the unnamed statement; `results`: 1 asks for binary columns."""
    bind = m.bind(values=values)[:-2] + (b"\0\1\0\1" if results else b"\0\0")
    # The length stands before the body: two more bytes for one format code.
    if results:
        bind = bind[:1] + (int.from_bytes(bind[1:5], "big") + 2).to_bytes(4, "big") + bind[5:]
    return m.parse(sql) + bind + m.describe() + m.execute() + m.SYNC


def sized(count):
    return extended("select repeat($1::text, $2::int)", [PLACE, str(count)])


def upload(size):
    return m.query(f"select length('{'u' * size}'), '{PLACE}'")


def prepared(count):
    return (m.bind("tagged", [PLACE]) + m.execute()) * count + m.SYNC


# What is asked and how often: (weight, statements that answer, bytes).
REQUESTS = [
    (200, 1, m.query(f"select '{PLACE}'")),
    (60, 1, m.query(f"select left('{PLACE}', 1)")),
    (50, 2, m.query(f"select '{PLACE}'; select 2, '{PLACE}'")),
    (150, 1, extended("select $1::text, 7::int8", [PLACE])),
    (80, 1, extended("select $1::text, 7::int8", [PLACE], results=1)),
    (150, 1, prepared(1)),
    (40, 5, prepared(5)),
    (40, 1, m.query(f"select '{PLACE}'::int")),
    (40, 1, extended("select $1::text::int", [PLACE])),
    (20, 2, m.bind("tagged", [PLACE]) + m.execute() + m.parse(f"select '{PLACE}'::int") + m.bind()
     + m.execute() + m.bind("tagged", [PLACE]) + m.execute() + m.SYNC),
    (20, 1, m.query(f"do $do$ begin raise notice '{PLACE}'; end $do$")),
    (20, 1, m.query(f"select concat('{PLACE}'); select '{PLACE}'::int; select 'never'")),
    (20, 3, m.query("begin") + m.query(f"select '{PLACE}'") + prepared(1) + m.query("commit")
     + m.query(f"select '{PLACE}'")),
    (20, 2, m.query("begin") + m.query(f"select '{PLACE}'::int") + m.query(f"select '{PLACE}'")
     + m.query("rollback")),
    (20, 2, m.query("begin") + m.parse(f"select '{PLACE}', i from generate_series(1, 5) i")
     + m.bind(portal="p") + m.execute("p", 2) + m.execute("p", 2) + m.execute("p", 0) + m.SYNC
     + m.query("end")),
    (20, 1, m.query(f"copy (select '{PLACE}', i from generate_series(1, 20) i) to stdout")),
    (20, 1, m.query(f"select '{PLACE}', i from generate_series(1, 50) i")),
    (20, 1, upload(1000)), (5, 1, upload(30000)), (1, 1, upload(60000)),
    (40, 1, sized(2)), (40, 1, sized(23)), (20, 1, sized(200)), (5, 1, sized(1500)),
    (3, 1, sized(1600)), (1, 1, sized(7000)), (0.5, 1, sized(24000)), (0.02, 1, sized(190000)),
]


# --- what PostgreSQL answers

def tagged(data, tag):
    """A tag begins with a letter: it is no number, and `left(tag, 1)` is told from the rest."""
    data = data.replace(PLACE.encode(), tag)
    return data.replace(b"~", tag[:1])


def ask(client, request):
    """The bytes of the answer, up to the ReadyForQuery of a last, known answer."""
    client.send(request, m.query("select 'END'"))
    last = m.row_description("?column?") + m.data_row("END") + m.complete("SELECT 1") + m.ready()
    answer = b""
    while not answer.endswith(last):
        answer += client.read().bytes()
    return answer.removesuffix(last)


def learn(port, requests=None):
    """[(weight, count, request, answer)] from a server itself; each is tried with two more tags."""
    forms = []
    with peers.EvilClient(port).login(USER, PASSWORD, DATABASE) as client:
        ask(client, PREPARED)
        for weight, count, request in requests or REQUESTS:
            answer = ask(client, request)
            for tag in (b"t" + b"0" * 43, b"t" + b"f" * 43):
                got = ask(client, tagged(request, tag))
                assert got == tagged(answer, tag), (request[:200], got[:400], answer[:400])
            forms.append((weight, count, request, answer))
    return forms


# --- one client

class Conversation:
    """A connection that always has one pipeline outstanding."""

    def __init__(self, port, number, forms, dice, dies=False):
        self.port, self.number, self.forms, self.dice, self.dies = port, number, forms, dice, dies
        self.weights = [form[0] for form in forms]
        self.sequence = self.answers = self.bytes = self.deaths = 0
        self.connect()

    def connect(self):
        client = peers.EvilClient(self.port).login(USER, PASSWORD, DATABASE)
        assert not client.stream.held
        self.sock = client.sock
        self.sock.setblocking(False)
        # Not asked and waited for: the one connection may be held by another client of ours.
        self.begin(PREPARED, IS_PREPARED)

    def next_tag(self):
        self.sequence += 1
        tag = b"t%04x%07x%032x" % (self.number, self.sequence, self.dice.getrandbits(128))
        assert len(tag) == TAG_BYTES
        return tag

    def begin(self, ahead=b"", answer=b""):
        depth = self.dice.choice((1, 1, 1, 2, 3, 5, 10, 20, 50))
        chosen = self.dice.choices(self.forms, self.weights, k=depth)
        tags = [self.next_tag() for _ in chosen]
        pairs = list(zip(chosen, tags))
        self.out = memoryview(ahead + b"".join(tagged(form[2], tag) for form, tag in pairs))
        self.expected = answer + b"".join(tagged(form[3], tag) for form, tag in pairs)
        self.count, self.at = sum(form[1] for form in chosen), 0
        self.dies_at = self.dies_asking = None
        if self.dies:
            self.choose_death()

    def choose_death(self):
        if self.dice.random() < 0.3:
            self.dies_asking = self.dice.randrange(1, len(self.out) + 1)
            self.out = self.out[:self.dies_asking]
        else:
            self.dies_at = self.dice.choice((self.dice.randrange(len(self.expected) + 1),
                                             self.dice.randrange(200)))

    def events(self):
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self.out else 0)

    def step(self, events):
        if events & selectors.EVENT_WRITE and self.out:
            self.out = self.out[self.sock.send(self.out[:CHUNK]):]
        if self.dies_asking is not None and not self.out:
            self.die()
        elif events & selectors.EVENT_READ:
            self.take(self.sock.recv(CHUNK))

    def take(self, got):
        if not got:
            raise Foreign(f"closed at byte {self.at} of {len(self.expected)}")
        if not self.expected.startswith(got, self.at):
            self.report(got)
        self.at += len(got)
        self.bytes += len(got)
        if self.dies_at is not None and self.at >= self.dies_at:
            self.die()
        elif self.at == len(self.expected):
            self.answers += self.count
            self.begin()

    def report(self, got):
        wanted = self.expected[self.at:self.at + len(got)]
        same = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b), len(wanted))
        raise Foreign(f"client {self.number:04x}, byte {self.at + same} of {len(self.expected)}: "
                      f"got {got[max(same - 60, 0):same + 120]!r}, "
                      f"wanted {wanted[max(same - 60, 0):same + 120]!r}")

    # --- ends

    def die(self):
        self.deaths += 1
        self.dice.choice((self.reset, self.half_close, self.terminate, self.sock.close))()
        self.connect()

    def reset(self):
        peers.reset(self.sock)

    def half_close(self):
        """What still comes must be of the answer, too."""
        self.sock.shutdown(socket.SHUT_WR)
        self.dies_at = self.dies_asking = None
        self.finish_reading()
        self.sock.close()

    def terminate(self):
        """Good-bye, at whatever byte of a message."""
        self.sock.setblocking(True)
        try:
            self.sock.sendall(m.TERMINATE)
        except OSError:
            pass
        self.sock.close()

    def finish_reading(self):
        self.sock.settimeout(60)
        try:
            while got := self.sock.recv(CHUNK):
                if not self.expected.startswith(got, self.at):
                    # A request that was cut in a Query may be refused as a whole.
                    self.report(got)
                self.at += len(got)
        except ConnectionResetError:
            pass


# --- all clients of a process

def is_over(limit, conversations):
    if limit is None:
        return bool(select.select([sys.stdin], [], [], 0)[0])
    return sum(one.answers for one in conversations) >= limit


def run(conversations, limit):
    selector = selectors.DefaultSelector()
    while not is_over(limit, conversations):
        for key in list(selector.get_map().values()):
            selector.unregister(key.fileobj)
        for one in conversations:
            selector.register(one.sock, one.events(), one)
        ready = selector.select(60)
        if not ready:
            raise Foreign("nothing came for 60 s")
        for key, events in ready:
            key.data.step(events)


def main():
    path, port, seed, connections, limit = sys.argv[1:]
    with open(path, "rb") as file:
        forms = pickle.load(file)
    dies = limit == "--die"
    dice = random.Random(int(seed))
    everyone = [Conversation(int(port), int(seed) * 64 + i, forms, dice, dies)
                for i in range(int(connections))]
    try:
        run(everyone, None if limit.startswith("--") else int(limit))
    finally:
        print(json.dumps({name: sum(getattr(one, name) for one in everyone)
                          for name in ("answers", "bytes", "deaths")}), flush=True)


if __name__ == "__main__":
    main()
