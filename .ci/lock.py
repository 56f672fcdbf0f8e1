"""Write the versions that this environment has of all that `colorize-cli[dev]` needs.

Run by `make lock`, after the tests have passed with them. The file is one of constraints: it
installs nothing by itself, and says of what is installed which version it has to be.
"""

import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
HEAD = """\
# The versions that the tests last passed with, on Linux (x86-64) and Python {python}: `make lock`.
# To install by it: pip install -c requirements.lock ".[dev]"
"""


def wanted(project: dict[str, list[str]], extra: str = "") -> Iterator[Requirement]:
    """Give the requirements of the package, and of an extra with the extras that it names."""
    for text in project[extra] if extra else project[""]:
        requirement = Requirement(text)
        if requirement.name != "colorize-cli":
            yield requirement
            continue
        for inner in requirement.extras:
            yield from wanted(project, inner)


def pinned(requirements: Iterator[Requirement]) -> dict[str, str]:
    """Return the installed version of each requirement that counts here, and of what they need."""
    found: dict[str, str] = {}
    waiting = [(requirement, frozenset({""})) for requirement in requirements]
    seen = set()
    while waiting:
        requirement, of = waiting.pop()
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": extra}) for extra in of):
            continue
        name, extras = canonicalize_name(requirement.name), frozenset({"", *requirement.extras})
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        distribution = metadata.distribution(name)
        found[name] = Version(distribution.version).public  # 2.13.0 of 2.13.0+cpu
        waiting += [(Requirement(text), extras) for text in distribution.requires or ()]
    return found


def main() -> None:
    """Write `requirements.lock`."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    project = {"": table["dependencies"], **table["optional-dependencies"]}
    versions = pinned(iter([*wanted(project), *wanted(project, "dev")]))
    lines = "".join(f"{name}=={version}\n" for name, version in sorted(versions.items()))
    head = HEAD.format(python=".".join(map(str, sys.version_info[:2])))
    (ROOT / "requirements.lock").write_text(head + lines, "utf-8")


if __name__ == "__main__":
    main()
