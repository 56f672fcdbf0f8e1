import importlib.machinery
import importlib.metadata
import importlib.util
import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from colorize_cli.cli import app
from colorize_cli.errors import MissingExtraError
from colorize_cli.system import installed as extras

ROOT = Path(__file__).parents[2]
COMMANDS = {
    "train": ("train",),
    "export": ("export",),
    "evaluate": ("evaluate", "photos"),
}

Hide = Callable[..., None]


@pytest.fixture
def hide(monkeypatch: pytest.MonkeyPatch) -> Hide:
    """Make modules look as if they were not installed, or only an empty folder of theirs."""

    def hide(*names: str, hollow: bool = False) -> None:
        find = importlib.util.find_spec

        def found(name: str) -> importlib.machinery.ModuleSpec | None:
            if name in names:
                return importlib.machinery.ModuleSpec(name, None) if hollow else None
            return find(name)

        monkeypatch.setattr(importlib.util, "find_spec", found)

    return hide


def installed_from(monkeypatch: pytest.MonkeyPatch, origin: dict[str, object] | None) -> None:
    """Make the package look as if an installer had put it there from that place (PEP 610)."""

    class Distribution:
        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return origin and json.dumps(origin)

    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: Distribution())


@pytest.mark.parametrize("extra", COMMANDS)
def test_a_command_without_its_extra_says_how_to_install_it(
    extra: str, hide: Hide, capsys: pytest.CaptureFixture[str]
) -> None:
    hide("torch", "openvino", "tensorrt")
    assert app.main(COMMANDS[extra]) == 3
    out, err = capsys.readouterr()
    assert not out
    assert "torch" in err
    assert "Traceback" not in err
    for installer in ("pip install", "pipx install", "uv tool install"):
        assert any(installer in line and f"[{extra}]" in line for line in err.splitlines()), (
            installer
        )


def test_only_what_is_missing_is_named(hide: Hide) -> None:
    hide("onnxscript")
    with pytest.raises(MissingExtraError, match="needs onnxscript, which"):
        extras.require("export")
    extras.require("train")


def test_the_extras_are_those_of_the_project() -> None:
    import tomllib

    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for extra in extras.EXTRAS:
        wanted = {line.split(">")[0] for line in stated["optional-dependencies"][extra]}
        assert set(extras.EXTRAS[extra]) <= wanted


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (None, f"{ROOT}[train]"),
        ({"url": "file:///a%20b", "dir_info": {}}, "colorize-cli[train] @ file:///a%20b"),
        (
            {"url": "file:///x.whl", "archive_info": {}},
            "colorize-cli[train] @ file:///x.whl",
        ),
        (
            {"url": "https://host/repo", "vcs_info": {"vcs": "git", "commit_id": "c0"}},
            "colorize-cli[train] @ git+https://host/repo@c0",
        ),
        ({"url": "file:///a%20b", "dir_info": {"editable": True}}, "/a b[train]"),
    ],
)
def test_the_commands_install_from_where_this_came_from(
    monkeypatch: pytest.MonkeyPatch, hide: Hide, origin: dict[str, object] | None, expected: str
) -> None:
    hide("openvino", "tensorrt")
    installed_from(monkeypatch, origin)
    for line in extras.install_commands("train").splitlines():
        words = shlex.split(line)
        assert words[-1] == expected
        is_editable = bool(origin and origin.get("dir_info"))
        assert ("--editable" in words) == is_editable
    pip = shlex.split(extras.install_commands("train").splitlines()[0])
    assert pip[1:5] == [sys.executable, "-m", "pip", "install"]


def test_what_is_made_anew_keeps_the_runtimes_that_are_there(
    monkeypatch: pytest.MonkeyPatch, hide: Hide
) -> None:
    hide("tensorrt")
    monkeypatch.setattr(extras, "_is_missing", lambda module: module == "tensorrt")
    installed_from(monkeypatch, None)
    pip, pipx, uv = extras.install_commands("train").splitlines()
    assert pip.endswith("[train]'")
    assert pipx.endswith("[train,openvino]'")
    assert uv.endswith("[train,openvino]'")
    assert extras.install_commands("openvino").count("[openvino]") == 3
    assert "[openvino]" in extras.repair_commands()


@pytest.mark.parametrize("hollow", [False, True])
@pytest.mark.parametrize("words", [("scans", "--out", "out"), ("info",), ("bench",)])
def test_a_broken_base_installation_says_how_to_repair_it(
    words: tuple[str, ...], hollow: bool, hide: Hide, capsys: pytest.CaptureFixture[str]
) -> None:
    hide("onnxruntime", hollow=hollow)
    assert app.main(words) == 3
    err = capsys.readouterr().err
    assert "onnxruntime cannot be imported" in err
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in err


def test_a_package_that_took_a_name_of_ours_is_named(tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "training").mkdir(parents=True)
    (site / "training" / "__init__.py").write_text("raise SystemExit('the wrong one ran')")
    metadata = site / "rival-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: rival\nVersion: 1.0\n")
    (metadata / "top_level.txt").write_text("training\n")
    code = (
        f"import sys; sys.path[:0] = [{str(site)!r}, {str(ROOT)!r}]\n"
        "from colorize_cli.cli.app import main\n"
        "sys.exit(main(['train']))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 3, run.stderr
    assert str(site / "training") in run.stderr
    assert "rival" in run.stderr
    assert "wrong one" not in run.stderr


def test_a_package_of_ours_that_is_missing_is_named(hide: Hide) -> None:
    hide("export")
    with pytest.raises(MissingExtraError, match="'export' is missing"):
        extras.require("export")
