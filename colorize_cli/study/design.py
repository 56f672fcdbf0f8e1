"""What a study is, as `study.json` has it: its protocol, fixed before anyone answers, and its key.

Which picture is the photograph stands here and nowhere else. The file is for who runs the study.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import comb
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from ..errors import UsageError
from ..system.files import write_atomic
from ..system.paths import plain, quoted, shown

STUDY_NAME, PICTURES, ANSWERS_NAME = "study.json", "pictures", "answers.sqlite"
FORMAT_VERSION = 2
Role: TypeAlias = Literal["practice", "catch", "comparison"]
Display: TypeAlias = Literal["timed", "untimed", "both"]
QUESTION = "Which one has the real colours?"
CONSENT = (
    "I take part of my own free will and may stop at any time. My answers and how long they took "
    "are stored without my name, and may be published."
)
_FILE = re.compile(r"[0-9a-f]{32}\.png")


@dataclass(frozen=True)
class Protocol:
    """How people are asked, and whose answers count; nothing of it changes after `make`.

    Attributes:
        comparisons: pairs of photograph and colouring that a rater sees, beside what follows.
        practice: pairs before, after each of which the right answer is shown.
        catches: pairs among the comparisons whose colouring is in plainly wrong colour.
        catches_right: of these a rater has to find, or none of their answers count.
        repeats: comparisons that a rater sees a second time, sides swapped.
        display: "timed": pictures are shown for `seconds`. "untimed": until the answer. "both":
            timed and untimed, for half of the raters each.
        seconds: of a timed display.
        side: longer side of a picture in pixels, at most.
        consent: what a rater agrees to.
        question: what is asked of each pair.
    """

    comparisons: int
    practice: int
    catches: int
    catches_right: int
    repeats: int
    display: Display = "timed"
    seconds: float = 1.0
    side: int = 384
    consent: str = CONSENT
    question: str = QUESTION

    @property
    def coin_passes(self) -> float:
        """The probability that who tosses a coin finds enough of the catch trials."""
        ways = sum(comb(self.catches, k) for k in range(self.catches_right, self.catches + 1))
        return float(ways / 2**self.catches)

    @property
    def trials(self) -> int:
        """How many pairs a rater sees, with practice and repeats."""
        return self.practice + self.comparisons + self.catches + self.repeats


@dataclass(frozen=True)
class Pair:
    """A photograph and what is shown beside it.

    Attributes:
        id: opaque.
        role: what it is for.
        is_wrong: whether the other picture is in plainly wrong colour, not the model's.
        set: the photograph's folder below the named one.
        name: of the photograph below the named folder.
        sha256: of its file.
        truth: file in the folder of pictures.
        other: of the colouring, which has the same size.
    """

    id: str
    role: Role
    is_wrong: bool
    set: str
    name: str
    sha256: str
    truth: str
    other: str


@dataclass(frozen=True)
class Study:
    """A study as it was made.

    Attributes:
        salt: what names of files, and orders of trials, are drawn from.
        made: when, ISO 8601 in UTC.
        protocol: how people are asked.
        model: what made the colourings: name, digest, seed, steps, size, device, version.
        pairs: by `id`.
        left_out: photographs that could not be taken, and why, by name.
        is_whole: whether `make` came to its end.
    """

    salt: str
    made: str
    protocol: Protocol
    model: Mapping[str, Any]
    pairs: tuple[Pair, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    is_whole: bool = False

    def of_role(self, role: Role) -> list[Pair]:
        """Give the pairs of a role."""
        return [pair for pair in self.pairs if pair.role == role]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over all of it, which tells another protocol or key."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def write_study(folder: Path, study: Study) -> None:
    """Write `study.json`; OSError where that fails."""
    tree = {"format": FORMAT_VERSION, **asdict(study)}
    text = plain(json.dumps(tree, indent=1, ensure_ascii=False)) + "\n"
    write_atomic(folder / STUDY_NAME, text.encode())


def read_study(folder: Path) -> Study:
    """Read a study that is whole; UsageError where there is none that this version knows."""
    study = read_unfinished(folder)
    if study is None:
        raise UsageError(
            f"{shown(folder)} holds no study: make one with "
            f"`colorize study make PHOTOS {quoted(folder)}`."
        )
    if not study.is_whole:
        raise UsageError(f"{shown(folder)} was not made to its end: run the same `make` again.")
    return study


def read_unfinished(folder: Path) -> Study | None:
    """Read a study of which all pairs may not be there yet; None where there is no `study.json`."""
    path = folder / STUDY_NAME
    try:
        tree = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise UsageError(f"{shown(path)} is damaged ({error}).") from error
    if not isinstance(tree, dict) or tree.get("format") != FORMAT_VERSION:
        raise UsageError(f"{shown(path)} is no study that this version of colorize knows.")
    try:
        return _build(tree)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{shown(path)} is damaged ({error!r}).") from error


def _build(tree: dict[str, Any]) -> Study:
    del tree["format"]
    tree["protocol"] = Protocol(**tree["protocol"])
    tree["pairs"] = tuple(Pair(**pair) for pair in tree["pairs"])
    for pair in tree["pairs"]:
        if not all(_FILE.fullmatch(name) for name in (pair.truth, pair.other)):
            raise ValueError(f"{pair.truth!r}, {pair.other!r} are no names of pictures")
        if pair.role not in get_args(Role):
            raise ValueError(f"{pair.role!r} is no role")
    study = Study(**tree)
    if study.is_whole:
        _check_numbers(study)
    return study


def _check_numbers(study: Study) -> None:
    """Raise ValueError where there are fewer pairs than a rater has to see."""
    protocol = study.protocol
    needed: dict[Role, int] = {
        "practice": protocol.practice,
        "catch": protocol.catches,
        "comparison": protocol.comparisons,
    }
    for role, number in needed.items():
        if not 0 <= number <= len(study.of_role(role)):
            raise ValueError(f"{number} of {len(study.of_role(role))} pairs, role {role}")
    if protocol.catches_right > protocol.catches or protocol.repeats > protocol.comparisons:
        raise ValueError("more to find, or to repeat, than is shown")
