"""Make the example photographs from the pictures that scikit-image and scikit-learn carry.

Run it from the repository root; the sources are read from the installed packages:

    pip install pillow scikit-image scikit-learn tifffile
    python examples/make.py

Provenance and licence of each picture: README.md in this folder.
"""

from importlib.resources import files
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from colorize_cli.imaging.lab import lab_from_rgb, linear_planes, srgb_from_linear

HERE = Path(__file__).parent
EXIF_ORIENTATION = 0x0112
EXIF_DESCRIPTION = 0x010E
ROTATE_90_CW_TO_VIEW = 6


def rgb(package: str, name: str) -> Image.Image:
    """Open a picture that an installed package carries."""
    with files(package).joinpath(name).open("rb") as file:
        return Image.open(file).convert("RGB")


def neutral(picture: Image.Image) -> NDArray[np.float32]:
    """Keep L* only: the neutral sRGB grey of the same lightness, (H, W) float32 in 0..1."""
    L = lab_from_rgb(np.asarray(picture))[..., 0]
    _, green, _ = linear_planes(L, np.zeros_like(L), np.zeros_like(L))
    return np.clip(srgb_from_linear(green), 0, 1)


def grey(picture: Image.Image) -> Image.Image:
    """Keep L* only, in 8 bits."""
    return Image.fromarray(np.rint(neutral(picture) * 255).astype(np.uint8))


def luma(picture: Image.Image) -> Image.Image:
    """Make grey by Rec. 601 luma, as most editors and scanners do."""
    return picture.convert("L")


def astronaut() -> None:
    """A 16-bit TIFF of 300 DPI, as an archive's scanner writes it."""
    portrait = rgb("skimage.data", "astronaut.png").crop((20, 0, 404, 480))
    tifffile.imwrite(
        HERE / "astronaut.tif",
        np.rint(neutral(portrait) * 65_535).astype(np.uint16),
        photometric="minisblack",
        compression="deflate",
        predictor=True,
        resolution=(300, 300),
        resolutionunit="inch",
        software=False,
        metadata=None,
    )


def camera() -> None:
    """A grey JPEG; the source has no colour."""
    picture = rgb("skimage.data", "camera.png").convert("L")
    picture.save(HERE / "camera.jpg", quality=92)


def chelsea() -> None:
    """A PNG with alpha: an oval mount with a soft edge."""
    picture = grey(rgb("skimage.data", "chelsea.png"))
    width, height = picture.size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    radius = np.hypot((x + 0.5) / width - 0.5, (y + 0.5) / height - 0.5) * 2
    oval = np.clip((1 - radius) / 0.02, 0, 1) * 255
    picture.putalpha(Image.fromarray(np.rint(oval).astype(np.uint8)))
    picture.save(HERE / "chelsea.png", optimize=True)


def china() -> None:
    """A panorama, far from square."""
    picture = rgb("sklearn.datasets.images", "china.jpg").crop((0, 20, 640, 320))
    luma(picture).save(HERE / "china.jpg", quality=92)


def coffee() -> None:
    """A grey picture stored in three equal channels, as many scanners write it."""
    picture = grey(rgb("skimage.data", "coffee.png"))
    picture.convert("RGB").save(HERE / "coffee.jpg", quality=92)


def flower() -> None:
    """A WebP."""
    picture = luma(rgb("sklearn.datasets.images", "flower.jpg"))
    picture.save(HERE / "flower.webp", quality=90, method=6)


def rocket() -> None:
    """A JPEG held sideways: its pixels lie rotated and EXIF says how to turn them."""
    upright = grey(rgb("skimage.data", "rocket.jpg").crop((180, 0, 500, 427)))
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = ROTATE_90_CW_TO_VIEW
    exif[EXIF_DESCRIPTION] = "Falcon 9 lifts off with DSCOVR"
    stored = upright.transpose(Image.Transpose.ROTATE_90)
    stored.save(HERE / "rocket.jpg", quality=92, exif=exif)


if __name__ == "__main__":
    for make in (astronaut, camera, chelsea, china, coffee, flower, rocket):
        make()
