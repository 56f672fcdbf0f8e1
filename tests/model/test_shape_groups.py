"""Photographs that go through a network together: of one shape, and none waits for ever."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from colorize_cli.model.colorizer import Prepared
from colorize_cli.model.shape_groups import LOOK_AHEAD, ShapeGroups


@dataclass
class Settings:
    """What the groups ask of a colorizer."""

    batch: int
    mixes_shapes: bool = False


def groups_of(batch: int, *, mixes_shapes: bool = False) -> ShapeGroups[str]:
    colorizer: Any = Settings(batch, mixes_shapes)
    return ShapeGroups(colorizer)


def prepared(width: int) -> Prepared:
    frame: Any = None
    return Prepared(np.zeros((1, width), np.float32), frame, b"")


def test_a_group_is_full_of_one_shape() -> None:
    groups = groups_of(2)
    for name, width in (("a", 1), ("b", 2), ("c", 1), ("d", 1)):
        groups.add(name, prepared(width))
    assert groups.take(at_once=False) == ["a", "c"]
    assert groups.take(at_once=False) == []
    assert groups.take(at_once=True) == ["b"]
    assert groups.take(at_once=True) == ["d"]
    assert groups.take(at_once=True) == []


def test_full_groups_go_in_the_order_in_which_they_were_full() -> None:
    groups = groups_of(2)
    for name, width in (("a", 1), ("b", 2), ("c", 2), ("d", 1)):
        groups.add(name, prepared(width))
    assert [groups.take(at_once=False) for _ in range(2)] == [["b", "c"], ["a", "d"]]


def test_nobody_is_overtaken_by_more_than_some_batches() -> None:
    groups = groups_of(2)
    groups.add("odd", prepared(9))
    taken = []
    for number in range(2 * LOOK_AHEAD):
        groups.add(str(number), prepared(1))
        taken.append(groups.take(at_once=False))
    assert taken.index(["odd"]) == 2 * LOOK_AHEAD - 2
    assert taken[-1] == ["6", "7"]


def test_shapes_go_together_where_each_photo_has_a_call_of_its_own() -> None:
    groups = groups_of(2, mixes_shapes=True)
    groups.add("a", prepared(1))
    groups.add("b", prepared(2))
    assert groups.take(at_once=False) == ["a", "b"]
