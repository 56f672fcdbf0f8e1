"""The sheet as an observer of a run: it is written when the run is over."""

from pathlib import Path

from ...errors import ColorizeError
from ...system.messages import Messages
from ...system.paths import quoted, shown
from ...system.wording import count_text
from ..outcome import Observer, Outcome
from ..plan import Plan
from ..settings import RunSettings
from .build import Built, build
from .folder import SheetFolder


class Sheet(Observer):
    """Write the sheet of an output folder, whose thumbnails the run has made on its way."""

    name = "the sheet"

    def __init__(self, out: Path, messages: Messages) -> None:
        """Take the output folder; `messages` is told where the sheet is."""
        self._out = out
        self._messages = messages
        self._told = 0

    def __enter__(self) -> "Sheet":
        """Raise UsageError where something else is in the sheet's place."""
        SheetFolder(self._out).require_own()
        return self

    def start(self, photos: int, settings: RunSettings) -> None:
        """Claim its folder, which has thumbnails from now on."""
        SheetFolder(self._out).claim()

    def outcome(self, outcome: Outcome) -> None:
        """Count a photograph, to know whether the run came to its end."""
        self._told += 1

    def end(self, plan: Plan) -> None:
        """Write the sheet; of a run that was ended, without what it has not made."""
        is_whole = self._told >= len(plan.jobs) + len(plan.problems)
        try:
            built = build(self._out, self._messages, makes_missing=is_whole)
        except ColorizeError as error:  # nothing was ever coloured there
            self._messages.warn(f"there is no sheet: {error}")
        except KeyboardInterrupt:
            self._messages.warn(f"the sheet is not whole: colorize sheet {quoted(self._out)}")
        else:
            self._messages.note(built_text(built, self._out))


def built_text(built: Built, out: Path) -> str:
    """Say where a sheet is and what it shows."""
    parts = [f"sheet of {count_text(built.photos, 'photo')}"]
    if built.failed:
        parts.append(f"{built.failed:,} failed")
    if built.zoomed:
        parts.append(f"{count_text(built.zoomed, 'JPEG')} of full size made")
    if built.lacking:
        parts.append(f"{count_text(built.lacking, 'thumbnail')} missing")
    return f"{', '.join(parts)}; open {shown(built.page)}"
