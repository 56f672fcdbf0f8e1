"""What the server says, and what it keeps to itself."""

import http.client
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from made.studies import made_study, salted, served

from colorize_cli.cli.app import main
from colorize_cli.errors import OutputError
from colorize_cli.study.answers import Answers
from colorize_cli.study.design import Study, read_study
from colorize_cli.study.rater import Answer

AGREED = {"agrees": True, "scripted": True, "asks_for_time": False, "code": "", "screen": "x"}
LEFT = {
    **{"side": "left", "shown_ms": 1000, "answered_ms": 1500},
    **{"was_hidden": False, "scripted": True},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path) -> Path:
    words = ("--practice", "1", "--catch", "3", "--repeats", "2")
    return salted(made_study(tmp_path_factory.mktemp("made"), tiny_bundle, *words, photos=10))


@pytest.fixture(scope="module")
def study(folder: Path) -> Study:
    return read_study(folder)


class Page:
    """What a page asks the server for."""

    def __init__(self, url: str, answers: Answers, study: Study) -> None:
        self.address, self.study = urlsplit(url), study
        self.answers = answers
        self.token = ""

    def ask(self, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        sent = {"X-Rater": self.token, **({"Content-Type": "application/json"} if body else {})}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection(self.address.netloc)
        data = body if isinstance(body, bytes | None) else json.dumps(body)
        connection.request("POST" if body is not None else "GET", path, data, sent)
        reply = connection.getresponse()
        told = reply.status, dict(reply.getheaders()), reply.read()
        connection.close()
        return told

    def json(self, path: str, body: Any = None) -> dict[str, Any]:
        status, _, data = self.ask(path, body)
        assert status == 200, data
        told: dict[str, Any] = json.loads(data)
        return told

    def begin(self, **told: object) -> dict[str, Any]:
        state = self.json("/api/raters", AGREED | told)
        self.token = state.pop("token")
        return state

    def trials(self) -> list[Answer]:
        rater = self.answers.rater(self.token)
        assert rater is not None
        found = [self.answers.trial(rater, n) for n in range(self.study.protocol.trials)]
        return [trial for trial in found if trial]

    def answer(self, n: int, side: str = "left") -> dict[str, Any]:
        self.json(f"/api/showings/{n}", {"n": n})
        return self.json(f"/api/answers/{n}", LEFT | {"side": side})


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[tuple[str, Answers]]:
    with served(folder) as opened:
        yield opened


@pytest.fixture
def page(server: tuple[str, Answers], study: Study) -> Page:
    return Page(*server, study)


def test_nothing_tells_which_picture_is_the_photograph(page: Page, study: Study) -> None:
    """But after practice, everything said of a trial is the same whatever it is."""
    state = page.begin()
    kinds, said = [], []
    trials = page.trials()
    while (n := state["next"]) is not None:
        status, headers, _ = page.ask(f"/api/pictures/{n}")
        assert status == 200
        shown = page.json(f"/api/showings/{n}", {"n": n})
        state = page.json(f"/api/answers/{n}", LEFT)
        headers = {k: v for k, v in headers.items() if k not in ("date", "content-length")}
        kinds.append(trials[n].kind)
        said.append((headers, {**shown, "next": 0}, {**state, "next": 0}))
    assert kinds[0] == "practice"
    assert said[0][2]["real"] == ("left" if trials[0].truth_is_left else "right")
    assert {"catch", "comparison", "repeat"} == set(kinds[1:])
    assert all(one == said[1] for one in said[1:])
    assert "real" not in said[1][2]
    assert {"etag", "last-modified", "content-disposition"}.isdisjoint(said[1][0])
    text = json.dumps(said).encode()
    names = {name for p in study.pairs for name in (p.id, p.truth, p.other, p.name, p.sha256)}
    assert not any(name.encode() in text for name in names)


def test_a_picture_is_both_side_by_side_with_the_photograph_on_its_side(
    page: Page, study: Study, folder: Path
) -> None:
    page.begin()
    pairs = {pair.id: pair for pair in study.pairs}
    sides = set()
    for n, trial in enumerate(page.trials()):
        _, headers, data = page.ask(f"/api/pictures/{n}")
        assert headers["content-type"] == "image/png"
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        pair = pairs[trial.pair]
        assert picture is not None
        assert picture.shape == (60, 2 * 80, 3)
        half = picture[:, :80] if trial.truth_is_left else picture[:, 80:]
        truth = (folder / "pictures" / pair.truth).read_bytes()
        np.testing.assert_array_equal(half, cv2.imdecode(np.frombuffer(truth, np.uint8), 1))
        sides.add(trial.truth_is_left)
        page.answer(n)
    assert sides == {True, False}


def test_there_is_no_way_back_and_none_ahead(page: Page) -> None:
    page.begin()
    page.answer(0)
    page.answer(1)
    assert page.ask("/api/pictures/1")[0] == 404
    assert page.ask("/api/pictures/2")[0] == 200
    assert page.ask("/api/pictures/3")[0] == 200  # the next one is fetched ahead
    assert page.ask("/api/pictures/4")[0] == 404
    assert page.ask("/api/pictures/999")[0] == 404
    assert page.ask("/api/answers/3", LEFT)[0] == 409
    assert page.ask("/api/answers/2", LEFT)[0] == 409  # it was not shown
    before = page.answers.answered()
    assert page.json("/api/answers/1", LEFT | {"side": "right"})["next"] == 2
    assert page.answers.answered() == before
    assert "real" not in page.json("/api/answers/0", LEFT)


def test_nobody_takes_part_without_agreeing_or_as_somebody_else(page: Page) -> None:
    count = len(page.answers.raters())
    for body in ({}, AGREED | {"agrees": False}, AGREED | {"agrees": "yes"}):
        assert page.ask("/api/raters", body or {"no": 1})[0] == 400
    assert len(page.answers.raters()) == count
    for path in ("/api/state", "/api/pictures/0"):
        assert page.ask(path)[0] == 403
    assert page.ask("/api/answers/0", LEFT)[0] == 403


def test_scripts_are_known_as_such_unless_they_say_that_they_are_none(page: Page) -> None:
    page.begin(scripted=False)
    assert not page.answers.raters()[-1].is_scripted
    for told in (True, None, "no", 0):
        page.begin(scripted=told)
        assert page.answers.raters()[-1].is_scripted


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"no JSON", 400),
        (b"[1]", 400),
        (b'"' + b"x" * 20_000 + b'"', 413),
        ({**LEFT, "side": "both"}, 400),
        ({**LEFT, "shown_ms": "1000"}, 400),
        ({**LEFT, "shown_ms": -1}, 400),
        ({**LEFT, "answered_ms": 1e300}, 400),
        ({**LEFT, "answered_ms": True}, 400),
        ({"side": "left"}, 400),
    ],
)
def test_what_is_no_answer_is_not_kept(page: Page, body: Any, status: int) -> None:
    page.begin()
    page.json("/api/showings/0", {"n": 0})
    assert page.ask("/api/answers/0", body)[0] == status
    assert page.json("/api/state")["next"] == 0


def test_other_pages_cannot_speak_to_it(page: Page) -> None:
    assert page.ask("/", Host="evil.example")[0] == 400
    assert page.ask("/api/raters", AGREED, Content_Type="text/plain")[0] == 415
    status, headers, _ = page.ask("/", Origin="http://evil.example")
    assert status == 200
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("path", ["/", "/study.js", "/study.css", "/api/study"])
def test_pages_come_with_a_strict_policy_and_are_not_kept(page: Page, path: str) -> None:
    status, headers, data = page.ask(path)
    assert status == 200
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    assert headers["x-content-type-options"] == "nosniff"
    assert b"http://" not in data
    assert b"https://" not in data


@pytest.mark.parametrize("path", ["/study.json", "/answers.sqlite", "/pictures/", "/../study.json"])
def test_the_files_of_the_study_are_not_served(page: Page, path: str) -> None:
    assert page.ask(path)[0] == 404


def test_a_server_that_cannot_keep_an_answer_says_so(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.begin()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Answers, "mark_shown", full)
    status, _, data = page.ask("/api/showings/0", {"n": 0})
    assert status == 503
    assert "keeps the server from its work" in json.loads(data)["error"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device", "/home/somebody/study/answers.sqlite"),
        OutputError("/home/somebody/study/answers.sqlite cannot be used"),
    ],
)
def test_what_is_wrong_with_this_machine_is_told_to_who_runs_it_alone(
    error: Exception, folder: Path, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise error

    told: list[str] = []
    monkeypatch.setattr(Answers, "add_rater", failing)
    with served(folder, tell=told.append) as (url, answers):
        status, _, data = Page(url, answers, study).ask("/api/raters", AGREED)
    assert status == 503
    assert b"somebody" not in data
    assert len(told) == 1
    assert "/home/somebody/study/answers.sqlite" in told[0]


@pytest.mark.parametrize("number", ["9" * 7, "9" * 30, "9" * 5000, "-1", "x", "1.0", "%D9%A1"])
@pytest.mark.parametrize("what", ["pictures", "showings", "answers"])
def test_what_is_no_number_of_a_trial_is_refused(page: Page, what: str, number: str) -> None:
    page.begin()
    body = None if what == "pictures" else LEFT
    status, _, data = page.ask(f"/api/{what}/{number}", body)
    assert (status, json.loads(data)) == (400, {"error": "A trial has a number."})


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 9_000,
        b'{"agrees": true, "code": ' + b"[" * 4_000 + b"]" * 4_000 + b"}",
        b'{"agrees": true, "code": "\\ud800"}',
        b'{"agrees": true, "screen": "\\udfff"}',
        b'{"agrees": true, "code": 7}',
        b'{"agrees": true, "code": null}',
        b'{"agrees": true, "code": "\xff"}',
        b'{"agrees": ' + b"9" * 5_000 + b"}",
    ],
)
def test_what_is_no_text_to_keep_is_refused(page: Page, body: bytes) -> None:
    count = len(page.answers.raters())
    status, _, _ = page.ask("/api/raters", body, Content_Type="application/json")
    assert status == 400
    assert len(page.answers.raters()) == count


@pytest.mark.parametrize("typed", ["ANNA STRASSE-1", "  anna  Straße-1\t", "ａｎｎａ strasse-1"])
def test_a_code_is_the_same_however_it_is_typed(page: Page, typed: str) -> None:
    page.begin(code="Anna Strasse-1")
    token, count = page.token, len(page.answers.raters())
    page.begin(code=typed)
    assert (page.token, len(page.answers.raters())) == (token, count)


def test_a_code_that_is_too_long_is_refused_not_cut(page: Page) -> None:
    page.begin(code=f"  {'x' * 40}  ")
    count = len(page.answers.raters())
    status, _, data = page.ask("/api/raters", AGREED | {"code": "x" * 41})
    assert (status, len(page.answers.raters())) == (400, count)
    assert "40 characters at most" in json.loads(data)["error"]


def test_a_code_that_cannot_be_gone_on_with_is_told(page: Page) -> None:
    page.begin(code="green 3")
    page.answer(0)
    page.answer(1)
    status, _, data = page.ask("/api/raters", AGREED | {"code": "green 3", "asks_for_time": True})
    assert status == 409
    assert "begin anew without the code" in json.loads(data)["error"]


def test_who_answers_by_a_script_is_one_from_then_on(page: Page) -> None:
    page.begin(scripted=False)
    page.json("/api/showings/0", {"n": 0})
    page.json("/api/answers/0", LEFT | {"scripted": False})
    assert not page.answers.raters()[-1].is_scripted
    page.json("/api/showings/1", {"n": 1})
    page.json("/api/answers/1", {key: LEFT[key] for key in LEFT if key != "scripted"})
    assert page.answers.raters()[-1].is_scripted


def test_a_study_whose_pictures_are_not_all_there_is_not_served(
    folder: Path, study: Study, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    moved = tmp_path / "study"
    shutil.copytree(folder / "pictures", moved / "pictures")
    shutil.copy(folder / "study.json", moved)
    names = [study.pairs[0].truth, study.pairs[1].other]
    for name in names:
        (moved / "pictures" / name).unlink()
    assert main(["study", "run", str(moved)]) == 2
    said = " ".join(capfd.readouterr().err.split())
    assert f"lacks 2 pictures of the study, {min(names)} for one: put back" in said
    shutil.rmtree(moved / "pictures")
    assert main(["study", "run", str(moved)]) == 2
    assert not (moved / "answers.sqlite").exists()
