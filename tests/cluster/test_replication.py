"""Replication connections through pgweir: PostgreSQL's own tools, a subscription, a standby."""

import os
import sys
import threading

import pytest

import account
from cluster import BINARIES, USERS, Cluster, Node, wait_until
from drivers import connect, value

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../wire"))

import messages as m  # noqa: E402  (needs the path above)
from peers import EvilClient, LoginFailed  # noqa: E402

COPIER = {**USERS, "copier": "copier-secret"}


@pytest.fixture(scope="module")
def source():
    """A cluster whose log can be decoded."""
    with Cluster(replicas=1, wal_level="logical") as built:
        built.primary.psql("create role copier login replication password 'copier-secret';"
                           "grant pg_read_all_data to copier; grant create on database app to copier")
        built.primary.psql("create table news (n int primary key, text text);"
                           "alter table news owner to app", "app")
        yield built


@pytest.fixture
def proxy(weir, source):
    return weir(source, users=COPIER)


def where(proxy, database=None, **more):
    """A connection string; our Direct and Pgweir know only the cluster's users."""
    words = {"host": "127.0.0.1", "port": proxy.port, "user": "copier",
             "password": "copier-secret", "gssencmode": "disable", **more}
    if database:
        words["dbname"] = database
    return " ".join(f"{name}='{word}'" for name, word in words.items())


def tool(source, name, *arguments, **more):
    return account.run([f"{BINARIES}/{name}", *arguments], source.home, **more)


class Running:
    """A tool that runs until it is stopped, its output in a file."""

    def __init__(self, source, name, *arguments):
        self.path = os.path.join(source.home, f"{name}.{os.urandom(4).hex()}.log")
        with open(self.path, "ab") as log:
            account.give(self.path)
            self.process = account.spawn([f"{BINARIES}/{name}", *arguments], source.home, log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)

    def output(self):
        with open(self.path, encoding="utf-8") as file:
            return file.read()

    def wait_output(self, words):
        wait_until(lambda: words in self.output() or self.process.poll() is not None, words)
        assert words in self.output(), self.output()

    def wait_end(self):
        self.process.wait(30)
        return self.output()


def senders(source, name):
    return source.primary.number(
        f"select count(*) from pg_stat_replication where application_name = '{name}'")


def write_news(proxy, *numbers):
    with connect(proxy) as connection:
        for number in numbers:
            connection.execute("insert into news values (%s, %s)", [number, f"news {number}"])


@pytest.fixture(autouse=True)
def no_news(source):
    source.primary.psql("truncate news", "app")


# --- physical

@pytest.mark.parametrize("how", [["-Fp"], ["-Ft", "-z"], ["-Fp", "-r", "20M"]])
def test_base_backup(proxy, source, how):
    """Two connections: the backup, and the log that is written meanwhile."""
    target = os.path.join(source.home, f"backup.{os.urandom(4).hex()}")
    tool(source, "pg_basebackup", "-d", where(proxy), "-D", target, "-X", "stream", "-c", "fast",
         "--no-sync", *how)
    if how[0] == "-Ft":
        account.run(["tar", "-xzf", f"{target}/base.tar.gz", "-C", target], source.home)
        account.run(["tar", "-xzf", f"{target}/pg_wal.tar.gz", "-C", f"{target}/pg_wal"],
                    source.home)
        for name in ("base.tar.gz", "pg_wal.tar.gz"):
            os.remove(f"{target}/{name}")
    assert "successfully verified" in tool(source, "pg_verifybackup", target)


def test_a_standby_streams_through_the_proxy(proxy, source):
    """Made and fed by nothing but the proxy; application_name reaches the WAL sender."""
    node = Node("fed", source.home)
    tool(source, "pg_basebackup", "-d", where(proxy, application_name="fed"), "-D", node.data,
         "-X", "stream", "-c", "fast", "--no-sync", "-R", "-C", "-S", "slot_fed")
    node.start()
    try:
        wait_until(lambda: senders(source, "fed") == 1, "the standby to stream")
        source.primary.configure(synchronous_standby_names="fed")
        with connect(proxy) as connection:
            connection.execute("set synchronous_commit = remote_apply")
            connection.execute("insert into news values (1, 'one')")
        assert node.psql("select text from news", "app") == "one"
    finally:
        source.primary.configure(synchronous_standby_names="")
        node.stop()
        wait_until(lambda: senders(source, "fed") == 0, "its WAL sender to end")
        source.primary.psql("select pg_drop_replication_slot('slot_fed')")


def test_receivewal_is_synchronous(proxy, source):
    target = os.path.join(source.home, f"wal.{os.urandom(4).hex()}")
    os.mkdir(target)
    account.give(target)
    at = where(proxy, application_name="receiver")
    tool(source, "pg_receivewal", "-d", at, "--create-slot", "-S", "slot_wal")
    with Running(source, "pg_receivewal", "-d", at, "-D", target, "--synchronous", "-S", "slot_wal",
                 "--no-loop", "-v"):
        wait_until(lambda: senders(source, "receiver") == 1, "the receiver to stream")
        source.primary.configure(synchronous_standby_names="receiver")
        try:
            write_news(proxy, *range(20))  # each commit waits for the receiver's answer
        finally:
            source.primary.configure(synchronous_standby_names="")
        source.primary.psql("select pg_switch_wal()")
        wait_until(lambda: [name for name in os.listdir(target) if len(name) == 24],
                   "a segment to be whole")
    wait_until(lambda: senders(source, "receiver") == 0, "its WAL sender to end")
    tool(source, "pg_receivewal", "-d", at, "--drop-slot", "-S", "slot_wal")


def test_receivewal_ends_by_itself(proxy, source):
    """At --endpos the client says CopyDone, and everything after it must arrive."""
    target = os.path.join(source.home, f"wal.{os.urandom(4).hex()}")
    os.mkdir(target)
    account.give(target)
    position = source.primary.psql("select pg_current_wal_lsn()")
    with Running(source, "pg_receivewal", "-d", where(proxy), "-D", target, "-E", position,
                 "--no-loop", "-v") as receiver:
        source.primary.psql("select pg_switch_wal()")
        assert "stopped log streaming" in receiver.wait_end()
        assert receiver.process.returncode == 0


# --- logical

def test_recvlogical(proxy, source):
    at = where(proxy, "app")
    tool(source, "pg_recvlogical", "-d", at, "-S", "slot_text", "--create-slot",
         "-P", "test_decoding")
    with Running(source, "pg_recvlogical", "-d", at, "-S", "slot_text", "--start", "--no-loop",
                 "-f", "-", "-F", "0", "-s", "1") as receiver:
        write_news(proxy, 1, 2, 3)
        receiver.wait_output("table public.news: INSERT: n[integer]:3 text[text]:'news 3'")
    wait_until(lambda: source.primary.psql("select active from pg_replication_slots"
                                           " where slot_name = 'slot_text'") == "f",
               "the slot to be free")
    tool(source, "pg_recvlogical", "-d", at, "-S", "slot_text", "--drop-slot")


def test_recvlogical_ends_by_itself(proxy, source):
    at = where(proxy, "app")
    tool(source, "pg_recvlogical", "-d", at, "-S", "slot_end", "--create-slot",
         "-P", "test_decoding")
    write_news(proxy, 1, 2)
    position = source.primary.psql("select pg_current_wal_lsn()")
    write_news(proxy, 3)
    with Running(source, "pg_recvlogical", "-d", at, "-S", "slot_end", "--start", "--no-loop",
                 "-f", "-", "-E", position) as receiver:
        output = receiver.wait_end()
        assert receiver.process.returncode == 0 and "news 2" in output and "news 3" not in output
    tool(source, "pg_recvlogical", "-d", at, "-S", "slot_end", "--drop-slot")


@pytest.mark.proxy
def test_a_subscription(proxy, source):
    """The tables' first copy and what follows, from a subscriber that knows only the proxy."""
    subscriber = Node("subscriber", source.home)
    tool(source, "initdb", "-D", subscriber.data, "-U", "postgres", "-A", "trust", "--no-sync")
    subscriber.start()
    write_news(proxy, 1, 2)
    source.primary.psql("create publication everything for all tables", "app")
    try:
        subscriber.psql("create table news (n int primary key, text text)")
        connection = where(proxy, "app").replace("'", "''")
        subscriber.psql(f"create subscription reader connection '{connection}'"
                        " publication everything")
        wait_until(lambda: subscriber.psql("select count(*) from news") == "2", "the first copy")
        write_news(proxy, 3)
        with connect(proxy) as client:
            client.execute("update news set text = 'changed' where n = 1")
        wait_until(lambda: subscriber.psql("select string_agg(text, ',' order by n) from news")
                   == "changed,news 2,news 3", "the changes")
        subscriber.psql("drop subscription reader")
        assert source.primary.psql("select count(*) from pg_replication_slots"
                                   " where slot_type = 'logical'") == "0"
    finally:
        subscriber.stop()
        source.primary.psql("drop publication everything", "app")


# --- frame by frame

def test_start_replication_with_our_own_client(proxy, source):
    """Messages of pgoutput, status updates, CopyDone from the client, SQL on the same session."""
    source.primary.psql("create publication p for table news", "app")
    try:
        with EvilClient(proxy.port) as client:
            client.login("copier", "copier-secret", "app", replication="database")
            assert client.query("IDENTIFY_SYSTEM").rows[0][3] == b"app"
            created = client.query('CREATE_REPLICATION_SLOT s TEMPORARY LOGICAL pgoutput')
            position = created.rows[0][1].decode()
            client.send(m.query(f"START_REPLICATION SLOT s LOGICAL {position}"
                                " (proto_version '1', publication_names 'p')")).expect("W")
            write_news(proxy, 1)
            kinds = b""
            while not kinds.endswith(b"C"):
                message = client.read()
                assert message.type == "d", message
                if message.body[:1] == b"w":
                    kinds += message.body[25:26]
                else:
                    end = message.body[1:9]
                    client.send(m.frame("d", b"r" + end * 3 + bytes(8) + b"\0"))
            assert kinds == b"BRIC"
            # PostgreSQL may send a keepalive behind its CopyDone.
            assert client.send(m.frame("c")).result().types.replace("d", "") == "cCCZ"
            assert client.query("select count(*) from news").value == "1"
            assert client.query("select pg_is_in_recovery()").value == "f"
    finally:
        source.primary.psql("drop publication p", "app")


def test_the_extended_protocol_is_refused_by_the_server(proxy):
    with EvilClient(proxy.port) as client:
        client.login("copier", "copier-secret", "app", replication="database")
        result = client.ask("select 1")
        assert result.types == "EZ" and result.sqlstates == ["08P01"]
        assert client.query("select 1").value == "1"


def test_an_error_in_the_stream(proxy, source):
    with EvilClient(proxy.port) as client:
        client.login("copier", "copier-secret", "app", replication="true")
        assert client.query("START_REPLICATION 0/10 TIMELINE 7").types == "EZ"
        assert client.query("START_REPLICATION SLOT nothing PHYSICAL 0/0").sqlstates == ["42704"]
        assert client.query("IDENTIFY_SYSTEM").types == "TDCZ"
        assert client.query("select 1").types == "EZ"  # no SQL without a database


@pytest.mark.parametrize("said, sqlstate, message", [
    ({"replication": "maybe"}, "22023", 'invalid value for parameter "replication": "maybe"'),
    ({"replication": "database", "options": "-c work_mem=many"}, "22023",
     'invalid value for parameter "work_mem": "many"'),
    ({"replication": "true", "options": "-c no_such_setting=1"}, "42704",
     'unrecognized configuration parameter "no_such_setting"'),
    ({"replication": "database", "database": "nowhere"}, "3D000",
     'database "nowhere" does not exist'),
    ({"replication": "true", "user": "app"}, "42501",
     "must be superuser or replication role to start walsender"),
], ids=["no_boolean", "no_number", "no_setting", "no_database", "no_right"])
def test_what_cannot_start(proxy, said, sqlstate, message):
    """In PostgreSQL's own words: the same pass with PGWEIR_BIN=direct."""
    user = said.get("user", "copier")
    with EvilClient(proxy.port) as client:
        with pytest.raises(LoginFailed) as failed:
            client.login(**{"user": user, "password": COPIER[user], **said})
        assert (failed.value.fields["C"], failed.value.fields["M"]) == (sqlstate, message)
        client.expect_closed()


@pytest.mark.proxy
def test_pg_hba_has_the_word(proxy, source):
    path = os.path.join(source.primary.data, "pg_hba.conf")
    with open(path, encoding="utf-8") as file:
        before = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write("host replication copier 127.0.0.1/32 reject\n" + before)
    source.primary.psql("select pg_reload_conf()")
    try:
        with pytest.raises(RuntimeError, match="pg_hba.conf rejects replication connection"):
            tool(source, "pg_basebackup", "-d", where(proxy), "-D", f"{source.home}/never")
    finally:
        with open(path, "w", encoding="utf-8") as file:
            file.write(before)
        source.primary.psql("select pg_reload_conf()")


# --- beside others

@pytest.mark.proxy
def test_ordinary_pools_are_untouched(weir, source):
    proxy = weir(source, users=COPIER, pool_size=1, pool_overflow=0, proxy_workers=2)
    pid = "select pg_backend_pid()"
    with connect(proxy) as ordinary:
        before = value(ordinary, f"/* pgweir: primary */ {pid}")
        for _ in range(5):
            with EvilClient(proxy.port) as client:
                client.login("copier", "copier-secret", "app", replication="database")
                assert client.query(pid).value != str(before)
                assert client.query("set work_mem = '7MB'").tags == ["SET"]
                row, = (row for row in proxy.stats()["pools"]
                        if row["database"] == "(replication)")
                assert (row["user"], row["lent"]) == ("copier", 1)
                with connect(proxy, user="copier", password="copier-secret",
                             database="app") as other:
                    assert value(other, "show work_mem") != "7MB"
        assert value(ordinary, f"/* pgweir: primary */ {pid}") == before
        assert proxy.stats()["clients"]["pins"] == 5
    wait_until(lambda: source.primary.sessions("copier") <= 1, "only the pool's own to stay")


@pytest.mark.proxy
def test_the_end_of_the_process_ends_a_stream(weir, source):
    proxy = weir(source, users=COPIER)
    target = os.path.join(source.home, f"wal.{os.urandom(4).hex()}")
    os.mkdir(target)
    account.give(target)
    with Running(source, "pg_receivewal", "-d", where(proxy, application_name="drained"),
                 "-D", target, "--no-loop") as receiver:
        wait_until(lambda: senders(source, "drained") == 1, "the receiver to stream")
        proxy.stop()
        assert "terminating connection due to administrator command" in receiver.wait_end()


@pytest.mark.proxy
@pytest.mark.parametrize("how", ["kill", "stop"])
def test_the_end_of_the_primary_ends_a_stream_with_one_error(weir, source, how):
    proxy = weir(source, users=COPIER)
    with EvilClient(proxy.port) as client:
        client.login("copier", "copier-secret", "app", replication="true")
        position = client.query("IDENTIFY_SYSTEM").rows[0][2].decode()
        client.send(m.query(f"START_REPLICATION {position}")).expect("W")
        source.primary.psql("create table streamed (); drop table streamed")  # something to send
        client.expect("d")
        stopping = threading.Thread(target=getattr(source.primary, how))
        stopping.start()
        try:
            found = []
            with pytest.raises(m.Closed):
                while True:
                    found.append(client.read())
                    # As a standby does: a server that is shut down waits until all has arrived.
                    if found[-1].body[:1] == b"k":
                        end = found[-1].body[1:9]
                        client.send_if_open(m.frame("d", b"r" + end * 3 + bytes(9)))
            kinds = "".join(message.type for message in found).lstrip("d")
            assert kinds == ("E" if how == "kill" else "C"), found[-1]
        finally:
            stopping.join(60)
            source.heal()
    proxy.wait_nodes(lambda up: len(up) == 2)
    with EvilClient(proxy.port) as client:
        client.login("copier", "copier-secret", "app", replication="true")
        assert client.query("IDENTIFY_SYSTEM").types == "TDCZ"
