"""The statements for freezes, each on a connection in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import sqlalchemy as sa

from ..core.bot_ids import matches, spellings
from ..core.operation import Freeze
from . import codec
from .schema import freezes, insert_unless_there

_ALL: Final = sa.select(freezes).order_by(freezes.c.created_ms, freezes.c.id)
_ACTIVE: Final = _ALL.where(freezes.c.lifted_ms.is_(None))
_LIFT: Final = (
    sa.update(freezes)
    .where(freezes.c.id == sa.bindparam("of_freeze"))
    .where(freezes.c.lifted_ms.is_(None))
    .values(lifted_ms=sa.bindparam("at_ms"), lifted_by=sa.bindparam("by"))
)


class Freezes:
    """Freezes in the table `stripe_freezes`. A lifted one stays, as a record."""

    def __init__(self, dialect_name: str) -> None:
        self._insert = insert_unless_there(freezes, dialect_name)

    def add(self, connection: sa.Connection, freeze: Freeze) -> bool:
        """Add `freeze`; return false if it exists already."""
        return connection.execute(self._insert, codec.freeze_values(freeze)).rowcount == 1

    def active(self, connection: sa.Connection) -> tuple[Freeze, ...]:
        """Return the active freezes, the oldest first."""
        return tuple(map(codec.freeze_from_values, connection.execute(_ACTIVE).mappings()))

    def all(self, connection: sa.Connection) -> list[Freeze]:
        """Return every freeze, also lifted ones, the oldest first."""
        return [codec.freeze_from_values(row) for row in connection.execute(_ALL).mappings()]

    def lift(
        self, connection: sa.Connection, pattern: str, *, lifted_by: str, lifted_ms: int
    ) -> int:
        """Lift the freezes of exactly this pattern; return how many."""
        lifted = 0
        for freeze in self.active(connection):
            if spellings(freeze.pattern)[0] == spellings(pattern)[0]:
                values = {"of_freeze": freeze.id, "at_ms": lifted_ms, "by": lifted_by}
                lifted += connection.execute(_LIFT, values).rowcount
        return lifted


def covering(freezes: Iterable[Freeze], bot_id: str) -> Freeze | None:
    """Return the first freeze that stops `bot_id`, or None."""
    return next((freeze for freeze in freezes if matches(freeze.pattern, bot_id)), None)
