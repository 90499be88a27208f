"""What became of an operation nobody heard the end of: found by reading and by its tag alone."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from stripe_billing_router.core.calls import CallFailedError, FailureKind, StripeCall
from stripe_billing_router.core.operation import Instruction, Operation, State
from stripe_billing_router.domain.flows import Outcome
from stripe_billing_router.domain.objects.tagged import attempt_of
from stripe_billing_router.domain.operations.table import is_partial, list_earlier, search_for
from support.operations import OPERATION
from support.scripted import FORBIDDEN, GONE, Answer, play

CREATED_MS = 1_700_000_000_999
SINCE_S = 1_700_000_000 - 7 * 24 * 3600  # clocks differ
EMAIL = "route@example.com"


def lost(kind: str, **instruction: Any) -> Operation:
    found = Instruction(
        action="charge", kind=kind, bot_id="finance:bot", customer_id="cus_1", user_email=EMAIL,
        **instruction,
    )  # fmt: skip
    return replace(OPERATION, instruction=found, created_ms=CREATED_MS)


def listing(method: str, page: int = 0, **filters: Any) -> StripeCall:
    params = {"created": {"gte": SINCE_S}, "limit": 100, **filters}
    return StripeCall(f"find.{page}", method, params)


def ours(id_: str, **fields: Any) -> dict[str, Any]:
    return {"id": id_, "metadata": {"sbr_operation": "op_1"}, "currency": "usd", **fields}


def somebodys(id_: str, metadata: Any = None) -> dict[str, Any]:
    return {"id": id_, "metadata": metadata, "status": "succeeded"}


def listed(*items: Mapping[str, Any], more: bool = False) -> dict[str, Any]:
    return {"object": "list", "data": list(items), "has_more": more}


def found(operation: Operation, *exchanges: tuple[StripeCall, Answer]) -> Outcome | None:
    return play(search_for(operation), *exchanges)


INTENTS = listing("payment_intents.list", customer="cus_1")
PAID_INTENT = ours("pi_1", object="payment_intent", status="succeeded", amount=1000)


def intent_step(id_: str, name: str, method: str) -> StripeCall:
    return StripeCall(f"remove.{id_}.{name}", f"payment_intents.{method}", {}, id_)


class TestSearch:
    """Stripe's search lags and never proves absence, so whole lists are read."""

    def test_nothing_that_carries_the_tag_means_that_nothing_was_done(self) -> None:
        others = [
            somebodys("pi_7"), somebodys("pi_8", {"sbr_operation": "op_2"}),
            somebodys("pi_9", "op_1"),
        ]  # fmt: skip
        assert found(lost("amount"), (INTENTS, listed(*others))) is None
        assert found(lost("amount"), (INTENTS, {"object": "list"})) is None

    def test_every_page_is_read(self) -> None:
        done = found(
            lost("amount"),
            (INTENTS, listed(somebodys("pi_9"), somebodys("pi_8"), more=True)),
            (
                listing("payment_intents.list", 1, customer="cus_1", starting_after="pi_8"),
                listed(somebodys("pi_7"), more=True),
            ),
            (
                listing("payment_intents.list", 2, customer="cus_1", starting_after="pi_7"),
                listed(PAID_INTENT),
            ),
            (intent_step("pi_1", "read", "retrieve"), PAID_INTENT),
        )
        assert done is not None
        assert done.paid

    def test_an_empty_page_is_the_last_whatever_it_says(self) -> None:
        assert found(lost("amount"), (INTENTS, listed(more=True))) is None

    def test_a_list_that_cannot_be_read_proves_nothing(self) -> None:
        with pytest.raises(CallFailedError):
            found(lost("amount"), (INTENTS, FORBIDDEN))

    def test_a_balance_leaves_nothing_behind(self) -> None:
        assert found(lost("balance")) is None

    def test_part_of_an_endless_list_proves_nothing(self) -> None:
        last: dict[str, str] = {}
        pages: list[tuple[StripeCall, Answer]] = []
        for number in range(1000):
            call = listing("payment_intents.list", number, customer="cus_1", **last)
            pages.append((call, listed(somebodys(f"pi_{number}"), more=True)))
            last = {"starting_after": f"pi_{number}"}
        with pytest.raises(CallFailedError) as caught:
            found(lost("amount"), *pages)
        assert caught.value.failure.kind is FailureKind.OTHER


class TestEarlier:
    """With the journal away, Stripe is asked what this business key has made, ever."""

    @pytest.mark.parametrize(
        ("kind", "method", "filters"),
        [
            ("amount", "payment_intents.list", {}),
            ("price", "invoices.list", {}),
            ("subscription", "subscriptions.list",
             {"status": "all", "expand": ["data.latest_invoice"]}),
            ("checkout", "checkout.sessions.list", {}),
        ],
    )  # fmt: skip
    def test_it_is_looked_for_from_the_beginning(
        self, kind: str, method: str, filters: dict[str, Any]
    ) -> None:
        call = StripeCall("find.0", method, {"limit": 100, "customer": "cus_1", **filters})
        items = play(list_earlier(lost(kind)), (call, listed(somebodys("x_9"), ours("x_1"))))
        assert items == [ours("x_1")]

    def test_refunds_are_looked_for_by_their_payment(self) -> None:
        call = StripeCall("find.0", "refunds.list", {"limit": 100, "payment_intent": "pi_1"})
        operation = lost("refund", payment_id="pi_1")
        assert play(list_earlier(operation), (call, listed(ours("re_1")))) == [ours("re_1")]

    @pytest.mark.parametrize("params", [{}, {"email": "new@example.com"}])
    def test_customers_are_looked_for_by_their_email(self, params: dict[str, str]) -> None:
        call = StripeCall("find.0", "customers.list", {"limit": 100, **params})
        operation = lost("customer", params={**params, "name": "New"})
        assert play(list_earlier(operation), (call, listed(ours("cus_2")))) == [ours("cus_2")]

    def test_a_balance_makes_nothing(self) -> None:
        assert play(list_earlier(lost("balance"))) == []


class TestHalfBuilt:
    @pytest.mark.parametrize(
        ("status", "expected"),
        [("requires_payment_method", True), ("requires_confirmation", True), (None, True),
         ("succeeded", False), ("processing", False), ("canceled", False)],
    )  # fmt: skip
    def test_an_intent_that_was_to_be_confirmed_and_is_not_decided(
        self, status: str | None, expected: bool
    ) -> None:
        instruction = lost("amount", payment_method_id="pm_1").instruction
        assert is_partial(instruction, {"status": status}) is expected

    def test_an_intent_without_a_method_waits_for_somebody_else_to_confirm_it(self) -> None:
        instruction = lost("amount").instruction
        waiting = {"status": "requires_payment_method"}
        assert not is_partial(instruction, waiting)
        assert is_partial(instruction, {**waiting, "last_payment_error": {"code": "card_declined"}})
        assert is_partial(instruction, {"status": "requires_action"})

    @pytest.mark.parametrize(
        ("status", "expected"),
        [("draft", True), ("open", True), ("uncollectible", True), (None, True),
         ("paid", False), ("void", False)],
    )  # fmt: skip
    def test_an_invoice_until_it_is_paid_or_void(self, status: str | None, expected: bool) -> None:
        assert is_partial(lost("price").instruction, {"status": status}) is expected

    @pytest.mark.parametrize("kind", ["refund", "subscription", "checkout", "customer"])
    def test_what_one_request_makes_is_never_half_built(self, kind: str) -> None:
        assert not is_partial(lost(kind, payment_method_id="pm_1").instruction, {"status": "open"})

    @pytest.mark.parametrize(
        ("metadata", "attempt"),
        [({"sbr_attempt": "3"}, 3), ({"sbr_attempt": "1"}, 1), ({}, 1), ({"sbr_attempt": ""}, 1)],
    )
    def test_an_object_names_the_attempt_that_made_it(
        self, metadata: dict[str, str], attempt: int
    ) -> None:
        assert attempt_of({"metadata": metadata}) == attempt


class TestChargeByAmount:
    def test_a_paid_intent_counts(self) -> None:
        done = found(
            lost("amount"),
            (INTENTS, listed(somebodys("pi_9"), PAID_INTENT)),
            (intent_step("pi_1", "read", "retrieve"), PAID_INTENT),
        )
        assert done is not None
        assert (done.state, done.paid, done.user_email) == (State.SUCCEEDED, True, EMAIL)
        assert done.reply.body == PAID_INTENT

    @pytest.mark.parametrize(
        ("instruction", "error"),
        [
            ({"payment_method_id": "pm_1"}, None),
            ({}, {"code": "card_declined"}),
        ],
    )
    def test_one_that_was_to_be_confirmed_is_cancelled(
        self, instruction: dict[str, Any], error: Any
    ) -> None:
        waiting = ours("pi_1", status="requires_payment_method", last_payment_error=error)
        done = found(
            lost("amount", **instruction),
            (INTENTS, listed(waiting)),
            (intent_step("pi_1", "read", "retrieve"), waiting),
            (intent_step("pi_1", "cancel", "cancel"), {**waiting, "status": "canceled"}),
        )
        assert done is None

    def test_one_that_was_never_to_be_confirmed_waits_for_its_payment_method(self) -> None:
        waiting = ours("pi_1", status="requires_payment_method", amount=1000)
        done = found(lost("amount"), (INTENTS, listed(waiting)))
        assert done is not None
        assert (done.state, done.paid, done.user_email) == (State.OPEN, False, EMAIL)
        assert done.reply.body == waiting

    def test_one_that_needs_its_customer_is_cancelled(self) -> None:
        waiting = ours("pi_1", status="requires_action")
        done = found(
            lost("amount"),
            (INTENTS, listed(waiting)),
            (intent_step("pi_1", "read", "retrieve"), waiting),
            (intent_step("pi_1", "cancel", "cancel"), {}),
        )
        assert done is None

    def test_of_several_the_one_that_was_paid_counts(self) -> None:
        """An attempt may have been cancelled before another one was paid."""
        waiting = ours("pi_3", status="requires_payment_method", amount=1000)
        done = found(
            lost("amount"),
            (INTENTS, listed(waiting, ours("pi_2", status="canceled"), PAID_INTENT)),
            (intent_step("pi_2", "read", "retrieve"), {"status": "canceled"}),
            (intent_step("pi_1", "read", "retrieve"), PAID_INTENT),
        )
        assert done is not None
        assert done.reply.body["id"] == "pi_1"


class TestChargeByPrice:
    listed_invoices = listing("invoices.list", customer="cus_1")

    def step(self, name: str, method: str) -> StripeCall:
        return StripeCall(f"remove.in_1.{name}", f"invoices.{method}", {}, "in_1")

    def test_a_paid_invoice_counts(self) -> None:
        paid = ours("in_1", object="invoice", status="paid", amount_paid=2000)
        done = found(
            lost("price"),
            (self.listed_invoices, listed(somebodys("in_9"), paid)),
            (self.step("read", "retrieve"), paid),
        )
        assert done is not None
        assert (done.paid, done.amount_minor, done.user_email) == (True, 2000, EMAIL)

    def test_what_is_half_built_is_removed_on_the_way(self) -> None:
        for status, name, method in ("draft", "delete", "delete"), ("open", "void", "void_invoice"):
            half = ours("in_1", status=status)
            done = found(
                lost("price"),
                (self.listed_invoices, listed(half)),
                (self.step("read", "retrieve"), half),
                (self.step(name, method), {}),
            )
            assert done is None

    def test_a_draft_that_is_gone_since_the_list_was_made_had_no_effect(self) -> None:
        half = ours("in_1", status="draft")
        done = found(
            lost("price"),
            (self.listed_invoices, listed(half)),
            (self.step("read", "retrieve"), GONE),
        )
        assert done is None


class TestSubscription:
    listed_subscriptions = listing(
        "subscriptions.list", customer="cus_1", status="all", expand=["data.latest_invoice"]
    )

    def test_a_live_one_counts_with_its_first_invoice(self) -> None:
        first = {"id": "in_1", "status": "paid", "amount_paid": 900}
        live = ours("sub_1", status="active", latest_invoice=first)
        done = found(lost("subscription"), (self.listed_subscriptions, listed(live)))
        assert done is not None
        assert (done.paid, done.amount_minor, done.user_email) == (True, 900, EMAIL)
        assert done.reply.body == live

    def test_an_invoice_that_was_not_expanded_is_read(self) -> None:
        live = ours("sub_1", status="active", latest_invoice="in_1")
        done = found(
            lost("subscription"),
            (self.listed_subscriptions, listed(live)),
            (
                StripeCall("invoice", "invoices.retrieve", {}, "in_1"),
                {"status": "paid", "amount_paid": 900},
            ),
        )
        assert done is not None
        assert done.amount_minor == 900

    def test_of_several_the_live_one_counts(self) -> None:
        states = ["canceled", "incomplete", "active"]
        some = [ours(f"sub_{at}", status=status) for at, status in enumerate(states)]
        done = found(lost("subscription"), (self.listed_subscriptions, listed(*some)))
        assert done is not None
        assert done.reply.body["status"] == "active"
        done = found(lost("subscription"), (self.listed_subscriptions, listed(*some[:2])))
        assert done is not None
        assert (done.reply.body["status"], done.state) == ("incomplete", State.OPEN)


class TestRefund:
    refund = ours("re_1", object="refund", status="succeeded", amount=500)

    def test_it_is_among_the_refunds_of_its_payment(self) -> None:
        done = found(
            lost("refund", payment_id="pi_1"),
            (
                listing("refunds.list", payment_intent="pi_1"),
                listed(somebodys("re_9"), self.refund),
            ),
        )
        assert done is not None
        assert (done.state, done.amount_minor, done.user_email) == (State.SUCCEEDED, 500, EMAIL)

    @pytest.mark.parametrize(
        ("payment", "filters"),
        [
            ({"type": "payment_intent", "payment_intent": "pi_1"}, {"payment_intent": "pi_1"}),
            ({"type": "charge", "charge": "ch_1"}, {"charge": "ch_1"}),
            ({"type": "payment_record", "payment_record": "pyr_1"}, {}),
        ],
    )
    def test_that_of_an_invoice_is_found_by_what_paid_it(
        self, payment: dict[str, Any], filters: dict[str, Any]
    ) -> None:
        payments = StripeCall(
            "find.payments.0",
            "invoice_payments.list",
            {"invoice": "in_1", "status": "paid", "limit": 100},
        )
        done = found(
            lost("refund", payment_id="in_1"),
            (payments, listed({"id": "inpay_1", "payment": payment})),
            (listing("refunds.list", **filters), listed(self.refund)),
        )
        assert done is not None

    def test_a_failed_one_counts_only_where_no_other_moved_money(self) -> None:
        failed = ours("re_2", status="failed", amount=500)
        refunds = listing("refunds.list", payment_intent="pi_1")
        done = found(lost("refund", payment_id="pi_1"), (refunds, listed(failed, self.refund)))
        assert done is not None
        assert done.paid
        done = found(lost("refund", payment_id="pi_1"), (refunds, listed(failed)))
        assert done is not None
        assert done.state is State.FAILED


def test_a_checkout_session_counts_once_it_is_there() -> None:
    session = ours("cs_1", payment_status="unpaid", amount_total=1500)
    done = found(
        lost("checkout"),
        (listing("checkout.sessions.list", customer="cus_1"), listed(somebodys("cs_9"), session)),
    )
    assert done is not None
    assert (done.state, done.paid, done.user_email) == (State.SUCCEEDED, False, EMAIL)
    assert done.reply.body == session


def test_a_customer_counts_once_it_is_there() -> None:
    customer = ours("cus_2", email="new@example.com")
    done = found(
        lost("customer"), (listing("customers.list"), listed(somebodys("cus_9"), customer))
    )
    assert done is not None
    assert (done.state, done.paid, done.user_email) == (State.SUCCEEDED, False, "new@example.com")
    assert done.reply.body == customer
