"""The photographs that are measured with."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from made.benched import JOB
from made.pictures import encode, grey

from colorize_cli.bench import photos
from colorize_cli.bench.photos import find_photos, spread
from colorize_cli.bench.synthetic import synthetic_photo
from colorize_cli.errors import UsageError


def unexpected(path: Path, reason: str) -> None:
    raise AssertionError(f"{path}: {reason}")


def test_of_many_photographs_some_are_taken_from_all_over() -> None:
    jobs = [replace(JOB, stem=str(number)) for number in range(80)]
    assert [job.stem for job in spread(jobs)] == ["0", "20", "40", "60"]
    assert spread(jobs[:3]) == tuple(jobs[:3])


def test_photographs_are_known_by_their_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(encode(grey(), "PNG"))
    found = find_photos([tmp_path], tmp_path / "work", 3, unexpected)
    one = hashlib.sha256(encode(grey(), "PNG")).digest()
    assert found.digest == hashlib.sha256(one + one).hexdigest()
    assert (found.found, found.samples, found.is_built_in) == (2, 3, False)
    assert found.formats == ["png"]
    assert {len(job.outputs) for job in found.jobs} == {3}


def test_one_is_made_where_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "synthetic_photo", lambda: synthetic_photo(32, 24))
    found = find_photos((), tmp_path, 1, unexpected)
    assert found.is_built_in
    (job,) = found.jobs
    assert job.source.read_bytes() == synthetic_photo(32, 24)


def test_no_photograph_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="Without any, one that is made"):
        find_photos([tmp_path / "empty"], tmp_path / "work", 1, unexpected)
