"""Failures that happened to others, each told once here; what they need in detail is elsewhere."""

import ast
import json
import logging
import subprocess
import sys
import traceback
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import stripe_billing_router
from stripe_billing_router import (
    AccountMismatchError,
    BillingError,
    BotFrozenError,
    IdempotencyConflictError,
    InvalidAmountError,
    InvalidKeyError,
    OperationRolledBackError,
    PaymentDeclinedError,
    RateLimitedError,
    RoutingConfigError,
)
from stripe_billing_router.core.money import to_minor
from support.platform import BOT, OTHER_BOT, SECRET_KEY, Platform, raw

SOURCES = Path(stripe_billing_router.__file__).parent


def test_an_intended_second_purchase_goes_through_and_a_reworded_one_replays(
    platform: Platform,
) -> None:
    platform.router.charge(BOT, 10, "Coffee", idempotency_key="order-1")
    assert platform.router.charge(BOT, 10, "A coffee", idempotency_key="order-1").replayed
    assert not platform.router.charge(BOT, 10, "Coffee", idempotency_key="order-2").replayed
    platform.mark()
    with pytest.raises(IdempotencyConflictError):
        platform.router.charge(BOT, 12, "Coffee", idempotency_key="order-1")
    assert platform.requests == []
    assert platform.sandbox.captured_minor() == 2000


def test_a_refreshed_payment_method_does_not_change_the_key(platform: Platform) -> None:
    first = platform.router.charge(
        BOT, 10, payment_method="pm_card_visa", idempotency_key="order-1"
    )
    platform.sandbox.add_payment_method("pm_refreshed", customer="cus_finance_default")
    again = platform.router.charge(
        BOT, 10, payment_method="pm_refreshed", idempotency_key="order-1"
    )
    assert (again.replayed, again.id) == (True, first.id)


@pytest.mark.parametrize("path", ["/v1/invoiceitems", "/v1/invoices/*/finalize"])
def test_an_invoice_that_fails_half_way_leaves_no_pending_item(
    platform: Platform, path: str
) -> None:
    platform.sandbox.faults.rate_limit(method="POST", path=path)
    with pytest.raises(RateLimitedError) as caught:
        platform.router.charge(BOT)
    assert caught.value.money_moved == "no"
    assert not [i for i in platform.sandbox.invoices.values() if i["status"] in ("draft", "open")]
    assert platform.sandbox.captured_minor() == 0
    # The next invoice is for its own item alone.
    assert platform.router.charge(BOT).amount == Decimal("20.00")


def test_no_key_goes_to_two_endpoints(platform: Platform) -> None:
    platform.router.charge(BOT, idempotency_key="order-1")
    platform.router.charge(OTHER_BOT, 10, idempotency_key="order-1")
    posts = [r.idempotency_key for r in platform.sandbox.requests if r.method == "POST"]
    assert all(posts)
    assert len(posts) == len(set(posts)) == 5


def test_a_rollback_is_done_once_and_its_key_answers_rolled_back(platform: Platform) -> None:
    platform.sandbox.faults.foreign_account("acct_other", method="POST")
    with pytest.raises(AccountMismatchError):
        platform.router.charge(BOT, 10, idempotency_key="order-1")
    platform.router.unfreeze(BOT, approver="ops")
    for _ in range(3):
        with pytest.raises(OperationRolledBackError):
            platform.router.charge(BOT, 10, idempotency_key="order-1")
    assert platform.sandbox.captured_minor() == platform.sandbox.refunded_minor() == 1000


def test_a_rollback_reads_the_present_state_before_it_chooses(platform: Platform) -> None:
    """A person refunded it in the dashboard meanwhile: there is nothing left to give back."""
    platform.sandbox.faults.foreign_account(
        "acct_other", method="POST", path="/v1/invoices/*/finalize"
    )
    with pytest.raises(AccountMismatchError):
        platform.router.charge(BOT)
    assert [i["status"] for i in platform.sandbox.invoices.values()] == ["void"]
    reads = [r for r in platform.requests if r.method == "GET" and "/v1/invoices/" in r.path]
    assert reads, "the invoice was voided without a look at it"


def test_a_rollback_that_is_not_done_keeps_the_bot_frozen(platform: Platform) -> None:
    platform.sandbox.faults.foreign_account("acct_other", method="POST", path="/v1/payment_intents")
    platform.sandbox.faults.refund_status("failed", "insufficient_funds")
    with pytest.raises(AccountMismatchError):
        platform.router.charge(BOT, 10)
    assert [kind for kind, *_ in platform.alerts] == ["critical_discrepancy", "rollback_incomplete"]
    with pytest.raises(BotFrozenError):
        platform.router.charge(BOT, 10)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        (500, "jpy", 500),
        ("1.230", "kwd", 1230),
        ("5000", "ugx", 500000),
        ("5", "isk", 500),
        (19.99, "usd", 1999),
        (0.29, "usd", 29),
        ("123", "huf", 12300),
        ("10.50", "twd", 1050),
    ],
)
def test_stripes_raw_minor_units_are_right(
    platform: Platform, amount: Any, currency: str, minor: int
) -> None:
    receipt = platform.router.charge(BOT, amount, currency=currency)
    assert platform.sandbox.payment_intents[receipt.id]["amount"] == minor
    assert platform.rows[-1].amount == Decimal(str(amount))


def test_ten_thousand_prices_are_exact() -> None:
    assert [cents for cents in range(1, 10001) if to_minor(cents / 100, "usd") != cents] == []


@pytest.mark.parametrize("amount", ["0.5", "1.5"])
def test_a_fraction_of_a_yen_or_a_last_digit_of_a_dinar_is_refused(
    platform: Platform, amount: str
) -> None:
    for currency, text in (("jpy", amount), ("isk", amount), ("kwd", "1.234")):
        with pytest.raises(InvalidAmountError):
            platform.router.charge(BOT, text, currency=currency)
    assert platform.requests == []


@pytest.mark.parametrize(
    "planted",
    [
        SECRET_KEY,
        "rk_live_sandboxfakeRestricted",
        "whsec_sandboxfakeWebhook",
        "pi_3sandbox_secret_fakefake",
        "sk_org_live_sandboxfakeOrganisation",
    ],
)
def test_a_planted_secret_shows_nowhere(
    platform: Platform, planted: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    for call in (
        lambda: platform.router.charge(planted, 10),
        lambda: platform.router.charge(BOT, 10, customer_id=planted),
        lambda: platform.router.charge(BOT, 10, currency=planted),
        lambda: platform.router.refund(BOT, planted),
        lambda: platform.router.resolve_route(BOT, {"region": planted}),
        lambda: platform.router.charge(BOT, 10, f"paid with {planted}"),
    ):
        try:
            call()
        except BillingError as error:
            shown += [str(error), repr(error), json.dumps(error.details, default=str)]
            shown += traceback.format_exception(error)
    shown += [caplog.text, json.dumps(platform.alerts, default=str)]
    shown += [row.raw_event_json for row in platform.rows]
    assert len(shown) > 12
    ours = [text for text in shown if planted in text and "charge(planted" not in text]
    assert ours == []


@pytest.mark.parametrize("key", ["sk_test_sandboxfake", "rk_test_sandboxfake"])
def test_a_test_key_is_refused_in_the_live_product(platform: Platform, key: str) -> None:
    router = platform.another_router(secret_key=key)
    with pytest.raises(InvalidKeyError):
        router.charge(BOT, 10)
    assert platform.requests == []


def test_a_test_mode_answer_to_a_live_key_stops_the_bot(platform: Platform) -> None:
    platform.sandbox.faults.livemode(False, method="POST")
    with pytest.raises(AccountMismatchError):
        platform.router.charge(BOT, 10)
    with pytest.raises(BotFrozenError):
        platform.router.charge(BOT, 10)
    assert platform.sandbox.refunded_minor() == 0


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("        price: price_1", "price"),
        ("        price_id: prod_1", "price_id"),
        ("        customer_id: ''", "customer_id"),
    ],
)
def test_a_typo_in_the_routing_file_names_file_line_and_path(
    platform: Platform, line: str, named: str
) -> None:
    path = platform.folder / "typo.yaml"
    path.write_text(
        "stripe:\n  default:\n    finance:\n      bot:\n        product_id: prod_1\n"
        f"        price_id: price_1\n        customer_id: cus_1\n{line}\n".replace(
            f"        {named}: {'price_1' if named == 'price_id' else 'cus_1'}\n", "", 1
        )
    )
    with pytest.raises(RoutingConfigError) as caught:
        platform.another_router(routing_config=path)
    assert "typo.yaml" in str(caught.value)
    assert named in str(caught.value)


def test_a_typo_in_an_override_keeps_the_old_table(platform: Platform) -> None:
    before = platform.router.resolve_route(BOT)
    with pytest.raises(RoutingConfigError):
        platform.router.register_override(
            {
                "business_category": "finance",
                "bot_name": "finance_router_bot",
                "key": "business",
                "value": "x",
                "route": {"prize_id": "price_1"},
            }
        )
    assert platform.router.resolve_route(BOT) == before


def test_payloads_with_decimal_fields_are_stored(platform: Platform) -> None:
    """Since SDK 15 Stripe's `*_decimal` fields arrive as Decimals; JSON must still take them."""
    receipt = platform.router.create_subscription(BOT)
    assert json.loads(json.dumps(receipt.to_dict()))["id"] == receipt.id
    assert raw(platform.rows[-1])["id"] == receipt.id


# What the prior router did wrong.


def test_every_helper_works_on_the_real_sdk(platform: Platform) -> None:
    router = platform.router
    paid = router.charge(BOT, 10)
    results: list[Any] = [
        router.charge(BOT),
        router.create_subscription(BOT),
        router.refund(BOT, paid.id),
        router.create_checkout_session(BOT, {"success_url": "https://example.com"}),
        router.create_customer(BOT, {"email": "x@example.com"}),
        router.get_balance(BOT),
    ]
    assert len(results) == 6
    assert platform.alerts == []


def test_money_that_was_not_taken_is_not_revenue(platform: Platform) -> None:
    receipt = platform.router.charge(BOT, 10, customer_id="cus_empty")
    assert not receipt.paid
    money = [r for r in platform.rows if r.action_type in ("charge", "subscription", "refund")]
    assert money == []


def test_one_charge_moves_money_once(platform: Platform) -> None:
    platform.router.charge(BOT, 10)
    assert [effect.amount_minor for effect in platform.sandbox.effects()] == [1000]
    platform.router.charge(BOT)
    assert [effect.amount_minor for effect in platform.sandbox.effects()] == [1000, 2000]


def test_configuration_is_not_compared_with_itself(platform: Platform) -> None:
    """A response that names no account is fine; the key was verified, and that is the evidence."""
    receipt = platform.router.charge(BOT, 10)
    assert receipt["on_behalf_of"] is None
    assert platform.sandbox.count("GET /v1/account") == 1


def test_no_environment_variable_switches_a_check_off(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MENACE_SKIP_STRIPE_ROUTER", "STRIPE_SKIP_VERIFICATION", "STRIPE_BILLING_ROUTER"):
        monkeypatch.setenv(name, "1")
    router = platform.another_router(secret_key="sk_test_sandboxfake")
    with pytest.raises(InvalidKeyError):
        router.charge(BOT, 10)


def test_one_row_per_attempt_with_its_amount_and_one_money_row_per_object(
    platform: Platform,
) -> None:
    with pytest.raises(PaymentDeclinedError):
        platform.router.charge(
            BOT, 10, payment_method="pm_card_chargeDeclined", idempotency_key="order-1"
        )
    paid = platform.router.charge(BOT, 10, payment_method="pm_card_visa", idempotency_key="order-1")
    platform.router.refund(BOT, paid.id)
    platform.router.create_subscription(BOT)
    assert [(row.action_type, row.amount, row.error) for row in platform.rows] == [
        ("charge", Decimal("10.00"), 1),
        ("charge", Decimal("10.00"), 0),
        ("refund", Decimal("10.00"), 0),
        ("subscription", Decimal("9.00"), 0),
    ]


def test_the_ledger_of_another_thread_is_the_same_ledger(platform: Platform) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - Only here.

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(platform.router.charge, BOT, 10).result().paid
    assert platform.kinds == [("charge", 0)]


def test_an_import_opens_nothing_and_a_bad_routing_file_is_no_empty_table(tmp_path: Path) -> None:
    script = (
        "import os; before = set(os.listdir('.')); import stripe_billing_router as s\n"
        "assert set(os.listdir('.')) == before\n"
        "try:\n    list(s.ROUTING_TABLE)\n"
        "except s.RoutingConfigError as error:\n    print('refused:', error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "refused:" in done.stdout
    assert "config/stripe_billing_router.yaml" in done.stdout


def test_no_source_sets_the_sdks_global_key() -> None:
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                assert ast.unparse(node) != "stripe.api_key", path
