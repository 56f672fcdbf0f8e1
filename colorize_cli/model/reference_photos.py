"""The photographs that precisions and devices are judged by: what they do to colours."""

from pathlib import Path

from ..photos.read import Photo, read_photo

_FOLDER = Path(__file__).parent / "reference_photos_data"


def reference_photos() -> dict[str, Photo]:
    """Read the photographs that come with the package, by name: grey, some 300 pixels a side."""
    return {path.stem: read_photo(path.read_bytes()) for path in sorted(_FOLDER.glob("*.jpg"))}
