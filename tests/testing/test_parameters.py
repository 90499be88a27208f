"""The sandbox knows the parameters that the SDK's own types name: none too few, none too many.

A parameter that Stripe has and the sandbox lacks would be called unknown; one that Stripe dropped
would be taken here and refused there.
"""

import importlib
from typing import Any

import pytest
import stripe

from stripe_billing_router.testing.resources import (
    charges,
    checkout,
    customers,
    invoice_items,
    invoices,
    payment_intents,
    payment_methods,
    refunds,
    subscriptions,
)
from stripe_billing_router.testing.validation import Params

NEWEST = int(stripe.VERSION.split(".", maxsplit=1)[0]) >= 16
# Taken from older API versions, and refused by ours with a code of its own.
REMOVED = {"payment_method_types"}

ENDPOINTS: list[tuple[Params, str]] = [
    (charges.LIST, "_charge_list_params.ChargeListParams"),
    (checkout.CREATE, "checkout._session_create_params.SessionCreateParams"),
    (checkout.LIST, "checkout._session_list_params.SessionListParams"),
    (customers.CREATE, "_customer_create_params.CustomerCreateParams"),
    (customers.LIST, "_customer_list_params.CustomerListParams"),
    (invoice_items.CREATE, "_invoice_item_create_params.InvoiceItemCreateParams"),
    (invoice_items.LIST, "_invoice_item_list_params.InvoiceItemListParams"),
    (invoice_items.LIST_PAYMENTS, "_invoice_payment_list_params.InvoicePaymentListParams"),
    (invoices.CREATE, "_invoice_create_params.InvoiceCreateParams"),
    (invoices.FINALIZE, "_invoice_finalize_invoice_params.InvoiceFinalizeInvoiceParams"),
    (invoices.LIST, "_invoice_list_params.InvoiceListParams"),
    (invoices.PAY, "_invoice_pay_params.InvoicePayParams"),
    (payment_intents.CANCEL, "_payment_intent_cancel_params.PaymentIntentCancelParams"),
    (payment_intents.CONFIRM, "_payment_intent_confirm_params.PaymentIntentConfirmParams"),
    (payment_intents.CREATE, "_payment_intent_create_params.PaymentIntentCreateParams"),
    (payment_intents.LIST, "_payment_intent_list_params.PaymentIntentListParams"),
    (payment_intents.UPDATE, "_payment_intent_update_params.PaymentIntentUpdateParams"),
    (payment_methods.ATTACH, "_payment_method_attach_params.PaymentMethodAttachParams"),
    (payment_methods.LIST, "_payment_method_list_params.PaymentMethodListParams"),
    (refunds.CREATE, "_refund_create_params.RefundCreateParams"),
    (refunds.LIST, "_refund_list_params.RefundListParams"),
    (subscriptions.CANCEL, "_subscription_cancel_params.SubscriptionCancelParams"),
    (subscriptions.CREATE, "_subscription_create_params.SubscriptionCreateParams"),
    (subscriptions.LIST, "_subscription_list_params.SubscriptionListParams"),
]


def names_in_the_sdk(where: str) -> set[str]:
    module, _, name = where.rpartition(".")
    typed: Any = getattr(importlib.import_module(f"stripe.params.{module}"), name)
    # The SDK's types of parameters inherit its options, which are no parameters of Stripe's.
    return set(typed.__annotations__) - set(stripe.RequestOptions.__annotations__)


@pytest.mark.skipif(not NEWEST, reason="the sandbox speaks the API version of stripe 16")
@pytest.mark.parametrize(("params", "where"), ENDPOINTS, ids=[where for _, where in ENDPOINTS])
def test_it_knows_what_the_sdk_knows(params: Params, where: str) -> None:
    known, theirs = set(params.names() - REMOVED), names_in_the_sdk(where)
    assert (theirs - known, known - theirs) == (set(), set())


def test_no_parameter_is_in_two_of_the_lists() -> None:
    for params, where in ENDPOINTS:
        lists = [set(params.checks), params.ignored, params.refused]
        assert sum(map(len, lists)) == len(params.names()), where
