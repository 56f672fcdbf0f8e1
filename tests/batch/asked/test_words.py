"""Templates of names, lists of paths, and what --out means."""

import codecs
import os
from pathlib import Path

import pytest

from colorize_cli.batch.asked.name_template import PLAIN, parse_template
from colorize_cli.batch.asked.path_list import read_path_list
from colorize_cli.batch.asked.target import format_of, is_url, target_of
from colorize_cli.errors import UsageError


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (PLAIN, "a"),
        ("{stem}_colour{ext}", "a_colour"),
        ("colour of {stem}, {stem}{ext}", "colour of a, a"),
        ("{{{stem}}}{ext}", "{a}"),
        ("fixed{ext}", "fixed"),
    ],
)
def test_a_template_puts_the_stem_where_it_says(text: str, name: str) -> None:
    template = parse_template(text)
    assert template.named("a") == name
    assert template.has_stem == ("{stem}" in text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "end it with {ext}"),
        ("{stem}", "end it with {ext}"),
        ("{stem}.png", "end it with {ext}"),
        ("{ext}{stem}", "end it with {ext}"),
        ("{stem}{ext}{ext}", "end it with {ext}"),
        ("{stem}{ext}x", "end it with {ext}"),
        ("{ext}", "more than an extension"),
        ("{name}{ext}", "there is no {name}"),
        ("{}{ext}", "there is no {}"),
        ("{stem!r}{ext}", "{stem} has nothing else"),
        ("{stem:>9}{ext}", "{stem} has nothing else"),
        ("{stem.x}{ext}", "there is no {stem.x}"),
        ("{stem{ext}", "write {{"),
        ("a/{stem}{ext}", "no slash"),
        ("..\\{stem}{ext}", "no slash"),
        ("{stem}\n{ext}", "no control character"),
        (".{stem}{ext}", "begins with a dot"),
    ],
)
def test_a_template_that_gives_no_name_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError) as found:
        parse_template(text)
    assert said in str(found.value)
    assert "--name" in str(found.value)


@pytest.mark.parametrize(
    ("data", "paths"),
    [
        (b"a.png\nb c.png\n", ["a.png", "b c.png"]),
        (b"a.png\r\n\r\n  \r\n b.png", ["a.png", " b.png"]),
        (b"a\nb.png\0c.png\0", ["a\nb.png", "c.png"]),
        (codecs.BOM_UTF8 + "é.png\n".encode(), ["é.png"]),
        (codecs.BOM_UTF16_LE + "é.png\r\nb.png\r\n".encode("utf-16-le"), ["é.png", "b.png"]),
        (b"\xff.png\n", [os.fsdecode(b"\xff.png")]),
    ],
)
def test_a_list_has_a_path_a_line_or_before_each_nul(
    data: bytes, paths: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "list"
    path.write_bytes(data)
    assert read_path_list(str(path)) == paths


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\0"])
def test_a_list_of_nothing_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(data)
    with pytest.raises(UsageError, match="names no photograph"):
        read_path_list(str(path))
    with pytest.raises(UsageError, match="directory"):
        read_path_list(str(tmp_path))


@pytest.mark.parametrize(
    ("out", "is_single"),
    [
        ("b.png", True),
        ("deep/b.JPG", True),
        ("b.tif", True),
        ("b", False),
        ("b.png/", False),
        ("album.1920", False),
        ("there.png", False),
        (".", False),
    ],
)
def test_a_known_suffix_makes_a_file_but_of_a_folder(
    out: str, is_single: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.png").mkdir()
    assert target_of(out, ["a.png"]) == (Path(out), is_single)


@pytest.mark.parametrize(
    ("name", "format"),
    [("a.jpeg", "jpeg"), ("a.TIF", "tiff"), ("a.ppm", "pnm"), ("a.avif", "avif")],
)
def test_a_files_suffix_says_its_format(name: str, format: str) -> None:
    assert format_of(Path(name)) == format


@pytest.mark.parametrize("name", ["a.gif", "a.heic", "a.dng", "a.pgm"])
def test_a_suffix_that_no_colouring_has_is_refused_with_one_that_it_can_have(name: str) -> None:
    with pytest.raises(UsageError, match=r"ends with \.(png|tif|tiff|ppm) instead"):
        format_of(Path(name))


def test_a_url_is_known_also_when_a_path_has_merged_its_slashes() -> None:
    words = ("https://x.org/a.jpg", "http:/x.org/a", "FTP://x/a", "file:///tmp/a.png", "s3://b/a")
    assert all(map(is_url, words))
    assert not any(map(is_url, ("a.jpg", "/a:/b", "C:/scans", "C:\\scans", "a: /b", "./https:/x")))
