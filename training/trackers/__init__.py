"""Who is told of a run's figures and pictures: files that are always written, and trackers.

A tracker costs a module with a function `begin`, as `tracker.py` describes it, and a line here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

from colorize_cli.errors import UsageError, reason_of
from colorize_cli.system.installed import require

from .tracker import Panel, TrackedRun, Tracker

# What every run writes: first what refuses, last the log, which tells the pictures that there was a
# run before.
ALWAYS = (".csv_table", ".pictures", ".log_lines")
# What it may be asked for by name, which is that of its extra.
TRACKERS = {"tensorboard": ".tensorboard", "wandb": ".wandb"}


def check_trackers(names: Iterable[str]) -> None:
    """See to it that trackers can be begun, before there is work to lose.

    Raises:
        UsageError: there is none of a name.
        MissingExtraError: the package of one is not installed.
    """
    for name in names:
        if name not in TRACKERS:
            raise UsageError(f"--track {name}: there are {' and '.join(TRACKERS)}.")
        require(name)


def begin_tracker(name: str, run: TrackedRun) -> Tracker:
    """Begin a tracker that was asked for.

    Raises:
        UsageError: it refuses.
    """
    tracker: Tracker = import_module(TRACKERS[name], __package__).begin(run)
    return tracker


@contextmanager
def begun_trackers(names: Iterable[str], run: TrackedRun) -> Iterator[list[Tracker]]:
    """Begin the trackers that were asked for, and close them where anything fails within.

    They may be closed twice. A run that ends well closes them itself.

    Raises:
        UsageError: one refuses.
    """
    begun: list[Tracker] = []
    try:
        for name in dict.fromkeys(names):
            begun.append(begin_tracker(name, run))
        yield begun
    except BaseException:
        for tracker in begun:
            with suppress(Exception):  # what failed before is what counts
                tracker.close()
        raise


class Trackers:
    """All trackers of a run as one.

    What goes wrong in one that was asked for, a server that does not answer say, ends neither the
    run nor the others: it is reported once, and the tracker is left out from then on.
    """

    def __init__(
        self, run: TrackedRun, asked_for: Iterable[Tracker], report: Callable[[str], None]
    ) -> None:
        """Begin the files that are always written, beside trackers that were begun before."""
        self._files: list[Tracker] = [
            import_module(name, __package__).begin(run) for name in ALWAYS
        ]
        self._asked_for = list(asked_for)
        self._report = report

    def entry(self, entry: Mapping[str, Any]) -> None:
        """Tell all of figures."""
        self._tell(lambda tracker: tracker.entry(entry))

    def panel(self, panel: Panel) -> None:
        """Tell all of a picture."""
        self._tell(lambda tracker: tracker.panel(panel))

    def close(self) -> None:
        """Close all."""
        self._tell(lambda tracker: tracker.close())

    def _tell(self, tell: Callable[[Tracker], None]) -> None:
        for file in self._files:
            tell(file)
        for tracker in [*self._asked_for]:
            try:
                tell(tracker)
            except Exception as error:  # whatever a tracker's package raises
                self._asked_for.remove(tracker)
                name = type(tracker).__name__
                self._report(f"{name} fails, and is told no more: {reason_of(error)}")
