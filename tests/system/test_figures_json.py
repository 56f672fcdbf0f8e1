import math
from types import MappingProxyType

from colorize_cli.system.figures_json import rounded


def test_floats_are_rounded_at_any_depth_and_all_else_stays() -> None:
    tree = MappingProxyType({"a": (1.23456789, 7), "b": [{"c": 123456789.0, "d": None}], "e": "f"})
    assert rounded(tree) == {"a": [1.23457, 7], "b": [{"c": 123457000.0, "d": None}], "e": "f"}


def test_what_json_lacks_becomes_null() -> None:
    assert rounded([math.inf, -math.inf, math.nan]) == [None, None, None]
