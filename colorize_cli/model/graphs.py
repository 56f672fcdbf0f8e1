"""The graphs of a bundle, opened on a device for the photographs that it will meet."""

from collections.abc import Callable
from functools import partial

from ..errors import DeviceError, ModelError
from ..imaging.frame import frame_for
from ..runtimes.find_device import runtime_of
from ..runtimes.runtime import Device, Graph, GraphFile, GraphSet
from .bundle import Bundle
from .view import SizeChoice
from .views import views_of

_USUAL = ((1, 1), (3, 4), (4, 3), (2, 3), (3, 2))  # height over width of most photos
_LONGEST = 2  # sides up to this many times the working size are likely: aspects up to 4 : 1


def open_graphs(
    bundle: Bundle,
    device: Device,
    *,
    photos: int = 1,
    size: SizeChoice | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> dict[str, Graph]:
    """Open the graphs of a bundle, by file name, for `photos` a call of a size (`views_of`).

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


def graph_set(bundle: Bundle, photos: int = 1, size: SizeChoice | None = None) -> GraphSet:
    """Describe the graphs of a bundle to a runtime; see `open_graphs`.

    They are to be fastest at the largest size of the views: most photos are large.
    """
    sizes, multiple = [view.size for view in views_of(bundle, size)], bundle.multiple
    frames = [frame_for(1000 * a, 1000 * b, each, multiple) for each in sizes for a, b in _USUAL]
    size = max(sizes)
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
