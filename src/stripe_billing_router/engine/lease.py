"""Which process may carry an operation out: the lease, and the conditional commit that takes it."""

from __future__ import annotations

from dataclasses import replace

from ..core.holder import Holder
from ..core.operation import Operation
from ..core.ports import Runtime
from ..domain import leases, refusals
from ..domain.steps import created_something, has_unknown_send, undecided
from ..errors import BotFrozenError
from ..storage.errors import StaleOperationError, StorageError
from ..storage.records import Records


class Leases:
    """The leases of this process."""

    def __init__(self, records: Records, runtime: Runtime, lease_s: float) -> None:
        self._records = records
        self._runtime = runtime
        self._lease_ms = int(lease_s * 1000)
        self._named: tuple[Holder | None, str] = (None, "")  # replaced whole

    def renewed(self, operation: Operation) -> Operation:
        """Return the operation with a fresh lease of this process."""
        now_ms, holder = self._runtime.now_ms(), self._runtime.holder()
        if holder is not self._named[0]:
            self._named = holder, str(holder)
        return replace(
            operation,
            lease_owner=self._named[1],
            lease_until_ms=now_ms + self._lease_ms,
            updated_ms=now_ms,
        )

    def take(self, operation: Operation, *, check_freeze: bool = False) -> Operation:
        """Commit the operation with this process's lease: of two processes only one continues.

        Raises `OperationInProgressError` for the slower one, `BotFrozenError`, and
        `LedgerUnavailableError` if it cannot be recorded; in each case this call sent nothing.
        """
        begun = created_something(operation) or has_unknown_send(operation)
        try:
            return self._records.save(self.renewed(operation), check_freeze=check_freeze)
        except BotFrozenError as frozen:
            # This call sent nothing; earlier sends may have taken money.
            frozen.operation_id = operation.operation_id
            frozen.idempotency_key = operation.idempotency_key
            moved = created_something(operation) or undecided(operation)
            frozen.money_moved = "unknown" if moved else "no"
            raise
        except StaleOperationError:
            raise refusals.taken_up(operation) from None
        except StorageError as problem:
            raise refusals.not_recorded(operation, str(problem), begun=begun) from None

    def is_held(self, operation: Operation) -> bool:
        """Return whether another call may still be carrying this operation out."""
        runtime = self._runtime
        return leases.is_held(operation, runtime.now_ms(), runtime.holder(), runtime.is_alive)

    def blocks_a_retry(self, operation: Operation) -> bool:
        """Return whether an identical call without a key must be refused."""
        runtime = self._runtime
        return leases.blocks_a_retry(
            operation, runtime.now_ms(), runtime.holder(), runtime.is_alive
        )
