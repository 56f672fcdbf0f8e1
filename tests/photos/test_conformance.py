"""The conformance set: each kind of file, as it lies, with and without metadata, is coloured
without loss, as other libraries than the package's own see it. Its table is in docs/formats.md.
"""

from pathlib import Path

import numpy as np
import pytest
from made import laden, pictures
from made.kinds import Kind, kinds, orientations, picture
from made.pictures import Array
from made.second_readers import as_sixteen_bits, decoded, info_of, tags_of
from made.xmp_values import properties

from colorize_cli.imaging.bit_depth import eight_bits
from colorize_cli.photos.formats import written_as
from colorize_cli.photos.mark import SOURCE_TYPE, Mark
from colorize_cli.photos.read import Photo, read_photo
from colorize_cli.photos.write import encode_photo, losses

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"
MARK = Mark("b1" * 32, 7, 1)
WIDE = {"16f": "float16", "32f": "float32", "64f": "float64", "32": "uint32"}
LOSSES = {"jpeg": 12}  # levels
KINDS = [kind for kind in kinds() if kind.format in laden.PARTS]


def loads(kind: Kind) -> list[str]:
    """What its files carry."""
    return ["none", *([laden.PARTS[kind.format]] if laden.PARTS[kind.format] else [])]


def rows() -> list[str]:
    """The table: a row for each kind, and how many files there are of it."""
    return [
        f"| {kind.format} | {kind.colour} | {kind.depth} | {len(orientations(kind))} "
        f"| {'; '.join(loads(kind))} | {len(loads(kind)) * len(orientations(kind))} |"
        for kind in KINDS
    ]


def test_the_table_names_every_kind_and_the_set_is_large() -> None:
    found = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    assert [line for line in found if line in rows()] == rows(), "\n".join(rows())
    assert sum(len(loads(kind)) * len(orientations(kind)) for kind in KINDS) >= 200


def coloured(photo: Photo) -> Array:
    """Colours as a network might add: a tint that differs from place to place."""
    grey = photo.pixels if photo.pixels.ndim == 2 else photo.pixels[..., 1]
    top = np.iinfo(grey.dtype).max
    tint = np.linspace(0.7, 1, grey.shape[1])
    return np.stack(
        [grey, np.rint(grey * tint), top - np.rint((top - grey) * tint)], axis=-1
    ).astype(grey.dtype)


@pytest.mark.parametrize(
    ("kind", "is_laden"),
    [
        pytest.param(kind, is_laden, id=f"{kind}-{'laden' if is_laden else 'bare'}")
        for kind in KINDS
        for is_laden in (False, True)[: len(loads(kind))]
    ],
)
def test_nothing_is_lost(kind: Kind, is_laden: bool) -> None:
    for orientation in orientations(kind):
        made = picture(kind, orientation)
        data = laden.laden(made.data, kind.format, orientation) if is_laden else made.data
        photo = read_photo(data)
        off = np.abs(photo.pixels.astype(int) - made.pixels.astype(int)).max()
        assert off <= made.tolerance
        assert losses(photo, kind.format) == ()
        rgb = coloured(photo)
        written = encode_photo(rgb, photo, kind.format, MARK)
        check_pixels(rgb, photo, written, kind)
        check_metadata(written, kind, orientation, is_laden=is_laden)


def check_pixels(rgb: Array, photo: Photo, written: bytes, kind: Kind) -> None:
    found = decoded(written, written_as(kind.format))
    if kind.depth in WIDE:
        assert found.dtype == WIDE[kind.depth]
        found = as_sixteen_bits(found)
    assert found.dtype == rgb.dtype
    off = np.abs(found[..., :3].astype(int) - rgb.astype(int))
    assert off.max() <= LOSSES.get(kind.format, 16 if kind.depth == "16f" else 0)
    assert kind.format != "jpeg" or off.mean() <= 2
    if photo.alpha is None:
        assert found.shape[2] == 3
    else:
        np.testing.assert_array_equal(found[..., 3], photo.alpha)
    if rgb.dtype == np.uint16 and kind.format in (
        "png",
        "pnm",
    ):  # that the file is one for Pillow, too
        shown = np.asarray(pictures.opened(written).convert("RGB"))
        assert np.abs(shown.astype(int) - eight_bits(rgb).astype(int)).max() <= 1


def check_metadata(written: bytes, kind: Kind, orientation: int, *, is_laden: bool) -> None:
    parts = laden.PARTS[kind.format]
    if not parts:
        return
    tags, info = tags_of(written), info_of(written)
    assert tags.get(0x0112, 1) == 1
    if "XMP" in parts:
        found = properties(info["xmp"])
        assert SOURCE_TYPE in found.values()
        expected = properties(laden.XMP) if is_laden else {}
        assert expected.items() <= found.items()
    if not is_laden:
        return
    if "EXIF" in parts:
        inner, place = tags.get_ifd(0x8769), tags.get_ifd(0x8825)
        assert (tags[0x010F], tags[0x013B]) == (laden.MAKER, laden.ARTIST)
        assert (inner[0x9003], inner[0x927C]) == (laden.DATE, laden.MAKER_NOTE)
        assert (place[1], place[2]) == ("N", (52.0, 30.0, 0.0))
    if "IPTC" in parts:
        assert (info["iptc"][(2, 5)], info["iptc"][(2, 80)]) == (b"Market", b"Anna")
    if "ICC" in parts:
        assert info["icc_profile"] == pictures.SRGB
    if "DPI" in parts:
        x, y = laden.DPI if orientation < 5 else laden.DPI[::-1]
        assert info["dpi"] == pytest.approx((x, y), abs=0.05)
    if kind.format == "jpeg":
        assert info["comment"] == laden.COMMENT.encode()
    elif kind.format == "png":
        assert info["Comment"] == laden.COMMENT
    elif kind.format == "pnm":
        assert b"# " + laden.COMMENT.encode() + b"\n" in written[:200]
