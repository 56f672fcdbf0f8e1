"""Measure what encoding costs in core milliseconds a megapixel, beside libraries' defaults.

    python -m benchmarks.encoding [PHOTOS...] [--json benchmarks/results/encoding.json]

PHOTOS are files; by default those of examples/. Each is given smooth random colours by the renderer
that the command line uses, in 8 and in 16 bits. It is encoded with our settings and with the
library's own by turns. The figure is the least CPU time of several runs in one thread.
"""

import argparse
import io
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile

from colorize_cli.imaging.frame import frame_for
from colorize_cli.imaging.lab import Pixels
from colorize_cli.imaging.render import render
from colorize_cli.photos.formats.jpeg import JPEG_QUALITY
from colorize_cli.photos.metadata import Metadata
from colorize_cli.photos.read import Photo, read_photo
from colorize_cli.photos.write import encode_photo
from colorize_cli.system.machine import describe_machine

EXAMPLES = Path(__file__).parent.parent / "examples"
SIZE, GRID = 192, 4
RUNS = 5
JPEG_444 = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)

Encoder = Callable[[Pixels], bytes]


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, nargs="*")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    photos = options.photos or sorted(
        p for p in EXAMPLES.iterdir() if p.suffix not in (".md", ".py")
    )
    rows = measure([read_photo(path.read_bytes()) for path in photos])
    print(table(rows))
    if options.json:
        result = {"photos": len(photos), "rows": rows, "machine": describe_machine()}
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def measure(photos: Sequence[Photo]) -> list[dict[str, Any]]:
    """Time every format and depth; rows have ms and bytes a megapixel, ours and the default."""
    rows = []
    for name, bits, format, default in (
        ("JPEG", 8, "jpeg", _default(".jpg", cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, *JPEG_444)),
        ("PNG, 8 bits", 8, "png", _default(".png", cv2.IMWRITE_PNG_COMPRESSION, 6)),
        ("PNG, 16 bits", 16, "png", _default(".png", cv2.IMWRITE_PNG_COMPRESSION, 6)),
        ("TIFF, 8 bits", 8, "tiff", _default_tiff),
        ("TIFF, 16 bits", 16, "tiff", _default_tiff),
        ("WebP, default lossy", 8, "webp", _default(".webp", cv2.IMWRITE_WEBP_QUALITY, 95)),
    ):
        costs = [_costs(photo, bits, format, default) for photo in photos]
        ours_ms, ours_mb, their_ms, their_mb = np.sum(costs, axis=0)
        megapixels = sum(photo.pixels.size / 1e6 for photo in photos)
        rows.append(
            {
                "format": name,
                "ms_per_mp": round(ours_ms / megapixels, 1),
                "default_ms_per_mp": round(their_ms / megapixels, 1),
                "time_ratio": round(their_ms / ours_ms, 2),
                "size_ratio": round(ours_mb / their_mb, 3),
            }
        )
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Lay the rows out as Markdown."""
    lines = [
        "| format | ms/MP | library's default | time, default : ours | bytes, ours : default |"
    ]
    lines.append("|---|---|---|---|---|")
    lines += [
        f"| {row['format']} | {row['ms_per_mp']} | {row['default_ms_per_mp']} | "
        f"{row['time_ratio']} | {row['size_ratio']} |"
        for row in rows
    ]
    return "\n".join(lines)


def _costs(photo: Photo, bits: int, format: str, default: Encoder) -> tuple[float, ...]:
    """Return milliseconds and megabytes of our settings, then of the default."""
    rgb = _coloured(photo, bits)
    subject = replace(photo, pixels=rgb[..., 0], alpha=None, metadata=Metadata(), compressed=True)
    encoders: tuple[Encoder, ...] = (lambda p: encode_photo(p, subject, format), default)
    best, sizes = [float("inf")] * 2, [0.0, 0.0]
    for _ in range(RUNS):
        for i, encode in enumerate(encoders):
            started = time.thread_time()
            data = encode(rgb)
            best[i] = min(best[i], (time.thread_time() - started) * 1e3)
            sizes[i] = len(data) / 1e6
    return best[0], sizes[0], best[1], sizes[1]


def _coloured(photo: Photo, bits: int) -> Pixels:
    """Give a photo smooth colours: (H, W, 3) RGB in 8 or 16 bits."""
    grey = photo.pixels if photo.pixels.ndim == 2 else photo.pixels[..., 1]
    rng = np.random.default_rng(0)
    if bits == 8 and grey.dtype == np.uint16:
        grey = (grey >> 8).astype(np.uint8)
    elif bits == 16 and grey.dtype == np.uint8:
        # What lies between the levels of 8 bits is noise in a photograph.
        grey = (grey.astype(np.uint16) << 8) + rng.integers(0, 256, grey.shape, np.uint16)
    frame = frame_for(*grey.shape, SIZE, 32)
    shape = (frame.padded_width // GRID, frame.padded_height // GRID)
    ab = [cv2.resize(rng.normal(0, 20, (4, 4)).astype(np.float32), shape) for _ in range(2)]
    return render(grey, np.stack(ab), frame, GRID)


def _default(suffix: str, *settings: int) -> Encoder:
    return lambda rgb: cv2.imencode(suffix, rgb[..., ::-1], settings)[1].tobytes()


def _default_tiff(rgb: Pixels) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, rgb, photometric="rgb", compression="zlib", predictor=True)
    return stream.getvalue()


if __name__ == "__main__":
    main()
