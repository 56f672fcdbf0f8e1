"""Put a bundle among the models of the package: `python -m benchmarks.families.ship BUNDLE NAME`.

A file that another model of the package has is left to it, the default's condition encoder say;
`colorize_cli.model.find_bundle` finds it there by its SHA-256. It is for who maintains the package.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
from onnx import numpy_helper

from colorize_cli.errors import ColorizeError, UsageError
from colorize_cli.model.bundle import Bundle, load_bundle, write_bundle
from colorize_cli.model.bundle_files import MANIFEST

from ..page import ROOT

MOST_BYTES = 8_000_000  # beyond what is shared
_SAMPLES = 4
_PACKAGE = ROOT / "colorize_cli" / "model" / "shipped"


def ship(bundle: Bundle, name: str, quality: Mapping[str, Any], package: Path = _PACKAGE) -> Bundle:
    """Write a bundle into the package, but for files that the default has.

    Args:
        bundle: what to ship.
        name: of the model, and its folder.
        quality: its measured figures.
        package: the folder of the package's models.

    Returns:
        The model, read back.

    Raises:
        UsageError: there is a model of that name, it takes too much room, or its licence is not the
            default's.
    """
    default = load_bundle("default")
    if (
        name == default.name
        or (package / name).exists()
        or not name.replace("-", "_").isidentifier()
    ):
        raise UsageError(f"{name!r} is there already, or no plain name; `git rm` the old one first")
    if bundle.license != default.license:
        raise UsageError(f"its licence is not that of the default's weights: {bundle.license}")
    files = {each: bundle.read(each) for each in bundle.files}
    shared = {each: twin for each, data in files.items() if (twin := _twin(data, default))}
    own = sum(len(data) for each, data in files.items() if each not in shared)
    if own > MOST_BYTES:
        raise UsageError(f"{name} takes {own:,} bytes beside what it shares, over {MOST_BYTES:,}")
    fields = json.loads((bundle.path / MANIFEST).read_bytes())
    fields = {key: value for key, value in fields.items() if key not in ("format", "files")}
    written = write_bundle(
        package / name, {**fields, "name": name, "quality": dict(quality)}, {**files, **shared}
    )
    for each in shared:
        (package / name / each).unlink()
    for licence in (package / "default").glob("LICENSE*"):
        shutil.copyfile(licence, package / name / licence.name)
    return load_bundle(written.path)


def _twin(data: bytes, default: Bundle) -> bytes | None:
    """Find the file of the default that computes the same with the same weights."""
    for name in default.files:
        other = (default.path / name).read_bytes()
        if data == other or _is_same_network(
            onnx.load_from_string(data), onnx.load_from_string(other)
        ):
            return other
    return None


def _is_same_network(one: onnx.ModelProto, other: onnx.ModelProto) -> bool:
    """Tell whether two graphs are the same but for the names of what flows between nodes."""
    return _canonical(one) == _canonical(other)


def _canonical(model: onnx.ModelProto) -> bytes:
    """Write a graph with numbers for the names of values and nodes, and nothing of its maker."""
    graph = model.graph
    kept = {value.name for value in (*graph.input, *graph.output)}
    named = [t.name for t in graph.initializer]
    named += [name for node in graph.node for name in node.output]
    numbers = {"": "", **{name: f"v{i}" for i, name in enumerate(dict.fromkeys(named))}}
    for tensor in graph.initializer:
        tensor.CopyFrom(
            numpy_helper.from_array(numpy_helper.to_array(tensor), numbers[tensor.name])
        )
    for node in graph.node:
        node.name = node.doc_string = ""
        del node.metadata_props[:]
        for names in (node.input, node.output):
            names[:] = [name if name in kept else numbers[name] for name in names]
    parts = [*graph.initializer, *graph.node, *graph.input, *graph.output, *model.opset_import]
    return b"".join(part.SerializeToString(deterministic=True) for part in parts)


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.families.ship", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument("name")
    parser.add_argument(
        "--figures", type=Path, required=True, help="JSON of `colorize evaluate` of the bundle"
    )
    options = parser.parse_args()
    bundle = load_bundle(options.bundle)
    quality = quality_of(json.loads(options.figures.read_text()), bundle)
    shipped = ship(bundle, options.name, quality)
    print(f"{shipped.path}: digest {shipped.digest[:12]}")


def quality_of(result: Mapping[str, Any], bundle: Bundle) -> dict[str, Any]:
    """Take from what `colorize evaluate` found what a bundle says of itself.

    Raises:
        UsageError: it is of another bundle, or not of four samples.
    """
    settings = result["settings"]
    if result["model"]["digest"] != bundle.digest or settings["samples"] != _SAMPLES:
        raise UsageError(f"the figures are not of {_SAMPLES} samples of this bundle")
    rows = result["overall"]["rows"]
    model, half = rows["model"], settings["split"]
    return {
        "photos": f"{result['overall']['photos']}, {half}; {_SAMPLES} samples",
        "lpips_first": round(model["lpips_first"]["value"], 4),
        "lpips_best_of_4": round(model["lpips_best"]["value"], 4),
        "lpips_grey": round(rows["grey"]["lpips_first"]["value"], 4),
        "psnr_first": round(model["psnr_first"]["value"], 2),
        "colourfulness": round(model["colourfulness"]["value"], 1),
        "colourfulness_truth": round(rows["truth"]["colourfulness"]["value"], 1),
        "diversity": round(model["diversity"]["value"], 4),
    }


if __name__ == "__main__":
    try:
        main()
    except ColorizeError as error:
        sys.exit(f"benchmarks.families.ship: {error}")
