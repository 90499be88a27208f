"""The table of operations, one row per kind, and its look-ups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ...core.operation import Instruction, Operation
from ..flows import Flow
from ..objects.tagged import Listing, Search, tags_of
from . import balance, charge, checkout, customer, refund, subscription
from .kind import OperationKind

OPERATIONS: Final[dict[str, OperationKind]] = {
    kind.kind: kind
    for kind in (
        charge.BY_AMOUNT,
        charge.BY_PRICE,
        subscription.SUBSCRIPTION,
        refund.REFUND,
        checkout.CHECKOUT,
        customer.CUSTOMER,
        balance.BALANCE,
    )
}


def flow_of(operation: Operation) -> Flow:
    """Return the flow of this operation."""
    return OPERATIONS[operation.instruction.kind].flow(operation.instruction, tags_of(operation))


def search_for(operation: Operation) -> Search:
    """Find what the operation created and judge it; None means that it had no effect.

    Partially created objects (unpaid PaymentIntents, drafts, open invoices) are removed first.
    """
    search = OPERATIONS[operation.instruction.kind].search
    return (yield from search(operation)) if search else None


def list_earlier(operation: Operation) -> Listing:
    """List what another host, or an earlier process, created for the same business key, ever.

    For when the journal is unavailable.
    """
    earlier = OPERATIONS[operation.instruction.kind].earlier
    return (yield from earlier(operation)) if earlier else []


def is_partial(instruction: Instruction, item: Mapping[str, Any]) -> bool:
    """Return whether the flow that created an object has yet to pay or remove it."""
    return OPERATIONS[instruction.kind].is_partial(instruction, item)
