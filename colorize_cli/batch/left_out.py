"""What is left out of folders: what the user names, and what programs keep for themselves."""

import re
from collections.abc import Sequence
from fnmatch import translate
from pathlib import Path

from ..system.paths import folded

# Folders, by their name or with that of the folder above, in which programs keep thumbnails,
# previews and what was deleted. Libraries of Apple's hold originals beside them.
_OF_PROGRAMS = (
    *("@eaDir", "@tmp", "#recycle", "#snapshot"),  # Synology
    *("@Recycle", "@Recently-Snapshot"),  # QNAP
    *("$RECYCLE.BIN", "RECYCLER", "System Volume Information", "lost+found", "__MACOSX"),
    *("*.lrdata", "*.lrcat-data"),  # Lightroom
    *("CaptureOne/Cache", "*.cocatalog/Cache"),
    *("*.photoslibrary/resources", "*.photoslibrary/private", "*.photoslibrary/scopes"),
    *("*.photolibrary/Thumbnails", "*.photolibrary/Previews"),
    *("*.aplibrary/Thumbnails", "*.aplibrary/Previews"),
    "appdata_*/preview",  # Nextcloud
    "colorize-sheet",  # our own
)


class LeftOut:
    """Know what is left out; case and Unicode form make no difference."""

    def __init__(self, globs: Sequence[str]) -> None:
        """Take what the user names: names, and places below a named folder, which have a slash."""
        asked = [glob.removeprefix("./").strip("/") for glob in globs]
        self._names = _pattern([glob for glob in asked if "/" not in glob])
        self._places = _pattern([glob for glob in asked if "/" in glob])

    def is_asked(self, place: Path) -> bool:
        """Whether the user does not want a file or folder, by its place below the named one."""
        return self._matches(self._names, place.name) or self._matches(
            self._places, place.as_posix()
        )

    def is_of_program(self, folder: Path) -> bool:
        """Whether a folder is one that a program keeps for itself."""
        names = folder.parts[-2:]
        return any(self._matches(_PROGRAMS, text) for text in (names[-1], "/".join(names)))

    def _matches(self, pattern: re.Pattern[str] | None, text: str) -> bool:
        return pattern is not None and pattern.match(folded(text)) is not None


def _pattern(globs: Sequence[str]) -> re.Pattern[str] | None:
    """One expression for all; None where there are none."""
    return re.compile("|".join(translate(folded(glob)) for glob in globs)) if globs else None


_PROGRAMS = _pattern(_OF_PROGRAMS)
