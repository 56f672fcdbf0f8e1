"""Pictures in and out by OpenCV, from and to memory, with EXIF, XMP and ICC."""

import cv2
import numpy as np

from ...errors import ImageError
from ...imaging.lab import Pixels
from ..metadata import Metadata
from .format import Page

# A damaged file becomes an ImageError with its reason; the libraries' own lines on stderr would
# tear the progress bar. (libjpeg's, of damaged pixels, cannot be turned off.)
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def decode(data: bytes) -> Page:
    """Decode a picture as it stands; IMREAD_UNCHANGED leaves the orientation alone.

    Raises ImageError where the file is damaged or of another depth than 8 or 16 bits.
    """
    try:
        channels, kinds, blobs = cv2.imdecodeWithMetadata(
            np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED
        )
    except cv2.error as error:
        raise ImageError(f"the file is damaged ({error.err or 'it cannot be decoded'})") from error
    if channels is None or channels.size == 0:
        raise ImageError("the file is damaged: its pixels cannot be decoded")
    if channels.dtype not in (np.uint8, np.uint16):
        raise ImageError(f"pixels of type {channels.dtype} are not supported")
    found = {int(kind): blob.tobytes() for kind, blob in zip(kinds, blobs, strict=True)}
    metadata = Metadata(
        exif=found.get(cv2.IMAGE_METADATA_EXIF),
        xmp=found.get(cv2.IMAGE_METADATA_XMP),
        icc=found.get(cv2.IMAGE_METADATA_ICCP),
    )
    if channels.ndim == 2:
        return Page(channels, None, metadata)
    if channels.shape[2] == 4:
        rgb, alpha = cv2.cvtColor(channels, cv2.COLOR_BGRA2RGB), cv2.extractChannel(channels, 3)
        return Page(rgb, alpha, metadata)
    return Page(cv2.cvtColor(channels, cv2.COLOR_BGR2RGB), None, metadata)


def encode(suffix: str, page: Page, settings: tuple[int, ...], metadata: Metadata) -> bytes:
    """Encode RGB and alpha of a page, by OpenCV's settings: a number and its value, and so on.

    EXIF, XMP and ICC are those of `metadata`, as OpenCV does not write the page's well for every
    format. Raises ImageError where it refuses.
    """
    parts = (
        (cv2.IMAGE_METADATA_EXIF, metadata.exif),
        (cv2.IMAGE_METADATA_XMP, metadata.xmp),
        (cv2.IMAGE_METADATA_ICCP, metadata.icc),
    )
    present = [(kind, np.frombuffer(blob, np.uint8)) for kind, blob in parts if blob]
    try:
        done, data = cv2.imencodeWithMetadata(
            suffix,
            _channels(page),
            [kind for kind, _ in present],
            [blob for _, blob in present],
            settings,
        )
    except cv2.error as error:
        raise ImageError(f"the picture cannot be written as {suffix[1:]} ({error.err})") from error
    if not done:
        raise ImageError(f"the picture cannot be written as {suffix[1:]}")
    return data.tobytes()


def _channels(page: Page) -> Pixels:
    """Return BGR or BGRA."""
    if page.alpha is None:
        return cv2.cvtColor(page.pixels, cv2.COLOR_RGB2BGR)
    red, green, blue = cv2.split(page.pixels)
    return cv2.merge([blue, green, red, page.alpha])
