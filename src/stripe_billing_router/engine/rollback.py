"""Reverse at Stripe what one operation created: journalled, done once, then hooks are called."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..billing_logger import row_of
from ..core.calls import CallFailedError, Failure, Reply, StripeCall, writes
from ..core.operation import Operation, State, StepRecord
from ..core.ports import Gateway, Runtime
from ..domain.ledger_rows import refund_rows, reversal_row
from ..domain.objects.kind import Reversal
from ..domain.objects.table import reverse, reversible
from ..domain.objects.tagged import tags_of
from ..domain.steps import failed, replied, with_step
from ..storage.records import Records
from .driver import Driver, Prepared

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RollbackReport:
    """The result of a rollback. `complete` is false while anything is pending or has failed."""

    operation_id: str
    bot_id: str
    complete: bool
    reversals: tuple[Reversal, ...]


RollbackHook = Callable[[RollbackReport], None]


class RollbackManager:
    """Reverses the objects of one operation, and only those that carry its id in their metadata."""

    def __init__(self, *, records: Records, driver: Driver, runtime: Runtime) -> None:
        self._records = records
        self._driver = driver
        self._runtime = runtime
        self._hooks: list[RollbackHook] = []

    def register_hook(self, hook: RollbackHook) -> None:
        """Have `hook` called with the report after each rollback; its own errors are logged."""
        self._hooks.append(hook)

    def auto_rollback(self, operation: Operation, gateway: Gateway) -> RollbackReport:
        """Reverse what `operation` created, with the key that created it.

        Reads each object's current state first, so that running it again does nothing twice. The
        operation becomes `rolled_back` when all is reversed, else it stays `rolling_back`.
        """
        if operation.state is State.ROLLED_BACK:
            return RollbackReport(operation.operation_id, operation.bot_id, True, ())
        done: list[Reversal] = []
        for kind, target in reversible(operation.steps, operation.operation_id):
            operation, reversal = self._reverse(operation, kind, target, gateway)
            done.append(reversal)
        complete = all(reversal.complete for reversal in done)
        report = RollbackReport(operation.operation_id, operation.bot_id, complete, tuple(done))
        now_ms = self._runtime.now_ms()
        rows = [*(reversal_row(operation, reversal) for reversal in done), *refund_rows(operation)]
        self._records.save(
            replace(
                operation,
                state=State.ROLLED_BACK if complete else State.ROLLING_BACK,
                updated_ms=now_ms,
                lease_owner=None,
            ),
            rows=[row_of(**{"timestamp_ms": now_ms, **columns}) for columns in rows],
        )
        for hook in self._hooks:
            try:
                hook(report)
            except Exception as error:  # noqa: BLE001 - Foreign code, whose text may hold anything.
                failed = type(error).__name__
                told = "a rollback hook failed with %s for operation %s"
                log.error(told, failed, operation.operation_id)  # noqa: TRY400
        return report

    def _reverse(
        self, operation: Operation, kind: str, target: str, gateway: Gateway
    ) -> tuple[Operation, Reversal]:
        steps = ReversalSteps(operation, gateway, self._records, self._runtime)
        try:
            reversal = self._driver.drive(reverse(kind, target, tags_of(operation)), steps)
        except CallFailedError as problem:
            failure = problem.failure
            detail = f"{failure.kind}: {failure.message}"[:300]
            reversal = Reversal(kind, target, False, detail)
        return steps.operation, reversal


class ReversalSteps:
    """The steps of a reversal: journalled by name, so that a second run replaces the first's."""

    def __init__(
        self, operation: Operation, gateway: Gateway, records: Records, runtime: Runtime
    ) -> None:
        self.operation = operation
        self._gateway = gateway
        self._records = records
        self._runtime = runtime

    def prepare(self, call: StripeCall) -> Prepared:
        """Return the record of the step; one that writes is journalled before it is sent."""
        record = StepRecord(
            step=call.step,
            method=call.method,
            target=call.target,
            params=call.params,
            attempt=self.operation.attempt,
            first_sent_ms=self._runtime.now_ms(),
        )
        if writes(call.method):
            self.operation = self._records.save(with_step(self.operation, record))
        return Prepared(record, self._gateway)

    def replied(self, call: StripeCall, record: StepRecord, reply: Reply, gateway: Gateway) -> None:
        """Keep the answer. Its account is not verified: the mismatch is known."""
        self.operation = with_step(self.operation, replied(record, reply))

    def failed(self, call: StripeCall, record: StepRecord, failure: Failure) -> CallFailedError:
        """Keep the failure, and return it to the flow."""
        self.operation = with_step(self.operation, failed(record, failure))
        return CallFailedError(failure)
