"""Who takes part in a study, and what was answered."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rater:
    """Who takes part.

    Attributes:
        id: numbered from 1.
        token: secret, by which the page is known again.
        seconds: how long pictures are shown; None: until the answer.
        is_scripted: whether a program drives the browser.
    """

    id: int
    token: str
    seconds: float | None
    is_scripted: bool


@dataclass(frozen=True)
class Answer:
    """A trial, and what was answered.

    Attributes:
        rater: its number.
        n: the trial's number, from 0.
        kind: as in `Trial`.
        pair: its `id`.
        truth_is_left: where the photograph was.
        showings: how often it was begun: twice where the page was left in its midst.
        chose_left: which picture was taken for the photograph; None before the answer.
        shown_ms: how long the pictures were seen, as the page has measured it.
        answered_ms: from their coming up to the answer.
        was_hidden: whether the page was out of sight meanwhile.
    """

    rater: int
    n: int
    kind: str
    pair: str
    truth_is_left: bool
    showings: int
    chose_left: bool | None
    shown_ms: float | None
    answered_ms: float | None
    was_hidden: bool

    @property
    def is_right(self) -> bool:
        """Whether the photograph was found."""
        return self.chose_left == self.truth_is_left
