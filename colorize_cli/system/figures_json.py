"""Figures in a form that JSON can hold."""

import math
from collections.abc import Mapping
from typing import Any

_DIGITS = 6  # more than any measured figure means


def rounded(tree: Any) -> Any:
    """Round all floats to six digits; infinity and NaN, which JSON lacks, become None.

    Args:
        tree: Mappings, lists and tuples of numbers, words and None, at any depth.

    Returns:
        A copy, which consists of dictionaries and lists.
    """
    if isinstance(tree, Mapping):
        return {key: rounded(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [rounded(value) for value in tree]
    if isinstance(tree, float):
        return float(f"{tree:.{_DIGITS}g}") if math.isfinite(tree) else None
    return tree
