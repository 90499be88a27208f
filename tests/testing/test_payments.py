"""PaymentIntents, refunds and the balance behave as Stripe documents them, through the real SDK."""

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from stripe_billing_router.testing import StripeSandbox

Pay = Callable[..., Any]


def test_a_payment_succeeds_and_its_charge_holds_the_money(
    pay: Pay, sandbox: StripeSandbox
) -> None:
    intent = pay(expand=["latest_charge", "customer"], metadata={"order": "7"})
    assert (intent.status, intent.amount_received, intent.livemode) == ("succeeded", 1000, True)
    assert intent.client_secret.startswith(f"{intent.id}_secret_")
    assert intent.latest_charge.amount_captured == 1000
    assert intent.latest_charge.payment_intent == intent.id
    assert intent.customer.email == "x@example.com"
    assert sandbox.payment_intents[intent.id]["latest_charge"] == intent.latest_charge.id
    (effect,) = sandbox.effects()
    assert (effect.kind, effect.amount_minor, effect.metadata) == ("charge", 1000, {"order": "7"})


def test_without_a_payment_method_nothing_is_paid(client: stripe.StripeClient) -> None:
    intent = client.v1.payment_intents.create({"amount": 5, "currency": "jpy", "customer": "cus_x"})
    assert intent.status == "requires_payment_method"
    assert client.v1.charges.list({}).data == []


def test_one_that_was_not_confirmed_can_be_confirmed_once(
    pay: Pay, client: stripe.StripeClient
) -> None:
    intent = pay(confirm=None, off_session=None, error_on_requires_action=None)
    assert intent.status == "requires_confirmation"
    assert client.v1.payment_intents.confirm(intent.id).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.payment_intents.confirm(intent.id)
    assert caught.value.code == "payment_intent_unexpected_state"


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_authenticationRequired", "authentication_required", "authentication_required"),
    ],
)
def test_a_declined_card_is_402_and_leaves_an_intent_that_could_still_be_paid(
    pay: Pay, sandbox: StripeSandbox, card: str, code: str, decline_code: str
) -> None:
    with pytest.raises(stripe.CardError) as caught:
        pay(payment_method=card)
    error: Any = caught.value.error
    assert (caught.value.http_status, caught.value.code) == (402, code)
    assert error.decline_code == decline_code
    intent = sandbox.payment_intents[error.payment_intent.id]
    assert (intent["status"], intent["payment_method"]) == ("requires_payment_method", None)
    assert intent["last_payment_error"]["code"] == code
    assert sandbox.effects() == []


def test_a_scripted_decline_spoils_the_next_payment_only(pay: Pay, sandbox: StripeSandbox) -> None:
    sandbox.faults.decline("insufficient_funds")
    with pytest.raises(stripe.CardError):
        pay()
    assert pay().status == "succeeded"


def test_a_customer_who_is_there_is_asked_to_authenticate(
    pay: Pay, client: stripe.StripeClient, sandbox: StripeSandbox
) -> None:
    intent = pay(
        payment_method="pm_card_authenticationRequired",
        off_session=None,
        error_on_requires_action=None,
    )
    assert intent.status == "requires_action"
    sandbox.settle_payment(intent.id)
    assert client.v1.payment_intents.retrieve(intent.id).status == "succeeded"


@pytest.mark.parametrize(
    ("succeeded", "status"), [(True, "succeeded"), (False, "requires_payment_method")]
)
def test_a_bank_debit_is_decided_later(
    pay: Pay, sandbox: StripeSandbox, succeeded: bool, status: str
) -> None:
    intent = pay(payment_method="pm_processing")
    assert (intent.status, sandbox.captured_minor()) == ("processing", 0)
    sandbox.settle_payment(intent.id, succeeded=succeeded)
    assert sandbox.payment_intents[intent.id]["status"] == status
    assert sandbox.captured_minor() == (1000 if succeeded else 0)
    with pytest.raises(ValueError, match="nothing is left"):
        sandbox.settle_payment(intent.id)


def test_payment_methods_of_ones_own_behave_as_told(pay: Pay, sandbox: StripeSandbox) -> None:
    sandbox.add_payment_method("pm_mine", customer="cus_x")
    sandbox.add_payment_method("pm_poor", "insufficient_funds")
    sandbox.add_payment_method("pm_other", customer="cus_bare")
    sandbox.add_payment_method("pm_slow", "processes")
    sandbox.add_payment_method("pm_shy", "authentication")
    assert pay(payment_method="pm_mine").payment_method == "pm_mine"
    assert pay(payment_method="pm_slow").status == "processing"
    for declined in ("pm_poor", "pm_shy"):
        with pytest.raises(stripe.CardError):
            pay(payment_method=declined)
    with pytest.raises(stripe.InvalidRequestError, match="attached to a customer"):
        pay(payment_method="pm_other")


def test_cancelling_works_once_and_not_on_what_was_paid(
    pay: Pay, client: stripe.StripeClient
) -> None:
    with pytest.raises(stripe.CardError) as caught:
        pay(payment_method="pm_card_chargeDeclined")
    error: Any = caught.value.error
    target = error.payment_intent.id
    cancelled = client.v1.payment_intents.cancel(target, {"cancellation_reason": "abandoned"})
    assert (cancelled.status, cancelled.cancellation_reason) == ("canceled", "abandoned")
    for done in (target, pay().id):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.payment_intents.cancel(done)
        assert refused.value.code == "payment_intent_unexpected_state"


def test_refunds_add_up_to_what_was_captured_and_no_more(
    pay: Pay, client: stripe.StripeClient, sandbox: StripeSandbox
) -> None:
    intent = pay()
    first = client.v1.refunds.create(
        {"payment_intent": intent.id, "amount": 300, "reason": "duplicate"}
    )
    assert (first.status, first.amount, first.charge) == ("succeeded", 300, intent.latest_charge)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 701})
    rest = client.v1.refunds.create({"charge": intent.latest_charge})
    assert rest.amount == 700
    charge = client.v1.charges.retrieve(intent.latest_charge, {"expand": ["refunds"]})
    assert (charge.amount_refunded, charge.refunded) == (1000, True)
    assert charge.refunds is not None
    assert {item.id for item in charge.refunds.data} == {first.id, rest.id}
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create({"payment_intent": intent.id})
    assert caught.value.code == "charge_already_refunded"
    assert sandbox.refunded_minor() == 1000
    assert [one.id for one in client.v1.refunds.list({"payment_intent": intent.id}).data] == [
        rest.id,
        first.id,
    ]


def test_what_was_not_paid_cannot_be_refunded(client: stripe.StripeClient) -> None:
    intent = client.v1.payment_intents.create({"amount": 5, "currency": "usd"})
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        client.v1.refunds.create({"payment_intent": intent.id})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create({"amount": 5})
    assert caught.value.code == "parameter_missing"


@pytest.mark.parametrize(("end", "left"), [("succeeded", 0), ("failed", 1000), ("canceled", 1000)])
def test_a_pending_refund_holds_its_amount_until_it_is_decided(
    pay: Pay, client: stripe.StripeClient, sandbox: StripeSandbox, end: str, left: int
) -> None:
    intent = pay()
    sandbox.faults.refund_status("pending")
    refund = client.v1.refunds.create({"payment_intent": intent.id})
    assert refund.status == "pending"
    assert sandbox.charges[intent.latest_charge]["amount_refunded"] == 1000
    sandbox.settle_refund(refund.id, end)
    assert client.v1.refunds.retrieve(refund.id).status == end
    assert 1000 - sandbox.charges[intent.latest_charge]["amount_refunded"] == left


def test_a_refund_that_fails_at_once_returns_nothing(
    pay: Pay, client: stripe.StripeClient, sandbox: StripeSandbox
) -> None:
    intent = pay()
    sandbox.faults.refund_status("failed", "insufficient_funds")
    refund = client.v1.refunds.create({"payment_intent": intent.id})
    assert (refund.status, refund.failure_reason) == ("failed", "insufficient_funds")
    assert sandbox.refunded_minor() == 0
    assert client.v1.refunds.create({"payment_intent": intent.id}).status == "succeeded"


def test_a_refund_that_waits_for_the_customer_can_be_cancelled(
    pay: Pay, client: stripe.StripeClient, sandbox: StripeSandbox
) -> None:
    sandbox.faults.refund_status("requires_action")
    refund = client.v1.refunds.create({"payment_intent": pay().id})
    assert client.v1.refunds.cancel(refund.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.cancel(refund.id)


def test_transfers_and_fees_are_reversed_only_where_there_are_some(
    pay: Pay, client: stripe.StripeClient
) -> None:
    plain = pay()
    for extra in ({"reverse_transfer": True}, {"refund_application_fee": True}):
        params: Any = {"payment_intent": plain.id, **extra}
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.refunds.create(params)
    shared = pay(transfer_data={"destination": "acct_partner"}, application_fee_amount=50)
    refund = client.v1.refunds.create(
        {"payment_intent": shared.id, "reverse_transfer": True, "refund_application_fee": True}
    )
    assert refund.transfer_reversal is not None


def test_the_balance_follows_every_currency(
    pay: Pay, client: stripe.StripeClient, sandbox: StripeSandbox
) -> None:
    sandbox.set_balance("eur", 5)
    paid = pay(currency="JPY", amount=700)
    client.v1.refunds.create({"payment_intent": paid.id, "amount": 200})
    balance = client.v1.balance.retrieve()
    assert {one.currency: one.amount for one in balance.available} == {
        "usd": 0,
        "eur": 5,
        "jpy": 500,
    }


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"amount": 0}, "parameter_invalid_integer", "amount"),
        ({"amount": 10.5}, "parameter_invalid_integer", "amount"),
        ({"amount": True}, "parameter_invalid_integer", "amount"),
        ({"amount": 100_000_000}, "amount_too_large", "amount"),
        ({"amount": None}, "parameter_missing", "amount"),
        ({"currency": "usdollar"}, None, "currency"),
        ({"currency": ""}, "parameter_invalid_empty", "currency"),
        ({"custmer": "cus_x"}, "parameter_unknown", "custmer"),
        ({"confirm": "yes"}, None, "confirm"),
        ({"customer": "cus_nobody"}, "resource_missing", "customer"),
        ({"payment_method": "pm_nobody"}, "resource_missing", "payment_method"),
        ({"metadata": {"k": "v" * 501}}, None, "metadata[k]"),
        ({"metadata": {"k" * 41: "v"}}, None, f"metadata[{'k' * 41}]"),
        ({"metadata": {str(n): "v" for n in range(51)}}, None, "metadata"),
        (
            {"automatic_payment_methods": {"enabled": True, "redirect": "never"}},
            "parameter_unknown",
            "automatic_payment_methods[redirect]",
        ),
        ({"capture_method": "manual"}, "sandbox_not_modelled", "capture_method"),
        (
            {"payment_method_types": ["card"]},
            "payment_method_types_no_longer_supported",
            "payment_method_types",
        ),
        ({"expand": ["latest_chrage"]}, None, "expand"),
        ({"expand": "latest_charge"}, None, "expand"),
        ({"amount": {"usd": 5}}, None, "amount"),
        ({"description": {"text": "tea"}}, None, "description"),
        ({"metadata": "order 7"}, None, "metadata"),
        ({"metadata": {"order": {"number": "7"}}}, None, "metadata[order]"),
        ({"automatic_payment_methods": "on"}, None, "automatic_payment_methods"),
        (
            {"transfer_data": {"destination": "acct_x", "amount": 0}},
            "parameter_invalid_integer",
            "transfer_data[amount]",
        ),
    ],
)
def test_what_stripe_would_refuse_is_refused_before_anything_happens(
    pay: Pay, sandbox: StripeSandbox, changes: dict[str, Any], code: str | None, param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        pay(**changes)
    error: Any = caught.value.error
    assert caught.value.http_status == 400
    assert (error.code, error.param) == (code, param)
    assert dict(sandbox.payment_intents) == {}


def test_an_older_api_version_still_takes_payment_method_types(
    client: stripe.StripeClient,
) -> None:
    intent = client.v1.payment_intents.create(
        {"amount": 5, "currency": "usd", "payment_method_types": ["card"]},  # type: ignore[typeddict-unknown-key]
        {"stripe_version": "2026-06-24.dahlia"},
    )
    assert intent.status == "requires_payment_method"


def test_confirming_options_without_confirm_are_refused(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="when `confirm` is true"):
        client.v1.payment_intents.create({"amount": 5, "currency": "usd", "off_session": True})
    with pytest.raises(stripe.InvalidRequestError, match="return_url"):
        client.v1.payment_intents.create(
            {"amount": 5, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa"}
        )


def test_a_payment_method_is_needed_to_confirm(client: stripe.StripeClient) -> None:
    create = client.v1.payment_intents.create
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        create({"amount": 5, "currency": "usd", "confirm": True})
    intent = create({"amount": 5, "currency": "usd"})
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        client.v1.payment_intents.confirm(intent.id)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("latest_charge.payment_intent.latest_charge", True),
        ("latest_charge.refunds.data", True),
        ("latest_charge.balance_transaction", False),
        ("customer.nothing", False),
        ("latest_charge.payment_intent.latest_charge.payment_intent.customer", False),
    ],
)
def test_expansions_go_four_levels_deep_along_what_there_is(
    pay: Pay, client: stripe.StripeClient, path: str, found: bool
) -> None:
    target = pay().id
    if found:
        assert client.v1.payment_intents.retrieve(target, {"expand": [path]}).id == target
        return
    with pytest.raises(stripe.InvalidRequestError, match="expand"):
        client.v1.payment_intents.retrieve(target, {"expand": [path]})


def test_metadata_is_merged_by_an_update(client: stripe.StripeClient) -> None:
    intent = client.v1.payment_intents.create(
        {"amount": 5, "currency": "usd", "metadata": {"a": "1", "b": "2"}}
    )
    changed = client.v1.payment_intents.update(
        intent.id, {"metadata": {"b": "", "c": "3"}, "description": "tea"}
    )
    assert (changed.metadata.to_dict(), changed.description) == ({"a": "1", "c": "3"}, "tea")


def test_ids_in_a_path_that_name_nothing_are_404(client: stripe.StripeClient) -> None:
    for read in (
        client.v1.payment_intents.retrieve,
        client.v1.charges.retrieve,
        client.v1.refunds.retrieve,
        client.v1.customers.retrieve,
        client.v1.invoices.retrieve,
        client.v1.subscriptions.retrieve,
        client.v1.checkout.sessions.retrieve,
        client.v1.prices.retrieve,
        client.v1.products.retrieve,
        client.v1.payment_methods.retrieve,
    ):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            read("x_nothing/../else")
        assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")
