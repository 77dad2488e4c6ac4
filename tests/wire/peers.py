"""Scripted peers, standard library only: EvilClient, a client that may do anything, and
FakeServer, a PostgreSQL server of threads whose every answer can be replaced.

A test writes what goes over the wire and says what must come back; times are only upper bounds
against hanging.  The messages are in messages.py, the server's SQL in echo.py.
"""

import hashlib
import os
import socket
import struct
import threading
import time

import echo
import messages as m
import scram

TIMEOUT_S = 15


def reset(sock):
    """Closes with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def send_in_pieces(sock, data, size, gap_s):
    for at in range(0, len(data), size):
        sock.sendall(data[at:at + size])
        if gap_s:
            time.sleep(gap_s)


# --- the client

class LoginFailed(Exception):
    def __init__(self, message):
        self.fields = message.fields
        super().__init__(f"{self.fields.get('C')}: {self.fields.get('M')}")


class Result:
    """The messages of an answer, up to a ReadyForQuery."""

    def __init__(self, messages):
        self.messages = messages
        self.types = "".join(message.type for message in messages)
        self.rows = [message.values for message in messages if message.type == "D"]
        self.tags = [message.text for message in messages if message.type == "C"]
        self.errors = [message.fields for message in messages if message.type == "E"]
        self.sqlstates = [fields.get("C") for fields in self.errors]
        self.status = messages[-1].text if self.types.endswith("Z") else None

    @property
    def value(self):
        """The one column of the one row, as text."""
        assert len(self.rows) == 1, f"not one row: {self}"
        return self.rows[0][0].decode()

    def __repr__(self):
        return f"<{self.types} {self.errors or self.tags}>"


class EvilClient:
    """A client on a raw socket.  `piece` bytes go into each segment it sends."""

    def __init__(self, port, host="127.0.0.1", piece=None, gap_s=0, receive_buffer=None):
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect((host, port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = m.Stream(self.sock)
        self.piece, self.gap_s = piece, gap_s
        self.parameters, self.key = {}, None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    # --- bytes

    def send(self, *data):
        data = b"".join(data)
        send_in_pieces(self.sock, data, self.piece or max(len(data), 1), self.gap_s)
        return self

    def send_if_open(self, *data):
        """For what the other side may refuse before it was sent as a whole."""
        try:
            self.send(*data)
        except (ConnectionResetError, BrokenPipeError):
            pass
        return self

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        reset(self.sock)

    def close(self):
        self.sock.close()

    # --- answers

    def read(self):
        return self.stream.read()

    def read_until(self, letter):
        found = []
        while not found or found[-1].type != letter:
            found.append(self.read())
        return found

    def result(self):
        return Result(self.read_until("Z"))

    def expect(self, types):
        """The next messages have these letters; returns them."""
        found = []
        for letter in types:
            found.append(self.read())
            assert found[-1].type == letter, f"{letter} of {types} expected, got {found[-1]}"
        return found

    def expect_closed(self):
        """Nothing more comes but the end."""
        try:
            message = self.read()
        except m.Closed as closed:
            assert not closed.rest, f"the connection ended in a message: {closed.rest!r}"
            return
        raise AssertionError(f"the end of the connection expected, got {message}")

    def expect_fatal(self, *sqlstates):
        """One ErrorResponse with one of these SQLSTATEs, then the end."""
        message = self.read()
        assert message.type == "E", f"an error expected, got {message}"
        fields = message.fields
        assert fields.get("S") == "FATAL", fields
        assert not sqlstates or fields.get("C") in sqlstates, fields
        self.expect_closed()
        return fields

    def expect_end(self):
        """The end, with or without words before it; returns the errors' SQLSTATEs."""
        states = []
        while True:
            try:
                message = self.read()
            except m.Closed:
                return states
            assert message.type in "ENS", f"neither an error nor the end: {message}"
            if message.type == "E":
                states.append(message.fields.get("C"))

    # --- login

    def login(self, user="app", password="app-secret", database="app", version=m.PROTOCOL_3,
              **parameters):
        """From the startup packet to ReadyForQuery, by whatever method the server asks for."""
        self.send(m.startup(user, database, version, **parameters))
        self.authenticate(user, password)
        self.read_greeting()
        return self

    def read_greeting(self):
        """From AuthenticationOk to ReadyForQuery."""
        while True:
            message = self.read()
            if message.type == "Z":
                return
            if message.type == "E":
                raise LoginFailed(message)
            if message.type == "S":
                name, value = message.body.decode().split("\0")[:2]
                self.parameters[name] = value
            if message.type == "K":
                self.key = struct.unpack("!II", message.body)

    def read_authentication(self):
        """The next AuthenticationXxx: (code, data)."""
        while True:
            message = self.read()
            if message.type == "E":
                raise LoginFailed(message)
            if message.type == "R":
                return struct.unpack_from("!I", message.body)[0], message.body[4:]
            assert message.type in "Nv", message

    def authenticate(self, user, password):
        code, data = self.read_authentication()
        if code == 3:
            self.send(m.frame("p", m.texts(password)))
        elif code == 5:
            inner = hashlib.md5((password + user).encode()).hexdigest().encode()
            self.send(m.frame("p", b"md5" + m.texts(hashlib.md5(inner + data).hexdigest())))
        elif code == 10:
            self.scram(password)
        if code != 0:
            code, _ = self.read_authentication()
        assert code == 0, f"AuthenticationOk expected, got {code}"

    def scram_first(self, nonce=None, gs2="n,,", mechanism="SCRAM-SHA-256"):
        """SASLInitialResponse; returns client-first-message-bare."""
        bare = f"n=,r={nonce or scram.encode(os.urandom(18))}"
        first = (gs2 + bare).encode()
        self.send(m.frame("p", m.texts(mechanism) + struct.pack("!I", len(first)) + first))
        return bare

    def scram_final(self, password, bare, server_first, channel="biws", proof=None):
        """SASLResponse; returns what the server's signature must be."""
        said = scram.attributes(server_first)
        salt, iterations = scram.base64.b64decode(said["s"]), int(said["i"])
        without_proof = f"c={channel},r={said['r']}"
        auth_message = f"{bare},{server_first},{without_proof}"
        proof = proof or scram.client_proof(password, salt, iterations, auth_message)
        self.send(m.frame("p", f"{without_proof},p={proof}".encode()))
        return scram.server_signature(password, salt, iterations, auth_message)

    def scram(self, password):
        bare = self.scram_first()
        code, server_first = self.read_authentication()
        assert code == 11, f"AuthenticationSASLContinue expected, got {code}"
        signature = self.scram_final(password, bare, server_first.decode())
        code, server_final = self.read_authentication()
        assert code == 12 and server_final == f"v={signature}".encode(), (code, server_final)

    # --- queries

    def query(self, sql):
        return self.send(m.query(sql)).result()

    def ask(self, sql, values=()):
        """With the extended protocol."""
        return self.send(m.one_query(sql, values)).result()


# --- the server

class FakeServer:
    """Listens at a free port of 127.0.0.1; each connection has a thread.

    Connections of pgweir's control plane (application_name "pgweir …") are let in and answered by
    echo.answer_control; all others log in as `auth` says and are answered by echo.serve, unless

        scripts[sql]    replaces the answer to that text: called with the connection
        login           replaces all between startup packet and queries
        serve           replaces echo.serve

    `noise` goes before each message that is sent to a data connection.  The database "canary" is
    spared all of that: its clients show that others are served meanwhile.
    """

    def __init__(self, role="primary", auth="trust", passwords=None, port=0):
        self.role, self.auth = role, auth
        self.passwords = passwords or {"app": "app-secret"}
        self.timeline, self.system = 1, 7
        self.scripts, self.login, self.serve = {}, None, None
        self.noise, self.piece = b"", None
        self.iterations, self.salt = 4096, b"salt of the fake"
        self.nonce, self.signature, self.method = None, None, "SCRAM-SHA-256"
        self.lsn = 24 << 20
        self.connections, self.failures = [], []
        self.cancels = []  # connections that were hit, or None for a wrong key
        self.lock = threading.Lock()
        self.is_running = True
        self.listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def accept(self):
        while self.is_running:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            connection = Connection(self, sock)
            with self.lock:
                self.connections.append(connection)
            threading.Thread(target=connection.run, daemon=True).start()

    def stop_listening(self):
        """New connections are refused; those that are open stay."""
        # shutdown() wakes the accepting thread, which close() alone would not.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def data(self):
        """The open connections of clients."""
        with self.lock:
            return [c for c in self.connections if c.is_data and c.is_open]

    def drop_all(self, with_reset=False):
        """Ends every connection, those of the control plane too."""
        with self.lock:
            connections = list(self.connections)
        for connection in connections:
            connection.drop(with_reset)

    def cut_data(self):
        for connection in self.data():
            connection.drop()

    def stop(self):
        self.is_running = False
        try:
            self.stop_listening()
        except OSError:
            pass  # it was stopped before
        self.drop_all()

    def find(self, process, secret):
        with self.lock:
            return next((c for c in self.connections
                         if c.is_open and (c.process, c.secret) == (process, secret)), None)


class Connection:
    """One connection of a FakeServer."""

    next_process = iter(range(1000, 1 << 30))

    def __init__(self, server, sock):
        self.server, self.sock = server, sock
        self.stream = m.Stream(sock)
        self.is_open, self.is_data = True, False  # data: not of the control plane, no canary
        self.parameters, self.startup_body = {}, b""
        self.process, self.secret = next(self.next_process), 77
        self.received = []  # (letter, body) of each message after login
        self.is_cancelled = threading.Event()
        self.status, self.statements, self.portals = "I", {}, {}
        self.settings, self.before = {}, {}  # now, and when the transaction began
        self.listens = False
        self.sql = None  # what runs now
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # --- bytes

    def read(self):
        message = self.stream.read()
        self.received.append(message)
        return message

    def send(self, *frames):
        """Whole messages; noise goes before each of them."""
        if self.is_data and self.server.noise:
            frames = [self.server.noise + one for one in frames]
        self.send_raw(b"".join(frames))

    def send_raw(self, data):
        send_in_pieces(self.sock, data, self.server.piece or max(len(data), 1), 0)

    def drop(self, with_reset=False):
        """Ends the connection, from any thread."""
        self.is_open = False
        try:
            # Shutdown wakes the thread that reads: until then the kernel would keep it open.
            self.sock.shutdown(socket.SHUT_RD if with_reset else socket.SHUT_RDWR)
            if with_reset:
                reset(self.sock)
            self.sock.close()
        except OSError:
            pass

    def run(self):
        try:
            self.serve()
        except (m.Closed, OSError):
            pass  # the other side left, or a script ended it
        except Exception as failure:  # a test must hear of a broken script
            self.server.failures.append(failure)
            raise
        finally:
            self.drop()

    # --- from the first packet to the end

    def read_startup(self):
        """False: it was a cancel request."""
        while True:
            code, body = self.stream.read_packet()
            if code in (1234 << 16 | 5679, 1234 << 16 | 5680):
                self.sock.sendall(b"N")
                continue
            if code == 1234 << 16 | 5678:
                self.take_cancel(*struct.unpack("!II", body))
                return False
            assert code == m.PROTOCOL_3, f"protocol {code:x}"
            parts = body[:-2].decode().split("\0")
            self.parameters = dict(zip(parts[::2], parts[1::2]))
            self.startup_body = body
            return True

    def take_cancel(self, process, secret):
        hit = self.server.find(process, secret)
        self.server.cancels.append(hit)
        if hit:
            hit.is_cancelled.set()

    def serve(self):
        if not self.read_startup():
            return
        if self.parameters.get("application_name", "").startswith("pgweir"):
            self.greet()
            echo.answer_control(self)
            return
        if self.parameters["database"] == "canary":
            self.greet()
            echo.serve(self)
            return
        self.is_data = True
        if self.server.login:
            self.server.login(self)
        else:
            self.log_in()
        (self.server.serve or echo.serve)(self)

    def log_in(self):
        self.check_database()
        self.authenticate()
        self.greet()

    def fatal(self, sqlstate, message):
        self.send(m.error(sqlstate, message, severity="FATAL"))
        raise m.Closed()

    def check_database(self):
        if self.parameters.get("database", "").startswith("no_"):
            self.fatal("3D000", f'database "{self.parameters["database"]}" does not exist')

    def greet(self):
        """From AuthenticationOk to ReadyForQuery."""
        self.send(m.authentication(0))
        for name, value in echo.PARAMETERS.items():
            self.send(m.parameter_status(name, value))
        self.send(m.frame("K", struct.pack("!II", self.process, self.secret)))
        self.send(m.ready())

    # --- authentication: returns when the client has proved itself

    def authenticate(self):
        password = self.server.passwords.get(self.parameters["user"])
        method = getattr(self, f"ask_{self.server.auth}")
        if not method(password):
            user = self.parameters["user"]
            self.fatal("28P01", f'password authentication failed for user "{user}"')

    def ask_trust(self, _):
        return True

    def ask_cleartext(self, password):
        self.send(m.authentication(3))
        return self.read() == m.Message("p", m.texts(password))

    def ask_md5(self, password):
        salt = os.urandom(4)
        self.send(m.authentication(5, salt))
        inner = hashlib.md5((password + self.parameters["user"]).encode()).hexdigest().encode()
        expected = b"md5" + m.texts(hashlib.md5(inner + salt).hexdigest())
        return self.read() == m.Message("p", expected)

    def ask_scram(self, password):
        """With what the server's iterations, salt, nonce, signature and method say."""
        server = self.server
        self.send(m.authentication(10, m.texts(server.method) + b"\0"))
        bare = self.read().body.split(b",,", 1)[1].decode()
        nonce = scram.attributes(bare)["r"] + scram.encode(os.urandom(18))
        first = f"r={nonce if server.nonce is None else server.nonce}," \
                f"s={scram.encode(server.salt)},i={server.iterations}"
        self.send(m.authentication(11, first.encode()))
        final = self.read().body.decode()
        without_proof, proof = final.rsplit(",p=", 1)
        secret = (password or "", server.salt, server.iterations, f"{bare},{first},{without_proof}")
        if password is None or proof != scram.client_proof(*secret):
            return False
        signature = server.signature or scram.server_signature(*secret)
        self.send(m.authentication(12, f"v={signature}".encode()))
        return True


class FakeCluster:
    """What tests/cluster/weir.py wants to know of a cluster."""

    def __init__(self, *servers):
        self.servers = servers
        self.nodes = [Node(server) for server in servers]

    def addresses(self):
        return ", ".join(server.address for server in self.servers)


class Node:
    def __init__(self, server):
        self.address, self.server = server.address, server

    def is_running(self):
        return self.server.is_running
