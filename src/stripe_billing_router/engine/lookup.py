"""Look outcomes up at Stripe, for operations that may not be resent."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import TypeVar

from ..core.calls import CallFailedError, Failure, Reply, StripeCall, WriteEffect
from ..core.clean_json import CleanJson
from ..core.operation import Operation, State, StepRecord
from ..core.ports import Gateway
from ..domain import refusals
from ..domain.failures import error_of
from ..domain.ledger_rows import result_of
from ..domain.objects.table import judged, refresh_call
from ..domain.operations.table import list_earlier, search_for
from ..errors import StripeUnavailableError
from .driver import Driver, Prepared
from .mismatch import MismatchHandler
from .outcomes_writer import OutcomeWriter

T = TypeVar("T")


class LookupSteps:
    """The steps of a look-up: not recorded, and with new keys each time.

    A removal is harmless twice, and an answer that Stripe keeps for an earlier look-up would be
    out of date.
    """

    def __init__(self, operation: Operation, gateway: Gateway, mismatches: MismatchHandler) -> None:
        self.operation = operation
        self._gateway = gateway
        self._mismatches = mismatches

    def prepare(self, call: StripeCall) -> Prepared:
        """Return a record that is not stored."""
        record = StepRecord(
            step=f"{call.step}@{self.operation.version}",
            method=call.method,
            target=call.target,
            params=call.params,
            attempt=self.operation.attempt,
        )
        return Prepared(record, self._gateway)

    def replied(self, call: StripeCall, record: StepRecord, reply: Reply, gateway: Gateway) -> None:
        """Verify the account of the answer."""
        self._mismatches.check(self.operation, call, reply, gateway)

    def failed(self, call: StripeCall, record: StepRecord, failure: Failure) -> CallFailedError:
        """Return every failure to the flow."""
        return CallFailedError(failure)


class OutcomeLookup:
    """Finds an operation's objects by lists and metadata, and removes partial ones."""

    def __init__(
        self,
        *,
        outcomes: OutcomeWriter,
        driver: Driver,
        mismatches: MismatchHandler,
        verified_gateway: Callable[[str], Gateway],
    ) -> None:
        self._outcomes = outcomes
        self._driver = driver
        self._mismatches = mismatches
        self._verified_gateway = verified_gateway

    def refresh(self, operation: Operation) -> Operation:
        """Read the current state of an open operation, and finish it if that is final.

        Raises `StripeCallError` when Stripe cannot be read; the operation stays as it was.
        """
        call = refresh_call(operation) if operation.state is State.OPEN else None
        if call is None:
            return operation
        try:
            reply = self._read(operation, _only_call(call))
        except CallFailedError as failed:
            raise error_of(operation, failed.failure, WriteEffect.NONE) from None
        outcome = judged(operation, reply)
        if outcome.state is State.OPEN:
            return replace(operation, result=result_of(outcome))
        if outcome.state is State.FAILED:
            current = replace(operation, result=result_of(outcome))
            return self._outcomes.failed(current, refusals.ended(operation, reply.body))
        return self._outcomes.accept(operation, outcome)

    def conclude(self, operation: Operation, *, execution_over: bool) -> Operation:
        """Finish an operation whose lease this process holds; return its new state.

        `execution_over` says that no request of it can still be in flight: only then is finding
        nothing a failure. It stays unknown when Stripe cannot be read.

        Raises `AccountMismatchError` when an answer is not the master account's.
        """
        try:
            outcome = self._read(operation, search_for(operation))
        except CallFailedError as failed:
            return self._still_unknown(
                operation, f"Stripe could not be read: {failed.failure.kind}"
            )
        except StripeUnavailableError as away:
            return self._still_unknown(operation, away.problem)
        if outcome is None and not execution_over:
            return self._still_unknown(operation, "nothing of it is found at Stripe yet")
        if outcome is None:
            return self._outcomes.failed(operation, refusals.lost(operation))
        if outcome.state is State.FAILED:
            error = refusals.ended(operation, outcome.reply.body)
            return self._outcomes.failed(operation, error)
        return self._outcomes.accept(operation, outcome)

    def earlier(self, operation: Operation) -> list[CleanJson]:
        """Return what was created at Stripe for the same business key, without the journal.

        Raises `CallFailedError` when Stripe cannot be read, and what verifying the key raises.
        """
        return self._read(operation, list_earlier(operation))

    def _still_unknown(self, operation: Operation, why: str) -> Operation:
        return self._outcomes.save(replace(operation, state=State.UNKNOWN, error_message=why), None)

    def _read(self, operation: Operation, flow: Generator[StripeCall, Reply, T]) -> T:
        gateway = self._verified_gateway(operation.account)
        return self._driver.drive(flow, LookupSteps(operation, gateway, self._mismatches))


def _only_call(call: StripeCall) -> Generator[StripeCall, Reply, Reply]:
    return (yield call)
