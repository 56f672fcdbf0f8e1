"""Training gives the weights that it gave before the objective became a part of its own.

The golden weights were made by the loop that still knew the families, of batches that are kept
beside them. On the kind of CPU and the
release of PyTorch that made them every bit has to be the same; elsewhere kernels round otherwise.
Those of `palette` were made anew, by the loop that had kept them, when the levels of "tutorial-20"
came to be drawn as its source draws them.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from made.tiny_runs import NETWORK, OPTIM

from training.data.batches import Batch
from training.plan import Plan
from training.recipe import recipe_from_dict
from training.recipe_tables import Recipe
from training.run_state import RunState

GOLDEN = Path(__file__).parents[1] / "golden"
RECORD = json.loads((GOLDEN / "training.json").read_text())
NETWORKS = {
    "encoder": NETWORK,
    "palette": {
        "channels": 8,
        "multipliers": [1, 2, 2, 2],
        "blocks": 1,
        "head_dim": 8,
        "groups": 4,
    },
}
DIFFUSION = {
    "encoder": {"chroma_weight": 1.0, "weight_limit": 6.0},
    "palette": {"schedule": "tutorial-20", "prediction": "eps"},
}
# Every so many values are kept.
STRIDES = {"encoder": 4, "palette": 8}


def recipe_of(family: str) -> Recipe:
    return recipe_from_dict(
        {
            "name": "golden",
            "family": family,
            "network": NETWORKS[family],
            "data": {"size": 32, "grid": 4 if family == "encoder" else 1, "old": 0.5},
            "diffusion": DIFFUSION[family],
            "optim": OPTIM,
        }
    )


def trained(family: str) -> RunState:
    """Train four steps on the batches that were kept, with one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        run = RunState(recipe_of(family), "cpu")
        plan = Plan(run.optim, 0, None)
        with np.load(GOLDEN / "training-batches.npz") as kept:
            for L, ab in zip(kept["L"], kept[f"ab_{family}"], strict=True):
                batch = Batch(L=torch.from_numpy(L), ab=torch.from_numpy(ab))
                run.train_step(batch, plan.rate(run.step))
    finally:
        torch.set_num_threads(threads)
    return run


def sha256_of(run: RunState) -> str:
    digest = hashlib.sha256()
    for part in (run.model.state_dict(), run.ema.state):
        for name in sorted(part):
            digest.update(name.encode())
            digest.update(part[name].detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


def some_weights(run: RunState, stride: int) -> np.ndarray:
    """The averaged weights beside the backbone, and a few of each tensor of its last stage."""
    state, average = run.model.state_dict(), run.ema.state
    rest = [n for n in sorted(average) if not n.startswith("encoder.backbone")]
    tuned = [n for n in sorted(state) if n.startswith("encoder.backbone.blocks.6")]
    parts = [average[n].detach().numpy().ravel() for n in rest]
    parts += [state[n].numpy().ravel()[:64] for n in tuned]
    return np.concatenate(parts)[::stride]


@pytest.mark.parametrize("family", ["encoder", "palette"])
def test_training_gives_the_weights_that_it_always_gave(family: str) -> None:
    run = trained(family)
    wanted = np.load(GOLDEN / f"training-{family}.npy")
    has_bf16 = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    # Adam divides by the gradient's own size: where that is rounding alone, signs may differ.
    off = np.abs(some_weights(run, STRIDES[family]) - wanted)
    assert np.quantile(off, 0.5 if has_bf16 else 0.99) < 2e-4
    here = (torch.__version__, torch.backends.cpu.get_cpu_capability(), has_bf16)
    if here == (RECORD["torch"], RECORD["cpu"], RECORD["bf16"]):
        assert sha256_of(run) == RECORD[family]
