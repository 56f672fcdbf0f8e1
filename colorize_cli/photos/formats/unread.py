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


UNREAD = (
    Unread(
        "a raw file of an older camera",
        rb"FOVb|\0MRM|II.{4}HEAPCCDR",
        "develop it into a TIFF first, by RawTherapee",
    ),
    Unread("PDF", rb"%PDF-", "take its pictures out, by pdfimages -all"),
    Unread("DjVu", rb"AT&TFORM", "make its pages TIFFs, by ddjvu -format=tiff"),
    Unread("Photoshop's PSD", rb"8BPS", "save it as a TIFF"),
)


def unread(head: bytes) -> Unread | None:
    """Tell what a file is by its first bytes, as `sniff` does for those that are read."""
    return next((kind for kind in UNREAD if re.match(kind.begins, head, re.DOTALL)), None)
