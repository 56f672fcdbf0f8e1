"""Raw files of cameras, by LibRaw where the extra `raw` is installed; colourings of them are TIFF.

Most are TIFF files to look at, and are told apart when their tags are read (`tiff`).
"""

import io
from collections.abc import Iterator
from dataclasses import replace

from ....errors import ImageError
from ...metadata import Metadata
from ..boxed.boxes import decoder
from ..format import Format, Page, check_size
from . import TIFF

_ADVICE = (
    "a camera's raw file (DNG, NEF, CR2, ARW and the like) is read with the extra 'raw': install "
    "colorize-cli[raw], or develop it with a raw converter and take the TIFF or JPEG that it saves"
)

_SRGB_CURVE = (2.4, 12.92)  # its power and the slope at black; LibRaw's own is that of BT.709


def developed(data: bytes, metadata: Metadata) -> Page:
    """Develop a raw file with the camera's white balance, upright, in 16 bits of sRGB."""
    try:
        rawpy = decoder("rawpy", "raw", "")
    except ImageError as error:
        raise ImageError(_ADVICE) from error
    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            check_size(raw.sizes.width, raw.sizes.height, sample_bytes=2)
            pixels = raw.postprocess(
                use_camera_wb=True, output_bps=16, no_auto_bright=True, gamma=_SRGB_CURVE
            )
    except ImageError:
        raise
    except Exception as error:  # LibRaw's own, of many kinds
        raise ImageError(f"the raw file cannot be developed ({error})") from error
    return Page(
        pixels, None, metadata, ("developed with the camera's white balance",), is_srgb=True
    )


def _read_pages(data: bytes) -> Iterator[Page]:
    page = developed(data, Metadata())
    yield replace(page, warnings=(*page.warnings, "the EXIF of this raw file is not read"))


RAW = Format(
    "camera raw",
    (
        ".dng",
        ".nef",
        ".nrw",
        ".cr2",
        ".cr3",
        ".arw",
        ".sr2",
        ".raf",
        ".orf",
        ".rw2",
        ".pef",
        ".srw",
    ),
    rb"(?s)FUJIFILMCCD-RAW|II(?:RO|RS|U\0)|MMOR|.{4}ftypcrx ",
    _read_pages,
    TIFF.write,
    TIFF.holds,
    becomes="tiff",
    is_deep=True,
)
