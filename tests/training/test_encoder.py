"""The condition encoder: maps on the denoiser's grid, however large the backbone sees the photo."""

import pytest
import torch

from colorize_cli.errors import UsageError
from training.networks.encoder import ConditionEncoder, EncoderConfig

CHANNELS = (16, 16, 16, 16)


def encoder_with(enlarge: float) -> ConditionEncoder:
    torch.manual_seed(0)
    return ConditionEncoder(EncoderConfig(CHANNELS, groups=8, enlarge=enlarge)).eval()


@pytest.mark.parametrize("enlarge", [1.0, 1.25, 1.5, 2.0])
@pytest.mark.parametrize(("height", "width"), [(32, 96), (160, 64)])
def test_maps_have_the_sizes_of_the_grid(enlarge: float, height: int, width: int) -> None:
    L = torch.full((1, 1, height, width), 50.0)
    with torch.inference_mode():
        maps = encoder_with(enlarge)(L)
    assert [tuple(m.shape[2:]) for m in maps] == [(height // s, width // s) for s in (4, 8, 16, 32)]


def test_an_enlarged_photo_is_seen_at_its_place() -> None:
    # 160 pixels are 7.5 cells of the enlarged picture: rounding must not move what is seen.
    network = encoder_with(1.5)
    grey = torch.full((1, 1, 160, 160), 50.0)
    dot = grey.clone()
    dot[..., 72:88, 120:136] = 90.0
    with torch.inference_mode():
        change = (network(dot)[0] - network(grey)[0]).abs().sum(dim=(0, 1))
    rows, columns = torch.arange(40.0)[:, None], torch.arange(40.0)[None]
    near = change * (change > 0.5 * change.max())
    assert abs(float((near * rows).sum() / near.sum()) - 19.5) < 1
    assert abs(float((near * columns).sum() / near.sum()) - 31.5) < 1


def test_a_photo_is_never_shown_smaller() -> None:
    with pytest.raises(UsageError, match=r"at least 1, not 0\.5"):
        EncoderConfig(enlarge=0.5)
