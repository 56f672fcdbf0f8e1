"""A checkpoint of a stranger is read without running anything, or refused."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from colorize_cli.errors import ModelError
from training.checkpoint import load_checkpoint


@pytest.mark.parametrize(
    "text", ["null", "[]", "{}", '{"recipe": [], "progress": {}}', "[" * 100_000, "1" * 5000, "{"]
)
def test_notes_that_are_no_recipe_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"x": torch.zeros(1)}, path, {"colorize": text})
    with pytest.raises(ModelError, match=r"holds no recipe|is damaged"):
        load_checkpoint(path)


@pytest.mark.parametrize("data", [b"", b"\xff" * 100, b"\x80\x04K\x01.", b"PK\3\4" + bytes(100)])
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(data)
    with pytest.raises(ModelError, match="is damaged"):
        load_checkpoint(path)
