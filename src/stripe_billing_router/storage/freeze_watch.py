"""Whether a bot is frozen: by the database, or by the cache while it is unavailable."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ..core.bot_ids import spellings
from ..core.clean_json import to_json
from ..core.operation import Freeze
from ..core.ports import Alert
from ..errors import BotFrozenError
from . import codec
from .database import Connection
from .freezes import Freezes, covering
from .jsonl import make_private_folder
from .storage import Storage, unavailable


class FreezeWatch:
    """Stops frozen bots. A freeze that could not be recorded still applies in this process."""

    def __init__(self, storage: Storage, alert: Alert) -> None:
        self.statements = Freezes(storage.database.dialect_name)
        self._spool = storage.spool
        self.cache = FreezeCache(storage.spool.folder)
        self._alert = alert

    def expect_not_frozen(self, connection: Connection, bot_id: str) -> Sequence[Freeze]:
        """Return the active freezes.

        Raises:
            BotFrozenError: one of them covers the bot.
        """
        active = self.statements.active(connection)
        if active or self.cache.held:
            _expect_none_covers((*active, *self.cache.held), bot_id)
        return active

    def expect_not_known_frozen(self, bot_id: str) -> None:
        """Check without the database, with the spool locked.

        Raises:
            BotFrozenError: a freeze known to this host covers the bot.
            LedgerUnavailableError: the known freezes cannot be read.
        """
        try:
            known = self.cache.known()
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise unavailable(f"The freezes in force cannot be read: {error}") from None
        _expect_none_covers((*known, *self._spool.freezes()), bot_id)

    def hold(self, freezes: Iterable[Freeze]) -> None:
        """Apply `freezes` in this process, before they are durable."""
        self.cache.hold(freezes)

    def recorded(self, freezes: Sequence[Freeze]) -> None:
        """Note that `freezes` are now durable."""
        if not freezes:
            return
        try:
            self.cache.recorded(freezes)
        except (OSError, ValueError, LookupError, TypeError) as error:
            self._report(error)

    def remember(self, active: Sequence[Freeze]) -> None:
        """Remember the database's active freezes, for when it is unavailable."""
        try:
            self.cache.store(active)
        except OSError as error:
            self._report(error)

    def lifted(self, pattern: str, active: Sequence[Freeze]) -> None:
        """Note that a pattern was lifted, and which freezes are still active."""
        self.cache.lift(pattern)
        self.remember(active)

    def _report(self, error: Exception) -> None:
        message = f"Freezes cannot be cached for an outage of the database: {error}"
        self._alert("freeze_cache", "warning", message, {})


def _expect_none_covers(freezes: Iterable[Freeze], bot_id: str) -> None:
    freeze = covering(freezes, bot_id)
    if freeze is None:
        return
    since = datetime.fromtimestamp(freeze.created_ms / 1000, UTC).isoformat(timespec="seconds")
    raise BotFrozenError(
        f"{bot_id} is frozen by {freeze.actor} since {since}: {freeze.reason}",
        f"Have an operator lift it with unfreeze({freeze.pattern!r}).",
        freeze_id=freeze.id,
        pattern=freeze.pattern,
        reason=freeze.reason,
        actor=freeze.actor,
        since_ms=freeze.created_ms,
    )


class FreezeCache:
    """`freezes.json` beside the spool has the freezes last read from the database.

    Freezes that could not be stored (`hold`) apply at least in this process.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder.absolute() / "freezes.json"
        self.last: tuple[Freeze, ...] | None = None
        # Threads add and remove one by one: none can undo what another has just done.
        self.held: dict[Freeze, None] = {}

    def known(self) -> frozenset[Freeze]:
        """Return the freezes known to this host.

        Raises:
            OSError, ValueError: the file is there and cannot be read.
        """
        known = frozenset((*self.held, *(self.last or ())))
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
        freezes = tuple(active)
        if self.last is not None and set(freezes) == set(self.last):
            return
        self.last = freezes
        if freezes or self._path.exists():
            self._replace_file(freezes)

    def hold(self, freezes: Iterable[Freeze]) -> None:
        """Apply `freezes` in this process, before they are durable."""
        for freeze in freezes:
            self.held[freeze] = None

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
            self.held.pop(freeze, None)

    def _replace_file(self, freezes: Iterable[Freeze]) -> None:
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
