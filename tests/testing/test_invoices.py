"""Invoices with their items and payments: each state, and what the customer's balance does."""

from typing import Any

import pytest
import stripe

from stripe_billing_router.testing import StripeSandbox


class Flow:
    """Draft, item, finalize, pay: as the router charges by price."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self.v1 = client.v1

    def draft(self, customer: str = "cus_x", **more: Any) -> str:
        params: Any = {
            "customer": customer,
            "auto_advance": False,
            "collection_method": "charge_automatically",
            "pending_invoice_items_behavior": "exclude",
            **more,
        }
        return self.v1.invoices.create(params).id

    def add(self, invoice: str | None, customer: str = "cus_x", **more: Any) -> stripe.InvoiceItem:
        params: Any = {
            "customer": customer,
            "invoice": invoice,
            "pricing": {"price": "price_once"},
            **more,
        }
        return self.v1.invoice_items.create(params)

    def open(self, customer: str = "cus_x") -> stripe.Invoice:
        invoice = self.draft(customer)
        self.add(invoice, customer)
        return self.v1.invoices.finalize_invoice(invoice, {"auto_advance": False})


@pytest.fixture
def flow(client: stripe.StripeClient) -> Flow:
    return Flow(client)


def test_an_invoice_goes_from_draft_to_paid(flow: Flow, sandbox: StripeSandbox) -> None:
    invoice = flow.draft(metadata={"order": "7"}, description="tea")
    assert flow.v1.invoices.retrieve(invoice).amount_due == 0
    item = flow.add(invoice, quantity=2)
    assert (item.amount, item.invoice) == (4000, invoice)
    finalized = flow.v1.invoices.finalize_invoice(invoice)
    assert (finalized.status, finalized.amount_due, finalized.total) == ("open", 4000, 4000)
    assert finalized.customer_email == "x@example.com"
    assert sandbox.captured_minor() == 0
    paid = flow.v1.invoices.pay(invoice)
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 4000, 0)
    (effect,) = sandbox.effects()
    assert (effect.amount_minor, effect.invoice, effect.metadata) == (
        4000,
        invoice,
        {"order": "7"},
    )


def test_its_payments_are_found_by_a_list_or_by_expanding(flow: Flow) -> None:
    invoice = flow.open()
    params: Any = {"expand": ["payments.data.payment.payment_intent"]}
    assert not hasattr(invoice, "payments")
    assert flow.v1.invoice_payments.list({"invoice": invoice.id, "status": "paid"}).data == []
    flow.v1.invoices.pay(invoice.id)
    (payment,) = flow.v1.invoice_payments.list({"invoice": invoice.id, "status": "paid"}).data
    assert (payment.amount_paid, payment.payment.type) == (2000, "payment_intent")
    target: Any = payment.payment.payment_intent
    expanded = flow.v1.invoices.retrieve(invoice.id, params)
    assert expanded.payments is not None
    inner: Any = expanded.payments.data[0].payment.payment_intent
    assert (inner.id, inner.status) == (target, "succeeded")
    found = flow.v1.invoice_payments.list(
        {"payment": {"type": "payment_intent", "payment_intent": target}}
    )
    assert found.data[0].id == payment.id == flow.v1.invoice_payments.retrieve(payment.id).id


def test_a_declined_payment_leaves_it_open(flow: Flow, sandbox: StripeSandbox) -> None:
    invoice = flow.open()
    with pytest.raises(stripe.CardError) as caught:
        flow.v1.invoices.pay(invoice.id, {"payment_method": "pm_card_chargeDeclined"})
    error: Any = caught.value.error
    assert error.decline_code == "generic_decline"
    now = flow.v1.invoices.retrieve(invoice.id)
    assert (now.status, now.attempt_count, sandbox.effects()) == ("open", 1, [])
    assert flow.v1.invoices.pay(invoice.id).status == "paid"


def test_a_card_that_wants_authentication_does_not_pay_an_invoice(
    flow: Flow, sandbox: StripeSandbox
) -> None:
    invoice = flow.open()
    with pytest.raises(stripe.CardError) as caught:
        flow.v1.invoices.pay(invoice.id, {"payment_method": "pm_card_authenticationRequired"})
    assert caught.value.code == "invoice_payment_intent_requires_action"
    (intent,) = sandbox.payment_intents
    sandbox.settle_payment(intent)
    assert flow.v1.invoices.retrieve(invoice.id).status == "paid"


def test_a_bank_debit_pays_it_later(flow: Flow, sandbox: StripeSandbox) -> None:
    invoice = flow.open()
    assert flow.v1.invoices.pay(invoice.id, {"payment_method": "pm_processing"}).status == "open"
    for step in (flow.v1.invoices.pay, flow.v1.invoices.void_invoice):
        with pytest.raises(stripe.InvalidRequestError, match="processing"):
            step(invoice.id)
    (intent,) = sandbox.payment_intents
    sandbox.settle_payment(intent)
    assert flow.v1.invoices.retrieve(invoice.id).status == "paid"


def test_without_a_payment_method_it_cannot_be_paid(flow: Flow) -> None:
    invoice = flow.open("cus_bare")
    with pytest.raises(stripe.InvalidRequestError, match="default_payment_method"):
        flow.v1.invoices.pay(invoice.id)
    own = flow.v1.payment_methods.attach("pm_card_visa", {"customer": "cus_bare"}).id
    assert flow.v1.invoices.pay(invoice.id, {"payment_method": own}).status == "paid"


def test_paying_twice_is_refused(flow: Flow) -> None:
    invoice = flow.open()
    flow.v1.invoices.pay(invoice.id)
    with pytest.raises(stripe.InvalidRequestError, match="already paid"):
        flow.v1.invoices.pay(invoice.id)
    with pytest.raises(stripe.InvalidRequestError):
        flow.v1.invoices.void_invoice(invoice.id)


def test_paying_a_draft_finalizes_it(flow: Flow) -> None:
    invoice = flow.draft()
    flow.add(invoice)
    assert flow.v1.invoices.pay(invoice).status == "paid"


@pytest.mark.parametrize(
    ("balance", "due", "status", "after"),
    [(-500, 1500, "open", 0), (-2500, 0, "paid", -500), (300, 2300, "open", 0)],
)
def test_the_balance_of_the_customer_changes_what_is_due(
    flow: Flow, sandbox: StripeSandbox, balance: int, due: int, status: str, after: int
) -> None:
    """A credit lowers it, maybe to nothing, which is paid at once; a debt raises it."""
    sandbox.add_customer("cus_b", payment_method="pm_card_visa", balance=balance)
    invoice = flow.open("cus_b")
    assert (invoice.total, invoice.amount_due, invoice.status) == (2000, due, status)
    assert (invoice.starting_balance, invoice.ending_balance) == (balance, after)
    assert sandbox.customers["cus_b"]["balance"] == after
    if status == "open":
        flow.v1.invoices.void_invoice(invoice.id)
        assert sandbox.customers["cus_b"]["balance"] == balance


def test_an_invoice_without_items_comes_to_nothing_and_is_paid(flow: Flow) -> None:
    paid = flow.v1.invoices.finalize_invoice(flow.draft())
    assert (paid.status, paid.amount_paid) == ("paid", 0)


def test_voiding_closes_its_payment_for_good(flow: Flow, sandbox: StripeSandbox) -> None:
    invoice = flow.open()
    (intent,) = sandbox.payment_intents
    with pytest.raises(stripe.InvalidRequestError, match="void the invoice"):
        flow.v1.payment_intents.cancel(intent)
    assert flow.v1.invoices.void_invoice(invoice.id).status == "void"
    assert sandbox.payment_intents[intent]["status"] == "canceled"
    with pytest.raises(stripe.InvalidRequestError, match="void"):
        flow.v1.invoices.pay(invoice.id)
    with pytest.raises(stripe.InvalidRequestError):
        flow.v1.invoices.void_invoice(flow.draft())


def test_an_invoice_may_name_its_own_payment_method(flow: Flow, sandbox: StripeSandbox) -> None:
    sandbox.add_payment_method("pm_poor", "insufficient_funds", customer="cus_x")
    invoice = flow.draft(default_payment_method="pm_poor")
    flow.add(invoice)
    with pytest.raises(stripe.CardError):
        flow.v1.invoices.pay(invoice)
    with pytest.raises(stripe.InvalidRequestError, match="No such PaymentMethod"):
        flow.draft(default_payment_method="pm_none")


def test_a_draft_that_comes_to_nothing_is_paid_without_a_payment_method(flow: Flow) -> None:
    assert flow.v1.invoices.pay(flow.draft("cus_bare")).amount_paid == 0


def test_an_uncollectible_invoice_can_still_be_voided(flow: Flow) -> None:
    invoice = flow.open()
    assert flow.v1.invoices.mark_uncollectible(invoice.id).status == "uncollectible"
    with pytest.raises(stripe.InvalidRequestError, match="open invoices"):
        flow.v1.invoices.mark_uncollectible(invoice.id)
    assert flow.v1.invoices.void_invoice(invoice.id).status == "void"


def test_only_a_draft_can_be_deleted_and_its_items_go_with_it(
    flow: Flow, sandbox: StripeSandbox
) -> None:
    opened, draft = flow.open(), flow.draft()
    item = flow.add(draft)
    deleted = flow.v1.invoices.delete(draft)
    assert deleted.deleted
    for read in (flow.v1.invoices.retrieve, flow.v1.invoices.delete):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            read(draft)
        assert caught.value.http_status == 404
    with pytest.raises(stripe.InvalidRequestError):
        flow.v1.invoice_items.retrieve(item.id)
    with pytest.raises(stripe.InvalidRequestError, match="only delete draft"):
        flow.v1.invoices.delete(opened.id)


def test_items_go_only_on_a_draft_of_the_same_customer_and_currency(
    flow: Flow, sandbox: StripeSandbox
) -> None:
    sandbox.add_price("price_eur", currency="eur")
    draft, opened = flow.draft(), flow.open()
    cases: list[tuple[Any, str]] = [
        ({"invoice": opened.id}, "draft invoices"),
        ({"invoice": draft, "customer": "cus_bare"}, "another customer"),
        ({"invoice": draft, "pricing": {"price": "price_eur"}}, "one currency"),
        ({"invoice": draft, "pricing": {"price": "price_monthly"}}, "type=recurring"),
        ({"invoice": draft, "pricing": {"price": "price_none"}}, "No such price"),
        ({"invoice": draft, "pricing": {}}, "pricing, or amount"),
        ({"invoice": draft, "price": "price_once"}, "unknown parameter: price"),
    ]
    for refused, message in cases:
        with pytest.raises(stripe.InvalidRequestError, match=message):
            flow.add(**refused)
    sandbox.objects("price")["price_once"]["active"] = False
    with pytest.raises(stripe.InvalidRequestError, match="inactive"):
        flow.add(draft)
    assert flow.v1.invoices.retrieve(draft).lines.data == []


def test_an_item_can_be_taken_off_a_draft_only(flow: Flow) -> None:
    draft = flow.draft()
    item, stays = flow.add(draft), flow.add(draft, pricing=None, amount=5, currency="usd")
    assert flow.v1.invoice_items.delete(item.id).deleted
    assert flow.v1.invoices.retrieve(draft).total == 5
    flow.v1.invoices.finalize_invoice(draft)
    with pytest.raises(stripe.InvalidRequestError, match="no longer editable"):
        flow.v1.invoice_items.delete(stays.id)
    with pytest.raises(stripe.InvalidRequestError, match="re-finalize"):
        flow.v1.invoices.finalize_invoice(draft)


def test_a_pending_item_is_swept_up_by_the_next_invoice_that_includes_them(flow: Flow) -> None:
    """The trap of an item that names no invoice."""
    item = flow.add(None)
    assert flow.v1.invoice_items.list({"pending": True}).data[0].id == item.id
    assert flow.v1.invoices.retrieve(flow.draft()).total == 0
    swept = flow.draft(pending_invoice_items_behavior="include")
    assert flow.v1.invoices.retrieve(swept).total == 2000
    assert flow.v1.invoice_items.list({"pending": True}).data == []


@pytest.mark.parametrize("kind", ["payment_intent", "charge", "payment_record"])
def test_an_invoice_may_have_been_paid_in_several_ways(
    flow: Flow, sandbox: StripeSandbox, kind: Any
) -> None:
    invoice = flow.open()
    flow.v1.invoices.pay(invoice.id)
    sandbox.add_invoice_payment(invoice.id, kind, 100)
    payments = flow.v1.invoice_payments.list({"invoice": invoice.id, "status": "paid"}).data
    assert sorted(one.payment.type for one in payments) == sorted([kind, "payment_intent"])
    assert sandbox.captured_minor() == 2000 + (0 if kind == "payment_record" else 100)


def test_lists_filter_by_status_and_customer(flow: Flow) -> None:
    paid, draft = flow.open(), flow.draft("cus_bare")
    flow.v1.invoices.pay(paid.id)
    listed = flow.v1.invoices.list
    assert [one.id for one in listed({"status": "paid"}).data] == [paid.id]
    assert [one.id for one in listed({"customer": "cus_bare"}).data] == [draft]
    assert listed({"subscription": "sub_x"}).data == []


def test_what_is_not_modelled_is_refused(flow: Flow) -> None:
    for extra in (
        {"automatic_tax": {"enabled": True}},
        {"discounts": [{"coupon": "half"}]},
        {"on_behalf_of": "acct_x"},
    ):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            flow.draft(**extra)
        assert caught.value.code == "sandbox_not_modelled"
    assert flow.draft(automatic_tax={"enabled": False})
