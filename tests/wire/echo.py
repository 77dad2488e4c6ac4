"""What a FakeServer answers: a language of a few statements, in both protocols, and the control
plane's questions.

    select 'x'            one row        rows 3 1000 x    3 rows of 1000 bytes: "x", then dots
    select $1             a parameter    error x          42601 with the message x
    begin, commit, …      the status     sleep 0.5        answers late, can be cancelled
    notice x              a notice, then one row with x
    copy in, copy out     COPY           set, reset, discard, deallocate, insert: done
    listen, unlisten      till unlisten  what pgweir asks for itself about settings and pins

The order of messages is PostgreSQL's own, also after errors.
"""

import re
import struct
import time

import messages as m

PARAMETERS = {
    "server_version": "15.20", "server_encoding": "UTF8", "client_encoding": "UTF8",
    "application_name": "", "is_superuser": "off", "session_authorization": "app",
    "DateStyle": "ISO, MDY", "IntervalStyle": "postgres", "TimeZone": "Etc/UTC",
    "integer_datetimes": "on", "standard_conforming_strings": "on",
    "default_transaction_read_only": "off", "in_hot_standby": "off",
}
COPY_FORMAT = struct.pack("!BHH", 0, 1, 0)
TAGS = {"reset": "RESET", "discard": "DISCARD ALL", "deallocate": "DEALLOCATE", "set": "SET",
        "insert": "INSERT 0 1", "listen": "LISTEN", "unlisten": "UNLISTEN"}
TRANSACTION = {"begin": "T", "start": "T", "commit": "I", "end": "I", "rollback": "I", "abort": "I"}


class Failed(Exception):
    """The statement failed: (SQLSTATE, message)."""


def first_word(sql):
    found = re.match(r"\s*(?:/\*.*?\*/\s*)?(\w*)", sql, re.S)
    return found.group(1).lower()


def literal(sql):
    """The text of `select 'text'`; None: it is something else."""
    found = re.fullmatch(r"\s*(?:/\*.*?\*/\s*)?select\s+'((?:[^']|'')*)'\s*;?\s*", sql,
                         re.S | re.I)
    return found.group(1).replace("''", "'") if found else None


def answers_rows(sql):
    return first_word(sql) in ("select", "rows", "notice")


def result_rows(sql, values):
    """The rows of a statement that has some."""
    word, text = first_word(sql), literal(sql)
    if text is not None:
        return [text]
    if word == "rows":
        _, count, size, tag = sql.split()
        return [tag.ljust(int(size), ".")] * int(count)
    if word == "notice":
        return [sql.split(None, 1)[1]]
    return [values[0] if values else ""]


def refuse_if_aborted(connection, sql):
    if connection.status == "E" and TRANSACTION.get(first_word(sql)) != "I":
        raise Failed("25P02", "current transaction is aborted, commands ignored until end of "
                              "transaction block")


# --- one statement, without what frames it (RowDescription is the caller's)

def run(connection, sql, values=(), skip=0, limit=0):
    """Sends what the statement answers."""
    word = first_word(sql)
    if sql in connection.server.scripts:
        connection.server.scripts[sql](connection)
        return
    refuse_if_aborted(connection, sql)
    if word == "error":
        raise Failed("42601", sql)
    if word in TRANSACTION:
        run_transaction(connection, word)
    elif word == "sleep":
        sleep(connection, float(sql.split()[1]))
        connection.send(m.complete("SLEEP"))
    elif sql.startswith("copy in"):
        copy_in(connection)
    elif sql.startswith("copy out"):
        connection.send(m.frame("H", COPY_FORMAT), m.frame("d", b"1\n"), m.frame("d", b"2\n"),
                        m.frame("c"), m.complete("COPY 2"))
    elif is_question(sql):
        rows = answer_question(connection, sql, values)
        connection.send(*[m.data_row(*row) for row in rows], m.complete(f"SELECT {len(rows)}"))
    elif answers_rows(sql):
        run_rows(connection, sql, values, skip, limit)
    elif word in TAGS:
        note(connection, word, sql)
        if word == "discard" or sql.lower().split()[:2] == ["deallocate", "all"]:
            connection.statements.clear()
        connection.send(m.complete(TAGS[word]))
    else:
        raise Failed("42601", f'syntax error at or near "{word}"')


# --- settings and what binds to a connection

def is_question(sql):
    return "pg_catalog." in sql


def answer_question(connection, sql, values):
    """What pgweir asks for itself: set_config() of pairs, the values of names, what is left."""
    settings = connection.settings
    values = [value if value is None else value.decode() for value in values]
    if "set_config(" in sql:
        for name, value in zip(values[::2], values[1::2]):
            change(settings, name.lower(), value)
        return [values[1::2]]
    if "current_setting(n.name" in sql:
        columns = ["f"] if "reset_val" in sql else []
        return [[name, settings.get(name, PARAMETERS.get(name, "")),
                 *(columns and ["tf"[name in settings]])] for name in values]
    listens = "t" if connection.listens else "f"
    return [[listens if "listening" in part else "f"
             for part in sql.split("EXISTS")[1:] if "pg_depend" not in part]]


def change(settings, name, value):
    if value is None:
        settings.pop(name, None)
    else:
        settings[name] = value


def note(connection, word, sql):
    """What SET, RESET, DISCARD ALL and LISTEN leave."""
    words = sql.replace("=", " ").replace(" to ", " ").split()
    if word == "set":
        change(connection.settings, words[1].lower(), None if words[2] == "default" else words[2])
    elif word == "reset" and words[1] != "all":
        connection.settings.pop(words[1].lower(), None)
    elif word in ("reset", "discard") and words[1] == "all":
        connection.settings.clear()
    if word in ("listen", "unlisten"):
        connection.listens = word == "listen"


def run_rows(connection, sql, values, skip, limit):
    rows = result_rows(sql, values)[skip:]
    if first_word(sql) == "notice":
        connection.send(m.notice(rows[0]))
    for row in rows[:limit or None]:
        connection.send(m.data_row(row))
    # As PostgreSQL: a portal that gave as many as it was asked for may have more.
    is_suspended = limit and len(rows) >= limit
    connection.send(m.frame("s") if is_suspended else m.complete(f"SELECT {len(rows)}"))


def run_transaction(connection, word):
    failed = connection.status == "E" and word in ("commit", "end")
    if TRANSACTION[word] == "T":
        connection.before = dict(connection.settings)
    elif failed or word in ("rollback", "abort"):
        connection.settings = connection.before
    connection.status = TRANSACTION[word]
    tag = "BEGIN" if connection.status == "T" else "COMMIT" if word in ("commit", "end") else "ROLLBACK"
    connection.send(m.complete("ROLLBACK" if failed else tag))


def sleep(connection, seconds):
    connection.is_cancelled.clear()
    if connection.is_cancelled.wait(seconds):
        raise Failed("57014", "canceling statement due to user request")


def copy_in(connection):
    """Until CopyDone or CopyFail; Sync and Flush are ignored meanwhile, as PostgreSQL does."""
    connection.send(m.frame("G", COPY_FORMAT))
    count = 0
    while True:
        message = connection.read()
        if message.type == "d":
            if b"bad" in message.body:
                raise Failed("22P02", "invalid input for COPY")
            count += message.body.count(b"\n")
        elif message.type == "c":
            connection.send(m.complete(f"COPY {count}"))
            return
        elif message.type == "f":
            raise Failed("57014", f"COPY from stdin failed: {message.text}")
        elif message.type not in "HS":
            raise Failed("08P01", "unexpected message type during COPY from stdin")


# --- the protocol around it

def serve(connection):
    """Answers a client until it leaves."""
    steps = {"P": on_parse, "B": on_bind, "D": on_describe, "E": on_execute, "C": on_close}
    is_skipping = False  # after an error all is skipped up to Sync, a Query too
    while True:
        message = connection.read()
        if message.type == "X":
            return
        if message.type == "Q" and not is_skipping:
            on_query(connection, message.text)
        elif message.type == "S":
            is_skipping = False
            end_portals(connection)
            connection.send(m.ready(connection.status))
        elif message.type in steps and not is_skipping:
            try:
                steps[message.type](connection, message.body)
            except Failed as failure:
                fail(connection, failure)
                is_skipping = True
        elif message.type == "F" and not is_skipping:
            connection.send(m.frame("V", struct.pack("!i", -1)), m.ready(connection.status))
        elif message.type not in "HcdfPBDECFQ":
            connection.fatal("08P01", f"invalid frontend message type {ord(message.type)}")


def fail(connection, failure):
    connection.send(m.error(*failure.args))
    if connection.status == "T":
        connection.status = "E"


def on_query(connection, sql):
    """The simple protocol: all statements of the text, up to the first that fails."""
    connection.sql = sql
    if sql in connection.server.scripts:
        connection.server.scripts[sql](connection)
        return
    connection.statements.pop("", None)
    connection.portals.pop("", None)
    statements = [one.strip() for one in sql.split(";") if one.strip()] or [""]
    try:
        for one in statements:
            if not one:
                connection.send(m.frame("I"))
                continue
            if answers_rows(one) and connection.status != "E":
                connection.send(m.row_description("text"))
            run(connection, one)
    except Failed as failure:
        fail(connection, failure)
    connection.sql = None
    end_portals(connection)
    connection.send(m.ready(connection.status))


def end_portals(connection):
    """They live as long as their transaction."""
    if connection.status == "I":
        connection.portals.clear()


def on_parse(connection, body):
    name, sql, _ = body.split(b"\0", 2)
    name, sql = name.decode(), sql.decode()
    if not name:
        connection.statements.pop("", None)
    if first_word(sql) == "unparsable":
        raise Failed("42601", sql)
    if sql.strip():
        refuse_if_aborted(connection, sql)
    if name and name in connection.statements:
        raise Failed("42P05", f'prepared statement "{name}" already exists')
    connection.statements[name] = sql
    connection.send(m.frame("1"))


def statement_of(connection, name):
    if name not in connection.statements:
        raise Failed("26000", f'prepared statement "{name}" does not exist')
    return connection.statements[name]


def parameter_count(sql):
    return len(set(re.findall(r"\$\d+", sql)))


def on_bind(connection, body):
    portal, statement, rest = body.split(b"\0", 2)
    sql, portal = statement_of(connection, statement.decode()), portal.decode()
    refuse_if_aborted(connection, sql)
    if portal and portal in connection.portals:
        raise Failed("42P03", f'cursor "{portal}" already exists')
    at = 2 + 2 * struct.unpack_from("!H", rest)[0]
    row = m.Message("D", rest[at:]).values
    if len(row) != parameter_count(sql):
        raise Failed("08P01", f"bind message supplies {len(row)} parameters")
    connection.portals[portal] = [sql, row, 0]
    connection.send(m.frame("2"))


def on_describe(connection, body):
    what, name = chr(body[0]), body[1:-1].decode()
    if what == "S":
        sql = statement_of(connection, name)
        count = parameter_count(sql)
        connection.send(m.frame("t", struct.pack(f"!H{count}I", count, *[25] * count)))
    else:
        sql = portal_of(connection, name)[0]
    connection.send(m.row_description("text") if answers_rows(sql) else m.frame("n"))


def portal_of(connection, name):
    if name not in connection.portals:
        raise Failed("34000", f'portal "{name}" does not exist')
    return connection.portals[name]


def on_execute(connection, body):
    name, limit = body[:-5].decode(), struct.unpack("!i", body[-4:])[0]
    portal = portal_of(connection, name)
    sql, values, done = portal
    if not sql.strip():
        connection.send(m.frame("I"))
        return
    connection.sql = sql
    run(connection, sql, values, done, limit)
    connection.sql = None
    portal[2] = done + limit if limit else 1 << 60


def on_close(connection, body):
    known = connection.statements if body[:1] == b"S" else connection.portals
    known.pop(body[1:-1].decode(), None)
    connection.send(m.frame("3"))


# --- the control plane

CATALOGUE = [("f", "pg_catalog", "upper", "0"), ("f", "pg_catalog", "nextval", "1"),
             ("o", "", "=", "0"), ("t", "pg_catalog", "text", "0"), ("r", "public", "shop", "0")]


def answer_control(connection):
    """Probes get what the server's role says, the catalogue's questions a small catalogue; in the
    extended protocol, as libpq's PQsendQueryParams asks."""
    while True:
        message = connection.read()
        if message.type == "X":
            return
        if message.type in "PB":
            connection.send(m.frame("1" if message.type == "P" else "2"))
        elif message.type == "D":
            connection.send(m.row_description(*[f"c{i}" for i in range(len(control_rows(connection)[0]))]))
        elif message.type == "E":
            rows = control_rows(connection)
            connection.send(*[m.data_row(*row) for row in rows], m.complete(f"SELECT {len(rows)}"))
        elif message.type == "S":
            connection.send(m.ready())


def control_rows(connection):
    if connection.parameters["application_name"] == "pgweir catalogue":
        return CATALOGUE
    return [probe_row(connection.server)]


def probe_row(server):
    """In the order of proxy/cluster/probe.c: in recovery, system, timeline, position, received,
    quiet, page, segment.  A replica is never behind."""
    is_replica = server.role == "replica"
    server.lsn += 8
    lsn = 1 << 40 if is_replica else server.lsn
    return [str(value) for value in (int(is_replica), server.system, server.timeline, lsn,
                                     lsn if is_replica else 0, 0 if is_replica else -1,
                                     8192, 16 << 20)]
