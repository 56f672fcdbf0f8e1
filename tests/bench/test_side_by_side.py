"""`colorize compare`: the same photos by several models on one sheet."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from colorize_cli.cli.app import main
from colorize_cli.imaging.contact_sheet import Group, Row, contact_sheet


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    ramp = np.tile(np.linspace(0, 255, 96).astype(np.uint8), (64, 1))
    for name in ("a.png", "b ü.png"):
        (folder / name).write_bytes(cv2.imencode(".png", ramp)[1].tobytes())
    return folder


def sheet_of(path: Path) -> np.ndarray:
    return np.asarray(cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), 1))


def test_there_is_a_column_for_each_sample_of_each_model(
    photos: Path,
    tiny_bundle: Path,
    tiny_palette_bundle: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "sheet.png"
    models = f"{tiny_bundle},{tiny_palette_bundle}"
    words = [*"--samples 2 --side 48 --seed 7 --device cpu".split(), "--out", str(out)]
    assert main(["compare", str(photos), "--models", models, *words]) == 0
    sheet = sheet_of(out)
    assert sheet.shape[1] == 6 + 5 * (48 + 6)
    colours = np.ptp(sheet.astype(int), axis=2).max(axis=0)  # of each column of pixels
    of_columns = [colours[6 + 54 * i : 54 * (i + 1)].max() for i in range(5)]
    assert of_columns[0] == 0  # the photo, and its name
    assert min(of_columns[1:]) > 0
    assert "2 photos" in capfd.readouterr().err
    assert main(["compare", str(photos), "--models", models, *words]) == 2
    assert "exists" in capfd.readouterr().err
    assert main(["compare", str(photos), "--models", models, *words, "--overwrite"]) == 0
    np.testing.assert_array_equal(sheet_of(out), sheet)


def test_a_photo_that_cannot_be_read_leaves_its_place_empty_and_the_exit_code_tells(
    photos: Path, tiny_bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = (photos / "a.png").read_bytes()
    (photos / "a.png").write_bytes(whole[: len(whole) // 2])
    out = tmp_path / "sheet.png"
    words = ["--models", str(tiny_bundle), "--samples", "1", "--out", str(out), "--device", "cpu"]
    assert main(["compare", str(photos), *words]) == 1
    assert "a.png" in capfd.readouterr().err
    assert out.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--models", "default", "--out", "sheet.jpg"], "ends in .png"),
        (["--models", "default", "--out", "gone/sheet.png"], "there is no folder"),
        (["--models", ",", "--out", "sheet.png"], "names no model"),
        (["--models", "default", "--samples", "1000", "--out", "s.png"], "too large a sheet"),
    ],
)
def test_what_makes_no_sheet_is_refused(
    photos: Path,
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if "1000" in words:
        words = [*words, "--side", "2048"]
    assert main(["compare", str(photos), *words]) == 2
    assert said in capfd.readouterr().err


def test_an_original_is_never_the_sheet(
    photos: Path, tiny_bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = (photos / "a.png").read_bytes()
    words = ["--models", str(tiny_bundle), "--out", str(photos / "a.png"), "--overwrite"]
    for named in (photos, photos / "a.png"):
        assert main(["compare", str(named), *words]) == 2
        assert "lies among the photographs" in capfd.readouterr().err
    assert (photos / "a.png").read_bytes() == before


def test_a_slip_in_the_last_model_is_said_before_any_work(
    photos: Path, tiny_bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["--models", f"{tiny_bundle},gone", "--out", str(tmp_path / "sheet.png")]
    assert main(["compare", str(photos), *words]) == 3
    err = capfd.readouterr().err
    assert "no model 'gone'" in err
    assert "photos" not in err


def test_a_file_that_is_not_there_is_told_by_the_exit_code(
    photos: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    words = ["--models", str(tiny_bundle), "--samples", "1", "--out", str(tmp_path / "sheet.png")]
    named = [str(photos / "a.png"), str(photos / "gone.png")]
    assert main(["compare", *named, *words, "--device", "cpu"]) == 1


def test_pictures_are_fitted_and_long_names_cut() -> None:
    wide = np.full((10, 400, 3), (200, 10, 10), np.uint8)
    rows = [Row("x" * 1000, [wide, None]), Row("y", [None, None])]
    sheet = contact_sheet([Group("a", ["1"]), Group("b", ["2"])], rows, 100)
    assert sheet.shape[1] == 2 * 106 + 6
    assert (sheet == wide[0, 0]).all(axis=2).sum() == 100 * 2  # 400 x 10 in a square of 100
