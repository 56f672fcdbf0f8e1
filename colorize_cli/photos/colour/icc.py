"""ICC profiles: whether one says sRGB, its name, its tags and its curves.

Sources: ICC.1:2022, 7.2 (header), 8.3 and F.2 (monochrome profiles), 10.6 and 10.18 (curves); IEC
61966-2-1, annex F (colorants).
"""

import struct

import numpy as np
from numpy.typing import NDArray

# The primaries of sRGB adapted to D50, as profiles state them.
_COLORANTS = {
    b"rXYZ": (0.4361, 0.2225, 0.0139),
    b"gXYZ": (0.3851, 0.7169, 0.0971),
    b"bXYZ": (0.1431, 0.0606, 0.7141),
}
_LONGEST_NAME = 100  # characters that are told of a name
_HALF = 0.2140  # linear light of a level of one half; gamma 2.2 gives 0.2176, which passes
_PARAMETERS = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}  # how many a curve of each kind has
_PLAIN = (1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)  # what they are where they are not given
_SPACES = {b"GRAY": "a grey", b"CMYK": "a CMYK", b"Lab ": "a Lab"}


def misfit(profile: bytes) -> str | None:
    """Say why a profile does not describe sRGB pixels; None where it does."""
    if len(profile) < 132 or profile[36:40] != b"acsp":
        return "it is damaged"
    space = profile[16:20]
    if space != b"RGB ":
        return f"{name_of(profile)!r} is {_SPACES.get(space, 'no RGB')} profile"
    named = tag_of(profile, b"rXYZ") is None and "srgb" in name_of(profile).lower()
    if named or _is_srgb(profile):
        return None
    return f"{name_of(profile)!r} is not sRGB"


def tag_of(profile: bytes, signature: bytes) -> bytes | None:
    """Return what a tag holds; None for a profile without it."""
    count = min(int.from_bytes(profile[128:132], "big"), (len(profile) - 132) // 12, 100)
    for name, offset, size in struct.iter_unpack(">4sII", profile[132 : 132 + 12 * count]):
        if name == signature:
            return profile[offset : offset + size]
    return None


def name_of(profile: bytes) -> str:
    """Return the name by which a profile calls itself."""
    content = tag_of(profile, b"desc") or b""
    if content[:4] == b"desc":  # version 2
        end = 12 + int.from_bytes(content[8:12], "big")
        return content[12:end][:_LONGEST_NAME].decode("latin-1").rstrip("\0")
    if content[:4] == b"mluc" and len(content) >= 28:  # version 4: the first language
        size, offset = struct.unpack_from(">II", content, 20)
        text = content[offset : offset + min(size, 2 * _LONGEST_NAME)]
        return text.decode("utf-16-be", "replace").rstrip("\0")
    return "unnamed"


def _is_srgb(profile: bytes) -> bool:
    for signature, expected in _COLORANTS.items():
        found = colorant(profile, signature)
        if found is None or np.abs(found - expected).max() > 0.005:
            return False
    half = _curve_at_half(tag_of(profile, b"gTRC") or b"")
    return half is not None and abs(half - _HALF) < 0.006


def _curve_at_half(content: bytes) -> float | None:
    """Linear light that a tone curve gives a level of one half."""
    light = curve(content, np.array([0.5]))
    return None if light is None else float(light[0])


def curve(content: bytes, share: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Give the linear light of levels in 0..1 by a tone curve; None for a damaged one."""
    if content[:4] == b"curv" and len(content) >= 12:
        count = int.from_bytes(content[8:12], "big")
        points = np.frombuffer(content[12 : len(content) // 2 * 2], ">u2")[:count]
        if len(points) > 1:
            return np.interp(share, np.linspace(0, 1, len(points)), points / 65_535)
        return share ** (float(points[0]) / 256) if len(points) else share
    kind = int.from_bytes(content[8:10], "big")
    count = _PARAMETERS.get(kind, 0) if content[:4] == b"para" else 0
    if not count or len(content) < 12 + 4 * count:
        return None
    given: list[float] = (np.frombuffer(content, ">i4", count, 12) / 65_536).tolist()
    gamma, a, b, c, d, e, f = (*given, *_PLAIN[count:])
    if not 0 < gamma < 10 or a <= 0:
        return None
    if kind in (1, 2):  # the straight part is level: nothing, or c
        d, e, f, c = -b / a, c, c, 0.0
    power = np.maximum(a * share + b, 0) ** gamma + e
    return power if kind == 0 else np.where(share >= d, power, c * share + f)


def curve_size(content: bytes) -> int:
    """Count the bytes of a tone curve that `curve` can read."""
    if content[:4] == b"curv":
        return 12 + 2 * int.from_bytes(content[8:12], "big")
    return 12 + 4 * _PARAMETERS[int.from_bytes(content[8:10], "big")]


def colorant(profile: bytes, signature: bytes) -> NDArray[np.float64] | None:
    """Return XYZ of a primary, (3,); None where the profile has none."""
    content = tag_of(profile, signature)
    if content is None or content[:4] != b"XYZ " or len(content) < 20:
        return None
    return np.array(struct.unpack_from(">iii", content, 8)) / 65_536
