"""Build what is timed: candidates in each runtime, the default's encoder, the tutorial."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import openvino
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import QuantFormat, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor, nn

from training.networks.encoder import ConditionEncoder, EncoderConfig
from training.networks.unet import Denoiser, DenoiserConfig

from ..peers.peer import count_gflop, count_parameters, randomise_zeros
from ..peers.tutorial import tutorial_network

OPSET = 20

Feed = dict[str, NDArray[np.float32]]
Call = Callable[[], object]


@dataclass(frozen=True)
class Candidate:
    """A denoiser at a size of grid cells a side, a quarter of the working size, and samples."""

    name: str
    config: DenoiserConfig = field(default_factory=DenoiserConfig)
    grid: int = 48
    samples: int = 1


CANDIDATES = (
    *(Candidate(f"default, grid {g}", grid=g) for g in (40, 48, 56, 64)),
    Candidate("default, 4 samples", samples=4),
    Candidate("48,96,144,144", DenoiserConfig(channels=(48, 96, 144, 144), head_dim=24)),
    Candidate("80,160,240,240", DenoiserConfig(channels=(80, 160, 240, 240), head_dim=40)),
    Candidate("64,128,256,256", DenoiserConfig(channels=(64, 128, 256, 256))),
    Candidate("64,128,256,384", DenoiserConfig(channels=(64, 128, 256, 384))),
    Candidate("blocks 1,2,2,1", DenoiserConfig(blocks=(1, 2, 2, 1))),
    Candidate("blocks 1,1,2,2", DenoiserConfig(blocks=(1, 1, 2, 2))),
    Candidate("blocks 2,2,2,2", DenoiserConfig(blocks=(2, 2, 2, 2))),
    Candidate("attention 2,3", DenoiserConfig(attention=(2, 3))),
    Candidate(
        "64,128,256,256, attention 2,3",
        DenoiserConfig(channels=(64, 128, 256, 256), attention=(2, 3)),
    ),
    Candidate(
        "64,128,256,256, blocks 1,1,2,2, attention 2,3",
        DenoiserConfig(channels=(64, 128, 256, 256), blocks=(1, 1, 2, 2), attention=(2, 3)),
    ),
)


class DenoisingCall(nn.Module):
    """A denoising step with one argument a tensor, as the exporter wants it."""

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.denoiser = denoiser

    def forward(self, noisy_ab: Tensor, gamma: Tensor, *cond: Tensor) -> Tensor:
        """Predict, with shapes as in `Denoiser.forward`."""
        prediction: Tensor = self.denoiser(noisy_ab, cond, gamma)
        return prediction


class RandomInputs:
    """A few random inputs, whose ranges are of no account since only speed is measured."""

    def __init__(self, feeds: list[Feed]) -> None:
        self.feeds: Iterator[Feed] = iter(feeds)

    def get_next(self) -> Feed | None:
        """Give the next input, or None at the end."""
        return next(self.feeds, None)


def tutorial() -> tuple[Call, dict[str, Any]]:
    """Make the call of the tutorial's network, eager at 128 x 128, and its description."""
    network = tutorial_network()
    inputs = (torch.randn(1, 2, 128, 128), 100 * torch.rand(1, 1, 128, 128), torch.rand(1))

    def run() -> object:
        with torch.inference_mode():
            return network(*inputs)

    return run, describe(network, inputs)


def encoder(folder: Path, threads: int) -> tuple[Call, dict[str, Any]]:
    """Make the encoder's call in ONNX Runtime at 192 x 192, and its description."""
    network = ConditionEncoder(EncoderConfig()).eval()
    inputs = (100 * torch.rand(1, 1, 192, 192),)
    path = folder / "encoder.onnx"
    export(network, inputs, ["L"], path)
    return ort_call(path, {"L": inputs[0].numpy()}, threads), describe(network, inputs)


def prepare(
    candidate: Candidate, path: Path, threads: int
) -> tuple[dict[str, Call], dict[str, Any]]:
    """Export a candidate and make a call for each runtime and precision."""
    denoiser = Denoiser(candidate.config).eval()
    randomise_zeros(denoiser)
    rows, grid = candidate.samples, candidate.grid
    cond = [
        torch.randn(1, c, grid >> i, grid >> i) for i, c in enumerate(candidate.config.channels)
    ]
    inputs = (torch.randn(rows, 2, grid, grid), torch.rand(rows), *cond)
    names = ["noisy_ab", "gamma", *(f"cond_{i}" for i in range(len(cond)))]
    network = DenoisingCall(denoiser)
    export(network, inputs, names, path)
    feed = {n: x.numpy() for n, x in zip(names, inputs, strict=True)}
    runs = {
        "ort_fp32": ort_call(path, feed, threads),
        "ort_int8": ort_call(quantize(path, feed), feed, threads),
        "openvino_fp32": openvino_call(path, feed, threads, "f32"),
        "openvino_bf16": openvino_call(path, feed, threads, "bf16"),
    }
    with torch.inference_mode():
        expected = network(*inputs).numpy()
    error = float(np.abs(np.asarray(runs["ort_fp32"]())[0] - expected).max())
    if error > 1e-3 * float(expected.std()):
        raise SystemExit(f"{candidate.name}: ONNX Runtime differs from PyTorch by {error:.2g}")
    row = asdict(candidate) | describe(network, inputs)
    row["gflop"] = round(row["gflop"] / rows, 2)
    return runs, row


def describe(network: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """Count parameters and floating point operations of a call."""
    return {
        "parameters": count_parameters(network),
        "gflop": round(count_gflop(lambda: network(*inputs)), 2),
    }


def export(network: nn.Module, inputs: tuple[Tensor, ...], names: list[str], path: Path) -> None:
    """Export with static shapes, which is the fastest form that a runtime can be given."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            inputs,
            path,
            input_names=names,
            dynamo=True,
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )


def quantize(path: Path, feed: Feed) -> Path:
    """Write the static QDQ int8 form of convolutions and products, with weights per channel."""
    prepared, out = path.with_suffix(".pre.onnx"), path.with_suffix(".int8.onnx")
    # Symbolic shape inference fails on what torch.export writes.
    quant_pre_process(path, prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared,
        out,
        RandomInputs([feed] * 2),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv", "Gemm", "MatMul"],
        per_channel=True,
    )
    return out


def ort_call(path: Path, feed: Feed, threads: int) -> Call:
    """Open a session whose threads sleep between calls, or they would slow the next contender."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, feed)


def openvino_call(path: Path, feed: Feed, threads: int, precision: str) -> Call:
    """Compile for the CPU with an inference precision hint."""
    config = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    core = openvino.Core()
    request = core.compile_model(core.read_model(path), "CPU", config).create_infer_request()
    return lambda: request.infer(feed)
