"""A customer: created once per business key. No money moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ...core.calls import Reply, StripeCall
from ...core.operation import Instruction, Operation
from ...errors import InputError
from ..flows import Flow, Tags, compact, with_tags
from ..objects.customer import judge
from ..objects.tagged import Listing, Search, find, only
from ..requests import check_params, split_metadata
from ..resolved import Resolved
from .intent import Intent, intent_of
from .kind import OperationKind

# Fields that describe a new customer or how it pays; the others say who it is.
_NOT_WHO: Final = ("description", "invoice_settings", "payment_method")


def intent_to_create_customer(
    found: Resolved,
    customer_info: Mapping[str, Any],
    *,
    overrides: Mapping[str, str] | None,
) -> Intent:
    """Build the intent of a new customer."""
    if customer_info is None:
        raise InputError(
            "create_customer was called without customer_info",
            "Pass what is known of the customer, such as {'email': …}.",
        )
    extra = check_params("create_customer", customer_info)
    metadata = split_metadata(extra, {})
    instruction = Instruction(
        action="customer",
        kind="customer",
        bot_id=found.bot.canonical,
        metadata=metadata,
        params=extra,
    )
    who = {name: value for name, value in extra.items() if name not in _NOT_WHO}
    return intent_of(instruction, overrides, asked={"customer": who}, bought={"customer": who})


def create_customer(instruction: Instruction, tags: Tags) -> Flow:
    """Create a customer. No money moves."""
    reply = yield StripeCall(
        "create",
        "customers.create",
        compact(**instruction.params, metadata=with_tags(instruction, tags)),
    )
    return judge(reply, None)


def _search(operation: Operation) -> Search:
    found = yield from find(operation, "customers.list")
    return only([judge(Reply(item), None) for item in found])


def _earlier(operation: Operation) -> Listing:
    email = operation.instruction.params.get("email")
    return find(operation, "customers.list", ever=True, email=email)


CUSTOMER: Final = OperationKind(
    kind="customer", flow=create_customer, search=_search, earlier=_earlier
)
