"""The metadata of a page of TIFF, which lie in its tags; those that hold no sense are left out."""

import struct

import tifffile

from ... import exif
from ...metadata import PER_INCH, Metadata, dpi_of, iptc_of

# Tags that speak of the photo and not of the file's layout: document name, description, make,
# model, page name, software, date, artist, host, ratings, copyright, Windows' titles.
KEPT_TAGS = {269, 270, 271, 272, 285, 305, 306, 315, 316, 18246, 18249, 33432, *range(40091, 40096)}
# GeoTIFF's scale, tie points, transformation, keys and their texts, and GDAL's notes.
GEO_TAGS = {33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113}
XMP, IPTC = 700, 33723
_PHOTOSHOP, _ICC = 34377, 34675
_RESOLUTION, _RESOLUTION_UNIT = (282, 283), 296
_WHOLE = (1, 3, 4)  # the types BYTE, SHORT and LONG
# Descriptions in which programs note the shape of the array, untrue of a colour picture.
_LAYOUT_NOTES = (b"ImageJ=", b'{"shape"', b"<?xml", b"<OME")


def metadata_of(page: tifffile.TiffPage, data: bytes, warnings: list[str]) -> Metadata:
    """Read a page's metadata, orientation in the EXIF block; add to `warnings` what is lost."""
    order: exif.ByteOrder = page.parent.byteorder
    blobs, tags, geo = {}, list[exif.Tag](), list[exif.Tag]()
    for tag in page.tags:
        value = data[tag.valueoffset : tag.valueoffset + tag.valuebytecount]
        if tag.code in (XMP, IPTC, _PHOTOSHOP, _ICC):
            blobs[tag.code] = value
        elif tag.code == 270 and value.startswith(_LAYOUT_NOTES):
            continue
        elif tag.code in KEPT_TAGS | GEO_TAGS and int(tag.dtype) <= 12:
            place = geo if tag.code in GEO_TAGS else tags
            place.append(exif.Tag(tag.code, int(tag.dtype), tag.count, value))
        elif tag.code == exif.ORIENTATION:
            orientation = _number(tag)
            if orientation is None:
                warnings.append("the orientation was left out: its tag is of an odd type")
            elif orientation != 1:
                turned = struct.pack(order + "H", orientation & 0xFFFF)
                tags.append(exif.Tag(tag.code, 3, 1, turned))
    tags += _directories(page, data, warnings)
    block = exif.build(tags, order) if tags else None
    iptc = blobs.get(IPTC) or iptc_of(blobs.get(_PHOTOSHOP, b""))
    dpi = _page_dpi(page, warnings)
    tags_of_place = exif.build(geo, order) if geo else None
    return Metadata(block, blobs.get(XMP), blobs.get(_ICC), iptc, dpi, geo=tags_of_place)


def _number(tag: tifffile.TiffTag) -> int | None:
    """Return the whole number that a tag holds, the first of several; None for anything else."""
    if int(tag.dtype) not in _WHOLE or not tag.count:
        return None
    value = tag.value
    return int(value[0] if isinstance(value, tuple | bytes) else value)


def _directories(page: tifffile.TiffPage, data: bytes, warnings: list[str]) -> list[exif.Tag]:
    """Read the EXIF and GPS directories, which a BigTIFF has in a form of its own."""
    if exif.EXIF_IFD not in page.tags and exif.GPS_IFD not in page.tags:
        return []
    try:
        if page.parent.is_bigtiff:
            raise exif.ExifError("it lies in a BigTIFF")
        tags = exif.read_directory(data, page.parent.byteorder, page.offset)
        return [tag for tag in tags if tag.children]
    except exif.ExifError as error:
        warnings.append(f"EXIF dropped: it cannot be read ({error})")
        return []


def _page_dpi(page: tifffile.TiffPage, warnings: list[str]) -> tuple[float, float] | None:
    found = [page.tags[code].value for code in _RESOLUTION if code in page.tags]
    unit_tag = page.tags.get(_RESOLUTION_UNIT)
    unit = 2 if unit_tag is None else _number(unit_tag)
    if len(found) < 2:
        return None
    ratios = [ratio for ratio in found if isinstance(ratio, tuple) and len(ratio) == 2]
    if unit is None or len(ratios) < 2 or not all(isinstance(n, int) for r in ratios for n in r):
        warnings.append("the resolution was left out: its tags are of an odd type")
        return None
    (x, per_x), (y, per_y) = ratios
    return dpi_of(x / per_x, y / per_y, PER_INCH.get(unit)) if per_x and per_y else None
