"""The corpus of tests/cluster/routing through pgweir, in both protocols: nothing that may write,
lock, differ or bind a session is ever in a replica's log, and nearly all that is harmless is.

Each statement has a session of its own (one that has written reads from the primary for a while);
all of them run once, then the logs are read once.
"""

import os
import sys
from dataclasses import dataclass
from typing import Optional

import pytest

import truth
from cluster import USERS
from drivers import connect
from routing import corpus
from weir import Pgweir, direct_wanted, wait_splitting

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../wire"))

import messages as m  # noqa: E402  (needs the path above)
import peers  # noqa: E402

pytestmark = pytest.mark.proxy

DATABASE = "corpus"
PROTOCOLS = ("simple", "extended")
OFFLOADED_LEAST = 0.95
EXTENSIONS = ("citext", "cube", "dblink", "file_fdw", "fuzzystrmatch", "hstore", "intarray", "ltree",
              "pg_trgm", "pgcrypto", "pgrowlocks", "postgres_fdw", "tablefunc", "tsm_system_rows",
              "unaccent", '"uuid-ossp"', "xml2")
STATEMENTS = corpus.load()
KNOWN = [statement for statement in STATEMENTS if statement.section.known]


@dataclass
class Outcome:
    """What became of a statement in one protocol."""
    statement: corpus.Statement
    protocol: str
    tag: str
    sqlstate: Optional[str]  # of its error
    where: frozenset = frozenset()

    def __repr__(self):
        return (f"{self.statement.place} {self.protocol}: {self.statement.sql}"
                f" -> {sorted(self.where)} {self.sqlstate or ''}")


# --- the run

def schema_of(protocol):
    return f"{corpus.SCHEMA}_{protocol}"


def build(cluster):
    if DATABASE not in cluster.benches:
        cluster.create_database(DATABASE)
        cluster.benches.add(DATABASE)
        primary = cluster.primary
        primary.psql("".join(f"create extension {name};" for name in EXTENSIONS)
                     + "create server files foreign data wrapper file_fdw;"
                     "create server loopback foreign data wrapper postgres_fdw", DATABASE)
        for protocol in PROTOCOLS:
            primary.psql(corpus.setup(schema_of(protocol)), DATABASE)


def finish(client, protocol):
    """The first error of an answer, which may ask for data."""
    sqlstate = None
    while True:
        message = client.read()
        if message.type == "E":
            sqlstate = sqlstate or message.fields["C"]
        elif message.type == "G":
            # A Sync that came while data was expected is gone.
            client.send(m.frame("c"), m.SYNC if protocol == "extended" else b"")
        elif message.type == "Z":
            return sqlstate


def run(port, statement, protocol):
    """One statement in a session of its own."""
    schema, tag = schema_of(protocol), truth.new_tag()
    text = truth.tagged(statement.text(schema), tag)
    with peers.EvilClient(port) as client:
        client.login("app", USERS["app"], DATABASE, options=f"-c search_path={schema},public")
        for sql in statement.first(schema):
            client.send(m.query(sql))
            assert finish(client, "simple") is None, f"{statement.place}: {sql} failed"
        values = statement.section.values
        client.send(m.one_query(text, values) if protocol == "extended" else m.query(text))
        outcome = Outcome(statement, protocol, tag, finish(client, protocol))
        client.send(m.TERMINATE)
    return outcome


def run_all(cluster, port):
    reader = truth.Reader(cluster)
    outcomes = [run(port, statement, protocol) for statement in STATEMENTS
                for protocol in PROTOCOLS if statement.is_for(protocol)]
    where = reader.places()
    for outcome in outcomes:
        outcome.where = frozenset(where.get(outcome.tag, ()))
    return outcomes


@pytest.fixture(scope="module")
def corpus_run(session_cluster):
    """(outcomes, /stats at the end)"""
    if direct_wanted():
        pytest.skip("PGWEIR_BIN=direct")
    build(session_cluster)
    session_cluster.wait_replayed()
    weir = Pgweir(session_cluster, route_primary_reads="never")
    try:
        with truth.logging(session_cluster):
            weir.start()
            wait_splitting(weir, lambda server: connect(server, database=DATABASE))
            outcomes = run_all(session_cluster, weir.port)
            stats = weir.stats()
        weir.stop()
    finally:
        weir.destroy()
    return outcomes, stats


@pytest.fixture
def outcomes(corpus_run):
    return corpus_run[0]


# --- the corpus itself

def test_corpus_is_large_and_well_formed():
    assert len(STATEMENTS) >= 700
    texts = [(one.sql, one.section.first, one.section.values) for one in STATEMENTS]
    assert sorted({text[0] for text in texts if texts.count(text) > 1}) == []
    nameless = [one.place for one in STATEMENTS if one.kind == "either" and not one.section.because]
    assert nameless == [], "either needs a reason"


def test_statements_end_as_the_corpus_says(outcomes):
    """A misspelt statement would prove nothing."""
    wrong = [one for one in outcomes if not one.statement.section.known
             and one.statement.section.error not in (corpus.ANY, one.sqlstate)]
    assert wrong == []


def test_each_statement_left_a_trace(outcomes):
    """What has no trace was not looked at; an empty batch is logged by no server."""
    lost = [one for one in outcomes if not one.where
            and "no statement at all" not in one.statement.section.subject]
    assert lost == []


# --- where they ran

def test_no_replica_sees_what_is_for_the_primary(outcomes):
    judged = [one for one in outcomes if one.statement.kind == "primary"]
    wrong = [one for one in judged if "replica" in one.where]
    new = [one for one in wrong if not one.statement.section.known]
    print(f"{len(judged)} runs for the primary, {len(wrong)} in a replica's log: {wrong}")
    assert new == []


def test_harmless_statements_are_offloaded(outcomes):
    judged = [one for one in outcomes if one.statement.kind == "harmless"]
    stayed = [one for one in judged if one.where != {"replica"}]
    share = 1 - len(stayed) / len(judged)
    print(f"{len(judged) - len(stayed)} of {len(judged)} harmless runs offloaded ({share:.1%}); not:")
    print(*stayed, sep="\n")
    assert share >= OFFLOADED_LEAST


def test_nothing_had_to_be_learnt(corpus_run):
    """A read that a replica refuses is retried on the primary and learnt: it was misrouted.

    Those that are known to be misrouted may be; the key comes with the learning."""
    learned = corpus_run[1].get("learned")
    if learned is None:
        pytest.skip("/stats does not count what was learnt")
    known = sum(one.kind == "primary" for one in KNOWN)
    assert learned <= known * len(PROTOCOLS)


@pytest.mark.parametrize("statement", [
    pytest.param(one, id=one.place, marks=pytest.mark.xfail(strict=True, reason=one.section.known))
    for one in KNOWN])
def test_known(outcomes, statement):
    """Strict: who cures it takes `known` out of the corpus."""
    wanted = {"replica"} if statement.kind == "harmless" else {"primary"}
    assert all(one.where == wanted for one in outcomes if one.statement is statement)
