"""The order of things: intent, calls, outcome, and only then what others are told.

resolve · validate · permit                       nothing durable, no request yet
  COMMIT intent                                   journal: pending, key, exact parameters
     Stripe call(s), no transaction open          a key per step
  COMMIT outcome + ledger row                     one transaction
     alerts, hooks                                only after the commit
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from ..core.calls import CallFailedError, Failure, FailureKind, Reply, StripeCall, WriteEffect
from ..core.operation import Operation, State
from ..core.receipt import Receipt
from ..domain import refusals
from ..domain.flows import Outcome, UncleanError
from ..domain.leases import blocks_a_retry, is_held, is_same_run
from ..domain.objects.table import refreshed
from ..domain.operations.table import attempt_of, is_half_built
from ..domain.outcomes import effect_of, is_spent, may_retry
from ..domain.verification import verify
from ..errors import (
    AccountMismatchError,
    BillingError,
    BotFrozenError,
    ConfigurationError,
    KeyAccountMismatchError,
    LedgerUnavailableError,
    OperationInProgressError,
    OutcomeUnknownError,
    StripeCallError,
    StripeUnavailableError,
)
from ..storage.errors import DuplicateIntentError, StaleOperationError, StorageError
from ..storage.records import Records
from .lookup import ABSENCE_PROVEN_AFTER_MS, OutcomeLookup
from .mismatch import MismatchHandler
from .outcomes_writer import OutcomeWriter, error_of
from .run import Run, failed, recorded_outcome, replied, undecided
from .sender import CLOCK_SKEW_MS, RESEND_WINDOW_MS, Gateway, Runtime, Sender

log = logging.getLogger(__name__)

# Raised when the operation's state is written already, or is another process's to write.
_NOT_SETTLED_HERE = (
    AccountMismatchError,
    LedgerUnavailableError,
    OperationInProgressError,
    OutcomeUnknownError,
)


class _SendingIsNoUseError(Exception):
    """Stripe answers its own fault, and will again: only reading tells what it had done before."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.kind.value)
        self.execution_over = failure.replayed


class Engine:
    """Drives flows through the journal, the gateway and the ledger."""

    def __init__(
        self,
        *,
        records: Records,
        verified_gateway: Callable[[str], Gateway],
        mismatches: MismatchHandler,
        lookup: OutcomeLookup,
        outcomes: OutcomeWriter,
        runtime: Runtime,
        sender: Sender,
        lease_s: float,
        on_reply: Callable[[StripeCall, Reply], None],
    ) -> None:
        self._records = records
        self._verified_gateway = verified_gateway
        self._mismatches = mismatches
        self._lookup = lookup
        self._outcomes = outcomes
        self._runtime = runtime
        self._sender = sender
        self._lease_ms = int(lease_s * 1000)
        self._on_reply = on_reply

    def execute(self, wanted: Operation, *, keyed: bool) -> Receipt:
        """Run a new operation, or continue, replay or refuse the one that its key names."""
        run, first = self._prepared(wanted)
        try:
            with self._never_left_behind(run):
                existing = self._records.begin(
                    run.operation, refuse_if=None if keyed else self._blocks_a_retry
                )
        except DuplicateIntentError as duplicate:
            raise refusals.duplicate(duplicate.existing) from None
        if existing is not None:
            return self._continue(existing, wanted)
        if keyed and self._records.is_spooled(wanted.operation_id):
            drive = partial(self._drive, run, first)
            return self._without_journal(run.operation, wanted, drive, is_new=True)
        return self._drive(run, first)

    def _without_journal(
        self, here: Operation, wanted: Operation, go_on: Callable[[], Receipt], *, is_new: bool
    ) -> Receipt:
        """Ask Stripe what came of this key, on whichever host, while the database is away.

        Its memory of the step's key covers the first day, and our metadata what came before.
        """
        try:
            found = self._lookup.earlier(here)
        except (CallFailedError, StripeUnavailableError):
            raise self._unseen(here, refusals.unseen(here), is_new=is_new) from None
        except ConfigurationError as refused:
            raise self._unseen(here, refused, is_new=is_new) from None
        for item in found:
            outcome = refreshed(here, Reply(item))
            if outcome.state is not State.FAILED and not is_half_built(wanted.instruction, item):
                there = replace(here, attempt=attempt_of(item))
                return _replayed(self._outcomes.accept(there, outcome))
        half_built = next((item for item in found if is_half_built(wanted.instruction, item)), None)
        if half_built is not None:
            # The same attempt goes on while Stripe still knows its keys.
            if self._runtime.now_ms() - 1000 * int(half_built["created"]) > RESEND_WINDOW_MS:
                raise self._unseen(here, refusals.unseen(here), is_new=is_new)
            if is_new or here.state is State.FAILED or here.attempt != attempt_of(half_built):
                return self._attempt(here, wanted, attempt_of(half_built))
            return go_on()
        latest = max(map(attempt_of, found), default=0)
        if latest > here.attempt or (is_new and latest == here.attempt):
            return self._attempt(here, wanted, latest + 1)
        return go_on()

    def _unseen(self, here: Operation, error: BillingError, *, is_new: bool) -> BillingError:
        error.money_moved = "unknown"  # it may have been paid where nobody can look now
        if is_new:
            self._outcomes.fail(replace(here, steps=()), error)
        return error

    # What a business key that is already there means.

    def _continue(self, existing: Operation, wanted: Operation) -> Receipt:
        refusals.refuse_other_parameters(existing, wanted)
        if existing.state is State.SUCCEEDED:
            return _replayed(existing)
        if existing.state is State.OPEN:
            return self._replay_open(existing)
        if existing.state in (State.ROLLED_BACK, State.ROLLING_BACK):
            raise refusals.rolled_back(existing)
        if is_held(
            existing, self._runtime.now_ms(), self._runtime.holder(), self._runtime.is_alive
        ):
            raise refusals.at_work(existing)
        if self._records.is_spooled(existing.operation_id):
            again = partial(self._take_up, existing, wanted)
            return self._without_journal(existing, wanted, again, is_new=False)
        return self._take_up(existing, wanted)

    def _take_up(self, existing: Operation, wanted: Operation) -> Receipt:
        if existing.state is State.FAILED:
            return self._next_attempt(existing, wanted)
        if not self.may_send_again(existing):
            settled = self.settle_by_reading(existing)
            if settled.state is State.FAILED:
                return self._next_attempt(settled, wanted)
            return self._read_receipt(settled)
        return self.resume(existing)

    def may_send_again(self, operation: Operation) -> bool:
        """Say whether Stripe still knows the key of a step whose outcome is not known.

        Stripe: "Idempotent requests": keys may be forgotten once they are 24 hours old.
        """
        first_sent_ms = min(
            (s.first_sent_ms for s in undecided(operation) if s.first_sent_ms), default=None
        )
        if first_sent_ms is None:
            return True
        # A send in the future was timed by a clock that ran ahead: its true age is not known.
        age_ms = self._runtime.now_ms() - first_sent_ms
        return -CLOCK_SKEW_MS <= age_ms <= RESEND_WINDOW_MS

    def settle_by_reading(self, operation: Operation) -> Operation:
        """Settle an operation without sending any of its steps again; what it made decides.

        Raises `OperationInProgressError` when another process takes it up at the same time.
        """
        idle_ms = self._runtime.now_ms() - operation.updated_ms
        run = Run(self._leased(operation))
        self._take(run, check_freeze=False)
        return self._lookup.settle(run.operation, execution_over=idle_ms >= ABSENCE_PROVEN_AFTER_MS)

    def _read_receipt(self, operation: Operation) -> Receipt:
        """Return what reading came to; raise while that is nothing certain, or nothing at all."""
        if operation.state in (State.SUCCEEDED, State.OPEN):
            return _replayed(operation)
        failure = Failure(FailureKind.OTHER, operation.error_message or "")
        effect = WriteEffect.NONE if operation.state is State.FAILED else WriteEffect.UNKNOWN
        raise error_of(operation, failure, effect)

    def _replay_open(self, existing: Operation) -> Receipt:
        try:
            current = self._lookup.refresh(existing)
        except StripeCallError:
            current = existing  # what was known stands: it is not paid
        receipt = _replayed(current)
        if current.state is State.FAILED:
            raise refusals.ended(current, receipt)
        return receipt

    def _next_attempt(self, existing: Operation, wanted: Operation) -> Receipt:
        # Where Stripe keeps no answer, the keys stay: a host not seen from here may have used them.
        return self._attempt(existing, wanted, existing.attempt + is_spent(existing))

    def _attempt(self, existing: Operation, wanted: Operation, number: int) -> Receipt:
        run, first = self._prepared(replace(wanted, attempt=number, version=existing.version))
        self._take(run)
        return self._drive(run, first)

    def resume(self, existing: Operation) -> Receipt:
        """Take up an operation where it stands: same keys, same parameters."""
        run = Run(self._leased(replace(existing, state=State.PENDING)))
        self._take(run)
        return self._drive(run, run.first())

    def _prepared(self, operation: Operation) -> tuple[Run, StripeCall]:
        """Return a run with its lease and, where its first call writes, that call's record."""
        run = Run(self._leased(operation))
        first = run.first()
        if first.writes:
            run.intend(first, self._runtime.now_ms())
        return run, first

    def _take(self, run: Run, *, check_freeze: bool = True) -> None:
        """Take the lease by a conditional commit: of two takers one goes on."""
        try:
            with self._never_left_behind(run):
                run.operation = self._records.save(run.operation, check_freeze=check_freeze)
        except BotFrozenError as frozen:
            # This call sent nothing; what was sent before it may have taken money.
            frozen.operation_id = run.operation.operation_id
            frozen.idempotency_key = run.operation.idempotency_key
            frozen.money_moved = "unknown" if run.wrote or undecided(run.operation) else "no"
            raise
        except StaleOperationError:
            raise refusals.taken_up(run.operation) from None
        except StorageError as problem:
            raise refusals.not_recorded(
                run.operation, str(problem), begun=run.wrote or run.undecided
            ) from None

    def _leased(self, operation: Operation) -> Operation:
        now_ms = self._runtime.now_ms()
        return replace(
            operation,
            lease_owner=str(self._runtime.holder()),
            lease_until_ms=now_ms + self._lease_ms,
            updated_ms=now_ms,
        )

    def _blocks_a_retry(self, operation: Operation) -> bool:
        return operation.operation_id in self._outcomes.lost or blocks_a_retry(
            operation, self._runtime.now_ms(), self._runtime.holder(), self._runtime.is_alive
        )

    # The calls.

    def _drive(self, run: Run, step: StripeCall | Outcome) -> Receipt:
        with self._never_left_behind(run):
            return self._driven(run, step)

    @contextmanager
    def _never_left_behind(self, run: Run) -> Iterator[None]:
        """Keep as unknown what an interrupt breaks off, wherever it strikes.

        Left as it stood, it would pass for work in progress: a bot's natural retry would pay again.
        """
        try:
            yield
        except (BillingError, StorageError):
            raise
        except BaseException:
            self._break_off(run.operation)
            raise

    def _break_off(self, operation: Operation) -> None:
        current = self._caught_up(operation)
        if current is not None:
            self._outcomes.unknown(current, Failure(FailureKind.OTHER, "the call was interrupted"))

    def _caught_up(self, operation: Operation) -> Operation | None:
        """Return it with a commit of which nobody here has heard; None where nothing is its own."""
        try:
            stored = self._records.find(operation.operation_id)
        except BillingError:
            return operation
        if stored is None or not is_same_run(stored, operation):
            return None
        return replace(operation, version=stored.version)

    def _driven(self, run: Run, step: StripeCall | Outcome) -> Receipt:
        try:
            while isinstance(step, StripeCall):
                step = run.advance(self._perform(run, step))
        except UncleanError as unclean:
            problem = unclean.failure
        except _SendingIsNoUseError as stored:
            over = stored.execution_over
            return self._read_receipt(self._lookup.settle(run.operation, execution_over=over))
        except CallFailedError as definite:
            raise self._outcomes.fail(
                run.operation, error_of(run.operation, definite.failure, WriteEffect.NONE)
            ) from None
        except KeyAccountMismatchError as wrong_key:
            raise self._outcomes.fail(run.operation, wrong_key) from None
        except _NOT_SETTLED_HERE:
            raise
        except BillingError as refused:
            raise self._outcomes.fail(run.operation, refused) from None
        except Exception as fault:
            # A fault of ours, or an answer of a shape nobody expected: nothing is known by it.
            log.exception("operation %s stopped by a fault", run.operation.operation_id)
            problem = Failure(FailureKind.OTHER, f"internal fault {type(fault).__name__}")
            run.operation = self._caught_up(run.operation) or run.operation
        else:
            return self._outcomes.settle(run.operation, step)
        run.forget_removal()
        raise self._outcomes.unknown(run.operation, problem)

    def _perform(self, run: Run, call: StripeCall) -> Reply | CallFailedError:
        """Send one call unless its outcome is recorded; commit its record before, if it writes."""
        committed = run.has_record
        record = run.intend(call, self._runtime.now_ms())
        known = recorded_outcome(record)
        if known is not None:
            return known
        if call.writes and committed and run.resumed:
            # A process that died may have sent it.
            record = replace(record, unknown_sends=max(1, record.unknown_sends))
            run.note(record)
        gateway = self._gateway(run)
        if call.writes and not committed:
            self._commit_step(run)
        record, outcome = self._sender.send(run.operation, record, gateway)
        if isinstance(outcome, Reply):
            run.note(replied(record, outcome))
            self._check(run.operation, call, outcome, gateway)
            self._on_reply(call, outcome)
            return outcome
        run.note(record)
        effect = effect_of(outcome, earlier_send_unknown=record.unknown_sends > 0)
        # A read without an answer decides nothing once something was created.
        unsettled = (
            effect is WriteEffect.UNKNOWN if call.writes else run.wrote and may_retry(outcome)
        )
        if unsettled and call.writes and (outcome.replayed or outcome.should_retry is False):
            raise _SendingIsNoUseError(outcome)
        if unsettled:
            raise self._outcomes.unknown(run.operation, outcome)
        run.note(failed(record, outcome))
        return CallFailedError(outcome)

    def _gateway(self, run: Run) -> Gateway:
        """Return the proven way to Stripe; where there is none, what was begun stays unknown."""
        try:
            return self._verified_gateway(run.operation.account)
        except BillingError as refused:
            if not run.wrote and not run.undecided:
                run.operation = replace(run.operation, steps=())  # nothing of it was sent
                raise
            problem = Failure(FailureKind.OTHER, refused.message)
        raise self._outcomes.unknown(run.operation, problem)

    def _commit_step(self, run: Run) -> None:
        try:
            run.operation = self._records.save(self._leased(run.operation))
        except StaleOperationError:
            raise refusals.taken_up(run.operation) from None
        except StorageError as problem:
            raise refusals.not_recorded(
                run.operation, str(problem), begun=run.wrote or run.undecided
            ) from None

    def _check(
        self, operation: Operation, call: StripeCall, reply: Reply, gateway: Gateway
    ) -> None:
        verdict = verify(reply.body, reply.headers, operation.account)
        if not verdict.ok:
            raise self._mismatches.handle(operation, call, reply, verdict, gateway)


def _replayed(operation: Operation) -> Receipt:
    receipt = operation.receipt
    assert receipt is not None, "a settled operation has a result"
    return receipt
