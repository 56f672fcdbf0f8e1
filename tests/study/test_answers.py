"""The file of answers: what is kept, and what outlives a crash."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from made.studies import made_study, salted

from colorize_cli.errors import UsageError
from colorize_cli.study.answers import Answers
from colorize_cli.study.design import Study, read_study

ROOT = Path(__file__).parents[2]
NOBODY = {"code": "", "asks_for_time": False, "scripted": True, "screen": ""}
LEFT = {"chose_left": True, "shown_ms": 1000.0, "answered_ms": 1200.0, "was_hidden": False}


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
    assert answers.keep(rater, 0, **LEFT)  # type: ignore[arg-type]
    assert not answers.keep(rater, 0, **(LEFT | {"chose_left": False}))  # type: ignore[arg-type]
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
    assert answers.keep(rater, 1, **LEFT)  # type: ignore[arg-type]


def test_the_file_is_written_ahead_to_a_log(folder: Path, answers: Answers) -> None:
    with sqlite3.connect(folder / "answers.sqlite") as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()


def test_a_code_leads_back_to_the_same_rater(answers: Answers) -> None:
    first = answers.add_rater(**(NOBODY | {"code": "violet 7"}))  # type: ignore[arg-type]
    assert answers.add_rater(**(NOBODY | {"code": "violet 7"})) == first  # type: ignore[arg-type]
    nameless = [answers.add_rater(**NOBODY) for _ in range(2)]  # type: ignore[arg-type]
    assert len({first.token, *(rater.token for rater in nameless)}) == 3
    assert [rater.id for rater in answers.raters()] == [0, 1, 2]
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
