import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from colorize_cli.bundle import load_bundle
from colorize_cli.colorizer import Colorizer
from colorize_cli.devices import resolve
from colorize_cli.errors import MissingExtraError, ModelError, UsageError
from colorize_cli.lab import lightness
from training import lpips
from training.evaluate import MEAN_AB, mean_ab_of, run
from training.evaluation import EvaluationSettings, Split, evaluate, grey_of, select
from training.lpips import Lpips
from training.metrics import psnr
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


@pytest.fixture(autouse=True)
def restore_random_state() -> Iterator[None]:
    with torch.random.fork_rng():
        yield


def open_tiny(bundle: Path, batch: int = 1) -> Colorizer:
    return Colorizer(load_bundle(bundle), resolve("cpu"), steps=2, batch=batch)


def nothing() -> None:
    """Report progress to no one."""


def measure(photos: Path, colorizer: Colorizer, split: Split = "all") -> tuple[float, ...]:
    settings = EvaluationSettings(MEAN_AB, samples=2, split=split)
    indices, _ = select([photos], split)
    result = evaluate([photos], indices, colorizer, None, settings, nothing)
    return tuple(sample.psnr for photo in result.photos for sample in photo.samples)


def test_the_command_prints_its_tables_and_writes_all_figures(
    photos: Path,
    weights: Path,
    tiny_bundle: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "figures.json"
    result = run(
        [photos],
        model=str(tiny_bundle),
        samples=3,
        json=path,
        split="all",
        device="cpu",
        steps=2,
        lpips=weights,
    )
    document = json.loads(path.read_text())
    assert document["settings"]["photos"] == [photos.name]
    assert document["settings"]["split"] == "all"
    assert document["model"]["digest"] == load_bundle(tiny_bundle).digest
    assert str(tmp_path) not in path.read_text()
    assert set(document["sets"]) == {"art", "zoo"}
    assert [photo["name"] for photo in document["photos"]] == [
        f"{s}/{i}.png" for s in ("art", "zoo") for i in range(4)
    ]
    first = document["photos"][0]
    assert len(first["samples"]) == 3
    assert 0 < first["diversity"]
    assert first["grey"]["colourfulness"] == 0.0
    by_hand = np.mean(
        [
            np.mean([p["samples"][0]["lpips"] for p in half])
            for half in (document["photos"][:4], document["photos"][4:])
        ]
    )
    overall = document["overall"]
    assert overall["model"]["lpips_first"] == pytest.approx(by_hand, abs=1e-5)
    grey = overall["grey"]["lpips_first"]
    assert overall["ratios"]["lpips_first_below_grey"] == pytest.approx(
        100 * (1 - by_hand / grey), abs=0.01
    )
    assert result.overall.model.lpips_first == overall["model"]["lpips_first"]

    out, err = capsys.readouterr()
    assert re.search(rf"grey input.*{grey:.4f}", out)
    assert "PSNR above grey's" in out
    assert "Hasler and Suesstrunk 2003, signed" in out
    assert re.search(r"zoo.*4", out)
    assert "device: CPU" in err


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
    together = measure(photos, open_tiny(tiny_bundle))
    assert measure(photos, open_tiny(tiny_bundle, batch=3)) == together
    assert measure(photos / "art", open_tiny(tiny_bundle)) == together[:8]


def test_the_halves_make_up_the_whole(photos: Path) -> None:
    tune, found = select([photos], "tune")
    report, _ = select([photos], "report")
    whole, _ = select([photos], "all")
    assert found == 8
    assert tune | report == whole == frozenset(range(8))
    assert not tune & report
    halves = [half_of(data) for _, data in iter_photos([photos])]
    assert tune == {i for i, half in enumerate(halves) if half == "tune"}


def test_a_limit_takes_the_first_photos_of_each_set(photos: Path) -> None:
    assert select([photos], "all", limit=3)[0] == {0, 1, 2, 4, 5, 6}


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
    indices, _ = select([folder], "all")
    calls: list[None] = []
    result = evaluate(
        [folder], indices, open_tiny(tiny_bundle), None, settings, lambda: calls.append(None)
    )
    assert [photo.name for photo in result.photos] == ["a/colour.png"]
    assert set(result.left_out) == {"a/grey.png", "a/damaged.png"}
    assert result.left_out["a/grey.png"] == "it is grey"
    assert len(calls) == 3
    with pytest.raises(UsageError, match="in colour"):
        evaluate(
            [folder / "a" / "grey.png"],
            frozenset({0}),
            open_tiny(tiny_bundle),
            None,
            settings,
            nothing,
        )


def test_a_16_bit_photo_is_measured_as_its_8_bit_version(tiny_bundle: Path, tmp_path: Path) -> None:
    truth = made_photo(40, 48, 5)
    write_png(tmp_path / "deep" / "1.png", truth.astype(np.uint16) * 257)
    settings = EvaluationSettings(MEAN_AB, samples=1, split="all")
    result = evaluate(
        [tmp_path / "deep"], frozenset({0}), open_tiny(tiny_bundle), None, settings, nothing
    )
    grey = np.repeat(grey_of(truth)[..., None], 3, 2)
    assert result.photos[0].grey.psnr == psnr(truth, grey)


def test_the_mean_colour_is_the_bundles_own_where_it_states_one(tiny_bundle: Path) -> None:
    bundle = load_bundle(tiny_bundle)
    assert mean_ab_of(bundle) == MEAN_AB
    assert mean_ab_of(replace(bundle, training={"mean_ab": [1, -2.5]})) == (1.0, -2.5)
    with pytest.raises(ModelError, match="mean_ab"):
        mean_ab_of(replace(bundle, training={"mean_ab": "grey"}))


def test_the_mean_colour_tints_the_picture(photos: Path, tiny_bundle: Path) -> None:
    settings = EvaluationSettings((30.0, 0.0), samples=1, split="all")
    result = evaluate(
        [photos / "art"], frozenset({0}), open_tiny(tiny_bundle), None, settings, nothing
    )
    assert result.photos[0].mean_colour.colourfulness > 10


def test_lpips_can_be_left_out_and_is_asked_for_where_it_is_missing(
    photos: Path,
    tiny_bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(lpips.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="--no-lpips"):
        run([photos], model=str(tiny_bundle), device="cpu")
    result = run(
        [photos / "zoo"],
        model=str(tiny_bundle),
        samples=2,
        split="all",
        device="cpu",
        steps=2,
        no_lpips=True,
    )
    assert result.overall.model.lpips_first is None
    assert result.overall.model.diversity is None
    assert result.overall.model.psnr_best >= result.overall.model.psnr_first
    assert "LPIPS below" not in capsys.readouterr().out


def test_a_json_file_that_cannot_be_written_is_refused_before_the_work(
    photos: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        run([photos], model=str(tiny_bundle), json=tmp_path / "nowhere" / "figures.json")
