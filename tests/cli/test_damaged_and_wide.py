"""`--salvage` and `--white` on the command line, and several pages through a real network."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from made import pictures
from made.records import asked

from colorize_cli.cli.app import main


def test_pages_damage_and_floating_point_go_through_the_command(
    tmp_path: Path, tiny_bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    scans, out = tmp_path / "scans", tmp_path / "out"
    scans.mkdir()
    with tifffile.TiffWriter(scans / "book.tif") as writer:
        for pixels in (pictures.grey(), pictures.grey(16)[:, ::-1]):
            writer.write(pixels, metadata=None)
    (scans / "cut.jpg").write_bytes(pictures.encode(pictures.grey(), "JPEG")[:-90])
    (scans / "float.tif").write_bytes(pictures.tiff(pictures.grey().astype(np.float32)))
    (scans / "old.gif").write_bytes(pictures.encode(pictures.grey(), "GIF"))
    words = [str(scans), "--out", str(out), "--model", str(tiny_bundle), "--device", "cpu"]
    assert main(words) == 1
    said = capfd.readouterr().err
    assert "cut.jpg: the file is truncated" in said
    assert "--white 255" in said
    assert "colourings of 1 photo in GIF are PNG" in said
    assert sorted(path.name for path in out.glob("[!.]*")) == ["book.tif", "old.png"]
    assert main([*words, "--salvage", "--white", "255"]) == 0
    with tifffile.TiffFile(out / "book.tif") as tif:
        pages = [page.asarray() for page in tif.pages]
    assert [(page.dtype, page.shape) for page in pages] == [
        (np.uint8, (*pictures.grey().shape, 3)),
        (np.uint16, (*pictures.grey().shape, 3)),
    ]
    assert tifffile.imread(out / "float.tif").dtype == np.float32
    (warnings,) = (row[0] for row in asked(out, _WARNINGS, "%cut.jpg"))
    assert "salvaged: the file is truncated" in warnings


_WARNINGS = "SELECT warnings FROM photos WHERE path LIKE ?"
