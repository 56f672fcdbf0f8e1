"""What is said when a gradient is not finite: the step, its photos, and what to try."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from numpy.random import Generator

from colorize_cli.errors import DeviceError, UsageError
from colorize_cli.system.files import write_atomic

from ..data.batches import cut_crops
from ..data.photos import RGB, Photos
from ..machine.processes import share, wait
from ..optimizer import LostStepError
from ..run_state import RunState

FILE = "lost-step.json"
_NAMED = 3  # photos


@contextmanager
def lost_steps_told(state: RunState, photos: Photos, out: Path) -> Iterator[None]:
    """Say more of a gradient that was not finite, and write its photos to a file.

    Args:
        state: of the run.
        photos: that it draws from.
        out: the run's folder.

    Raises:
        UsageError: there was one within.
    """
    try:
        yield
    except LostStepError as error:
        step = state.step - error.ago  # counted from 1
        count = share().of * state.recipe.optim.photos
        names = names_in_batch(photos, count, state.recipe.seed, step - 1)
        told = {"step": step, "gradients": error.count, "photos": names}
        write_atomic(out / FILE, (json.dumps(told, indent=1) + "\n").encode())
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        raise UsageError(
            f"The gradient of step {step:,} was not finite ({error.count} so far), and the weights "
            f"were left as they were. Its photos: {', '.join(names[:_NAMED])}{more}; all are in "
            f"{out / FILE}. Go on from the last save with --resume and a lower rate, --set "
            f"optim.lr={state.recipe.optim.lr / 2:.2g} say, or a smaller optim.clip (now "
            f"{state.recipe.optim.clip:g}). Where the same step fails again, look at its photos."
        ) from error


@contextmanager
def lost_steps_left_to_the_first() -> Iterator[None]:
    """Wait with a gradient that was not finite until the first process, which says more, ended.

    All processes find it at the same step, and where one ends torchrun ends the others too.

    Raises:
        LostStepError: there was one within.
    """
    try:
        yield
    except LostStepError:
        with suppress(DeviceError):  # the first one does not come: it ends
            wait()
        raise


def names_in_batch(photos: Photos, count: int, seed: int, step: int) -> list[str]:
    """Name the photos of a batch, which seed and step decide alone.

    Args:
        photos: that it draws from.
        count: photos of a batch, in all processes.
        seed: of the run.
        step: steps before it.
    """
    heard = _Heard(photos, [])
    cut_crops(heard, range(count), seed, step)
    return heard.names


@dataclass
class _Heard:
    """Photos, and the names of those that were drawn."""

    photos: Photos
    names: list[str]

    @property
    def size(self) -> int:
        return self.photos.size

    def draw(self, rng: Generator) -> RGB:
        name, rgb = self.photos.draw_named(rng)
        self.names.append(name)
        return rgb
