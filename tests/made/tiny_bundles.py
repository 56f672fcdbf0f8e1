"""Tiny bundles with the real interface, made without torch: their graphs and their fields."""

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from colorize_cli.diffusion.schedule import cosine
from colorize_cli.model.bundle import Bundle
from colorize_cli.model.families.diffusion import Denoise, Diffusion, Float
from colorize_cli.model.graphs import open_graphs
from colorize_cli.runtimes.runtime import Device

HEADER = '<ir_version: 9, opset_import: ["" : 18]>'

# The mean over channels is summed in another order for one photo than for several.
ENCODER = """
encoder (float[batch, 1, height, width] L)
    => (float[batch, 8, "height/4", "width/4"] cond_0,
        float[batch, 8, "height/8", "width/8"] cond_1)
{
    fifty = Constant <value = float {50.0}> ()
    centred = Sub(L, fifty)
    scaled = Div(centred, fifty)
    map_0 = Conv <kernel_shape = [4, 4], strides = [4, 4]> (scaled, patch)
    squared = Mul(map_0, map_0)
    mean_square = ReduceMean <keepdims = 1> (squared, axis_1)
    root_mean_square = Sqrt(mean_square)
    normed_0 = Div(map_0, root_mean_square)
    cond_0 = Tanh(normed_0)
    map_1 = Conv <kernel_shape = [2, 2], strides = [2, 2]> (cond_0, merge)
    cond_1 = Tanh(map_1)
}
"""

# Convolution, norm over the sample, modulation by the noise level, attention, a skip, and the
# photo's maps repeated for its samples: all that could let rows of a batch influence each other.
DENOISER = """
denoiser (float[rows, 2, "height/4", "width/4"] noisy_ab, {conditions}, float[rows] gamma)
    => (float[rows, 2, "height/4", "width/4"] prediction)
{{
    {repeats}
    x = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (noisy_ab, conv_in)
    lit = {fine}
    x_lit = Add(x, lit)
    grouped = Reshape(x_lit, groups_shape)
    normed = InstanceNormalization <epsilon = 1e-5> (grouped, ones, zeros)
    x_shape = Shape(x_lit)
    ungrouped = Reshape(normed, x_shape)
    gamma_col = Reshape(gamma, column)
    emb = Mul(gamma_col, film)
    emb_4d = Reshape(emb, film_shape)
    modulated = Add(ungrouped, emb_4d)
    fine = Tanh(modulated)
    down = Conv <kernel_shape = [2, 2], strides = [2, 2]> (fine, conv_down)
    coarse = {coarse}
    coarse_shape = Shape(coarse)
    k = Reshape(coarse, tokens_shape)
    q = Transpose <perm = [0, 2, 1]> (k)
    scores = MatMul(q, k)
    weights = Softmax <axis = -1> (scores)
    attended = MatMul(weights, q)
    channels_first = Transpose <perm = [0, 2, 1]> (attended)
    mixed = Reshape(channels_first, coarse_shape)
    up = ConvTranspose <kernel_shape = [2, 2], strides = [2, 2]> (mixed, conv_up)
    joined = Add(up, fine)
    prediction = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (joined, conv_out)
}}
"""

# (B, c, h, w) -> (rows, c, h, w), each photo's map next to itself rows / B times.
REPEAT = """
    {name}_1 = Unsqueeze({name}, axis_1)
    {name}_shape = Shape({name})
    {name}_chw = Slice({name}_shape, one, four)
    {name}_batch = Slice({name}_shape, zero, one)
    {name}_rows = Shape <start = 0, end = 1> (noisy_ab)
    {name}_samples = Div({name}_rows, {name}_batch)
    {name}_5d = Concat <axis = 0> ({name}_batch, {name}_samples, {name}_chw)
    {name}_wide = Expand({name}_1, {name}_5d)
    {name}_flat = Concat <axis = 0> ({name}_rows, {name}_chw)
    {name}_each = Reshape({name}_wide, {name}_flat)
"""

INTEGERS = {
    **{"axis_1": [1], "zero": [0], "one": [1], "four": [4], "column": [-1, 1]},
    **{"groups_shape": [0, 4, -1], "film_shape": [0, 8, 1, 1], "tokens_shape": [0, 8, -1]},
}
WEIGHTS = {
    **{"patch": (8, 1, 4, 4), "merge": (8, 8, 2, 2), "conv_in": (8, 2, 3, 3), "film": (1, 8)},
    **{"conv_down": (8, 8, 2, 2), "conv_up": (8, 8, 2, 2), "conv_out": (2, 8, 3, 3)},
    **{"conv_L": (8, 1, 3, 3)},
}


def tiny_weights() -> dict[str, NDArray[np.generic]]:
    rng = np.random.default_rng(20)
    weights: dict[str, NDArray[np.generic]] = {
        name: (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
        for name, shape in WEIGHTS.items()
    }
    weights |= {name: np.array(values, np.int64) for name, values in INTEGERS.items()}
    return weights | {"ones": np.ones(4, np.float32), "zeros": np.zeros(4, np.float32)}


def onnx_bytes(text: str) -> bytes:
    """Parse a graph and give it the weights that it names."""
    model = onnx.parser.parse_model(HEADER + text)
    named = {name for node in model.graph.node for name in node.input}
    for name, value in tiny_weights().items():
        if name in named:
            model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def tiny_graphs(family: str) -> dict[str, bytes]:
    if family == "palette":
        text = DENOISER.format(
            conditions='float[batch, 1, "height/4", "width/4"] L',
            repeats=REPEAT.format(name="L"),
            fine="Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (L_each, conv_L)",
            coarse="Identity(down)",
        )
        return {"denoiser.onnx": onnx_bytes(text)}
    text = DENOISER.format(
        conditions='float[batch, 8, "height/4", "width/4"] cond_0, '
        'float[batch, 8, "height/8", "width/8"] cond_1',
        repeats=REPEAT.format(name="cond_0") + REPEAT.format(name="cond_1"),
        fine="Identity(cond_0_each)",
        coarse="Add(down, cond_1_each)",
    )
    return {"encoder.onnx": onnx_bytes(ENCODER), "denoiser.onnx": onnx_bytes(text)}


def tiny_fields(family: str) -> dict[str, object]:
    schedule = cosine(20)
    return {
        "name": f"tiny-{family}",
        "family": family,
        "working_size": 64,
        "multiple": 32,
        "grid": 4,
        "sampling": {
            "ab_scale": 26.0,
            "prediction": "v",
            "schedule": {"name": schedule.name, "gammas": schedule.gammas.tolist()},
            "method": "ddim",
            "eta": 1.0,
            "variance": "posterior",
            "clamp": {"kind": "static", "limit": 3.2},
        },
        "network": {},
        "precision": {"weights": "fp32", "compute": "fp32"},
        "training": {},
        "license": "none: random weights",
        "quality": {},
    }


def sampled(bundle: Bundle, **settings: Any) -> Bundle:
    """The same bundle, sampled otherwise: `gains`, `temperature`, as `SamplerSettings` has them."""
    assert isinstance(bundle.family, Diffusion)
    family = replace(bundle.family, sampler=replace(bundle.family.sampler, **settings))
    return replace(bundle, family=family)


def denoiser_of(bundle: Bundle, device: Device, L: Float) -> Denoise:
    """Open a bundle on a device, and make the function that the sampler calls for photos."""
    assert isinstance(bundle.family, Diffusion)
    graphs = open_graphs(bundle, device)
    return bundle.family.denoiser(graphs, bundle.family.condition(graphs, L))


def other_graphs() -> dict[str, bytes]:
    """The graphs of the family `encoder`, with weights that are a little off."""
    graphs = tiny_graphs("encoder")
    model = onnx.load_from_string(graphs["denoiser.onnx"])
    for tensor in model.graph.initializer:
        if tensor.name == "conv_out":
            value = onnx.numpy_helper.to_array(tensor) * np.float32(1.05)
            tensor.CopyFrom(onnx.numpy_helper.from_array(value, tensor.name))
    return graphs | {"denoiser.onnx": model.SerializeToString()}
