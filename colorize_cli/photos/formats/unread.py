"""Files that hold pictures and are not read: what they are called, and what would read them.

A format that is read does not come to this table, since `sniff` is asked first.
"""

import re
from typing import NamedTuple


class Unread(NamedTuple):
    """A kind of file, and what to do to have its pictures coloured."""

    title: str
    begins: bytes  # as in `Format`
    advice: str

    @property
    def reason(self) -> str:
        """Why such a file is not coloured, in a sentence."""
        return f"{self.title} is not read: {self.advice}"


_RAW = (
    rb"FUJIFILMCCD-RAW|IIU\0|IIR[OS]|MMOR|FOVb|\0MRM|II.{4}HEAPCCDR|.{4}ftypcrx "  # TIFF has others
)
UNREAD = (
    Unread(
        "HEIC",
        rb".{4}ftyp(hei[cxms]|hev[cx]|mif1|msf1)",
        "make it a JPEG or PNG, by the telephone's own export or heif-convert",
    ),
    Unread("AVIF", rb".{4}ftypavi[fs]", "make it a PNG, by avifdec"),
    Unread(
        "JPEG 2000",
        rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
        "make it a TIFF, by opj_decompress",
    ),
    Unread("JPEG XL", rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", "make it a PNG, by djxl"),
    Unread("GIF", rb"GIF8[79]a", "make its first picture a PNG"),
    Unread("a camera's raw file", _RAW, "develop it into a TIFF, by darktable or RawTherapee"),
    Unread("PDF", rb"%PDF-", "take its pictures out, by pdfimages -all"),
    Unread("DjVu", rb"AT&TFORM", "make its pages TIFFs, by ddjvu -format=tiff"),
    Unread("Photoshop's PSD", rb"8BPS", "save it as a TIFF"),
)


def unread(head: bytes) -> Unread | None:
    """Tell what a file is by its first bytes, as `sniff` does for those that are read."""
    return next((kind for kind in UNREAD if re.match(kind.begins, head, re.DOTALL)), None)
