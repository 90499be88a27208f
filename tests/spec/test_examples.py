"""Every example of the owner's document, as written there."""

from decimal import Decimal
from pathlib import Path

import pytest

import stripe_billing_router
from stripe_billing_router import (
    ROUTING_TABLE,
    charge,
    create_checkout_session,
    create_customer,
    create_subscription,
    get_balance,
    get_router,
    refund,
    register_override,
    register_route,
)
from stripe_billing_router.testing import StripeSandbox


@pytest.fixture
def payable(anywhere: str, request: pytest.FixtureRequest) -> str:
    """What the usage example takes for granted: a recurring price, and a payment to refund."""
    if anywhere == "sandbox":
        sandbox: StripeSandbox = request.getfixturevalue("sandbox")
        sandbox.add_payment("pi_test", customer="cus_finance_default")
        register_route(
            "finance",
            "finance_router_bot",
            {
                "product_id": "prod_finance_router",
                "price_id": "price_finance_standard",
                "customer_id": "cus_finance_default",
                "subscription_price_id": "price_finance_monthly",
            },
        )
        sandbox.add_price("price_finance_monthly", unit_amount=900, recurring=True)
    return anywhere


def test_usage(payable: str) -> None:
    # One-off payment via PaymentIntent
    charge("finance:finance_router_bot", amount=10.0)

    # Price based invoice using the route's price_id
    charge("finance:finance_router_bot", price_id="price_finance_standard")

    # Create a recurring subscription
    create_subscription("finance:finance_router_bot")

    # Issue a refund for a previous payment
    refund("finance:finance_router_bot", "pi_test")

    # Create a Checkout session
    create_checkout_session(
        "finance:finance_router_bot",
        {"success_url": "https://example.com/s", "cancel_url": "https://example.com/c"},
    )

    create_customer("finance:finance_router_bot", {"email": "bot@example.com"})
    bal = get_balance("finance:finance_router_bot")

    assert isinstance(bal, Decimal)
    written = {row.action_type.removesuffix("_open") for row in get_router().records.ledger()}
    assert written == {
        "charge",
        "subscription",
        "refund",
        "checkout_session",
        "customer",
        "balance",
    }
    assert all(row.error == 0 for row in get_router().records.ledger())


def test_extending_to_new_bots(anywhere: str) -> None:
    register_route(
        "analytics",
        "new_bot",
        {
            "product_id": "prod_new_bot",
            "price_id": "price_new_bot_standard",
            "customer_id": "cus_new_bot_default",
        },
    )

    assert charge("analytics:new_bot", amount=1).bot_id == "analytics:new_bot"
    assert ROUTING_TABLE["stripe", "default", "analytics", "new_bot"].price_id


def test_regional_overrides(anywhere: str) -> None:
    register_route(
        "finance",
        "finance_router_bot",
        {
            "product_id": "prod_finance_router",
            "price_id": "price_finance_eu",
            "customer_id": "cus_finance_default",
        },
        region="eu",
    )

    receipt = charge(
        "finance:finance_router_bot",
        overrides={"region": "eu"},
    )

    assert receipt.object == "invoice"
    if anywhere == "sandbox":
        assert (receipt.amount, receipt.currency) == (Decimal("18.00"), "eur")


def test_business_overrides(anywhere: str) -> None:
    register_override(
        {
            "business_category": "finance",
            "bot_name": "finance_router_bot",
            "key": "business",
            "value": "enterprise",
            "route": {"price_id": "price_finance_enterprise"},
        }
    )

    receipt = charge(
        "finance:finance_router_bot",
        overrides={"business": "enterprise"},
    )

    if anywhere == "sandbox":
        assert receipt.amount == Decimal("99.00")
    # These examples update the price while leaving the base rule unchanged.
    base = ROUTING_TABLE["stripe", "default", "finance", "finance_router_bot"]
    assert base.price_id == "price_finance_standard"


def test_the_imports_of_the_document_are_the_packages(home: Path) -> None:
    for name in ("charge", "create_customer", "create_subscription", "refund"):
        assert name in stripe_billing_router.__all__
