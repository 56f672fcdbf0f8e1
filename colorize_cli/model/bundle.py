"""The bundle: a folder, or a zip of it, that is all the command line needs of a trained model.

`bundle.json` says how to run the ONNX files beside it and carries their SHA-256. Nothing is
unpacked and no name in it is trusted: files are plain names beside `bundle.json`.
"""

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ModelError
from ..system.files import write_atomic
from .bundle_files import AGAIN, MANIFEST, BundleFile, read_file, require_plausible
from .families import FAMILIES, parse_family
from .families.family import Family
from .find_bundle import locate, place_of
from .untrusted.graph_check import foreign_part
from .untrusted.weights_check import weight_that_is_not_finite
from .view import View, parse_views

FORMAT_VERSION = 2
# In the first format the sampling of the diffusion families lay beside everything else.
_FORMAT_1_SAMPLING = ("ab_scale", "prediction", "schedule")
_TABLES = ("network", "precision", "training", "quality")
_TAKEN_AS_THEY_ARE = ("name", "license", *_TABLES)

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MAX_MANIFEST_BYTES = 1 << 20
_MAX_FILES, _MAX_FILE_BYTES = 64, (1 << 31) - 1  # of ONNX, whose files are no longer
_MAX_TOTAL_BYTES = 1 << 32
_MAX_NUMBER = 1 << 48  # parameters, at most
_MAX_NAME = 200  # characters
# Controls but for line breaks, and what turns the direction of a line, have no place in texts.
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
_READERS = 2  # as many as there are large files


@dataclass(frozen=True, eq=False)
class Bundle:
    """A verified bundle."""

    path: Path
    name: str
    family: Family  # with this bundle's way of sampling
    working_size: int  # about the square root of the area in pixels at which a photo is seen
    multiple: int  # of which the network's sides are multiples
    grid: int  # working pixels per cell of the ab grid, along each side
    network: Mapping[str, Any]  # its configuration, for the torch side of the family
    files: Mapping[str, BundleFile]  # by name
    precision: Mapping[str, Any]  # of the weights and of the computation
    training: Mapping[str, Any]  # recipe, data, versions, lineage, SHA-256 of exported weights
    license: str  # of the weights
    quality: Mapping[str, Any]  # measured figures
    parameters: int | None = None  # how many; None where a bundle does not say
    views: Mapping[str, View] = field(default_factory=dict)  # of large photos: "auto", "fine"
    _verified: dict[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over all that decides the pixels, which its name and figures do not."""
        decisive: dict[str, Any] = {
            "family": self.family.name,
            "working_size": self.working_size,
            "multiple": self.multiple,
            "grid": self.grid,
            "sampling": self.family.sampling,
            "graphs": {spec.name: self.files[spec.name].sha256 for spec in self.family.graphs},
        }
        if self.views:
            decisive["views"] = {name: view.settings for name, view in self.views.items()}
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()

    @property
    def compute(self) -> str:
        """The precision that it was exported in: "fp32" | "fp16" | "bf16" | "int8"."""
        return str(self.precision.get("compute", "fp32"))

    def read(self, name: str) -> bytes:
        """Read a file of the bundle; what was read to verify the bundle is handed over once.

        It raises ModelError where the file is no part of the bundle, gone, or not as it was.
        """
        if name not in self.files:
            raise ModelError(f"{self.path}: there is no {name} in this bundle. {AGAIN}")
        return self._verified.pop(name, None) or _verified(self.path, name, self.files[name])

    def forget(self) -> None:
        """Let go of what was read to verify the bundle and is not needed any more."""
        self._verified.clear()


def figure(quality: Mapping[str, Any], key: str) -> float | None:
    """Give a measured figure of a bundle; None where there is none, or it is no usual number."""
    value = quality.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _MAX_NUMBER:
        return None
    return float(value)


def load_bundle(name_or_path: str | Path = "default") -> Bundle:
    """Find, read and verify a bundle: a model by name, or a folder or `.zip`, as `locate` says.

    It raises ModelError where the bundle is
    not found, of an unknown format version, incomplete or damaged.
    """
    path = locate(name_or_path)
    bundle = _parse(path, _fields_of(path, read_file(path, MANIFEST, _MAX_MANIFEST_BYTES)))
    require_plausible(path, sum(file.bytes for file in bundle.files.values()))
    with ThreadPoolExecutor(max_workers=_READERS) as pool:  # hashing takes a core each
        contents = pool.map(lambda name: _verified(path, name, bundle.files[name]), bundle.files)
        bundle._verified.update(zip(bundle.files, contents, strict=True))
        # Those too that only an export or a training would open.
        graphs = [name for name in bundle.files if name.endswith(".onnx")]
        # Taken in, so that what a thread raises is raised here.
        list(pool.map(lambda name: _check_graph(path, name, bundle._verified[name]), graphs))
    return bundle


def write_bundle(folder: Path, fields: Mapping[str, Any], files: Mapping[str, bytes]) -> Bundle:
    """Write a bundle and read it back.

    Files, whose contents come by plain name, replace those of an older bundle in the folder one by
    one, `bundle.json` last, so that a half-written bundle never passes for a whole one. The fields
    are those of `bundle.json` but "format" and "files"; ModelError says which is missing or odd.
    """
    entries = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        for name, data in files.items()
    }
    manifest = {"format": FORMAT_VERSION, **fields, "files": entries}
    text = (json.dumps(manifest, indent=2) + "\n").encode()
    _parse(folder, _fields_of(folder, text))
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        write_atomic(folder / name, data)
    write_atomic(folder / MANIFEST, text)
    return load_bundle(folder.absolute())


def _fields_of(path: Path, text: bytes) -> Any:
    """Read `bundle.json`, in which every number is finite; Python's JSON has NaN, and 1e999."""
    try:
        fields = json.loads(text, parse_float=_finite, parse_constant=_finite)
        _require_printable(fields)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: {MANIFEST} is not JSON ({error}). {AGAIN}") from error
    return fields


def _require_printable(value: Any) -> None:
    """Raise ValueError for texts that would command a terminal."""
    if isinstance(value, str):
        if any(char != "\n" and unicodedata.category(char) in _UNSEEN for char in value):
            raise ValueError("control characters in a text")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _require_printable(key)
            _require_printable(inner)
    elif isinstance(value, list):
        for inner in value:
            _require_printable(inner)


def _finite(text: str) -> float:
    if math.isfinite(number := float(text)):
        return number
    raise ValueError(f"{text} is no finite number")


def _check_graph(path: Path, name: str, graph: bytes) -> None:
    try:
        part, weight = foreign_part(graph), weight_that_is_not_finite(graph)
    except ValueError as error:
        raise ModelError(f"{path}: {name} is no ONNX file ({error}). {AGAIN}") from error
    if part is not None:
        raise ModelError(
            f"{path}: {name} holds {part}: no bundle of colorize needs that, so it is refused. "
            "Take the bundle from where it was made."
        )
    if weight is not None:
        raise ModelError(
            f"{path}: {name} holds a number that is not finite, in {weight!r}: every picture would "
            "come out black. Export it again, from a checkpoint whose training went well."
        )


def _verified(path: Path, name: str, file: BundleFile) -> bytes:
    data = read_file(*place_of(path, name, file.sha256), file.bytes)
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise ModelError(f"{path}: {name} is damaged (wrong SHA-256). {AGAIN}")
    return data


def _parse(path: Path, fields: Any) -> Bundle:
    """Check every field that the runtime leans on."""
    version = fields.get("format") if isinstance(fields, dict) else None
    if version not in (1, FORMAT_VERSION):
        raise ModelError(
            f"{path}: bundle format {version!r}; this version of colorize reads format "
            f"{FORMAT_VERSION} and 1. Update colorize, or export the model again."
        )
    if str(fields.get("family")) not in FAMILIES:
        raise ModelError(
            f"{path}: this version of colorize runs the families {', '.join(FAMILIES)}, "
            f"not {fields.get('family')!r}. Update colorize."
        )
    try:
        return _bundle(path, fields)
    except KeyError as error:
        raise ModelError(f"{path}: {MANIFEST} lacks {error}. {AGAIN}") from error
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelError(f"{path}: {MANIFEST} makes no sense: {error}. {AGAIN}") from error


def _bundle(path: Path, fields: Mapping[str, Any]) -> Bundle:
    facts: dict[str, Any] = {key: fields[key] for key in _TAKEN_AS_THEY_ARE}
    facts |= {key: _positive_int(fields, key) for key in ("working_size", "multiple", "grid")}
    if "parameters" in fields:
        facts["parameters"] = _positive_int(fields, "parameters")
    if not all(isinstance(facts[key], dict) for key in _TABLES):
        raise ValueError(f"{', '.join(_TABLES)} are tables")
    if not all(isinstance(facts[key], str) for key in ("name", "license")):
        raise ValueError("name and license are texts")
    if len(facts["name"]) > _MAX_NAME or "\n" in facts["name"]:
        raise ValueError(f"a name is one line of up to {_MAX_NAME} characters")
    sampling = _sampling(fields)
    family = parse_family(fields["family"], facts["grid"], sampling)
    of_large = fields.get("views", {})
    facts["views"] = parse_views(fields["family"], facts["grid"], sampling, of_large)
    files = {name: BundleFile(**entry) for name, entry in fields["files"].items()}
    for name in (*files, *(spec.name for spec in family.graphs)):
        if not _PLAIN_NAME.fullmatch(name) or name == MANIFEST:
            raise ValueError(f"{name!r} is no plain file name")
        if name not in files:
            raise ValueError(f"a bundle of the {family.name} family needs {name}")
    _check_files(files)
    if facts["multiple"] % facts["grid"]:
        raise ValueError("multiple must be a multiple of grid")
    return Bundle(path=path, family=family, files=files, **facts)


def _check_files(files: Mapping[str, BundleFile]) -> None:
    """Check what the types let pass, and what reading the files would take."""
    for name, file in files.items():
        if type(file.bytes) is not int or not isinstance(file.sha256, str):
            raise ValueError("the sizes of files are whole numbers, and their SHA-256 texts")
        if not 0 < file.bytes <= _MAX_FILE_BYTES or not _SHA256.fullmatch(file.sha256):
            raise ValueError(f"{name} has an impossible size or SHA-256")
    if len(files) > _MAX_FILES or sum(file.bytes for file in files.values()) > _MAX_TOTAL_BYTES:
        raise ValueError(f"more than {_MAX_FILES} files, or {_MAX_TOTAL_BYTES} bytes of them")


def _sampling(fields: Mapping[str, Any]) -> Any:
    """Give the family's own table, which the first format has in parts."""
    if fields["format"] == FORMAT_VERSION:
        return fields["sampling"]
    if "gain" in fields["sampler"]:  # of before there was one for each sample
        raise ValueError("gain is now a list, gains: [1.12] for a gain of 1.12")
    return {**{key: fields[key] for key in _FORMAT_1_SAMPLING}, **fields["sampler"]}


def _positive_int(fields: Mapping[str, Any], name: str) -> int:
    value = fields[name]
    if type(value) is not int or not 1 <= value <= _MAX_NUMBER:
        raise ValueError(f"{name} must be a positive whole number, not {value!r}")
    return value
