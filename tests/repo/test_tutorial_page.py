"""The commands of docs/tutorial.md, run one after the other, as a toy."""

import re
import shlex
from pathlib import Path

import pytest
from made.tiny_runs import write_photos

from colorize_cli.cli.app import main

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
# What makes a toy of each command: options that come last, and so count.
TRAINED = (
    "network.channels=4",
    "network.groups=2",
    "network.head_dim=4",
    "network.multipliers=[1,1]",
    "network.blocks=1",
    "data.size=32",
    "sampling.working_size=32",
    "optim.photos=2",
    "optim.steps=3",
)
TOY = {
    "prepare": ["--smallest", "32", "--validation", "0.5"],
    "train": [word for change in TRAINED for word in ("--set", change)],
    "train --resume": ["--set", "optim.steps=4"],
    "evaluate": ["--limit", "2", "--no-lpips", "--no-inception", "--device", "cpu"],
    "run": ["--device", "cpu"],
}


def commands() -> list[list[str]]:
    """The words of each command of the page, in its order."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.strip()]


def toy(words: list[str]) -> list[str]:
    """The arguments of a command of the page, made a toy."""
    program, command, *_ = words
    assert program == "colorize"
    if command == "train" and "--resume" in words:
        command = "train --resume"
    return [*words[1:], *TOY.get("run" if command.endswith("/") else command, [])]


@pytest.mark.slow
def test_the_commands_lead_from_a_folder_of_photographs_to_a_coloured_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_photos(tmp_path / "photos", 110)
    write_photos(tmp_path / "old", 2, seed=1)
    steps = commands()
    assert [words[1] for words in steps][:3] == ["prepare", "train", "train"]
    for words in steps:
        assert main(toy(words)) == 0, words
    assert len([*(tmp_path / "coloured").rglob("*.png")]) == 2 * 4
    assert len([*(tmp_path / "traces").rglob("*.webp")]) == 2
    assert (tmp_path / "runs" / "mine" / "best.safetensors").is_file()
    assert len([*(tmp_path / "runs" / "mine" / "samples").glob("*.png")]) == 2
    assert (tmp_path / "curves.png").is_file()
