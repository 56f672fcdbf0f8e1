"""Where a photo lies on the network's working grid.

One scale factor serves both axes, so a photo is never squashed, not even by the rounding of its
sides: working pixel j covers exactly the photo's interval [j, j + 1) / scale. Beyond its edges
the photo goes on as its own mirror image, which fills the last, partly covered working pixel and
the padding up to the network's multiple alike. The scale gives way by some per cent so that there
is little to fill.
"""

import math
from dataclasses import dataclass

# A side of 50.000000001 working pixels, which is rounding, does not get a 51st.
_SLACK = 1e-6
# By how much the scale may differ from the one that gives just size * size pixels, either way.
_MAX_STRETCH = 1.08


@dataclass(frozen=True)
class Frame:
    """A photo's place on the working grid; a function of the photo's size alone."""

    height: int
    """Height of the photo in pixels."""
    width: int
    """Width of the photo in pixels."""
    scale: float
    """Working pixels per photo pixel, the same for both axes; above 1 for tiny photos."""
    work_height: int
    """Rows of the working image that the photo covers, the last one perhaps in part."""
    work_width: int
    """Columns of the working image that the photo covers, the last one perhaps in part."""
    padded_height: int
    """Rows that the network sees; those from `work_height` on are the photo mirrored."""
    padded_width: int
    """Columns that the network sees; those from `work_width` on are the photo mirrored."""


def frame_for(height: int, width: int, size: int, multiple: int = 32) -> Frame:
    """Place a photo of any shape on a working image of about `size` x `size` pixels in area.

    The scale is within 8% of the nominal one, which gives just that area. The padded sides are
    never larger than at the nominal scale, and the photo's share of them never smaller.

    Args:
        height: Height of the photo in pixels, from 1.
        width: Width of the photo in pixels, from 1.
        size: Square root of the nominal area in pixels. A smaller photo is enlarged to it.
        multiple: Both padded sides are multiples of this.

    Raises:
        ValueError: One of the numbers is below 1.
    """
    if min(height, width, size, multiple) < 1:
        raise ValueError(f"sides, size and multiple start at 1: {(height, width, size, multiple)}")
    nominal = size / math.sqrt(height * width)
    frames = [
        _at_scale(height, width, scale, multiple)
        for scale in _scales(height, width, nominal, multiple)
    ]
    # Rounded, so that photos of one shape and different sizes agree where two scales are as good.
    return max(frames, key=lambda frame: (round(_merit(frame, nominal), 9), frame.scale))


def _scales(height: int, width: int, nominal: float, multiple: int) -> list[float]:
    """List the scales at which nothing more of the photo fits into the same padded sides.

    They are the largest one that the nominal padding has room for, and below the nominal scale
    those at which a side is a multiple.
    """
    frame = _at_scale(height, width, nominal, multiple)
    room = min(frame.padded_height / height, frame.padded_width / width)
    scales = [min(room, _MAX_STRETCH * nominal)]
    for side in (height, width):
        fewest = math.ceil(side * nominal / _MAX_STRETCH / multiple)
        most = math.floor(side * nominal / multiple)
        scales += [count * multiple / side for count in range(fewest, most + 1)]
    return scales


def _at_scale(height: int, width: int, scale: float, multiple: int) -> Frame:
    work_height, work_width = (math.ceil(side * scale - _SLACK) for side in (height, width))
    return Frame(
        height=height,
        width=width,
        scale=scale,
        work_height=work_height,
        work_width=work_width,
        padded_height=math.ceil(work_height / multiple) * multiple,
        padded_width=math.ceil(work_width / multiple) * multiple,
    )


def _merit(frame: Frame, nominal: float) -> float:
    """Divide the photo's share of the padded area by how far its scale is from the nominal one."""
    photo = frame.height * frame.width * frame.scale**2
    stretch = max(frame.scale / nominal, nominal / frame.scale)
    return photo / (frame.padded_height * frame.padded_width) / stretch
