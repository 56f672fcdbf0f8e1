"""The lock file names a version of every dependency, within the range that is allowed."""

import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def load_writer() -> Any:
    spec = spec_from_file_location("lock", ROOT / ".ci" / "lock.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    pairs = (line.split("==", 1) for line in lines if not line.startswith("#"))
    return dict(pairs)


def test_the_lock_file_has_a_tested_version_of_everything() -> None:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    project = {"": table["dependencies"], **table["optional-dependencies"]}
    writer, versions = load_writer(), locked()
    linux = {"sys_platform": "linux", "platform_machine": "x86_64", "python_version": "3.11"}
    for requirement in (*writer.wanted(project), *writer.wanted(project, "dev")):
        if requirement.marker is None or requirement.marker.evaluate(linux):
            name = canonicalize_name(requirement.name)
            assert name in versions, f"{name} is not locked: make lock"
            assert requirement.specifier.contains(versions[name], prereleases=True), name


def test_the_lock_file_pins_what_dependencies_need_too() -> None:
    found = load_writer().pinned(iter([Requirement("rich")]))
    assert {"rich", "markdown-it-py", "mdurl", "pygments"} == set(found)
    assert found.keys() <= locked().keys()
