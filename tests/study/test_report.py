"""`colorize study report`: the table, the page and the JSON."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made.studies import made_study, salted

from colorize_cli.cli.app import main
from colorize_cli.study import report_page
from colorize_cli.study.answers import Answers
from colorize_cli.study.design import read_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path) -> Path:
    """A study that two scripts have answered: one finds every photograph, one none but catches."""
    folder = salted(made_study(tmp_path_factory.mktemp("made"), tiny_bundle, photos=8))
    study = read_study(folder)
    with Answers(folder, study) as answers:
        for finds in (True, False):
            rater = answers.add_rater(code="", asks_for_time=False, scripted=True, screen="")
            while trial := answers.next_trial(rater):
                answers.mark_shown(rater, trial.n)
                answers.keep(
                    rater,
                    trial.n,
                    chose_left=trial.truth_is_left == (finds or trial.kind == "catch"),
                    shown_ms=1000.0,
                    answered_ms=1500.0,
                    was_hidden=False,
                    scripted=True,
                )
    return folder


class _Parsed(HTMLParser):
    """The tags of a page, and where its links and pictures lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.leads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name in ("src", "href"):
                self.leads.append(value or "")


def test_the_table_has_the_rates_and_whose_they_are(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["study", "report", str(folder), "--scripted"]) == 0
    said = capfd.readouterr().err
    assert "of scripts, not of people" in said
    study = read_study(folder)
    count = study.protocol.comparisons
    rows = [line.split() for line in said.splitlines()]
    (whole,) = [row for row in rows if row[:1] == ["all"]]
    assert whole[1:3] == [str(2 * count), "50.0%"]
    assert [row[3] for row in rows if row[:1] in (["1"], ["2"])] == ["0.0%", "100.0%"]
    assert "page: " in said
    assert "Fool rate, pairs shown for 1 s" in said  # in one line
    assert "no result yet: answers of 2 raters count, and fewer than 10 do not show" in " ".join(
        said.split()
    )


def test_without_a_word_scripts_are_left_out(
    folder: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "page.html"
    assert main(["study", "report", str(folder), "--out", str(out)]) == 0
    said = capfd.readouterr().err
    assert "left out 2 scripts, which are no people" in said
    assert "no rater's answers count yet" in said
    assert "Raters" not in said  # a table of nobody
    text = out.read_text("utf-8")
    assert "No rater’s answers count yet." in text
    assert 'class="rate"' not in text


def test_the_page_needs_nothing_else_and_takes_names_for_text(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    assert main(["study", "report", str(folder), "--scripted", "--out", str(out)]) == 0
    text = out.read_text("utf-8")
    assert "<strong>Of scripts, not of people.</strong>" in text
    assert '<p class="rate">50.0%</p>' in text
    assert '<p class="few">No result yet: answers of 2 raters count' in text
    page = _Parsed(text)
    study = read_study(folder)
    count = study.protocol.comparisons
    assert "b" not in page.tags  # photographs are called <b>0.png
    assert text.count("&lt;b&gt;") >= 2 * count
    assert page.tags.count("circle") == count  # a dot each
    assert page.tags.count("img") == 2 * count  # and both its pictures
    pictures = [lead for lead in page.leads if lead.startswith("data:image/jpeg;base64,/9j/")]
    links = [lead for lead in page.leads if lead.startswith("#")]
    assert len(pictures) == 2 * count
    assert {link[1:] for link in links} == set(page.ids)
    assert len(pictures) + len(links) == len(page.leads)
    assert 'http-equiv="Content-Security-Policy" content="default-src \'none\'' in text
    assert not re.search(r"\$[a-z]", text)


def test_dots_lead_only_to_pictures_that_are_shown(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_page, "_CARDS", 1)
    out = tmp_path / "page.html"
    assert main(["study", "report", str(folder), "--scripted", "--out", str(out)]) == 0
    page = _Parsed(out.read_text("utf-8"))
    links = [lead[1:] for lead in page.leads if lead.startswith("#")]
    assert page.tags.count("circle") == read_study(folder).protocol.comparisons > 2
    assert len(links) == 2
    assert sorted(links) == sorted(page.ids)


def test_the_json_has_all_figures_and_says_whose(folder: Path, tmp_path: Path) -> None:
    out, page = tmp_path / "figures.json", tmp_path / "page.html"
    words = ["--scripted", "--json", str(out), "--out", str(page)]
    assert main(["study", "report", str(folder), *words]) == 0
    tree = json.loads(out.read_text("utf-8"))
    study = read_study(folder)
    assert tree["of"] == "scripts"
    assert tree["study"] == study.digest
    assert tree["protocol"]["catches_right"] == study.protocol.catches_right
    assert tree["model"]["digest"] == study.model["digest"]
    (display,) = tree["displays"]
    assert display["fooled"]["share"] == 0.5
    assert display["is_result"] is False
    low, high = display["quoted"]
    assert low < display["fooled"]["low"] < display["fooled"]["high"] < high
    assert [rater["rater"] for rater in tree["raters"]] == [1, 2]
    assert len(display["photos"]) == study.protocol.comparisons
    assert {photo["share"] for photo in display["photos"]} == {0.5}
    assert [rater["fooled"]["share"] for rater in tree["raters"]] == [0, 1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--out", "photo.jpg"), "name a file that ends in .html"),
        (("--out", "nowhere/page.html"), "in a folder that exists"),
        (("--json", "nowhere/f.json"), "in a folder that exists"),
    ],
)
def test_wrong_usage_writes_nothing(
    words: tuple[str, ...],
    said: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["study", "report", str(folder), *words]) == 2
    assert said in " ".join(capfd.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_it_is_said_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from colorize_cli.system import installed

    monkeypatch.setattr(installed, "missing_modules", lambda extra: ["uvicorn"])
    assert main(["study", "run", str(folder)]) == 3
    said = capfd.readouterr().err
    assert "this command needs uvicorn, which the extra 'study' brings" in said
    assert "pipx" in said
