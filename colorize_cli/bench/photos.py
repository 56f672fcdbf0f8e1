"""The photographs that a benchmark measures with."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..batch.output_names import Job
from ..batch.plan import make_plan
from ..batch.settings import Options
from ..errors import UsageError
from ..system.paths import shown
from .synthetic import synthetic_photo

# Of more photographs, as many are taken, spread evenly over all.
_MAX_PHOTOS = 4


@dataclass(frozen=True)
class PhotoSet:
    """The photographs that every process measures with."""

    jobs: tuple[Job, ...]
    samples: int  # colourings of each
    found: int  # photographs among those that the user named
    digest: str  # SHA-256 (hex) over the files
    is_built_in: bool  # whether it is the one that is made for the purpose
    megapixels: tuple[float, ...] = ()  # once they are read, which leaves out what cannot be

    @property
    def formats(self) -> list[str]:
        """The formats of the colourings."""
        return sorted({job.format for job in self.jobs})


def find_photos(
    paths: Sequence[Path], folder: Path, samples: int, on_failure: Callable[[Path, str], None]
) -> PhotoSet:
    """Plan photographs as `colorize` would, with the outputs in a folder; without any, make one."""
    is_built_in = not paths
    if is_built_in:
        source = folder / "in" / "photo.jpg"
        source.parent.mkdir()
        source.write_bytes(synthetic_photo())
        paths = [source]
    plan = make_plan(Options(tuple(paths), folder / "out", samples=samples))
    for problem in plan.problems:
        on_failure(problem.source, problem.reason or "")
    if not plan.jobs:
        raise UsageError(
            f"no photographs in {', '.join(shown(path) for path in paths)}. Without any, one that "
            "is made for the purpose is used."
        )
    jobs = spread(plan.jobs)
    return PhotoSet(jobs, samples, len(plan.jobs), _digest(jobs), is_built_in)


def spread(jobs: Sequence[Job]) -> tuple[Job, ...]:
    """Take a few from all over."""
    count = min(len(jobs), _MAX_PHOTOS)
    return tuple(jobs[i * len(jobs) // count] for i in range(count))


def _digest(jobs: Sequence[Job]) -> str:
    digest = hashlib.sha256()
    for job in jobs:
        with suppress(OSError):  # one that cannot be read is told of later
            digest.update(hashlib.sha256(job.source.read_bytes()).digest())
    return digest.hexdigest()
