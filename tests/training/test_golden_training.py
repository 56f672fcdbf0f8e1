"""Training gives the weights that it gave before the objective became a part of its own.

The golden weights were made by the loop that still knew the families. On the kind of CPU and the
release of PyTorch that made them every bit has to be the same; elsewhere kernels round otherwise.
"""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from training.data import Photos
from training.loop import LoopSettings, train
from training.recipe import recipe_from_dict
from training.recipe_tables import Recipe
from training.run_state import RunState

GOLDEN = Path(__file__).parents[1] / "golden"
RECORD = json.loads((GOLDEN / "training.json").read_text())
NETWORKS = {
    "encoder": {
        "encoder": {"channels": [8, 8, 8, 8], "groups": 2},
        "denoiser": {
            "channels": [8, 8, 8, 8],
            "groups": 2,
            "head_dim": 4,
            "emb_dim": 8,
            "dropout": 0.1,
            "attention": [3],
        },
    },
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
            "optim": {
                **{"steps": 4, "photos": 2, "views": 2, "warmup": 2},
                **{"frozen_steps": 2, "tuned_stages": 1},
            },
        }
    )


def trained(family: str, folder: Path) -> RunState:
    """Train four steps on three photographs that are made here, with one thread."""
    rng = np.random.default_rng(0)
    photos = folder / "photos" / "set"
    photos.mkdir(parents=True)
    for i in range(3):
        coarse = rng.integers(0, 256, (5, 5, 3)).astype(np.uint8)
        data = cv2.imencode(".png", cv2.resize(coarse, (40, 36)))[1]
        (photos / f"{i}.png").write_bytes(data.tobytes())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        run = RunState(recipe_of(family), "cpu")
        source = Photos([folder / "photos"], {})
        train(run, source, LoopSettings(out=folder / "run"), lambda line: None)
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
def test_training_gives_the_weights_that_it_always_gave(family: str, tmp_path: Path) -> None:
    run = trained(family, tmp_path)
    wanted = np.load(GOLDEN / f"training-{family}.npy")
    has_bf16 = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    # Adam divides by the gradient's own size: where that is rounding alone, signs may differ.
    off = np.abs(some_weights(run, STRIDES[family]) - wanted)
    assert np.quantile(off, 0.5 if has_bf16 else 0.99) < 2e-4
    here = (torch.__version__, torch.backends.cpu.get_cpu_capability(), has_bf16)
    if here == (RECORD["torch"], RECORD["cpu"], RECORD["bf16"]):
        assert sha256_of(run) == RECORD[family]
