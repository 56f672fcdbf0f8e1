#!/usr/bin/env python3
"""Fuzz the bundle reader: any archive, `bundle.json` or graph is a bundle, or a ModelError."""

import hashlib
import json
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["colorize_cli"]):
    from colorize_cli.errors import ModelError
    from colorize_cli.model.bundle import load_bundle

import warnings

warnings.simplefilter("error")
_FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-bundle-"))
_GRAPHS = ("encoder.onnx", "denoiser.onnx")
_OTHERS = ("decoder.onnx", "mdn.onnx")  # of other families, whose manifests name files of one byte
_MANIFEST = Path(__file__).parents[1] / "corpus" / "bundle" / "manifest"


def test_one_input(data: bytes) -> None:
    """Take the input for a zip, a `bundle.json` or the graphs, as its first byte says."""
    kind, rest = data[:1], data[1:]
    try:
        if kind == b"Z":
            path = _FOLDER / "bundle.zip"
            path.write_bytes(rest)
            load_bundle(path)
            return
        folder = _FOLDER / "bundle"
        folder.mkdir(exist_ok=True)
        graph = rest if kind == b"G" else b"\0"
        text = rest
        if kind == b"G":
            fields = json.loads(_MANIFEST.read_bytes()[1:])
            entry = {"sha256": hashlib.sha256(graph).hexdigest(), "bytes": len(graph)}
            text = json.dumps({**fields, "files": dict.fromkeys(_GRAPHS, entry)}).encode()
        for name in (*_GRAPHS, *_OTHERS):
            (folder / name).write_bytes(graph)
        (folder / "bundle.json").write_bytes(text)
        load_bundle(folder)
    except ModelError:
        return


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
