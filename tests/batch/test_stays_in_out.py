"""Whatever the input tree holds, what is written lies below `--out`, and is private till then."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from made.networks import Network
from made.pictures import encode, grey

from colorize_cli.batch.asked.treatment import Treatment
from colorize_cli.batch.outcome import Outcome
from colorize_cli.batch.pipeline import run
from colorize_cli.batch.plan import make_plan
from colorize_cli.batch.settings import Options
from colorize_cli.photos.growing_files import GrowingFiles
from colorize_cli.photos.limits import Limits, limited_to
from colorize_cli.system import files
from colorize_cli.system.files import write_atomic

PHOTO = encode(grey(), "PNG")
NAMES = [
    "..\\..\\evil.png",
    "C:\\Windows\\evil.png",
    "\\\\host\\share\\evil.png",
    "%2e%2e%2fevil.png",
    "~root.png",
    "$HOME.png",
    "-rf.png",
    "a\nb.png",
    "...png",
    ".. .png",
    "..png.png",
    "\u2025\u2215evil.png",
]

needs_posix = pytest.mark.skipif(os.name == "nt", reason="Windows has other names, links and modes")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "work" / "scans").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def everything(folder: Path) -> dict[Path, bytes]:
    """All files below a folder but those of the output folder."""
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_relative_to(folder / "work" / "out")
    }


def colorize(*paths: str) -> list[Outcome]:
    plan = make_plan(Options(tuple(map(Path, paths)), Path("out")))
    outcomes: list[Outcome] = []
    run(plan.jobs, Network(), Treatment(), outcomes.append)  # type: ignore[arg-type]
    return outcomes


@needs_posix
def test_names_that_look_like_ways_out_stay_in(folder: Path) -> None:
    for name in NAMES:
        Path("scans", name).write_bytes(PHOTO)
    deep = Path("scans", " ", "~", "$(x)", "a\\..")
    deep.mkdir(parents=True)
    (deep / "deep.png").write_bytes(PHOTO)
    before = everything(folder)
    outcomes = colorize("scans")
    assert {outcome.status for outcome in outcomes} == {"done"}
    assert everything(folder) == before
    written = [path for path in Path("out").rglob("*") if path.is_file()]
    assert len(written) == len(NAMES) + 1 - sum(name.startswith(".") for name in NAMES)


def links(folder: Path) -> Iterator[tuple[str, Path]]:
    outside = folder / "outside"
    outside.mkdir()
    (outside / "away.png").write_bytes(PHOTO)
    yield "up", Path("..")
    yield "out of it", outside
    yield "loop", Path()
    yield "photo.png", outside / "away.png"
    yield "dead.png", folder / "nothing.png"
    yield "to the output", Path("..") / "out"


@needs_posix
def test_links_in_the_input_lead_no_output_out(folder: Path) -> None:
    Path("out").mkdir()
    Path("scans", "own.png").write_bytes(PHOTO)
    for name, target in links(folder):
        Path("scans", name).symlink_to(target)
    before = everything(folder)
    outcomes = colorize("scans")
    assert [outcome for outcome in outcomes if outcome.status == "done"]
    assert everything(folder) == before


@needs_posix
@pytest.mark.parametrize("path", ["scans/../scans", "./scans/.", "../work/scans", "scans//"])
def test_a_path_with_dots_stays_in(folder: Path, path: str) -> None:
    Path("scans", "own.png").write_bytes(PHOTO)
    before = everything(folder)
    assert [outcome.status for outcome in colorize(path)] == ["done"]
    assert everything(folder) == before
    assert len(list(Path("out").rglob("*.png"))) == 1


@needs_posix
def test_a_file_is_private_and_in_its_folder_until_it_is_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files, "_UMASK", 0o022)
    seen = []

    def fsync(descriptor: int) -> None:
        modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in Path("scans").iterdir()}
        seen.append(modes)

    monkeypatch.setattr(os, "fsync", fsync)
    write_atomic(Path("scans/a.png"), PHOTO)
    ((name, mode),) = seen[0].items()
    assert name.endswith(".part")
    assert mode == 0o600
    assert stat.S_IMODE(Path("scans/a.png").stat().st_mode) == 0o644
    assert [path.name for path in Path("scans").iterdir()] == ["a.png"]


@needs_posix
def test_a_name_that_somebody_has_put_there_is_not_written_through(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files.secrets, "token_hex", lambda count: "0" * 2 * count)
    target = folder / "mine.txt"
    target.write_bytes(b"mine")
    Path("scans", f".{'0' * 16}.part").symlink_to(target)
    with pytest.raises(FileExistsError):
        write_atomic(Path("scans/a.png"), PHOTO)
    assert target.read_bytes() == b"mine"


def test_pages_that_wait_have_no_name_that_others_could_open(folder: Path) -> None:
    growing = GrowingFiles("pnm", 2, Path("scans"))
    for _ in range(2):
        growing.add(0, b"P5 6000 3000 255\n" + bytes(18_000_000))
    names = list(Path("scans").iterdir())
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in names)
    growing.close()
    assert list(Path("scans").iterdir()) == []


def test_a_photo_over_the_limits_fails_with_the_option_that_raises_them() -> None:
    Path("scans/a.png").write_bytes(PHOTO)
    with limited_to(Limits(pixels=1000)):
        (outcome,) = colorize("scans")
    assert outcome.status == "failed"
    assert "raise --max-megapixels" in str(outcome.reason)
    assert not list(Path().rglob("out/*.png"))
