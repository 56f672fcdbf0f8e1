"""Write the seeds that fuzzing starts from, all made by our own code: `python tests/fuzz/seeds.py`.

They go to `corpus/TARGET/`, where what fuzzing has found to be different lies too.
"""

import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # for tests/made, outside pytest

import numpy as np
from made import carriers, kinds, pictures, profiles
from made.tiny_bundles import tiny_fields, tiny_graphs

CORPUS = Path(__file__).parent / "corpus"
_BETWEEN = b"\xff\0\xff"  # the parts of an input of the target `metadata`
_RECIPE = Path(__file__).parents[2] / "training" / "recipes" / "default.toml"

# The graphs and the table `sampling` of families that are no diffusion model.
_FAMILIES = {
    "gan": (("encoder.onnx", "decoder.onnx"), {"dropout": [{"channels": 8, "stride": 2}]}),
    "gan-encoder": (("encoder.onnx", "decoder.onnx"), {"dropout": []}),
    "vae-mdn": (
        ("encoder.onnx", "mdn.onnx", "decoder.onnx"),
        {"components": 3, "latent": 8, "sigma": 0.3},
    ),
}

_BOXED = ("jp2", "jxl", "heic", "avif", "gif")

Seed = tuple[str, bytes]


def photo() -> Iterator[Seed]:
    """Give a file of each kind that the package reads, and those that carry most metadata."""
    yield from ((picture.name, picture.data) for picture in pictures.corpus())
    for format in carriers.HOLDERS:
        for order in "<>":
            name = "little" if order == "<" else "big"
            yield f"carrier-{format}-{name}", carriers.source(format, 6, order)
    yield "pgm", b"P5\n# a comment\n3 2\n255\n" + bytes(6)
    yield "pfm", b"PF\n2 1\n-1.0\n" + np.linspace(0, 1, 6, dtype="<f4").tobytes()
    floating = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    yield "tiff-float", pictures.tiff(floating, photometric="minisblack")
    pages = np.zeros((2, 8, 8), np.uint8)
    yield "tiff-pages", pictures.tiff(pages, photometric="minisblack")
    yield "ppm-plain", b"P3 2 1 9\n0 1 2 3 4 9\n"
    for kind in kinds.kinds():
        if kind.format in _BOXED:
            yield str(kind), kinds.picture(kind).data


def exif() -> Iterator[Seed]:
    """Give an EXIF block in both byte orders, lying on its side or not."""
    for order in "<>":
        for orientation in (1, 6):
            name = f"{'little' if order == '<' else 'big'}-{orientation}"
            yield name, pictures.exif(orientation, order)


def icc() -> Iterator[Seed]:
    """Give a whole RGB profile, and a grey one with each kind of curve."""
    yield "srgb", pictures.SRGB
    curves = {
        "gamma": b"curv" + bytes(4) + b"\0\0\0\1" + b"\2\x33",
        "table": b"curv" + bytes(4) + b"\0\0\0\3" + b"\0\0\x40\0\xff\xff",
        "para": b"para" + bytes(4) + b"\0\3\0\0" + b"\0\1\0\0" * 5,
    }
    for name, curve in curves.items():
        head = bytearray(pictures.profile(b"GRAY"))
        head[20:24], head[128:132] = b"XYZ ", b"\0\0\0\1"
        entry = b"kTRC" + (144).to_bytes(4, "big") + len(curve).to_bytes(4, "big")
        yield name, bytes(head) + entry + curve
    profiles.SIDE = 3  # of the tables, which are else too large to be fuzzed
    tables = {"mft1": profiles.mft1, "mft2": profiles.mft2, "mab": profiles.mab}
    for name, make in tables.items():
        yield f"rgb-{name}", profiles.profile({b"A2B0": make()})
        yield f"grey-{name}", profiles.profile({b"A2B0": make(channels=1)}, b"GRAY")
    plain = profiles.mab(b"XYZ ", has_grid=False)
    yield "rgb-matrix", profiles.profile({b"A2B0": plain}, pcs=b"XYZ ")


def metadata() -> Iterator[Seed]:
    """Give all parts at once, and each alone."""
    resources = carriers.iptc_resource(pictures.IPTC)
    parts = [pictures.exif(6), pictures.XMP, resources, pictures.SRGB, "café".encode()]
    yield "all", _BETWEEN.join(parts)
    for i, part in enumerate(parts):
        yield f"part-{i}", _BETWEEN * i + part


def bundle() -> Iterator[Seed]:
    """Give a `bundle.json` of each family, the graphs and an archive, as the first byte says."""
    entry = {"sha256": hashlib.sha256(b"\0").hexdigest(), "bytes": 1}
    for family, (names, sampling) in _FAMILIES.items():
        fields = {"format": 2, **tiny_fields("encoder"), "family": family, "sampling": sampling}
        fields |= {"files": dict.fromkeys(names, entry)}
        yield f"manifest-{family}", b"J" + json.dumps(fields).encode()
    graphs = tiny_graphs("encoder")
    files = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        for name, data in graphs.items()
    }
    text = json.dumps({"format": 2, **tiny_fields("encoder"), "files": files}).encode()
    yield "manifest", b"J" + text
    yield from ((name.removesuffix(".onnx"), b"G" + data) for name, data in graphs.items())
    for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", kind) as archive:
            for name, data in {"bundle.json": text, **graphs}.items():
                archive.writestr(name, data)
        yield f"zip-{kind}", b"Z" + stream.getvalue()


def recipe() -> Iterator[Seed]:
    """Give the default recipe, with and without a change to it."""
    text = _RECIPE.read_bytes()
    yield "default", text
    yield "changed", text + b"\0optim.lr=1e-4"
    yield "network", b'family = "encoder"\n[network]\nwidth = 8\n\0network.width=16'


SEEDS = {each.__name__: each for each in (photo, exif, icc, metadata, bundle, recipe)}


def write(corpus: Path = CORPUS) -> None:
    """Write the seeds of every target; what lies there beside them stays."""
    for target, seeds in SEEDS.items():
        (corpus / target).mkdir(parents=True, exist_ok=True)
        for name, data in seeds():
            (corpus / target / name).write_bytes(data)


if __name__ == "__main__":
    write()
