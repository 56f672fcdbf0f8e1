"""Animated WebP out of frames, by OpenCV."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError

_QUALITY = 90  # of the lossy kind
_HEADER = 21  # bytes up to the flags of the extended header
_IS_ANIMATED = 2


def encode_animation(frames: Sequence[NDArray[np.uint8]], durations: Sequence[int]) -> bytes:
    """Make an animation that goes on for ever.

    Args:
        frames: (H, W, 3) RGB of one size, one at least, sides of up to 16,383 pixels.
        durations: how long each is shown, in milliseconds.

    Raises:
        ImageError: OpenCV refuses.
    """
    animation = cv2.Animation()
    animation.frames = [cv2.cvtColor(frame, cv2.COLOR_RGB2BGR) for frame in frames]
    animation.durations = list(durations)
    settings = (cv2.IMWRITE_WEBP_QUALITY, _QUALITY)
    try:
        done, data = cv2.imencodeanimation(".webp", animation, settings)
    except cv2.error as error:
        raise ImageError(f"the animation cannot be written ({error.err})") from error
    if not done:
        raise ImageError("the animation cannot be written")
    return bytes(data.tobytes())


def is_animation(path: Path) -> bool:
    """Tell by its first bytes whether a file is an animated WebP; OSError if it cannot be read."""
    with path.open("rb") as file:
        head = file.read(_HEADER)
    extended = head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and len(head) == _HEADER
    return extended and bool(head[-1] & _IS_ANIMATED)
