"""A network that has too little memory for some photographs, or for several at a time."""

import json
from pathlib import Path

import pytest
from made.faulted import OUT, SAMPLES, Shop, contents
from made.records import asked, states

from colorize_cli.cli.app import main

pytestmark = pytest.mark.slow

# What ONNX Runtime says where there is no room; the last input that it was given tells the size.
SCARCE = """
import threading
from colorize_cli.runtimes import ort
plain, compute, last = ort.plain, ort.OrtGraph._compute, threading.local()
lock, running = threading.Lock(), []
def looked(value):
    value = plain(value)
    if value.ndim == 4 and value.shape[1] == 1:
        last.width = value.shape[3]
    return value
def limited(self, binding):
    with lock:
        running.append(self)
        is_too_much = {when}
    try:
        if is_too_much:
            raise RuntimeError("Failed to allocate memory for requested buffer of size 67108864")
        compute(self, binding)
    finally:
        with lock:
            running.remove(self)
ort.plain, ort.OrtGraph._compute = looked, limited
"""
WIDE = SCARCE.format(when="'L' in self.names[0] and last.width > 100")
AT_A_TIME = SCARCE.format(when="len(running) > 1")


def test_photos_that_are_too_large_for_memory_are_degraded_marked_and_made_again(
    shop: Shop,
) -> None:
    code, err = shop.run("--log", "run.jsonl", before=WIDE)
    assert code == 0
    assert "too little memory: scans/" in err
    assert "size 32 instead of 64, so colours may differ" in err
    assert main(["verify", str(OUT)]) == 0
    lines = list(map(json.loads, Path("run.jsonl").read_text().splitlines()))
    degraded = {Path(line["input"]).name for line in lines if line["is_degraded"]}
    assert 0 < len(degraded) < len(lines)
    assert {name for name, state in states(OUT).items() if state == "degraded"} == degraded
    differ = {name for name, data in contents(OUT).items() if data != shop.whole[name]}
    assert differ <= {f"{Path(n).stem}.{k + 1}.jpg" for n in degraded for k in range(SAMPLES)}
    shop.run()
    assert "degraded" in states(OUT).values(), "the same command takes them for done"
    err = shop.finish("--retry-failed")
    assert "coloured with less than was asked for" in err


def test_a_degraded_photo_stays_one_where_the_run_ended_before_its_row(shop: Shop) -> None:
    shop.run(before=WIDE)
    asked(OUT, "UPDATE files SET state = 'intended'")
    before = states(OUT)
    asked(OUT, "UPDATE photos SET state = 'pending', reason = NULL")
    shop.run()
    assert states(OUT) == before
    shop.finish("--retry-failed")


def test_fewer_calls_at_a_time_give_the_same_bits(shop: Shop) -> None:
    code, err = shop.run(before=AT_A_TIME)
    assert code == 0, err
    shop.check()
    assert contents(OUT) == shop.whole
    assert set(states(OUT).values()) == {"done"}
