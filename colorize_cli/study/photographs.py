"""The photographs of a study: found, looked at, and each given something to be for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from ..batch.scan import Source, scan
from ..errors import ImageError, reason_of
from ..photos.read import SALVAGE_HINT, Photo, read_photo
from ..system.messages import Messages
from ..system.paths import shown
from ..system.wording import count_text
from . import pictures
from .design import PICTURES, STUDY_NAME, Protocol, Role


@dataclass(frozen=True)
class Photograph:
    """A photograph that is taken.

    Attributes:
        source: where it lies.
        sha256: of its file.
        can_be_wrong: whether wrong colours are seen in it.
    """

    source: Source
    sha256: str
    can_be_wrong: bool


def find(truth: Path, out: Path, seed: int, messages: Messages) -> tuple[list[Source], int]:
    """Find the photographs, in an order drawn by the seed, and count what cannot be read."""
    found = scan([truth], out)
    for problem in found.problems:
        messages.failure(problem.source, problem.reason or "")
    sources = [source for source in found.sources if not _is_of_a_study(source.path)]
    if len(sources) < len(found.sources):
        messages.note(
            f"left out the {count_text(len(found.sources) - len(sources), 'picture')} of a study"
        )
    Random(seed).shuffle(sources)
    return sources, len(found.problems)


def _is_of_a_study(path: Path) -> bool:
    return path.parent.name == PICTURES and (path.parent.parent / STUDY_NAME).exists()


def look_at(
    sources: Sequence[Source], side: int, limit: int | None, messages: Messages
) -> tuple[list[Photograph], dict[str, str]]:
    """Look at the photographs, each once whatever its name, until there are enough.

    Args:
        sources: in the order in which they are wanted.
        side: at which they are shown, in pixels.
        limit: how many are enough; all if None.
        messages: are told what takes long.

    Returns:
        Those that can be taken, and by name why others cannot.
    """
    taken: dict[str, Photograph] = {}
    left_out: dict[str, str] = {}
    messages.note(f"looking at {count_text(len(sources), 'photo')}")
    for source in sources:
        if limit is not None and len(taken) >= limit:
            break
        try:
            photo = read_truth(source)
        except (ImageError, OSError) as error:
            left_out[name_of(source)] = reason_without_option(error)
            continue
        sha256 = photo.digest.hex()
        if sha256 in taken:
            left_out[name_of(source)] = f"it is {name_of(taken[sha256].source)} once more"
            continue
        truth = pictures.shown(photo.pixels, side)
        wrong = pictures.is_plainly_wrong(truth, pictures.wrong_colours(truth))
        taken[sha256] = Photograph(source, sha256, wrong)
    return [*taken.values()], left_out


def read_truth(source: Source) -> Photo:
    """Read a photograph whose colours are real; ImageError or OSError where there is none."""
    photo = read_photo(source.path.read_bytes())
    pictures.check_truth(photo)
    return photo


def reason_without_option(error: BaseException) -> str:
    """Say why a photograph cannot be taken, without an option that only `colorize` has."""
    return reason_of(error).removesuffix(SALVAGE_HINT)


def roles_of(
    taken: Sequence[Photograph], protocol: Protocol
) -> Iterator[tuple[Photograph, Role, bool]]:
    """Say of each photograph what it is for, and whether its pair is in plainly wrong colour."""
    catches, practice = protocol.catches, protocol.practice
    wrong_practice = (practice + 1) // 2
    able = [photo for photo in taken if photo.can_be_wrong]
    wrong = able[: catches + wrong_practice]
    used = {photo.sha256 for photo in wrong}
    others = [photo for photo in taken if photo.sha256 not in used]
    for photo in wrong[:catches]:
        yield photo, "catch", True
    for photo in wrong[catches:]:
        yield photo, "practice", True
    left = practice - len(wrong[catches:])
    for photo in others[:left]:
        yield photo, "practice", False
    for photo in others[left:]:
        yield photo, "comparison", False


def name_of(source: Source) -> str:
    """Name a photograph by its place below the named folder."""
    return shown(source.folder / source.path.name)


def set_of(source: Source) -> str:
    """Name the set of a photograph: the folder directly below the named one, or that itself."""
    return shown(source.folder.parts[0] if source.folder.parts else source.base.name)
