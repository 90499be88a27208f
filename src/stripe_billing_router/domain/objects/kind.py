"""What the router needs to know about one kind of Stripe object: a row of the table."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from ...core.calls import Reply, StripeCall
from ..flows import Outcome, Tags


@dataclass(frozen=True, slots=True)
class Reversal:
    """The result for one object: `complete` when nothing of it is left to take or return."""

    object: str
    id: str
    complete: bool
    detail: str
    refunded_minor: int = 0
    currency: str | None = None


ReversalFlow = Generator[StripeCall, Reply, Reversal]
Removal = Generator[StripeCall, Reply, Reply | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectKind:
    """One kind of Stripe object.

    `judge` returns the outcome of the operation that created it, from the object as it is now and
    the email for the ledger. `retrieve` is the method that reads it again while it is not final,
    with what to expand; None where it is final once created. `remove` removes one that is only
    partially created, by its id and the prefix of its steps, and returns it if it was paid after
    all; None where one request creates it whole. `reverse` reverses it after a mismatch; None
    where it is never reversed.
    """

    object: str
    judge: Callable[[Reply, str | None], Outcome]
    retrieve: str | None = None
    expand: tuple[str, ...] = ()
    remove: Callable[[str, str], Removal] | None = None
    reverse: Callable[[str, Tags], ReversalFlow] | None = None
