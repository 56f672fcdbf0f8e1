"""EfficientNet-Lite3 as a feature extractor: inverted residuals, no squeeze-excitation, ReLU6.

Tan and Le 2019 (EfficientNet), in the Lite form that Google published in 2020. Parameters carry
the names of timm's `tf_efficientnet_lite3`; batch normalisation is folded into the convolutions.
"""

from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

# Stages of Lite3: (blocks, kernel, stride of the first block, channels).
_STAGES = (
    (1, 3, 1, 24),
    (3, 3, 2, 32),
    (3, 5, 2, 48),
    (5, 3, 2, 96),
    (5, 5, 1, 136),
    (6, 5, 2, 232),
    (1, 3, 1, 384),
)
_EXPANSION = 6
_BN_EPS = 1e-3
# Stages whose output is the last of its stride: strides 4, 8, 16 and 32.
_TAPS = (1, 2, 4, 6)
MAP_CHANNELS = tuple(_STAGES[i][3] for i in _TAPS)


class _Conv(nn.Conv2d):
    """A convolution with TensorFlow's `SAME` padding, for inputs of even size."""

    def forward(self, x: Tensor) -> Tensor:
        k, s = self.kernel_size[0], self.stride[0]
        before = (k - s) // 2
        if s == 1:
            return F.conv2d(x, self.weight, self.bias, 1, k // 2, 1, self.groups)
        x = F.pad(x, (before, k - s - before, before, k - s - before))
        return F.conv2d(x, self.weight, self.bias, s, 0, 1, self.groups)


class _SeparableConv(nn.Module):
    def __init__(self, channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.conv_dw = _Conv(channels, channels, kernel, groups=channels)
        self.conv_pw = _Conv(channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_pw(F.relu6(self.conv_dw(x)))


class _InvertedResidual(nn.Module):
    def __init__(self, channels: int, out_channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        hidden = channels * _EXPANSION
        self.conv_pw = _Conv(channels, hidden, 1)
        self.conv_dw = _Conv(hidden, hidden, kernel, stride=stride, groups=hidden)
        self.conv_pwl = _Conv(hidden, out_channels, 1)
        self.residual = stride == 1 and channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv_pwl(F.relu6(self.conv_dw(F.relu6(self.conv_pw(x)))))
        return x + h if self.residual else h


class EfficientNetLite3(nn.Module):
    """The backbone without its classifier; takes L, or sRGB in three channels."""

    def __init__(self, channels: Literal[1, 3] = 1) -> None:
        super().__init__()
        self.conv_stem = _Conv(channels, 32, 3, stride=2)
        stages: list[nn.Module] = []
        width = 32
        for depth, kernel, stride, out in _STAGES:
            blocks: list[nn.Module] = []
            for i in range(depth):
                if not stages:
                    blocks.append(_SeparableConv(width, out, kernel))
                else:
                    blocks.append(_InvertedResidual(width, out, kernel, stride if i == 0 else 1))
                width = out
            stages.append(nn.Sequential(*blocks))
        self.blocks = nn.Sequential(*stages)

    def last_stages(self, count: int) -> list[nn.Parameter]:
        """List the parameters of the last `count` stages; all, the stem's too, for 7."""
        if count >= len(self.blocks):
            return list(self.parameters())
        return [
            p for stage in list(self.blocks)[len(self.blocks) - count :] for p in stage.parameters()
        ]

    def forward(self, photos: Tensor) -> list[Tensor]:
        """Compute the feature maps of a batch of photos.

        Args:
            photos: (B, 1, H, W) L in 0..100, or (B, 3, H, W) sRGB in 0..100, which says the same
                of a neutral grey but for its tone; H and W are multiples of 32.

        Returns:
            Maps at strides 4, 8, 16, 32 with 32, 48, 136, 384 channels.
        """
        scaled = (photos * 2.55 - 127) / 128
        x = F.relu6(self.conv_stem(scaled.to(self.conv_stem.weight.dtype)))
        maps = []
        for i, stage in enumerate(self.blocks):
            x = stage(x)
            if i in _TAPS:
                maps.append(x)
        return maps


def load_pretrained(backbone: EfficientNetLite3, path: Path) -> None:
    """Load timm-named ImageNet weights, folding batch normalisation into the convolutions.

    Args:
        backbone: filled in place.
        path: safetensors file with the names of timm's `tf_efficientnet_lite3`; the classifier's
            tensors are ignored.

    Raises:
        ValueError: the file lacks a tensor or has one of another shape.
    """
    try:
        source = {name: tensor.float() for name, tensor in load_file(path).items()}
    except SafetensorError as error:
        raise ValueError(f"it is no safetensors file: {error}") from error
    state = {}
    for name, parameter in backbone.state_dict().items():
        if not name.endswith(".weight"):
            continue
        conv = name.removesuffix(".weight")
        if name not in source:
            raise ValueError(f"{path}: no tensor {name}; not an EfficientNet-Lite3 of timm's names")
        weight, bias = _fold(source, conv)
        # The three channels of a grey picture are equal.
        if conv == "conv_stem" and backbone.conv_stem.in_channels == 1:
            weight = weight.sum(dim=1, keepdim=True)
        if weight.shape != parameter.shape:
            raise ValueError(
                f"{path}: {name} is {tuple(weight.shape)}, not {tuple(parameter.shape)}"
            )
        state[name], state[conv + ".bias"] = weight, bias
    backbone.load_state_dict(state)


def _fold(source: dict[str, Tensor], conv: str) -> tuple[Tensor, Tensor]:
    bn = _norm_name(source, conv)
    scale = source[f"{bn}.weight"] * torch.rsqrt(source[f"{bn}.running_var"] + _BN_EPS)
    bias = source[f"{bn}.bias"] - source[f"{bn}.running_mean"] * scale
    return source[f"{conv}.weight"] * scale[:, None, None, None], bias


def _norm_name(source: dict[str, Tensor], conv: str) -> str:
    """Name the batch norm that follows a convolution in timm's naming."""
    if conv == "conv_stem":
        return "bn1"
    block, kind = conv.rsplit(".", 1)
    separable = f"{block}.conv_pwl.weight" not in source
    order = ("conv_dw", "conv_pw") if separable else ("conv_pw", "conv_dw", "conv_pwl")
    return f"{block}.bn{order.index(kind) + 1}"
