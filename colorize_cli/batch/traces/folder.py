"""The folder of `--trace`: an animation for each photograph that is coloured, beside no ledger.

A trace belongs to the run that made it, as a log and a report do: it is no colouring, nothing goes
on from it, and what becomes of it changes nothing for the photograph.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ...errors import ImageError, UsageError, reason_of
from ...imaging.trace_frames import trace_frames
from ...model.colorizer import Prepared
from ...photos.animation import encode_animation, is_animation
from ...system.files import make_folders, write_atomic
from ...system.paths import absolute, shown
from ..output_names import Job
from ..settings import Options
from .recorder import Sampled

_FRAME_MS, _HELD_MS = 120, 1500


@dataclass(frozen=True)
class Traces:
    """Writes traces into a folder that mirrors the output folder."""

    folder: Path
    out: Path  # the output folder
    forward: bool  # whether the forward process comes first

    @classmethod
    def of(cls, options: Options) -> Self | None:
        """Take what is asked for; None for no traces.

        Raises:
            UsageError: The folder is one that photographs are taken from, or go to.
        """
        if options.trace is None:
            if options.trace_forward:
                raise UsageError("--trace-forward needs a folder: add --trace DIR.")
            return None
        folder = absolute(options.trace)
        for other in (options.out, *options.paths):
            if folder.is_relative_to(absolute(other)):
                raise UsageError(
                    f"--trace {shown(options.trace)} lies in {shown(other)}, whose pictures would "
                    "be taken for others: name a folder beside it."
                )
        return cls(folder, absolute(options.folder), options.trace_forward)

    def write(
        self, job: Job, prepared: Prepared, sampled: Sampled, order: Sequence[int]
    ) -> Sequence[str]:
        """Write the trace of a photograph, whole or not at all; in any thread.

        Args:
            job: the photograph.
            prepared: what its samples were drawn from.
            sampled: how each of them came about.
            order: which of them are kept.

        Returns:
            Warnings, where it could not be written.
        """
        path = self.path_of(job)
        try:
            if path.is_symlink() or (path.exists() and not is_animation(path)):
                return [f"its trace is not written: {shown(path)} is another file"]
            kept = [sampled[k] for k in order if k < len(sampled)]
            if not any(kept):
                return ["there is no trace: the model has no steps"]
            forward, backward = trace_frames(prepared.L, prepared.frame, kept, forward=self.forward)
            held = [_held(part) for part in (forward, backward) if part]
            durations = [ms for part in held for ms in part]
            data = encode_animation([*forward, *backward], durations)
            make_folders(path.parent)
            write_atomic(path, data)
        except (OSError, ImageError) as error:
            return [f"its trace could not be written: {reason_of(error)}"]
        return []

    def path_of(self, job: Job) -> Path:
        """Where the trace of a photograph goes."""
        below = absolute(job.folder).relative_to(self.out)
        return self.folder / below / f"{job.stem}{job.suffix}.trace.webp"


def _held(frames: Sequence[object]) -> list[int]:
    """How long each frame of a process is shown, in ms: both ends are held."""
    inner = [_FRAME_MS] * max(0, len(frames) - 2)
    return [_HELD_MS, *inner, _HELD_MS][: len(frames)]
