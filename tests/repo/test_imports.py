"""Imports point one way: colorize_cli <- training <- export, and the command line stays light."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("colorize_cli", "training", "export")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
# Which rooms each room may import, beside itself and `errors`; nothing is imported upwards.
BELOW_BATCH = {"model", "runtimes", "diffusion", "photos", "imaging", "system"}
ROOMS = {
    "cli": {"bench", "study", "ui", "batch", *BELOW_BATCH},
    "ui": {"batch", *BELOW_BATCH},
    "study": {"batch", *BELOW_BATCH},
    "bench": {"batch", *BELOW_BATCH},
    "batch": BELOW_BATCH,
    "model": BELOW_BATCH - {"model"},
    "runtimes": {"system"},
    "photos": {"imaging", "system.files"},
    "diffusion": set(),
    "imaging": set(),
    "system": set(),
    "training": {"model", "diffusion", "photos", "imaging", "system"},
    "export": {"model", "runtimes", "diffusion", "photos", "imaging", "system"},
}
HEAVY = (
    *("cv2", "numpy", "onnxruntime", "rich.progress", "starlette", "tifffile", "torch", "uvicorn"),
    *("export", "gradio", "training"),
)


def module_name(path: Path) -> str:
    """`colorize_cli/imaging/lab.py` -> `colorize_cli.imaging.lab`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, *, at_module_level: bool = False) -> Iterator[str]:
    """Absolute names that a file imports, relative imports resolved; `from a import b` gives a.b.

    With `at_module_level`, what runs at import: bodies of functions are left out.
    """
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    nodes: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            prefix = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{prefix}.{alias.name}" for alias in node.names)
        elif at_module_level and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        nodes.extend(ast.iter_child_nodes(node))


def top(name: str) -> str:
    return name.partition(".")[0]


def loaded_after(statement: str) -> set[str]:
    """Names of the modules that a fresh interpreter holds after `statement`."""
    code = f"import sys\n{statement}\nprint('\\n'.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


def modules_of(package: str) -> list[Path]:
    return [path for path in MODULES if path.relative_to(ROOT).parts[0] == package]


@pytest.mark.parametrize("path", modules_of("colorize_cli"), ids=module_name)
def test_the_runtime_never_imports_torch_nor_at_module_level_the_other_packages(path: Path) -> None:
    assert "torch" not in map(top, imports(path))
    assert not {"training", "export"} & set(map(top, imports(path, at_module_level=True)))


@pytest.mark.parametrize("path", modules_of("training"), ids=module_name)
def test_training_never_imports_export(path: Path) -> None:
    assert "export" not in map(top, imports(path))


def room_of(name: str) -> str:
    """`colorize_cli.imaging.lab` -> `imaging`; `training.data` -> `training`."""
    parts = name.split(".")
    return parts[1] if parts[0] == "colorize_cli" and len(parts) > 1 else parts[0]


def may_enter(room: str, name: str) -> bool:
    """Whether a file of a room may import something of ours, by its absolute name."""
    parts = name.split(".")
    below = ".".join(parts[1:] if parts[0] == "colorize_cli" else parts)
    allowed = {room, "errors", "__version__", "leave_converter_out", *ROOMS[room]}
    return any(below == place or below.startswith(f"{place}.") for place in allowed)


@pytest.mark.parametrize(
    "path", [p for p in MODULES if room_of(module_name(p)) in ROOMS], ids=module_name
)
def test_a_room_imports_only_rooms_below_it(path: Path) -> None:
    name = module_name(path)
    ours = {taken for taken in imports(path) if top(taken) == "colorize_cli"}
    up = {taken for taken in ours if not may_enter(room_of(name), taken)}
    assert not up


def test_the_runtime_is_eleven_rooms_and_a_door() -> None:
    inside = {p.name for p in (ROOT / "colorize_cli").iterdir() if not p.name.startswith("__pyc")}
    files = {"__init__.py", "__main__.py", "errors.py", "py.typed"}
    assert inside == files | (ROOMS.keys() - {"training", "export"})


def test_no_folder_holds_more_than_fifteen_modules() -> None:
    folders = {path.parent for path in MODULES}
    counts = {f: len([p for p in f.glob("*.py") if p.stem != "__init__"]) for f in folders}
    assert max(counts.values()) <= 15, counts


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_nothing_that_ships_imports_what_does_not(path: Path) -> None:
    assert not {"tests", "benchmarks", "examples", "pytest"} & set(map(top, imports(path)))


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_inside_a_package_are_relative(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    absolute = {
        top(node.module or "")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level == 0
    } | {top(a.name) for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    assert top(module_name(path)) not in absolute


def test_the_whole_runtime_loads_neither_torch_nor_the_other_packages() -> None:
    names = [module_name(path) for path in modules_of("colorize_cli") if path.stem != "__main__"]
    loaded = loaded_after("\n".join(f"import {name}" for name in names))
    assert "colorize_cli.imaging.lab" in loaded
    assert not {"torch", "training", "export"} & loaded


def test_training_loads_without_export() -> None:
    names = [module_name(path) for path in modules_of("training") if path.stem != "__main__"]
    loaded = loaded_after("\n".join(f"import {name}" for name in names))
    assert "torch" in loaded
    assert "export" not in loaded


def test_the_command_line_starts_light() -> None:
    loaded = loaded_after("import colorize_cli.cli.app")
    assert "typer" in loaded
    assert not set(HEAVY) & loaded


def test_help_imports_nothing_heavy() -> None:
    loaded = loaded_after(
        "import io, contextlib\n"
        "from colorize_cli.cli.app import main\n"
        "sys.argv = ['colorize', '--help']\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main()"
    )
    assert not set(HEAVY) - {"rich.progress"} & loaded


def test_the_command_line_alone_leaves_openvinos_converter_out() -> None:
    use = "from colorize_cli.runtimes.openvino_core import computes_bf16\nimport openvino\n"
    loaded_after(f"{use}assert callable(openvino.convert_model)")
    start = (
        "import contextlib, io\n"
        "from colorize_cli.cli.app import main\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    main(['--version'])\n"
    )
    assert "openvino.tools.ovc.convert" not in loaded_after(start + use)


def test_the_runtimes_report_nothing_to_their_makers(tmp_path: Path) -> None:
    code = (
        "import colorize_cli.runtimes.find_device, sys, os\n"
        "assert os.environ['ORT_DISABLE_TELEMETRY'] == '1'\n"
        "from colorize_cli.runtimes.openvino_core import computes_bf16\n"
        "computes_bf16()\n"
        "assert sys.modules['openvino_telemetry'] is None\n"
        "colorize_cli.runtimes.find_device.resolve('cpu')\n"
    )
    names = ("HOME", "XDG_CACHE_HOME", "USERPROFILE", "LOCALAPPDATA")
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | dict.fromkeys(names, str(tmp_path)),
        check=True,
    )
    left = {path.name.lower() for path in tmp_path.rglob("*")}
    assert not {name for name in left if "microsoft" in name or "intel" in name or "ga_" in name}
