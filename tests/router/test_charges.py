"""What a charge does at Stripe, in the journal and in the ledger."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from stripe_billing_router import (
    BillingError,
    InputError,
    InvalidAmountError,
    InvalidCurrencyError,
    InvalidIdentifierError,
    LimitExceededError,
    PaymentDeclinedError,
    RequestRejectedError,
)
from stripe_billing_router.core.operation import State
from support.platform import BOT, OTHER_BOT, Platform, raw


def test_a_charge_by_amount_is_one_confirmed_payment_intent(platform: Platform) -> None:
    receipt = platform.router.charge(BOT, 10.0, "Ten dollars")
    assert (receipt.paid, receipt.amount, receipt.currency) == (True, Decimal("10.00"), "usd")
    assert (receipt.object, receipt.status, receipt.livemode) == (
        "payment_intent",
        "succeeded",
        True,
    )
    create = platform.requests[-1]
    assert create.params["amount"] == "1000"
    assert create.params["off_session"] == "true"
    assert create.params["error_on_requires_action"] == "true"
    assert platform.sandbox.captured_minor() == 1000


def test_a_cold_charge_reads_account_and_customer_and_a_warm_one_is_one_request(
    platform: Platform,
) -> None:
    platform.router.charge(BOT, 10)
    assert platform.paths == [
        "GET /v1/account", "GET /v1/customers/cus_finance_default", "POST /v1/payment_intents",
    ]  # fmt: skip
    platform.mark()
    platform.router.charge(BOT, 10)
    assert platform.paths == ["POST /v1/payment_intents"]


def test_without_any_payment_method_nothing_is_taken_and_the_receipt_says_so(
    platform: Platform,
) -> None:
    receipt = platform.router.charge(BOT, 10, customer_id="cus_empty")
    assert (receipt.status, receipt.paid) == ("requires_payment_method", False)
    assert "client_secret" in receipt
    assert receipt["client_secret"] not in repr(receipt)
    assert platform.sandbox.captured_minor() == 0
    assert platform.kinds == [("charge_open", 0)]


def test_a_payment_method_argument_wins_over_the_customers_default(platform: Platform) -> None:
    with pytest.raises(PaymentDeclinedError):
        platform.router.charge(BOT, 10, payment_method="pm_card_chargeDeclined")
    assert platform.sandbox.captured_minor() == 0


def test_a_decline_leaves_nothing_payable_and_a_failed_row(platform: Platform) -> None:
    with pytest.raises(PaymentDeclinedError) as caught:
        platform.router.charge(
            BOT, 10, payment_method="pm_card_chargeDeclinedInsufficientFunds", idempotency_key="o-1"
        )
    error = caught.value
    assert (error.money_moved, error.retryable) == ("no", False)
    assert error.decline_code == "insufficient_funds"
    assert error.operation_id
    assert error.idempotency_key == "o-1"
    assert [pi["status"] for pi in platform.sandbox.payment_intents.values()] == ["canceled"]
    assert platform.kinds == [("charge", 1)]
    assert platform.rows[0].amount == Decimal("10.00")
    assert raw(platform.rows[0])["decline_code"] == "insufficient_funds"


def test_a_charge_by_price_is_one_invoice_with_its_own_item(platform: Platform) -> None:
    receipt = platform.router.charge(BOT)
    assert (receipt.object, receipt.status, receipt.paid) == ("invoice", "paid", True)
    assert receipt.amount == Decimal("20.00")
    assert platform.paths == [
        "GET /v1/account", "GET /v1/prices/price_finance_standard", "POST /v1/invoices",
        "POST /v1/invoiceitems",
        "POST /v1/invoices/{id}/finalize", "POST /v1/invoices/{id}/pay",
    ]  # fmt: skip
    invoice, item = platform.requests[2], platform.requests[3]
    assert invoice.params["currency"] == "usd"
    assert invoice.params["pending_invoice_items_behavior"] == "exclude"
    assert item.params["invoice"] == receipt.id
    keys = [request.idempotency_key for request in platform.requests if request.method == "POST"]
    assert len(set(keys)) == 4
    assert platform.kinds == [("charge", 0)]
    assert platform.rows[0].user_email == "finance@example.com"
    platform.mark()
    platform.router.charge(BOT)
    assert {request.method for request in platform.requests} == {"POST"}


def test_a_declined_invoice_is_voided(platform: Platform) -> None:
    with pytest.raises(PaymentDeclinedError) as caught:
        platform.router.charge(BOT, payment_method="pm_card_chargeDeclined")
    assert caught.value.money_moved == "no"
    assert [invoice["status"] for invoice in platform.sandbox.invoices.values()] == ["void"]
    assert platform.kinds == [("charge", 1)]


def test_an_unknown_price_leaves_no_draft_behind(platform: Platform) -> None:
    with pytest.raises(RequestRejectedError):
        platform.router.charge(BOT, price_id="price_of_nobody")
    assert not platform.sandbox.invoices


def test_an_earlier_debt_of_the_customer_is_not_swept_into_a_charge_by_price(
    platform: Platform,
) -> None:
    platform.sandbox.add_customer("cus_debt", payment_method="pm_card_visa", balance=5000)
    with pytest.raises(LimitExceededError) as caught:
        platform.router.charge(BOT, customer_id="cus_debt")
    assert "7000" in str(caught.value)
    assert raw(platform.rows[0])["id"] in platform.sandbox.invoices
    assert [invoice["status"] for invoice in platform.sandbox.invoices.values()] == ["void"]
    assert platform.sandbox.captured_minor() == 0


def test_a_credit_pays_the_invoice_without_a_payment_and_the_ledger_has_what_was_paid(
    platform: Platform,
) -> None:
    platform.sandbox.add_customer("cus_credit", payment_method="pm_card_visa", balance=-5000)
    receipt = platform.router.charge(BOT, customer_id="cus_credit")
    assert receipt.paid
    assert platform.sandbox.count("POST /v1/invoices/*/pay") == 0
    assert platform.rows[0].amount == Decimal(0)


@pytest.mark.parametrize(
    "amount", [True, 0, -1, "0.001", float("nan"), float("inf"), "1e3", "", [], 10**9]
)
def test_a_bad_amount_sends_nothing_and_writes_nothing(platform: Platform, amount: Any) -> None:
    with pytest.raises(InvalidAmountError) as caught:
        platform.router.charge(BOT, amount)
    assert isinstance(caught.value, ValueError)
    assert platform.requests == []
    assert platform.rows == []


def test_an_amount_and_a_price_together_are_refused(platform: Platform) -> None:
    with pytest.raises(InputError):
        platform.router.charge(BOT, 10, price_id="price_finance_standard")
    assert platform.requests == []


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"currency": ""}, InvalidCurrencyError),
        ({"currency": "xyz"}, InvalidCurrencyError),
        ({"customer_id": "pi_1"}, InvalidIdentifierError),
        ({"payment_method": "cus_1"}, InvalidIdentifierError),
        ({"idempotency_key": ""}, InputError),
        ({"idempotency_key": "k" * 256}, InputError),
        ({"idempotency_key": "sk_live_sandboxfakeKey"}, InputError),
        ({"metadata": {"sbr_operation": "op_forged"}}, InputError),
        ({"metadata": {"a[b]": "c"}}, InputError),
        ({"description": ""}, InputError),
        ({"description": "\ud800"}, InputError),
    ],
)
def test_bad_arguments_send_nothing(
    platform: Platform, arguments: dict[str, Any], error: type[BillingError]
) -> None:
    with pytest.raises(error):
        platform.router.charge(BOT, 10, **arguments)
    assert platform.requests == []


def test_a_currency_without_cents_goes_out_in_whole_units(platform: Platform) -> None:
    receipt = platform.router.charge(BOT, 1500, currency="JPY")
    assert platform.requests[-1].params["amount"] == "1500"
    assert (receipt.amount, receipt.currency) == (Decimal(1500), "jpy")


def test_a_region_without_a_currency_refuses_an_amount(platform: Platform) -> None:
    platform.router.register_route(
        "finance",
        "finance_router_bot",
        {"product_id": "prod_1", "price_id": "price_1", "customer_id": "cus_1"},
        region="apac",
    )
    with pytest.raises(InvalidCurrencyError):
        platform.router.charge(BOT, 10, overrides={"region": "apac"})
    assert platform.requests == []


def test_a_regions_price_is_charged_in_its_own_currency(platform: Platform) -> None:
    receipt = platform.router.charge(BOT, overrides={"region": "eu"})
    assert (receipt.amount, receipt.currency) == (Decimal("18.00"), "eur")


def test_metadata_and_description_reach_stripe_beside_our_tags(platform: Platform) -> None:
    receipt = platform.router.charge(BOT, 10, "Order 7", metadata={"order": "7"})
    stored = platform.sandbox.payment_intents[receipt.id]
    assert stored["description"] == "Order 7"
    assert stored["metadata"]["order"] == "7"
    assert stored["metadata"]["sbr_operation"] == receipt.operation_id


def test_the_email_of_the_route_wins_over_the_customers(platform: Platform) -> None:
    platform.router.charge(OTHER_BOT, 3)
    platform.router.charge(BOT, 3)
    assert [row.user_email for row in platform.rows] == [
        "support@example.com",
        "finance@example.com",
    ]


def test_a_processing_payment_is_open_until_stripe_says_more(platform: Platform) -> None:
    platform.sandbox.add_payment_method("pm_slow", "processes", customer="cus_finance_default")
    receipt = platform.router.charge(BOT, 10, payment_method="pm_slow", idempotency_key="o-2")
    assert (receipt.status, receipt.paid) == ("processing", False)
    assert platform.operation().state is State.OPEN
    platform.sandbox.settle_payment(receipt.id)
    again = platform.router.charge(BOT, 10, idempotency_key="o-2")
    assert (again.paid, again.replayed) == (True, True)
    assert platform.kinds == [("charge_open", 0), ("charge", 0)]
    platform.mark()
    assert platform.router.charge(BOT, 10, idempotency_key="o-2").paid
    assert platform.requests == []


def test_a_payment_that_ends_unpaid_after_all_is_a_failure_and_may_be_tried_again(
    platform: Platform,
) -> None:
    platform.sandbox.add_payment_method("pm_slow", "processes", customer="cus_finance_default")
    first = platform.router.charge(BOT, 10, payment_method="pm_slow", idempotency_key="o-3")
    platform.sandbox.settle_payment(first.id, succeeded=False)
    operation = platform.router.get_operation(first.operation_id, refresh=True)
    assert operation.state in (State.OPEN, State.FAILED)
    assert platform.sandbox.captured_minor() == 0


def test_the_same_process_charges_from_many_threads(platform: Platform) -> None:
    with ThreadPoolExecutor(8) as pool:
        receipts = list(
            pool.map(lambda n: platform.router.charge(BOT, 1, idempotency_key=f"t-{n}"), range(40))
        )
    assert all(receipt.paid for receipt in receipts)
    assert platform.sandbox.captured_minor() == 4000
    assert [row.error for row in platform.rows] == [0] * 40


def test_the_ledger_files_belong_to_their_owner_only(platform: Platform) -> None:
    platform.router.charge(BOT, 10)
    folder = platform.folder / "finance_logs"
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
