"""Undoing what one operation created, by kind, from whatever state it is found in."""

from typing import Any

import pytest

from stripe_billing_router.core.calls import CallFailedError, StripeCall
from stripe_billing_router.core.operation import StepRecord
from stripe_billing_router.domain.objects.kind import Reversal
from stripe_billing_router.domain.objects.table import reverse, reversible
from support.scripted import FORBIDDEN, GONE, Answer, play

TAGS = {"sbr_operation": "op_1", "sbr_bot": "finance:bot"}


def step(target: str, name: str, method: str, params: dict[str, Any] | None = None) -> StripeCall:
    return StripeCall(f"rollback.{target}.{name}", method, params or {}, target)


def intent(status: str, charge: Any = None, **fields: Any) -> dict[str, Any]:
    return {
        "id": "pi_1", "object": "payment_intent", "status": status, "amount": 1000,
        "latest_charge": charge, **fields,
    }  # fmt: skip


def charge(captured: int = 1000, refunded: int | None = 0, **fields: Any) -> dict[str, Any]:
    return {
        "id": "ch_1", "object": "charge", "amount_captured": captured,
        "amount_refunded": refunded, **fields,
    }  # fmt: skip


def refund(status: str = "succeeded") -> dict[str, Any]:
    return {"id": "re_1", "object": "refund", "status": status, "currency": "usd"}


READ_INTENT = step("pi_1", "read", "payment_intents.retrieve", {"expand": ["latest_charge"]})
CANCEL_INTENT = step("pi_1", "cancel", "payment_intents.cancel")


def refund_call(amount: int, of: str = "pi_1", **params: Any) -> StripeCall:
    kind = "charge" if of.startswith("ch_") else "payment_intent"
    return StripeCall(
        f"rollback.{of}.refund",
        "refunds.create",
        {kind: of, "amount": amount, **params, "metadata": TAGS},
    )


def earlier_refunds(of: str = "pi_1") -> StripeCall:
    kind = "charge" if of.startswith("ch_") else "payment_intent"
    return StripeCall(f"rollback.{of}.refunds", "refunds.list", {kind: of, "limit": 100})


class TestWhatIsReversed:
    def record(self, **fields: Any) -> StepRecord:
        body = {"id": "pi_1", "object": "payment_intent", "metadata": TAGS, **fields}
        return StepRecord(step="create", method="payment_intents.create", reply=body)

    @pytest.mark.parametrize(
        "kind", ["payment_intent", "invoice", "subscription", "checkout.session", "customer"]
    )
    def test_what_carries_the_operations_tag(self, kind: str) -> None:
        assert reversible([self.record(object=kind)], "op_1") == [(kind, "pi_1")]

    @pytest.mark.parametrize("kind", ["refund", "balance", "invoiceitem", "charge", "list", None])
    def test_nothing_of_another_kind(self, kind: str | None) -> None:
        assert reversible([self.record(object=kind)], "op_1") == []

    @pytest.mark.parametrize(
        "metadata", [{}, None, {"sbr_operation": "op_2"}, {"operation": "op_1"}, "op_1"]
    )
    def test_nothing_that_is_not_tagged_as_this_operations(self, metadata: Any) -> None:
        """A read may show another operation's payment, and the text may be anybody's."""
        assert reversible([self.record(metadata=metadata)], "op_1") == []

    def test_nothing_without_an_answer(self) -> None:
        failed = StepRecord(step="pay", method="invoices.pay", failure={"kind": "declined"})
        assert reversible([failed], "op_1") == []

    def test_each_object_once_in_the_order_of_its_first_step(self) -> None:
        records = [
            self.record(id="in_1", object="invoice"),
            self.record(id="ii_1", object="invoiceitem"),
            self.record(id="pi_2"),
            self.record(id="in_1", object="invoice"),
        ]
        assert reversible(iter(records), "op_1") == [
            ("invoice", "in_1"),
            ("payment_intent", "pi_2"),
        ]


class TestPaymentIntent:
    def reversal(self, *exchanges: tuple[StripeCall, Answer]) -> Reversal:
        return play(reverse("payment_intent", "pi_1", TAGS), *exchanges)

    @pytest.mark.parametrize(
        "status", ["requires_payment_method", "requires_action", "requires_capture", "new"]
    )
    def test_an_unpaid_one_is_cancelled(self, status: str) -> None:
        done = self.reversal((READ_INTENT, intent(status)), (CANCEL_INTENT, intent("canceled")))
        assert done == Reversal("payment_intent", "pi_1", True, "cancelled")

    def test_a_cancelled_one_is_left_alone(self) -> None:
        done = self.reversal((READ_INTENT, intent("canceled")))
        assert done == Reversal("payment_intent", "pi_1", True, "it was cancelled already")

    def test_one_in_process_keeps_the_incident_open(self) -> None:
        done = self.reversal((READ_INTENT, intent("processing")))
        detail = "it is processing and cannot be undone yet"
        assert done == Reversal("payment_intent", "pi_1", False, detail)

    def test_a_paid_one_is_refunded_in_full(self) -> None:
        done = self.reversal(
            (READ_INTENT, intent("succeeded", charge())), (refund_call(1000), refund())
        )
        assert done == Reversal(
            "payment_intent", "pi_1", True, "refund re_1 is succeeded", 1000, "usd"
        )

    @pytest.mark.parametrize("already", [1, 400, 999])
    def test_only_what_is_left_of_it_is_refunded(self, already: int) -> None:
        left = 1000 - already
        done = self.reversal(
            (READ_INTENT, intent("succeeded", charge(1000, already))), (refund_call(left), refund())
        )
        assert done.refunded_minor == left

    def test_transfer_and_application_fee_come_back_where_the_charge_has_them(self) -> None:
        cases: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
            ({"transfer_data": {"destination": "acct_2"}}, {"reverse_transfer": True}),
            ({"transfer": "tr_1"}, {"reverse_transfer": True}),
            ({"application_fee": "fee_1"}, {"refund_application_fee": True}),
            ({"transfer_data": None, "transfer": None, "application_fee": None}, {}),
        )
        for fields, expected in cases:
            self.reversal(
                (READ_INTENT, intent("succeeded", charge(**fields))),
                (refund_call(1000, **expected), refund()),
            )

    @pytest.mark.parametrize("status", ["pending", "failed", "requires_action", "canceled", None])
    def test_a_refund_that_is_not_done_keeps_the_incident_open(self, status: Any) -> None:
        done = self.reversal(
            (READ_INTENT, intent("succeeded", charge())), (refund_call(1000), refund(status))
        )
        assert (done.complete, done.refunded_minor) == (False, 1000)

    @pytest.mark.parametrize("already", [1000, 1200])
    def test_one_that_was_refunded_already_is_not_refunded_again(self, already: int) -> None:
        done = self.reversal(
            (READ_INTENT, intent("succeeded", charge(1000, already))),
            (earlier_refunds(), {"data": [refund(), refund("failed"), refund("canceled")]}),
        )
        assert done == Reversal("payment_intent", "pi_1", True, "it was refunded already")

    @pytest.mark.parametrize("status", ["pending", "requires_action", None])
    def test_an_earlier_refund_that_is_pending_keeps_the_incident_open(self, status: Any) -> None:
        """Stripe counts it as given back, and it may still fail."""
        done = self.reversal(
            (READ_INTENT, intent("succeeded", charge(1000, 1000))),
            (earlier_refunds(), {"data": [refund(), refund(status)]}),
        )
        assert done == Reversal("payment_intent", "pi_1", False, f"refund re_1 is {status}")

    def test_a_charge_that_was_not_expanded_is_read(self) -> None:
        read = StripeCall("rollback.pi_1.charge", "charges.retrieve", {}, "ch_1")
        done = self.reversal(
            (READ_INTENT, intent("succeeded", "ch_1")),
            (read, charge(1000, 1)),
            (refund_call(999), refund()),
        )
        assert done.complete

    @pytest.mark.parametrize(("fields", "amount"), [({"amount_received": 900}, 900), ({}, 1000)])
    def test_without_a_charge_what_was_received_counts(
        self, fields: dict[str, Any], amount: int
    ) -> None:
        self.reversal(
            (READ_INTENT, intent("succeeded", None, **fields)), (refund_call(amount), refund())
        )

    def test_what_captured_nothing_has_nothing_to_give_back(self) -> None:
        found = charge(0, None)
        done = self.reversal((READ_INTENT, intent("succeeded", found)), (earlier_refunds(), {}))
        assert done.complete

    @pytest.mark.parametrize("found", [{"amount_captured": None}, None])
    def test_what_does_not_say_how_much_it_took_keeps_the_incident_open(self, found: Any) -> None:
        """Unknown is not nothing: it must not be told as given back."""
        done = self.reversal((READ_INTENT, intent("succeeded", found, amount=None)))
        detail = "Stripe does not say how much it took"
        assert done == Reversal("payment_intent", "pi_1", False, detail)

    def test_a_definite_failure_is_let_out_for_the_incident(self) -> None:
        with pytest.raises(CallFailedError):
            self.reversal(
                (READ_INTENT, intent("succeeded", charge())), (refund_call(1000), FORBIDDEN)
            )


class TestInvoice:
    read = step("in_1", "read", "invoices.retrieve")
    listed = StripeCall(
        "rollback.in_1.payments.0",
        "invoice_payments.list",
        {"invoice": "in_1", "status": "paid", "limit": 100},
    )

    def reversal(self, *exchanges: tuple[StripeCall, Answer]) -> Reversal:
        return play(reverse("invoice", "in_1", TAGS), *exchanges)

    def paid_by(self, *payments: dict[str, Any]) -> tuple[tuple[StripeCall, Answer], ...]:
        items = [{"id": f"inpay_{at}", "payment": payment} for at, payment in enumerate(payments)]
        return (self.read, {"status": "paid"}), (self.listed, {"data": items})

    def test_a_draft_is_deleted_and_an_open_one_voided(self) -> None:
        for status, name, method in (
            ("draft", "delete", "invoices.delete"),
            ("open", "void", "invoices.void_invoice"),
        ):
            done = self.reversal((self.read, {"status": status}), (step("in_1", name, method), {}))
            assert done == Reversal("invoice", "in_1", True, "deleted or voided")

    def test_one_that_is_gone_or_void_is_left_alone(self) -> None:
        answers: tuple[Answer, ...] = (GONE, {"status": "void"})
        for answer in answers:
            assert self.reversal((self.read, answer)).complete

    def test_a_paid_one_is_refunded_by_each_of_its_payments(self) -> None:
        done = self.reversal(
            *self.paid_by(
                {"type": "payment_intent", "payment_intent": "pi_1"},
                {"type": "charge", "charge": {"id": "ch_2"}},
            ),
            (READ_INTENT, intent("succeeded", charge())),
            (refund_call(1000), refund()),
            (StripeCall("rollback.ch_2.charge", "charges.retrieve", {}, "ch_2"), charge(500, 100)),
            (refund_call(400, "ch_2"), refund()),
        )
        detail = "refund re_1 is succeeded; refund re_1 is succeeded"
        assert done == Reversal("invoice", "in_1", True, detail, 1400, "usd")

    def test_all_of_its_payments_must_be_given_back(self) -> None:
        done = self.reversal(
            *self.paid_by(
                {"type": "payment_intent", "payment_intent": "pi_1"},
                {"type": "charge", "charge": "ch_2"},
            ),
            (READ_INTENT, intent("succeeded", charge())),
            (refund_call(1000), refund("pending")),
            (StripeCall("rollback.ch_2.charge", "charges.retrieve", {}, "ch_2"), charge(500, 500)),
            (earlier_refunds("ch_2"), {"data": [refund()]}),
        )
        assert not done.complete
        assert (done.refunded_minor, done.currency) == (1000, "usd")

    def test_the_currency_is_that_of_the_payment_that_was_given_back(self) -> None:
        done = self.reversal(
            *self.paid_by(
                {"type": "payment_intent", "payment_intent": "pi_1"},
                {"type": "charge", "charge": "ch_2"},
            ),
            (READ_INTENT, intent("canceled")),
            (StripeCall("rollback.ch_2.charge", "charges.retrieve", {}, "ch_2"), charge(500)),
            (refund_call(500, "ch_2"), refund()),
        )
        assert done.complete
        assert (done.refunded_minor, done.currency) == (500, "usd")

    @pytest.mark.parametrize(
        "payment",
        [{"type": "payment_record", "payment_record": "pyr_1"}, {"type": "payment_intent"},
         {"type": "charge", "charge": None}],
    )  # fmt: skip
    def test_a_payment_that_stripe_cannot_refund_keeps_the_incident_open(
        self, payment: dict[str, Any]
    ) -> None:
        done = self.reversal(*self.paid_by(payment))
        detail = f"a {payment['type']} cannot be refunded by API"
        assert done == Reversal("invoice", "in_1", False, detail)

    def test_one_that_came_to_nothing_has_nothing_to_give_back(self) -> None:
        done = self.reversal(*self.paid_by())
        assert done == Reversal("invoice", "in_1", True, "nothing was paid by it")


class TestSubscription:
    read = step("sub_1", "read", "subscriptions.retrieve")
    cancel = step(
        "sub_1", "cancel", "subscriptions.cancel", {"invoice_now": False, "prorate": False}
    )

    def reversal(self, *exchanges: tuple[StripeCall, Answer]) -> Reversal:
        return play(reverse("subscription", "sub_1", TAGS), *exchanges)

    def test_it_is_cancelled_and_its_first_invoice_undone(self) -> None:
        done = self.reversal(
            (self.read, {"status": "active", "latest_invoice": "in_1"}),
            (self.cancel, {"status": "canceled"}),
            (TestInvoice.read, {"status": "paid"}),
            (
                TestInvoice.listed,
                {"data": [{"payment": {"type": "payment_intent", "payment_intent": "pi_1"}}]},
            ),
            (READ_INTENT, intent("succeeded", charge())),
            (refund_call(1000), refund("pending")),
        )
        detail = "cancelled; first invoice: refund re_1 is pending"
        assert done == Reversal("subscription", "sub_1", False, detail, 1000, "usd")

    @pytest.mark.parametrize("status", ["canceled", "incomplete_expired"])
    def test_one_that_has_ended_is_not_cancelled_again(self, status: str) -> None:
        done = self.reversal(
            (self.read, {"status": status, "latest_invoice": {"id": "in_1"}}),
            (TestInvoice.read, {"status": "void"}),
        )
        assert (done.object, done.id, done.complete) == ("subscription", "sub_1", True)

    def test_without_an_invoice_nothing_was_taken(self) -> None:
        done = self.reversal((self.read, {"status": "trialing"}), (self.cancel, {}))
        assert done == Reversal("subscription", "sub_1", True, "cancelled")


class TestCheckoutSession:
    read = step("cs_1", "read", "checkout.sessions.retrieve")
    expire = step("cs_1", "expire", "checkout.sessions.expire")

    def reversal(self, *exchanges: tuple[StripeCall, Answer]) -> Reversal:
        return play(reverse("checkout.session", "cs_1", TAGS), *exchanges)

    def test_an_open_one_is_expired(self) -> None:
        done = self.reversal((self.read, {"status": "open"}), (self.expire, {}))
        assert done == Reversal("checkout.session", "cs_1", True, "expired")

    def test_one_that_has_expired_is_left_alone(self) -> None:
        assert self.reversal((self.read, {"status": "expired"})).complete

    def test_what_was_paid_through_it_is_given_back(self) -> None:
        done = self.reversal(
            (self.read, {"status": "complete", "payment_intent": "pi_1"}),
            (READ_INTENT, intent("succeeded", charge())),
            (refund_call(1000), refund()),
        )
        assert (done.complete, done.refunded_minor) == (True, 1000)

    def test_what_waits_to_be_paid_through_it_is_cancelled(self) -> None:
        done = self.reversal(
            (self.read, {"status": "open", "payment_intent": {"id": "pi_1"}}),
            (self.expire, {}),
            (READ_INTENT, intent("requires_payment_method")),
            (CANCEL_INTENT, {}),
        )
        assert done.complete

    def test_a_subscription_that_was_made_through_it_is_undone(self) -> None:
        done = self.reversal(
            (self.read, {"status": "complete", "subscription": "sub_1"}),
            (TestSubscription.read, {"status": "active", "latest_invoice": "in_1"}),
            (TestSubscription.cancel, {}),
            *TestInvoice().paid_by({"type": "payment_intent", "payment_intent": "pi_1"}),
            (READ_INTENT, intent("succeeded", charge())),
            (refund_call(1000), refund()),
        )
        assert (done.object, done.id, done.complete) == ("subscription", "sub_1", True)
        assert done.refunded_minor == 1000


class TestCustomer:
    read = step("cus_1", "read", "customers.retrieve")
    delete = step("cus_1", "delete", "customers.delete")

    def reversal(self, *exchanges: tuple[StripeCall, Answer]) -> Reversal:
        return play(reverse("customer", "cus_1", TAGS), *exchanges)

    def test_a_new_one_is_deleted(self) -> None:
        done = self.reversal((self.read, {"id": "cus_1"}), (self.delete, {"deleted": True}))
        assert done == Reversal("customer", "cus_1", True, "deleted")

    def test_one_that_is_gone_is_left_alone(self) -> None:
        answers: dict[str, Answer] = {"it is gone": GONE, "deleted": {"deleted": True}}
        for detail, answer in answers.items():
            done = self.reversal((self.read, answer))
            assert done == Reversal("customer", "cus_1", True, detail)

    def test_one_that_cannot_be_read_is_not_taken_for_gone(self) -> None:
        with pytest.raises(CallFailedError) as caught:
            self.reversal((self.read, FORBIDDEN))
        assert caught.value.failure == FORBIDDEN
