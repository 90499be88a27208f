"""The public helpers: each forwards to the default router, which has the same methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .core.receipt import Receipt
from .default import get_router

if TYPE_CHECKING:
    from .core.operation import Operation
    from .engine.recovery import RecoveryReport
    from .engine.rollback import RollbackReport
    from .routing.route import Route

Amount = int | str | Decimal | float
Overrides = Mapping[str, str]
RouteKey = tuple[str, str, str, str]


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
    """Take one payment: of `amount` (major units), or of a price when no amount is given.

    By amount it is one PaymentIntent, confirmed off-session with `payment_method`, the route's or
    the customer's default one; without any the receipt's status is `requires_payment_method`. By
    price (`price_id`, or the route's) it is one Invoice, finalized and paid. `receipt.paid` says
    whether the money was taken. `idempotency_key` is the caller's business key, such as an order
    number: the same key takes the money once, for ever.

    Raises `InputError` or `RoutingError` before any request; `PaymentDeclinedError` and
    `RequestRejectedError` when nothing was taken; `OutcomeUnknownError` when that is not known;
    `IdempotencyKeyError`, `PolicyDeniedError`, `AccountMismatchError` and `ConfigurationError`.
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
    customer_info: Mapping[str, Any],
    *,
    idempotency_key: str | None = None,
    overrides: Overrides | None = None,
) -> Receipt:
    """Create a customer from `customer_info` (`email`, `name`, `address`, …). No money moves."""
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
    **params: Any,
) -> Receipt:
    """Subscribe a customer and take the first invoice, or leave nothing.

    `price_id` defaults to the route's `subscription_price_id`, else its `price_id`. The ledger
    covers the first invoice; renewals are Stripe's. Raises what `charge` raises.
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
    **params: Any,
) -> Receipt:
    """Return money of a payment, `pi_…` or `in_…`.

    `amount` is in major units of the payment's own currency and defaults to what is left of it;
    `reason` is one of Stripe's (`duplicate`, `fraudulent`, `requested_by_customer`). Raises what
    `charge` raises, and `InputError` for an invoice with several payments, naming them.
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
    params: Mapping[str, Any] | None = None,
    *,
    idempotency_key: str | None = None,
    overrides: Overrides | None = None,
) -> Receipt:
    """Create a Checkout session for the route's price and customer; `receipt["url"]` is its page.

    `success_url` is required unless `ui_mode` is embedded or custom.
    """
    return get_router().create_checkout_session(
        bot_id, params, idempotency_key=idempotency_key, overrides=overrides
    )


def get_balance(
    bot_id: str, *, currency: str | None = None, overrides: Overrides | None = None
) -> Decimal:
    """Return the available balance in major units of `currency`, by default the route's."""
    return get_router().get_balance(bot_id, currency=currency, overrides=overrides)


def resolve_route(bot_id: str, overrides: Overrides | None = None) -> Route:
    """Return the one route of a bot; it carries no key. Raises `RoutingError`."""
    return get_router().resolve_route(bot_id, overrides)


def register_route(
    business_category: str,
    bot_name: str,
    route: Mapping[str, Any] | Route,
    *,
    domain: str = "stripe",
    region: str = "default",
) -> None:
    """Add a route, or replace it; readers see it whole or not at all."""
    get_router().register_route(business_category, bot_name, route, domain=domain, region=region)


def register_override(rule: Mapping[str, Any]) -> None:
    """Add a rule by which `overrides={key: value}` changes fields of a bot's route.

    `rule` holds `business_category`, `bot_name`, `key`, `value`, `route` and maybe `domain` and
    `region`. The base route stays as it is.
    """
    get_router().register_override(rule)


def register_alert_sink(sink: Callable[[str, str, str, Mapping[str, Any]], None]) -> None:
    """Have `sink(kind, severity, message, context)` called for each alert."""
    get_router().register_alert_sink(sink)


def register_rollback_hook(hook: Callable[[RollbackReport], None]) -> None:
    """Have `hook(report)` called after each rollback."""
    get_router().register_rollback_hook(hook)


def get_operation(operation_id: str, *, refresh: bool = False) -> Operation:
    """Return an operation with its state, attempt and receipt; `refresh` asks Stripe first."""
    return get_router().get_operation(operation_id, refresh=refresh)


def recover() -> RecoveryReport:
    """Finish what dead processes left, and return what waits in the files to the database.

    Young operations are driven on with the keys they began with; those older than `resume_within_s`
    and those of frozen bots are read and settled, and never sent again. Safe to run in many places
    at once, as often as wanted. Raises `ConfigurationError` and `LedgerUnavailableError`.
    """
    return get_router().recover()


def freeze(bot_or_pattern: str, *, reason: str, actor: str = "operator") -> None:
    """Stop the next call of every matching bot, in every process, until it is lifted."""
    get_router().freeze(bot_or_pattern, reason=reason, actor=actor)


def unfreeze(bot_or_pattern: str, *, approver: str) -> int:
    """Lift the freezes with exactly this pattern; return how many there were."""
    return get_router().unfreeze(bot_or_pattern, approver=approver)


class RoutingTableView(Mapping[RouteKey, "Route"]):
    """The default router's routes: live, read-only, and never rebound.

    It looks at the router that is the default now, so that a name imported once stays true after
    `configure` and `reset`.
    """

    def __getitem__(self, key: RouteKey) -> Route:
        return get_router().routes[key]

    def __iter__(self) -> Iterator[RouteKey]:
        return iter(get_router().routes)

    def __len__(self) -> int:
        return len(get_router().routes)

    def __repr__(self) -> str:
        return "<ROUTING_TABLE: (domain, region, business_category, bot_name) -> Route>"


ROUTING_TABLE: Mapping[RouteKey, Route] = RoutingTableView()
