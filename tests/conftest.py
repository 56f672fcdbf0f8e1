"""Fixtures that several test modules share: tiny bundles with the real interface, no torch."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest
from made.browsed import browser as opened_browser
from made.tiny_bundles import tiny_fields, tiny_graphs
from numpy.typing import NDArray

from colorize_cli.model import fastest_device as auto
from colorize_cli.model.bundle import write_bundle
from colorize_cli.runtimes.find_device import resolve

if TYPE_CHECKING:
    from playwright.sync_api import Browser

Array: TypeAlias = NDArray[Any]


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep out of the user's cache and models, in subprocesses too."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "XDG_CACHE_HOME",
            "XDG_CONFIG_HOME",
            "APPDATA",
            "LOCALAPPDATA",
            "COLORIZE_MODELS",
        ):
            patch.setenv(name, str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `auto` be onnxruntime on the CPU, whatever is installed and faster."""
    monkeypatch.setattr(auto, "candidates", lambda *_: [resolve("cpu")])


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """A headless Chromium for the tests of a module, which are skipped where there is none."""
    with opened_browser() as opened:
        yield opened


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a bundle of the `encoder` family: random weights, working size 64."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    write_bundle(folder, tiny_fields("encoder"), tiny_graphs("encoder"))
    return folder


@pytest.fixture(scope="session")
def tiny_palette_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a bundle of the `palette` family, as `tiny_bundle`."""
    folder = tmp_path_factory.mktemp("models") / "tiny-palette"
    write_bundle(folder, tiny_fields("palette"), tiny_graphs("palette"))
    return folder


def pytest_configure() -> None:
    """Let Ctrl-C through, which a shell keeps from what it starts in the background."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="record golden arrays anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, Array], Array]:
    """Give (name, array) -> the recorded array of that name in tests/golden."""

    def recorded(name: str, array: Array) -> Array:
        path = Path(__file__).parent / "golden" / f"{name}.npy"
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            np.save(path, array)
        return np.load(path)

    return recorded
