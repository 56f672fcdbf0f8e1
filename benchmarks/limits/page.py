"""The tables that `benchmarks/limits` writes."""

from collections.abc import Mapping
from typing import Any

from ..ceiling import PRECISIONS
from ..operator_times import CONVOLUTIONS
from ..page import machine_text, table

_LISTED_SHARE = 0.01  # of a step: kinds of work below are summed up


def page(result: Mapping[str, Any]) -> str:
    """Write the tables."""
    ceilings, cores = result["ceiling"], result["ceiling"]["cores"]
    parts = [
        f"{machine_text(result['machine'])} Load average {result['machine']['load_average']} "
        f"before and {result['load_average_after']} after.",
        f"## Ceiling\n\nMatrices of {ceilings['side']} x {ceilings['side']}, 10^9 operations a "
        "second: median (best). Memory copied, read and written bytes together.",
        _ceiling_table(ceilings, cores),
        f"## Floor and measured, samples a photo: {result['samples']}",
        f"Built-in photo of 2 megapixels; model {result['model']['name']} "
        f"({result['model']['digest'][:12]}), {result['steps']} steps.",
    ]
    for device in result["devices"]:
        parts += _device_parts(device, result["samples"] * result["steps"], cores)
    return "\n\n".join(parts) + "\n"


def _ceiling_table(ceilings: Mapping[str, Any], cores: int) -> str:
    places = {"one core": "one_core", f"all {cores} cores": "all_cores"}
    rows = []
    for precision in PRECISIONS:
        for rate in ceilings["one_core"]["gflop_per_s"]:
            if rate["precision"] == precision:
                same = [
                    next(
                        other
                        for other in ceilings[place]["gflop_per_s"]
                        if (other["library"], other["precision"]) == (rate["library"], precision)
                    )
                    for place in places.values()
                ]
                cells = [f"{one['median']:.0f} ({one['best']:.0f})" for one in same]
                rows.append([f"{precision}, {rate['library']}", *cells])
    copies = [ceilings[place]["copy_gb_per_s"] for place in places.values()]
    rows.append(
        ["memory, GB/s", *(f"{copy['median']:.1f} ({copy['best']:.1f})" for copy in copies)]
    )
    return table(["", *places], rows)


def _device_parts(device: Mapping[str, Any], steps: int, cores: int) -> list[str]:
    floors, measured = device["floor_core_ms"], device["measured_core_ms"]
    counts = device["operations"]
    titles = {
        "decode": ("read and decode", "libjpeg alone"),
        "prepare": ("take to the working size", "bytes in"),
        "encoder": ("encoder", "operations"),
        "denoiser": (f"denoiser, {steps} steps", "operations"),
        "sampler": ("noise and arithmetic of the sampler", ""),
        "idle": ("cores without work beside the network alone", ""),
        "render": ("render", "bytes in and out"),
        "encode": ("encode", "libjpeg alone"),
        "write": ("write", "bytes"),
    }
    rows = [
        [title, of, f"{floors[name]:.1f}", f"{measured[name]:.1f}", _share(floors, measured, name)]
        for name, (title, of) in titles.items()
    ]
    sums = sum(floors.values()), sum(measured.values())
    whole = device["pipeline_core_ms"]
    rows += [
        ["all stages", "", f"{sums[0]:.0f}", f"{sums[1]:.0f}", f"{sums[0] / sums[1]:.0%}"],
        ["from file to file", "", f"{sums[0]:.0f}", f"{whole:.0f}", f"{sums[0] / whole:.0%}"],
    ]
    flops = ", ".join(f"{name} {count['flop'] / 1e9:.2f}" for name, count in counts.items())
    uncounted = ", ".join(f"{n} {kind}" for kind, n in counts["denoiser.onnx"]["uncounted"].items())
    step, (height, width) = device["step"], device["working"]
    return [
        f"### {device['device']}, {device['precision']}",
        f"Working image {height} x {width}, {device['photo_share']:.0%} of it photo and the rest "
        f"its mirror image; 10^9 operations a call: {flops}. A step takes {step['ms']:.1f} ms, "
        f"{step['side_by_side']} side by side: {step['gflop_per_s']:.0f} GFLOP/s. From file to "
        f"file {device['samples_per_second']:.2f} samples a second.",
        table(["core ms a photo", "floor by", "floor", "measured", "floor / measured"], rows),
        f"A step on one thread, as the runtime itself accounts for it ({cores} at a time above); "
        f"the denoiser's nodes that are not counted as operations: {uncounted}.",
        _kinds_table(device["kinds_ms"], counts["denoiser.onnx"]["by_kind"]),
    ]


def _share(floors: Mapping[str, float], measured: Mapping[str, float], name: str) -> str:
    return f"{floors[name] / measured[name]:.0%}" if floors[name] and measured[name] else ""


def _kinds_table(kinds: Mapping[str, float], flop: Mapping[str, int]) -> str:
    whole = sum(kinds.values())
    convolutions = sum(count for kind, count in flop.items() if "Conv" in kind)
    rows = []
    for kind, ms in kinds.items():
        if ms >= _LISTED_SHARE * whole:
            rate = f"{convolutions / ms / 1e6:.0f}" if kind == CONVOLUTIONS else ""
            rows.append([kind, f"{ms:.2f}", f"{ms / whole:.0%}", rate])
    rest = sum(ms for ms in kinds.values() if ms < _LISTED_SHARE * whole)
    rows.append(["the rest", f"{rest:.2f}", f"{rest / whole:.0%}", ""])
    return table(["kind of work", "ms", "of the step", "GFLOP/s"], rows)
