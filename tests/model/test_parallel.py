"""Several calls at once, for one caller after the other."""

from threading import Barrier, Thread
from time import sleep

import pytest

from colorize_cli.model.parallel import HaltedError, Lanes


def test_results_come_in_the_order_of_the_items() -> None:
    lanes = Lanes(3)

    def slow_first(number: int) -> int:
        sleep(0.02 * (number == 0))
        return number

    assert lanes.map(slow_first, range(6)) == list(range(6))


def test_a_caller_that_fails_ends_nothing_of_another() -> None:
    lanes = Lanes(2)
    both = Barrier(2)
    found: list[object] = []

    def watched(number: int) -> int:
        for _ in range(20):
            lanes.check()
            sleep(0.001)
        return number

    def fail(number: int) -> int:
        raise ValueError(number)

    def caller() -> None:
        both.wait(timeout=30)
        try:
            found.append(lanes.map(watched, range(4)))
        except HaltedError as error:
            found.append(error)

    other = Thread(target=caller)
    other.start()
    both.wait(timeout=30)
    for _ in range(5):
        with pytest.raises(ValueError, match="0"):
            lanes.map(fail, range(2))
    other.join()
    assert found == [[0, 1, 2, 3]]
