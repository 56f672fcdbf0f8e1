"""Files of several pages: every page is coloured, into a file of as many."""

import errno
import hashlib
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from made import pictures
from made.networks import Network
from made.pictures import color, encode, grey
from PIL import Image

from colorize_cli.batch import pipeline
from colorize_cli.batch.asked.treatment import Treatment
from colorize_cli.batch.outcome import Outcome
from colorize_cli.batch.plan import make_plan
from colorize_cli.batch.settings import OnColour, Options
from colorize_cli.errors import OutputError
from colorize_cli.model.colorizer import Prepared
from colorize_cli.photos import growing_files
from colorize_cli.photos.formats.tiff import pages as tiff_pages
from colorize_cli.photos.read import Photo

SECOND = np.ascontiguousarray(grey(16)[::2, ::-1])


class ByPicture(Network):
    """Knows pages apart by their pixels, and not by their file."""

    def prepare(self, photo: Photo) -> Prepared:
        digest = hashlib.sha256(photo.pixels.tobytes()).digest()
        return replace(super().prepare(photo), key=digest)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("scans").mkdir()


def book(*pages: np.ndarray, order: str = "<", **options: object) -> bytes:
    """A TIFF of pages, each but the first with a name and a resolution of its own."""
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream, byteorder=order) as writer:  # type: ignore[arg-type]
        for i, pixels in enumerate(pages):
            name = [(285, 2, 0, f"leaf {i}", True)] if i else []
            dpi = {"resolution": (100 + i, 100 + i), "resolutionunit": 2}
            writer.write(pixels, metadata=None, software=False, extratags=name, **dpi, **options)
    return stream.getvalue()


def colorize(name: str, data: bytes, out: str = "out", **treated: object) -> Outcome:
    Path("scans", name).write_bytes(data)
    treatment = Treatment(**treated)  # type: ignore[arg-type]
    options = Options((Path("scans", name),), Path(out), samples=treatment.samples)
    jobs = make_plan(options).jobs
    outcomes: list[Outcome] = []
    pipeline.run(jobs, ByPicture(), treatment, outcomes.append)  # type: ignore[arg-type]
    return outcomes[0]


def pages_of(path: str) -> list[np.ndarray]:
    with tifffile.TiffFile(path) as tif:
        return [page.asarray() for page in tif.pages]


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_page_becomes_what_it_would_alone(
    order: str, compression: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growing_files, "_IN_MEMORY", 1000)  # it goes on on the disk
    pages = (grey(), SECOND, grey()[:, :20])
    data = book(*pages, order=order, compression=compression, rowsperstrip=7)
    outcome = colorize("book.tif", data, samples=2)
    assert (outcome.status, outcome.warnings, outcome.written) == ("done", (), (0, 1))
    for k in (1, 2):
        found = pages_of(f"out/book.{k}.tif")
        assert [page.dtype for page in found] == [page.dtype for page in pages]
        for i, (pixels, page) in enumerate(zip(pages, found, strict=True)):
            colorize(f"{i}.tif", book(pixels, order=order), samples=2)
            np.testing.assert_array_equal(page, tifffile.imread(f"out/{i}.{k}.tif"))
    assert {path.suffix for path in Path("out").iterdir()} == {".tif"}


def test_pages_in_memory_make_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone" / "deep"
    for most in (1 << 24, 1):
        monkeypatch.setattr(growing_files, "_IN_MEMORY", most)
        growing = growing_files.GrowingFiles("tiff", 2, gone)
        growing.add(0, encode(grey(), "TIFF"))
        assert growing.take(0)
        assert not gone.parent.exists()


def leaf(i: int, pixels: np.ndarray) -> bytes:
    """A page by Pillow, with a description, a date and a place of its own."""
    exif = Image.Exif()
    exif[270] = f"leaf {i}"
    exif.get_ifd(0x8769)[0x9003] = f"193{i}:12:15 10:20:30"
    exif.get_ifd(0x8825)[1] = "NS"[i]
    return encode(pixels, "TIFF", exif=exif.tobytes(), dpi=(100 + i, 100 + i))


def test_each_page_keeps_its_own_metadata_and_its_alpha() -> None:
    stream = io.BytesIO()
    for i, pixels in enumerate((grey(), np.dstack([grey(), pictures.alpha()]))):
        tiff_pages.append(stream, leaf(i, pixels))
    assert colorize("book.tif", stream.getvalue()).status == "done"
    with Image.open("out/book.tif") as image:
        assert getattr(image, "n_frames", 1) == 2
        for i in range(2):
            image.seek(i)
            exif = image.getexif()
            assert exif[270] == f"leaf {i}"
            assert exif[282] == 100 + i
            assert exif.get_ifd(0x8769)[0x9003] == f"193{i}:12:15 10:20:30"
            assert exif.get_ifd(0x8825)[1] == "NS"[i]
        np.testing.assert_array_equal(np.asarray(image)[..., 3], pictures.alpha())


def test_the_pages_of_both_byte_orders_hang_together_without_a_tag() -> None:
    for order in "<>":
        colorize("book.tif", book(SECOND, SECOND, order=order), out=f"out{ord(order)}")
    names = [f"out{ord(order)}/book.tif" for order in "<>"]
    little, big = map(pages_of, names)
    np.testing.assert_array_equal(little, big)
    assert [Path(name).read_bytes()[:2] for name in names] == [b"II", b"MM"]


def test_thumbnails_and_masks_are_no_pages() -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(grey(), metadata=None, subifds=1)
        writer.write(grey()[::2, ::2], metadata=None, subfiletype=1)
        writer.write(grey() > 9, metadata=None, subfiletype=4)
        writer.write(SECOND, metadata=None)
        writer.write(SECOND[::2, ::2], metadata=None, subfiletype=1)
    outcome = colorize("pyramid.tif", stream.getvalue())
    assert outcome.warnings == ("page 1: 1 mask left out",)
    shapes = [page.shape[:2] for page in pages_of("out/pyramid.tif")]
    assert shapes == [grey().shape, SECOND.shape]


def test_a_format_that_holds_one_page_is_refused_with_advice() -> None:
    Path("scans/book.tif").write_bytes(book(grey(), grey()))
    jobs = make_plan(Options((Path("scans"),), Path("out"), format="png")).jobs
    outcomes: list[Outcome] = []
    pipeline.run(jobs, Network(), Treatment(), outcomes.append)  # type: ignore[arg-type]
    assert outcomes[0].status == "failed"
    assert outcomes[0].reason is not None
    assert "2 pages, and PNG holds one" in outcomes[0].reason
    assert "--format tiff" in outcomes[0].reason


def test_pages_that_do_not_fit_a_tiff_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff_pages, "_MOST", 9000)
    outcome = colorize("book.tif", book(*[grey()] * 4))
    assert outcome.status == "failed"
    assert outcome.reason is not None
    assert "cut it into parts" in outcome.reason
    assert not Path("out").exists()


@pytest.mark.parametrize("on_colour", ["recolour", "skip", "copy"])
def test_pages_in_colour_stay_among_others_where_colour_is_left_alone(on_colour: OnColour) -> None:
    outcome = colorize("book.tif", book(color(), grey()), on_colour=on_colour)
    assert outcome.status == "done"
    first, second = pages_of("out/book.tif")
    assert np.array_equal(first, color()) == (on_colour != "recolour")
    assert second.shape == (*grey().shape, 3)


@pytest.mark.parametrize(("on_colour", "status"), [("skip", "left out"), ("copy", "copied")])
def test_a_file_whose_pages_are_all_in_colour_is_treated_as_one(
    on_colour: OnColour, status: str
) -> None:
    data = book(color(), color()[::2])
    assert colorize("book.tif", data, on_colour=on_colour).status == status
    if status == "copied":
        assert Path("out/book.tif").read_bytes() == data


def test_pictures_of_a_pgm_become_a_ppm_of_as_many() -> None:
    one = b"P5\n44 30\n255\n" + grey().tobytes()
    two = b"P5\n44 30\n255\n" + grey()[::-1].tobytes()
    colorize("both.pgm", one + two)
    colorize("one.pgm", one)
    colorize("two.pgm", two)
    expected = Path("out/one.ppm").read_bytes() + Path("out/two.ppm").read_bytes()
    assert Path("out/both.ppm").read_bytes() == expected


def damaged_book() -> bytes:
    """Three pages, of which the pixels of the second cannot be unpacked."""
    data = bytearray(book(grey(), grey(), grey(), compression="zlib"))
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        page = tif.pages[1]
        data[page.dataoffsets[0] : page.dataoffsets[0] + 9] = bytes(9)
    return bytes(data)


def test_a_damaged_page_fails_its_file_and_is_blank_where_it_is_salvaged() -> None:
    outcome = colorize("book.tif", damaged_book())
    assert outcome.status == "failed"
    assert outcome.reason is not None
    assert outcome.reason.startswith("page 2: the TIFF's compressed pixels are damaged")
    assert not Path("out/book.tif").exists()
    outcome = colorize("book.tif", damaged_book(), salvages=True)
    assert outcome.status == "done"
    assert [warning[:17] for warning in outcome.warnings] == ["page 2: salvaged:"]
    first, second, third = pages_of("out/book.tif")
    assert second.min() == 255
    np.testing.assert_array_equal(first, third)


def test_warnings_of_all_pages_are_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = np.dstack([color()[::-1], grey()])
    options: Sequence[str] = ["unspecified"]
    data = book(extra, extra, photometric="rgb", extrasamples=options)
    assert colorize("book.tif", data).warnings == ("1 extra channels dropped",)


def test_a_full_disk_ends_the_run_at_the_page_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = []

    def full(self: growing_files.GrowingFiles, k: int, page: bytes) -> None:
        pages.append(k)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(growing_files.GrowingFiles, "add", full)
    with pytest.raises(OutputError):
        colorize("book.tif", book(grey(), grey(), grey()))
    assert pages == [0]
