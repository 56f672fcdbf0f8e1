"""The pure parts of the benchmarks: what is counted, compared and written."""

from pathlib import Path

import numpy as np
import pytest
import torch
from made.tiny_runs import write_photos
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from benchmarks import loader
from benchmarks.cpu.bars import Check
from benchmarks.operations import count_operations, network_operations
from benchmarks.operator_times import CONVOLUTIONS, PRODUCTS, group_of
from benchmarks.page import fill
from benchmarks.peers.__main__ import page as peers_page
from benchmarks.peers.color_diffusion import color_diffusion
from benchmarks.peers.peer import ancestral
from benchmarks.peers.pix2pix import pix2pix
from benchmarks.peers.tutorial import tutorial
from benchmarks.rounds import in_turns, quotients
from colorize_cli.model.bundle import load_bundle
from colorize_cli.system.machine import describe_machine

PARTS = ("encoder", "denoiser")


def graph(
    operator: str, x: tuple[int, ...], weights: tuple[int, ...], **attributes: object
) -> ModelProto:
    """A graph of one operator on x and constant weights, and a Relu."""
    nodes = [
        helper.make_node(operator, ["x", "weights"], ["y"], **attributes),
        helper.make_node("Relu", ["y"], ["z"]),
    ]
    return helper.make_model(
        helper.make_graph(
            nodes,
            "one",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
            [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(np.zeros(weights, np.float32), "weights")],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )


@pytest.mark.parametrize(
    ("model", "products"),
    [
        (graph("Conv", (1, 6, 8, 8), (4, 6, 3, 3), pads=[1] * 4), 8 * 8 * 4 * 6 * 9),
        (graph("Conv", (2, 6, 8, 8), (6, 1, 3, 3), group=6, strides=[2, 2]), 2 * 9 * 6 * 9),
        (graph("ConvTranspose", (1, 6, 8, 8), (6, 4, 2, 2), strides=[2, 2]), 64 * 6 * 4 * 4),
        (graph("Gemm", (5, 3), (5, 7), transA=1), 3 * 5 * 7),
        (graph("MatMul", (2, 4, 3, 5), (5, 7)), 8 * 3 * 5 * 7),
    ],
)
def test_two_operations_count_for_each_product_added_up(model: ModelProto, products: int) -> None:
    counted = count_operations(model)
    assert counted.flop == 2 * products
    assert counted.uncounted == {"Relu": 1}


def test_a_step_of_more_samples_counts_as_often(tiny_bundle: Path) -> None:
    bundle = load_bundle(tiny_bundle)
    one = network_operations(bundle, 64, 96)
    three = network_operations(bundle, 64, 96, samples=3)
    assert three["denoiser.onnx"].flop == 3 * one["denoiser.onnx"].flop > 0
    assert three["encoder.onnx"] == one["encoder.onnx"]


@pytest.mark.parametrize(
    ("operator", "group"),
    [
        ("FusedConv", CONVOLUTIONS),
        ("Convolution", CONVOLUTIONS),
        ("ConvertTruncation", "ConvertTruncation"),
        ("FullyConnected", PRODUCTS),
        ("Softmax", "Softmax"),
    ],
)
def test_operators_of_both_runtimes_fall_into_groups(operator: str, group: str) -> None:
    assert group_of(operator) == group


@pytest.mark.slow
def test_peers_have_as_many_parameters_as_the_originals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.peers.tutorial.randomise_zeros", lambda network: None)
    with torch.device("meta"):  # shapes without numbers
        peers = [tutorial(), pix2pix(), color_diffusion()]
    assert [peer.parameters for peer in peers] == [62_639_042, 54_409_858, 61_504_386]
    assert [round(peer.gflop / peer.steps) for peer in peers] == [103, 12, 50]


def test_the_page_of_the_peers_names_the_model_that_was_measured() -> None:
    contender = {
        **{"name": "tutorial", "samples": 1, "parameters": 62_639_042, "gflop": 2057.0},
        **{"sees": "128 x 128", "writes": "128 x 128", "extrapolated": "", "photos": 8},
        "seconds_a_photo": [11.0, 12.0, 13.0],
    }
    result = {
        **{"machine": describe_machine(), "load_average_after": 2.3, "threads": 2, "rounds": 3},
        "model": {"name": "default", "digest": "b07ff502f533829688bc"},
        "contenders": [contender, contender | {"name": "ours", "seconds_a_photo": [1, 1, 1]}],
    }
    text = peers_page(result)
    assert text.startswith("Model default (b07ff502f533). ")
    assert "| ours | 1 | 1 (1 to 1) | 12.0 (11.0 to 13.0) |" in text


@pytest.mark.parametrize("clamp", [None, 1.0])
def test_the_peers_loop_ends_at_x_0_when_the_noise_is_known(clamp: float | None) -> None:
    betas: NDArray[np.float64] = np.linspace(1e-4, 0.09, 20)
    gammas = torch.from_numpy(1 - betas).cumprod(0)
    x_0 = torch.linspace(-0.9, 0.9, 32, dtype=torch.float64).reshape(1, 2, 4, 4)

    def predict(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return (x - gammas[t].sqrt() * x_0) / (1 - gammas[t]).sqrt()

    found = ancestral(predict, torch.randn_like(x_0), betas, 20, clamp)
    torch.testing.assert_close(found, x_0)


def test_a_bar_is_met_from_its_own_side() -> None:
    least = Check("rate", 21.0, "x", 20.0)
    most = Check("memory", 21.0, " GB", 20.0, is_least=False)
    assert least.cells()[-3:] == ["at least 20x", "1.05", "pass"]
    assert most.cells()[-3:] == ["at most 20 GB", "1.05", "FAIL"]
    assert Check("no bar", 21.0).passes is None


def test_rounds_are_divided_one_by_one() -> None:
    spread = quotients([2.0, 6.0, 20.0], [1.0, 2.0, 4.0])
    assert spread.text() == "3.0 (2.0 to 5.0)"


def test_contenders_take_turns() -> None:
    calls: list[str] = []
    found = in_turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 2)
    assert calls == ["a", "b", "a", "b"]
    assert {name: len(seconds) for name, seconds in found.items()} == {"a": 2, "b": 2}


def test_a_script_replaces_what_it_wrote_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    marker = "<!-- what follows was written by benchmarks/a.py -->\n"
    page.write_text(f"Words.\n\n{marker}old\n<!-- end -->\nMore words.\n")
    for text in ("| new |\n", "| newer |\n"):
        fill(page, "benchmarks/a.py", text)
    expected = f"Words.\n\n{marker}\n| newer |\n\n<!-- end -->\nMore words.\n"
    assert page.read_text() == expected


def test_the_loader_is_measured_against_the_network(tmp_path: Path) -> None:
    toy = ["data.size=32", *(f"network.{part}.channels=[8, 8, 8, 8]" for part in PARTS)]
    toy += [f"network.{part}.groups=2" for part in PARTS] + ["network.denoiser.head_dim=4"]
    photos = write_photos(tmp_path / "photos")
    rates = loader.measured([photos], "cpu", 1, rounds=2, count=2, changes=toy)
    assert [len(each) for each in rates.values()] == [2, 2, 2]
    assert min(min(each) for each in rates.values()) > 0
    fast = {"network": [5.0, 4.0, 6.0], "memory": [50.0, 40.0, 45.0], "files": [10.0, 8.0, 2.0]}
    text = loader.section(
        {"photos_per_second": fast, "workers": 1, "device": "cpu", "machine": describe_machine()}
    )
    assert "| the loader has, out of memory | 45.0 (40.0 to 50.0) |" in text
    assert (
        "1 thread, and the network on cpu, the loader has 9.0 times what is needed out of" in text
    )
    assert "and 1.6 times where" in text
