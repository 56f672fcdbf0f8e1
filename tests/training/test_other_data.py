"""A run knows what it is trained on, and goes on with something else only where that is said."""

from pathlib import Path
from typing import Any

import pytest
from made.tiny_runs import TINY_TOML, write_photos

from colorize_cli.errors import UsageError
from training.checkpoint import RUN_FILE, load_checkpoint
from training.data.photos import Photos
from training.run import run


def trained(folder: Path, photos: Path, steps: int, **options: Any) -> dict[str, Any]:
    recipe = folder / "tiny.toml"
    recipe.write_text(TINY_TOML, encoding="utf-8")
    run(
        recipe=None if options.get("resume_run") else str(recipe),
        data=[photos],
        out=folder / "run",
        overrides=[f"optim.steps={steps}"],
        device="cpu",
        report=lambda line: None,
        **options,
    )
    return dict(load_checkpoint(folder / "run" / RUN_FILE).progress["data"])


def test_a_resume_on_other_photographs_wants_to_be_told(tmp_path: Path) -> None:
    photos, others = write_photos(tmp_path / "photos"), write_photos(tmp_path / "others", 4, seed=1)
    first = trained(tmp_path, photos, 1)
    assert first == {"digest": Photos([photos], {}, 32).digest, "photos": 3, "manifests": []}
    assert trained(tmp_path, photos, 2, resume_run=True) == first
    with pytest.raises(UsageError, match="3 of them, where --data has 4"):
        trained(tmp_path, others, 3, resume_run=True)
    assert trained(tmp_path, others, 3, resume_run=True, other_data=True)["photos"] == 4
    trained(tmp_path, others, 4, resume_run=True)  # which are its own now


def test_a_photograph_that_changed_makes_other_data(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "photos")
    before = Photos([folder], {}, 32).digest
    write_photos(folder, seed=2)
    assert Photos([folder], {}, 32).digest != before
