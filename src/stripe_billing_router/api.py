"""The public helpers: each forwards to the default router, which has the same methods.

Whatever a helper raises is a `BillingError`, and `money_moved` says what is known about the money.
The first use builds the default router, so every helper may raise `ConfigurationError`. Arguments
that several helpers share are described at `charge`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Unpack

from .core.receipt import Receipt
from .core.types import AlertSink, Amount, Overrides
from .default import get_router

if TYPE_CHECKING:
    from .core.fields import (
        CheckoutParams,
        CustomerInfo,
        OverrideFields,
        RefundParams,
        RouteFields,
        SubscriptionParams,
    )
    from .core.operation import Operation
    from .engine.recovery import Progress, RecoveryReport
    from .engine.rollback import RollbackHook
    from .routing.route import Route


def charge(
    bot_id: str,
    amount: Amount | None = None,
    description: str | None = None,
    *,
    price_id: str | None = None,
    currency: str | None = None,
    customer_id: str | None = None,
    payment_method: str | None = None,
    idempotency_key: str | None = None,
    metadata: Mapping[str, str] | None = None,
    overrides: Overrides | None = None,
) -> Receipt:
    """Take one payment: of `amount`, or of a price when no amount is given.

    By amount it is one PaymentIntent, confirmed off-session with `payment_method`, the route's or
    the customer's default one; without any the receipt's status is `requires_payment_method`. By
    price (`price_id`, or the route's) it is one Invoice, finalized and paid.

    Args:
        bot_id: `category:bot`, or `domain:category:bot`.
        amount: in major units of the currency, such as 19.99, and exact; not with `price_id`.
        description: 1 to 1,000 characters; by default the route's.
        price_id: `price_…`; by default the route's, where no amount is given.
        currency: a three-letter code; by default the route's.
        customer_id: `cus_…`; by default the route's.
        payment_method: `pm_…`; by default the route's, else the customer's own.
        idempotency_key: the caller's business key, such as an order number: 1 to 255 printable
            ASCII characters. The same key takes the money once, for ever; without a key each call
            is a payment of its own.
        metadata: at most 40 pairs of text, merged over the route's.
        overrides: `region` and the keys of registered overrides, each with its value.

    Returns:
        The receipt. `receipt.paid` says whether the money was taken.

    Raises:
        InputError: an argument cannot be used; nothing was taken.
        RoutingError: `bot_id` and `overrides` do not lead to one route; nothing was sent.
        PolicyDeniedError: the bot is frozen, or the operator's rules forbid it; nothing was taken.
        IdempotencyKeyError: the key belongs to another purchase, to one in progress or to one that
            was reversed; this call sent nothing that writes.
        PaymentDeclinedError: nothing was taken, and nothing is left payable.
        StripeCallError: Stripe refused the request, limits requests or cannot be reached; nothing
            was taken.
        OutcomeUnknownError: it is not known whether the money was taken; call again with the same
            key.
        AccountMismatchError: an answer named another account; the payment was reversed, or
            `money_moved` is "unknown".
        ConfigurationError: the settings, the keys or the master account cannot be used.
        LedgerUnavailableError: no record can be written, so nothing more was sent.
    """
    return get_router().charge(
        bot_id,
        amount,
        description,
        price_id=price_id,
        currency=currency,
        customer_id=customer_id,
        payment_method=payment_method,
        idempotency_key=idempotency_key,
        metadata=metadata,
        overrides=overrides,
    )


def create_customer(
    bot_id: str,
    customer_info: CustomerInfo | Mapping[str, Any],
    *,
    idempotency_key: str | None = None,
    overrides: Overrides | None = None,
) -> Receipt:
    """Create a customer. No money moves.

    Args:
        customer_info: `email`, `name`, `address` and the other fields of `CustomerInfo`.
        idempotency_key: the caller's business key: the same key creates one customer, for ever.

    Returns:
        The receipt; `receipt.id` is the new customer's `cus_…`.

    Raises:
        InputError: `customer_info` holds what is not taken; nothing was sent.
        BillingError: what else `charge` raises.
    """
    return get_router().create_customer(
        bot_id, customer_info, idempotency_key=idempotency_key, overrides=overrides
    )


def create_subscription(
    bot_id: str,
    *,
    price_id: str | None = None,
    customer_id: str | None = None,
    idempotency_key: str | None = None,
    overrides: Overrides | None = None,
    **params: Unpack[SubscriptionParams],
) -> Receipt:
    """Subscribe a customer and take the first invoice, or leave nothing.

    The ledger covers the first invoice; renewals are Stripe's.

    Args:
        price_id: `price_…`; by default the route's `subscription_price_id`, else its `price_id`.
        idempotency_key: the caller's business key: the same key subscribes once, for ever.
        **params: Stripe's own, as `SubscriptionParams` lists them.

    Returns:
        The receipt. `receipt.paid` says whether the first invoice was paid.

    Raises:
        PaymentDeclinedError: the first invoice could not be paid; there is no subscription, and
            nothing was taken.
        OutcomeUnknownError: it is not known whether there is a subscription; call again with the
            same key.
        BillingError: what else `charge` raises.
    """
    return get_router().create_subscription(
        bot_id,
        price_id=price_id,
        customer_id=customer_id,
        idempotency_key=idempotency_key,
        overrides=overrides,
        **params,
    )


def refund(
    bot_id: str,
    payment_id: str,
    *,
    amount: Amount | None = None,
    reason: str | None = None,
    idempotency_key: str | None = None,
    overrides: Overrides | None = None,
    **params: Unpack[RefundParams],
) -> Receipt:
    """Return money of a payment.

    Args:
        payment_id: a payment intent, `pi_…`, or an invoice, `in_…`.
        amount: in major units of the payment's own currency; by default what is left of it.
        reason: one of Stripe's: `duplicate`, `fraudulent` or `requested_by_customer`.
        idempotency_key: the caller's business key: the same key refunds once, for ever.
        **params: Stripe's own, as `RefundParams` lists them.

    Returns:
        The receipt. `receipt.paid` says whether the money was returned.

    Raises:
        InputError: an argument cannot be used, there is less left of the payment, or the invoice
            was paid by several payments, which the error names; nothing was returned.
        OutcomeUnknownError: it is not known whether the money was returned; call again with the
            same key.
        BillingError: what else `charge` raises.
    """
    return get_router().refund(
        bot_id,
        payment_id,
        amount=amount,
        reason=reason,
        idempotency_key=idempotency_key,
        overrides=overrides,
        **params,
    )


def create_checkout_session(
    bot_id: str,
    params: CheckoutParams | Mapping[str, Any] | None = None,
    *,
    idempotency_key: str | None = None,
    overrides: Overrides | None = None,
) -> Receipt:
    """Create a Checkout session for the route's price and customer.

    Args:
        params: Stripe's own, as `CheckoutParams` lists them. `success_url` is required unless
            `ui_mode` is embedded or custom.
        idempotency_key: the caller's business key: the same key creates one session, for ever.

    Returns:
        The receipt; `receipt["url"]` is the page on which the customer pays.

    Raises:
        InputError: `params` lack `success_url` or hold what is not taken; nothing was sent.
        BillingError: what else `charge` raises.
    """
    return get_router().create_checkout_session(
        bot_id, params, idempotency_key=idempotency_key, overrides=overrides
    )


def get_balance(
    bot_id: str, *, currency: str | None = None, overrides: Overrides | None = None
) -> Decimal:
    """Return the balance that is available at Stripe. No money moves.

    Args:
        currency: a three-letter code; by default the route's.

    Returns:
        The amount in major units of the currency; zero where Stripe lists nothing in it.

    Raises:
        InvalidCurrencyError: the currency is unknown, or the route names none.
        BillingError: what else `charge` raises.
    """
    return get_router().get_balance(bot_id, currency=currency, overrides=overrides)


def resolve_route(bot_id: str, overrides: Overrides | None = None) -> Route:
    """Return the one route of a bot; it carries no key. Nothing is sent.

    Raises:
        RoutingError: `bot_id` and `overrides` do not lead to one route.
        ConfigurationError: the settings or the routing file cannot be used.
    """
    return get_router().resolve_route(bot_id, overrides)


def register_route(
    business_category: str,
    bot_name: str,
    route: Route | RouteFields | Mapping[str, Any],
    *,
    domain: str = "stripe",
    region: str = "default",
) -> None:
    """Add a route, or replace it; readers see it whole or not at all.

    Raises:
        RoutingConfigError: a field of the route cannot be used; the routes are unchanged.
        RoutingError: a name cannot be used, or the route brings a Stripe key; the routes are
            unchanged.
        ConfigurationError: the settings or the routing file cannot be used.
    """
    get_router().register_route(business_category, bot_name, route, domain=domain, region=region)


def register_override(rule: OverrideFields | Mapping[str, Any]) -> None:
    """Add a rule by which `overrides={key: value}` changes fields of a bot's route.

    The base route stays as it is.

    Args:
        rule: `business_category`, `bot_name`, `key`, `value`, `route` with the fields that change,
            and maybe `domain` and `region`.

    Raises:
        RoutingConfigError: the rule cannot be used.
        RoutingError: the bot has no route, or the rule brings a Stripe key.
        ConfigurationError: the settings or the routing file cannot be used.
    """
    get_router().register_override(rule)


def register_alert_sink(sink: AlertSink) -> None:
    """Have `sink(kind, severity, message, context)` called for each alert.

    Raises:
        ConfigurationError: it cannot be called, or the settings cannot be used.
    """
    get_router().register_alert_sink(sink)


def register_rollback_hook(hook: RollbackHook) -> None:
    """Have `hook(report)` called after each rollback.

    Raises:
        ConfigurationError: the settings cannot be used.
    """
    get_router().register_rollback_hook(hook)


def get_operation(operation_id: str, *, refresh: bool = False) -> Operation:
    """Return an operation with its state, attempt and receipt.

    Args:
        operation_id: as receipts and errors name it.
        refresh: whether to ask Stripe first, where the operation is not final.

    Raises:
        UnknownOperationError: no operation has this id.
        StripeCallError: Stripe was asked and cannot be read; what was known stays.
        AccountMismatchError: Stripe was asked, and its answer named another account.
        ConfigurationError: the settings, the keys or the master account cannot be used.
        LedgerUnavailableError: the records cannot be read.
    """
    return get_router().get_operation(operation_id, refresh=refresh)


def recover(progress: Progress | None = None) -> RecoveryReport:
    """Finish what dead processes left, and return what waits in the files to the database.

    Young operations are driven on with the keys they began with; those older than `resume_within_s`
    and those of frozen bots are read at Stripe and finished, and never sent again. Safe to run in
    many places at once, as often as wanted.

    Args:
        progress: called with (number, total, operation) before each operation.

    Returns:
        What became of each operation; `unsettled` are those that the next recovery looks at again.

    Raises:
        ConfigurationError: the settings or the database cannot be used.
        LedgerUnavailableError: the records cannot be read or written.
    """
    return get_router().recover(progress)


def freeze(bot_or_pattern: str, *, reason: str, actor: str = "operator") -> None:
    """Stop the next call of every matching bot, in every process, until it is lifted.

    Args:
        bot_or_pattern: a bot id, with or without its domain, or a pattern with `*` and `?`.
        reason: why, in 1 to 500 characters, for the ledger and the alert.
        actor: who asked for it.

    Raises:
        InputError: an argument is empty or too long; nothing is frozen.
        LedgerUnavailableError: the bots are frozen in this process only.
        ConfigurationError: the settings cannot be used.
    """
    get_router().freeze(bot_or_pattern, reason=reason, actor=actor)


def unfreeze(bot_or_pattern: str, *, approver: str) -> int:
    """Lift the freezes with exactly this pattern.

    Args:
        bot_or_pattern: the bot id or pattern as it was frozen.
        approver: who allows it.

    Returns:
        How many freezes were lifted.

    Raises:
        InputError: an argument is empty or too long.
        LedgerUnavailableError: nothing could be written; the freezes hold.
        ConfigurationError: the settings cannot be used.
    """
    return get_router().unfreeze(bot_or_pattern, approver=approver)
