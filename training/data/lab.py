"""sRGB to CIE Lab on PyTorch tensors, by the formulas and constants of `colorize_cli.imaging.lab`.

Planes lie first, as networks take them: (..., 3, H, W).
"""

import torch
from torch import Tensor

from colorize_cli.imaging.lab import (
    DELTA,
    EPSILON,
    FROM_RELATIVE,
    KAPPA,
    REC601,
    TO_RELATIVE,
    Float,
    lightness_table,
    linear_table,
)

from ..torch_device import to_device


def linear_from_levels(rgb: Tensor) -> Tensor:
    """Undo the sRGB transfer function: uint8 levels of any shape to float32 in 0..1."""
    return _looked_up(linear_table(256), rgb)


def lightness_of_luminance(Y: Tensor) -> Tensor:
    """Compute L* in 0..100 from relative luminance Y in 0..1, of any shape."""
    return 116 * _f(Y) - 16


def lab_from_linear(linear: Tensor) -> Tensor:
    """Convert linear RGB (B, 3, H, W) in 0..1 to Lab: L in 0..100, a and b in about -128..127."""
    matrix = to_device(TO_RELATIVE, linear.device)
    relative = torch.matmul(matrix, linear.flatten(2)).view_as(linear)
    fx, fy, fz = _f(relative).unbind(1)
    return torch.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], dim=1)


def rgb_from_lab(L: Tensor, ab: Tensor) -> Tensor:
    """Render L (B, 1, H, W) and ab (B, 2, H, W) as sRGB in 0..1: (B, 3, H, W).

    Colours that sRGB cannot show are clipped, as few as they are; there no gradient goes back.
    """
    fy = (L + 16) / 116
    f = torch.cat([fy + ab[:, :1] / 500, fy, fy - ab[:, 1:] / 200], dim=1)
    high = f.clamp(min=DELTA)
    relative = high**3 + 3 * DELTA**2 * (f - high)
    matrix = to_device(FROM_RELATIVE, L.device)
    linear = torch.matmul(matrix, relative.flatten(2)).view_as(relative).clamp(0, 1)
    curve = 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, 12.92 * linear, curve)


def lightness_of_luma(rgb: Tensor) -> Tensor:
    """Compute L* of sRGB (B, 3, H, W) uint8 made grey by Rec. 601 luma: (B, H, W)."""
    weights = to_device(REC601, rgb.device)
    luma = (rgb.float() * weights[:, None, None]).sum(dim=1).round().clamp(0, 255)
    return _looked_up(lightness_table(256), luma)


def _looked_up(table: Float, levels: Tensor) -> Tensor:
    return to_device(table, levels.device)[levels.long()]


def _f(ratio: Tensor) -> Tensor:
    # The cube root above EPSILON, its tangent there below.
    high = ratio.clamp(min=EPSILON)
    return high.pow(1 / 3) + KAPPA / 116 * (ratio - high)
