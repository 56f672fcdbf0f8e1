"""Photographs are coloured as `colorize` would and measured one by one."""

from pathlib import Path

import numpy as np
import pytest
from made.evaluated import Patches, made_photo, open_tiny, write_png

from colorize_cli.errors import UsageError
from colorize_cli.imaging.shrink import shrunk
from colorize_cli.model.colorizer import Colorizer
from training.evaluation import evaluate as protocol
from training.evaluation.evaluate import EvaluationSettings, evaluate
from training.evaluation.figures import PhotoFigures
from training.evaluation.inputs import grey_of
from training.evaluation.metrics import psnr
from training.evaluation.run import MEAN_AB
from training.evaluation.selection import Split, select


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
    judge_at: int | None = None,
) -> list[PhotoFigures]:
    settings = EvaluationSettings(
        mean_ab, samples=samples, split=split, degraded=degraded, judge_at=judge_at
    )
    result = evaluate(paths, select(paths, split), colorizer, None, None, settings, nothing)
    return [photo.figures for photo in result.photos]


def test_figures_do_not_depend_on_batch_or_company(photos: Path, tiny_bundle: Path) -> None:
    together = measure([photos], open_tiny(tiny_bundle), samples=2)
    assert str(measure([photos], open_tiny(tiny_bundle, batch=3), samples=2)) == str(together)
    assert str(measure([photos / "art"], open_tiny(tiny_bundle), samples=2)) == str(together[:4])


def test_grey_and_damaged_photos_are_left_out_and_named(
    photos: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mixed"
    write_png(folder / "a" / "colour.png", made_photo(40, 48, 1))
    write_png(folder / "a" / "grey.png", grey := made_photo(40, 48, 1)[..., 1])
    sepia = np.rint(grey[..., None] * [1, 0.8, 0.6]).astype(np.uint8)
    write_png(folder / "a" / "sepia.png", sepia)
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
    assert set(result.left_out) == {"a/grey.png", "a/damaged.png", "a/sepia.png"}
    assert "toned print" in result.left_out["a/sepia.png"]
    assert result.left_out["a/grey.png"] == "it is grey"
    assert len(calls) == 4
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


def test_degraded_inputs_are_measured_against_the_clean_truth(
    photos: Path, tiny_bundle: Path
) -> None:
    clean = measure([photos], open_tiny(tiny_bundle))
    degraded = measure([photos], open_tiny(tiny_bundle), degraded=True)
    assert [p.truth_colourfulness for p in clean] == [p.truth_colourfulness for p in degraded]
    assert np.mean([p.grey.ssim for p in degraded]) < np.mean([p.grey.ssim for p in clean]) - 0.02
    # L is kept: of the input, which is the degraded one.
    assert max(p.samples[0].lightness_mean for p in degraded) < 1


def test_the_mean_colour_tints_the_picture(photos: Path, tiny_bundle: Path) -> None:
    figures, *_ = measure([photos / "art"], open_tiny(tiny_bundle), mean_ab=(30.0, 0.0))
    assert figures.mean_colour.colourfulness > 10


def test_large_photos_are_judged_at_a_common_size_and_small_ones_as_they_are(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    write_png(tmp_path / "set" / "large.png", made_photo(160, 200, 1))
    write_png(tmp_path / "set" / "small.png", made_photo(64, 80, 2))
    paths, colorizer = [tmp_path / "set"], open_tiny(tiny_bundle)
    full = measure(paths, colorizer, samples=2)
    judged = measure(paths, colorizer, samples=2, judge_at=64)
    assert [(p.height, p.width) for p in judged] == [(p.height, p.width) for p in full]
    assert str(judged[1]) == str(full[1])
    # Noise of single pixels averages out, so that the picture comes closer; its lightness stays.
    assert judged[0].samples[0].psnr > full[0].samples[0].psnr
    assert judged[0].samples[0].lightness_mean < 0.5


def test_a_picture_that_is_taken_down_keeps_the_mean_of_its_light() -> None:
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255
    assert shrunk(stripes, None) is stripes
    small = shrunk(stripes, 128)
    assert small.shape == (128, 128, 3)
    assert np.all(small == 188)  # half of white's light; half of its level would be 128
    assert shrunk(stripes[:200, :, 0], 100).shape == (100, 128)
