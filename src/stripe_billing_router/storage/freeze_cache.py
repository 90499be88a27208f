"""The freezes known without the database: they apply while it is unavailable."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable
from pathlib import Path

from ..core.bot_ids import spellings
from ..core.clean_json import to_json
from ..core.operation import Freeze
from . import codec
from .jsonl import make_private_folder


class FreezeCache:
    """`freezes.json` beside the spool has the freezes last read from the database.

    Freezes that could not be stored (`hold`) apply at least in this process.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder.absolute() / "freezes.json"
        self._last: frozenset[Freeze] | None = None
        # Threads add and remove one by one: none can undo what another has just done.
        self._held: dict[Freeze, None] = {}

    @property
    def held(self) -> frozenset[Freeze]:
        """The freezes that apply in this process only, because none of them is durable."""
        return frozenset(tuple(self._held))

    def known(self) -> frozenset[Freeze]:
        """Return the freezes known to this host.

        Raises:
            OSError, ValueError: the file is there and cannot be read.
        """
        known = self.held | (self._last or frozenset())
        try:
            stored = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return known
        return known | frozenset(map(codec.freeze_from_values, stored))

    def store(self, active: Iterable[Freeze]) -> None:
        """Remember the active freezes; writes the file only on a change.

        Raises:
            OSError: it could not be written; this process still remembers them.
        """
        freezes = frozenset(active)
        if freezes == self._last:
            return
        self._last = freezes
        if freezes or self._path.exists():
            self._replace_file(freezes)

    def hold(self, freezes: Iterable[Freeze]) -> None:
        """Apply `freezes` in this process, before they are durable."""
        for freeze in freezes:
            self._held[freeze] = None

    def recorded(self, freezes: Iterable[Freeze]) -> None:
        """Remember freezes that are now durable; see `store`."""
        self.store(self.known() | frozenset(freezes))
        self._release(freezes)

    def lift(self, pattern: str) -> None:
        """Drop the freezes of this pattern that only this process held."""
        canonical = spellings(pattern)[0]
        self._release(one for one in self.held if spellings(one.pattern)[0] == canonical)

    def _release(self, freezes: Iterable[Freeze]) -> None:
        for freeze in freezes:
            self._held.pop(freeze, None)

    def _replace_file(self, freezes: frozenset[Freeze]) -> None:
        make_private_folder(self._path.parent)
        ordered = sorted(freezes, key=lambda freeze: (freeze.created_ms, freeze.id))
        text = to_json([codec.freeze_values(freeze) for freeze in ordered])
        scratch = self._path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.tmp")
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(self._path)
