"""What happens when an answer names another account: five steps, in order."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, replace

from ..billing_logger import row_of
from ..core.calls import Reply, StripeCall
from ..core.ids import time_sorted_id
from ..core.operation import Freeze, LedgerRow, Operation, State
from ..core.ports import Alert, Gateway, Runtime
from ..domain.ledger_rows import mismatch_row
from ..domain.objects.table import reversible
from ..domain.verification import Verdict, state_after, verify
from ..errors import AccountMismatchError, KeyAccountMismatchError, MoneyMoved
from ..redaction import redact
from ..storage.records import Records
from .rollback import RollbackManager, RollbackReport

log = logging.getLogger(__name__)


class MismatchHandler:
    """Ledger row, freeze, alert, rollback, error: each runs even if another fails."""

    def __init__(
        self,
        *,
        records: Records,
        rollback_manager: RollbackManager,
        alert: Alert,
        distrust_key: Callable[[], None],
        runtime: Runtime,
    ) -> None:
        self._records = records
        self._rollback_manager = rollback_manager
        self._alert = alert
        self._distrust_key = distrust_key
        self._runtime = runtime

    def check(self, operation: Operation, call: StripeCall, reply: Reply, gateway: Gateway) -> None:
        """Raise `AccountMismatchError`, after the other steps, for an answer that is not ours."""
        verdict = verify(reply.body, reply.headers, operation.account)
        if not verdict.ok:
            raise self.handle(operation, call, reply, verdict, gateway)

    def handle(
        self,
        operation: Operation,
        call: StripeCall,
        reply: Reply,
        verdict: Verdict,
        gateway: Gateway,
    ) -> AccountMismatchError:
        """Take the steps for one answer; return the error to raise.

        Only a well-formed foreign account in the answer to a write causes a reversal, and only of
        what this operation created; a read, a refund or a mere suspicion never does.
        """
        state = state_after(operation, call, verdict)
        reverses = state is State.ROLLING_BACK
        what = f"Stripe answered {call.method} with {_described(verdict)}"
        marked = replace(
            operation,
            state=state,
            error_code=AccountMismatchError.code,
            error_message=what,
            updated_ms=self._runtime.now_ms(),
            lease_owner=operation.lease_owner if reverses else None,
        )
        self._distrust_key()
        report = None
        try:
            marked = self._write_down(marked, reply, verdict) or marked
        finally:  # Even an interrupt does not prevent the other steps.
            try:
                self.freeze(operation.bot_id, f"account mismatch: {what}")
            finally:
                try:
                    self._report(marked, what, verdict)
                finally:
                    report = self._roll_back(marked, gateway) if reverses else None
        return _error(marked, what, report, read_only=not call.writes)

    def resume(self, operation: Operation, gateway: Gateway) -> RollbackReport | None:
        """Continue a reversal that a dead process left, or that was not complete."""
        if not any(freeze.pattern == operation.bot_id for freeze in self._records.freezes()):
            self.freeze(operation.bot_id, f"account mismatch: {operation.error_message}")
        return self._roll_back(operation, gateway)

    def key_refused(self, operation: Operation, error: KeyAccountMismatchError) -> None:
        """Alert that a key of another account was refused: nothing moved, and no bot is frozen."""
        self._alert(
            "critical_discrepancy",
            "critical",
            error.message,
            {
                "bot_id": operation.bot_id,
                "operation_id": operation.operation_id,
                "foreign_account": error.details.get("foreign_account"),
                "master_account": operation.account,
            },
        )

    def taken_up(self, operation: Operation, stored: Operation) -> None:
        """Alert of an outcome that arrived after another process had finished the operation.

        The same object is no surprise, nor is one that the other process has reversed. Another
        one, or one that it did not find, is an effect without a row: a person must check. An
        operation that it has not finished either will find the object.
        """
        late = operation.result.body.get("id") if operation.result else None
        known = {stored.result.body.get("id")} if stored.result else set()
        if stored.state in (State.ROLLING_BACK, State.ROLLED_BACK):
            known = {target for _, target in reversible(stored.steps, stored.operation_id)}
        settled = stored.state not in (State.PENDING, State.UNKNOWN)
        if late is None or late in known or not settled:
            log.warning("operation %s was continued by another process", operation.operation_id)
            return
        self._alert(
            "late_effect",
            "critical",
            f"Operation {operation.operation_id} was recorded as {stored.state} by another "
            f"process, and {late} was created after that. Check both at Stripe.",
            {
                "bot_id": operation.bot_id,
                "operation_id": operation.operation_id,
                "object_id": late,
            },
        )

    def records_lost(self, operation: Operation, row: LedgerRow | None, problem: Exception) -> None:
        """Write an outcome that could not be stored into the log, whole, and alert."""
        record = {"operation": asdict(operation), "ledger": asdict(row) if row else None}
        log.critical(
            "the outcome of operation %s could not be written (%s): %s",
            operation.operation_id,
            type(problem).__name__,
            redact(json.dumps(record, default=str, ensure_ascii=False)),
        )
        self._alert(
            "records_lost",
            "critical",
            f"The outcome of operation {operation.operation_id} could be written neither to the "
            "database nor to the spool. It is in the log.",
            {"bot_id": operation.bot_id, "operation_id": operation.operation_id},
        )

    def _write_down(self, operation: Operation, reply: Reply, verdict: Verdict) -> Operation | None:
        try:
            foreign = verdict.foreign_account
            columns = mismatch_row(operation, reply.body, _described(verdict), foreign)
            row = row_of(timestamp_ms=self._runtime.now_ms(), **columns)
            return self._records.save(operation, rows=(row,))
        except Exception:
            log.critical(
                "the mismatch of %s is not recorded", operation.operation_id, exc_info=True
            )
            return None

    def freeze(self, bot_id: str, reason: str) -> None:
        """Freeze a bot until a person lifts it; log at CRITICAL if that cannot be stored."""
        now_ms = self._runtime.now_ms()
        try:
            freeze = Freeze(
                id=time_sorted_id("frz", now_ms),
                pattern=bot_id,
                reason=reason,
                actor="router",
                created_ms=now_ms,
            )
            self._records.freeze(freeze)
        except Exception:
            log.critical("bot %s could not be frozen", bot_id, exc_info=True)

    def _report(self, operation: Operation, what: str, verdict: Verdict) -> None:
        self._alert(
            "critical_discrepancy",
            "critical",
            f"{operation.bot_id}: {what}. The bot is frozen.",
            {
                "bot_id": operation.bot_id,
                "operation_id": operation.operation_id,
                "foreign_account": verdict.foreign_account,
                "master_account": operation.account,
                "where": verdict.where,
            },
        )

    def _roll_back(self, operation: Operation, gateway: Gateway) -> RollbackReport | None:
        report = None
        try:
            report = self._rollback_manager.auto_rollback(operation, gateway)
        except Exception:
            log.critical("the rollback of %s failed", operation.operation_id, exc_info=True)
        if report is None or not report.complete:
            self._alert(
                "rollback_incomplete",
                "critical",
                f"The rollback of operation {operation.operation_id} is not complete. Check its "
                "objects at Stripe, and keep the bot frozen until it is.",
                {"bot_id": operation.bot_id, "operation_id": operation.operation_id},
            )
        return report


def _described(verdict: Verdict) -> str:
    if verdict.foreign_account is not None:
        return f"the foreign account {verdict.foreign_account} ({verdict.where})"
    return redact(f"something suspicious: {verdict.suspicion}")


def _error(
    operation: Operation, what: str, report: RollbackReport | None, *, read_only: bool
) -> AccountMismatchError:
    moved: MoneyMoved = "no" if read_only or (report and report.complete) else "unknown"
    if report is None:
        done = "nothing was reversed"
    elif report.complete:
        done = "what this operation created was reversed"
    else:
        done = "its reversal is not complete"
    return AccountMismatchError(
        f"{what}; {done}, and the bot is frozen",
        "Find the cause before `unfreeze`.",
        money_moved=moved,
        operation_id=operation.operation_id,
        idempotency_key=operation.idempotency_key,
    )
