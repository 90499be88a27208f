"""Finish operations that dead processes left or whose outcome is unknown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..core.deadline import within
from ..core.operation import Operation, State
from ..core.ports import Alert, Gateway, Runtime
from ..domain.leases import is_held
from ..domain.resend import may_resume
from ..errors import BillingError, BotFrozenError
from ..storage.errors import StaleOperationError
from ..storage.records import Records
from .engine import Engine
from .lookup import OutcomeLookup
from .mismatch import MismatchHandler

_UNFINISHED = (State.PENDING, State.UNKNOWN, State.OPEN, State.ROLLING_BACK)

Progress = Callable[[int, int, Operation], None]


@dataclass(frozen=True, slots=True)
class Recovered:
    """The result for one operation."""

    operation_id: str
    bot_id: str
    before: State
    after: State
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """The result of a recovery. `drained` counts the records replayed from the spool."""

    operations: tuple[Recovered, ...]
    drained: int
    in_progress: int  # held by a live process, and left alone

    @property
    def unsettled(self) -> tuple[Recovered, ...]:
        """The operations that are still unfinished; the next recovery tries them again."""
        return tuple(done for done in self.operations if done.after in _UNFINISHED)


class Recovery:
    """Goes through unfinished operations, oldest first. Safe to run in many places at once.

    Recent ones are resumed with their original keys and parameters; older ones, and those of frozen
    bots, are looked up, cleaned up and finished, and never resent. What stays undecided stays
    unknown and is alerted once.
    """

    def __init__(
        self,
        *,
        records: Records,
        engine: Engine,
        lookup: OutcomeLookup,
        mismatches: MismatchHandler,
        verified_gateway: Callable[[str], Gateway],
        alert: Alert,
        runtime: Runtime,
        resume_within_s: float,
        give_up_after_s: float,
    ) -> None:
        self._records = records
        self._engine = engine
        self._lookup = lookup
        self._mismatches = mismatches
        self._verified_gateway = verified_gateway
        self._alert = alert
        self._runtime = runtime
        self._give_up_after_s = give_up_after_s
        self._resume_within_ms = int(resume_within_s * 1000)

    def recover(self, progress: Progress | None = None) -> RecoveryReport:
        """Recover everything that is unfinished; `progress` is called before each operation."""
        drained = self._records.replay()
        waiting = self._records.operations(state=_UNFINISHED, oldest_first=True, limit=None)
        free = [operation for operation in waiting if not self._is_held(operation)]
        done: list[Recovered] = []
        for number, operation in enumerate(free):
            if progress is not None:
                progress(number, len(free), operation)
            done.append(self._recovered(operation))
        return RecoveryReport(
            tuple(done), drained.rows + drained.operations, len(waiting) - len(free)
        )

    def _is_held(self, operation: Operation) -> bool:
        runtime = self._runtime
        return is_held(operation, runtime.now_ms(), runtime.holder(), runtime.is_alive)

    def _recovered(self, operation: Operation) -> Recovered:
        detail = ""
        try:
            with within(self._give_up_after_s):
                self._conclude(operation)
        except BillingError as problem:
            # Its outcome, or the reason why it has none yet; the state says what moved.
            detail = problem.message
        after = self._records.find(operation.operation_id) or operation
        if after.state is State.UNKNOWN and self._age_ms(operation) > self._resume_within_ms:
            self._alert_once(after)
        return Recovered(
            operation.operation_id, operation.bot_id, operation.state, after.state, detail
        )

    def _conclude(self, operation: Operation) -> None:
        if operation.state is State.OPEN:
            self._lookup.refresh(operation)
        elif operation.state is State.ROLLING_BACK:
            self._mismatches.resume(operation, self._verified_gateway(operation.account))
        elif not may_resume(operation, self._runtime.now_ms(), self._resume_within_ms):
            self._engine.conclude_by_reading(operation)
        else:
            try:
                self._engine.resume(operation)
            except BotFrozenError:
                self._engine.conclude_by_reading(operation)

    def _age_ms(self, operation: Operation) -> int:
        return self._runtime.now_ms() - operation.created_ms

    def _alert_once(self, operation: Operation) -> None:
        """Alert once, and record in the journal that it was done."""
        if operation.error_code == "undecided":
            return
        try:
            self._records.save(replace(operation, error_code="undecided"))
        except StaleOperationError:
            return
        self._alert(
            "operation_undecided",
            "error",
            f"The outcome of operation {operation.operation_id} of {operation.bot_id} cannot be "
            f"found: {operation.error_message}. Look for it at Stripe by its metadata.",
            {"bot_id": operation.bot_id, "operation_id": operation.operation_id},
        )
