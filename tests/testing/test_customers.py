"""Customers, their payment methods, prices and products."""

from typing import Any

import pytest
import stripe

from stripe_billing_router.testing import StripeSandbox


def test_a_customer_is_created_read_and_deleted(client: stripe.StripeClient) -> None:
    made = client.v1.customers.create(
        {
            "email": "new@example.com",
            "name": "New",
            "address": {"city": "Berlin", "country": "DE"},
            "metadata": {"a": "1"},
            "payment_method": "pm_card_visa",
            "invoice_settings": {"default_payment_method": "pm_card_visa"},
        }
    )
    assert made.id.startswith("cus_")
    read: Any = client.v1.customers.retrieve(made.id)
    assert (read.email, read.address.city, read.livemode) == ("new@example.com", "Berlin", True)
    own = read.invoice_settings.default_payment_method
    assert own.startswith("pm_1")
    (listed,) = client.v1.payment_methods.list({"customer": made.id, "type": "card"}).data
    assert listed.id == own
    assert client.v1.customers.delete(made.id).deleted
    stub: Any = client.v1.customers.retrieve(made.id)
    assert stub.to_dict() == {"id": made.id, "object": "customer", "deleted": True}


def test_a_deleted_customer_can_be_neither_deleted_nor_charged(
    client: stripe.StripeClient,
) -> None:
    client.v1.customers.delete("cus_x")
    for attempt in (
        lambda: client.v1.customers.delete("cus_x"),
        lambda: client.v1.payment_intents.create(
            {"amount": 5, "currency": "usd", "customer": "cus_x"}
        ),
        lambda: client.v1.invoices.create({"customer": "cus_x"}),
    ):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            attempt()
        assert caught.value.code == "resource_missing"
    listed = client.v1.customers.list().data
    assert "cus_x" not in [customer.id for customer in listed]


def test_a_default_that_is_not_attached_is_refused(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.create({"invoice_settings": {"default_payment_method": "pm_x"}})
    with pytest.raises(stripe.InvalidRequestError, match="No such PaymentMethod"):
        client.v1.customers.create({"payment_method": "pm_x"})


def test_a_payment_method_is_attached_once(
    client: stripe.StripeClient, sandbox: StripeSandbox
) -> None:
    sandbox.add_payment_method("pm_mine")
    attached = client.v1.payment_methods.attach("pm_mine", {"customer": "cus_bare"})
    assert (attached.id, attached.customer) == ("pm_mine", "cus_bare")
    with pytest.raises(stripe.InvalidRequestError, match="already been attached"):
        client.v1.payment_methods.attach("pm_mine", {"customer": "cus_bare"})
    assert client.v1.payment_methods.retrieve("pm_mine").customer == "cus_bare"
    assert client.v1.payment_methods.retrieve("pm_card_visa").customer is None


def test_prices_and_products_are_read(client: stripe.StripeClient) -> None:
    price = client.v1.prices.retrieve("price_monthly")
    assert (price.unit_amount, price.type) == (900, "recurring")
    assert client.v1.products.retrieve(str(price.product)).id == "prod_sandbox"
    assert len(client.v1.prices.list({"product": "prod_sandbox"}).data) == 2
    assert [one.id for one in client.v1.products.list().data] == ["prod_sandbox"]


def test_seeding_routes_adds_what_they_name_and_leaves_what_is_there(
    sandbox: StripeSandbox,
) -> None:
    class Route:
        product_id = "prod_r"
        price_id = "price_once"
        subscription_price_id = "price_sub"
        customer_id = "cus_r"
        currency = "eur"
        user_email = "r@example.com"
        payment_method_id = "pm_r"

    sandbox.seed_routes([Route(), Route()])
    assert sandbox.prices["price_once"]["unit_amount"] == 2000
    assert sandbox.prices["price_sub"]["recurring"]["interval"] == "month"
    assert sandbox.prices["price_sub"]["currency"] == "eur"
    assert sandbox.customers["cus_r"]["email"] == "r@example.com"
    assert sandbox.objects("payment_method")["pm_r"]["customer"] == "cus_r"
