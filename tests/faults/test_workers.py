"""Threads that decode, draw and write, of which one ends in a way that nobody foresaw."""

import pytest
from made.faulted import OUT, SAMPLES, Shop, contents
from made.records import states

pytestmark = pytest.mark.slow

CRASH = """
import threading
from colorize_cli.batch import photo_job
{what}, calls = photo_job.{what}, []
def crash(*given):
    calls.append(given)
    if len(calls) == 5:
        assert threading.current_thread() is not threading.main_thread()
        raise {error}
    return {what}(*given)
photo_job.{what} = crash
"""


@pytest.mark.parametrize(
    ("what", "error", "said"),
    [
        ("read_photo", "RecursionError('too deep')", "RecursionError: too deep"),
        ("kind_of", "MemoryError", "MemoryError"),
        ("encode_photo", "SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_a_worker_that_crashes_fails_its_photo_alone(
    shop: Shop, what: str, error: str, said: str
) -> None:
    code, err = shop.run(before=CRASH.format(what=what, error=error))
    assert code == 1
    assert said in err
    assert "Traceback" not in err
    assert len(shop.whole) - SAMPLES <= len(contents(OUT)) < len(shop.whole)
    assert sorted(states(OUT).values()).count("failed") == 1
    shop.check()
    shop.finish("--retry-failed")
