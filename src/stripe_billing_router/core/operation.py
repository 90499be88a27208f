"""An operation: one business key, one effect at Stripe, and what the journal keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from .receipt import Receipt

# Action types whose rows with `error=0` are money; finance sums exactly these.
MONEY_ACTIONS = ("charge", "subscription", "refund")


class State(StrEnum):
    """The state of an operation."""

    PENDING = "pending"  # intent committed; a call is in progress, or its process died
    UNKNOWN = "unknown"  # a call ended without an answer that shows its outcome
    OPEN = "open"  # Stripe accepted it and it is not final: processing, requires_*
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # definite: nothing moved and nothing is left payable
    ROLLING_BACK = "rolling_back"  # a mismatch was found; the reversal is not complete
    ROLLED_BACK = "rolled_back"
    AWAITING_APPROVAL = "awaiting_approval"
    DENIED = "denied"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """What the flow needs, resolved once: a pure input that is stored with the intent.

    Retries and recovery use this and never resolve again. Amounts are in minor units.
    """

    action: str  # charge, subscription, refund, checkout_session, customer or balance
    kind: str  # which flow: amount, price, subscription, refund, checkout, customer or balance
    bot_id: str
    amount_minor: int | None = None
    amount: str | None = None  # a refund's amount in major units: its currency is read first
    currency: str | None = None
    price_id: str | None = None
    customer_id: str | None = None
    payment_method_id: str | None = None
    payment_id: str | None = None  # what is refunded: pi_… or in_…
    description: str | None = None
    user_email: str | None = None
    customer_known: bool = False  # the customer's default method and email are in here
    permitted_minor: int | None = None  # the most that may be due of a charge by price
    metadata: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)  # the helper's own extra parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """One call of an operation as the journal keeps it: exact parameters, then its outcome.

    `reply` is Stripe's JSON less secrets; `failure` the fields of a `Failure`; neither means that
    the outcome of this step is not known. `unknown_sends` counts sends that ended unknown.
    """

    step: str
    method: str
    target: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    attempt: int = 1
    first_sent_ms: int | None = None
    unknown_sends: int = 0
    reply: Mapping[str, Any] | None = None
    failure: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What an operation that succeeded or is open has at Stripe.

    Where `ledger_id` is set, that row of the ledger holds `body` for the journal as well.
    """

    body: Mapping[str, Any]
    paid: bool
    amount: str | None  # major units, exact
    currency: str | None
    request_id: str | None = None
    ledger_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One row of the journal. Values are replaced, never changed; `version` counts the saves."""

    operation_id: str
    bot_id: str
    action: str  # charge, subscription, refund, checkout_session, customer or balance
    idempotency_key: str
    account: str
    attempt: int
    state: State
    fingerprint: str
    request_fingerprint: str
    instruction: Instruction
    created_ms: int
    updated_ms: int
    steps: tuple[StepRecord, ...] = ()
    result: Result | None = None
    error_code: str | None = None
    error_message: str | None = None
    lease_owner: str | None = None
    lease_until_ms: int = 0
    version: int = 0

    @property
    def plan(self) -> Instruction:
        """The instruction, under its earlier name."""
        return self.instruction

    @property
    def receipt(self) -> Receipt | None:
        """The receipt as a replay returns it, once there is a result."""
        return self.receipt_from(self.result, replayed=True) if self.result else None

    def receipt_from(
        self, result: Result, *, body: Mapping[str, Any] | None = None, replayed: bool
    ) -> Receipt:
        """Build the receipt of `result`; `body` is Stripe's JSON with its client secrets."""
        return Receipt(
            body if body is not None else result.body,
            paid=result.paid,
            amount=Decimal(result.amount) if result.amount is not None else None,
            currency=result.currency,
            bot_id=self.bot_id,
            operation_id=self.operation_id,
            idempotency_key=self.idempotency_key,
            request_id=result.request_id,
            replayed=replayed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One row of `stripe_ledger`: exactly its ten columns. `amount` is in major units."""

    id: str
    action_type: str
    amount: Decimal | None
    currency: str | None
    timestamp_ms: int
    user_email: str | None
    bot_id: str | None
    destination_account: str | None
    raw_event_json: str
    error: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """A block, until it is lifted, of every further call of bots that match `pattern`."""

    id: str
    pattern: str
    reason: str
    actor: str
    created_ms: int
    lifted_ms: int | None = None
    lifted_by: str | None = None
