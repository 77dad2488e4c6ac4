"""No byte of another client's answer, whoever dies at whatever byte (FAILURES D1, D2, D3; W4).

Short here; with PGWEIR_LONG=1 a million tagged answers.
"""

import json
import os
import pickle
import random
import subprocess
import sys

import pytest

import tagged
from conftest import LONG

HERE = os.path.dirname(os.path.abspath(__file__))
ANSWERS = 1_000_000 if LONG else 30_000  # of all pools together
ASKERS, CONNECTIONS = 2, 5  # processes for each pool, clients of each
WAIT_S = 1500 if LONG else 200


@pytest.fixture
def forms(cluster, tmp_path):
    path = tmp_path / "forms"
    path.write_bytes(pickle.dumps(tagged.learn(cluster.primary.port)))
    return str(path)


def start(forms, proxy, seed, limit):
    return subprocess.Popen(
        [sys.executable, os.path.join(HERE, "tagged.py"), forms, str(proxy.port), str(seed),
         str(CONNECTIONS), str(limit)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(process):
    """What it counted; its last words if a byte was wrong."""
    out, trouble = process.communicate(timeout=WAIT_S)  # which also ends its stdin
    assert process.returncode == 0, trouble[-3000:]
    return json.loads(out.splitlines()[-1])


@pytest.mark.limit(1600)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_D01_D03_tagged_answers_among_clients_that_die(weir, forms, size):
    proxy = weir(pool_size=size, pool_overflow=0, proxy_workers=2)
    seed = random.SystemRandom().randrange(100)  # client numbers have 16 bits
    print(f"seed {seed}")
    dying = start(forms, proxy, seed * 8, "--die")
    asking = [start(forms, proxy, seed * 8 + 1 + i, ANSWERS // 3 // ASKERS) for i in range(ASKERS)]
    try:
        counts = [end(process) for process in asking]
        counts.append(end(dying))
    finally:
        for process in [*asking, dying]:
            process.kill()
            process.wait()
    answers, deaths = (sum(count[name] for count in counts) for name in ("answers", "deaths"))
    print(f"{answers} answers, {sum(count['bytes'] for count in counts)} bytes, {deaths} deaths")
    assert answers >= ANSWERS // 3 // ASKERS * ASKERS and deaths > 20


def test_one_wrong_byte_is_found(weir, forms, tmp_path):
    """The checker is tested, too."""
    with open(forms, "rb") as file:
        known = pickle.load(file)
    weight, count, request, answer = known[-3]
    known[-3] = (1e6, count, request, answer[:70] + bytes([answer[70] ^ 1]) + answer[71:])
    wrong = tmp_path / "wrong"
    wrong.write_bytes(pickle.dumps(known))
    process = start(str(wrong), weir(), 1, 1000)
    _, trouble = process.communicate(timeout=WAIT_S)
    assert process.returncode == 1 and "Foreign: client" in trouble and weight < 1e6
