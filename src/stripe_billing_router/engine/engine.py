"""The order of things: intent, calls, outcome, and only then alerts and hooks.

resolve · validate · permit                       nothing durable, no request yet
  COMMIT intent                                   journal: pending, key, exact parameters
     Stripe call(s), no transaction open          a key per step
  COMMIT outcome + ledger row                     one transaction
     alerts, hooks                                only after the commit
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from ..core.calls import CallFailedError, Failure, FailureKind, StripeCall, WriteEffect
from ..core.operation import Operation, State
from ..core.ports import Gateway, Runtime
from ..core.receipt import Receipt
from ..domain import offline, refusals
from ..domain.failures import error_of
from ..domain.flows import UncleanError
from ..domain.outcomes import is_spent
from ..domain.resend import is_absence_proven, may_send_again
from ..errors import (
    AccountMismatchError,
    BillingError,
    ConfigurationError,
    KeyAccountMismatchError,
    LedgerUnavailableError,
    OperationInProgressError,
    OutcomeUnknownError,
    StripeCallError,
    StripeUnavailableError,
)
from ..storage.errors import DuplicateIntentError
from ..storage.records import Records
from .driver import Driver
from .lease import Leases
from .lookup import OutcomeLookup
from .mismatch import MismatchHandler
from .outcomes_writer import OutcomeWriter
from .run import Run, SendingIsNoUseError, UndecidedError

log = logging.getLogger(__name__)

# Raised when the state is already written, or when another process must write it.
_NOT_WRITTEN_HERE = (
    AccountMismatchError,
    LedgerUnavailableError,
    OperationInProgressError,
    OutcomeUnknownError,
)


class Engine:
    """Carries operations out: begins, continues, replays or refuses a business key."""

    def __init__(
        self,
        *,
        records: Records,
        leases: Leases,
        driver: Driver,
        lookup: OutcomeLookup,
        outcomes: OutcomeWriter,
        mismatches: MismatchHandler,
        verified_gateway: Callable[[str], Gateway],
        runtime: Runtime,
    ) -> None:
        self._records = records
        self._leases = leases
        self._driver = driver
        self._lookup = lookup
        self._outcomes = outcomes
        self._mismatches = mismatches
        self._verified_gateway = verified_gateway
        self._runtime = runtime

    def execute(self, wanted: Operation, *, keyed: bool) -> Receipt:
        """Run a new operation, or continue, replay or refuse the one that its key names."""
        run = self._run(wanted)
        first = run.start()
        with self._outcomes.if_interrupted(run):
            existing = self._begin(run.operation, keyed=keyed)
            is_new = existing is None
            if is_new and not (keyed and self._records.is_spooled(wanted.operation_id)):
                return self._carry_out(run, first)
        if existing is None:
            go_on = partial(self._carry_out_guarded, run, first)
            return self._without_journal(run.operation, wanted, go_on, is_new=True)
        return self._continue(existing, wanted)

    def _begin(self, operation: Operation, *, keyed: bool) -> Operation | None:
        try:
            return self._records.begin(operation, refuse_if=None if keyed else self._blocks_a_retry)
        except DuplicateIntentError as duplicate:
            raise refusals.duplicate(duplicate.existing) from None

    def _blocks_a_retry(self, operation: Operation) -> bool:
        lost = operation.operation_id in self._outcomes.lost
        return lost or self._leases.blocks_a_retry(operation)

    # A new attempt, from its first step to its outcome.

    def _carry_out(self, run: Run, first: StripeCall) -> Receipt:
        try:
            outcome = self._driver.drive(run.flow, run, first)
        except UncleanError as unclean:
            problem = unclean.failure
        except UndecidedError as undecided:
            raise self._outcomes.unknown(run.operation, undecided.failure) from None
        except SendingIsNoUseError as stored:
            over = stored.execution_over
            return _read_receipt(self._lookup.conclude(run.operation, execution_over=over))
        except CallFailedError as definite:
            error = error_of(run.operation, definite.failure, WriteEffect.NONE)
            raise self._outcomes.fail(run.operation, error) from None
        except KeyAccountMismatchError as wrong_key:
            raise self._outcomes.fail(run.operation, wrong_key) from None
        except _NOT_WRITTEN_HERE:
            raise
        except BillingError as refused:
            raise self._outcomes.fail(run.operation, refused) from None
        except Exception as fault:
            # A fault of ours, or an answer of an unexpected shape: it proves nothing.
            log.exception("operation %s stopped by a fault", run.operation.operation_id)
            problem = Failure(FailureKind.OTHER, f"internal fault {type(fault).__name__}")
            run.operation = self._outcomes.caught_up(run.operation) or run.operation
        else:
            return self._outcomes.finish(run.operation, outcome)
        run.forget_removal()
        raise self._outcomes.unknown(run.operation, problem)

    def _carry_out_guarded(self, run: Run, first: StripeCall) -> Receipt:
        with self._outcomes.if_interrupted(run):
            return self._carry_out(run, first)

    # What an existing business key means.

    def _continue(self, existing: Operation, wanted: Operation) -> Receipt:
        refusals.refuse_other_parameters(existing, wanted)
        if existing.state is State.SUCCEEDED:
            return _replayed(existing)
        if existing.state is State.OPEN:
            return self._replay_open(existing)
        if existing.state in (State.ROLLED_BACK, State.ROLLING_BACK):
            raise refusals.rolled_back(existing)
        if self._leases.is_held(existing):
            raise refusals.at_work(existing)
        if self._records.is_spooled(existing.operation_id):
            again = partial(self._take_up, existing, wanted)
            return self._without_journal(existing, wanted, again, is_new=False)
        return self._take_up(existing, wanted)

    def _replay_open(self, existing: Operation) -> Receipt:
        try:
            current = self._lookup.refresh(existing)
        except StripeCallError:
            current = existing  # keep the last known state: it is not paid
        receipt = _replayed(current)
        if current.state is State.FAILED:
            raise refusals.ended(current, receipt)
        return receipt

    def _take_up(self, existing: Operation, wanted: Operation) -> Receipt:
        if existing.state is State.FAILED:
            return self._next_attempt(existing, wanted)
        if not may_send_again(existing, self._runtime.now_ms()):
            settled = self.conclude_by_reading(existing)
            if settled.state is State.FAILED:
                return self._next_attempt(settled, wanted)
            return _read_receipt(settled)
        return self.resume(existing)

    def resume(self, existing: Operation) -> Receipt:
        """Continue an operation where it stopped: same keys, same parameters."""
        run = self._run(replace(existing, state=State.PENDING))
        self._take(run)
        return self._carry_out_guarded(run, next(run.flow))

    def conclude_by_reading(self, operation: Operation) -> Operation:
        """Finish an operation by its objects at Stripe, without resending any of its steps.

        Raises `OperationInProgressError` when another process takes it at the same time.
        """
        over = is_absence_proven(operation, self._runtime.now_ms())
        run = self._run(operation)
        self._take(run, check_freeze=False)
        return self._lookup.conclude(run.operation, execution_over=over)

    def _next_attempt(self, existing: Operation, wanted: Operation) -> Receipt:
        # If Stripe keeps no answer, the step keys stay: a host unseen from here may have used them.
        return self._attempt(existing, wanted, existing.attempt + is_spent(existing))

    def _attempt(self, existing: Operation, wanted: Operation, number: int) -> Receipt:
        run = self._run(replace(wanted, attempt=number, version=existing.version))
        first = run.start()
        self._take(run)
        return self._carry_out_guarded(run, first)

    def _run(self, operation: Operation) -> Run:
        return Run(
            operation,
            leases=self._leases,
            mismatches=self._mismatches,
            verified_gateway=self._verified_gateway,
            runtime=self._runtime,
        )

    def _take(self, run: Run, *, check_freeze: bool = True) -> None:
        with self._outcomes.if_interrupted(run):
            run.operation = self._leases.take(run.operation, check_freeze=check_freeze)

    # The journal is unavailable.

    def _without_journal(
        self, here: Operation, wanted: Operation, go_on: Callable[[], Receipt], *, is_new: bool
    ) -> Receipt:
        """Look up at Stripe what any host did for this key, while the database is unavailable.

        Stripe's memory of the step key covers the last day, and our metadata the time before.
        """
        try:
            found = self._lookup.earlier(here)
        except (CallFailedError, StripeUnavailableError):
            raise self._unseen(here, refusals.unseen(here), is_new=is_new) from None
        except ConfigurationError as refused:
            raise self._unseen(here, refused, is_new=is_new) from None
        decision = offline.decide(
            here, wanted.instruction, found, is_new=is_new, now_ms=self._runtime.now_ms()
        )
        if isinstance(decision, offline.Accept):
            return _replayed(self._outcomes.accept(decision.operation, decision.outcome))
        if isinstance(decision, offline.Attempt):
            return self._attempt(here, wanted, decision.number)
        if isinstance(decision, offline.Refuse):
            raise self._unseen(here, refusals.unseen(here), is_new=is_new)
        return go_on()

    def _unseen(self, here: Operation, error: BillingError, *, is_new: bool) -> BillingError:
        error.money_moved = "unknown"  # another host may have paid it
        if is_new:
            self._outcomes.fail(replace(here, steps=()), error)
        return error


def _read_receipt(operation: Operation) -> Receipt:
    """Return the receipt of a look-up; raise if the outcome is unknown or a failure."""
    if operation.state in (State.SUCCEEDED, State.OPEN):
        return _replayed(operation)
    failure = Failure(FailureKind.OTHER, operation.error_message or "")
    effect = WriteEffect.NONE if operation.state is State.FAILED else WriteEffect.UNKNOWN
    raise error_of(operation, failure, effect)


def _replayed(operation: Operation) -> Receipt:
    receipt = operation.receipt
    assert receipt is not None, "an operation with an outcome has a result"
    return receipt
