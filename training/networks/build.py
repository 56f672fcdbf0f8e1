"""From a configuration to a network, and the form that training and export share.

Every family's network maps (noisy_ab, L, gamma) to a prediction; families with an encoder also
offer the two halves, so that the encoder runs once for all samples of a photo.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from torch import Tensor, nn

from .encoder import ConditionEncoder, EncoderConfig
from .palette import Palette, PaletteConfig
from .unet import Denoiser, DenoiserConfig


class EncoderColorizer(nn.Module):
    """The `encoder` family: condition encoder and denoiser."""

    def __init__(self, encoder: EncoderConfig, denoiser: DenoiserConfig) -> None:
        super().__init__()
        self.encoder = ConditionEncoder(encoder)
        self.denoiser = Denoiser(denoiser)

    def forward(self, noisy_ab: Tensor, L: Tensor, gamma: Tensor) -> Tensor:
        """Predict from x_t (B*S, 2, h, w), L (B, 1, H, W) in 0..100 and gamma (B*S,)."""
        return self.denoiser(noisy_ab, self.encoder(L), gamma)


Network: TypeAlias = EncoderColorizer | Palette


def build(family: str, network: Mapping[str, Any]) -> Network:
    """Build the network of a family with random weights.

    Args:
        family: "encoder" or "palette".
        network: keyword arguments of its configuration: for "encoder" the tables `encoder` and
            `denoiser`, for "palette" those of `PaletteConfig`.

    Raises:
        ValueError: unknown family.
        TypeError: unknown key.
    """
    if family == "encoder":
        unknown = sorted(set(network) - {"encoder", "denoiser"})
        if unknown:
            raise TypeError(f"there is no table {unknown[0]!r}, only 'encoder' and 'denoiser'")
        encoder, denoiser = network.get("encoder", {}), network.get("denoiser", {})
        return EncoderColorizer(
            EncoderConfig(**_tuples(encoder)), DenoiserConfig(**_tuples(denoiser))
        )
    if family == "palette":
        return Palette(PaletteConfig(**_tuples(network)))
    raise ValueError(f"unknown family {family!r}")


def _tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the lists of JSON and TOML into the tuples of the frozen configurations."""
    return {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
