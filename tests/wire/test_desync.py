"""Every answer goes to the client that asked, whatever clients do in the middle (FAILURES D1, D3,
D14, D15, D17, D18, D19): tagged echoes, pipelines, cuts at every message."""

import random
import threading
import time

import pytest

import messages as m
from peers import EvilClient

ROUNDS = 300


def served(one, count=3):
    for i in range(count):
        with one.login() as client:
            assert client.query(f"select 'own{i}'").value == f"own{i}"


# --- D1

def echo_tags(one, number, failures):
    """Queries of all sizes and both protocols; each answer must hold its tag and nothing else."""
    dice = random.Random(number)
    try:
        with one.login() as client:
            for i in range(ROUNDS):
                tag, size = f"tag-{number}-{i}", dice.choice([20, 200, 20000])
                if dice.random() < 0.3:
                    assert client.ask("select $1", [tag]).value == tag
                elif dice.random() < 0.1:
                    assert client.query(f"error {tag}").errors[0]["M"] == f"error {tag}"
                else:
                    result = client.query(f"rows 3 {size} {tag}")
                    assert result.rows == [[tag.ljust(size, ".").encode()]] * 3, result
    except BaseException as failure:
        failures.append(failure)


def ask_and_die(one, is_over, failures):
    """Clients that leave after any number of bytes of a large answer."""
    dice = random.Random(7)
    try:
        while not is_over.is_set():
            client = one.login()
            client.send(m.query("rows 40 20000 foreign"))
            client.stream.need(dice.choice([1, 5, 100, 70000, dice.randrange(700000)]))
            dice.choice([client.reset, client.close])()
    except BaseException as failure:
        failures.append(failure)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_D01_tagged_echo_among_clients_that_die(server, weir, size):
    one = weir(server, pool_size=size)
    failures, is_over = [], threading.Event()
    killer = threading.Thread(target=ask_and_die, args=(one, is_over, failures))
    threads = [threading.Thread(target=echo_tags, args=(one, i, failures)) for i in range(3)]
    for thread in threads + [killer]:
        thread.start()
    for thread in threads:
        thread.join(100)
    is_over.set()
    killer.join(100)
    assert not failures, failures
    assert not any(thread.is_alive() for thread in threads)


# --- D3, D17: pipelines

@pytest.mark.parametrize("depth", [1, 2, 10, 50])
def test_D03_pipelines_of_syncs(server, weir, depth):
    one = weir(server, pool_size=1)
    with one.login() as client, one.login() as neighbour:
        for turn in range(5):
            failing = turn * depth // 5
            client.send(*[m.one_query("error") if i == failing
                          else m.one_query("select $1", [f"{turn}.{i}"]) for i in range(depth)])
            neighbour.send(m.query(f"select 'n{turn}'"))
            for i in range(depth):
                result = client.result()
                if i == failing:
                    assert result.sqlstates == ["42601"], result
                else:
                    assert result.value == f"{turn}.{i}"
            assert neighbour.result().value == f"n{turn}"


def test_D03_pipelines_of_simple_queries(server, weir):
    one = weir(server, pool_size=1)
    with one.login() as client:
        client.send(*[m.query("error" if i % 7 == 0 else f"select '{i}'") for i in range(100)])
        for i in range(100):
            result = client.result()
            assert result.sqlstates == ["42601"] if i % 7 == 0 else result.value == str(i)


def test_D03_a_transaction_in_a_pipeline(server, weir):
    one = weir(server, pool_size=1)
    with one.login() as client:
        client.send(m.query("begin"), m.one_query("select $1", ["a"]), m.one_query("error"),
                    m.one_query("select $1", ["b"]), m.query("rollback"), m.query("select 'c'"))
        assert [client.result().status for _ in range(6)] == ["T", "T", "E", "E", "I", "I"]
    served(one)


def random_script(dice):
    """Legal messages in any order, with errors, closed by a Sync."""
    name = dice.choice(["", "", "s1", "s2", "s3"])
    choices = [
        lambda: m.query(f"select '{dice.randrange(1000)}'"), lambda: m.query("error"),
        lambda: m.query(""), lambda: m.query("begin"), lambda: m.query("rollback"),
        lambda: m.query("commit"), lambda: m.query("select 'a'; error; select 'b'"),
        lambda: m.query("copy out"), lambda: m.parse("select $1", name), lambda: m.parse("", name),
        lambda: m.parse("error", name), lambda: m.parse("unparsable", name),
        lambda: m.parse("rows 5 10 t", name), lambda: m.bind(name, ["v"], dice.choice(["", "p1"])),
        lambda: m.bind(name), lambda: m.bind("unknown"), lambda: m.describe("S", name), lambda: m.describe("P", ""),
        lambda: m.execute(dice.choice(["", "p1"]), dice.choice([0, 2])), lambda: m.execute("nope"),
        lambda: m.close("S", name), lambda: m.close("P", ""), lambda: m.close("S", "unknown"),
        lambda: m.SYNC, lambda: m.SYNC, lambda: m.FLUSH, lambda: m.one_query("select $1", ["w"]),
    ]
    return b"".join(dice.choice(choices)() for _ in range(dice.randrange(1, 14))) + m.SYNC


def answers(port, scripts):
    """What each script is answered, without what may differ: names in messages."""
    found = []
    with EvilClient(port).login() as client:
        for number, script in enumerate(scripts):
            client.send(script, m.query("rollback"), m.query(f"select 'end{number}'"))
            last = m.data_row(f"end{number}")
            messages = []
            while not (messages and messages[-1].type == "Z"
                       and any(one.bytes() == last for one in messages)):
                messages.append(client.read())
            found.append([(one.type, one.fields.get("C") if one.type == "E" else one.body)
                          for one in messages])
    return found


@pytest.mark.proxy
@pytest.mark.parametrize("seed", range(16))
def test_D17_random_pipelines_are_answered_as_without_a_proxy(server, make_server, weir, seed):
    dice = random.Random(seed)
    scripts = [random_script(dice) for _ in range(30)]
    one = weir(server, pool_size=2)
    expected = answers(make_server().port, scripts)
    for script, got, wanted in zip(scripts, answers(one.port, scripts), expected):
        assert got == wanted, script


FOUND = {  # by random pipelines, cut down; each was answered otherwise once
    "a_failed_text_again": m.parse("select $1", "s") + m.SYNC + m.parse("unparsable", "s") + m.SYNC
    + m.parse("unparsable", "t"),
    "a_name_refused_twice": m.parse("", "s") + m.SYNC + m.parse("", "s")
    + m.parse("select $1", "s") + m.SYNC + m.parse("select $1", "s"),
    "a_skipped_name": m.parse("error", "s") + m.SYNC + m.execute("nope") + m.parse("rows 5 10 t", "s")
    + m.SYNC + m.parse("rows 5 10 t", "s"),
    "an_aborted_transaction": m.parse("select $1", "s") + m.SYNC + m.query("begin") + m.query("error")
    + m.parse("select $1", "t"),
    "a_wrong_bind": m.parse("select $1", "s") + m.SYNC + m.bind("s") + m.parse("", "s") + m.SYNC
    + m.parse("", "s"),
    "a_skipped_query": m.parse("select $1") + m.execute("nope") + m.query("") + m.SYNC
    + m.bind(values=["v"]) + m.execute(),
}


@pytest.mark.proxy
@pytest.mark.parametrize("script", FOUND.values(), ids=FOUND.keys())
def test_D17_pipelines_that_were_answered_otherwise(server, make_server, weir, script):
    """And what the connection is believed to know is right afterwards."""
    one = weir(server, pool_size=1)
    assert answers(one.port, [script + m.SYNC]) == answers(make_server().port, [script + m.SYNC])
    with one.login() as client:
        for i, sql in enumerate(["select $1", "", "error", "rows 5 10 t"]):
            client.send(m.parse(sql, f"after{i}"), m.describe("S", f"after{i}"), m.SYNC)
            assert client.result().errors == []


def test_D17_a_query_inside_a_failed_batch_is_skipped(shared):
    """PostgreSQL ignores all up to Sync, a simple Query too: no answer, no deadlock."""
    with shared.login() as client:
        client.send(m.parse("error"), m.bind(), m.execute(), m.query("select 'skipped'"), m.SYNC)
        result = client.result()
        assert result.types == "12EZ", result
        assert client.query("select 'x'").value == "x"


def test_D17_a_query_inside_a_batch(shared):
    with shared.login() as client:
        client.send(m.parse("select $1"), m.bind(values=["a"]), m.execute(), m.query("select 'b'"), m.SYNC)
        assert client.result().types == "12DCTDCZ"
        assert client.result().types == "Z"
        assert client.query("select 'x'").value == "x"


# --- D14, D18: clients that leave

STEPS = [m.parse("select $1", "cut"), m.describe("S", "cut"), m.bind("cut", ["v"]), m.describe(),
         m.execute(), m.close("S", "cut"), m.SYNC]


@pytest.mark.parametrize("how", ["close", "reset", "half_close"])
def test_D14_cut_after_each_extended_message(server, weir, how):
    one = weir(server, pool_size=1)
    for count in range(1, len(STEPS) + 1):
        for flushed in (False, True):
            client = one.login()
            client.send(*STEPS[:count], m.FLUSH if flushed else b"")
            if flushed:
                client.read()
            getattr(client, how)()
            # The one connection there is serves the next client.
            served(one, 1)
            client.close()


@pytest.mark.proxy
@pytest.mark.parametrize("how", ["close", "reset", "half_close", "terminate", "half_message"])
@pytest.mark.parametrize("state", ["begun", "failed", "running", "copy_in", "copy_out", "large"])
def test_D18_leaving_in_every_state(server, weir, state, how):
    one = weir(server, pool_size=1)
    client = one.login()
    client.query("begin")
    if state == "failed":
        client.query("error")
    elif state == "running":
        client.send(m.query("sleep 0.2"))
    elif state == "copy_in":
        client.send(m.query("copy in")).expect("G")
        client.send(m.frame("d", b"1\n"))
    elif state == "copy_out":
        client.send(m.query("copy out"))
    elif state == "large":
        client.send(m.query("rows 100 100000 x"))
    leave(client, how)
    served(one)
    deadline = time.monotonic() + 5
    while any(connection.status != "I" for connection in server.data()):
        assert time.monotonic() < deadline, "a transaction without a client stays open"
        time.sleep(0.01)
    client.close()


def leave(client, how):
    if how == "terminate":
        client.send_if_open(m.TERMINATE)
        client.close()
    elif how == "half_message":
        client.send_if_open(m.query("select 'never'")[:9])
        client.close()
    else:
        getattr(client, how)()


def test_D18_leaving_while_waiting_for_a_connection(server, weir):
    one = weir(server, pool_size=1)
    with one.login() as holder:
        waiting = [one.login() for _ in range(5)]
        holder.query("begin")
        for client in waiting:
            client.send(m.query("select 'never'"))
        for client in waiting[:4]:
            client.reset()
        time.sleep(0.1)
        holder.query("commit")
        assert waiting[4].result().value == "never"
    served(one)


def test_half_close_after_a_query(shared):
    """A client that has said all it wants may still be answered; it must not stay for ever."""
    with shared.login() as client:
        client.send(m.query("select 'x'"))
        client.half_close()
        try:
            assert client.result().value == "x"
        except m.Closed:
            return
        client.expect_closed()


# --- D15: COPY

def test_D15_copy_fails_early_and_the_client_goes_on(server, weir):
    one = weir(server, pool_size=1)
    for _ in range(5):
        with one.login() as client:
            client.send(m.query("copy in")).expect("G")
            client.send(m.frame("d", b"bad\n"), *[m.frame("d", b"1\n" * 1000)] * 200, m.frame("c"))
            result = client.result()
            assert result.types == "EZ" and result.sqlstates == ["22P02"]
            assert client.query("select 'x'").value == "x"
    served(one)


def test_D15_late_copy_messages_reach_nobody(server, weir):
    one = weir(server, pool_size=1)
    with one.login() as client, one.login() as neighbour:
        client.send(m.query("copy in")).expect("G")
        assert client.send(m.frame("d", b"bad\n")).result().types == "EZ"
        for i in range(20):
            client.send(m.frame("d", b"1\n" * 100))
            assert neighbour.query(f"select '{i}'").value == str(i)
        client.send(m.frame("c"))
        assert client.query("select 'x'").value == "x"


def test_D15_copy_data_in_the_same_segment_as_its_query(shared):
    """A client need not wait for CopyInResponse: the data is the COPY's, not late."""
    with shared.login() as client:
        client.send(m.query("copy in"), m.frame("d", b"1\n"), m.frame("d", b"2\n"), m.frame("c"),
                    m.query("select 'x'"))
        result = client.result()
        assert result.types == "GCZ" and result.tags == ["COPY 2"], result
        assert client.result().value == "x"


@pytest.mark.parametrize("end", [m.frame("c"), m.frame("f", b"no\0")], ids=["done", "fail"])
def test_D16_copy_in_the_extended_protocol(server, weir, end):
    """As drivers do it: the Sync comes at once, before the data, or after it."""
    one = weir(server, pool_size=1)
    failed = end[:1] == b"f"
    with one.login() as client:
        for _ in range(3):
            client.send(m.parse("copy in"), m.bind(), m.execute(), m.SYNC)
            client.expect("12G")
            client.send(m.frame("d", b"1\n"), end, m.SYNC)
            assert client.result().types == ("EZ" if failed else "CZ")
            client.send(m.parse("copy in"), m.bind(), m.execute(), m.FLUSH)
            client.expect("12G")
            client.send(m.frame("d", b"1\n"), end, m.SYNC)
            assert client.result().types == ("EZ" if failed else "CZ")
            assert client.query("select 'x'").value == "x"
    served(one)


def test_copy_in_the_middle_of_statements(server, weir):
    one = weir(server, pool_size=1)
    with one.login() as client:
        client.send(m.query("select 'a'; copy in; select 'b'")).expect("TDCG")
        client.send(m.frame("d", b"1\n2\n"), m.frame("c"))
        result = client.result()
        assert result.types == "CTDCZ" and result.tags[0] == "COPY 2"


# --- D19: nobody reads

def test_D19_a_pipeline_that_nobody_reads_for_a_while(server, weir):
    one = weir(server, pool_size=1)
    count = 3000
    with one.login() as client, one.login(database="canary") as neighbour:
        sender = threading.Thread(target=client.send, args=(
            *[m.query(f"rows 1 2000 t{i}") for i in range(count)],))
        sender.start()
        time.sleep(0.3)
        assert neighbour.query("select 'x'").value == "x"
        for i in range(count):
            assert client.result().rows[0][0].startswith(f"t{i}.".encode())
        sender.join(10)
