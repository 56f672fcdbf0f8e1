"""Which photograph a row of a table means."""

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from ...system.paths import absolute, shown
from ..sheet.entries import Entry
from ..sheet.names import common_folder, name_of_photo


class Named:
    """The photographs of an output folder, by what a person may call them."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        """Take what the ledger has of them."""
        folder = common_folder([entry.photo for entry in entries])
        self._paths: defaultdict[str, list[Entry]] = defaultdict(list)
        self._names: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            self._paths[shown(entry.photo)].append(entry)
            self._names[name_of_photo(entry.photo, folder)].append(entry)

    def meant(self, written: str) -> list[Entry]:
        """The photographs of a path: absolute, from this folder, or as the sheet names it.

        There may be several, for a name of the sheet may be a path from this folder too.
        """
        if exact := self._paths.get(written):
            return exact
        name = written.replace(os.sep, "/").removeprefix("./")
        found = self._paths.get(shown(absolute(Path(written))), []) + self._names.get(name, [])
        return list({entry.photo: entry for entry in found}.values())
