"""The soak knows which of its photographs are damaged, and sees what a run did wrong."""

from pathlib import Path

import pytest

from benchmarks.mixed_photos import make_mixed
from benchmarks.soak import judge
from colorize_cli.errors import ImageError
from colorize_cli.photos.read import read_photo

HEAD = "photograph,became,reason\n"


def test_damaged_photographs_are_those_that_cannot_be_read(tmp_path: Path) -> None:
    damaged = make_mixed(tmp_path, 260)
    unreadable = []
    for path in sorted((tmp_path / "in").rglob("*.*")):
        try:
            read_photo(path.read_bytes())
        except ImageError:
            unreadable.append(path.relative_to(tmp_path / "in").as_posix())
    assert unreadable == damaged
    assert len(damaged) == 5
    assert make_mixed(tmp_path, 260) == damaged  # as it stands
    with pytest.raises(ValueError, match="name another folder"):
        make_mixed(tmp_path, 100)


def test_what_was_not_named_not_done_or_grew_does_not_pass(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".x.part").touch()
    folder = (tmp_path / "in").resolve()
    report = f"{folder}/a.png,done,\n{folder}/b.png,done,\n{folder}/c.png,failed,\n"
    (tmp_path / "report-1.csv").write_text(HEAD + report, encoding="utf-8-sig")
    watched = [{"run": 1, "rss_mb": 100.0 + n, "files": 8.0 + n} for n in range(40)]

    checks = judge(tmp_path, 4, ["b.png"], watched)

    assert [(check.figure, check.passes) for check in checks[:2]] == [(1, False), (2, False)]
    assert [check.passes for check in checks[2:]] == [False] * 4
