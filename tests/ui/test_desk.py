"""Turns, cancelling and leaving at the desk, with a painter that does as the test says."""

import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from made.pictures import encode, grey

from colorize_cli.batch.outcome import Outcome
from colorize_cli.batch.output_names import Job
from colorize_cli.errors import UsageError
from colorize_cli.ui.desk import Desk, Request
from colorize_cli.ui.studio import Wish

SECONDS = 60.0  # that a thread may take at most, on a machine under load
Told = Callable[[Outcome], None]


class Painter:
    """Writes a file for each of a wish, once `may_go` is set, and ends when it is cancelled."""

    def __init__(self) -> None:
        self.may_go, self.at_work, self.carried_out = Event(), Event(), list[Wish]()
        self.as_told: Callable[[Outcome], Outcome] = lambda outcome: outcome

    def colour(
        self,
        wish: Wish,
        folder: Path,
        is_cancelled: Event,
        told: Told,
        progress: Callable[[float, str], None],
    ) -> list[str]:
        self.carried_out.append(wish)
        self.at_work.set()
        while not self.may_go.wait(0.01):
            if is_cancelled.is_set():
                # As a photograph that is being written while the visit ends.
                late = folder / "out" / "late.png"
                late.parent.mkdir()
                late.write_bytes(b"late")
                return []
        for source in wish.files:
            job = Job(source, folder / "out", source.stem, ".png", "png", 1, (0,))
            job.folder.mkdir(exist_ok=True)
            job.outputs[0].write_bytes(source.read_bytes())
            told(self.as_told(Outcome(source, "done", job=job, written=(0,))))
        return []


@pytest.fixture
def painter() -> Painter:
    return Painter()


@pytest.fixture
def desk(painter: Painter, tmp_path: Path) -> Iterator[Desk]:
    with Desk(painter.colour, tmp_path / "requests", queued=1) as opened:
        yield opened


@pytest.fixture
def wish(tmp_path: Path) -> Wish:
    path = tmp_path / "a.png"
    path.write_bytes(encode(grey(), "PNG"))
    return Wish([path])


def test_a_request_that_is_open_is_kept_when_another_is_asked_for(
    desk: Desk, painter: Painter, wish: Wish
) -> None:
    first = desk.open("anna", wish)
    assert painter.at_work.wait(SECONDS)
    with pytest.raises(UsageError, match="one request at a time"):
        desk.open("anna", wish)
    painter.may_go.set()
    assert first.is_over.wait(SECONDS)
    assert len(first.files) == 1
    assert not first.is_cancelled.is_set()


def made_for_anna_and_bert_at_work(desk: Desk, painter: Painter, wish: Wish) -> Request:
    """What Anna has on her page, while the painter is busy with what Bert asked for."""
    painter.may_go.set()
    made = desk.open("anna", wish)
    assert made.is_over.wait(SECONDS)
    painter.may_go.clear()
    painter.at_work.clear()
    desk.open("bert", wish)
    assert painter.at_work.wait(SECONDS)
    return made


def test_a_full_queue_leaves_what_was_made_before(desk: Desk, painter: Painter, wish: Wish) -> None:
    made = made_for_anna_and_bert_at_work(desk, painter, wish)
    desk.open("carl", wish)
    with pytest.raises(UsageError, match="queue is full"):
        desk.open("anna", wish)
    assert desk.seen("anna") is made
    assert made.files[0].exists()


def test_what_was_made_before_goes_when_work_begins(
    desk: Desk, painter: Painter, wish: Wish
) -> None:
    made = made_for_anna_and_bert_at_work(desk, painter, wish)
    next_one = desk.open("anna", wish)
    assert desk.before(next_one) == 1
    assert made.files[0].exists()
    painter.may_go.set()
    assert next_one.is_over.wait(SECONDS)
    assert not made.folder.exists()
    assert desk.seen("anna") is next_one


def test_who_waits_is_cancelled_at_once_and_may_ask_again(
    desk: Desk, painter: Painter, wish: Wish
) -> None:
    desk.open("anna", wish)
    assert painter.at_work.wait(SECONDS)
    waiting = desk.open("bert", wish)
    assert desk.cancel("bert")
    assert waiting.is_over.is_set()
    again = desk.open("bert", replace(wish, seed=7))
    painter.may_go.set()
    assert again.is_over.wait(SECONDS)
    assert [each.seed for each in painter.carried_out] == [0, 7]


def test_there_is_nothing_to_cancel_after_the_end(desk: Desk, painter: Painter, wish: Wish) -> None:
    painter.may_go.set()
    made = desk.open("anna", wish)
    assert made.is_over.wait(SECONDS)
    assert not desk.cancel("anna")
    assert not made.is_cancelled.is_set()
    assert not desk.cancel("nobody")


def test_the_files_of_a_visit_go_though_one_is_written_after_it_has_ended(
    painter: Painter, wish: Wish, tmp_path: Path
) -> None:
    with Desk(painter.colour, tmp_path / "requests", queued=1) as desk:
        desk.open("anna", wish)
        assert painter.at_work.wait(SECONDS)
        desk.close("anna")
    assert desk.seen("anna") is None
    assert [*(tmp_path / "requests").iterdir()] == []


def test_the_files_of_a_visit_go_with_it(desk: Desk, painter: Painter, wish: Wish) -> None:
    painter.may_go.set()
    made = desk.open("anna", wish)
    assert made.is_over.wait(SECONDS)
    assert made.files[0].exists()
    desk.close("anna")
    assert not made.folder.exists()


def test_the_end_of_the_desk_cancels_and_waits(
    painter: Painter, wish: Wish, tmp_path: Path
) -> None:
    with Desk(painter.colour, tmp_path / "requests", queued=1) as desk:
        request = desk.open("anna", wish)
        assert painter.at_work.wait(SECONDS)
        waits = desk.open("bert", wish)
    assert request.is_over.is_set()
    assert waits.is_over.is_set()
    shutil.rmtree(tmp_path / "requests")  # into which nobody writes any more
    assert painter.carried_out == [wish]


def test_what_is_done_when_the_desk_ends_is_neither_shown_nor_zipped(
    painter: Painter, wish: Wish, tmp_path: Path
) -> None:
    requests: list[Request] = []

    def late(outcome: Outcome) -> Outcome:
        assert requests[0].is_cancelled.wait(SECONDS)
        return outcome

    painter.as_told = late
    with Desk(painter.colour, tmp_path / "requests", queued=1) as desk:
        requests.append(desk.open("anna", wish))
        painter.may_go.set()
        assert painter.at_work.wait(SECONDS)
    folder = requests[0].folder
    assert [path.name for path in folder.rglob("*.*")] == ["a.png"]


def test_a_zip_that_nobody_waits_for_any_more_ends_with_the_file_in_hand(
    desk: Desk, painter: Painter, wish: Wish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put: list[str] = []

    def write(archive: zipfile.ZipFile, path: Path, name: Path) -> None:
        put.append(path.name)
        desk.close("anna")

    monkeypatch.setattr(zipfile.ZipFile, "write", write)
    other = tmp_path / "b.png"
    other.write_bytes(wish.files[0].read_bytes())
    painter.may_go.set()
    request = desk.open("anna", replace(wish, files=[*wish.files, other]))
    assert request.is_over.wait(SECONDS)
    assert put == ["a.png"]


def test_a_colouring_that_cannot_be_shown_is_taken_away_with_all(
    desk: Desk, painter: Painter, wish: Wish, tmp_path: Path
) -> None:
    odd = tmp_path / "odd.png"
    odd.write_bytes(b"no picture at all")
    painter.may_go.set()
    request = desk.open("anna", replace(wish, files=[odd, *wish.files]))
    assert request.is_over.wait(SECONDS)
    assert [path.name for path in request.files] == ["odd.png", "a.png"]
    assert [shown.caption for shown in request.shown] == ["a.png"]
    assert "odd.png was coloured" in request.messages[0]
    assert request.everything


def test_too_little_memory_is_told_and_no_option_that_the_page_lacks(
    desk: Desk, painter: Painter, wish: Wish
) -> None:
    painter.may_go.set()
    painter.as_told = lambda outcome: replace(
        outcome, less="the CPU instead of CUDA", is_degraded=True
    )
    request = desk.open("anna", wish)
    assert request.is_over.wait(SECONDS)
    assert request.messages == [
        "a.png: too little memory, so with the CPU instead of CUDA, so colours may differ"
    ]
    reason = "torn (--salvage colours what is left)"
    painter.as_told = lambda outcome: replace(outcome, status="failed", reason=reason, written=())
    request = desk.open("anna", wish)
    assert request.is_over.wait(SECONDS)
    assert request.messages == ["a.png: torn"]
