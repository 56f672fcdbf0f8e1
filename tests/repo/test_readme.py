"""What the README and the pages say of commands, options, exit codes and extras is so."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

from colorize_cli import errors

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
ALL = "\n\n".join(path.read_text(encoding="utf-8") for path in PAGES)
COMMANDS = (
    "status",
    "verify",
    "sheet",
    "pick",
    "merge",
    "compare",
    "models",
    "study",
    "ui",
    "info",
    "bench",
    "prepare",
    "train",
    "runs",
    "validate",
    "evaluate",
    "export",
)


def table(heading: str) -> list[list[str]]:
    """Cells of the rows of the table whose first column is headed `heading`."""
    page = {"code": "options", "option": "options", "command": "options", "extra": "install"}[
        heading
    ]
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    _, _, rest = text.partition(f"| {heading} |")
    rows = rest.split("\n\n")[0].splitlines()[2:]
    assert rows, f"{page}.md has no table headed {heading!r}"
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


@cache
def options_of(*command: str) -> frozenset[str]:
    """Long options that the help of a command lists."""
    run = subprocess.run(
        [sys.executable, "-m", "colorize_cli", *command, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
    )
    assert run.returncode == 0, run.stderr
    return frozenset(re.findall(r"(?<![\w-])--[a-z][a-z-]*", run.stdout))


def shell_lines(program: str) -> list[str]:
    """Lines of the pages' shell blocks that call a program, without their comments."""
    blocks = re.findall(r"```sh\n(.*?)```", ALL, re.DOTALL)
    lines = (line.split("#")[0].strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if line.split(" ")[0] == program]


def test_the_exit_codes_are_those_of_the_program() -> None:
    stated = {int(row[0]) for row in table("code")}
    assert stated == {value for name, value in vars(errors).items() if name.startswith("EXIT_")}


def test_the_option_table_is_that_of_the_help() -> None:
    stated = {option for row in table("option") for option in re.findall(r"--[a-z-]+", row[0])}
    assert stated == options_of("run") - {"--help"}


@pytest.mark.parametrize("line", shell_lines("colorize"))
def test_the_examples_use_options_that_exist(line: str) -> None:
    words = line.split()
    command = words[1:2] if words[1] in COMMANDS else ["run"]
    if command == ["study"]:
        command = words[1:3]
    assert set(re.findall(r"--[a-z-]+", line)) <= options_of(*command)


def test_every_command_of_the_table_has_help() -> None:
    stated = {row[0].strip("`").split()[1] for row in table("command")}
    assert stated == set(COMMANDS)
    assert all(options_of(command) for command in stated)


def test_the_extras_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    stated = {row[0].strip("`") for row in table("extra")}
    assert stated == set(project["optional-dependencies"])


def test_the_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"^make ([a-z]+)|`make ([a-z]+)", README, re.MULTILINE))
    assert {"demo", "test"} <= {a or b for a, b in named} <= targets


def test_the_readme_is_read_in_five_minutes() -> None:
    assert len(README.splitlines()) <= 120


def test_no_text_says_to_install_by_name_what_is_on_no_index() -> None:
    """The name `colorize` is another project's there, and `colorize-cli` is free for anyone."""
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    modules = [
        *ROOT.glob("colorize_cli/*.py"),
        *ROOT.glob("training/*.py"),
        *ROOT.glob("export/*.py"),
    ]
    by_name = re.compile(r"(pip|pipx|tool) install\s+(-\S+\s+)*['\"]?colorize(-cli)?(?![\w-])")
    assert [
        path.name for path in documents + modules if by_name.search(path.read_text("utf-8"))
    ] == []


@pytest.mark.slow
def test_the_example_in_python_writes_four_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs/python.md").read_text("utf-8"), re.DOTALL
    )
    assert len(code) == 1
    (tmp_path / "examples").mkdir()
    shutil.copy(ROOT / "examples" / "camera.jpg", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    exec(code[0], {})
    assert len({path.read_bytes() for path in tmp_path.glob("colour.*.png")}) == 4
