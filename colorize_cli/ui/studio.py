"""Colour what was dropped on the page, one request after the other, as the command line does.

Names, network, rendering and files are those of a run into a folder (`pipeline.run`), so the same
photo, model and numbers give the same bytes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock
from typing import TypeAlias

from ..batch import pipeline
from ..batch.asked.treatment import Treatment
from ..batch.outcome import Outcome
from ..batch.output_names import Job, name_outputs
from ..batch.scan import scan
from ..errors import UsageError
from ..imaging.lab import Float
from ..model.colorizer import Colorizer, PaintingStoppedError, Prepared
from ..model.families.family import OnStep, Step
from ..model.view import SizeChoice
from ..model.views import views_of
from ..system.wording import count_text
from .unpack import MOST_BYTES, MOST_FILES, unpack

# Told how far it is, from 0 to 1, and of what.
Progress: TypeAlias = Callable[[float, str], None]


@dataclass(frozen=True)
class Wish:
    """What somebody asks for; numbers are as in `Options`."""

    files: Sequence[Path]  # photographs, and zips of them
    model: str = "default"
    samples: int = 4
    seed: int = 0
    steps: int | None = None
    saturation: float = 1.0


class _Watched(Colorizer):
    """A colorizer that tells how far it is, and can be stopped at any step."""

    watch: Callable[[float], None] = staticmethod(lambda share: None)

    def colorize(
        self,
        prepared: Sequence[Prepared],
        samples: int,
        seed: int,
        on_step: OnStep | None = None,
        first: int = 0,
    ) -> list[Float]:
        """Draw samples as `Colorizer.colorize`, and tell `watch` the share of it that is done."""
        view = prepared[0].view or self.views.usual
        steps, lock, taken = samples * len(prepared) * view.family.steps, Lock(), 0

        def heed(step: Step) -> None:
            nonlocal taken
            if on_step is not None:
                on_step(step)
            with lock:
                taken += 1
                share = min(1.0, taken / steps)
            self.watch(share)

        return super().colorize(prepared, samples, seed, heed, first)


class Studio:
    """Holds the networks, each loaded once; whoever uses it sees to it that one at a time does."""

    def __init__(
        self,
        models: Sequence[str],
        device: str = "auto",
        size: SizeChoice | None = None,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Take the names of the models on offer; the first is opened now, others when asked for.

        Raises:
            ModelError: The first cannot be used.
            DeviceError: The device cannot run it.
        """
        self.models = tuple(models)
        self._device, self._size, self._note = device, size, note
        self._opened: dict[str, _Watched] = {}
        first = self._of(self.models[0])
        note(f"device: {first.device.description}")
        if first.device.note:
            note(f"no GPU is used: {first.device.note}")

    def _of(self, model: str) -> _Watched:
        if model not in self.models:
            raise UsageError(f"there is no model {model!r} here: choose {', '.join(self.models)}")
        if model not in self._opened:
            self._opened[model] = _Watched.open(
                model, device=self._device, size=self._size, note=self._note
            )
        return self._opened[model]

    def colour(
        self,
        wish: Wish,
        folder: Path,
        is_cancelled: Event,
        told: Callable[[Outcome], None],
        progress: Progress,
    ) -> list[str]:
        """Colour the photographs of a wish into `folder / "out"`; one wish at a time.

        Args:
            wish: what is asked for.
            folder: empty, of this request alone.
            is_cancelled: ends it between two steps of the network, and in the middle of a zip.
            told: of each photograph, once it is done or has failed.
            progress: told at every step.

        Returns:
            What else there is to say, a sentence each.

        Raises:
            ColorizeError: Nothing can be done, and why.
        """
        progress(0.0, "reading what was dropped")
        taken = _taken_in(wish.files, folder, is_cancelled.is_set)
        if is_cancelled.is_set():  # zips may be unpacked by half
            return []
        found = scan(taken, folder / "out")
        jobs, notes = name_outputs(found, folder / "out", "keep", wish.samples)
        for problem in found.problems:
            told(problem)
        if not jobs and not found.problems:
            raise UsageError("there is no photograph in it")
        if jobs and not is_cancelled.is_set():
            progress(0.0, "opening the model")
            colorizer = self._fitted(wish, len(jobs))
            treatment = self._treatment(wish, colorizer)
            _run(colorizer, treatment, jobs, is_cancelled, told, progress)
        return [*found.notes, *notes]

    def _fitted(self, wish: Wish, photos: int) -> _Watched:
        """The model with the numbers that a run of the command line would have."""
        opened = self._of(wish.model)
        device = opened.device.fitted(photos * wish.samples)
        views = views_of(opened.bundle, self._size, wish.steps)
        batch = device.batch_for(wish.samples)
        return opened.changed(device=device, batch=batch, views=views)

    def _treatment(self, wish: Wish, colorizer: Colorizer) -> Treatment:
        return Treatment(
            samples=wish.samples,
            seed=wish.seed,
            saturation=wish.saturation,
            marked_bundle=colorizer.bundle.digest,
            falls_to_cpu=self._device == "auto" and colorizer.device.is_gpu,
        )


def _taken_in(files: Sequence[Path], folder: Path, is_cancelled: Callable[[], bool]) -> list[Path]:
    """List the photographs, and the folders that zips of them were unpacked to."""
    paths, count, total = [], 0, 0
    for number, path in enumerate(files):
        if path.suffix.lower() == ".zip":
            place = folder / f"zip{number}" / (path.stem or "zip")
            place.mkdir(parents=True)
            members, unpacked = unpack(path, place, MOST_BYTES - total, is_cancelled)
            count, total = count + members, total + unpacked
            paths.append(place)
        else:
            count += 1
            paths.append(path)
    if count > MOST_FILES:
        raise UsageError(
            f"{count:,} photographs, and {MOST_FILES} go at once: drop fewer, or colour the folder "
            "on the command line"
        )
    return paths


def _run(
    colorizer: _Watched,
    treatment: Treatment,
    jobs: Sequence[Job],
    is_cancelled: Event,
    told: Callable[[Outcome], None],
    progress: Progress,
) -> None:
    done = 0

    def watch(share: float) -> None:
        if is_cancelled.is_set():
            raise PaintingStoppedError
        of = f"photo {min(done + 1, len(jobs))} of {len(jobs)}"
        progress(min(1.0, (done + share) / len(jobs)), of)

    def report(outcome: Outcome) -> None:
        nonlocal done
        done += 1
        if outcome.status != "failed" or not is_cancelled.is_set():
            told(outcome)

    colorizer.watch = watch
    progress(0.0, count_text(len(jobs), "photo"))
    try:
        pipeline.run(jobs, colorizer, treatment, report, is_stopping=is_cancelled.is_set)
    except KeyboardInterrupt:  # the pipeline's word for having been asked to stop
        if not is_cancelled.is_set():
            raise
