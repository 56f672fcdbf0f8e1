"""Numbers in words: counts, rates and durations as people read them, and tables of them."""

from collections.abc import Iterator, Sequence


def count_text(count: int, noun: str) -> str:
    """Say how many there are of something."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def rate_text(rate: float) -> str:
    """Say a rate in photographs a second, or in seconds a photograph where that is clearer."""
    return f"{rate:.1f} photos/s" if rate >= 1 else f"{1 / rate:.1f} s a photo"


def duration_text(seconds: float) -> str:
    """Say a duration in the two units that matter."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def column_lines(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lay rows of as many cells each out in columns, two spaces apart."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
