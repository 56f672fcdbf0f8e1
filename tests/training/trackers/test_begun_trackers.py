"""Trackers that were begun are closed, whatever fails before the run's log takes them over."""

from pathlib import Path

import pytest

from colorize_cli.errors import UsageError
from training import trackers
from training.trackers.tracker import TrackedRun, Tracker


class Counted:
    """A tracker that counts how often it is closed, and fails at that."""

    closed = 0

    def close(self) -> None:
        self.closed += 1
        raise ConnectionError("no route to host")


@pytest.mark.parametrize("failing", ["the second tracker", "the run"])
def test_trackers_are_closed_where_something_fails_before_the_log_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    first, second = Counted(), Counted()

    def begin(name: str, run: TrackedRun) -> Tracker:
        if name == "second" and failing == "the second tracker":
            raise UsageError("refused")
        return first if name == "first" else second  # type: ignore[return-value]

    monkeypatch.setattr(trackers, "begin_tracker", begin)
    run = TrackedRun(tmp_path, 0, {})
    with (
        pytest.raises(UsageError, match="refused"),
        trackers.begun_trackers(["first", "second", "first"], run),
    ):
        raise UsageError("refused")
    assert (first.closed, second.closed) == (1, int(failing == "the run"))
