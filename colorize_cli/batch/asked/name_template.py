"""How colourings are named: a template such as `{stem}_colour{ext}`."""

import string
from dataclasses import dataclass

from ...errors import UsageError
from ...system.paths import shown

PLAIN = "{stem}{ext}"
_FIELDS = ("stem", "ext")
_SEPARATORS = "/\\"


@dataclass(frozen=True)
class NameTemplate:
    """What stands before and behind a photo's own name, in the names of its colourings.

    The number of a sample, where there are several, goes between the two of `{ext}` and all else.
    """

    parts: tuple[tuple[str, bool], ...] = (("", True),)  # literal text, and whether a stem follows

    @property
    def has_stem(self) -> bool:
        """Whether the names of two photographs differ."""
        return any(is_followed for _, is_followed in self.parts)

    def named(self, stem: str) -> str:
        """The name of a colouring, without number and extension, for a photo's name without it."""
        return "".join(text + stem * is_followed for text, is_followed in self.parts)


def parse_template(text: str) -> NameTemplate:
    """Read a template; UsageError where no name can come of it, with what to write instead."""
    try:
        pieces = list(string.Formatter().parse(text))
    except ValueError as error:
        raise _wrong(text, f"{error}: write {{{{ for a brace") from error
    for _, field, spec, conversion in pieces:
        if field is not None and field not in _FIELDS:
            raise _wrong(text, f"there is no {{{field}}}: {{stem}} and {{ext}} are what there is")
        if spec or conversion:
            raise _wrong(text, f"{{{field}}} has nothing else between its braces")
    if [field for _, field, *_ in pieces].count("ext") != 1 or pieces[-1][1] != "ext":
        raise _wrong(text, "end it with {ext}, which is what the file is; --format chooses that")
    literal = "".join(piece[0] for piece in pieces)
    if any(char in _SEPARATORS or ord(char) < 32 or ord(char) == 127 for char in literal):
        raise _wrong(text, "a name has no slash and no control character; folders are mirrored")
    if text.startswith("."):
        raise _wrong(text, "a name that begins with a dot is hidden, and would not be found again")
    if text == "{ext}":
        raise _wrong(text, "a name has more than an extension: {stem}{ext}")
    return NameTemplate(tuple((text, field == "stem") for text, field, *_ in pieces))


def _wrong(text: str, why: str) -> UsageError:
    return UsageError(f"--name {shown(text)}: {why}")
