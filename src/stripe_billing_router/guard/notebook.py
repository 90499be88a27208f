"""Notebooks: their code cells are Python with commands in between."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from .findings import Finding, subject
from .python import UnparsableError, parse, scan_python
from .shell import find_commands

_SHELL_CELL: Final = re.compile(
    r"%%(?:bash|sh|zsh|system|sx|cmd|script\s+(?:\S*/)?(?:ba|z|k)?sh)\b"
)
_FOREIGN_CELL: Final = re.compile(
    r"%%(?:javascript|js|html|markdown|latex|svg|perl|ruby|R|sql|bigquery|cython|writefile|file"
    r"|script|julia|ai|capture_html)\b"
)
# A line that IPython takes for itself: the blanks, `name =`, the magic, and what it is given.
_LINE: Final = re.compile(r"^(\s*)(?:[\w, ]+=\s*)?(!!?|%\s*|\?)(.*)$")
_PYTHON_MAGIC: Final = re.compile(
    r"(?:time|timeit|prun|memit|mprun|lprun)\s+(?:-\w+\s*\d*\s+)*(.*)"
)
_SHELL_MAGIC: Final = re.compile(r"(?:sx|system|sc)\s+(.*)")


class NotebookError(Exception):
    """It is not a notebook."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell; `number` counts all cells from 1, and `line` is where it begins in the file."""

    number: int
    source: str
    lines: tuple[int, ...]  # of each line of the source, in the file

    def line(self, within: int) -> int:
        """Return the line in the file of the cell's line `within`, which counts from 1."""
        return self.lines[min(within, len(self.lines)) - 1] if self.lines else 1


def scan_notebook(text: str, path: str, *, known_keys: Iterable[bytes] = ()) -> list[Finding]:
    """Return what is found in the code cells of a notebook.

    `known_keys` were found in its text already.

    Raises:
        NotebookError: it is not a notebook.
    """
    try:
        content = json.loads(text)
        cells = list(_cells(content, text))
        language = _language(content)
    except (ValueError, LookupError, RecursionError, TypeError, AttributeError):
        raise NotebookError("it is not a notebook") from None
    if language not in {"python", "ipython", ""}:
        return []
    return [finding for cell in cells for finding in _scan_cell(cell, path, known_keys)]


def _language(content: Any) -> str:
    metadata = content.get("metadata", {})
    kernel, info = metadata.get("kernelspec", {}), metadata.get("language_info", {})
    return str(info.get("name") or kernel.get("language") or "").lower()


def _cells(content: Any, text: str) -> Iterator[Cell]:
    sheets = content.get("worksheets")  # Version 3 of the format.
    cells = content["cells"] if sheets is None else [c for sheet in sheets for c in sheet["cells"]]
    at = 0
    for number, cell in enumerate(cells, start=1):
        if cell.get("cell_type") != "code":
            continue
        source = cell.get("source", cell.get("input", ""))
        source = "".join(source) if isinstance(source, list) else source
        lines = []
        for line in source.split("\n"):
            # The file has each line escaped, after the one before.
            found = _find_line(text, line, at)
            at = found if found >= 0 else at
            lines.append(text.count("\n", 0, at) + 1)
        yield Cell(number, source, tuple(lines))


def _find_line(text: str, line: str, start: int) -> int:
    if not line.strip():
        return -1
    found = text.find(json.dumps(line, ensure_ascii=False)[1:-1], start)
    return found if found >= 0 else text.find(json.dumps(line)[1:-1], start)


def _scan_cell(cell: Cell, path: str, known_keys: Iterable[bytes]) -> Iterator[Finding]:
    where = f"cell {cell.number}: "
    first = cell.source.lstrip().partition("\n")[0]
    if _SHELL_CELL.match(first):
        for command in find_commands(cell.source.replace("%%", "##", 1)):
            yield _command(path, cell.line(command.line), command.rule, where + command.message)
        return
    if _FOREIGN_CELL.match(first):
        return
    source = "\n".join(_python_lines(cell.source))
    for number, line in enumerate(cell.source.split("\n"), start=1):
        for command in find_commands(_shell_part(line)):
            yield _command(path, cell.line(number), command.rule, where + command.message)
    try:
        found = scan_python(parse(source), path, known_keys=known_keys)
    except UnparsableError as error:
        message = f"{where}{error}"
        yield Finding(path, cell.line(error.line), 1, "unparsable", message, subject(cell.source))
        return
    for each in found:
        yield Finding(
            path, cell.line(each.line), each.column, each.rule, where + each.message, each.subject
        )


def _command(path: str, line: int, rule: str, message: str) -> Finding:
    return Finding(path, line, 1, rule, message, subject(message))


def _shell_part(line: str) -> str:
    special = _LINE.match(line)
    if special is None:
        return ""
    if special[2].startswith("!"):
        return special[3]
    magic = _SHELL_MAGIC.match(special[3])
    return magic[1] if magic else ""


def _python_lines(source: str) -> Iterator[str]:
    """Yield the lines with those replaced that are IPython's, so that the others keep their place.

    A line such as `%d" % x` in the middle of a statement stays: nothing special begins there.
    """
    open_brackets = 0
    goes_on = is_special = False
    for line in source.split("\n"):
        if goes_on and is_special:
            yield ""
            goes_on = line.rstrip().endswith("\\")
            continue
        special = None if open_brackets > 0 or goes_on else _LINE.match(line)
        is_special = special is not None
        if special is not None:
            magic = _PYTHON_MAGIC.match(special[3]) if special[2][0] == "%" else None
            yield special[1] + (magic[1] if magic and magic[1] else "pass")
            goes_on = line.rstrip().endswith("\\")
            continue
        if open_brackets == 0 and re.fullmatch(r"\s*[\w.]+\?{1,2}\s*", line):
            yield re.sub(r"\S.*", "pass", line)
            continue
        open_brackets += sum(map(line.count, "([{")) - sum(map(line.count, ")]}"))
        open_brackets = max(open_brackets, 0)
        goes_on = line.rstrip().endswith("\\")
        yield line
