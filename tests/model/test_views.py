"""How large a photo is seen is decided by its own size, and small ones stay as they were."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from made.tiny_bundles import tiny_fields, tiny_graphs

from colorize_cli.errors import ModelError, UsageError
from colorize_cli.model.bundle import Bundle, load_bundle, write_bundle
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.model.graphs import graph_set, open_graphs
from colorize_cli.model.shape_groups import ShapeGroups
from colorize_cli.model.view import parse_size
from colorize_cli.model.views import default_size, views_of
from colorize_cli.photos.read import Photo, read_photo
from colorize_cli.runtimes.find_device import resolve

CPU = resolve("cpu")
GAMMAS = [1.0, 0.9, 0.5, 0.1, 0.001]
AUTO = {
    "from_side": 100,
    "working_size": 96,
    "sampling": {"schedule": {"name": "four", "gammas": GAMMAS}},
}
FINE = {"from_side": 100, "working_size": 128}


def bundle_with(folder: Path, views: dict[str, Any]) -> Bundle:
    """The tiny bundle, whose working size is 64 and which takes 20 steps, with views."""
    return write_bundle(folder, tiny_fields("encoder") | {"views": views}, tiny_graphs("encoder"))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle_with(tmp_path_factory.mktemp("seen") / "tiny", {"auto": AUTO, "fine": FINE})


@pytest.fixture(scope="module")
def plain(tiny_bundle: Path) -> Bundle:
    return load_bundle(tiny_bundle)


def photo(height: int, width: int) -> Photo:
    small = np.random.default_rng(height).integers(0, 256, (6, 9), np.uint8)
    pixels = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return read_photo(cv2.imencode(".png", pixels)[1].tobytes())


SMALL, LARGE = (96, 104), (100, 100)  # on either side of an area of 100 x 100


@pytest.mark.parametrize(
    ("size", "small", "large"),
    [
        (None, (64, 20), (96, 4)),
        ("auto", (64, 20), (96, 4)),
        ("fast", (64, 20), (64, 20)),
        ("fine", (64, 20), (128, 20)),
        (96, (96, 20), (96, 20)),
    ],
)
def test_a_size_is_chosen_by_the_photo_s_own(
    bundle: Bundle, size: Any, small: tuple[int, int], large: tuple[int, int]
) -> None:
    views = views_of(bundle, size)
    found = [views.of(*sides) for sides in (SMALL, LARGE)]
    assert [(view.size, view.family.steps) for view in found] == [small, large]


def test_a_bundle_without_views_sees_all_photos_alike(plain: Bundle) -> None:
    assert default_size(plain) == 64
    for size in (None, "fast", "auto", "fine"):
        assert {view.size for view in views_of(plain, size)} == {64}


def test_steps_are_those_at_the_working_size_and_a_view_takes_its_share(bundle: Bundle) -> None:
    for steps, of_large in ((10, 2), (20, 4), (40, 8), (1, 1)):
        views = views_of(bundle, "auto", steps)
        assert [view.family.steps for view in views] == [steps, of_large]
    usual, large = views_of(bundle, "auto", 20)
    schedules = [view.family.sampling["schedule"]["gammas"] for view in (usual, large)]
    assert schedules == [bundle.family.sampling["schedule"]["gammas"], GAMMAS]
    with pytest.raises(UsageError, match="at least 1"):
        views_of(bundle, "auto", 0)


def test_a_size_is_a_name_or_a_number() -> None:
    assert [parse_size(text) for text in (None, "fast", "auto", "fine", "256")] == [
        None,
        "fast",
        "auto",
        "fine",
        256,
    ]
    for text in ("large", "2x", "", "1.5"):
        with pytest.raises(UsageError, match="fast, auto, fine or a number"):
            parse_size(text)


def test_small_photos_keep_their_pixels_and_large_ones_have_those_of_their_view(
    bundle: Bundle, plain: Bundle
) -> None:
    seen = Colorizer(bundle, CPU)
    small, large = seen.prepare(photo(*SMALL)), seen.prepare(photo(*LARGE))
    both = [seen.colorize([one], 2, 5)[0] for one in (small, large)]
    before = Colorizer(plain, CPU)
    np.testing.assert_array_equal(
        both[0], before.colorize([before.prepare(photo(*SMALL))], 2, 5)[0]
    )
    few = replace(plain, family=views_of(bundle).of(*LARGE).family, working_size=96)
    alike = Colorizer(few, CPU)
    np.testing.assert_array_equal(both[1], alike.colorize([alike.prepare(photo(*LARGE))], 2, 5)[0])


def test_photos_of_one_shape_and_two_views_go_through_together_on_the_cpu_alone(
    bundle: Bundle,
) -> None:
    shapes = (40, 120), (70, 200)  # a small and a large one
    gpu = replace(CPU, photos_a_call=8)
    graphs = open_graphs(bundle, CPU)
    for device in (CPU, gpu):
        colorizer = Colorizer(bundle, device, batch=2, graphs=graphs)
        prepared = [colorizer.prepare(photo(*sides)) for sides in shapes]
        same = [replace(one, L=prepared[0].L, frame=prepared[0].frame) for one in prepared]
        groups = ShapeGroups[int](colorizer)
        for number, one in enumerate(same):
            groups.add(number, one)
        if device is CPU:
            assert groups.take(at_once=False) == [0, 1]
            together = colorizer.colorize(same, 1, 5)
            alone = [colorizer.colorize([one], 1, 5)[0] for one in same]
            np.testing.assert_array_equal(together, alone)
            assert abs(together[0] - together[1]).max() > 0
        else:
            assert groups.take(at_once=False) == []
            with pytest.raises(ValueError, match="2 photos of 2 ways"):
                colorizer.colorize(same, 1, 5)


def test_graphs_are_got_ready_for_the_shapes_of_all_views(bundle: Bundle, plain: Bundle) -> None:
    assert graph_set(plain).best == (1, 64, 64)
    assert graph_set(bundle).best == (1, 96, 96)
    assert graph_set(bundle).largest == (1, 192, 192)
    assert set(graph_set(plain).usual) < set(graph_set(bundle).usual)
    assert graph_set(bundle, size="fast").usual == graph_set(plain).usual


def test_views_are_written_read_and_part_of_the_digest(bundle: Bundle, plain: Bundle) -> None:
    again = load_bundle(bundle.path)
    assert again.views["auto"].family.sampling["schedule"]["gammas"] == GAMMAS
    assert again.digest == bundle.digest != plain.digest
    written = {name: view.settings for name, view in bundle.views.items()}
    # Whole tables, so that an export of the bundle says the same.
    once_more = json.loads(json.dumps(written))
    assert bundle_with(bundle.path.parent / "again", once_more).digest == bundle.digest


@pytest.mark.parametrize(
    ("views", "said"),
    [
        ({"huge": AUTO}, "auto and fine, not 'huge'"),
        ({"auto": AUTO | {"working_size": 0}}, "whole numbers of 1 to 4096"),
        ({"auto": AUTO | {"from_side": "all"}}, "whole numbers of 1 to 4096"),
        ({"auto": {"working_size": 96}}, "lacks 'from_side'"),
        ({"auto": AUTO | {"sampling": {"prediction": "x"}}}, "prediction"),
        ({"auto": AUTO | {"sampling": {"schedule": {"name": "", "gammas": [1]}}}}, "two gammas"),
        (["auto"], "makes no sense"),
    ],
)
def test_views_that_make_no_sense_are_refused(tmp_path: Path, views: Any, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        bundle_with(tmp_path / "tiny", views)
