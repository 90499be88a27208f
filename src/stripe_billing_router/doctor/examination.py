"""Check every part at once: no part waits for another, and each has a time limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from ..settings import Settings, named
from .diagnosis import Check, not_checked, wrong

# All parts together, whatever hangs. Each has shorter limits of its own; this one is for what has
# none, such as the look-up of a host's name or a file system that does not answer.
LONGEST_S: Final = 25.0


@dataclass(frozen=True, slots=True)
class Part:
    """One part to look at; what it yields before it hangs or fails is kept.

    `needs` are the settings without which nothing can be said of it.
    """

    section: str
    look: Callable[[Settings], Iterator[Check]]
    needs: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Look:
    part: Part
    settings: Settings
    checks: list[Check] = field(default_factory=list)
    thread: threading.Thread | None = None

    def start(self) -> None:
        # A daemon: what hangs must not keep the process from ending. In a copy of the caller's
        # context, which may hold how long its call may take.
        run = partial(copy_context().run, self._run)
        self.thread = threading.Thread(target=run, name="stripe-doctor", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        section = self.part.section
        try:
            for check in self.part.look(self.settings):
                self.checks.append(replace(check, section=section))
        except Exception as error:  # noqa: BLE001 - One part must not hide the others.
            # Its text is not repeated: it may quote a secret.
            broken = wrong(
                section,
                f"this failed with {type(error).__name__}; what is missing here was not checked",
                "Report this bug of the doctor, with the version above.",
            )
            self.checks.append(replace(broken, section=section))

    def end(self, until_s: float) -> list[Check]:
        assert self.thread is not None, "it was started"
        self.thread.join(max(0.0, until_s - time.monotonic()))
        found = list(self.checks)
        if self.thread.is_alive():
            hangs = wrong(
                self.part.section,
                "no answer in time; what is missing here was not checked",
                "Find what hangs: a name server, a firewall that drops packets, a network file "
                "system.",
            )
            found.append(replace(hangs, section=self.part.section))
        return found


def examine(
    parts: Sequence[Part],
    settings: Settings,
    unusable: frozenset[str] = frozenset(),
    *,
    longest_s: float = LONGEST_S,
) -> tuple[Check, ...]:
    """Look at all `parts` at once, for `longest_s` seconds at most.

    `unusable` names settings that cannot be used: what needs one of them is not looked at.
    """
    until_s = time.monotonic() + longest_s
    looks: list[_Look | Check] = []
    for part in parts:
        lacking = sorted(part.needs & unusable)
        if lacking:
            names = ", ".join(named(name) for name in lacking)
            skipped = not_checked(part.section, f"correct first: {names}")
            looks.append(replace(skipped, section=part.section))
            continue
        look = _Look(part, settings)
        look.start()
        looks.append(look)
    checks: list[Check] = []
    for look_or_check in looks:
        if isinstance(look_or_check, Check):
            checks.append(look_or_check)
        else:
            checks += look_or_check.end(until_s)
    return tuple(checks)
