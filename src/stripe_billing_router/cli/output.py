"""What a person sees: consoles, safe text, tables that stream.

A terminal gets colours and lines that fit; a pipe gets plain text, and each row whole on one line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from types import TracebackType
from typing import Final, Self

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.text import Text

from ..redaction import redact

_GAP: Final = "  "
_BAR_CELLS: Final = 10
# Widths are those of the first rows; the others follow, so that a table of any length streams.
_MEASURED_ROWS: Final = 500
# Where a cell may be broken, the better places first.
_BREAKS: Final = (re.compile(r" (?![0-9])|:(?![0-9/])"), re.compile(r"[ :_\-,/.]"))


# The console of the bar that is on the screen: whoever writes past it would write into the bar.
_with_bar: Console | None = None


def console(*, stderr: bool = False) -> Console:
    """Return a console for one of the streams as they are now."""
    if stderr and _with_bar is not None:
        return _with_bar
    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if os.environ.get("NO_COLOR"):
        made = Console(stderr=stderr, color_system=None, highlight=False, markup=False, emoji=False)
    return made


def safe(text: object) -> str:
    """Return text from outside as one line without secrets or terminal control sequences."""
    shown = redact(str(text))
    if shown.isprintable():
        return shown
    return "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in shown
    )


def say(text: str | Text, *, style: str = "", stderr: bool = False) -> None:
    """Print a line or paragraph: wrapped in a terminal, on one line elsewhere."""
    out = console(stderr=stderr)
    out.print(text, style=style, soft_wrap=not out.is_terminal)


def complain(title: str, text: str) -> None:
    """Print what went wrong to stderr: framed in a terminal, one paragraph elsewhere."""
    out = console(stderr=True)
    if out.is_terminal:
        out.print(Panel(Text(text), title=title, title_align="left", border_style="red"))
    else:
        out.print(f"{title}: {text}", soft_wrap=True)


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values one under another; what is None or empty is left out."""
    known = [(name, value) for name, value in pairs if value not in (None, "")]
    widest = max((cell_len(name) for name, _ in known), default=0)
    out = console()
    for name, value in known:
        shown = value if isinstance(value, Text) else Text(safe(value))
        room = max(out.width - widest - 4, 16)
        lines = wrap(shown, room) if out.is_terminal else [shown]
        for number, line in enumerate(lines):
            label = Text(("" if number else name).ljust(widest), style="dim")
            print_line(out, Text.assemble("  ", label, _GAP, line))


def heading(text: str) -> None:
    """Print a blank line and a title."""
    out = console()
    out.print()
    out.print(Text(text, style="bold"))


def print_line(out: Console, line: Text) -> None:
    """Print one line as it is, without blanks at its end."""
    if not out.is_terminal:
        out.file.write(line.plain.rstrip(" ") + "\n")  # Several times as fast.
        return
    line.rstrip()
    out.print(line, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Column:
    """A column. Where room is short its cells take several lines, each at least `folds` wide.

    With 0 they stay on one line.
    """

    title: str
    right: bool = False
    folds: int = 0


Cell = str | Text


@dataclass(slots=True)
class Table:
    """Columns as wide as what is in them, and no wider than the terminal."""

    columns: Sequence[Column]
    out: Console = field(default_factory=console)
    _widths: list[int] = field(default_factory=list)

    def print(self, rows: Iterable[Sequence[Cell] | str]) -> int:
        """Print the head and the rows as they come; a text among the rows is a heading.

        Returns how many rows there were. Nothing is printed when there are none.
        """
        rows = iter(rows)
        first = list(islice(rows, _MEASURED_ROWS))
        if not first:
            return 0
        cells = [[_text(cell) for cell in row] for row in first if not isinstance(row, str)]
        self._measure(cells)
        self._print_row([Text(column.title, style="dim") for column in self.columns])
        count = 0
        for row in chain(first, rows):
            if isinstance(row, str):
                print_line(self.out, Text(row, style="bold"))
            else:
                self._print_row([_text(cell) for cell in row])
                count += 1
        return count

    def _measure(self, rows: Sequence[Sequence[Text]]) -> None:
        self._widths = [
            max([cell_len(column.title), *(row[at].cell_len for row in rows)])
            for at, column in enumerate(self.columns)
        ]
        if not self.out.is_terminal:
            return
        excess = sum(self._widths) + len(_GAP) * (len(self.columns) - 1) - self.out.width
        while excess > 0:
            # Whichever can spare most gives way first.
            spare, widest = max((self._spare(at), at) for at in range(len(self.columns)))
            if spare <= 0:
                return
            self._widths[widest] -= 1
            excess -= 1

    def _spare(self, at: int) -> int:
        folds = self.columns[at].folds
        return self._widths[at] - folds if folds else 0

    def _print_row(self, cells: Sequence[Text]) -> None:
        folded = [self._folded(at, cell) for at, cell in enumerate(cells)]
        for line in range(max(map(len, folded))):
            parts = [lines[line] if line < len(lines) else Text() for lines in folded]
            padded = [self._padded(at, part) for at, part in enumerate(parts)]
            print_line(self.out, Text(_GAP).join(padded))

    def _folded(self, at: int, cell: Text) -> list[Text]:
        if self.out.is_terminal and self.columns[at].folds:
            return wrap(cell, self._widths[at])
        return [cell]

    def _padded(self, at: int, text: Text) -> Text:
        blanks = " " * max(0, self._widths[at] - text.cell_len)
        return Text(blanks) + text if self.columns[at].right else text + Text(blanks)


def wrap(text: Text, width: int) -> list[Text]:
    """Break a text into lines of `width` cells: after a blank or a separator where there is one."""
    lines = []
    while text.cell_len > width:
        at = _break_at(text.plain, width)
        line, text = text[:at], text[at:]
        blanks = len(text.plain) - len(text.plain.lstrip(" "))
        text = text[blanks:]
        line.rstrip()
        lines.append(line)
    return [*lines, text] if text.plain or not lines else lines


def _break_at(text: str, width: int) -> int:
    fits = 1
    while cell_len(text[: fits + 1]) <= width:
        fits += 1
    if text[fits : fits + 1] == " ":
        return fits
    # A separator in the first third would leave most of the line empty.
    for separator in _BREAKS:
        ends = [match.end() for match in separator.finditer(text, fits // 3, fits)]
        if ends:
            return ends[-1]
    return fits


def _text(cell: Cell) -> Text:
    return cell if isinstance(cell, Text) else Text(cell)


class Progress:
    """Says how far a long command is: a bar in a terminal, a line for each step elsewhere.

    All of it goes to stderr, and the bar is gone when the command has ended.
    """

    def __init__(self, noun: str) -> None:
        self._noun = noun
        self._out = console(stderr=True)
        self._bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=_BAR_CELLS),
            TimeElapsedColumn(),
            TextColumn("{task.fields[what]}", markup=False),
            console=self._out,
            transient=True,
        )
        self._is_begun = False

    def step(self, number: int, total: int, what: str) -> None:
        """Say that step `number`, counted from 0, of `total` begins."""
        where = f"{self._noun} {number + 1} of {total}"
        if not self._out.is_terminal:
            say(f"{where}: {what}", stderr=True)
            return
        room = self._out.width - cell_len(where) - _BAR_CELLS - len("0:00:00   ")
        what = set_cell_size(what, max(0, min(room, cell_len(what))))
        if not self._is_begun:
            self._is_begun = True
            self._bar.add_task(where, total=total, what=what)
            self._bar.start()
        (task,) = self._bar.task_ids
        self._bar.update(task, description=where, completed=number, what=what, refresh=True)

    def __enter__(self) -> Self:
        global _with_bar
        _with_bar = self._out
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        global _with_bar
        _with_bar = None
        if self._is_begun:
            self._bar.stop()


def plural(count: int, noun: str) -> str:
    """Return `1 row`, `2 rows`, …."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
