"""Settle an operation by reading what it made, where sending it again is over or not allowed."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any, Final, TypeVar

from ..core.calls import CallFailedError, Failure, Reply, StripeCall, WriteEffect
from ..core.operation import Operation, State, StepRecord
from ..domain import refusals
from ..domain.ledger_rows import result_of
from ..domain.objects.table import refresh_call, refreshed
from ..domain.operations.table import find_earlier, reconcile
from ..domain.verification import verify
from ..errors import StripeUnavailableError
from .mismatch import MismatchHandler
from .outcomes_writer import OutcomeWriter, error_of
from .sender import Gateway, Sender

# How long nobody may have been at work on an operation before "nothing is there" is believed: a
# request that was on its way may still have landed after the read. Longer than any call may take.
ABSENCE_PROVEN_AFTER_MS: Final = 10 * 60 * 1000

T = TypeVar("T")


class OutcomeLookup:
    """Finds an operation's objects by lists and metadata, removes what is half-built, settles."""

    def __init__(
        self,
        *,
        outcomes: OutcomeWriter,
        verified_gateway: Callable[[str], Gateway],
        mismatches: MismatchHandler,
        sender: Sender,
    ) -> None:
        self._outcomes = outcomes
        self._verified_gateway = verified_gateway
        self._mismatches = mismatches
        self._sender = sender

    def refresh(self, operation: Operation) -> Operation:
        """Ask Stripe what became of an operation that is not final, and settle it if it is now.

        Raises `StripeCallError` when Stripe cannot be read; what was known stands then.
        """
        call = refresh_call(operation) if operation.state is State.OPEN else None
        if call is None:
            return operation
        reply = self._send(operation, call, self._verified_gateway(operation.account))
        if isinstance(reply, CallFailedError):
            raise error_of(operation, reply.failure, WriteEffect.NONE)
        outcome = refreshed(operation, reply)
        if outcome.state is State.OPEN:
            return replace(operation, result=result_of(outcome))
        if outcome.state is State.FAILED:
            current = replace(operation, result=result_of(outcome))
            return self._outcomes.failed(current, refusals.ended(operation, reply.body))
        return self._outcomes.accept(operation, outcome)

    def settle(self, operation: Operation, *, execution_over: bool) -> Operation:
        """Settle an operation whose lease this process holds; return it as it stands then.

        `execution_over` says that no request of it can still be on its way: only then does
        finding nothing settle it as failed. It stays unknown when Stripe cannot be read.

        Raises `AccountMismatchError` when an answer is not the master account's.
        """
        try:
            outcome = self._drive(
                operation, reconcile(operation), self._verified_gateway(operation.account)
            )
        except CallFailedError as failed:
            return self._still_unknown(
                operation, f"Stripe could not be read: {failed.failure.kind}"
            )
        except StripeUnavailableError as away:
            return self._still_unknown(operation, away.message)
        if outcome is None and not execution_over:
            return self._still_unknown(operation, "nothing is found of it yet")
        if outcome is None:
            return self._outcomes.failed(operation, _without_effect(operation))
        if outcome.state is State.FAILED:
            error = refusals.ended(operation, outcome.reply.body)
            return self._outcomes.failed(operation, error)
        return self._outcomes.accept(operation, outcome)

    def _still_unknown(self, operation: Operation, why: str) -> Operation:
        return self._outcomes.save(replace(operation, state=State.UNKNOWN, error_message=why), None)

    def earlier(self, operation: Operation) -> list[dict[str, Any]]:
        """Return what was made at Stripe for the same business key; the journal is out of reach.

        Raises `CallFailedError` when Stripe cannot say, and what proving the key raises.
        """
        return self._drive(
            operation, find_earlier(operation), self._verified_gateway(operation.account)
        )

    def _drive(
        self, operation: Operation, search: Generator[StripeCall, Reply, T], gateway: Gateway
    ) -> T:
        outcome: Reply | CallFailedError | None = None
        try:
            while True:
                if isinstance(outcome, CallFailedError):
                    call = search.throw(outcome)
                else:
                    call = next(search) if outcome is None else search.send(outcome)
                outcome = self._send(operation, call, gateway)
        except StopIteration as done:
            found: T = done.value
            return found

    def _send(
        self, operation: Operation, call: StripeCall, gateway: Gateway
    ) -> Reply | CallFailedError:
        # Each look has keys of its own: a removal does no harm twice, and an answer that Stripe
        # keeps for an earlier look would say nothing about now.
        record = StepRecord(
            step=f"{call.step}@{operation.version}",
            method=call.method,
            target=call.target,
            params=call.params,
            attempt=operation.attempt,
        )
        _, outcome = self._sender.send(operation, record, gateway)
        if isinstance(outcome, Failure):
            return CallFailedError(outcome)
        verdict = verify(outcome.body, outcome.headers, operation.account)
        if not verdict.ok:
            raise self._mismatches.handle(operation, call, outcome, verdict, gateway)
        return outcome


def _without_effect(operation: Operation) -> StripeUnavailableError:
    return StripeUnavailableError(
        f"the {operation.action} was lost on its way: nothing of it is at Stripe and nothing was "
        "taken. Calling again starts a new attempt",
        operation_id=operation.operation_id,
        idempotency_key=operation.idempotency_key,
    )
