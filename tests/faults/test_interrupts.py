"""Ctrl-C once, twice, and at any moment; and the other signals by which a run is asked to stop."""

import random
import signal
import sys
import time

import pytest
from made.faulted import (
    INTERRUPTS,
    OUT,
    SAMPLES,
    SLOW_FILES,
    SLOW_NETWORK,
    Shop,
    contents,
    interrupt,
    wait_for_files,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="signals are of Unix"),
]

ENDLESS_NETWORK = """
import time
from colorize_cli.model.colorizer import Colorizer
def colorize(self, *given):
    print("drawing", flush=True)
    time.sleep(600)
Colorizer.colorize = colorize
"""


@pytest.mark.parametrize(
    ("name", "before"),
    [("SIGINT", SLOW_FILES), ("SIGTERM", SLOW_NETWORK), ("SIGHUP", SLOW_NETWORK)],
)
def test_one_signal_finishes_the_photos_in_hand(shop: Shop, name: str, before: str) -> None:
    with shop.running(before) as process:
        wait_for_files(1, process)
        code, err = interrupt(process, signal.Signals[name])
    assert code == 130
    assert "finishing the photo in hand; once more leaves at once" in err
    assert "not reached" in err
    assert "Traceback" not in err
    left = contents(OUT)
    assert SAMPLES <= len(left) < len(shop.whole)
    stems = {file.partition(".")[0] for file in left}
    assert len(left) == SAMPLES * len(stems), "a photo is done by half"
    shop.check()
    if name == "SIGINT":
        shop.finish()


def test_two_signals_leave_at_once(shop: Shop) -> None:
    with shop.running(ENDLESS_NETWORK) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "drawing\n"
        process.send_signal(signal.SIGINT)
        while "finishing the photo in hand" not in process.stderr.readline():
            assert process.poll() is None
        code, err = interrupt(process, signal.SIGINT)
    assert code == 130
    assert "Traceback" not in err
    shop.check()
    shop.finish()


def test_an_interrupt_is_heeded_at_any_moment_of_the_start(shop: Shop) -> None:
    chance = random.Random(7)
    for _ in range(INTERRUPTS):
        with shop.running(SLOW_NETWORK) as process:
            time.sleep(chance.uniform(0.02, 1.5))
            code, err = interrupt(process, signal.SIGINT)
        assert code == 130, err
        assert "Traceback" not in err
        assert "ignored" not in err
        shop.check()
    shop.finish()
