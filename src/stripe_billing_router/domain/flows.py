"""What each operation does at Stripe: generators that yield calls and receive replies.

A flow is a pure function of its instruction and the replies: fed the recorded replies of a process
that died, it yields the same next call. It receives a `Reply` for each call it yields, or has
`CallFailedError` thrown at that point when the failure is definite; an unknown outcome never
reaches it. A definite failure leaves nothing payable: the flow removes what it created before it
lets the failure out.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from ..core.calls import CallFailedError, Failure, Reply, StripeCall
from ..core.operation import Instruction, State


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a flow returns: the object, its amount in minor units, and its ledger row's type."""

    state: State
    reply: Reply
    action_type: str
    paid: bool
    amount_minor: int | None = None
    currency: str | None = None
    user_email: str | None = None


class UncleanError(Exception):
    """A definite failure whose objects could not be removed: the operation must stay unfinished."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.kind.value)
        self.failure = failure


Flow = Generator[StripeCall, Reply, Outcome]
Tags = Mapping[str, str]
FlowFactory = Callable[[Instruction, Tags], Flow]


def compact(**params: Any) -> dict[str, Any]:
    """Return the parameters that have a value: Stripe reads an empty one as "unset this"."""
    return {name: value for name, value in params.items() if value not in (None, {}, [])}


def with_tags(instruction: Instruction, tags: Tags) -> dict[str, str]:
    """Return the instruction's metadata with our tags, by which recovery finds the object."""
    return {**instruction.metadata, **tags}


def expanded(value: Any) -> Mapping[str, Any]:
    """Return an expanded object, or an empty mapping in place of an id or nothing."""
    return value if isinstance(value, Mapping) else {}


def identifier(value: Any) -> str | None:
    """Return the id of an object that may be expanded."""
    return value.get("id") if isinstance(value, Mapping) else value


def cleanup(
    steps: Generator[StripeCall, Reply, Reply | None],
) -> Generator[StripeCall, Reply, Reply | None]:
    """Run removal steps; a definite failure of theirs means that something may be left payable."""
    try:
        return (yield from steps)
    except CallFailedError as failed:
        failure = failed.failure
    raise UncleanError(failure)


def default_payment_method(customer: Mapping[str, Any]) -> str | None:
    """Return the customer's default payment method, chosen as Stripe's invoices choose it."""
    settings = expanded(customer.get("invoice_settings"))
    return identifier(settings.get("default_payment_method")) or identifier(
        customer.get("default_source")
    )
