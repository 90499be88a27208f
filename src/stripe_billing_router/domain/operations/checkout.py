"""A Checkout session: a Stripe-hosted page on which the customer pays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ...core.calls import Reply, StripeCall
from ...core.operation import Instruction, Operation
from ..flows import Flow, Tags, compact, with_tags
from ..objects.checkout_session import judge
from ..objects.tagged import Listing, Search, find, only
from ..requests import check_params, complete_checkout, split_metadata
from ..resolved import Resolved
from .intent import Intent, intent_of
from .kind import OperationKind


def intent_to_check_out(
    found: Resolved,
    params: Mapping[str, Any] | None,
    *,
    overrides: Mapping[str, str] | None,
) -> Intent:
    """Build the intent of a checkout session for the route's price and customer."""
    route = found.route
    extra = check_params("create_checkout_session", params)
    metadata = split_metadata(extra, route.metadata)
    asked = {"mode": extra.get("mode"), "line_items": extra.get("line_items")}
    extra = complete_checkout(extra, route.price_id, route.customer_id)
    if extra["mode"] == "setup":
        extra["currency"] = found.require_currency()  # Stripe: required in this mode
    instruction = Instruction(
        action="checkout_session",
        kind="checkout",
        bot_id=found.bot.canonical,
        customer_id=route.customer_id,
        user_email=route.user_email,
        metadata=metadata,
        params=extra,
    )
    price = [extra["mode"], extra.get("line_items")]
    return intent_of(instruction, overrides, asked=asked, bought={"price": price})


def create_checkout_session(instruction: Instruction, tags: Tags) -> Flow:
    """Create a Checkout session; its payment carries the same tags."""
    marked = with_tags(instruction, tags)
    mode = instruction.params.get("mode", "payment")
    carrier = {"payment": "payment_intent_data", "subscription": "subscription_data"}.get(mode)
    reply = yield StripeCall(
        "create",
        "checkout.sessions.create",
        compact(
            **instruction.params,
            **({carrier: {"metadata": marked}} if carrier else {}),
            metadata=marked,
        ),
    )
    return judge(reply, instruction.user_email)


def _search(operation: Operation) -> Search:
    email = operation.instruction.user_email
    return only([judge(Reply(item), email) for item in (yield from _listed(operation))])


def _listed(operation: Operation, *, ever: bool = False) -> Listing:
    customer = operation.instruction.customer_id
    return find(operation, "checkout.sessions.list", ever=ever, customer=customer)


CHECKOUT: Final = OperationKind(
    kind="checkout",
    flow=create_checkout_session,
    search=_search,
    earlier=lambda operation: _listed(operation, ever=True),
)
