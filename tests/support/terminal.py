"""A real terminal for a program: what a person would see, and may type."""

from __future__ import annotations

import os
import pty
import re
import select
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from support.commands import forking

COMMAND = (sys.executable, "-m", "stripe_billing_router")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Screen:
    """What a program has written to its terminal, and how it ended."""

    raw: str
    status: int

    @property
    def lines(self) -> list[str]:
        """The lines without colours."""
        return [_CONTROL.sub("", line).rstrip("\r") for line in self.raw.split("\n")]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def in_terminal(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    columns: int = 100,
    answers: Sequence[tuple[str, str]] = (),
) -> Screen:
    """Run the command in a terminal; type each answer when its question is on the screen."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, columns))
    program = forking()
    terminal = {**environment, "TERM": "xterm-256color"}
    program.start(arguments, [theirs] * 3, env=terminal, terminal=True)
    os.close(theirs)
    try:
        seen = _converse(ours, list(answers))
    except BaseException:
        program.kill()
        raise
    finally:
        os.close(ours)
    return Screen(seen, program.wait())


def _converse(terminal: int, answers: list[tuple[str, str]]) -> str:
    seen, answered = "", 0
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            read = os.read(terminal, 65536)
        except OSError:  # Linux says so when the other end is closed.
            return seen
        if not read:
            return seen
        seen += read.decode()
        if answers and answers[0][0] in seen[answered:]:
            answered = len(seen)
            os.write(terminal, f"{answers.pop(0)[1]}\n".encode())
    raise AssertionError(f"the program did not end; it showed: {seen}")
