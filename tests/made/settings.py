"""Settings of a run."""

from dataclasses import replace
from typing import Any

from colorize_cli.batch.settings import RunSettings

_SETTINGS = RunSettings(
    model="default",
    model_digest="m0" * 32,
    device="cpu",
    precision="fp32",
    seed=7,
    size=96,
    steps=5,
    batch=2,
    samples=1,
    versions={"numpy": "1"},
    candidates=3,
)


def run_settings(**changes: Any) -> RunSettings:
    """Settings of a small run, but for what is given."""
    return replace(_SETTINGS, **changes)
