"""`colorize study make`: what the pairs are, and what cannot be told from them."""

import json
import re
import struct
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made.studies import made_study, photo, photographs, png

from colorize_cli.cli.app import main
from colorize_cli.imaging.lab import lab_from_rgb, lightness_table
from colorize_cli.model.bundle import load_bundle
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.photos.read import read_photo
from colorize_cli.study import pictures
from colorize_cli.study.design import FORMAT_VERSION, Pair, Study, read_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path) -> Path:
    words = ("--seed", "7", "--side", "64", "--display", "both", "--seconds", "0.5")
    return made_study(tmp_path_factory.mktemp("made"), tiny_bundle, *words, photos=15)


@pytest.fixture(scope="module")
def study(folder: Path) -> Study:
    return read_study(folder)


def pixels(folder: Path, name: str) -> np.ndarray:
    return pictures.decode((folder / "pictures" / name).read_bytes())


def both(folder: Path, pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    return pixels(folder, pair.truth), pixels(folder, pair.other)


def chunks(data: bytes) -> list[bytes]:
    found, position = [], 8
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        found.append(data[position + 4 : position + 8])
        position += 12 + length
    return found


def test_a_pair_differs_in_nothing_but_colour(folder: Path, study: Study) -> None:
    for pair in study.pairs:
        truth, other = both(folder, pair)
        assert truth.shape == other.shape == (48, 64, 3)
        L, other_L = (lab_from_rgb(rgb)[..., 0] for rgb in (truth, other))
        assert np.abs(L - other_L).max() < 1
        assert np.abs(truth.astype(int) - other).mean() > 2
        for name in (pair.truth, pair.other):
            data = (folder / "pictures" / name).read_bytes()
            assert set(chunks(data)) == {b"IHDR", b"IDAT", b"IEND"}


def test_the_colouring_is_that_of_the_grey(folder: Path, study: Study, tiny_bundle: Path) -> None:
    colorizer = Colorizer.open(str(tiny_bundle), device="cpu", steps=2)
    for pair in study.of_role("comparison")[:3]:
        truth = photo(int(re.findall(r"\d+", pair.name)[0]))
        L = lab_from_rgb(truth)[..., 0]
        levels = np.searchsorted(lightness_table(65_536), L).astype(np.uint16)
        grey = replace(read_photo(png(truth)), pixels=levels, is_colour=False)
        (painted,) = colorizer.paint(grey, 1, 7)
        difference = pictures.shown(painted, 64).astype(int) - pixels(folder, pair.other)
        assert np.abs(difference).max() <= 1


def test_names_of_pictures_tell_nothing_and_lie_in_no_order(folder: Path, study: Study) -> None:
    names = sorted(path.name for path in (folder / "pictures").iterdir())
    assert all(re.fullmatch(r"[0-9a-f]{32}\.png", name) for name in names)
    assert sorted(name for p in study.pairs for name in (p.truth, p.other)) == names
    assert [pair.id for pair in study.pairs] == sorted(pair.id for pair in study.pairs)
    is_truth = [any(pair.truth == name for pair in study.pairs) for name in names]
    assert is_truth != sorted(is_truth)
    assert is_truth != sorted(is_truth, reverse=True)


def test_what_made_it_and_how_it_is_asked_is_recorded(study: Study, tiny_bundle: Path) -> None:
    model = dict(study.model)
    assert model["digest"] == load_bundle(tiny_bundle).digest
    assert (model["seed"], model["steps"]) == (7, 2)
    assert {"name", "device", "version", "size"} < model.keys()
    protocol = study.protocol
    assert (protocol.display, protocol.seconds, protocol.side) == ("both", 0.5, 64)
    assert (protocol.practice, protocol.catches, protocol.catches_right) == (3, 3, 3)
    assert (protocol.comparisons, protocol.repeats) == (9, 2)
    assert {pair.set for pair in study.pairs} == {"faces", "places ü"}


def test_each_photograph_is_for_one_thing_and_catches_are_plainly_wrong(
    folder: Path, study: Study
) -> None:
    assert len({pair.sha256 for pair in study.pairs}) == 15
    counts = {role: len(study.of_role(role)) for role in ("practice", "catch", "comparison")}
    assert counts == {"practice": 3, "catch": 3, "comparison": 9}
    assert all(pair.is_wrong for pair in study.of_role("catch"))
    assert not any(pair.is_wrong for pair in study.of_role("comparison"))
    assert {pair.is_wrong for pair in study.of_role("practice")} == {True, False}
    for pair in study.of_role("catch"):
        truth, wrong = both(folder, pair)
        assert np.abs(truth.astype(int) - wrong).mean() >= 20
        hues = np.arctan2(*np.moveaxis(lab_from_rgb(wrong)[..., 1:], -1, 0))
        assert np.histogram(hues, 6, (-np.pi, np.pi))[0].min() > 0  # all round the circle


def test_the_wrong_colours_of_a_black_photograph_are_not_plain() -> None:
    black = np.full((40, 40, 3), 4, np.uint8)
    assert not pictures.is_plainly_wrong(black, pictures.wrong_colours(black))
    middle = np.full((40, 40, 3), 120, np.uint8)
    assert pictures.is_plainly_wrong(middle, pictures.wrong_colours(middle))


def test_large_pictures_are_shrunk_and_small_ones_stay() -> None:
    tall = np.zeros((400, 100, 3), np.uint16)
    assert pictures.shown(tall, 200).shape == (200, 50, 3)
    assert pictures.shown(tall, 200).dtype == np.uint8
    assert pictures.shown(tall[:30], 200).shape == (30, 100, 3)


def test_what_is_no_truth_is_left_out_and_named(
    tmp_path: Path, tiny_bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    truth = photographs(tmp_path / "truth", 6)
    ramp = np.tile(np.linspace(20, 230, 80).astype(np.uint8), (60, 1))
    (truth / "grey.png").write_bytes(png(np.stack([ramp] * 3, -1)))
    sepia = np.stack([ramp, ramp * 0.85, ramp * 0.6], -1).astype(np.uint8)
    (truth / "sepia.png").write_bytes(png(sepia))
    (truth / "again.png").write_bytes(png(photo(3)))
    (truth / "broken.png").write_bytes(png(photo(9))[:-300])
    out = tmp_path / "study"
    words = ("--model", str(tiny_bundle), "--device", "cpu", "--steps", "2")
    assert main(["study", "make", str(truth), str(out), *words]) == 0
    said = capfd.readouterr().err
    assert "left out grey.png: it is grey" in said
    assert "left out sepia.png: it is a toned print" in said
    assert "once more" in said
    assert "left out broken.png" in said
    assert "--salvage" not in said
    study = read_study(out)
    assert len(study.pairs) == 6
    assert len(study.left_out) == 4


def test_the_last_line_says_what_the_exit_code_is_for(
    tmp_path: Path, tiny_bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    truth, out = photographs(tmp_path / "truth", 6), tmp_path / "study"
    (truth / "text.png").write_bytes(b"no picture at all")
    words = ("--model", str(tiny_bundle), "--device", "cpu", "--steps", "2")
    assert main(["study", "make", str(truth), str(out), *words]) == 1
    said = " ".join(capfd.readouterr().err.split())
    assert f"failed {truth / 'text.png'}: not a JPEG" in said
    assert said.endswith(
        "without 1 file that could not be read or coloured, as said above: exit code 1"
    )
    assert read_study(out).is_whole


def test_a_make_that_was_stopped_goes_on(
    tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[int] = []
    paint = Colorizer.paint

    def stopped(self: Colorizer, *words: object, **named: object) -> object:
        painted.append(1)
        if len(painted) == 5:
            raise KeyboardInterrupt
        return paint(self, *words, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Colorizer, "paint", stopped)
    truth, out = photographs(tmp_path / "truth", 12), tmp_path / "study"
    words = ["study", "make", str(truth), str(out), "--model", str(tiny_bundle), "--device", "cpu"]
    words += ["--steps", "2"]
    assert main(words) == 130
    there = {path: path.stat().st_mtime_ns for path in (out / "pictures").iterdir()}
    assert there
    assert main(["study", "run", str(out)]) == 2  # it is not whole
    assert main(words) == 0
    assert all(path.stat().st_mtime_ns == time for path, time in there.items())
    study = read_study(out)
    assert len(study.pairs) == 12
    assert len(painted) == 1 + sum(not pair.is_wrong for pair in study.pairs)
    assert main(words) == 2  # it is whole now


def test_pictures_of_a_study_are_no_photographs(
    tmp_path: Path, tiny_bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made_study(tmp_path / "truth" / "older", tiny_bundle, photos=6)
    words = ("--model", str(tiny_bundle), "--device", "cpu", "--steps", "2")
    assert main(["study", "make", str(tmp_path / "truth"), str(tmp_path / "new"), *words]) == 0
    assert "left out the 12 pictures of a study" in capfd.readouterr().err
    assert len(read_study(tmp_path / "new").pairs) == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere", "out"), "nowhere is no folder"),
        (("truth", "truth"), "is the folder of the photographs"),
        (("truth", "truth/faces"), "is not empty"),
        (("truth", "file"), "is a file"),
        (("empty", "out"), "at least, some forty to be worth it: here are 0"),
        (("truth", "out", "--trials", "9"), "--trials 9: 4 photos are left"),
        (("truth", "out", "--repeats", "9"), "--repeats 9: a rater has only 4"),
        (("truth", "out", "--catch-right", "2"), "--catch-right 2: there are only 1"),
        (("truth", "out", "--catch", "40"), "too few for 40 catch trials"),
        (("truth", "out", "--practice", "5"), "leave none to compare"),
        (("truth", "out", "--display", "brief"), "--display"),
        (("truth", "out", "--seconds", "0"), "--seconds"),
    ],
)
def test_wrong_usage_is_told(
    words: tuple[str, ...],
    said: str,
    tmp_path: Path,
    tiny_bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    photographs(tmp_path / "truth", 6)
    Path("empty").mkdir()
    Path("file").touch()
    assert main(["study", "make", *words, "--model", str(tiny_bundle), "--device", "cpu"]) == 2
    assert said in " ".join(capfd.readouterr().err.split())
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is damaged"),
        ('{"format": 99}', "no study that this version"),
        ('{"format": 2, "salt": "x"}', "is damaged"),
        ('{"format": 1}', "no study that this version"),
        (None, "holds no study: make one"),
    ],
)
def test_a_study_that_cannot_be_read_is_told(
    text: str | None, said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        (tmp_path / "study.json").write_text(text)
    for command in ("run", "report"):
        assert main(["study", command, str(tmp_path)]) == 2
        assert said in " ".join(capfd.readouterr().err.split())


def changed(folder: Path, change: Callable[[Any], None], study: Study) -> Path:
    """Write a study that is not quite as it was made."""
    tree = {"format": FORMAT_VERSION, **asdict(study)}
    change(tree)
    (folder / "study.json").write_text(json.dumps(tree))
    return folder


def name_a_secret(tree: Any) -> None:
    tree["pairs"][0]["truth"] = "../../secret.png"


def lose_a_role(role: str) -> Callable[[Any], None]:
    def lose(tree: Any) -> None:
        tree["pairs"] = [pair for pair in tree["pairs"] if pair["role"] != role]

    return lose


def ask(number: str, count: object) -> Callable[[Any], None]:
    return lambda tree: tree["protocol"].update({number: count})


@pytest.mark.parametrize(
    "change",
    [
        name_a_secret,
        *map(lose_a_role, ("practice", "catch", "comparison")),
        *(ask(number, 99) for number in ("practice", "catches", "comparisons")),
        *(ask(number, 99) for number in ("catches_right", "repeats")),
        ask("practice", -1),
        ask("catches", "3"),
    ],
)
def test_a_study_that_nobody_could_answer_is_damaged(
    change: Callable[[Any], None],
    study: Study,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert read_study(changed(tmp_path, lambda tree: None, study)) == study
    assert main(["study", "report", str(changed(tmp_path, change, study))]) == 2
    assert "is damaged" in capfd.readouterr().err


def test_a_pair_to_catch_that_cannot_be_made_ends_the_make(
    tmp_path: Path,
    tiny_bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    truth, out = photographs(tmp_path / "truth", 12), tmp_path / "study"
    words = ["study", "make", str(truth), str(out), "--model", str(tiny_bundle), "--device", "cpu"]
    words += ["--steps", "2"]
    painted = pictures.wrong_colours

    def lost(truth: np.ndarray) -> np.ndarray:
        if (out / "study.json").exists():
            raise OSError(2, "No such file or directory")
        return painted(truth)

    monkeypatch.setattr(pictures, "wrong_colours", lost)
    assert main(words) == 2
    said = " ".join(capfd.readouterr().err.split())
    assert "No such file" in said
    assert "only 0 of 2 pairs to catch could be made: run the same `make` again" in said
    monkeypatch.undo()
    assert main(words) == 0
    assert len(read_study(out).of_role("catch")) == 2
