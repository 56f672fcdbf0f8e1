"""The graphs of a bundle, opened on a device for the photographs that it will meet."""

from collections.abc import Callable
from functools import partial

from ..errors import DeviceError, ModelError
from ..imaging.frame import frame_for
from ..runtimes.find_device import runtime_of
from ..runtimes.runtime import Device, Graph, GraphFile, GraphSet
from .bundle import Bundle

_USUAL = ((1, 1), (3, 4), (4, 3), (2, 3), (3, 2))  # height over width of most photos
_LONGEST = 2  # sides up to this many times the working size are likely: aspects up to 4 : 1


def open_graphs(
    bundle: Bundle,
    device: Device,
    *,
    photos: int = 1,
    size: int | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> dict[str, Graph]:
    """Open the graphs of a bundle, by file name, for `photos` a call of a working size in pixels.

    The size is the bundle's by default; `note` is told what takes long, where something does. It
    raises ModelError for a damaged bundle or graphs of another family, DeviceError where the device
    cannot run them.
    """
    runtime, graphs = runtime_of(device.name), graph_set(bundle, photos, size)
    if text := runtime.announcement(graphs):
        note(text)
    try:
        return runtime.open(graphs, device)
    except (ModelError, DeviceError) as error:
        raise type(error)(f"{bundle.path}: {error}") from error
    finally:
        bundle.forget()


def graph_set(bundle: Bundle, photos: int = 1, size: int | None = None) -> GraphSet:
    """Describe the graphs of a bundle to a runtime; see `open_graphs`."""
    size, multiple = size or bundle.working_size, bundle.multiple
    frames = [frame_for(1000 * a, 1000 * b, size, multiple) for a, b in _USUAL]
    side, longest = (-(-wanted // multiple) * multiple for wanted in (size, _LONGEST * size))
    return GraphSet(
        files=tuple(
            GraphFile(spec, bundle.files[spec.name].sha256, partial(bundle.read, spec.name))
            for spec in bundle.family.graphs
        ),
        compute=bundle.compute,
        shape=bundle.family.shape,
        usual=tuple((1, frame.padded_height, frame.padded_width) for frame in frames),
        smallest=(1, multiple, multiple),
        best=(photos, side, side),
        largest=(photos, longest, longest),
    )
