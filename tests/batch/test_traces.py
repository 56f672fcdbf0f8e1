"""`--trace`: animations of the sampling, beside colourings that are what they are without."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from made.messages import Told
from made.pictures import encode
from numpy.typing import NDArray

from colorize_cli.batch.outcome import Observer, Outcome
from colorize_cli.batch.run import run
from colorize_cli.batch.settings import Options
from colorize_cli.cli.app import main
from colorize_cli.errors import EXIT_OK, UsageError

GAP = 4  # pixels of white around each picture of a frame
Frames = Sequence[NDArray[np.uint8]]
Said = Mapping[str, tuple[str, ...]]
Colorize = Callable[..., Said]


class Warned(Observer):
    """Keeps what is said of each photograph."""

    def __init__(self) -> None:
        self.warnings: dict[str, tuple[str, ...]] = {}

    def outcome(self, outcome: Outcome) -> None:
        assert outcome.status == "done"
        self.warnings[outcome.source.name] = outcome.warnings


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two photographs of different shapes, one in a folder below."""
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for name, sides in (("a.png", (60, 90)), ("sub/b.png", (70, 50))):
        coarse = np.random.default_rng(len(name)).integers(0, 256, (6, 9)).astype(np.uint8)
        (folder / name).write_bytes(encode(np.asarray(cv2.resize(coarse, sides)), "PNG"))
    return folder


@pytest.fixture
def colorize(tmp_path: Path, photos: Path, tiny_bundle: Path) -> Colorize:
    def colorized(out: str = "out", **given: object) -> Said:
        warned = Warned()
        chosen = {"model": str(tiny_bundle), "device": "cpu", "samples": 2, **given}
        options = Options(paths=(photos,), out=tmp_path / out, **chosen)
        assert run(options, Told(), [warned]) == EXIT_OK
        return warned.warnings

    return colorized


def read(path: Path) -> tuple[Frames, list[int]]:
    """The frames of an animation, and how long each is shown in ms."""
    _, animation = cv2.imdecodeanimation(np.frombuffer(path.read_bytes(), np.uint8))
    return [frame[..., :3] for frame in animation.frames], [*map(int, animation.durations)]


def pictures(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.png")}


def test_each_photo_has_a_frame_a_step_and_the_ends_are_held(
    tmp_path: Path, colorize: Colorize
) -> None:
    colorize(trace=tmp_path / "traces")
    found = sorted(str(p.relative_to(tmp_path / "traces")) for p in tmp_path.rglob("*.webp"))
    assert found == ["a.png.trace.webp", str(Path("sub/b.png.trace.webp"))]
    frames, durations = read(tmp_path / "traces" / "a.png.trace.webp")
    assert len(frames) == 20
    assert durations[0] == durations[-1] > 5 * durations[1] == 5 * durations[18]


def test_the_forward_process_goes_from_colours_to_the_noise_that_is_undone(
    tmp_path: Path, colorize: Colorize
) -> None:
    colorize(trace=tmp_path / "traces", trace_forward=True)
    frames, durations = read(tmp_path / "traces" / "a.png.trace.webp")
    assert len(frames) == 21 + 20
    assert [i for i, ms in enumerate(durations) if ms == max(durations)] == [0, 20, 21, 40]

    def part(i: int, *, left: bool) -> NDArray[np.float64]:
        half = frames[i].shape[1] // 2
        return (frames[i][:, :half] if left else frames[i][:, half:]).astype(float)

    apart = [np.abs(part(i, left=True) - part(0, left=True)).mean() for i in range(21)]
    assert apart[20] > 2 * apart[5] > 0  # ever further from the colours
    # The last frame of the one process is the first of the other, but for the codec.
    assert np.abs(part(20, left=True) - part(21, left=True)).mean() < 0.1 * apart[20]
    assert np.abs(part(20, left=False) - part(40, left=False)).mean() < 0.1 * apart[20]


@pytest.mark.parametrize("candidates", [0, 3])
def test_colourings_are_the_same_bytes_with_and_without(
    candidates: int, tmp_path: Path, colorize: Colorize
) -> None:
    colorize("plain", candidates=candidates)
    colorize("traced", candidates=candidates, trace=tmp_path / "traces", trace_forward=True)
    assert pictures(tmp_path / "plain") == pictures(tmp_path / "traced") != {}


def test_it_shows_what_the_colourings_became(tmp_path: Path, colorize: Colorize) -> None:
    colorize(trace=tmp_path / "traces", samples=1)
    shown, _ = read(tmp_path / "traces" / "a.png.trace.webp")
    (name,) = (name for name in pictures(tmp_path / "out") if name.startswith("a"))
    data = np.frombuffer(pictures(tmp_path / "out")[name], np.uint8)
    coloured = cv2.imdecode(data, cv2.IMREAD_COLOR).astype(float)
    width = (shown[-1].shape[1] - 3 * GAP) // 2  # of each of x_t and x_0
    x_0 = shown[-1].astype(float)[GAP:-GAP, -GAP - width : -GAP]
    difference = np.abs(x_0.mean(axis=(0, 1)) - coloured.mean(axis=(0, 1)))
    assert difference.max() < 3
    assert np.ptp(coloured.mean(axis=(0, 1))) > 10  # levels between its channels: it is not grey


def test_a_bundle_of_the_palette_family_is_traced_too(
    tmp_path: Path, colorize: Colorize, tiny_palette_bundle: Path
) -> None:
    colorize(trace=tmp_path / "traces", model=str(tiny_palette_bundle), steps=5)
    assert len(read(tmp_path / "traces" / "a.png.trace.webp")[0]) == 5


def test_photos_that_go_through_together_keep_their_own_steps(
    tmp_path: Path, colorize: Colorize
) -> None:
    colorize(trace=tmp_path / "alone")
    colorize("other", trace=tmp_path / "together", batch=2)
    for path in (tmp_path / "alone").rglob("*.webp"):
        twin = tmp_path / "together" / path.relative_to(tmp_path / "alone")
        assert twin.read_bytes() == path.read_bytes()


def test_another_file_stays_and_the_photo_is_coloured_all_the_same(
    tmp_path: Path, colorize: Colorize
) -> None:
    other = tmp_path / "traces" / "a.png.trace.webp"
    other.parent.mkdir()
    other.write_bytes(b"a letter")
    said = colorize(trace=tmp_path / "traces")
    assert other.read_bytes() == b"a letter"
    assert "is another file" in said["a.png"][0]
    assert not said["b.png"]
    assert len(pictures(tmp_path / "out")) == 4


def test_a_trace_that_cannot_be_written_is_a_warning(tmp_path: Path, colorize: Colorize) -> None:
    (tmp_path / "traces").write_bytes(b"no folder")
    said = colorize(trace=tmp_path / "traces")
    assert "trace could not be written" in said["a.png"][0]
    assert len(pictures(tmp_path / "out")) == 4


def test_a_trace_is_made_anew_with_its_photo(tmp_path: Path, colorize: Colorize) -> None:
    colorize(trace=tmp_path / "traces", steps=5)
    colorize(trace=tmp_path / "traces", steps=6, overwrite=True)
    assert len(read(tmp_path / "traces" / "a.png.trace.webp")[0]) == 6


@pytest.mark.parametrize("folder", ["photos", "photos/below", "out", "out/traces"])
def test_a_folder_of_photographs_is_refused(
    folder: str, tmp_path: Path, colorize: Colorize
) -> None:
    with pytest.raises(UsageError, match="name a folder beside it"):
        colorize(trace=tmp_path / folder)


def test_the_forward_process_alone_needs_a_folder(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [str(photos), "--out", str(tmp_path / "out"), "--trace-forward"]
    assert main(command) == UsageError.exit_code
    assert "--trace DIR" in capsys.readouterr().err
