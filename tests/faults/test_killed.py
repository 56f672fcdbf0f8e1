"""Runs whose process ends in its midst: killed, or by a crash of a library."""

import random
import signal
import time

import pytest
from made.faulted import KILLS, OUT, Shop, contents, wait_for_files

pytestmark = pytest.mark.slow

CRASH = """
import ctypes
from colorize_cli.batch import photo_job
encode, calls = photo_job.encode_photo, []
def crash(*given):
    calls.append(given)
    if len(calls) == 9:
        ctypes.string_at(0)
    return encode(*given)
photo_job.encode_photo = crash
"""


def test_a_run_that_is_killed_again_and_again_comes_to_the_same_end(shop: Shop) -> None:
    chance = random.Random(16)
    for _ in range(KILLS):
        before = len(contents(OUT)) if OUT.exists() else 0
        with shop.running() as process:
            if more := chance.randint(0, 2 * len(shop.whole) // KILLS - 2):
                wait_for_files(before + more, process)
                time.sleep(chance.uniform(0, 0.02))
            else:  # while it begins
                time.sleep(chance.uniform(0, 1))
            process.kill()
            process.wait()
        shop.check()
    shop.finish()


def test_a_run_that_a_library_crashes_goes_on_afterwards(shop: Shop) -> None:
    code, _ = shop.run(before=CRASH)
    assert code == -signal.SIGSEGV
    assert contents(OUT)
    shop.check()
    shop.finish()
