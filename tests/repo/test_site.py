"""Pages are a site, built offline, whose links lead somewhere; the manual page is up to date."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return folder


@pytest.mark.slow
def test_the_site_has_every_page(site: Path) -> None:
    pages = [*ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")]
    made = [site / path.relative_to(ROOT).with_suffix(".html") for path in pages]
    assert made
    assert [path.name for path in made if not path.is_file()] == []
    assert (site / "index.html").is_file()


@pytest.mark.slow
def test_no_page_takes_anything_from_elsewhere(site: Path) -> None:
    taken = re.compile(r"""<(?:script|img|iframe|source)[^>]*\ssrc=["']?((?:https?:)?//[^"'> ]+)""")
    styles = re.compile(r"""<link[^>]*rel=["']?stylesheet[^>]*href=["']?((?:https?:)?//[^"'> ]+)""")
    texts = [path.read_text(encoding="utf-8") for path in site.rglob("*.html")]
    assert texts
    assert [found for text in texts for found in taken.findall(text) + styles.findall(text)] == []


def test_the_manual_page_is_that_of_the_program(tmp_path: Path) -> None:
    page = tmp_path / "colorize.1"
    subprocess.run([sys.executable, ".ci/man.py", str(page)], cwd=ROOT, check=True)
    stored = (ROOT / "docs" / "colorize.1").read_text(encoding="utf-8")
    assert page.read_text(encoding="utf-8") == stored, "make man"
