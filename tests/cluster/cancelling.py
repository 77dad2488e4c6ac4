"""Clients that cancel their own short queries at the worst moment: cancelling.py PORT SEED THREADS COUNT

Each asks, waits for about as long as the query takes, cancels once or more (also after the answer
came), and insists on its own answer or 57014.  Prints {"cancels": …, "hit": …, "finished": …}.
"""

import json
import os
import random
import sys
import threading
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../wire"))

import messages as m  # noqa: E402  (needs the path above)
import peers  # noqa: E402

QUERIES_S = (0.004, 0.004, 0.004, 0.03)


def cancel(port, key):
    """Returns when the proxy has read the request and closed."""
    with peers.EvilClient(port) as client:
        client.send_if_open(m.cancel(*key))
        assert client.expect_end() == []


class Canceller(threading.Thread):
    def __init__(self, port, number, dice, count):
        super().__init__(daemon=True)
        self.port, self.number, self.dice, self.count = port, number, dice, count
        self.cancels = self.hit = self.finished = 0
        self.trouble = None

    def run(self):
        try:
            with peers.EvilClient(self.port).login() as client:
                while self.cancels < self.count:
                    self.ask_and_cancel(client)
        except BaseException as trouble:
            self.trouble = trouble

    def ask_and_cancel(self, client):
        tag = f"c{self.number}.{self.cancels}"
        query_s = self.dice.choice(QUERIES_S)
        sql = f"select '{tag}' from pg_sleep({query_s})"
        client.send(m.query(sql) if self.dice.random() < 0.5 else m.one_query(sql))
        time.sleep(self.dice.random() * 2 * query_s)
        for _ in range(self.dice.choice((1, 1, 2, 5))):
            cancel(self.port, client.key)
            self.cancels += 1
        result = client.result()
        if result.errors:
            assert result.sqlstates == ["57014"], result
            self.hit += 1
        else:
            assert result.value == tag, result
            self.finished += 1
        if self.dice.random() < 0.3:  # it runs nothing now: this must hit nobody
            cancel(self.port, client.key)
            self.cancels += 1


def main():
    port, seed, threads, count = map(int, sys.argv[1:])
    everyone = [Canceller(port, i, random.Random(seed * 100 + i), count // threads)
                for i in range(threads)]
    for one in everyone:
        one.start()
    for one in everyone:
        one.join()
    for one in everyone:
        if one.trouble:
            raise one.trouble
    print(json.dumps({name: sum(getattr(one, name) for one in everyone)
                      for name in ("cancels", "hit", "finished")}))


if __name__ == "__main__":
    main()
