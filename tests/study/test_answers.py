"""The file of answers: what is kept, and what outlives a crash."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from made.studies import made_study, salted

from colorize_cli.errors import UsageError
from colorize_cli.study.answers import Answers, CodeError
from colorize_cli.study.design import Study, read_study
from colorize_cli.study.rater import Rater

ROOT = Path(__file__).parents[2]
NOBODY = {"code": "", "asks_for_time": False, "scripted": True, "screen": ""}
LEFT = {
    "chose_left": True,
    "shown_ms": 1000.0,
    "answered_ms": 1200.0,
    "was_hidden": False,
    "scripted": True,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path) -> Path:
    return salted(made_study(tmp_path_factory.mktemp("made"), tiny_bundle, photos=6))


@pytest.fixture(autouse=True)
def _no_answers_yet(folder: Path) -> None:
    for path in folder.glob("answers.sqlite*"):
        path.unlink()


@pytest.fixture
def study(folder: Path) -> Study:
    return read_study(folder)


@pytest.fixture
def answers(folder: Path, study: Study) -> Iterator[Answers]:
    with Answers(folder, study) as opened:
        yield opened


def test_an_answer_is_kept_once_and_for_good(answers: Answers) -> None:
    rater = answers.add_rater(**NOBODY)  # type: ignore[arg-type]
    answers.mark_shown(rater, 0)
    answers.keep(rater, 0, **LEFT)  # type: ignore[arg-type]
    answers.keep(rater, 0, **(LEFT | {"chose_left": False}))  # type: ignore[arg-type]
    (kept,) = answers.answered()
    assert (kept.n, kept.chose_left, kept.showings) == (0, True, 1)
    trial = answers.next_trial(rater)
    assert trial is not None
    assert trial.n == 1


def test_a_killed_process_loses_nothing(folder: Path, study: Study) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from colorize_cli.study.answers import Answers\n"
        "from colorize_cli.study.design import read_study\n"
        "folder = Path(sys.argv[1])\n"
        "answers = Answers(folder, read_study(folder))\n"
        f"rater = answers.add_rater(**{NOBODY})\n"
        "answers.mark_shown(rater, 0)\n"
        f"answers.keep(rater, 0, **{LEFT})\n"
        "answers.mark_shown(rater, 1)\n"
        "print(rater.token, flush=True); time.sleep(60)\n"
    )
    words = [sys.executable, "-c", code, str(folder)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    with process.stdout:
        token = process.stdout.readline().strip()
        process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        process.wait()
    with Answers(folder, study) as answers:
        rater = answers.rater(token)
        assert rater is not None
        assert [one.n for one in answers.answered()] == [0]
        trial = answers.next_trial(rater)
        assert trial is not None
        assert (trial.n, trial.showings) == (1, 1)  # it was seen
    assert [path.name for path in folder.glob("answers*")] == ["answers.sqlite"]


def test_a_report_reads_while_answers_come_in(folder: Path, study: Study, answers: Answers) -> None:
    rater = answers.add_rater(**NOBODY)  # type: ignore[arg-type]
    answers.mark_shown(rater, 0)
    answers.keep(rater, 0, **LEFT)  # type: ignore[arg-type]
    with Answers(folder, study, reads_only=True) as reader:
        assert len(reader.answered()) == 1
    answers.mark_shown(rater, 1)
    answers.keep(rater, 1, **LEFT)  # type: ignore[arg-type]


def test_the_file_is_written_ahead_to_a_log(folder: Path, answers: Answers) -> None:
    with sqlite3.connect(folder / "answers.sqlite") as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()


def test_a_code_leads_back_to_the_same_rater(answers: Answers) -> None:
    first = answers.add_rater(**(NOBODY | {"code": "violet 7"}))  # type: ignore[arg-type]
    assert answers.add_rater(**(NOBODY | {"code": "violet 7"})) == first  # type: ignore[arg-type]
    nameless = [answers.add_rater(**NOBODY) for _ in range(2)]  # type: ignore[arg-type]
    assert len({first.token, *(rater.token for rater in nameless)}) == 3
    assert [rater.id for rater in answers.raters()] == [1, 2, 3]
    assert answers.rater("") is None


def test_answers_to_another_study_are_not_mixed_in(
    folder: Path, study: Study, answers: Answers
) -> None:
    """A rule that is changed once there are answers is another study."""
    text = (folder / "study.json").read_text("utf-8")
    answers.add_rater(**NOBODY)  # type: ignore[arg-type]
    easier = f'"catches_right": {study.protocol.catches_right}'
    assert easier in text
    try:
        (folder / "study.json").write_text(text.replace(easier, '"catches_right": 0'), "utf-8")
        with pytest.raises(UsageError, match="answers to another study, or"):
            Answers(folder, read_study(folder), reads_only=True)
    finally:
        (folder / "study.json").write_text(text, "utf-8")


@pytest.mark.parametrize(
    "data", [b"no database at all, but long enough" * 40, b"SQLite format 3\0x"]
)
def test_a_damaged_file_is_told(folder: Path, study: Study, data: bytes) -> None:
    (folder / "answers.sqlite").write_bytes(data)
    with pytest.raises(UsageError, match="is damaged"):
        Answers(folder, study)
    assert (folder / "answers.sqlite").read_bytes() == data


def test_before_the_first_answer_a_report_says_what_to_do(folder: Path, study: Study) -> None:
    with pytest.raises(UsageError, match="nobody has answered yet: `colorize study run"):
        Answers(folder, study, reads_only=True)
    assert not (folder / "answers.sqlite").exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_folder_that_cannot_be_written_to_is_told(folder: Path, study: Study) -> None:
    folder.chmod(0o500)
    try:
        with pytest.raises(Exception, match="cannot be used"):
            Answers(folder, study)
    finally:
        folder.chmod(0o700)


def begun(answers: Answers, **told: object) -> Rater:
    return answers.add_rater(**(NOBODY | told))  # type: ignore[arg-type]


def comparisons(answers: Answers, rater: Rater, number: int) -> set[str]:
    found = [answers.trial(rater, n) for n in range(number)]
    return {trial.pair for trial in found if trial and trial.kind == "comparison"}


def finish(answers: Answers, rater: Rater, *, finds_catches: bool = True) -> None:
    while trial := answers.next_trial(rater):
        finds = trial.kind != "catch" or finds_catches
        answers.mark_shown(rater, trial.n)
        told = LEFT | {"chose_left": trial.truth_is_left == finds}
        answers.keep(rater, trial.n, **(told | {"scripted": rater.is_scripted}))  # type: ignore[arg-type]


@pytest.fixture
def halves(tmp_path: Path, study: Study) -> Iterator[Answers]:
    """Answers to a study of which a rater compares half of all pairs, timed or not."""
    protocol = replace(study.protocol, comparisons=2, repeats=0, display="both")
    with Answers(tmp_path, replace(study, protocol=protocol)) as opened:
        assert len(study.of_role("comparison")) == 4
        yield opened


def test_pairs_of_who_stops_or_does_not_count_are_asked_again(halves: Answers) -> None:
    """The third person, timed as the first, gets the pairs of the first, who has left."""
    first = begun(halves, scripted=False, code="1")
    begun(halves, scripted=False, asks_for_time=True)
    second = begun(halves, scripted=False)
    assert (first.seconds, second.seconds) == (1.0, 1.0)
    left = comparisons(halves, first, 20)
    assert comparisons(halves, second, 20).isdisjoint(left)
    finish(halves, second)
    third = begun(halves, scripted=False)
    assert third.seconds is None  # of whom none has finished yet
    finish(halves, third)
    fourth = begun(halves, scripted=False)
    assert fourth.seconds == 1.0
    assert comparisons(halves, fourth, 20) == left
    finish(halves, fourth, finds_catches=False)
    fifth, sixth = begun(halves, scripted=False), begun(halves, scripted=False)
    assert comparisons(halves, fifth if fifth.seconds else sixth, 20) == left


def test_scripts_take_no_turns_of_people(halves: Answers) -> None:
    for _ in range(3):
        finish(halves, begun(halves))
    people = [begun(halves, scripted=False) for _ in range(4)]
    assert [person.seconds for person in people] == [1.0, None, 1.0, None]
    for one, other in (people[::2], people[1::2]):
        asked = comparisons(halves, one, 20) | comparisons(halves, other, 20)
        assert len(asked) == 4


def test_more_time_is_given_with_a_code_until_a_pair_was_seen_for_a_moment(
    answers: Answers,
) -> None:
    rater = begun(answers, code="violet 7")
    assert rater.seconds == 1.0
    answers.mark_shown(rater, 0)  # which is for practice
    again = begun(answers, code="violet 7", asks_for_time=True)
    assert again == replace(rater, seconds=None)
    assert answers.rater(rater.token) == again
    other = begun(answers, code="green 3")
    finish(answers, other)
    with pytest.raises(CodeError, match="go on without asking for time, or begin anew"):
        begun(answers, code="green 3", asks_for_time=True)
    assert begun(answers, code="green 3") == other


@pytest.mark.parametrize("is_scripted", [True, False])
def test_a_code_of_a_person_is_none_of_a_scripts_nor_the_other_way(
    answers: Answers, is_scripted: bool
) -> None:
    begun(answers, code="violet 7", scripted=is_scripted)
    with pytest.raises(CodeError, match="begin with another one"):
        begun(answers, code="violet 7", scripted=not is_scripted)
    assert [rater.is_scripted for rater in answers.raters()] == [is_scripted]
