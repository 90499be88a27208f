"""The helpers as a bot author's type checker sees them. Checked, never run.

A line with both comments must be an error to mypy and to basedpyright: they complain about a
comment that is not needed.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, assert_type

import stripe_billing_router
from stripe_billing_router import (
    ROUTING_TABLE,
    BillingRouter,
    Operation,
    Receipt,
    RecoveryReport,
    RollbackReport,
    Route,
    charge,
    create_checkout_session,
    create_customer,
    create_subscription,
    freeze,
    get_balance,
    get_operation,
    get_router,
    recover,
    refund,
    register_alert_sink,
    register_override,
    register_rollback_hook,
    register_route,
    reset,
    resolve_route,
    unfreeze,
)
from stripe_billing_router.core.fields import (
    CheckoutParams,
    CustomerInfo,
    OverrideFields,
    RefundParams,
    RouteFields,
    SubscriptionParams,
)

BOT = "finance:finance_router_bot"


def charges(text: str | None, metadata: dict[str, str], maybe: Decimal | None) -> None:
    assert_type(charge(BOT), Receipt)
    assert_type(charge(BOT, 10), Receipt)
    assert_type(charge(BOT, 10.5, "a tool"), Receipt)
    assert_type(charge(BOT, amount="19.99", currency="eur", idempotency_key=text), Receipt)
    assert_type(charge(BOT, amount=maybe, description=text, metadata=metadata), Receipt)
    assert_type(charge(BOT, price_id="price_1", customer_id="cus_1", payment_method=text), Receipt)
    assert_type(charge(BOT, overrides={"region": "eu", "business": "enterprise"}), Receipt)

    charge()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    charge(BOT, b"10")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    charge(BOT, 10, "a tool", "price_1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    charge(BOT, api_key="")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    charge(BOT, overrides={"seats": 3})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]


def customers(plain: dict[str, Any], texts: dict[str, str], mapping: Mapping[str, Any]) -> None:
    info: CustomerInfo = {"email": "a@example.com", "preferred_locales": ["en"], "address": texts}
    assert_type(create_customer(BOT, info), Receipt)
    assert_type(create_customer(BOT, {"email": "a@example.com"}), Receipt)
    assert_type(create_customer(BOT, plain), Receipt)
    assert_type(create_customer(BOT, texts, idempotency_key="person-1"), Receipt)
    assert_type(create_customer(BOT, mapping, overrides={"region": "eu"}), Receipt)

    info["emial"] = ""  # type: ignore[typeddict-unknown-key]  # pyright: ignore[reportGeneralTypeIssues]
    info["phone"] = 1  # type: ignore[typeddict-item]  # pyright: ignore[reportGeneralTypeIssues]
    create_customer(BOT)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    create_customer(BOT, None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def subscriptions(plain: dict[str, Any], metadata: dict[str, str] | None) -> None:
    params: SubscriptionParams = {"trial_period_days": 14, "discounts": [{"coupon": "welcome"}]}
    assert_type(create_subscription(BOT), Receipt)
    assert_type(create_subscription(BOT, price_id="price_1", idempotency_key="seat-1"), Receipt)
    assert_type(create_subscription(BOT, trial_end="now", metadata=metadata), Receipt)
    assert_type(create_subscription(BOT, customer_id="cus_1", **params), Receipt)
    assert_type(create_subscription(BOT, **plain), Receipt)

    create_subscription(BOT, trial_days=14)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    create_subscription(BOT, trial_period_days="14")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    create_subscription(BOT, trial_end="later")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    create_subscription(BOT, "price_1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def refunds(plain: dict[str, Any], metadata: dict[str, str] | None) -> None:
    params: RefundParams = {"reverse_transfer": True}
    assert_type(refund(BOT, "pi_1"), Receipt)
    assert_type(refund(BOT, "in_1", amount=Decimal("2.50"), reason="duplicate"), Receipt)
    assert_type(refund(BOT, "pi_1", metadata=metadata, idempotency_key="back-1"), Receipt)
    assert_type(refund(BOT, "pi_1", **params), Receipt)
    assert_type(refund(BOT, "pi_1", **plain), Receipt)

    refund(BOT)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    refund(BOT, "pi_1", 5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    refund(BOT, "pi_1", reverse_transfer="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def checkouts(plain: dict[str, Any]) -> None:
    params: CheckoutParams = {"mode": "payment", "success_url": "https://example.com/thanks"}
    assert_type(create_checkout_session(BOT), Receipt)
    assert_type(create_checkout_session(BOT, params, idempotency_key="cart-1"), Receipt)
    assert_type(create_checkout_session(BOT, {"success_url": "https://example.com"}), Receipt)
    assert_type(create_checkout_session(BOT, plain), Receipt)

    params["mode"] = "gift"  # type: ignore[typeddict-item]  # pyright: ignore[reportGeneralTypeIssues]
    create_checkout_session(BOT, success_url="")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def routes(plain: dict[str, Any], known: Route) -> None:
    fields: RouteFields = {"product_id": "prod_1", "price_id": "price_1", "customer_id": "cus_1"}
    rule: OverrideFields = {
        "business_category": "finance",
        "bot_name": "finance_router_bot",
        "key": "business",
        "value": "enterprise",
        "route": {"price_id": "price_2"},
    }
    register_route("finance", "finance_router_bot", fields)
    register_route("finance", "finance_router_bot", known, region="eu")
    register_route("finance", "finance_router_bot", plain, domain="stripe")
    register_override(rule)
    register_override(plain)
    assert_type(resolve_route(BOT, {"region": "eu"}), Route)
    assert_type(ROUTING_TABLE["stripe", "default", "finance", "finance_router_bot"], Route)
    assert_type(known.price_id, str)
    assert_type(known.currency, str | None)
    assert_type(known.metadata, Mapping[str, str])

    short: RouteFields = {"price_id": "price_1"}  # type: ignore[typeddict-item]  # pyright: ignore[reportAssignmentType]
    register_route("finance", "finance_router_bot", short, "eu")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    register_override(known)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ROUTING_TABLE["stripe", "default", "finance", "x"] = known  # type: ignore[index]  # pyright: ignore[reportIndexIssue]


def read_alert(kind: str, severity: str, message: str, context: Mapping[str, Any]) -> None: ...
def read_report(report: RollbackReport) -> None: ...
def read_progress(number: int, total: int, operation: Operation) -> None: ...


def operations(seen: list[object]) -> None:
    assert_type(get_balance(BOT, currency="eur"), Decimal)
    assert_type(get_operation("op_1", refresh=True), Operation)
    assert_type(recover(), RecoveryReport)
    assert_type(recover(read_progress), RecoveryReport)
    assert_type(unfreeze("finance:*", approver="ops"), int)
    freeze("finance:*", reason="incident")
    register_alert_sink(read_alert)
    register_alert_sink(lambda *alert: seen.append(alert))
    register_rollback_hook(read_report)
    assert_type(get_router(), BillingRouter)
    reset()

    freeze("finance:*")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    unfreeze("finance:*", "ops")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    get_operation("op_1", True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    register_alert_sink(read_report)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    register_rollback_hook(read_alert)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    stripe_billing_router.get_key()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
