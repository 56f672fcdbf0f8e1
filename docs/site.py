"""Makes the site of the whole repository's pages, at the places that they have in it.

So links between them lead where they lead in a checkout. What they link to beside pages, pictures
and figures and programs, is copied along; folders are left out.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
_PAGES = ("*.md", "docs/*.md", "benchmarks/*.md", "examples/*.md")
_LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Take the repository's pages, and what they link to, in place of the files of one folder."""
    pages = sorted(path for pattern in _PAGES for path in ROOT.glob(pattern))
    wanted = {path.relative_to(ROOT).as_posix() for path in pages}
    for page in pages:
        for target in _LINK.findall(page.read_text(encoding="utf-8")):
            path = (page.parent / target).resolve()
            if path.is_file() and path.is_relative_to(ROOT):
                wanted.add(path.relative_to(ROOT).as_posix())
    theme = [file for file in files if file.src_dir != config.docs_dir]
    return Files([*theme, *(_file(name, config) for name in sorted(wanted))])


def on_page_content(html: str, **_: object) -> str:
    """Take the bar's backslash out of code in tables, which Markdown elsewhere asks for."""
    return html.replace("\\|", "|")


def _file(name: str, config: MkDocsConfig) -> File:
    return File(name, str(ROOT), config.site_dir, use_directory_urls=False)
