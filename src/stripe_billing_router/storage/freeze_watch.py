"""Whether a bot is frozen: by the database, or by the cache while it is unavailable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from ..core.operation import Freeze
from ..core.ports import Alert
from ..errors import BotFrozenError
from .database import Connection
from .freeze_cache import FreezeCache
from .freezes import Freezes, covering
from .storage import Storage, unavailable


class FreezeWatch:
    """Stops frozen bots. A freeze that could not be recorded still applies in this process."""

    def __init__(self, storage: Storage, alert: Alert) -> None:
        self.statements = Freezes(storage.database.dialect_name)
        self._spool = storage.spool
        self._cache = FreezeCache(storage.spool.folder)
        self._alert = alert

    def expect_not_frozen(self, connection: Connection, bot_id: str) -> Sequence[Freeze]:
        """Return the active freezes.

        Raises:
            BotFrozenError: one of them covers the bot.
        """
        active = self.statements.active(connection)
        _expect_none_covers((*active, *self._cache.held), bot_id)
        return active

    def expect_not_known_frozen(self, bot_id: str) -> None:
        """Check without the database, with the spool locked.

        Raises:
            BotFrozenError: a freeze known to this host covers the bot.
            LedgerUnavailableError: the known freezes cannot be read.
        """
        try:
            known = self._cache.known()
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise unavailable(f"The freezes that hold cannot be read: {error}.") from None
        _expect_none_covers((*known, *self._spool.freezes()), bot_id)

    def hold(self, freezes: Iterable[Freeze]) -> None:
        """Apply `freezes` in this process, before they are durable."""
        self._cache.hold(freezes)

    def recorded(self, freezes: Sequence[Freeze]) -> None:
        """Note that `freezes` are now durable."""
        if not freezes:
            return
        try:
            self._cache.recorded(freezes)
        except (OSError, ValueError, LookupError, TypeError) as error:
            self._tell(error)

    def remember(self, active: Iterable[Freeze]) -> None:
        """Remember the database's active freezes, for when it is unavailable."""
        try:
            self._cache.store(active)
        except OSError as error:
            self._tell(error)

    def lifted(self, pattern: str, active: Iterable[Freeze]) -> None:
        """Note that a pattern was lifted, and which freezes are still active."""
        self._cache.lift(pattern)
        self.remember(active)

    def _tell(self, error: Exception) -> None:
        message = f"Freezes cannot be kept for when the database is away: {error}"
        self._alert("freeze_cache", "warning", message, {})


def _expect_none_covers(freezes: Iterable[Freeze], bot_id: str) -> None:
    freeze = covering(freezes, bot_id)
    if freeze is None:
        return
    since = datetime.fromtimestamp(freeze.created_ms / 1000, UTC).isoformat(timespec="seconds")
    raise BotFrozenError(
        f"{bot_id} is frozen by {freeze.actor} since {since}: {freeze.reason.removesuffix('.')}. "
        f"Nothing was sent. An operator lifts it with unfreeze({freeze.pattern!r}).",
        freeze_id=freeze.id,
        pattern=freeze.pattern,
        reason=freeze.reason,
        actor=freeze.actor,
        since_ms=freeze.created_ms,
    )
