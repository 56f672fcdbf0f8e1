"""The pictures of a study: a photograph small enough to be shown, and one in plainly wrong colour.

Whatever is shown beside a photograph has its size, its lightness and its encoding, so that nothing
but colour tells them apart.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError
from ..imaging.bit_depth import eight_bits
from ..imaging.gamut import fit_gamut
from ..imaging.lab import levels_from_linear, lightness, linear_planes
from ..imaging.photo_kind import kind_of
from ..imaging.shrink import shrunk
from ..photos.read import Photo

RGB = NDArray[np.uint8]
_CHROMA = 55.0  # of wrong colours, in Lab units: more than nearly all that photographs have
_TURNS = 1.5  # of all hues, along the diagonal
_LEAST_WRONG = 20.0  # levels of 255 that wrong colours differ by on the mean, or they are not plain


def check_truth(photo: Photo) -> None:
    """Raise ImageError where a photograph has no colours to be told from a colouring's."""
    kind = kind_of(photo.pixels, photo.is_colour)
    if kind in ("grey", "bilevel"):
        raise ImageError("it is grey")
    if kind == "toned":
        raise ImageError("it is a toned print, as sepia is, and no truth")
    if photo.alpha is not None and photo.alpha.min() < np.iinfo(photo.alpha.dtype).max:
        raise ImageError("it is transparent in parts")


def shown(pixels: NDArray[np.generic], side: int) -> RGB:
    """Make a picture ready to be shown.

    Args:
        pixels: (H, W, 3) sRGB, uint8 or uint16.
        side: of the result's longer side in pixels, at most; a smaller picture is not enlarged.

    Returns:
        (h, w, 3) uint8.
    """
    height, width = pixels.shape[:2]
    short = max(1, round(side * min(height, width) / max(height, width)))
    return shrunk(eight_bits(pixels), short if max(height, width) > side else None)


def wrong_colours(truth: RGB) -> RGB:
    """Paint all hues in stripes across a photograph, (H, W, 3), whose lightness stays."""
    height, width = truth.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    hue = 2 * np.pi * _TURNS * (x / width + y / height) / 2
    a, b = ((_CHROMA * f(hue)).astype(np.float32) for f in (np.cos, np.sin))
    L = lightness(truth)
    planes = linear_planes(L, *fit_gamut(L, a, b))
    return np.asarray(cv2.merge([levels_from_linear(p, 256) for p in planes]), np.uint8)


def is_plainly_wrong(truth: RGB, wrong: RGB) -> bool:
    """Tell whether wrong colours are seen as such; in a nearly black or white photo none are."""
    return float(cv2.absdiff(truth, wrong).mean()) >= _LEAST_WRONG


def encode(picture: RGB) -> bytes:
    """Encode a picture (H, W, 3) as PNG, without any metadata."""
    return cv2.imencode(".png", picture[..., ::-1])[1].tobytes()


def decode(data: bytes) -> RGB:
    """Decode what `encode` made; ImageError where it is damaged."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if picture is None:
        raise ImageError("it is damaged")
    return np.ascontiguousarray(picture[..., ::-1]).astype(np.uint8, copy=False)


def side_by_side(left: RGB, right: RGB) -> bytes:
    """Encode two pictures of one size as one, without a gap.

    So neither has a name, a size or a time of arrival of its own that could tell which it is.
    """
    return encode(np.hstack([left, right]))
