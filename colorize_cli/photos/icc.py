"""ICC profiles, as far as needed to tell whether one says sRGB.

Sources: ICC.1:2022, 7.2 (header), 10.6 and 10.18 (curves); IEC 61966-2-1, annex F (colorants).
"""

import struct

import numpy as np

# The primaries of sRGB adapted to D50, as profiles state them.
_COLORANTS = {
    b"rXYZ": (0.4361, 0.2225, 0.0139),
    b"gXYZ": (0.3851, 0.7169, 0.0971),
    b"bXYZ": (0.1431, 0.0606, 0.7141),
}
_HALF = 0.2140  # linear light of a level of one half; gamma 2.2 gives 0.2176, which passes
_SPACES = {b"GRAY": "a grey", b"CMYK": "a CMYK", b"Lab ": "a Lab"}


def misfit(profile: bytes) -> str | None:
    """Say why a profile does not describe sRGB pixels; None where it does."""
    if len(profile) < 132 or profile[36:40] != b"acsp":
        return "it is damaged"
    space = profile[16:20]
    if space != b"RGB ":
        return f"{_name(profile)!r} is {_SPACES.get(space, 'no RGB')} profile"
    named = _tag(profile, b"rXYZ") is None and "srgb" in _name(profile).lower()
    if named or _is_srgb(profile):
        return None
    return f"{_name(profile)!r} is not sRGB"


def _tag(profile: bytes, signature: bytes) -> bytes | None:
    count = min(int.from_bytes(profile[128:132], "big"), (len(profile) - 132) // 12, 100)
    for name, offset, size in struct.iter_unpack(">4sII", profile[132 : 132 + 12 * count]):
        if name == signature:
            return profile[offset : offset + size]
    return None


def _name(profile: bytes) -> str:
    content = _tag(profile, b"desc") or b""
    if content[:4] == b"desc":  # version 2
        end = 12 + int.from_bytes(content[8:12], "big")
        return content[12:end].decode("latin-1").rstrip("\0")
    if content[:4] == b"mluc" and len(content) >= 28:  # version 4: the first language
        size, offset = struct.unpack_from(">II", content, 20)
        return content[offset : offset + size].decode("utf-16-be", "replace").rstrip("\0")
    return "unnamed"


def _is_srgb(profile: bytes) -> bool:
    for signature, expected in _COLORANTS.items():
        content = _tag(profile, signature)
        if content is None or content[:4] != b"XYZ " or len(content) < 20:
            return False
        colorant = np.array(struct.unpack_from(">iii", content, 8)) / 65_536
        if np.abs(colorant - expected).max() > 0.005:
            return False
    half = _curve_at_half(_tag(profile, b"gTRC") or b"")
    return half is not None and abs(half - _HALF) < 0.006


def _curve_at_half(curve: bytes) -> float | None:
    """Linear light that a tone curve gives a level of one half."""
    if curve[:4] == b"curv":
        points = np.frombuffer(curve[12 : len(curve) // 2 * 2], ">u2")
        if len(points) > 1:
            return float(np.interp(0.5, np.linspace(0, 1, len(points)), points / 65_535))
        return 0.5 ** (float(points[0]) / 256) if len(points) else 0.5
    if curve[:4] == b"para" and len(curve) >= 16:
        kind = int.from_bytes(curve[8:10], "big")
        gamma, a, b = (*np.frombuffer(curve[12:24], ">i4").tolist(), 0, 0)[:3]
        base = 0.5 if kind == 0 else (a * 0.5 + b) / 65_536
        if 0 < gamma < 10 * 65_536 and base > 0:
            return float(base ** (gamma / 65_536))
    return None
