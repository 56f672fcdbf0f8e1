"""What comes from the page is checked, whoever sends it."""

import math

import pytest

from colorize_cli.errors import UsageError

pytest.importorskip("gradio")
from colorize_cli.ui.page import _wish

GOOD = {"samples": 4.0, "seed": 0.0, "steps": 0.0, "saturation": 1.0}


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_what_is_no_number_is_told(name: str, value: float | None) -> None:
    with pytest.raises(UsageError, match=name):
        _wish(["a.jpg"], "default", **{**GOOD, name: value})


def test_nothing_dropped_is_told_before_it_waits() -> None:
    with pytest.raises(UsageError, match="drop a photograph first"):
        _wish([], "default", **GOOD)
