"""Lab on tensors is the Lab of the runtime."""

import numpy as np
import torch

from colorize_cli.imaging import lab as runtime
from training.data.lab import lab_from_linear, lightness_of_luma, linear_from_levels


def test_tensors_have_the_lab_of_the_runtime() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.uint8)
    rgb[0, :, :, :] = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)  # neutral
    levels = torch.from_numpy(rgb).permute(0, 3, 1, 2)
    lab = lab_from_linear(linear_from_levels(levels)).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(lab, runtime.lab_from_rgb(rgb), atol=2e-3)
    np.testing.assert_allclose(lightness_of_luma(levels), runtime.lightness_of_luma(rgb), atol=1e-4)
