"""Texts made to kill a recursive parser, through pgweir: it lives, and others are served."""

import threading
import time

import pytest

import messages as m

pytestmark = pytest.mark.proxy

CANARY_BOUND_S = 20  # generous: the slowest answer is printed, not judged

CHAINS = {
    "plus": ("select 1", "+1", ""), "casts": ("select 1", "::int", ""),
    "unions": ("select 1", " union select 1", ""), "cases": ("select ", "case when a then 1 else ", "1"),
    "brackets": ("select ", "(", "1"), "selects": ("select ", "(select ", "1"),
    "nots": ("select ", "not ", "true"), "in_list": ("select a in (1", ",1", ")"),
    "in_list_of_all": ("select a in (1", ",1,'x',$1", ")"),
    "plus_in_brackets": ("select ", "(1+", "1"), "joins": ("select * from a", " join a using (b)", ""),
    "explains": ("explain ", "explain ", "select 1"), "statements": ("select 1", ";select 1", ""),
    "comments": ("select 1", "/*", ""), "dollars": ("select 1", " $$ $", ""),
}


class Canary:
    """A client that asks all the time, in a thread; `slowest_s` is its slowest answer."""

    def __init__(self, one):
        self.one, self.slowest_s, self.answers, self.failure = one, 0, 0, None
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._ask)

    def _ask(self):
        try:
            with self.one.login(database="canary") as client:
                client.sock.settimeout(CANARY_BOUND_S)
                while not self.ended.is_set():
                    start = time.monotonic()
                    assert client.query(f"select '{self.answers}'").value == str(self.answers)
                    self.slowest_s = max(self.slowest_s, time.monotonic() - start)
                    self.answers += 1
                    time.sleep(0.001)
        except BaseException as failure:  # told by __exit__
            self.failure = failure

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        print(f"{self.answers} answers to the canary, the slowest after {self.slowest_s * 1000:.1f} ms")
        assert self.failure is None, self.failure
        assert self.answers > 0


@pytest.mark.parametrize("chain", CHAINS)
def test_A17_A18_chains_do_not_kill(server, weir, chain):
    head, link, tail = CHAINS[chain]
    one = weir(server, proxy_workers=1)
    with Canary(one), one.login() as client:
        client.sock.settimeout(60)
        for count in (100, 499, 1000, 10000, 100000, 1000000):
            if count * len(link) > 8 << 20:
                break
            text = head + link * count + tail
            for send in (m.query(text),), (m.parse(text), m.SYNC):
                client.send(*send)
                while client.read().type != "Z":
                    pass
    assert one.is_running()
