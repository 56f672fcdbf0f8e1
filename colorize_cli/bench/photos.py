"""The photographs that a benchmark measures with."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..batch.options import Options
from ..batch.output_names import Job
from ..batch.plan import make_plan
from ..errors import UsageError
from ..system.paths import shown
from .synthetic import synthetic_photo
from .worker import Reference

# Of more photographs, as many are taken, spread evenly over all.
_MAX_PHOTOS = 4


@dataclass(frozen=True)
class PhotoFacts:
    """What was measured with.

    Attributes:
        is_built_in: Whether it is the photograph that is made for the purpose.
        digest: SHA-256 (hex) over the files.
        found: Photographs among those named.
        used: How many of them were taken.
        megapixels_min: Of the smallest.
        megapixels_max: Of the largest.
        formats: Of the colourings.
    """

    is_built_in: bool
    digest: str
    found: int
    used: int
    megapixels_min: float
    megapixels_max: float
    formats: tuple[str, ...]


def find_photos(
    photos: Sequence[Path],
    folder: Path,
    samples: int,
    on_failure: Callable[[Path, str], None],
) -> list[Job]:
    """Plan photographs as `colorize` would; without any, make one.

    Args:
        photos: Files and folders of them.
        folder: For the colourings, and for the photo that is made.
        samples: Colourings a photo.
        on_failure: Takes what cannot be worked on, and why.

    Raises:
        UsageError: There is no photograph.
    """
    if not photos:
        source = folder / "in" / "photo.jpg"
        source.parent.mkdir()
        source.write_bytes(synthetic_photo())
        photos = [source]
    plan = make_plan(Options(tuple(photos), folder / "out", samples=samples))
    for problem in plan.problems:
        on_failure(problem.source, problem.reason or "")
    if not plan.jobs:
        raise UsageError(
            f"no photographs in {', '.join(shown(path) for path in photos)}. Without any, one that "
            "is made for the purpose is used."
        )
    return list(plan.jobs)


def spread(jobs: Sequence[Job]) -> tuple[Job, ...]:
    """Take a few from all over."""
    count = min(len(jobs), _MAX_PHOTOS)
    return tuple(jobs[i * len(jobs) // count] for i in range(count))


def digest_of(jobs: Sequence[Job]) -> str:
    """Compute SHA-256 (hex) over the files; one that cannot be read is told of later."""
    digest = hashlib.sha256()
    for job in jobs:
        with suppress(OSError):
            digest.update(hashlib.sha256(job.source.read_bytes()).digest())
    return digest.hexdigest()


def facts_of(first: Reference, digest: str, found: int, *, is_built_in: bool) -> PhotoFacts:
    """Say what was measured with.

    Args:
        first: What was drawn of the photos that are used.
        digest: As `digest_of` has it.
        found: Photographs among those named.
        is_built_in: Whether the photo was made here.
    """
    return PhotoFacts(
        is_built_in=is_built_in,
        digest=digest,
        found=found,
        used=len(first.megapixels),
        megapixels_min=min(first.megapixels),
        megapixels_max=max(first.megapixels),
        formats=first.formats,
    )
