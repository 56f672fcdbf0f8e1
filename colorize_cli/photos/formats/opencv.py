"""Pictures in and out by OpenCV, from and to memory, with EXIF, XMP and ICC."""

import cv2
import numpy as np

from ...errors import ImageError
from ..metadata import Metadata
from .format import Page, check_size

# The libraries' lines on stderr would tear the progress bar. (libjpeg's cannot be turned off.)
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

_KINDS = (cv2.IMAGE_METADATA_EXIF, cv2.IMAGE_METADATA_XMP, cv2.IMAGE_METADATA_ICCP)


def decode(data: bytes, width: int, height: int) -> Page:
    """Decode a picture as it stands; IMREAD_UNCHANGED leaves the orientation alone.

    Raises ImageError where the file is damaged or of another depth than 8 or 16 bits, and, before
    memory is taken, where its header's `width` and `height` are absurd.
    """
    check_size(width, height)
    packed = np.frombuffer(data, np.uint8)
    try:
        channels, kinds, blobs = cv2.imdecodeWithMetadata(packed, cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ImageError(f"the file is damaged ({error.err or 'it cannot be decoded'})") from error
    if channels is None or channels.size == 0:
        raise ImageError("the file is damaged: its pixels cannot be decoded")
    if channels.dtype not in (np.uint8, np.uint16):
        raise ImageError(f"pixels of type {channels.dtype} are not supported")
    found = {int(kind): blob.tobytes() for kind, blob in zip(kinds, blobs, strict=True)}
    exif, xmp, icc = map(found.get, _KINDS)
    metadata = Metadata(exif, xmp, icc)
    if channels.ndim == 2:
        return Page(channels, None, metadata)
    alpha = cv2.extractChannel(channels, 3) if channels.shape[2] == 4 else None
    return Page(cv2.cvtColor(channels, cv2.COLOR_BGR2RGB), alpha, metadata)


def encode(suffix: str, page: Page, settings: tuple[int, ...], metadata: Metadata) -> bytes:
    """Encode RGB and alpha of a page by OpenCV's settings, with EXIF, XMP and ICC of `metadata`.

    OpenCV does not write the page's own well for every format. Raises ImageError where it refuses.
    """
    parts = zip(_KINDS, (metadata.exif, metadata.xmp, metadata.icc), strict=True)
    blobs = {kind: np.frombuffer(blob, np.uint8) for kind, blob in parts if blob}
    if page.alpha is None:
        bgr = cv2.cvtColor(page.pixels, cv2.COLOR_RGB2BGR)
    else:
        bgr = cv2.insertChannel(page.alpha, cv2.cvtColor(page.pixels, cv2.COLOR_RGB2BGRA), 3)
    try:
        done, data = cv2.imencodeWithMetadata(suffix, bgr, [*blobs], [*blobs.values()], settings)
    except cv2.error as error:
        raise ImageError(f"the picture cannot be written as {suffix[1:]} ({error.err})") from error
    if not done:
        raise ImageError(f"the picture cannot be written as {suffix[1:]}")
    return data.tobytes()
