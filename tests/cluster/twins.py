"""Runs a script of differential/ against any server and keeps every message that came back.

The server is PostgreSQL or a pgweir in front of it.  What is kept is compared byte by byte; all
that may differ is in ALLOWED.
"""

import os
import re
import sys
import threading

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../wire"))

import messages as m  # noqa: E402  (needs the path above)
from peers import EvilClient, LoginFailed  # noqa: E402

from differential.notation import Beside, Elsewhere, Start, line_of  # noqa: E402

SILENCE_S = 20
SMALL_BYTES = 32 * 1024  # the kernel takes so much without a reader
SHOWN_BYTES = 300
LAST_QUESTION = m.query("select 'the session still answers'")


def closed(rest=b""):
    return m.Message("closed", rest)


SILENT = m.Message("silent", b"")


def printable(message):
    """A message as one line of a report."""
    if message.type in ("E", "N"):
        return f"{message.type} {message.fields}"
    rest = len(message.body) - SHOWN_BYTES
    return f"{message.type} {message.body[:SHOWN_BYTES]}" + (f"… {rest} bytes more" if rest > 0 else "")


# --- what may differ

def without_key(message):
    return m.Message("K", b"") if message.type == "K" else message


def without_sender(message):
    return m.Message("A", bytes(4) + message.body[4:]) if message.type == "A" else message


def without_place(message):
    if message.type not in ("E", "N"):
        return message
    return m.Message(message.type, re.sub(rb"(?<=\0)F[^\0]*\0L[^\0]*\0R[^\0]*\0", b"", message.body))


def is_our_own(message):
    return message.type in ("E", "N") and message == without_place(message)


ALLOWED = {
    "BackendKeyData": "each session has its own, and pgweir's are not the server's",
    "NotificationResponse: process": "the sender is another server process in each session",
    "ParameterStatus at login: order": "PostgreSQL promises none; settings of the client come last",
    "ErrorResponse: file, line, routine": "an error of pgweir's own names no place in PostgreSQL",
}


def comparable(messages):
    """The same messages without what may differ between any two sessions."""
    messages = [without_sender(without_key(message)) for message in messages]
    greeted = next((at for at, message in enumerate(messages) if message.type == "K"), 0)
    reported = [message for message in messages[:greeted] if message.type == "S"]
    others = [message for message in messages[:greeted] if message.type != "S"]
    return others + sorted(reported) + messages[greeted:]


def compare(expected, got):
    """Both without what may differ: equal if PostgreSQL could have sent `got`, too."""
    expected, got = comparable(expected), comparable(got)
    for at, (wanted, message) in enumerate(zip(expected, got)):
        if is_our_own(message):
            expected[at] = without_place(wanted)
    return expected, got


# --- a client that follows a script

class Client(EvilClient):
    """One session; `told` is all it was told, but for authentication."""

    def __init__(self, port):
        super().__init__(port)
        self.sock.settimeout(SILENCE_S)
        self.told, self.status, self.is_over = [], "I", False

    def read(self):
        try:
            message = super().read()
        except m.Closed as end:
            self.told.append(closed(end.rest))
            raise
        except TimeoutError:
            self.told.append(SILENT)
            raise
        if message.type == "Z":
            self.status = message.text
        if message.type != "R":
            self.told.append(message)
        return message

    def log_in(self, first, secret, database):
        try:
            self.send(m.startup(first.user, **{"database": database, **first.parameters}))
            self.authenticate(first.user, secret)
        except LoginFailed:
            pass  # what it was told is kept; the end follows
        self.follow("Z")

    def follow(self, letters):
        """Reads until each of `letters` has come, or the end."""
        try:
            for letter in letters:
                self.read_until(letter)
        except (m.Closed, TimeoutError):
            self.is_over = True

    def play(self, line):
        """Writes a line while it reads the answers."""
        data = b"".join(line.messages)
        writer = threading.Thread(target=self.send_if_open, args=(data,), daemon=True)
        if len(data) > SMALL_BYTES:
            writer.start()
        else:
            self.send_if_open(data)
        self.follow(line.letters)
        if len(data) > SMALL_BYTES:
            writer.join(SILENCE_S)

    def say_good_bye(self):
        if not self.is_over:
            self.play(line_of(LAST_QUESTION))
        self.send_if_open(m.TERMINATE)
        while not self.is_over:
            self.follow("Z")
        self.close()


class Twin:
    """A server that plays scripts: the primary itself or a pgweir.

    `before_line` is called before each line that does not find the session in a transaction, and
    `elsewhere` does what a script wants of another session.
    """

    def __init__(self, port, users, database, elsewhere, before_line=None):
        self.port, self.users, self.database = port, users, database
        self.elsewhere, self.before_line = elsewhere, before_line

    def play(self, script):
        """The messages of a script, in a session of its own."""
        client = Client(self.port)
        steps = list(script)
        first = steps.pop(0) if isinstance(steps[0], Start) else Start("app", {})
        client.log_in(first, self.users[first.user], self.database)
        for step in steps:
            if client.is_over:
                break
            if isinstance(step, Elsewhere):
                self.elsewhere(step.sql)
                continue
            if isinstance(step, Beside):
                self.play([step.messages])
                continue
            if self.before_line and client.status == "I":
                self.before_line()
            client.play(line_of(step))
        client.say_good_bye()
        return client.told


class Mover:
    """Makes the next transaction of a session run on another connection of its pool.

    Of two sessions one holds a connection in a transaction; each move they change places, so that
    the connection used last is taken and another is free.
    """

    def __init__(self, port, users, database):
        self.sessions = [EvilClient(port).login("app", users["app"], database) for _ in range(2)]
        self.holds = False

    def __call__(self):
        first, second = self.sessions
        second.query("begin; select 1")
        if self.holds:
            first.query("commit")
        self.holds = True
        self.sessions.reverse()

    def close(self):
        for session in self.sessions:
            session.send(m.TERMINATE)
            session.close()


# --- the database that scripts find

MAKE = """
create sequence ticket;
create table word (n int primary key, text text);
create table late (n int unique deferrable initially deferred);
create table shape (a int, b text);
create table nothing ();
create type mood as enum ('sad', 'ok', 'happy');
create function say(what text) returns text language plpgsql volatile as
  $$begin raise notice '%', what using detail = 'said', hint = 'listen'; return what; end$$;
create function fail(what text) returns text language plpgsql volatile as
  $$begin raise exception '%', what using errcode = 'P0042', detail = 'failed'; end$$;
create function remember(name text, value text) returns text language plpgsql volatile as
  $$begin return set_config(name, value, false); end$$;
"""
RESET = """
truncate word, late, shape, nothing;
alter table shape alter a type int using a::int;
insert into word values (1, 'one'), (2, 'two'), (3, 'three');
insert into shape values (1, 'x');
insert into nothing default values; insert into nothing default values;
alter sequence ticket restart;
"""


def make_database(cluster, database):
    """Tables and functions for scripts, owned by app; nothing is changed but by RESET later."""
    cluster.create_database(database)
    cluster.primary.psql("create role chief superuser login password 'chief-secret'")
    wide = ", ".join(f"c{number} int" for number in range(1, 1601))
    cluster.primary.psql(f"set role app; {MAKE} create table wide ({wide});"
                         " insert into wide (c1, c800, c1600) values (1, 800, 1600);"
                         f"{RESET}", database)
    cluster.wait_replayed()


class Keeper:
    """Puts the database back to what it was, and waits until every replica shows that."""

    def __init__(self, cluster, database, password):
        def login(node):
            return EvilClient(node.port).login("postgres", password, database)

        self.primary = login(cluster.primary)
        self.replicas = [login(node) for node in cluster.replicas]
        self.position, self.is_everywhere = self.ask_position(), True

    def ask_position(self):
        return self.primary.query("select pg_current_wal_insert_lsn()").value

    def do(self, sql, everywhere=True):
        """Runs `sql` on the primary; with `everywhere` replicas show it when this returns."""
        result = self.primary.query(sql)
        assert not result.errors, (sql, result.errors)
        if everywhere:
            self.wait_replayed()

    def wait_replayed(self):
        position = self.primary.query("select pg_current_wal_flush_lsn()").value
        for replica in self.replicas:
            while replica.query(
                    f"select pg_last_wal_replay_lsn() >= '{position}'").value != "t":
                pass

    def reset(self, everywhere):
        """RESET, unless nothing was written since the last one."""
        if self.ask_position() != self.position:
            self.do(RESET, everywhere=False)
            self.position, self.is_everywhere = self.ask_position(), False
        if everywhere and not self.is_everywhere:
            self.wait_replayed()
            self.is_everywhere = True

    def close(self):
        for session in [self.primary, *self.replicas]:
            session.send(m.TERMINATE)
            session.close()
