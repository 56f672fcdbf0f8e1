"""Tell what a photograph is before it is coloured: grey, toned, in colour, or black on white."""

import math
from typing import Literal, TypeAlias

import cv2
import numpy as np

from .lab import Float, Pixels, lab_from_rgb

Kind: TypeAlias = Literal["grey", "toned", "colour", "bilevel"]

_SIDE = 192  # of the picture, about, on which tones are told from colours
_BANDS = 16  # of lightness, as many pixels in each
# A tone is a function of lightness, but for stains and the encoder's noise. Six sepia prints,
# scratched ones too, leave at most 3.3 and 1.8 over; four faded colour prints at least 4.7 and 2.2.
# Of 820 colour photographs of ten sets 20 lie within both bounds, most of them nearly of one hue.
_MAX_RESIDUE = 3.6
_MAX_ACROSS = 1.9
_NEUTRAL = 0.8  # mean chroma of what is grey but for noise

_PEAK = 20  # levels of 256 about black and about white
_APART = 96  # least distance of black and white
_BILEVEL = 0.97  # share of the pixels that are one or the other


def kind_of(pixels: Pixels, is_colour: bool) -> Kind:
    """Tell what a photograph is, (H, W) or (H, W, 3) RGB, uint8 or uint16.

    "bilevel": nearly all pixels have one of two levels, as in line drawings and faxes. "toned": its
    colour depends on its lightness alone, as in sepia prints and cyanotypes. "colour": all that is
    not neutral and not toned; a photo of nearly one hue can be taken for a toned one. Where
    `is_colour`, the channels differ.
    """
    if is_colour and (kind := _kind_of_rgb(pixels)) != "grey":
        return kind
    return "bilevel" if _is_bilevel(pixels) else "grey"


def _kind_of_rgb(rgb: Pixels) -> Kind:
    height, width = rgb.shape[:2]
    scale = _SIDE / math.sqrt(height * width)
    if scale < 1:
        sides = max(1, round(width * scale)), max(1, round(height * scale))
        rgb = np.asarray(cv2.resize(rgb, sides, interpolation=cv2.INTER_AREA), rgb.dtype)
    lab = lab_from_rgb(rgb).reshape(-1, 3)
    lab = lab[np.argsort(lab[:, 0], kind="stable")]
    if np.hypot(lab[:, 1], lab[:, 2]).mean() < _NEUTRAL:
        return "grey"
    residue = np.concatenate([_off_line(band) for band in np.array_split(lab, _BANDS)])
    across, along = np.linalg.eigvalsh(residue.T @ residue / len(residue))
    is_tone = along + across < _MAX_RESIDUE**2 and across < _MAX_ACROSS**2
    return "toned" if is_tone else "colour"


def _off_line(lab: Float) -> Float:
    """(n, 2) what of ab is no linear function of L among colours (n, 3)."""
    centred = lab - lab.mean(0) if len(lab) else lab
    L, ab = centred[:, :1], centred[:, 1:]
    slope = (L * ab).sum(0) / max(float((L * L).sum()), 1e-6)
    return np.asarray(ab - L * slope, np.float32)


def _is_bilevel(pixels: Pixels) -> bool:
    levels = pixels if pixels.ndim == 2 else pixels[..., 1]
    if levels.dtype == np.uint16:
        levels = (levels >> 8).astype(np.uint8)
    shares = cv2.calcHist([levels], [0], None, [256], [0, 256]).ravel() / levels.size
    near = np.convolve(shares, np.ones(2 * _PEAK + 1), "same")
    first = int(near.argmax())
    apart = np.abs(np.arange(256) - first) >= _APART
    second = float(near[apart].max())
    # Paper alone, or a night, is one level, not two.
    return bool(near[first] + second > _BILEVEL and second > 1 - _BILEVEL)
