"""The mark of a colouring: what made it, for whoever finds the file without its folder.

It says in the terms of IPTC that an algorithm altered the picture, and which, and in terms of its
own the bundle, the seed and the sample, from which the same colours can be made again. It holds no
date, so that the same colouring has the same bytes.

Sources: IPTC Photo Metadata Standard 2025.1; IPTC NewsCodes, digital source type.
"""

from dataclasses import dataclass, replace

from .. import __version__
from .formats.format import Format
from .metadata import Metadata
from .xmp import XmpError, parsed, with_properties

TOOL = "colorize"
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"
IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
OWN = "urn:colorize-cli:mark/1.0/"
_PREFIXES = {IPTC: "Iptc4xmpExt", OWN: "colorize"}
_DIGITAL_SOURCE_TYPE = (IPTC, "DigitalSourceType")


@dataclass(frozen=True)
class Mark:
    """What a colouring was made with."""

    bundle: str  # its digest
    seed: int
    sample: int  # from 1
    saturation: float = 1.0  # that its colours were given, for taste

    def __str__(self) -> str:
        """In one line, for formats that have no XMP."""
        by = f"bundle {self.bundle}, seed {self.seed}, sample {self.sample}"
        by += "" if self.saturation == 1 else f", saturation {self.saturation:g}"
        return f"colours added by {TOOL} {__version__} ({by}): {SOURCE_TYPE}"


def marked(metadata: Metadata, mark: Mark, format: Format) -> Metadata:
    """Add a mark where the format has room: in XMP, else in a comment, else nowhere.

    What the photo said of its own source, a print or a negative, is kept as `PriorSourceType`. XMP
    that cannot be read stays as it is, and the mark becomes a comment.
    """
    if format.holds.get("xmp"):
        try:
            return replace(metadata, xmp=_packet(metadata.xmp, mark))
        except XmpError:
            pass
    return replace(metadata, comments=(*metadata.comments, ("Comment", str(mark))))


def has_place(metadata: Metadata, format: Format) -> bool:
    """Whether XMP that cannot be read leaves a place for a mark, where the format has any."""
    if not metadata.xmp or not format.holds.get("xmp") or format.holds.get("comments"):
        return True
    try:
        parsed(metadata.xmp)
    except XmpError:
        return len(metadata.xmp) > format.holds["xmp"]
    return True


def alone(mark: Mark) -> bytes:
    """Write a packet of XMP that holds a mark and nothing else."""
    return _packet(None, mark)


def _packet(xmp: bytes | None, mark: Mark) -> bytes:
    values = {
        _DIGITAL_SOURCE_TYPE: SOURCE_TYPE,
        (IPTC, "AISystemUsed"): TOOL,
        (IPTC, "AISystemVersionUsed"): __version__,
        (OWN, "Bundle"): mark.bundle,
        (OWN, "Seed"): str(mark.seed),
        (OWN, "Sample"): str(mark.sample),
    }
    if mark.saturation != 1:
        values[OWN, "Saturation"] = f"{mark.saturation:g}"
    for each in parsed(xmp).properties if xmp else ():
        if each.name == _DIGITAL_SOURCE_TYPE and each.text not in ("", SOURCE_TYPE):
            values[OWN, "PriorSourceType"] = each.text
    return with_properties(xmp, values, _PREFIXES)
