"""Name photographs as they are worked on: those that failed, and with -v every one."""

from ..batch.observer import Observer
from ..batch.outcome import Outcome
from ..system.messages import Messages
from ..system.paths import shown


class Naming(Observer):
    """Say of every photograph what the user wants to know of it."""

    def __init__(self, messages: Messages, *, is_verbose: bool = False) -> None:
        self._messages = messages
        self._is_verbose = is_verbose

    def outcome(self, outcome: Outcome) -> None:
        """Name a photograph that failed; if verbose, every one that was worked on."""
        if outcome.status == "failed":
            self._messages.failure(outcome.source, outcome.reason or "")
        elif outcome.status == "there" or not self._is_verbose:
            return
        elif outcome.status == "left out":
            self._messages.note(f"left out {shown(outcome.source)}: it is in colour")
        else:
            written = [outcome.outputs[k] for k in outcome.written]
            more = f" and {len(written) - 1} more" if len(written) > 1 else ""
            self._messages.note(
                f"{outcome.status} {shown(outcome.source)} -> {shown(written[0])}{more} "
                f"({outcome.seconds:.1f} s)"
            )
            for warning in outcome.warnings:
                self._messages.warn(f"  {warning}")
