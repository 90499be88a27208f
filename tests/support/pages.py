"""The pages of the documentation, taken apart: blocks of code, links, headings, tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"<!-- not run: (.+) -->\s*\Z")
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fenced block; `line` is that of its first line of code, `not_run` the reason given."""

    page: Path
    line: int
    language: str
    code: str
    not_run: str | None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page, from top to bottom."""
    text = page.read_text(encoding="utf-8")
    for fence in _FENCE.finditer(text):
        excuse = _NOT_RUN.search(text, 0, fence.start())
        line = text.count("\n", 0, fence.start()) + 2
        yield Block(page, line, fence[1], fence[2], excuse[1] if excuse else None)


def prose(page: Path) -> str:
    """Return a page without its blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """Return the targets of a page's links, as written."""
    return _LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """Return what a link may put behind `#`: each heading in lower case, joined by hyphens."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in _HEADING.findall(prose(page))
    }


def rows(page: Path, header: str) -> Iterator[list[str]]:
    """Yield the rows of each table whose first column is called `header`, without backticks."""
    wanted = False
    for line in prose(page).replace("`", "").splitlines():
        if not line.startswith("|"):
            wanted = False
            continue
        cells = [cell.strip() for cell in line[1:-1].split("|")]
        if wanted and not cells[0].startswith("---"):
            yield cells
        wanted = wanted or cells[0] == header
