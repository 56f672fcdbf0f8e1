import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
import tifffile
from made import pictures
from PIL import ImageCms, IptcImagePlugin
from PIL.PngImagePlugin import PngInfo

from colorize_cli.photos import exif as exif_block
from colorize_cli.photos.metadata import Metadata, iptc_of, iptc_resource
from colorize_cli.photos.read import Photo, read_photo
from colorize_cli.photos.write import encode_photo, losses

HOLDERS = ("jpeg", "png", "tiff", "webp")
EXIF, GPS = 0x8769, 0x8825
SIDES = (0xA002, 0xA003)


def source(format: str, orientation: int = 6, order: str = ">") -> bytes:
    """A grey photo that carries all that its format can, as stored by a camera."""
    stored = pictures.stored_as(pictures.grey(), orientation)
    sides = stored.shape[1], stored.shape[0]
    block = pictures.exif(orientation, order, sides)
    options: dict[str, Any] = {"exif": b"Exif\0\0" + block, "icc_profile": pictures.SRGB}
    if format == "jpeg":
        options |= {"xmp": pictures.XMP, "dpi": (300, 200), "comment": "café".encode()}
        return with_iptc(pictures.encode(stored, "JPEG", quality=100, **options))
    if format == "webp":
        return pictures.encode(stored, "WEBP", lossless=True, xmp=pictures.XMP, **options)
    if format == "png":
        texts = PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", pictures.XMP.decode())
        texts.add_text("Title", "café")
        texts.add_itxt("Author", "Ωμέγα")
        texts.add_text("Comment", "long " * 500, zip=True)
        pixels = np.dstack([stored] * 3)
        return pictures.encode(pixels, "PNG", pnginfo=texts, dpi=(300, 200), **options)
    tags = [
        (270, 2, 0, b"A market" + b"\0", True),
        (274, 3, 1, orientation, True),
        (306, 2, 0, b"1931:12:15 10:20:30\0", True),
        (315, 2, 0, b"Anna\0", True),
        (700, 1, len(pictures.XMP), pictures.XMP, True),
        (33723, 7, len(pictures.IPTC), pictures.IPTC, True),
    ]
    plain = pictures.tiff(
        stored,
        byteorder=order,
        resolution=(300, 200),
        resolutionunit=2,
        iccprofile=pictures.SRGB,
        extratags=tags,
    )
    return with_directories(plain, block, order)


def with_iptc(jpeg: bytes) -> bytes:
    content = b"Photoshop 3.0\0" + iptc_resource(pictures.IPTC)
    return jpeg[:2] + struct.pack(">BBH", 0xFF, 0xED, len(content) + 2) + content + jpeg[2:]


def with_directories(data: bytes, block: bytes, order: Any) -> bytes:
    """Give a TIFF the EXIF and GPS directories of a block."""
    inner = [tag for tag in exif_block.read_tags(block) if tag.children]
    first = struct.unpack_from(order + "I", data, 4)[0]
    tags = exif_block.read_directory(data, order, first) + inner
    data += b"\0" * (len(data) % 2)
    return (
        data[:4]
        + struct.pack(order + "I", len(data))
        + data[8:]
        + exif_block.directory_bytes(tags, order, len(data))
    )


def recolored(data: bytes, format: str) -> bytes:
    """Read a photo and write it in colour."""
    photo = read_photo(data)
    return encode_photo(pictures.color(), photo, format)


def xmp_of(image: Any) -> bytes:
    found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if found is None and image.format == "TIFF":
        found = image.tag_v2.get(700)
    return found.encode() if isinstance(found, str) else found


ORDERS = pytest.mark.parametrize("order", [">", "<"], ids=["big-endian", "little-endian"])
SAME = pytest.mark.parametrize("format", HOLDERS)


@ORDERS
@SAME
def test_metadata_survive_colouring_in_the_same_format(format: str, order: str) -> None:
    image = pictures.opened(recolored(source(format, order=order), format))
    tags = image.getexif()
    assert tags.get(0x0112, 1) == 1
    inner, place = tags.get_ifd(EXIF), tags.get_ifd(GPS)
    assert inner[0x9003] == "1931:12:15 10:20:30"
    assert (inner[SIDES[0]], inner[SIDES[1]]) == image.size == (pictures.WIDTH, pictures.HEIGHT)
    assert place[1] == "N"
    assert place[2] == (52.0, 30.0, 0.0)
    assert image.info["icc_profile"] == pictures.SRGB
    assert xmp_of(image) == pictures.XMP.replace(b'Orientation="6"', b'Orientation="1"')
    if format != "webp":  # which has it in its EXIF
        # The photo lay on its side: 300 dpi across are now along the height.
        assert image.info["dpi"] == pytest.approx((200, 300), abs=0.01)
    if format != "tiff":
        assert tags[0x010F] == "Voigtlander"
        assert (tags[0x011A], tags[0x011B]) == (200, 300)


@ORDERS
@pytest.mark.parametrize("target", HOLDERS)
@SAME
def test_metadata_move_between_formats(format: str, target: str, order: str) -> None:
    image = pictures.opened(recolored(source(format, order=order), target))
    tags = image.getexif()
    assert tags.get(0x0112, 1) == 1
    assert tags[0x013B if format == "tiff" else 0x8298] == "Anna"
    assert tags.get_ifd(EXIF)[0x9003] == "1931:12:15 10:20:30"
    assert tags.get_ifd(GPS)[2] == (52.0, 30.0, 0.0)
    assert image.info["icc_profile"] == pictures.SRGB
    assert b"caf\xc3\xa9" in xmp_of(image)
    if target != "webp":
        assert image.info["dpi"] == pytest.approx((200, 300), abs=0.01)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_sides_change_places_only_where_the_photo_lay_on_its_side(orientation: int) -> None:
    image = pictures.opened(recolored(source("jpeg", orientation), "jpeg"))
    inner = image.getexif().get_ifd(EXIF)
    assert (inner[SIDES[0]], inner[SIDES[1]]) == (pictures.WIDTH, pictures.HEIGHT)
    assert image.info["dpi"] == ((200, 300) if orientation >= 5 else (300, 200))


def test_exif_is_patched_in_place() -> None:
    block = pictures.exif(6)
    data = pictures.encode(pictures.grey(), "PNG", exif=b"Exif\0\0" + block)
    patched = read_photo(data).metadata.exif
    assert patched is not None
    assert len(patched) == len(block)
    changed = [i for i, (a, b) in enumerate(zip(block, patched, strict=True)) if a != b]
    # One byte of the orientation, four entries' values, the link to the thumbnail.
    assert len(changed) <= 1 + 4 * 4 + 4


def second_directory(data: bytes) -> int:
    """Offset of the directory that describes the thumbnail; 0 where there is none."""
    block = pictures.opened(data).info["exif"].removeprefix(b"Exif\0\0")
    first = struct.unpack_from(">I", block, 4)[0]
    count = struct.unpack_from(">H", block, first)[0]
    return int(struct.unpack_from(">I", block, first + 2 + 12 * count)[0])


def test_the_thumbnail_which_shows_the_grey_photo_is_gone() -> None:
    data = source("jpeg")
    assert second_directory(data) > 0
    assert second_directory(recolored(data, "jpeg")) == 0


def test_a_tiff_keeps_description_date_and_iptc() -> None:
    data = recolored(source("tiff"), "tiff")
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        tags = tif.pages.first.tags
        assert tags[270].value == "A market"
        assert tags[306].value == "1931:12:15 10:20:30"
        assert tags[33723].value == pictures.IPTC
        assert tags[282].value == (200, 1)
        assert tags[296].value == 2
        assert 305 not in tags  # nobody claims to be the scanner's software
        np.testing.assert_array_equal(tif.pages.first.asarray(), pictures.color())


@pytest.mark.parametrize(
    "note", ['{"shape": [30, 44]}', "ImageJ=1.53t\nimages=1\n", '<?xml version="1.0"?><OME/>']
)
def test_a_note_of_the_arrays_shape_does_not_outlive_the_shape(note: str) -> None:
    data = pictures.tiff(pictures.grey(), description=note)
    written = recolored(data, "tiff")
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(written)), pictures.color())


def test_a_bigtiff_keeps_its_plain_tags_and_says_what_it_loses() -> None:
    data = pictures.tiff(
        pictures.grey(), bigtiff=True, extratags=[(315, 2, 0, b"Anna\0", True)], resolution=(96, 96)
    )
    photo = read_photo(data)
    assert photo.warnings == ()
    image = pictures.opened(encode_photo(pictures.color(), photo, "tiff"))
    assert image.tag_v2[315] == "Anna"


@pytest.mark.parametrize("target", ["jpeg", "tiff"])
@pytest.mark.parametrize("format", ["jpeg", "tiff"])
def test_iptc_is_kept(format: str, target: str) -> None:
    image = pictures.opened(recolored(source(format), target))
    records = IptcImagePlugin.getiptcinfo(image)
    assert records is not None
    assert records[(2, 5)] == b"Market"
    assert records[(2, 80)] == b"Anna"


def test_comments_are_kept() -> None:
    image = pictures.opened(recolored(source("jpeg"), "jpeg"))
    assert image.info["comment"] == "café".encode()
    image = pictures.opened(recolored(source("jpeg"), "png"))
    assert image.info["Comment"] == "café"


def test_texts_of_a_png_are_kept() -> None:
    image = pictures.opened(recolored(source("png"), "png"))
    assert image.info["Title"] == "café"
    assert image.info["Author"] == "Ωμέγα"
    assert image.info["Comment"] == "long " * 500


def test_a_bomb_of_a_text_is_dropped() -> None:
    bomb = pictures.chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(40_000_000)))
    rows = [row.tobytes() for row in pictures.grey()]
    photo = read_photo(pictures.png(rows, 8, 0, pictures.WIDTH, bomb))
    assert photo.metadata == Metadata()


@pytest.mark.parametrize(("unit", "scale"), [(1, 1.0), (2, 2.54)])
def test_the_density_of_a_jpeg_may_be_in_centimetres(unit: int, scale: float) -> None:
    data = bytearray(pictures.encode(pictures.grey(), "JPEG", dpi=(100, 100)))
    struct.pack_into(">BHH", data, 13, unit, 100, 50)
    assert read_photo(bytes(data)).metadata.dpi == pytest.approx((100 * scale, 50 * scale))


def test_a_ratio_of_pixels_is_no_resolution() -> None:
    assert read_photo(pictures.encode(pictures.grey(), "JPEG")).metadata.dpi is None
    untold = pictures.tiff(pictures.grey(), resolution=(1, 1), resolutionunit=1)
    assert read_photo(untold).metadata.dpi is None


@pytest.mark.parametrize("target", ["bmp", "jpeg", "png", "tiff"])
def test_the_resolution_of_a_bmp_is_kept(target: str) -> None:
    data = pictures.encode(pictures.grey(), "BMP", dpi=(300, 150))
    image = pictures.opened(recolored(data, target))
    assert image.info["dpi"] == pytest.approx((300, 150), abs=0.05)


def test_webp_has_the_resolution_in_its_exif() -> None:
    data = pictures.encode(pictures.grey(), "BMP", dpi=(300, 150))
    tags = pictures.opened(recolored(data, "webp")).getexif()
    assert (tags[0x011A], tags[0x011B], tags[0x0128]) == pytest.approx((300, 150, 2), abs=0.05)
    assert losses(read_photo(data), "webp") == ()


# Colour profiles


def rgb_profile(red: tuple[float, float, float], half: float = 1.0) -> bytes:
    """sRGB's profile with another red, or a curve that is a plain power."""
    profile = bytearray(pictures.SRGB)
    offset = profile_tag(profile, b"rXYZ")
    struct.pack_into(">iii", profile, offset + 8, *(round(number * 65_536) for number in red))
    if half != 1.0:
        offset = profile_tag(profile, b"gTRC")
        struct.pack_into(">HHi", profile, offset + 8, 0, 0, round(half * 65_536))
    return bytes(profile)


def profile_tag(profile: bytearray, signature: bytes) -> int:
    for position in range(132, 132 + 12 * int.from_bytes(profile[128:132], "big"), 12):
        if profile[position : position + 4] == signature:
            return int.from_bytes(profile[position + 4 : position + 8], "big")
    raise KeyError(signature)


SRGB_RED = (0.4361, 0.2225, 0.0139)
ADOBE_RED = (0.6097, 0.3111, 0.0195)


@pytest.mark.parametrize("profile", [pictures.SRGB, rgb_profile(SRGB_RED, 2.2)])
def test_a_profile_that_says_srgb_is_kept(profile: bytes) -> None:
    photo = read_photo(pictures.encode(pictures.color(), "PNG", icc_profile=profile))
    assert photo.metadata.icc == profile
    assert photo.warnings == ()


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        (rgb_profile(ADOBE_RED), "is not sRGB"),
        (rgb_profile(SRGB_RED, 1.0001), "is not sRGB"),  # linear light
        (pictures.profile(b"GRAY"), "a grey profile"),
        (pictures.profile(b"CMYK"), "a CMYK profile"),
        (b"nothing of the kind", "damaged"),
    ],
)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF"])
def test_a_profile_that_no_longer_holds_is_dropped_with_a_warning(
    format: str, profile: bytes, words: str
) -> None:
    photo = read_photo(pictures.encode(pictures.grey(), format, icc_profile=profile))
    assert photo.metadata.icc is None
    assert len(photo.warnings) == 1
    assert words in photo.warnings[0]
    assert "taken for sRGB" in photo.warnings[0]


def test_profiles_of_lab_and_xyz_are_not_srgb() -> None:
    for name in ("LAB", "XYZ"):
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()
        photo = read_photo(pictures.encode(pictures.grey(), "JPEG", icc_profile=profile))
        assert photo.metadata.icc is None


# Damage and limits


@pytest.mark.parametrize("block", [b"", b"junk", b"MM\0*\0\0\xff\xff", b"II*\0\x08\0\0\0\xff\xff"])
def test_damaged_exif_is_dropped_with_a_warning(block: bytes) -> None:
    rows = [row.tobytes() for row in pictures.grey()]
    data = pictures.png(rows, 8, 0, pictures.WIDTH, pictures.chunk(b"eXIf", block))
    photo = read_photo(data)
    assert photo.metadata.exif is None
    assert len(photo.warnings) == 1
    np.testing.assert_array_equal(photo.pixels, pictures.grey())


def test_exif_with_a_directory_cut_off_still_turns_the_photo() -> None:
    stored = pictures.stored_as(pictures.grey(), 6)
    block = pictures.exif(6)[:180]
    rows = [row.tobytes() for row in stored]
    data = pictures.png(rows, 8, 0, stored.shape[1], pictures.chunk(b"eXIf", block))
    np.testing.assert_array_equal(read_photo(data).pixels, pictures.grey())


@pytest.mark.parametrize("seed", range(3))
def test_no_damage_to_a_block_escapes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(100):
        block = bytearray(pictures.exif(6))
        for _ in range(rng.integers(1, 8)):
            block[rng.integers(min(len(block), 300))] = rng.integers(256)
        rows = [row.tobytes() for row in pictures.grey()]
        chunk = pictures.chunk(b"eXIf", bytes(block))
        photo = read_photo(pictures.png(rows, 8, 0, pictures.WIDTH, chunk))
        rgb = np.zeros((*photo.pixels.shape, 3), np.uint8)
        for format in ("jpeg", "tiff"):  # one takes the block as it is, one takes it apart
            encode_photo(rgb, photo, format)


def test_what_is_too_large_for_a_jpeg_is_left_out_and_said() -> None:
    packet = pictures.XMP + b" " * 70_000
    metadata = Metadata(xmp=packet, iptc=bytes(70_000), icc=bytes(70_000), exif=bytes(70_000))
    photo = Photo(pictures.grey(), None, metadata, "png", b"", is_colour=False)
    assert losses(photo, "jpeg") == ("jpeg cannot hold EXIF, XMP, the ICC profile, IPTC: dropped",)
    assert "xmp" not in pictures.opened(encode_photo(pictures.color(), photo, "jpeg")).info


def test_what_just_fits_a_jpeg_is_kept() -> None:
    packet = pictures.XMP.ljust(65_533 - 29)
    block = pictures.exif().ljust(65_533 - 6, b"\0")
    metadata = Metadata(xmp=packet, exif=block, icc=pictures.SRGB.ljust(65_519, b"\0"))
    photo = Photo(pictures.grey(), None, metadata, "png", b"", is_colour=False)
    assert losses(photo, "jpeg") == ()
    again = read_photo(encode_photo(pictures.color(), photo, "jpeg")).metadata
    assert again.xmp == packet
    assert again.exif is not None
    assert len(again.exif) == len(block)
    assert again.icc == metadata.icc


@pytest.mark.parametrize(
    ("format", "missing"),
    [
        ("jpeg", ()),
        ("png", ("png cannot hold IPTC: dropped",)),
        ("tiff", ("tiff cannot hold comments: dropped",)),
        ("webp", ("webp cannot hold IPTC, comments: dropped",)),
        ("bmp", ("bmp cannot hold EXIF, XMP, the ICC profile, IPTC, comments: dropped",)),
    ],
)
def test_what_a_format_cannot_hold_is_said(format: str, missing: tuple[str, ...]) -> None:
    assert losses(read_photo(source("jpeg")), format) == missing


def test_iptc_is_found_among_other_resources() -> None:
    other = b"8BIM\x03\xed\x05other" + struct.pack(">I", 3) + b"abc\0"
    assert iptc_of(other + iptc_resource(pictures.IPTC)) == pictures.IPTC
    assert iptc_of(other) is None
    assert iptc_of(iptc_resource(pictures.IPTC)[:9]) is None


def test_reading_what_was_written_gives_the_same_metadata() -> None:
    for format in HOLDERS:
        once = read_photo(recolored(source(format), format))
        twice = read_photo(encode_photo(pictures.color(), once, format))
        assert once.warnings == ()
        assert twice.metadata == once.metadata
