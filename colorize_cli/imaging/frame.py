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
_TALL = 1 << 16  # rows; a photo of fewer never takes much memory
_LONGEST = 8  # working sizes that a photo's long side may have at least
# By how much the scale may differ from the one that gives just size * size pixels, either way.
_MAX_STRETCH = 1.08


@dataclass(frozen=True)
class Frame:
    """A photo's place on the working grid; a function of the photo's size alone."""

    height: int  # of the photo, in pixels
    width: int
    scale: float  # working pixels per photo pixel, the same for both axes; above 1 for tiny photos
    work_height: int  # of what the photo covers of the working image, the last row perhaps in part
    work_width: int
    padded_height: int  # of what the network sees; what goes beyond `work_height` is mirrored
    padded_width: int

    @property
    def on_its_side(self) -> "Frame":
        """The frame of the same photo with rows and columns exchanged."""
        return Frame(
            self.width,
            self.height,
            self.scale,
            self.work_width,
            self.work_height,
            self.padded_width,
            self.padded_height,
        )

    @property
    def is_tall(self) -> bool:
        """Whether there are so many rows, so short, that they are better taken for columns."""
        return self.height > _TALL and self.padded_width > self.width


def frame_for(height: int, width: int, size: int, multiple: int = 32) -> Frame:
    """Place a photo of any shape on a working image of about `size` x `size` pixels in area.

    The scale is within 8% of the nominal one, which gives just that area; a smaller photo is
    enlarged to it. The padded sides are multiples of `multiple`, never larger than at the nominal
    scale, and the photo's share of them never smaller. The long side is at most the larger of
    `size` * `size` / `multiple` and 8 * `size`, whatever the scale has to be for that: a strip of
    a pixel by 20,000 would else be a working image of 18 times the area. A number below 1 raises
    ValueError.
    """
    if min(height, width, size, multiple) < 1:
        raise ValueError(f"sides, size and multiple start at 1: {(height, width, size, multiple)}")
    longest = max(size * size / multiple, _LONGEST * size)
    nominal = min(size / math.sqrt(height * width), longest / max(height, width))
    scales = _scales(height, width, nominal, multiple)
    frames = [_at_scale(height, width, scale, multiple) for scale in scales]
    # Rounded, so that photos of one shape and different sizes agree where two scales are as good.
    return max(frames, key=lambda frame: (round(_merit(frame, nominal), 9), frame.scale))


def _scales(height: int, width: int, nominal: float, multiple: int) -> list[float]:
    """List the largest scale that the nominal padding has room for, and lower ones that fill it."""
    frame = _at_scale(height, width, nominal, multiple)
    room = min(frame.padded_height / height, frame.padded_width / width)
    scales = [min(room, _MAX_STRETCH * nominal)]
    for side in (height, width):
        fewest = math.ceil(side * nominal / _MAX_STRETCH / multiple)
        most = math.floor(side * nominal / multiple)
        scales += [count * multiple / side for count in range(fewest, most + 1)]
    return scales


def _at_scale(height: int, width: int, scale: float, multiple: int) -> Frame:
    work = [math.ceil(side * scale - _SLACK) for side in (height, width)]
    padded = [math.ceil(side / multiple) * multiple for side in work]
    return Frame(height, width, scale, *work, *padded)


def _merit(frame: Frame, nominal: float) -> float:
    """Divide the photo's share of the padded area by how far its scale is from the nominal one."""
    photo = frame.height * frame.width * frame.scale**2
    stretch = max(frame.scale / nominal, nominal / frame.scale)
    return photo / (frame.padded_height * frame.padded_width) / stretch
