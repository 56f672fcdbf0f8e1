"""The runs that each leave out one thing differ in it alone, and begin alike."""

from dataclasses import replace

import pytest
import torch

from benchmarks.families.ablation import COMMON, RUNS, page_text, scale_to_unit_variance
from training.networks.backbone import EfficientNetLite3
from training.recipe import load_recipe


@pytest.mark.parametrize("name", RUNS)
def test_each_run_takes_the_same_samples_and_differs_in_one_table(name: str) -> None:
    whole, other = (load_recipe("default", (*COMMON, *RUNS[each][1])) for each in ("whole", name))
    assert other.optim.steps * other.optim.photos * other.optim.views == 30_000
    table = "optim" if name == "random-backbone" else "diffusion"
    assert (other == whole) == (name == "whole")
    assert replace(other, **{table: getattr(whole, table)}) == whole


def test_every_convolution_of_a_random_backbone_gives_unit_variance() -> None:
    torch.manual_seed(0)
    backbone = EfficientNetLite3().eval()
    photos = torch.rand(4, 1, 64, 64)
    scale_to_unit_variance(backbone, photos)
    spread: list[float] = []
    for layer in backbone.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(lambda _l, _i, output: spread.append(float(output.std())))
    with torch.no_grad():
        maps = backbone(photos)
    assert spread == pytest.approx([1.0] * len(spread), rel=1e-3)
    assert all(map_.isfinite().all() for map_ in maps)


def test_the_page_says_what_each_run_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.families.ablation.tables_of", lambda results: ["a table"])
    text = page_text([])
    assert all(f"- `{name}`: {lacks}." in text for name, (lacks, _) in RUNS.items())
    assert text.endswith("a table")
