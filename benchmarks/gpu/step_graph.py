"""Build a graph of one step of the sampler: the denoiser, the clamp and the update of x_t.

With `step.onnx` the loop over the steps stays in Python, and x_t on the device. What a step does
is linear but for the network and the clamp, so one graph serves every prediction, method and
schedule, whose numbers it takes as inputs:

    x_0 = clip(p x_t + q prediction, -limit, limit)
    x_s = on_x_0 x_0 + on_x_t x_t + sigma noise

in the notation of `colorize_cli.diffusion.sampler`. The bundle format does not have it.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from colorize_cli.diffusion.sampler import STEPS, Clamp, Prediction, SamplerSettings, x_0_factors
from colorize_cli.diffusion.schedule import Schedule
from colorize_cli.errors import UsageError
from export.write_out_acos import write_out_acos

COEFFICIENTS = ("gamma", "p", "q", "on_x_0", "on_x_t", "sigma")


def step_graph(denoiser: bytes, clamp: Clamp | None, *, takes_noise: bool) -> bytes:
    """Build the graph of a step around a denoiser.

    Args:
        denoiser: `denoiser.onnx` of a bundle, of any precision.
        clamp: The bound on x_0, which is static, or None.
        takes_noise: Whether there is an input for noise; `is_random` tells whether it is needed.

    Returns:
        An ONNX file with the inputs of the denoiser but for gamma, with `coefficients` (6,)
        float32, a row of `step_table`, and with `noise` (rows, 2, h, w) where it takes any. Its
        output `x_s` (rows, 2, h, w) may be bound to the memory of `noisy_ab`, since the last node
        alone writes it.

    Raises:
        ValueError: The clamp is dynamic; a graph computes no percentiles.
    """
    if clamp is not None and clamp.kind != "static":
        raise ValueError("only a static clamp can be put into the graph of a step")
    model = onnx.load_model_from_string(denoiser)
    write_out_acos(model)  # bundles of earlier versions have it
    graph = model.graph
    rows = next(value for value in graph.input if value.name == "noisy_ab")
    others = [value for value in graph.input if value.name != "gamma"]
    others.append(helper.make_tensor_value_info("coefficients", TensorProto.FLOAT, [6]))
    if takes_noise:
        others.append(_renamed(rows, "noise"))
    nodes = [*_gamma(), *graph.node, *_estimate(clamp), *_update(takes_noise)]
    output = _renamed(rows, "x_s")
    for field, values in (("input", others), ("node", nodes), ("output", [output])):
        del getattr(graph, field)[:]
        getattr(graph, field).extend(values)
    if clamp is not None:
        for name, bound in (("clamp_low", -clamp.limit), ("clamp_high", clamp.limit)):
            graph.initializer.append(numpy_helper.from_array(np.array(bound, np.float32), name))
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def step_table(
    schedule: Schedule, prediction: Prediction, settings: SamplerSettings
) -> NDArray[np.float32]:
    """Work out the coefficients of each step, in float64.

    Returns:
        (T, 6): row t - 1 is the step from t, and the columns are `COEFFICIENTS`. The last step,
        t = 1, gives x_0 itself. sigma has the temperature in it; x_T is to be multiplied by the
        temperature before.

    Raises:
        ValueError: The prediction is unknown, or eps with gamma_T = 0.
    """
    rows = []
    if settings.method not in STEPS:
        raise UsageError(f"a step of {settings.method!r} is more than one graph: it looks back.")
    steps = STEPS[settings.method](schedule, settings)
    for gamma, step in zip(schedule.gammas.tolist()[1:], steps, strict=True):
        p, q, r = x_0_factors(gamma, prediction)
        rows.append((gamma, p / r, q / r, *step))
    return np.array(rows, np.float32)


def is_random(table: NDArray[np.float32]) -> bool:
    """Tell whether any step of a table adds noise."""
    return bool(table[:, COEFFICIENTS.index("sigma")].any())


def _gamma() -> list[NodeProto]:
    """Take the coefficients apart, and give every row the noise level."""
    parts = ["gamma_one", *(f"step_{name}" for name in COEFFICIENTS[1:])]
    return [
        helper.make_node("Split", ["coefficients"], parts, axis=0, num_outputs=len(parts)),
        helper.make_node("Shape", ["noisy_ab"], ["step_rows"], start=0, end=1),
        helper.make_node("Expand", ["gamma_one", "step_rows"], ["gamma"]),
    ]


def _estimate(clamp: Clamp | None) -> list[NodeProto]:
    name = "x_0" if clamp is None else "x_0_free"
    nodes = [
        helper.make_node("Mul", ["noisy_ab", "step_p"], ["p_x_t"]),
        helper.make_node("Mul", ["prediction", "step_q"], ["q_prediction"]),
        helper.make_node("Add", ["p_x_t", "q_prediction"], [name]),
    ]
    if clamp is not None:
        nodes.append(helper.make_node("Clip", [name, "clamp_low", "clamp_high"], ["x_0"]))
    return nodes


def _update(takes_noise: bool) -> list[NodeProto]:
    nodes = [
        helper.make_node("Mul", ["x_0", "step_on_x_0"], ["from_x_0"]),
        helper.make_node("Mul", ["noisy_ab", "step_on_x_t"], ["from_x_t"]),
        helper.make_node("Add", ["from_x_0", "from_x_t"], ["x_mean" if takes_noise else "x_s"]),
    ]
    if takes_noise:
        nodes.append(helper.make_node("Mul", ["noise", "step_sigma"], ["sigma_noise"]))
        nodes.append(helper.make_node("Add", ["x_mean", "sigma_noise"], ["x_s"]))
    return nodes


def _renamed(value: ValueInfoProto, name: str) -> ValueInfoProto:
    copy = ValueInfoProto()
    copy.CopyFrom(value)
    copy.name = name
    return copy
