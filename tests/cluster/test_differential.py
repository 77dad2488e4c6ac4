"""The same messages to PostgreSQL and to pgweir: the same bytes come back.

The scripts are in differential/; each is played by PostgreSQL itself and by a pgweir of each kind
in KINDS.  What may differ at all is twins.ALLOWED; what does differ and is known to is KNOWN.
"""

import difflib

import pytest

import twins
import weir as program
from cluster import SUPERUSER_PASSWORD, USERS
from differential import ALL, SUBJECTS
from differential.known import KNOWN, SOMETIMES
from drivers import connect

DATABASE = "twins"
CHIEF = {**USERS, "chief": "chief-secret"}
OPTIONS = {"proxy_workers": 1, "pool_size": 4, "pool_overflow": 4, "pool_timeout_ms": 8000}
# split: reads on a replica; moving: each transaction on another connection, which keeps few
# statements; session: one connection for life.
KINDS = {
    "split": {},
    "moving": {"route_split": "off", "pool_max_prepared": 3},
    "session": {"pool_mode": "session", "route_split": "off"},
}
SCRIPTS_LEAST = 150


class Stage:
    """The database, its keeper, PostgreSQL's answers, and one pgweir of each kind."""

    def __init__(self, cluster):
        twins.make_database(cluster, DATABASE)
        self.cluster = cluster
        self.keeper = twins.Keeper(cluster, DATABASE, SUPERUSER_PASSWORD)
        self.direct = self.twin(cluster.primary.port)
        self.answers, self.weirs, self.twins, self.movers = {}, {}, {}, []

    def twin(self, port, before_line=None):
        return twins.Twin(port, CHIEF, DATABASE, self.keeper.do, before_line)

    def start(self, kind):
        make = program.Direct if program.direct_wanted() else program.Pgweir
        # One replica, so that it is known where a read goes.
        nodes = ", ".join(node.address for node in self.cluster.nodes[:2])
        weir = make(self.cluster, nodes=nodes, users=CHIEF, **OPTIONS, **KINDS[kind])
        self.weirs[kind] = weir
        weir.start()
        mover = None
        if kind == "split" and not program.direct_wanted():
            program.wait_splitting(weir, lambda to: connect(to, database=DATABASE))
        if kind == "moving":
            mover = twins.Mover(weir.port, CHIEF, DATABASE)
            self.movers.append(mover)
        self.twins[kind] = self.twin(weir.port, mover)

    def expected(self, name):
        if name not in self.answers:
            self.keeper.reset(everywhere=False)
            self.answers[name] = self.direct.play(ALL[name])
        return self.answers[name]

    def got(self, kind, name):
        if kind not in self.twins:
            self.start(kind)
        self.keeper.reset(everywhere=kind == "split")
        return self.twins[kind].play(ALL[name])

    def finish(self):
        for each in [*self.movers, self.keeper]:
            each.close()
        try:
            for weir in self.weirs.values():
                weir.stop()
        finally:
            for weir in self.weirs.values():
                weir.destroy()


@pytest.fixture(scope="module")
def stage(session_cluster):
    one = Stage(session_cluster)
    yield one
    one.finish()


def cases():
    for kind in KINDS:
        for name in ALL:
            known = {**KNOWN, **SOMETIMES}.get((kind, name))
            marks = [pytest.mark.xfail(strict=(kind, name) in KNOWN, reason=known)] if known else []
            if program.direct_wanted():
                marks = []
            yield pytest.param(kind, name, marks=marks, id=f"{kind}-{SUBJECTS[name]}-{name}")


@pytest.mark.parametrize("kind, name", cases())
def test_same_bytes_as_postgresql(stage, kind, name):
    expected = stage.expected(name)
    assert twins.SILENT not in expected, f"PostgreSQL was asked nothing: {expected}"
    expected, got = twins.compare(expected, stage.got(kind, name))
    if got == expected:
        return
    pytest.fail("\n".join(difflib.unified_diff(
        [twins.printable(message) for message in expected],
        [twins.printable(message) for message in got], "PostgreSQL", kind, lineterm="", n=2)),
        pytrace=False)


def test_scripts_are_many_and_reach_the_replicas(stage, capsys):
    """Were nothing split, the kind `split` would show nothing."""
    with capsys.disabled():
        print(f"\ndifferential: {len(ALL)} scripts, each to PostgreSQL and to pgweir"
              f" {', '.join(KINDS)}; {len(KNOWN)} known differences", end=" ")
    assert len(ALL) >= SCRIPTS_LEAST
    if not program.direct_wanted() and "split" in stage.weirs:
        reads = {node["role"]: node["reads"] for node in stage.weirs["split"].stats()["nodes"]}
        assert reads.get("replica", 0) > 0, reads
