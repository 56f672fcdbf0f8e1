"""Training photos: decoded once, drawn by weight, and left out where they teach nothing."""

import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from made.tiny_runs import write_photo
from numpy.typing import NDArray

from colorize_cli.errors import UsageError
from training.data.photos import Photos, centre_crop, decode, has_colour


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for i in range(4):
        rgb = rng.integers(0, 256, (40 + i, 50, 3)).astype(np.uint8)
        write_photo(tmp_path / ("red" if i else "blue") / f"{i}.png", rgb)
    return tmp_path


def smooth(height: int, width: int, spread: float, mean: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A photo of grey levels, turned to the colour `mean`, and of other hues as `spread` says."""
    rng = np.random.default_rng(3)
    levels = rng.uniform(-90, 90, (4, 6, 1)) + rng.normal(0, spread, (4, 6, 3)) + mean
    return cv2.resize(np.clip(levels, 0, 255).astype(np.uint8), (width, height))


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [
        (smooth(300, 200, 0, (128, 128, 128)), False),
        (smooth(40, 30, 0, (131, 128, 127)), False),  # scanned a little warm
        (smooth(300, 200, 0, (150, 128, 100)), False),  # sepia
        (np.full((50, 60, 3), (190, 160, 110), np.uint8), False),  # of one colour
        (smooth(300, 200, 25, (128, 128, 128)), True),
        (smooth(1, 90, 60, (128, 128, 128)), True),
    ],
)
def test_photos_without_colour_are_known(rgb: NDArray[np.uint8], expected: bool) -> None:
    assert has_colour(rgb) is expected


def test_photos_that_teach_nothing_are_named_and_never_drawn(folder: Path) -> None:
    write_photo(folder / "zz" / "grey.png", smooth(60, 60, 0, (128, 128, 128)))
    write_photo(folder / "zz" / "small.png", smooth(31, 60, 25, (128, 128, 128)))
    (folder / "zz" / "a.jpg").write_bytes(b"not a picture")
    (folder / "zz" / "b.jpg").write_bytes(b"")
    photos = Photos([folder], {}, 32)
    assert photos.left_out() == [
        "left out as damaged: 2 of 8 photos, zz/a.jpg for one",
        "left out as grey or of one tint: 1 of 8 photos, zz/grey.png for one",
        "left out as too small: 1 of 8 photos, zz/small.png for one",
    ]
    rng = np.random.default_rng(0)
    assert {photos.draw(rng).shape[0] for _ in range(100)} == {40, 41, 42, 43}


@pytest.mark.parametrize("memory", [0.0, 13_000.0])
def test_what_is_drawn_does_not_depend_on_the_room_for_decoded_photos(
    folder: Path, memory: float
) -> None:
    write_photo(folder / "zz" / "grey.png", smooth(60, 60, 0, (128, 128, 128)))
    roomy, tight = Photos([folder], {}, 32), Photos([folder], {}, 32, memory=memory)
    one, other = np.random.default_rng(0), np.random.default_rng(0)
    for _ in range(40):
        np.testing.assert_array_equal(roomy.draw(one), tight.draw(other))
    assert roomy.left_out() == tight.left_out()


def test_photos_none_of_which_teach_colour_are_an_error_with_their_faults(tmp_path: Path) -> None:
    write_photo(tmp_path / "s" / "a.png", smooth(60, 60, 0, (128, 128, 128)))
    with pytest.raises(UsageError, match=r"grey or of one tint: 1 of 1 photos, s/a\.png"):
        Photos([tmp_path], {}, 32).draw(np.random.default_rng(0))


def test_photos_all_too_small_are_an_error_that_names_the_key(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"too small: 4 of 4 .* data\.size, now 64"):
        Photos([folder], {}, 64).draw(np.random.default_rng(0))


def test_weights_decide_how_often_a_set_is_drawn(tmp_path: Path) -> None:
    for name, level, count in (("dark", 0, 9), ("bright", 255, 1)):
        for i in range(count):
            rgb = np.full((8, 8, 3), level, np.uint8)
            rgb[4:] = (200, 60, 20)
            write_photo(tmp_path / name / f"{i}.png", rgb)
    photos = Photos([tmp_path], {"dark": 1, "bright": 3}, 4)
    rng = np.random.default_rng(0)
    bright = np.mean([photos.draw(rng)[0, 0, 0] == 255 for _ in range(2000)])
    assert bright == pytest.approx(0.75, abs=0.03)


def test_a_set_without_a_weight_is_an_error(folder: Path) -> None:
    with pytest.raises(UsageError, match="blue"):
        Photos([folder], {"red": 1}, 32)


def test_weights_of_other_sets_leave_an_even_draw(folder: Path) -> None:
    photos = Photos([folder], {"flowers": 1}, 32)
    rng = np.random.default_rng(0)
    assert {photos.draw(rng).shape[0] for _ in range(100)} == {40, 41, 42, 43}


def test_a_large_photo_is_kept_at_four_crops_a_side() -> None:
    large = cv2.imencode(".png", smooth(300, 450, 25, (128, 128, 128)))[1].tobytes()
    kept = decode(large, 32)
    assert isinstance(kept, np.ndarray)
    assert kept.shape == (128, 192, 3)


def test_the_middle_of_a_photo_is_its_largest_square() -> None:
    rgb = np.zeros((40, 80, 3), np.uint8)
    rgb[:, 20:60] = 200
    np.testing.assert_array_equal(centre_crop(rgb, 20), np.full((20, 20, 3), 200))


def spoilt(shard: Path) -> None:
    """Overwrite the first photo of a shard, and cut off the last."""
    with tarfile.open(shard) as archive:
        first, *_, last = archive.getmembers()
    data = bytearray(shard.read_bytes())
    data[first.offset_data : first.offset_data + 40] = bytes(40)
    shard.write_bytes(data[: last.offset_data + 10])


def test_files_that_break_or_go_after_the_start_are_left_out_and_named_once(folder: Path) -> None:
    shard = folder / "more.tar"
    with tarfile.open(shard, "w") as archive:
        for name in ("blue/0.png", "red/1.png", "red/2.png"):
            archive.add(folder / name, f"green/{name[-5:]}")
    photos = Photos([folder], {}, 32, memory=0)
    assert len(photos) == 7
    rng = np.random.default_rng(0)
    for _ in range(60):
        photos.draw(rng)
    assert photos.faults == {}
    (folder / "blue" / "0.png").unlink()
    (folder / "red" / "1.png").write_bytes(b"no picture any more")
    (folder / "red" / "2.png").write_bytes((folder / "red" / "3.png").read_bytes())
    spoilt(shard)
    drawn = {photos.draw(rng).shape for _ in range(120)}
    assert drawn == {(41, 50, 3), (43, 50, 3)}  # the one that is whole in the shard, and 3.png
    lines: list[str] = []
    photos.share_faults(lines.append)
    photos.share_faults(lines.append)
    assert lines == [
        "left out as gone or changed since the run began: 5 of 7 photos, blue/0.png, green/0.png, "
        "green/2.png and 2 more"
    ]


def test_a_file_that_cannot_be_read_at_the_start_is_one_that_is_damaged(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Path.read_bytes

    def refuses(path: Path) -> bytes:
        if path.name == "2.png":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuses)
    assert Photos([folder], {}, 32).left_out() == [
        "left out as damaged: 1 of 4 photos, red/2.png for one"
    ]


def test_faults_that_threads_find_while_others_are_told_are_told_the_next_time(
    folder: Path,
) -> None:
    photos = Photos([folder], {}, 64)
    told: list[str] = []

    def hear(line: str) -> None:
        told.append(line)
        photos.faults[1] = "damaged"  # by a thread, meanwhile

    photos.faults = {0: "damaged"}
    photos.share_faults(hear)
    photos.share_faults(hear)
    photos.share_faults(hear)
    assert [line.split(", ")[1] for line in told] == [photos.names[0], photos.names[1]]


def test_photos_a_little_too_small_are_enlarged_where_the_recipe_says_so(tmp_path: Path) -> None:
    write_photo(tmp_path / "set" / "small.png", smooth(150, 200, 60, (128, 128, 128)))
    assert [*Photos([tmp_path], {}, 160).faults.values()] == ["too small"]
    photos = Photos([tmp_path], {}, 160, smallest=0.93)
    assert photos.faults == {}
    assert photos.draw(np.random.default_rng(0)).shape == (160, 213, 3)
    assert [*Photos([tmp_path], {}, 160, smallest=0.94).faults.values()] == ["too small"]
