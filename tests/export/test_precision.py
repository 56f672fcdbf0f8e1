"""Half precision in PyTorch rounds and overflows as it does on a GPU."""

import numpy as np
import torch

from export.precision import HalfArithmetic, half_copy
from export.torch_runtime import torch_graphs
from training.families.palette import build


def test_half_arithmetic_sums_in_single_and_rounds_each_result() -> None:
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2, 8, 9, 9, generator=rng).half()
    weight = torch.randn(4, 8, 3, 3, generator=rng).half()
    with HalfArithmetic():
        y = torch.nn.functional.conv2d(x, weight)
        z = y * 3
    exact = torch.nn.functional.conv2d(x.float(), weight.float()).half()
    assert y.dtype == torch.float16
    assert torch.equal(y, exact)
    assert torch.equal(z, (exact.float() * 3).half())


def test_half_arithmetic_overflows_and_leaves_islands_alone() -> None:
    big = torch.full((4,), 300.0).half()
    with HalfArithmetic():
        assert torch.isinf(big * big).all()
        island = big.float() * big.float()
    assert island.dtype == torch.float32
    assert (island == 90_000).all()


def test_half_precision_that_overflows_is_seen() -> None:
    config = {"channels": 8, "multipliers": [1, 2], "blocks": 1, "head_dim": 8, "groups": 4}
    network = build(config)
    with torch.no_grad():
        network.input_blocks[0][0].weight.fill_(6e4)
        network.out[2].weight.fill_(1.0)
    feeds = {
        "L": np.full((1, 1, 32, 32), 80, np.float32),
        "noisy_ab": np.random.default_rng(0).standard_normal((1, 2, 32, 32), np.float32),
        "gamma": np.full(1, 0.5, np.float32),
    }
    halved, single = (
        torch_graphs("palette", module)["denoiser.onnx"] for module in (half_copy(network), network)
    )
    assert not np.isfinite(halved.run(feeds)["prediction"]).all()
    assert np.isfinite(single.run(feeds)["prediction"]).all()
