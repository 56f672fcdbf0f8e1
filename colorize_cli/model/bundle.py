"""The bundle: a folder, or a zip of it, that is all the command line needs of a trained model.

`bundle.json` says how to run the ONNX files beside it and carries their SHA-256. Nothing is
unpacked and no name in it is trusted: files are plain names beside `bundle.json`.
"""

import hashlib
import json
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ..diffusion.sampler import Clamp, Prediction, SamplerSettings, x_0_factors
from ..diffusion.schedule import Schedule
from ..errors import ModelError
from ..system.files import write_atomic

FORMAT_VERSION = 1
MANIFEST = "bundle.json"
Family: TypeAlias = Literal["encoder", "palette"]
# The graphs of each family; a bundle may hold more files beside them.
GRAPHS: Mapping[str, tuple[str, ...]] = {
    "encoder": ("encoder.onnx", "denoiser.onnx"),
    "palette": ("denoiser.onnx",),
}

_SHIPPED = Path(__file__).parent / "shipped"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_MAX_MANIFEST_BYTES = 1 << 20
_READERS = 2  # as many as there are large files
_AGAIN = "Copy or download the bundle again, or make it anew with `colorize export`."


@dataclass(frozen=True)
class BundleFile:
    """SHA-256 (hex) and size of a file in the bundle."""

    sha256: str
    bytes: int


@dataclass(frozen=True, eq=False)
class Bundle:
    """A verified bundle.

    Attributes:
        path: the folder or zip it was read from.
        name: what the model is called.
        family: "encoder" (features of L computed once a photo) or "palette" (L itself).
        working_size: square root of the area, in pixels, at which the network sees a photo, about.
        multiple: the network's sides are multiples of this.
        grid: working pixels per cell of the ab grid, along each side.
        ab_scale: Lab units per unit of x_0.
        prediction: what the denoiser predicts.
        schedule: noise levels of the sampling steps.
        sampler: method, randomness and clamp.
        network: the network's configuration, for `training.networks`.
        files: size and checksum by file name.
        precision: of the weights and of the computation.
        training: recipe, data, versions, and SHA-256 of the weights that were exported.
        license: terms of the weights.
        quality: measured figures.
        parameters: of the network; None in bundles that were written before it was recorded.
    """

    path: Path
    name: str
    family: Family
    working_size: int
    multiple: int
    grid: int
    ab_scale: float
    prediction: Prediction
    schedule: Schedule
    sampler: SamplerSettings
    network: Mapping[str, Any]
    files: Mapping[str, BundleFile]
    precision: Mapping[str, Any]
    training: Mapping[str, Any]
    license: str
    quality: Mapping[str, Any]
    parameters: int | None = None

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over all that decides the pixels; words and measured figures left out."""
        decisive = (
            *(self.family, self.working_size, self.multiple, self.grid, self.ab_scale),
            *(self.prediction, self.schedule.gammas.tolist(), self.sampler),
            *sorted((name, self.files[name].sha256) for name in GRAPHS[self.family]),
        )
        return hashlib.sha256(repr(decisive).encode()).hexdigest()

    @property
    def compute(self) -> str:
        """The precision that it was exported in: "fp32" | "fp16" | "bf16" | "int8"."""
        return str(self.precision.get("compute", "fp32"))

    def read(self, name: str) -> bytes:
        """Read a file of the bundle.

        Raises:
            ModelError: it is not part of the bundle, is gone, or differs from its checksum.
        """
        if name not in self.files:
            raise ModelError(f"{self.path}: there is no {name} in this bundle. {_AGAIN}")
        data = _read(self.path, name, self.files[name].bytes)
        if hashlib.sha256(data).hexdigest() != self.files[name].sha256:
            raise ModelError(f"{self.path}: {name} is damaged (wrong SHA-256). {_AGAIN}")
        return data


def shipped_names() -> list[str]:
    """Names of the models inside the package."""
    return sorted(p.parent.name for p in _SHIPPED.glob(f"*/{MANIFEST}"))


def load_bundle(name_or_path: str | Path = "default") -> Bundle:
    """Find, read and verify a bundle.

    Args:
        name_or_path: a model that is shipped with the package, by name, or a path of a folder
            or `.zip`. A name goes before a path; `./name` is always a path.

    Raises:
        ModelError: not found, of an unknown format version, incomplete or damaged.
    """
    path = _locate(name_or_path)
    try:
        fields = json.loads(_read(path, MANIFEST, _MAX_MANIFEST_BYTES))
    except ValueError as error:
        raise ModelError(f"{path}: {MANIFEST} is not JSON ({error}). {_AGAIN}") from error
    bundle = _parse(path, fields)
    with ThreadPoolExecutor(max_workers=_READERS) as pool:  # hashing takes a core each
        for _ in pool.map(bundle.read, bundle.files):
            pass
    return bundle


def write_bundle(folder: Path, fields: Mapping[str, Any], files: Mapping[str, bytes]) -> Bundle:
    """Write a bundle and read it back.

    Args:
        folder: made if need be; files of an older bundle in it are replaced one by one,
            `bundle.json` last, so that a half-written bundle never passes for a whole one.
        fields: of `bundle.json`, without "format" and "files".
        files: contents by plain file name.

    Raises:
        ModelError: the fields are incomplete or make no sense.
    """
    entries = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        for name, data in files.items()
    }
    manifest = {"format": FORMAT_VERSION, **fields, "files": entries}
    _parse(folder, manifest)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        write_atomic(folder / name, data)
    write_atomic(folder / MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())
    return load_bundle(folder.absolute())


def _locate(name_or_path: str | Path) -> Path:
    if isinstance(name_or_path, str) and name_or_path in shipped_names():
        return _SHIPPED / name_or_path
    path = Path(name_or_path)
    if path.is_dir() or path.is_file():
        return path
    raise ModelError(
        f"there is no model {str(name_or_path)!r}: no folder or .zip of that path, and the models "
        f"by name are: {', '.join(shipped_names()) or 'none'}"
    )


def _read(path: Path, name: str, limit: int) -> bytes:
    """Read a file of a folder or zip, which should have no more than `limit` bytes."""
    try:
        if path.is_dir():
            with (path / name).open("rb") as file:
                data = file.read(limit + 1)
        else:
            with zipfile.ZipFile(path) as archive:
                with archive.open(_member(path, archive.namelist(), name)) as member:
                    data = member.read(limit + 1)
    except KeyError as error:
        raise ModelError(f"{path}: {name} is missing. {_AGAIN}") from error
    # What zipfile raises on damage, encryption and unknown compression has no common base.
    except (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelError(f"{path}: cannot read {name} ({error}). {_AGAIN}") from error
    if len(data) > limit:
        raise ModelError(f"{path}: {name} is damaged (more than {limit} bytes). {_AGAIN}")
    return data


def _member(path: Path, names: Sequence[str], name: str) -> str:
    """Find a file at the top of an archive, or in the one folder that it was packed with."""
    if any(n.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", n) for n in names):
        raise ModelError(f"{path}: holds names that point outside the archive. {_AGAIN}")
    manifests = [n for n in names if n.rpartition("/")[2] == MANIFEST and n.count("/") < 2]
    if len(manifests) != 1:
        raise ModelError(f"{path}: holds {len(manifests)} {MANIFEST}, not one. {_AGAIN}")
    return manifests[0].removesuffix(MANIFEST) + name


def _parse(path: Path, fields: Any) -> Bundle:
    """Check every field that the runtime leans on."""
    version = fields.get("format") if isinstance(fields, dict) else None
    if version != FORMAT_VERSION:
        raise ModelError(
            f"{path}: bundle format {version!r}; this version of colorize reads format "
            f"{FORMAT_VERSION}. Update colorize, or export the model again."
        )
    family = fields.get("family")
    if family not in GRAPHS:
        raise ModelError(
            f"{path}: this version of colorize runs the families {', '.join(GRAPHS)}, "
            f"not {family!r}. Update colorize."
        )
    try:
        files = {name: BundleFile(**entry) for name, entry in fields["files"].items()}
        bundle = Bundle(
            path=path,
            name=fields["name"],
            family=family,
            working_size=_positive_int(fields, "working_size"),
            multiple=_positive_int(fields, "multiple"),
            grid=_positive_int(fields, "grid"),
            ab_scale=float(fields["ab_scale"]),
            prediction=fields["prediction"],
            schedule=Schedule(**fields["schedule"]),
            sampler=_sampler(fields["sampler"]),
            network=fields["network"],
            files=files,
            precision=fields["precision"],
            training=fields["training"],
            license=fields["license"],
            quality=fields["quality"],
            parameters=_positive_int(fields, "parameters") if "parameters" in fields else None,
        )
        _check(bundle)
    except KeyError as error:
        raise ModelError(f"{path}: {MANIFEST} lacks {error}. {_AGAIN}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{path}: {MANIFEST} makes no sense: {error}. {_AGAIN}") from error
    return bundle


def _check(bundle: Bundle) -> None:
    """Raise ValueError on what the types let pass."""
    if not all(isinstance(file.bytes, int) for file in bundle.files.values()):
        raise ValueError("the sizes of files are whole numbers")
    for name in (*bundle.files, *GRAPHS[bundle.family]):
        if not _PLAIN_NAME.fullmatch(name) or name == MANIFEST:
            raise ValueError(f"{name!r} is no plain file name")
        if name not in bundle.files:
            raise ValueError(f"a bundle of the {bundle.family} family needs {name}")
    if not bundle.ab_scale > 0 or bundle.multiple % bundle.grid:
        raise ValueError("ab_scale must be positive and multiple a multiple of grid")
    x_0_factors(float(bundle.schedule.gammas[-1]), bundle.prediction)


def _sampler(fields: Mapping[str, Any]) -> SamplerSettings:
    if "gain" in fields:  # of before there was one for each sample
        raise ValueError("gain is now a list, gains: [1.12] for a gain of 1.12")
    clamp = dict(fields["clamp"])
    is_none = clamp.get("kind") == "none"
    return SamplerSettings(
        method=fields["method"],
        eta=float(fields["eta"]),
        variance=fields["variance"],
        clamp=None if is_none else Clamp(**clamp),
        temperature=float(fields.get("temperature", 1.0)),
        gains=tuple(float(gain) for gain in fields.get("gains", [1.0])),
        sharpness=float(fields.get("sharpness", 0.0)),
    )


def _positive_int(fields: Mapping[str, Any], name: str) -> int:
    value = fields[name]
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be a positive whole number, not {value!r}")
    return value
