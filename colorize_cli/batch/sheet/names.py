"""What a sheet calls its photographs: by their paths below the folder that all are in."""

import os
from collections.abc import Sequence

from ...system.paths import shown


def common_folder(photos: Sequence[str]) -> str:
    """The folder that all photographs have in common; empty where there is none."""
    try:
        return os.path.commonpath([os.path.dirname(photo) for photo in photos])  # noqa: PTH120
    except ValueError:
        return ""


def below(photo: str, folder: str) -> str:
    """The path of a photograph below that folder."""
    return os.path.relpath(photo, folder) if folder else photo


def name_of_photo(photo: str, folder: str) -> str:
    """The name that the page shows."""
    return shown(below(photo, folder)).replace(os.sep, "/")
