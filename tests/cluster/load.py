"""A load of psycopg clients that outlives errors and remembers each outcome.

pgbench gives up a client at its first error; here a client that lost its connection connects
again, so that a test can tell how long a fault was felt and by how many.
"""

import threading
import time

import psycopg

from drivers import connect


class Load:
    """`clients` threads run `statement` in autocommit until the block ends."""

    def __init__(self, server, statement="select on_replica()", clients=8, **parameters):
        self.server = server
        self.statement = statement
        self.parameters = parameters
        self.errors = []  # (time, text); append is atomic in CPython
        self.successes = []  # (time, first column)
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._work, daemon=True) for _ in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(40)
        assert not any(thread.is_alive() for thread in self.threads), "a client hangs"

    def _work(self):
        while not self.stopping.is_set():
            try:
                with connect(self.server, **self.parameters) as connection:
                    while not self.stopping.is_set():
                        row = connection.execute(self.statement).fetchone()
                        self.successes.append((time.monotonic(), row[0]))
            except psycopg.Error as error:
                self.errors.append((time.monotonic(), str(error)))
                time.sleep(0.02)

    def errors_after(self, moment):
        return [text for when, text in self.errors if when > moment]

    def successes_after(self, moment):
        return [value for when, value in self.successes if when > moment]
