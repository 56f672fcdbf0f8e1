"""A network's answer that is not finite fails the photo, in every family and on every runtime."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from made.families.constant import Constant

from colorize_cli.errors import ImageError
from colorize_cli.model.bundle import load_bundle
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.model.graphs import open_graphs
from colorize_cli.photos.read import Photo, read_photo
from colorize_cli.runtimes.find_device import resolve
from colorize_cli.runtimes.runtime import Feeds, Graph, Size, Value

CPU = resolve("cpu")
NUMBERS = pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])


def photo(height: int = 60, width: int = 90) -> Photo:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width), np.uint8)
    return read_photo(cv2.imencode(".png", pixels)[1].tobytes())


@dataclass
class Spoiled:
    """A graph that puts a number into its answers from the second call on."""

    graph: Graph
    number: float
    calls: int = 0

    def run(self, feeds: Feeds) -> dict[str, Value]:
        return self.spoil(self.graph.run(feeds))

    def bind(self, feeds: Feeds) -> Callable[[Feeds], dict[str, Value]]:
        run = self.graph.bind(feeds)
        return lambda others: self.spoil(run(others))

    def expect(self, size: Size) -> None:
        self.graph.expect(size)

    def spoil(self, answers: dict[str, Value]) -> dict[str, Value]:
        self.calls += 1
        if self.calls > 1:
            for values in answers.values():
                values[..., 0] = self.number
        return answers


@NUMBERS
def test_no_clamp_makes_a_picture_of_an_answer_that_is_not_finite(
    tiny_bundle: Path, number: float
) -> None:
    bundle = load_bundle(tiny_bundle)
    graphs = open_graphs(bundle, CPU)
    spoiled = {**graphs, "denoiser.onnx": Spoiled(graphs["denoiser.onnx"], number)}
    colorizer = Colorizer(bundle, CPU, graphs=spoiled)
    with pytest.raises(ImageError, match=r"not finite \(prediction of denoiser.onnx\)"):
        list(colorizer.paint(photo(), samples=1))


@NUMBERS
def test_a_family_without_a_sampler_is_looked_at_too(tiny_bundle: Path, number: float) -> None:
    class Painter:
        def run(self, feeds: Feeds) -> dict[str, Value]:
            rows, _, height, width = feeds["L"].shape
            return {"ab": np.full((rows, 2, height // 4, width // 4), number, np.float32)}

    bundle = replace(load_bundle(tiny_bundle), family=Constant("constant", 4, {}))
    colorizer = Colorizer(bundle, CPU, graphs={"painter.onnx": Painter()})  # type: ignore[dict-item]
    with pytest.raises(ImageError, match="not finite"):
        next(colorizer.paint(photo(), samples=1))
