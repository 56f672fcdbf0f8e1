"""The sheet of an output folder: thumbnails while colouring, and what the page is told."""

import os
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from threading import Event, Lock
from typing import Any

import cv2
import numpy as np
import pytest
from made.messages import Told
from made.pictures import encode, tiff
from made.records import asked
from made.sheets import head_of, photos_of, thumbnail_of

from colorize_cli.batch.outcome import Observer, Outcome
from colorize_cli.batch.run import run
from colorize_cli.batch.settings import Options
from colorize_cli.batch.shard import Shard
from colorize_cli.batch.sheet.build import build
from colorize_cli.batch.sheet.folder import SheetFolder
from colorize_cli.batch.sheet.observer import Sheet
from colorize_cli.batch.sheet.thumbnails import Thumbnails, name_of
from colorize_cli.cli.app import main
from colorize_cli.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, UsageError
from colorize_cli.photos.limits import Limits
from colorize_cli.photos.read import Photo, read_photo
from colorize_cli.system.interrupts import Interrupts

Colorize = Callable[..., int]


def grain(seed: int, sides: tuple[int, int] = (90, 60)) -> np.ndarray:
    """A smooth grey picture, another for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 9)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, sides))


def blocks(picture: np.ndarray) -> np.ndarray:
    """Means over squares of 10 pixels, of which JPEG keeps the colours too."""
    return np.asarray(picture, float).reshape(6, 10, 9, 10, 3).mean(axis=(1, 3))


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PNG, a TIFF of 16 bits and one in a folder below with an odd name."""
    monkeypatch.chdir(tmp_path)
    folder = Path("scans")
    (folder / "sub").mkdir(parents=True)
    (folder / "a.png").write_bytes(encode(grain(1), "PNG"))
    (folder / "b.tif").write_bytes(tiff(grain(2).astype(np.uint16) * 257))
    (folder / "sub" / "<img src=x> 50%.png").write_bytes(encode(grain(3), "PNG"))
    return folder


@pytest.fixture
def colorize(scans: Path, tiny_bundle: Path) -> Colorize:
    def colorized(*, sheet: bool = True, **given: object) -> int:
        told, out = Told(), Path("out")
        usual = {"model": str(tiny_bundle), "device": "cpu", "samples": 2, "steps": 2}
        options = Options(**{"paths": (scans,), "out": out, "sheet": sheet, **usual, **given})
        return run(options, told, [Sheet(out, told)] if sheet else [])

    return colorized


def thumbnails() -> dict[str, int]:
    """The thumbnails that are there, and when each was written."""
    folder = Path("out/colorize-sheet/thumbnails")
    return {path.stem: path.stat().st_mtime_ns for path in folder.rglob("*.jpg")}


def test_a_run_leaves_a_sheet_with_thumbnails_of_its_files_and_a_map(colorize: Colorize) -> None:
    assert colorize() == EXIT_OK
    out = Path("out")
    photos = photos_of(out)
    assert [photo["name"] for photo in photos] == ["a.png", "b.tif", "sub/<img src=x> 50%.png"]
    assert photos[2]["href"] == "sub/%3Cimg%20src%3Dx%3E%2050%25.png"
    source = Path("scans/a.png").read_bytes()
    assert photos[0]["thumb"] == name_of(sha256(source).hexdigest())
    assert abs(thumbnail_of(out, photos[0]["thumb"])[..., 0].astype(int) - grain(1)).mean() < 4
    for number, place, _, made, thumb, _ in photos[0]["samples"]:
        data = (out / place).read_bytes()
        assert place == f"a.{number}.png"
        assert (made, thumb) == (name_of(sha256(data).hexdigest()), 1)
        whole = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        assert abs(blocks(thumbnail_of(out, made)) - blocks(whole)).max() < 8
    assert thumbnail_of(out, photos[1]["map"]).shape == (60, 90, 3)


def test_the_colourings_are_the_same_with_a_sheet(colorize: Colorize) -> None:
    colorize(sheet=False)
    before = {path: path.read_bytes() for path in Path("out").glob("*.*")}
    shutil.rmtree("out")
    colorize()
    pictures = {p: d for p, d in before.items() if p.suffix in (".png", ".tif")}
    assert pictures == {path: path.read_bytes() for path in pictures}
    assert len(pictures) == 4


def test_while_colouring_nothing_is_read_again(
    colorize: Colorize, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(data: bytes, **options: object) -> object:
        raise AssertionError("a file was read for its thumbnail")

    monkeypatch.setattr("colorize_cli.batch.sheet.build.read_photo", read)
    colorize()
    assert len(thumbnails()) == 3 * 4


def test_afterwards_only_what_is_missing_is_made(colorize: Colorize) -> None:
    colorize(sheet=False)
    assert not thumbnails()
    assert build(Path("out"), Told()).lacking == 0
    before = thumbnails()
    assert len(before) == 3 * 4
    next(Path("out/colorize-sheet/thumbnails").rglob("*.jpg")).unlink()
    build(Path("out"), Told())
    after = thumbnails()
    assert after.keys() == before.keys()
    assert sum(after[name] != before[name] for name in before) == 1


def test_what_is_coloured_again_has_new_thumbnails_and_the_old_ones_go(colorize: Colorize) -> None:
    colorize()
    before, first = thumbnails(), head_of(Path("out"))["id"]
    colorize(seed=5)
    after = thumbnails()
    assert len(after) == len(before)
    assert len(after.keys() & before.keys()) == 3  # of the photographs themselves
    assert head_of(Path("out"))["id"] == first


def test_a_file_that_was_altered_is_shown_as_it_is_and_known_as_it_was_made(
    colorize: Colorize,
) -> None:
    colorize()
    made = photos_of(Path("out"))[0]["samples"][0][3]
    green = np.zeros((60, 90, 3), np.uint8) + np.array([0, 200, 0], np.uint8)
    Path("out/a.1.png").write_bytes(encode(green, "PNG"))
    build(Path("out"), Told())
    _, _, _, still, thumb, _ = photos_of(Path("out"))[0]["samples"][0]
    assert still == made
    assert thumbnail_of(Path("out"), thumb)[30, 45, 1] > 150


def test_a_sample_that_was_deleted_is_not_shown(colorize: Colorize) -> None:
    colorize()
    Path("out/a.2.png").unlink()
    build(Path("out"), Told())
    found = photos_of(Path("out"))[0]
    assert [sample[0] for sample in found["samples"]] == [1]
    assert "map" not in found


def test_what_failed_is_there_with_its_reason(colorize: Colorize) -> None:
    Path("scans/c.jpg").write_bytes(b"nonsense")
    assert colorize() == EXIT_FAILED
    failed = [photo for photo in photos_of(Path("out")) if photo.get("state") == "failed"]
    assert [photo["name"] for photo in failed] == ["c.jpg"]
    assert "not a JPEG" in failed[0]["reason"]


def test_thumbnails_that_cannot_be_written_fail_no_photo(
    colorize: Colorize, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("colorize_cli.batch.sheet.thumbnails.Pictures.put", full)
    monkeypatch.setattr("colorize_cli.batch.sheet.folder.write_atomic", full)
    assert colorize() == EXIT_OK
    assert len([*Path("out").glob("*.png"), *Path("out").glob("*.tif")]) == 4
    assert not Path("out/colorize-sheet/sheet.js").exists()


def test_a_disk_that_was_full_when_the_run_began_keeps_no_later_sheet_from_being_made(
    colorize: Colorize, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("colorize_cli.batch.sheet.folder.write_atomic", full)
        assert colorize() == EXIT_OK
    assert {path.name for path in Path("out/colorize-sheet").iterdir()} == {"thumbnails"}
    assert colorize() == EXIT_OK
    assert len(photos_of(Path("out"))) == 3


def test_a_file_by_the_name_of_its_folder_is_somebody_elses(colorize: Colorize) -> None:
    Path("out/colorize-sheet").mkdir(parents=True)
    Path("out/colorize-sheet/data").write_text("mine")
    with pytest.raises(UsageError, match="no sheet"):
        colorize()


def test_another_folder_in_its_place_is_left_alone_and_said_before_anything_is_coloured(
    colorize: Colorize,
) -> None:
    mine = Path("out/colorize-sheet/mine.txt")
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(UsageError, match="no sheet"):
        colorize()
    assert [*Path("out").rglob("*")] == [mine.parent, mine]
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("where", ["thumbnails.Pictures.put", "folder.SheetFolder._part"])
def test_a_first_sheet_that_was_interrupted_is_made_by_the_same_command(
    colorize: Colorize, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    colorize(sheet=False)
    words = ["sheet", "out", "--zoom", "*"]
    with monkeypatch.context() as patch:
        patch.setattr(f"colorize_cli.batch.sheet.{where}", interrupted)
        assert main(words) == EXIT_INTERRUPTED
    Path("out/colorize-sheet/zoom").mkdir(exist_ok=True)
    assert not Path("out/colorize-sheet/index.html").exists()
    assert main(words) == EXIT_OK
    assert len(photos_of(Path("out"))) == 3


def test_what_a_killed_process_was_writing_is_nobody_elses_folder(colorize: Colorize) -> None:
    folder = Path("out/colorize-sheet")
    folder.mkdir(parents=True)
    (folder / f".{'0' * 16}.part").write_bytes(b"torn")
    assert colorize() == EXIT_OK
    assert len(photos_of(Path("out"))) == 3


@pytest.mark.parametrize(
    "error", [NotADirectoryError(20, "Not a directory"), OSError(5, "I/O error"), MemoryError()]
)
def test_an_original_that_cannot_be_read_for_any_reason_is_one_picture_less(
    colorize: Colorize, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    colorize(sheet=False)
    read = Path.read_bytes

    def fails(path: Path) -> bytes:
        if path.name == "b.tif" and path.parent.name == "scans":
            raise error
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", fails)
    told = Told()
    assert build(Path("out"), told, zoom=["*.tif"]).lacking == 1
    assert sum("1 picture cannot be shown" in text for _, text in told.said) == 2
    photos = photos_of(Path("out"))
    assert ["thumb" in photo for photo in photos] == [True, False, True]
    assert all(sample[5] == 1 for sample in photos[1]["samples"])


def test_a_disk_that_is_full_ends_the_sheet(
    colorize: Colorize, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    colorize(sheet=False)
    monkeypatch.setattr("colorize_cli.batch.sheet.thumbnails.Pictures.put", full)
    with pytest.raises(OSError, match="No space left"):
        build(Path("out"), Told())


def test_wide_photographs_have_the_white_that_they_were_coloured_with(
    scans: Path, colorize: Colorize
) -> None:
    (scans / "b.tif").write_bytes(tiff(grain(2).astype(np.float32) * 10))
    assert colorize(sheet=False, white=2550.0) == EXIT_OK
    told = Told()
    assert build(Path("out"), told).lacking == 0
    assert not [text for _, text in told.said if "cannot be shown" in text]
    photo = photos_of(Path("out"))[1]
    assert abs(thumbnail_of(Path("out"), photo["thumb"])[..., 0].astype(int) - grain(2)).mean() < 6


def test_each_wide_photograph_has_the_white_of_the_run_that_had_it_last(
    scans: Path, colorize: Colorize
) -> None:
    wide = {
        "b.tif": tiff(grain(2).astype(np.float32) * 10),
        "c.tif": tiff(grain(4) * np.float32(9)),
    }
    for name, data in wide.items():
        (scans / name).write_bytes(data)
    colorize(sheet=False, white=2550.0)
    colorize(sheet=False, paths=(scans / "b.tif",), white=5100.0, overwrite=True)
    assert build(Path("out"), Told()).lacking == 0
    photos = {photo["name"]: photo for photo in photos_of(Path("out"))}
    for name, white_now in {"b.tif": grain(2) / 2, "c.tif": grain(4) * 0.9}.items():
        for thumb in (photos[name]["thumb"], photos[name]["samples"][0][3]):
            shown = thumbnail_of(Path("out"), thumb).astype(float)
            assert abs(shown.mean(axis=2) - white_now).mean() < 20
        assert abs(thumbnail_of(Path("out"), photos[name]["thumb"])[..., 0] - white_now).mean() < 6


def test_the_white_is_that_of_a_shards_own_run(scans: Path, colorize: Colorize) -> None:
    (scans / "b.tif").write_bytes(tiff(grain(2).astype(np.float32) * 10))
    shards = [Shard(1, 2), Shard(2, 2)]
    shards.sort(key=lambda shard: shard.holds(Path("b.tif")))
    for shard, white in zip(shards, (9000.0, 2550.0), strict=True):
        colorize(sheet=False, shard=shard, white=white)
    assert build(Path("out"), Told()).lacking == 0
    photo = photos_of(Path("out"))[1]
    assert abs(thumbnail_of(Path("out"), photo["thumb"])[..., 0].astype(int) - grain(2)).mean() < 6


@pytest.mark.parametrize("settings", ['{"white": 2550.0, "of a later version": 1}', "{", "[]"])
def test_settings_of_another_version_end_no_sheet(
    scans: Path, colorize: Colorize, settings: str
) -> None:
    (scans / "b.tif").write_bytes(tiff(grain(2).astype(np.float32) * 10))
    colorize(sheet=False, white=2550.0)
    asked("out", "UPDATE runs SET settings = ?", settings)
    assert main(["sheet", "out"]) == EXIT_OK
    assert ["thumb" in photo for photo in photos_of(Path("out"))] == [
        True,
        "2550" in settings,
        True,
    ]


def _read_by(monkeypatch: pytest.MonkeyPatch, memory: int, wait: Callable[[int], object]) -> None:
    """Have four threads read on a machine of some memory; `wait` is told how many do at once."""
    read, reading, lock = read_photo, [], Lock()

    def watched(data: bytes, **options: Any) -> Photo:
        with lock:
            reading.append(data)
        wait(len(reading))
        try:
            return read(data, **options)
        finally:
            with lock:
                reading.pop()

    monkeypatch.setattr("colorize_cli.batch.sheet.build.usable_cpus", lambda: 4)
    monkeypatch.setattr("colorize_cli.batch.sheet.build.usable_memory", lambda: memory)
    monkeypatch.setattr("colorize_cli.batch.sheet.build.read_photo", watched)


def test_pictures_that_together_take_more_than_half_of_the_memory_are_read_in_turn(
    colorize: Colorize, monkeypatch: pytest.MonkeyPatch
) -> None:
    colorize(sheet=False)
    at_once: list[int] = []

    def linger(count: int) -> None:
        at_once.append(count)
        Event().wait(0.05)  # while others would begin

    largest = 2 * Path("out/b.1.tif").stat().st_size + 4 * 90 * 60 * 3 * 2
    _read_by(monkeypatch, largest, linger)
    assert build(Path("out"), Told()).lacking == 0
    # A TIFF takes all of it at most, and a PNG more than a quarter.
    assert len(at_once) == 3 * 3
    assert max(at_once) == 1


def test_pictures_for_which_there_is_memory_are_read_side_by_side(
    colorize: Colorize, monkeypatch: pytest.MonkeyPatch
) -> None:
    colorize(sheet=False)
    met = Event()
    waited: list[bool] = []

    def meet(count: int) -> None:
        if count > 1:
            met.set()
        waited.append(met.wait(60))

    _read_by(monkeypatch, 1 << 30, meet)
    assert build(Path("out"), Told()).lacking == 0
    assert all(waited)


@pytest.mark.parametrize(("format", "ground"), [("keep", 128), ("jpg", 255)])
def test_what_is_transparent_lies_on_grey_or_on_what_its_file_has_whoever_makes_the_thumbnail(
    colorize: Colorize, scans: Path, format: str, ground: int
) -> None:
    for path in scans.rglob("*.png"):
        path.unlink()
    alpha = np.zeros((60, 90), np.uint8)
    alpha[30:] = 255
    (scans / "c.png").write_bytes(encode(np.dstack([grain(4)] * 3 + [alpha]), "PNG"))
    colorize(format=format)
    made = thumbnails()
    (photo,) = (each for each in photos_of(Path("out")) if each["name"] == "c.png")
    names = [photo["thumb"], *(sample[3] for sample in photo["samples"])]
    for _ in range(2):
        for name, level in zip(names, (128, ground, ground), strict=True):
            upper = thumbnail_of(Path("out"), name)[:16].astype(int)  # JPEG blurs the next 16 rows
            assert abs(upper - level).mean() <= 1
        shutil.rmtree("out/colorize-sheet/thumbnails")
        assert build(Path("out"), Told()).lacking == 0
    assert thumbnails().keys() == made.keys()


def test_what_was_coloured_by_raised_limits_is_shown(
    colorize: Colorize, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("colorize_cli.photos.limits._limits", [Limits(pixels=60)])
    assert colorize(sheet=False, max_megapixels=1.0) == EXIT_OK
    assert build(Path("out"), Told(), zoom=["b.tif"]).lacking == 0


def test_a_folder_without_a_ledger_has_no_sheet(tmp_path: Path) -> None:
    assert main(["sheet", str(tmp_path)]) == EXIT_USAGE
    assert not [*tmp_path.iterdir()]


def test_the_sheet_is_no_input_of_another_run(colorize: Colorize, tiny_bundle: Path) -> None:
    colorize()
    again = Options(paths=(Path("out"),), out=Path("more"), model=str(tiny_bundle), device="cpu")
    told = Told()
    run(again, told)
    assert len([*Path("more").rglob("*.png"), *Path("more").rglob("*.tif")]) == 6


def test_zoom_makes_jpegs_of_full_size_of_what_a_browser_does_not_show(
    colorize: Colorize, capfd: pytest.CaptureFixture[str]
) -> None:
    colorize()
    assert main(["sheet", "out", "--zoom", "*.tif", "--zoom", "a.png"]) == EXIT_OK
    assert "3 JPEGs of full size made" in capfd.readouterr().err
    photos = photos_of(Path("out"))
    assert [photo.get("zoom", 0) for photo in photos] == [0, 1, 0]
    for sample in photos[1]["samples"]:
        assert sample[5] == 1
        path = SheetFolder(Path("out")).zoomed.path_of(sample[3])
        shown = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
        assert shown.shape == (60, 90, 3)
    assert main(["sheet", "out", "--zoom", "nothing*"]) == EXIT_USAGE
    assert "no photograph of the sheet" in capfd.readouterr().err


def test_a_photo_that_moved_away_leaves_its_colourings_on_the_sheet(colorize: Colorize) -> None:
    colorize(sheet=False)
    Path("scans/a.png").unlink()
    told = Told()
    assert build(Path("out"), told).lacking == 1
    assert any("1 picture cannot be shown" in text for _, text in told.said)
    assert "thumb" not in photos_of(Path("out"))[0]


class _Stops(Observer):
    """Wishes the run to stop as soon as a photograph is done."""

    def __init__(self) -> None:
        self.interrupts = Interrupts()

    def outcome(self, outcome: Outcome) -> None:
        self.interrupts.is_wanted = True


def test_an_interrupted_run_leaves_a_sheet_of_what_is_done(scans: Path, tiny_bundle: Path) -> None:
    for number in range(30):
        (scans / f"{number}.png").write_bytes(encode(grain(number), "PNG"))
    stops, told = _Stops(), Told()
    options = Options((scans,), Path("out"), model=str(tiny_bundle), device="cpu", sheet=True)
    observers = [stops, Sheet(Path("out"), told)]
    assert run(options, told, observers, interrupts=stops.interrupts) == EXIT_INTERRUPTED
    photos = photos_of(Path("out"))
    assert 0 < len(photos) < 30
    assert all(photo["thumb"] and photo["samples"][0][4] for photo in photos)


def test_a_torn_thumbnail_is_none() -> None:
    assert Thumbnails.of(Path("out")).read("0" * 20) is None


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_no_text_have_links_that_lead_to_them(
    colorize: Colorize, scans: Path
) -> None:
    odd = os.fsdecode(b"caf\xe9 #1.png")
    (scans / odd).write_bytes(encode(grain(4), "PNG"))
    assert colorize() == EXIT_OK
    (photo,) = (photo for photo in photos_of(Path("out")) if "caf" in photo["name"])
    assert photo["name"] == "caf\\xe9 #1.png"
    assert photo["href"] == "caf%E9%20%231.png"
    assert photo["samples"][0][2] == "caf%E9%20%231.1.png"
