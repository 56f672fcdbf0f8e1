from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from made.tiny_bundles import sampled
from made.watched import Watched
from numpy.typing import NDArray

from colorize_cli.errors import UsageError
from colorize_cli.model import colorizer as colorizer_module
from colorize_cli.model.bundle import Bundle, load_bundle
from colorize_cli.model.colorizer import Colorizer, PaintingStoppedError, Prepared
from colorize_cli.model.families.family import Step
from colorize_cli.model.graphs import open_graphs
from colorize_cli.photos.read import Photo, read_photo
from colorize_cli.runtimes.find_device import problem, resolve
from colorize_cli.runtimes.runtime import Device, Feeds, Graph

CPU = resolve("cpu")
SEED = 11


def photo(number: int, height: int = 60, width: int = 90) -> Photo:
    """A grey PNG with some structure; a number makes a photo of its own."""
    rng = np.random.default_rng(number)
    small = rng.integers(0, 256, (6, 9), np.uint8)
    pixels = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return read_photo(cv2.imencode(".png", pixels)[1].tobytes())


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return load_bundle(tiny_bundle)


@pytest.fixture(scope="module")
def one(bundle: Bundle) -> Colorizer:
    return Colorizer(bundle, CPU)


@pytest.fixture(scope="module")
def three(bundle: Bundle) -> Colorizer:
    return Colorizer(bundle, CPU, batch=3)


def as_on_a_gpu(bundle: Bundle) -> Colorizer:
    """A GPU as far as batches go; what it computes is the CPU's."""
    gpu = replace(CPU, photos_a_call=8)
    return Colorizer(bundle, gpu, batch=3, graphs=open_graphs(bundle, CPU))


@pytest.fixture(scope="module")
def alone(one: Colorizer) -> list[NDArray[np.float32]]:
    """Four samples of each of three photos, each photo by itself."""
    return [one.colorize([one.prepare(photo(i))], 4, SEED)[0] for i in range(3)]


def test_samples_are_ab_fields_in_lab_units(alone: list[NDArray[np.float32]]) -> None:
    # 60 x 90 pixels at an area of about 64 x 64 are 57 x 85 working pixels, padded to 64 x 96.
    assert all(ab.shape == (4, 2, 16, 24) and ab.dtype == np.float32 for ab in alone)
    limit = 3.2 * 26
    assert all(1 < abs(ab).max() <= limit * 1.000001 for ab in alone)


def test_the_bundles_gains_multiply_the_ab_of_each_sample_in_turn(
    bundle: Bundle, alone: list[NDArray[np.float32]]
) -> None:
    vivid = Colorizer(sampled(bundle, gains=(2.0, 0.5, 3.0)), CPU)

    ab = vivid.colorize([vivid.prepare(photo(0))], 4, SEED)[0]

    factors = np.array([2.0, 0.5, 3.0, 2.0], np.float32)[:, None, None, None]
    np.testing.assert_allclose(ab, factors * alone[0], rtol=1e-6)


def test_the_bundles_temperature_makes_samples_more_alike(
    bundle: Bundle, alone: list[NDArray[np.float32]]
) -> None:
    calm = Colorizer(sampled(bundle, temperature=0.1), CPU)

    ab = calm.colorize([calm.prepare(photo(0))], 4, SEED)[0]

    assert ab.std(axis=0).mean() < 0.5 * alone[0].std(axis=0).mean()


def test_the_bundles_sharpness_makes_edges_of_colour_steeper_and_keeps_their_mean(
    bundle: Bundle, alone: list[NDArray[np.float32]]
) -> None:
    crisp = Colorizer(sampled(bundle, sharpness=0.5), CPU)

    ab = crisp.colorize([crisp.prepare(photo(0))], 4, SEED)[0]

    steps, before = (abs(np.diff(x, axis=-1)).mean() for x in (ab, alone[0]))
    assert 1.1 * before < steps < 2 * before
    np.testing.assert_allclose(ab.mean(axis=(2, 3)), alone[0].mean(axis=(2, 3)), atol=1)


def test_samples_and_photos_differ(alone: list[NDArray[np.float32]]) -> None:
    rows = np.concatenate(alone)

    for i in range(len(rows)):
        for j in range(i):
            assert abs(rows[i] - rows[j]).mean() > 0.5


# Sample k depends on seed, picture and k alone, bit for bit.


@pytest.mark.parametrize("suffix", [".tif", ".bmp", ".webp"])
def test_a_picture_is_coloured_alike_whatever_file_it_lies_in(
    one: Colorizer, alone: list[NDArray[np.float32]], suffix: str
) -> None:
    lossless = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == ".webp" else []
    copy = read_photo(cv2.imencode(suffix, photo(0).pixels, lossless)[1].tobytes())

    assert copy.digest != photo(0).digest
    np.testing.assert_array_equal(one.colorize([one.prepare(copy)], 4, SEED)[0], alone[0])


def test_a_jpeg_of_a_picture_has_its_noise_and_so_its_colours(
    one: Colorizer, alone: list[NDArray[np.float32]]
) -> None:
    data = cv2.imencode(".jpg", photo(0).pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()

    drawn = one.colorize([one.prepare(read_photo(data))], 4, SEED)[0]

    assert abs(drawn - alone[0]).mean() < 0.25 * abs(alone[1] - alone[0]).mean()


def test_a_batch_gives_what_each_photo_gives_alone(
    three: Colorizer, alone: list[NDArray[np.float32]]
) -> None:
    together = three.colorize([three.prepare(photo(i)) for i in range(3)], 4, SEED)

    np.testing.assert_array_equal(together, alone)


def test_the_order_in_a_batch_makes_no_difference(
    three: Colorizer, alone: list[NDArray[np.float32]]
) -> None:
    order = [2, 0, 1]

    shuffled = three.colorize([three.prepare(photo(i)) for i in order], 4, SEED)

    np.testing.assert_array_equal(shuffled, [alone[i] for i in order])


@pytest.mark.parametrize("samples", [1, 2, 6])
def test_the_number_of_samples_makes_no_difference(
    one: Colorizer, three: Colorizer, alone: list[NDArray[np.float32]], samples: int
) -> None:
    common = min(samples, 4)
    for colorizer in (one, three):
        prepared = [colorizer.prepare(photo(1))]
        drawn = colorizer.colorize(prepared, samples, SEED)[0]

        assert len(drawn) == samples
        np.testing.assert_array_equal(drawn[:common], alone[1][:common])


def test_a_short_batch_gives_the_same(three: Colorizer, alone: list[NDArray[np.float32]]) -> None:
    short = three.colorize([three.prepare(photo(i)) for i in range(2)], 4, SEED)

    assert len(short) == 2
    np.testing.assert_array_equal(short, alone[:2])


def test_a_run_taken_up_again_gives_the_same(
    bundle: Bundle, alone: list[NDArray[np.float32]]
) -> None:
    later = Colorizer(bundle, CPU)
    later.colorize([later.prepare(photo(9, 80, 70))], 1, SEED)  # other work comes first

    np.testing.assert_array_equal(later.colorize([later.prepare(photo(2))], 4, SEED)[0], alone[2])


def test_the_number_of_threads_and_lanes_makes_no_difference(
    bundle: Bundle, alone: list[NDArray[np.float32]]
) -> None:
    devices = [resolve("cpu", threads=threads) for threads in (1, 2, 4)]
    assert [device.lanes for device in devices] == [1, 2, 4]
    for device in (*devices, devices[2].fitted(2), devices[1].fitted(1)):
        colorizer = Colorizer(bundle, device)
        drawn = colorizer.colorize([colorizer.prepare(photo(0))], 4, SEED)[0]

        np.testing.assert_array_equal(drawn, alone[0])


def test_on_the_cpu_photos_of_different_shapes_go_through_together(
    one: Colorizer, three: Colorizer
) -> None:
    prepared = [three.prepare(photo(0)), three.prepare(photo(1, 90, 60))]
    together = three.colorize(prepared, 2, SEED)

    for each, ab in zip(prepared, together, strict=True):
        np.testing.assert_array_equal(one.colorize([each], 2, SEED)[0], ab)


def test_an_interruption_ends_all_lanes_between_two_steps(bundle: Bundle) -> None:
    device = resolve("cpu", threads=4)
    graphs = open_graphs(bundle, device)
    calls = 0

    class Interrupted(Watched):
        def called(self, feeds: Feeds) -> None:
            nonlocal calls
            calls += 1
            if calls == 7:
                raise KeyboardInterrupt

    graphs["denoiser.onnx"] = Interrupted(graphs["denoiser.onnx"])
    colorizer = Colorizer(bundle, device, graphs=graphs)
    prepared = [colorizer.prepare(photo(0))]
    with pytest.raises(KeyboardInterrupt):
        colorizer.colorize(prepared, 16, SEED)
    assert calls < 16 * 20 / 2  # the others end soon, though when is up to the system
    assert len(colorizer.colorize(prepared, 2, SEED)[0]) == 2  # and it can go on


def test_another_seed_gives_other_samples(one: Colorizer, alone: list[NDArray[np.float32]]) -> None:
    other = one.colorize([one.prepare(photo(0))], 4, SEED + 1)[0]

    assert abs(other - alone[0]).mean() > 0.5


# The work that is done.


@pytest.mark.parametrize(("photos_a_call", "rows"), [(1, 1), (8, 3)])
def test_the_encoder_runs_once_and_every_call_has_the_same_rows(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, photos_a_call: int, rows: int
) -> None:
    calls: list[Any] = []

    class Spy(Watched):
        def called(self, feeds: Feeds) -> None:
            name = "denoise" if "noisy_ab" in feeds else "encode"
            calls.append((name, len(next(iter(feeds.values())))))

    def spied(bundle: Bundle, device: Device, *, photos: int, **_: Any) -> dict[str, Graph]:
        assert photos == rows
        return {name: Spy(graph) for name, graph in open_graphs(bundle, CPU).items()}

    monkeypatch.setattr(colorizer_module, "open_graphs", spied)
    # A GPU as far as batches go; what it computes is the CPU's.
    colorizer = Colorizer(bundle, replace(CPU, photos_a_call=photos_a_call), batch=3)
    colorizer.colorize([colorizer.prepare(photo(0))], 2, SEED)

    assert calls == [("encode", rows)] + [("denoise", rows)] * 20 * 2


def test_a_short_batch_on_a_gpu_is_filled_up_without_a_trace(
    bundle: Bundle,
) -> None:
    filled = as_on_a_gpu(bundle)
    prepared = [filled.prepare(photo(i)) for i in range(3)]

    full = filled.colorize(prepared, 2, SEED)
    short = filled.colorize(prepared[:2], 1, SEED)

    assert len(short) == 2
    for i in range(2):
        np.testing.assert_array_equal(short[i], full[i][:1])


def test_steps_and_size_override_the_bundle(bundle: Bundle) -> None:
    colorizer = Colorizer(bundle, CPU, steps=3, size=128)

    assert colorizer.family.steps == 3
    schedules = [one.sampling["schedule"]["gammas"] for one in (colorizer.family, bundle.family)]
    assert schedules[0][-1] == schedules[1][-1]
    prepared = colorizer.prepare(photo(0))
    assert prepared.L.shape == (128, 160)  # 106.7 x 160, padded
    assert colorizer.colorize([prepared], 1, SEED)[0].shape == (1, 2, 32, 40)


@pytest.mark.parametrize("options", [{"steps": 0}, {"size": 31}, {"size": 100_000}, {"batch": 0}])
def test_numbers_out_of_range_are_usage_errors(bundle: Bundle, options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=r"at (least|most)"):
        Colorizer(bundle, CPU, **options)  # type: ignore[arg-type]


def test_what_cannot_be_one_batch_is_refused(
    bundle: Bundle, one: Colorizer, three: Colorizer
) -> None:
    wide, tall = three.prepare(photo(0)), three.prepare(photo(0, 90, 60))
    gpu = as_on_a_gpu(bundle)

    with pytest.raises(UsageError, match="at least 1"):
        one.colorize([wide], 0, SEED)
    for colorizer, prepared in ((gpu, [wide, tall]), (one, [wide, wide]), (one, [])):
        photos: list[Prepared] = prepared
        with pytest.raises(ValueError, match="photos of"):
            colorizer.colorize(photos, 1, SEED)


def test_a_palette_bundle_runs_through_the_same_calls(tiny_palette_bundle: Path) -> None:
    colorizer = Colorizer(load_bundle(tiny_palette_bundle), CPU, batch=2)
    single = Colorizer(load_bundle(tiny_palette_bundle), CPU)

    together = colorizer.colorize([colorizer.prepare(photo(i)) for i in range(2)], 2, SEED)

    for i in range(2):
        np.testing.assert_array_equal(
            together[i], single.colorize([single.prepare(photo(i))], 2, SEED)[0]
        )


def test_a_painted_photo_is_what_its_parts_give(one: Colorizer) -> None:
    grey = photo(0)
    prepared = one.prepare(grey)
    ab = one.colorize([prepared], 2, SEED)[0]
    painted = list(one.paint(grey, samples=2, seed=SEED))

    assert [picture.shape for picture in painted] == [(60, 90, 3)] * 2
    for picture, expected in zip(painted, one.pictures(grey.pixels, prepared, ab), strict=True):
        np.testing.assert_array_equal(picture, expected)


def test_a_model_opened_by_its_path_paints(tiny_bundle: Path, one: Colorizer) -> None:
    opened = Colorizer.open(str(tiny_bundle), device="cpu")
    expected = next(one.paint(photo(0), 1, SEED))
    np.testing.assert_array_equal(next(opened.paint(photo(0), 1, SEED)), expected)


def test_each_step_shows_where_it_starts_and_what_it_takes_for_the_picture(
    one: Colorizer,
) -> None:
    steps: list[Step] = []
    (picture,) = one.paint(photo(0), 1, SEED, steps.append)
    assert picture.shape == (60, 90, 3)
    assert [(step.sample, step.t) for step in steps] == [(0, t) for t in range(20, 0, -1)]
    assert all(step.x_t.shape == step.x_0.shape == (1, 2, 16, 24) for step in steps)


def test_whoever_watches_the_steps_can_stop_the_painting(one: Colorizer) -> None:
    seen: list[int] = []

    def stop(step: Step) -> None:
        seen.append(step.t)
        if step.t == 18:
            raise PaintingStoppedError

    assert list(one.paint(photo(0), samples=1, seed=SEED, on_step=stop)) == []
    assert seen == [20, 19, 18]
    assert len(list(one.paint(photo(0), samples=1))) == 1  # and it can go on


def test_ab_fields_are_as_recorded(
    alone: list[NDArray[np.float32]],
    golden: Callable[[str, NDArray[np.float32]], NDArray[np.float32]],
) -> None:
    # Exact on one machine only: other processors round otherwise, and 20 steps let it grow.
    np.testing.assert_allclose(alone[0][:1], golden("colorizer", alone[0][:1]), atol=0.05)


@pytest.mark.cuda
def test_a_gpu_keeps_the_same_promise(bundle: Bundle) -> None:
    why_not = problem("cuda")
    if why_not:
        pytest.skip(why_not)
    colorizer = Colorizer(bundle, resolve("cuda"), batch=3)
    prepared = [colorizer.prepare(photo(i)) for i in range(3)]

    together = colorizer.colorize(prepared, 4, SEED)

    for i in (2, 0, 1):
        np.testing.assert_array_equal(
            colorizer.colorize([prepared[i]], 1, SEED)[0], together[i][:1]
        )
