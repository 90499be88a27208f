"""Where a ledger row goes that comes without a writer: to the default router's ledger.

That writer is handed in, because the router is above the engine, and the engine writes through
`billing_logger`. It is kept apart from both, so that importing the package loads neither.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .operation import LedgerRow


def _nowhere(_: LedgerRow) -> bool:
    raise AssertionError("the package sets the default writer when it is imported")


_write: Callable[[LedgerRow], bool] = _nowhere


def set_default_writer(write: Callable[[LedgerRow], bool]) -> None:
    """Say where rows go that come without a writer of their own."""
    global _write
    _write = write


def write_by_default(row: LedgerRow) -> bool:
    """Write a row to the default router's ledger; False where the money row is there already."""
    return _write(row)
