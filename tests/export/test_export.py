"""Export: the bundle computes what PyTorch computes, is its own checkpoint, and tells no tales."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch
from made.checkpoints import ENCODER, make_checkpoint
from made.tiny_bundles import tiny_fields

from colorize_cli.cli.app import main
from colorize_cli.errors import CheckError, ModelError, UsageError
from colorize_cli.model.bundle import Bundle, load_bundle, write_bundle
from export.bundle_folder import bundle_files, check_folder
from export.call_check import Check, check_parity
from export.run import ExportSettings, bundle_name, run
from export.source import from_checkpoint
from export.trace import export_graphs
from training.bundle_state import network_from_bundle
from training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from training.families.diffusion_recipe import DiffusionRecipe
from training.families.encoder import build


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Bundle]]:
    folder = tmp_path_factory.mktemp("export")
    made: dict[str, tuple[Path, Bundle]] = {}

    def make(family: str) -> tuple[Path, Bundle]:
        if family not in made:
            checkpoint = make_checkpoint(folder, family)
            settings = ExportSettings(checkpoint, folder / f"{family}-bundle")
            run(settings, report=lambda line: None)
            made[family] = checkpoint, load_bundle(folder / f"{family}-bundle")
        return made[family]

    return make


@pytest.mark.slow
@pytest.mark.parametrize("family", ["encoder", "palette"])
def test_the_bundle_is_its_own_checkpoint(
    family: str, exported: Callable[[str], tuple[Path, Bundle]]
) -> None:
    checkpoint, bundle = exported(family)
    assert bundle.name == f"{family}-bundle"
    stored = network_from_bundle(bundle).state_dict()
    for name, tensor in load_checkpoint(checkpoint).state.items():
        torch.testing.assert_close(stored[name], tensor, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_the_files_hold_no_path_or_trace_of_the_machine(
    exported: Callable[[str], tuple[Path, Bundle]],
) -> None:
    _, bundle = exported("encoder")
    for name in ("encoder.onnx", "denoiser.onnx"):
        data = bundle.read(name)
        for telltale in (b".py", b"site-packages", str(Path.cwd()).encode(), b"stack_trace"):
            assert telltale not in data
    inputs = onnx.load_model_from_string(bundle.read("denoiser.onnx")).graph.input
    dims = {
        i.name: [d.dim_param or d.dim_value for d in i.type.tensor_type.shape.dim] for i in inputs
    }
    assert dims["noisy_ab"] == ["rows", 2, "height_0", "width_0"]
    assert dims["cond_3"] == ["batch", 16, "height_3", "width_3"]


@pytest.mark.slow
def test_parity_fails_when_the_weights_differ(
    exported: Callable[[str], tuple[Path, Bundle]],
) -> None:
    _, bundle = exported("encoder")
    network = network_from_bundle(bundle)
    lines: list[str] = []
    check_parity(bundle, network, lines.append)
    assert all(line.startswith("[ok") for line in lines)
    with torch.no_grad():
        next(iter(network.denoiser.parameters())).mul_(1.1)
    with pytest.raises(CheckError, match="comparisons"):
        check_parity(bundle, network, lines.append)
    assert any(line.startswith("[FAIL]") for line in lines)


@pytest.mark.slow
def test_exporting_twice_gives_the_same_bytes(
    exported: Callable[[str], tuple[Path, Bundle]], traced: dict[str, dict[str, bytes]]
) -> None:
    _, bundle = exported("palette")
    traced.clear()
    again = export_graphs(network_from_bundle(bundle), bundle.family.name)
    assert again["denoiser.onnx"] == bundle.read("denoiser.onnx")


def test_a_check_with_a_difference_that_is_no_number_fails() -> None:
    assert not Check("x", float("nan"), 1.0).passed


def test_a_bundle_that_lacks_weights_is_no_checkpoint(tiny_bundle: Path) -> None:
    with pytest.raises(ModelError, match="cannot serve as a checkpoint"):
        network_from_bundle(load_bundle(tiny_bundle))


def test_a_file_that_is_no_onnx_is_named(tiny_bundle: Path, tmp_path: Path) -> None:
    source = load_bundle(tiny_bundle)
    files = {"encoder.onnx": b"\xff" * 9, "denoiser.onnx": source.read("denoiser.onnx")}
    with pytest.raises(ModelError, match=r"encoder\.onnx"):
        write_bundle(tmp_path / "broken", tiny_fields("encoder"), files)


def test_a_run_file_is_refused_with_the_name_of_the_right_one(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    recipe = DiffusionRecipe("tiny", "encoder", network=ENCODER)
    save_checkpoint(path, Checkpoint(recipe, {"model.x": torch.zeros(1)}, {}))
    with pytest.raises(ModelError, match=r"weights\.safetensors"):
        run(ExportSettings(path, tmp_path / "out"), report=lambda line: None)


def test_weights_of_another_network_are_refused_with_three_names_at_most(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    recipe = DiffusionRecipe("tiny", "encoder", network=ENCODER)
    state = build(ENCODER).state_dict()
    first, second, *_, last = state
    changed = {name: tensor for name, tensor in state.items() if name != first}
    changed |= {second: torch.zeros(2, 1), "other": torch.zeros(1)}
    save_checkpoint(path, Checkpoint(recipe, changed, {}))
    with pytest.raises(ModelError) as one:
        run(ExportSettings(path, tmp_path / "out"), report=lambda line: None)
    assert f"{first} is missing; {second} is (2, 1), not (" in str(one.value)
    assert str(one.value).endswith("other is unknown.")
    save_checkpoint(path, Checkpoint(recipe, {last: state[last]}, {}))
    with pytest.raises(ModelError, match=rf"; and {len(state) - 4} more\.$") as all_but_one:
        run(ExportSettings(path, tmp_path / "out"), report=lambda line: None)
    assert str(all_but_one.value).count("is missing") == 3


def test_a_path_without_a_checkpoint_is_told(tmp_path: Path) -> None:
    for suffix in (".pth", ".safetensors"):
        with pytest.raises(ModelError, match="does not exist"):
            run(ExportSettings(tmp_path / f"no{suffix}", tmp_path / "out"), lambda line: None)
    with pytest.raises(ModelError, match=r"a folder; .*weights\.safetensors"):
        run(ExportSettings(tmp_path, tmp_path / "out"), lambda line: None)


def test_a_folder_that_holds_something_is_refused_before_any_work(
    tmp_path: Path, tiny_bundle: Path
) -> None:
    no_checkpoint = tmp_path / "none.safetensors"
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "letter.txt").write_text("dear")
    (tmp_path / "file").write_text("")
    for out, overwrite, says in (
        (tiny_bundle, False, "--overwrite"),
        (foreign, False, "holds no bundle"),
        (foreign, True, "holds no bundle"),
        (tmp_path / "file", True, "is a file"),
    ):
        with pytest.raises(UsageError, match=says):
            run(ExportSettings(no_checkpoint, out, overwrite=overwrite), lambda line: None)
    assert [path.name for path in foreign.iterdir()] == ["letter.txt"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="does not exist"):
        run(ExportSettings(no_checkpoint, tmp_path / "empty"), lambda line: None)


def test_a_folder_that_cannot_be_looked_into_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(UsageError, match=r"cannot be looked into \(Permission denied\)"):
        check_folder(tmp_path, overwrite=True)


def test_only_plain_files_beside_the_manifest_count_as_those_of_a_bundle(tmp_path: Path) -> None:
    names = ["denoiser.onnx", "bundle.json", "Bundle.JSON", "", ".", "..", "../x", "sub/x"]
    manifest = {"format": 1, "files": dict.fromkeys(names, "digest")}
    (tmp_path / "bundle.json").write_text(json.dumps(manifest))
    assert bundle_files(tmp_path) == frozenset({"denoiser.onnx"})


@pytest.mark.slow
def test_an_overwritten_bundle_leaves_nothing_behind_but_what_is_not_its_own(
    tmp_path: Path, tiny_bundle: Path
) -> None:
    out = tmp_path / "bundle"
    shutil.copytree(tiny_bundle, out)
    (out / "LICENSE").write_text("mine")
    (out / "encoder.onnx").write_bytes(b"damaged")
    checkpoint = make_checkpoint(tmp_path, "palette")
    run(ExportSettings(checkpoint, out, check=False, overwrite=True), lambda line: None)
    assert load_bundle(out).family.name == "palette"
    names = {path.name for path in out.iterdir()}
    assert names == {"LICENSE", "bundle.json", "denoiser.onnx"}


def test_overrides_without_a_checkpoint_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="CHECKPOINT"):
        run(ExportSettings(None, tmp_path, overrides=("sampling.eta=1",)), report=lambda _: None)


def test_a_wrong_override_is_refused_before_any_work(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_checkpoint(path, Checkpoint(DiffusionRecipe("tiny", "encoder"), {}, {}))
    with pytest.raises(UsageError, match=r"sampling\.speed"):
        run(
            ExportSettings(path, tmp_path / "out", overrides=("sampling.speed=1",)),
            report=lambda _: None,
        )


@pytest.mark.slow
def test_another_opset_gives_the_same_network(tmp_path: Path) -> None:
    opset = 23  # the newest
    checkpoint = make_checkpoint(tmp_path, "palette")
    run(ExportSettings(checkpoint, tmp_path / "out", opset=opset), lambda line: None)
    bundle = load_bundle(tmp_path / "out")
    model = onnx.load_model_from_string(bundle.read("denoiser.onnx"))
    assert [entry.version for entry in model.opset_import if not entry.domain] == [opset]
    network_from_bundle(bundle)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--fp16", "--int8"], "choose one"),
        (["--calibrate", "."], "--int8"),
        (["--int8", "--opset", "21"], "at most 20"),
        (["--family", "palette"], "CHECKPOINT"),
        (["--opset", "17"], "18"),
    ],
)
def test_options_that_make_no_sense_are_refused_at_once(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "--out", str(tmp_path / "out"), *arguments]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("overrides", "name"),
    [((), "mine"), (("sampling.eta=1",), "mine"), (("name = other",), "given")],
)
def test_a_bundle_is_named_after_its_folder_unless_it_is_told_a_name(
    overrides: tuple[str, ...], name: str, tmp_path: Path
) -> None:
    settings = ExportSettings(None, tmp_path / "x" / ".." / "mine", overrides=overrides)
    assert bundle_name(settings, "given") == name


def test_a_recipe_s_views_of_large_photos_are_in_the_bundle(tmp_path: Path) -> None:
    views = {
        "auto": {"from_side": 448, "working_size": 320, "levels": [1, 3]},
        "fine": {"from_side": 448, "working_size": 384},
    }
    made = load_checkpoint(make_checkpoint(tmp_path, "encoder"))
    recipe = replace(made.recipe, sampling=replace(made.recipe.sampling, views=views))
    path = tmp_path / "seen.safetensors"
    save_checkpoint(path, replace(made, recipe=recipe))
    fields = from_checkpoint(path, None, [], print)[1]
    assert fields["views"]["fine"] == views["fine"]
    gammas = fields["sampling"]["schedule"]["gammas"]
    schedule = fields["views"]["auto"]["sampling"]["schedule"]
    assert schedule["gammas"] == [gammas[number] for number in (0, 1, 3)]
    with pytest.raises(UsageError, match="levels are of 1 to 3"):
        from_checkpoint(path, None, ["sampling.views.auto.levels=[0]"], print)
