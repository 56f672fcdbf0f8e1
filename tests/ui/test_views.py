"""What the page shows of files: small pictures, one a page."""

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from made.pictures import grey, opened

from colorize_cli.ui import views
from colorize_cli.ui.views import shown_of


def tiff(path: Path, *pages: np.ndarray) -> Path:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for pixels in pages:
            writer.write(pixels, photometric="rgb" if pixels.ndim == 3 else "minisblack")
    path.write_bytes(stream.getvalue())
    return path


def test_every_page_of_a_file_is_shown_beside_the_same_page_of_the_photograph(
    tmp_path: Path,
) -> None:
    bright, dark = np.full((40, 60), 220, np.uint8), np.full((40, 60), 30, np.uint8)
    source = tiff(tmp_path / "<a>.tif", bright, dark)
    files = [
        tiff(tmp_path / f"{k}.tif", *(np.stack([p] * 3, -1) for p in (bright, dark)))
        for k in (1, 2)
    ]
    (tmp_path / "views").mkdir()
    shown = [*shown_of(source, files, tmp_path / "views")]
    assert [each.caption for each in shown] == [
        "<a>.tif, page 1, 1",
        "<a>.tif, page 2, 1",
        "<a>.tif, page 1, 2",
        "<a>.tif, page 2, 2",
    ]
    assert [each.file.name for each in shown] == ["1.tif", "1.tif", "2.tif", "2.tif"]
    means = [
        [np.asarray(opened(path.read_bytes())).mean() for path in (each.before, each.after)]
        for each in shown
    ]
    np.testing.assert_allclose(means, [[220, 220], [30, 30]] * 2, atol=2)


def test_pages_beyond_the_most_are_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "MOST_PAGES", 2)
    source = tiff(tmp_path / "a.tif", *[grey()] * 3)
    (tmp_path / "views").mkdir()
    assert len([*shown_of(source, [source], tmp_path / "views")]) == 2


def test_what_is_shown_is_small(tmp_path: Path) -> None:
    source = tiff(tmp_path / "a.tif", np.zeros((100, 3000), np.uint16))
    (tmp_path / "views").mkdir()
    (shown,) = shown_of(source, [source], tmp_path / "views")
    assert opened(shown.after.read_bytes()).size[0] < 3000
    assert shown.caption == "a.tif"
