"""Runs tell where their weights come from, and how many samples those saw, to the bundle."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from made.checkpoints import PALETTE

from colorize_cli.model.bundle import load_bundle
from export.run import ExportSettings
from export.run import run as export
from export.source import from_checkpoint
from training.checkpoint import WEIGHTS_FILE, load_checkpoint, weights_digest
from training.lineage import with_total
from training.run import run

SAMPLES = {"a": 2, "b": 4, "c": 6}  # of each run below


def silent(line: str) -> None:
    """Take a line of progress and leave it at that."""


@pytest.fixture
def trained(tmp_path: Path) -> Callable[..., Path]:
    """Train a small network: run "a" for one step, "b" for two, of two samples each."""
    photos = tmp_path / "photos" / "set"
    photos.mkdir(parents=True)
    coarse = np.random.default_rng(0).integers(0, 256, (5, 5, 3)).astype(np.uint8)
    (photos / "0.png").write_bytes(cv2.imencode(".png", cv2.resize(coarse, (40, 36)))[1].tobytes())
    network = "".join(f"{key} = {value}\n" for key, value in PALETTE.items())
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(
        f'family = "palette"\n[network]\n{network}[data]\nsize = 32\ngrid = 1\n'
        "[optim]\nphotos = 1\nviews = 2\nsteps = 1\n[sampling]\nsteps = 2\nworking_size = 32\n"
    )

    def train(name: str, **options: Any) -> Path:
        overrides = [f"optim.steps={SAMPLES[name] // 2}", *options.pop("overrides", ())]
        run(
            recipe=None if options.get("resume_run") else str(recipe),
            data=[tmp_path / "photos"],
            out=tmp_path / name,
            overrides=overrides,
            device="cpu",
            report=silent,
            **options,
        )
        return tmp_path / name / WEIGHTS_FILE

    return train


def test_a_run_names_those_that_it_was_begun_from_and_adds_up_their_samples(
    trained: Callable[..., Path],
) -> None:
    a = trained("a")
    b = trained("b", init=str(a))
    c = trained("c", init=str(b))
    first, second, third = (load_checkpoint(path).progress for path in (a, b, c))
    assert (first["begun_from"], first["samples_seen_in_all"]) == ([], 2)
    [parent] = second["begun_from"]
    assert {k: parent[k] for k in ("name", "recipe", "weights", "step", "samples_seen")} == {
        **{"name": "a", "recipe": "tiny", "weights": weights_digest(a)},
        **{"step": 1, "samples_seen": 2},
    }
    assert (second["samples_seen"], second["samples_seen_in_all"]) == (4, 6)
    assert [run["name"] for run in third["begun_from"]] == ["a", "b"]
    assert third["begun_from"][0] == parent
    assert (third["samples_seen"], third["samples_seen_in_all"]) == (6, 12)


def test_a_resume_keeps_where_the_run_began(trained: Callable[..., Path]) -> None:
    a = trained("a")
    b = trained("b", init=str(a))
    begun_from = load_checkpoint(b).progress["begun_from"]
    trained("b", resume_run=True, overrides=["optim.steps=3"])
    progress = load_checkpoint(b).progress
    assert progress["begun_from"] == begun_from
    assert (progress["samples_seen"], progress["samples_seen_in_all"]) == (6, 8)


@pytest.mark.slow
def test_a_bundle_has_the_lineage_of_its_weights_and_hands_it_on(
    trained: Callable[..., Path], tmp_path: Path
) -> None:
    a = trained("a")
    b = trained("b", init=str(a))
    export(ExportSettings(b, tmp_path / "bundle", check=False), silent)
    training = load_bundle(tmp_path / "bundle").training
    assert (training["samples_seen"], training["samples_seen_in_all"]) == (4, 6)
    assert [run["weights"] for run in training["begun_from"]] == [weights_digest(a)]
    c = trained("c", init=str(tmp_path / "bundle"))
    _, fields = from_checkpoint(c, None, (), silent)
    assert fields["training"]["samples_seen_in_all"] == 12
    assert fields["training"]["begun_from"][0] == training["begun_from"][0]
    last = fields["training"]["begun_from"][-1]
    assert (last["name"], last["weights"]) == ("bundle", weights_digest(b))


def test_the_shipped_bundle_was_made_of_five_runs() -> None:
    training = load_bundle("default").training
    assert len(training["begun_from"]) == 4
    assert training["samples_seen_in_all"] == 426_096
    assert with_total(training) == training


def test_weights_of_which_nothing_is_known_get_no_figures() -> None:
    assert with_total({"weights": "x"}) == {"weights": "x"}
