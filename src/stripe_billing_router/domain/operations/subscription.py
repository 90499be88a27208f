"""A subscription: created with its first invoice paid, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ...core.calls import CallFailedError, Reply, StripeCall
from ...core.identifiers import check_id
from ...core.operation import Instruction, Operation
from ..flows import Flow, Outcome, Tags, UncleanError, compact, expanded, with_tags
from ..objects.subscription import judge_with
from ..objects.tagged import Listing, Search, find, only
from ..requests import check_params, check_text, split_metadata
from ..resolved import Resolved
from .intent import Intent, intent_of
from .kind import OperationKind


def intent_to_subscribe(
    found: Resolved,
    *,
    price_id: Any,
    customer_id: Any,
    overrides: Mapping[str, str] | None,
    params: Mapping[str, Any],
) -> Intent:
    """Build the intent to subscribe to the route's subscription price, or to the given one."""
    route = found.route
    extra = check_params("create_subscription", params)
    price = None if price_id is None else check_id("price", price_id)
    customer = None if customer_id is None else check_id("customer", customer_id)
    method = extra.pop("default_payment_method", None)
    if method is not None:
        check_id("payment_method", method)
    instruction = Instruction(
        action="subscription",
        kind="subscription",
        bot_id=found.bot.canonical,
        price_id=price or route.subscription_price_id or route.price_id,
        customer_id=customer or route.customer_id,
        payment_method_id=method or route.payment_method_id,
        description=check_text("description", extra.pop("description", None), 500)
        or route.description,
        user_email=route.user_email,
        metadata=split_metadata(extra, route.metadata),
        params=extra,
    )
    return intent_of(instruction, overrides, asked={"price": price, "customer": customer})


def create_subscription(instruction: Instruction, tags: Tags) -> Flow:
    """Create a subscription and take its first payment, or leave nothing.

    Stripe: `payment_behavior=error_if_incomplete` answers 402 and creates no subscription when
    the first invoice cannot be paid. Stripe takes the renewals.
    """
    reply = yield StripeCall(
        "create",
        "subscriptions.create",
        compact(
            customer=instruction.customer_id,
            items=[{"price": instruction.price_id}],
            payment_behavior="error_if_incomplete",
            off_session=True,
            default_payment_method=instruction.payment_method_id,
            description=instruction.description,
            expand=["latest_invoice"],
            **instruction.params,
            metadata=with_tags(instruction, tags),
        ),
    )
    invoice = reply.body.get("latest_invoice")
    if isinstance(invoice, str):
        try:
            invoice = (yield StripeCall("invoice", "invoices.retrieve", target=invoice)).body
        except CallFailedError as failed:
            failure = failed.failure
            raise UncleanError(failure) from None  # it exists; the amount taken is not known yet
    return judge_with(reply, expanded(invoice), instruction.user_email)


def _search(operation: Operation) -> Search:
    outcomes: list[Outcome] = []
    for item in (yield from _listed(operation)):
        first = item.get("latest_invoice")
        if isinstance(first, str):
            first = (yield StripeCall("invoice", "invoices.retrieve", target=first)).body
        email = operation.instruction.user_email
        outcomes.append(judge_with(Reply(item), expanded(first), email))
    return only(outcomes)


def _listed(operation: Operation, *, ever: bool = False) -> Listing:
    return find(
        operation,
        "subscriptions.list",
        ever=ever,
        customer=operation.instruction.customer_id,
        status="all",
        expand=["data.latest_invoice"],
    )


SUBSCRIPTION: Final = OperationKind(
    kind="subscription",
    flow=create_subscription,
    search=_search,
    earlier=lambda operation: _listed(operation, ever=True),
)
