import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made.tiny_bundles import tiny_fields, tiny_graphs

from colorize_cli.diffusion.sampler import Clamp
from colorize_cli.diffusion.schedule import cosine
from colorize_cli.errors import EXIT_ENVIRONMENT, ModelError
from colorize_cli.model import bundle as bundle_module
from colorize_cli.model import find_bundle
from colorize_cli.model.bundle import load_bundle, write_bundle
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.model.families import parse_family
from colorize_cli.model.families.diffusion import Diffusion
from colorize_cli.model.find_bundle import shipped_names


@pytest.fixture
def copy(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A bundle to spoil, at a path that is not plain."""
    return shutil.copytree(tiny_bundle, tmp_path / "my [old] modèle")


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "bundle.json"
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))


def zipped(folder: Path, archive: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in folder.iterdir():
            file.write(path, prefix + path.name)
    return archive


def test_a_folder_gives_everything_that_was_written(copy: Path) -> None:
    bundle = load_bundle(copy)

    assert (bundle.working_size, bundle.multiple, bundle.grid) == (64, 32, 4)
    family = bundle.family
    assert isinstance(family, Diffusion)
    assert (family.name, family.ab_scale, family.prediction) == ("encoder", 26.0, "v")
    np.testing.assert_array_equal(family.schedule.gammas, cosine(20).gammas)
    assert family.sampler.clamp == Clamp("static", 3.2)
    assert bundle.read("denoiser.onnx") == (copy / "denoiser.onnx").read_bytes()
    assert bundle.files["denoiser.onnx"].bytes == (copy / "denoiser.onnx").stat().st_size


@pytest.mark.parametrize("prefix", ["", "tiny/"])
def test_a_zip_is_as_good_as_the_folder(copy: Path, tmp_path: Path, prefix: str) -> None:
    bundle = load_bundle(zipped(copy, tmp_path / "tiny.zip", prefix))

    assert bundle.digest == load_bundle(copy).digest
    assert bundle.read("encoder.onnx") == (copy / "encoder.onnx").read_bytes()


def test_an_unknown_format_version_is_refused(copy: Path) -> None:
    edit(copy, lambda fields: fields.update(format=3))

    with pytest.raises(ModelError, match=r"format 3.*[Uu]pdate colorize") as caught:
        load_bundle(copy)
    assert caught.value.exit_code == EXIT_ENVIRONMENT


def test_an_unknown_family_is_refused(copy: Path) -> None:
    edit(copy, lambda fields: fields.update(family="transformer"))

    with pytest.raises(ModelError, match="transformer"):
        load_bundle(copy)


def test_a_changed_byte_is_found(copy: Path) -> None:
    data = bytearray((copy / "denoiser.onnx").read_bytes())
    data[100] ^= 1
    (copy / "denoiser.onnx").write_bytes(data)

    with pytest.raises(ModelError, match=r"denoiser\.onnx is damaged"):
        load_bundle(copy)


def test_damage_after_loading_is_found_when_reading(copy: Path) -> None:
    bundle = load_bundle(copy)
    (copy / "denoiser.onnx").write_bytes(b"")
    assert bundle.read("denoiser.onnx")  # what was verified

    with pytest.raises(ModelError, match="damaged"):
        bundle.read("denoiser.onnx")


def test_a_missing_file_is_named(copy: Path, tmp_path: Path) -> None:
    (copy / "encoder.onnx").unlink()

    with pytest.raises(ModelError, match=r"encoder\.onnx"):
        load_bundle(copy)
    with pytest.raises(ModelError, match=r"encoder\.onnx"):
        load_bundle(zipped(copy, tmp_path / "tiny.zip"))


def test_a_family_without_its_graph_is_refused(copy: Path) -> None:
    edit(copy, lambda fields: fields["files"].pop("encoder.onnx"))

    with pytest.raises(ModelError, match=r"needs encoder\.onnx"):
        load_bundle(copy)


def test_a_file_larger_than_its_entry_is_not_read_to_the_end(copy: Path, tmp_path: Path) -> None:
    with (copy / "denoiser.onnx").open("ab") as file:
        file.write(bytes(1 << 20))

    for path in (copy, zipped(copy, tmp_path / "tiny.zip")):
        with pytest.raises(ModelError, match=r"denoiser\.onnx is damaged \(more than"):
            load_bundle(path)


def test_damage_inside_a_zip_is_found(copy: Path, tmp_path: Path) -> None:
    archive = zipped(copy, tmp_path / "tiny.zip")
    with zipfile.ZipFile(archive) as file:
        start = file.getinfo("denoiser.onnx").header_offset
    data = bytearray(archive.read_bytes())
    data[start + 100 : start + 140] = bytes(40)
    archive.write_bytes(data)

    with pytest.raises(ModelError, match=r"denoiser\.onnx"):
        load_bundle(archive)


@pytest.mark.parametrize("name", ["../secret.onnx", "/etc/passwd", "a/b.onnx", "..", "a\\b"])
def test_names_that_lead_out_of_the_bundle_are_refused(copy: Path, name: str) -> None:
    edit(copy, lambda fields: fields["files"].update({name: {"sha256": "0", "bytes": 1}}))

    with pytest.raises(ModelError, match="no plain file name"):
        load_bundle(copy)


@pytest.mark.parametrize("name", ["../evil.onnx", "/evil.onnx", "a/../../evil.onnx", "..\\evil"])
def test_a_zip_with_names_that_lead_out_is_refused(copy: Path, tmp_path: Path, name: str) -> None:
    archive = zipped(copy, tmp_path / "tiny.zip")
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr(name, b"evil")

    with pytest.raises(ModelError, match="outside"):
        load_bundle(archive)


def test_what_is_no_zip_or_holds_no_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.zip").write_bytes(b"\xff\xd8\xff")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as file:
        file.writestr("readme.txt", b"")

    with pytest.raises(ModelError, match="not a zip file"):
        load_bundle(tmp_path / "photo.zip")
    with pytest.raises(ModelError, match=r"bundle\.json"):
        load_bundle(tmp_path / "empty.zip")
    with pytest.raises(ModelError, match=r"bundle\.json"):
        load_bundle(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f["sampling"].pop("ab_scale"), "lacks 'ab_scale'"),
        (lambda f: f["sampling"].update(ab_scale=-1), "ab_scale"),
        (lambda f: f["sampling"].update(ab_scale="wide"), "makes no sense"),
        (lambda f: f.update(working_size=0), "working_size"),
        (lambda f: f.update(multiple=30), "multiple"),
        (lambda f: f["sampling"].update(prediction="score"), "score"),
        (lambda f: f["sampling"]["schedule"].update(gammas=[1.0, 1.0]), "gammas"),
        (lambda f: f["sampling"]["schedule"].update(gammas=[[]]), "gammas"),
        (lambda f: f["sampling"].update(method="euler"), "euler"),
        (lambda f: f["sampling"].update(eta=2), "eta"),
        (lambda f: f["sampling"].update(gains=[1, 0]), "gains"),
        (lambda f: f["sampling"].update(temperature=-1), "temperature"),
        (lambda f: f["sampling"].update(sharpness=-1), "sharpness"),
        (lambda f: f["sampling"].update(clamp={"kind": "soft", "limit": 1}), "soft"),
        (lambda f: f["files"].update({"denoiser.onnx": "x"}), "makes no sense"),
        (lambda f: f["files"]["denoiser.onnx"].update(bytes="many"), "whole numbers"),
        (
            lambda f: (
                f["sampling"].update(prediction="eps"),
                f["sampling"]["schedule"].update(gammas=[1.0, 0.0]),
            ),
            "gamma = 0",
        ),
    ],
)
def test_fields_that_make_no_sense_are_refused(
    copy: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    edit(copy, change)

    with pytest.raises(ModelError, match=message):
        load_bundle(copy)


def as_format_1(fields: dict[str, Any]) -> None:
    """Bring the fields back to how the first version of the format had them."""
    sampler = fields.pop("sampling")
    fields |= {"format": 1, "sampler": sampler}
    fields |= {name: sampler.pop(name) for name in ("ab_scale", "prediction", "schedule")}


def test_the_first_format_is_still_read_and_is_the_same_model(copy: Path) -> None:
    bundle = load_bundle(copy)
    edit(copy, as_format_1)
    old = load_bundle(copy)
    assert old.digest == bundle.digest
    assert old.family.sampling == bundle.family.sampling
    edit(copy, lambda fields: fields["sampler"].update(gain=1.12))
    with pytest.raises(ModelError, match="gain is now a list"):
        load_bundle(copy)


@pytest.mark.parametrize("family", ["tiny_bundle", "tiny_palette_bundle"])
def test_what_a_family_says_of_its_sampling_is_what_it_reads(
    family: str, request: pytest.FixtureRequest
) -> None:
    bundle = load_bundle(request.getfixturevalue(family))
    again = parse_family(bundle.family.name, bundle.grid, bundle.family.sampling)
    assert again.sampling == bundle.family.sampling


def test_the_files_of_a_bundle_are_read_once_to_be_verified_and_opened(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    opened = Path.open

    def noted(path: Path, *arguments: Any, **named: Any) -> Any:
        if path.parent == copy:
            read.append(path.name)
        return opened(path, *arguments, **named)

    monkeypatch.setattr(Path, "open", noted)
    Colorizer.open(str(copy), device="cpu")
    assert sorted(read) == ["bundle.json", "denoiser.onnx", "encoder.onnx"]


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_what_is_no_manifest_is_refused(copy: Path, text: str) -> None:
    (copy / "bundle.json").write_text(text)

    with pytest.raises(ModelError, match=r"bundle"):
        load_bundle(copy)


def test_no_clamp_is_a_clamp_of_kind_none(copy: Path) -> None:
    edit(copy, lambda fields: fields["sampling"].update(clamp={"kind": "none"}))

    family = load_bundle(copy).family
    assert isinstance(family, Diffusion)
    assert family.sampler.clamp is None


def test_the_digest_follows_what_decides_the_pixels(copy: Path) -> None:
    digest = load_bundle(copy).digest

    edit(copy, lambda fields: fields.update(quality={"lpips": 0.2}, name="renamed"))
    assert load_bundle(copy).digest == digest
    edit(copy, lambda fields: fields["sampling"].update(eta=0.5))
    assert load_bundle(copy).digest != digest


def test_models_are_found_by_name_and_unknown_ones_are_told_the_names(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(find_bundle, "_SHIPPED", tiny_bundle.parent)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").mkdir()  # a folder of the user's does not hide a model

    assert shipped_names() == ["tiny"]
    assert load_bundle("tiny").path == tiny_bundle
    with pytest.raises(ModelError, match=r"no model 'huge'.*tiny"):
        load_bundle("huge")
    with pytest.raises(ModelError, match=r"bundle\.json"):
        load_bundle("./tiny")


def test_nothing_is_written_of_a_bundle_that_makes_no_sense(tmp_path: Path) -> None:
    fields = tiny_fields("encoder") | {"grid": 0}

    with pytest.raises(ModelError, match="grid"):
        write_bundle(tmp_path / "new", fields, tiny_graphs("encoder"))
    assert not (tmp_path / "new").exists()


def test_a_bundle_whose_rewriting_broke_off_does_not_load(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_atomic = bundle_module.write_atomic

    def fail_at_the_manifest(path: Path, data: bytes) -> None:
        if path.name == "bundle.json":
            raise OSError("disk full")
        write_atomic(path, data)

    monkeypatch.setattr(bundle_module, "write_atomic", fail_at_the_manifest)
    with pytest.raises(OSError, match="disk full"):
        write_bundle(copy, tiny_fields("palette"), tiny_graphs("palette"))

    with pytest.raises(ModelError, match="damaged"):
        load_bundle(copy)


def test_a_family_that_is_no_word_is_refused(copy: Path) -> None:
    edit(copy, lambda fields: fields.update(family=["encoder"]))

    with pytest.raises(ModelError, match="not \\['encoder'\\]"):
        load_bundle(copy)
