"""Tables of picks, and what `colorize pick` made of them."""

from collections.abc import Callable
from pathlib import Path

from .ledgered import OUT

Pick = Callable[..., tuple[int, list[str], str]]
CHOSEN = Path("chosen")


def table(*rows: tuple[str, object], separator: str = ",", head: str = "") -> None:
    """Write picks, by the names of the photographs, as a person would, of two columns."""
    lines = [head or separator.join(("photograph", "sample"))]
    lines += [separator.join((str(Path("scans", name).absolute()), str(k))) for name, k in rows]
    Path("picks.csv").write_text("\ufeff" + "\r\n".join(lines) + "\r\n", "utf-8")


def chosen() -> dict[str, str]:
    """The files of the folder, each with the name of the colouring that has its content."""
    made = {path.read_bytes(): str(path.relative_to(OUT)) for path in OUT.rglob("*.jpg")}
    return {str(p.relative_to(CHOSEN)): made[p.read_bytes()] for p in CHOSEN.rglob("*.jpg")}


def hidden() -> list[Path]:
    return [path for path in CHOSEN.rglob(".*") if path.name != ".colorize.picks.json"]
