"""The numbers of a study, as far as they are given: the rest follows from the photographs."""

from dataclasses import dataclass

from ..errors import UsageError
from ..system.wording import count_text
from .design import CONSENT, Display, Protocol

# Zhang et al. show 10 pairs for practice, then 40, a tenth of them to catch.
_PRACTICE, _COMPARISONS, _CATCHES, _REPEATS = 10, 40, 8, 6
_LEAST = 3  # photographs: for practice, to catch, to compare


@dataclass(frozen=True)
class Wishes:
    """What of a protocol is given; None leaves a number to the count of photographs.

    Attributes are those of `Protocol`; `comparisons` are of a rater.
    """

    comparisons: int | None = None
    practice: int | None = None
    catches: int | None = None
    catches_right: int | None = None
    repeats: int | None = None
    display: Display = "timed"
    seconds: float = 1.0
    side: int = 384
    consent: str = CONSENT


def protocol_of(wishes: Wishes, photos: int, can_be_wrong: int) -> Protocol:
    """Settle a protocol.

    Args:
        wishes: what is given.
        photos: how many there are.
        can_be_wrong: in how many of them wrong colours are seen.

    Raises:
        UsageError: There are too few photographs, or the numbers do not go together.
    """
    if photos < _LEAST:
        raise UsageError(
            f"a study needs {_LEAST} colour photographs at least, some forty to be worth it: here "
            f"{'is' if photos == 1 else 'are'} {photos}."
        )
    given = wishes.catches
    catches = min(_CATCHES, max(1, photos // 5)) if given is None else given
    if catches > can_be_wrong:
        raise UsageError(
            f"wrong colours are plainly seen in {count_text(can_be_wrong, 'photo')}, too few for "
            f"{count_text(catches, 'catch trial')}: take other photographs, or a smaller --catch."
        )
    practice = wishes.practice
    if practice is None:
        practice = min(_PRACTICE, photos // 5, max(0, photos - catches - 1))
    left = photos - catches - practice
    if left < 1:
        raise UsageError(
            f"{count_text(photos, 'photo')} are too few: {practice} for practice and {catches} to "
            "catch leave none to compare. Take more, or smaller numbers."
        )
    comparisons = min(_COMPARISONS, left) if wishes.comparisons is None else wishes.comparisons
    if comparisons > left:
        raise UsageError(
            f"--trials {comparisons}: {count_text(left, 'photo')} are left to compare, beside "
            f"{practice} for practice and {catches} to catch."
        )
    repeats = min(_REPEATS, comparisons // 4) if wishes.repeats is None else wishes.repeats
    if repeats > comparisons:
        raise UsageError(f"--repeats {repeats}: a rater has only {comparisons} trials to repeat.")
    right = wishes.catches_right
    if right is None:
        right = catches if catches < 4 else catches - 1
    if right > catches:
        raise UsageError(f"--catch-right {right}: there are only {catches} catch trials.")
    return Protocol(
        comparisons,
        practice,
        catches,
        right,
        repeats,
        wishes.display,
        wishes.seconds,
        wishes.side,
        wishes.consent,
    )
