"""A refund: the payment is read first, what is left of it is known, then one Refund is made."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_billing_router.core.calls import CallFailedError, StripeCall
from stripe_billing_router.core.operation import Instruction, State
from stripe_billing_router.domain.objects.invoice import payment_of
from stripe_billing_router.domain.operations.refund import refund_payment
from stripe_billing_router.errors import InputError, InvalidAmountError
from support.scripted import DECLINED, GONE, Answer, play

PLAN = Instruction(action="refund", kind="refund", bot_id="finance:bot", payment_id="pi_1")
BY_INVOICE = replace(PLAN, payment_id="in_1")
TAGS = {"sbr_operation": "op_1"}
CUSTOMER = {"id": "cus_1", "object": "customer", "email": "payer@example.com"}

READ_INTENT = StripeCall(
    "payment", "payment_intents.retrieve", {"expand": ["latest_charge", "customer"]}, "pi_1"
)
READ_CHARGE = StripeCall("charge", "charges.retrieve", {"expand": ["customer"]}, "ch_1")
READ_CUSTOMER = StripeCall("customer", "customers.retrieve", {}, "cus_1")
LIST = StripeCall(
    "payments.0", "invoice_payments.list", {"invoice": "in_1", "status": "paid", "limit": 100}
)


def intent(charge: Any, **fields: Any) -> dict[str, Any]:
    return {
        "id": "pi_1", "object": "payment_intent", "currency": "usd", "customer": CUSTOMER,
        "latest_charge": charge, **fields,
    }  # fmt: skip


def charge(captured: int | None, refunded: int | None = 0, **fields: Any) -> dict[str, Any]:
    return {
        "id": "ch_1", "object": "charge", "currency": "usd", "amount": 1000,
        "amount_captured": captured, "amount_refunded": refunded, "customer": CUSTOMER, **fields,
    }  # fmt: skip


def create(amount: int | None, field: str = "payment_intent", **params: Any) -> StripeCall:
    of = {"payment_intent": "pi_1", "charge": "ch_1"}[field]
    given_amount = {} if amount is None else {"amount": amount}
    return StripeCall(
        "refund", "refunds.create", {field: of, **given_amount, **params, "metadata": TAGS}
    )


def refunded(amount: int, status: str = "succeeded") -> dict[str, Any]:
    return {
        "id": "re_1", "object": "refund", "amount": amount, "currency": "usd", "status": status,
    }  # fmt: skip


def invoice_payment(number: int, **payment: Any) -> dict[str, Any]:
    return {"id": f"inpay_{number}", "object": "invoice_payment", "payment": payment}


def by_intent(number: int, target: Any = "pi_1") -> dict[str, Any]:
    return invoice_payment(number, type="payment_intent", payment_intent=target)


def page(*items: dict[str, Any], more: bool = False) -> dict[str, Any]:
    return {"object": "list", "data": list(items), "has_more": more}


class TestAmount:
    def test_the_default_is_all_that_was_captured(self) -> None:
        done = play(
            refund_payment(PLAN, TAGS),
            (READ_INTENT, intent(charge(1000))),
            (create(1000), refunded(1000)),
        )
        assert (done.state, done.paid, done.action_type) == (State.SUCCEEDED, True, "refund")
        assert (done.amount_minor, done.currency) == (1000, "usd")
        assert done.user_email == "payer@example.com"
        assert done.reply.body["id"] == "re_1"

    def test_the_default_is_what_earlier_refunds_left(self) -> None:
        play(
            refund_payment(PLAN, TAGS),
            (READ_INTENT, intent(charge(1000, 300))),
            (create(700), refunded(700)),
        )

    @pytest.mark.parametrize(
        "found",
        [charge(1000, 1000), charge(0), None, charge(None), charge(1000, 1200)],
        ids=["all refunded", "nothing captured", "no charge", "Stripe did not say", "over"],
    )
    def test_where_nothing_is_known_to_be_left_stripe_has_the_word(self, found: Any) -> None:
        with pytest.raises(CallFailedError) as caught:
            play(
                refund_payment(PLAN, TAGS),
                (READ_INTENT, intent(found)),
                (create(None), DECLINED),
            )
        assert caught.value.failure == DECLINED

    def test_a_charge_without_captures_is_worth_its_amount(self) -> None:
        found = charge(None)
        del found["amount_captured"]
        play(
            refund_payment(PLAN, TAGS),
            (READ_INTENT, intent({**found, "amount_refunded": None})),
            (create(1000), refunded(1000)),
        )

    @pytest.mark.parametrize(("amount", "minor"), [("3", 300), ("7", 700), ("0.01", 1)])
    def test_a_part_is_in_the_payments_own_currency(self, amount: str, minor: int) -> None:
        play(
            refund_payment(replace(PLAN, amount=amount), TAGS),
            (READ_INTENT, intent(charge(1000, 300))),
            (create(minor), refunded(minor)),
        )

    def test_the_routes_currency_does_not_matter(self) -> None:
        play(
            refund_payment(replace(PLAN, amount="500", currency="usd"), TAGS),
            (READ_INTENT, intent(charge(1000), currency="jpy")),
            (create(500), refunded(500)),
        )

    @pytest.mark.parametrize(("amount", "already"), [("7.01", 300), ("10.01", 0), ("0.01", 1000)])
    def test_more_than_is_left_is_refused_before_the_refund(
        self, amount: str, already: int
    ) -> None:
        left = f"{(1000 - already) / 100:.2f} usd left"
        with pytest.raises(InvalidAmountError, match=left):
            play(
                refund_payment(replace(PLAN, amount=amount), TAGS),
                (READ_INTENT, intent(charge(1000, already))),
            )

    def test_a_part_of_what_stripe_did_not_measure_is_asked_for(self) -> None:
        play(
            refund_payment(replace(PLAN, amount="99"), TAGS),
            (READ_INTENT, intent(None)),
            (create(9900), refunded(9900)),
        )

    def test_more_decimals_than_the_payments_currency_has_are_refused(self) -> None:
        with pytest.raises(InvalidAmountError):
            play(
                refund_payment(replace(PLAN, amount="1.50"), TAGS),
                (READ_INTENT, intent(charge(1000), currency="jpy")),
            )

    @given(st.integers(1, 10_000), st.data())
    def test_no_refund_ever_asks_for_more_than_is_left(
        self, captured: int, data: st.DataObject
    ) -> None:
        already = data.draw(st.integers(0, captured - 1))
        part = data.draw(st.none() | st.integers(1, 2 * captured))
        left = captured - already
        instruction = (
            PLAN if part is None else replace(PLAN, amount=f"{part // 100}.{part % 100:02}")
        )
        read: tuple[StripeCall, Answer] = (READ_INTENT, intent(charge(captured, already)))
        if part is not None and part > left:
            with pytest.raises(InvalidAmountError):
                play(refund_payment(instruction, TAGS), read)
            return
        wanted = left if part is None else part
        play(refund_payment(instruction, TAGS), read, (create(wanted), refunded(wanted)))


class TestWhoIsTold:
    def test_the_routes_email_wins(self) -> None:
        instruction = replace(PLAN, user_email="route@example.com")
        found = intent(charge(1000), customer="cus_1")
        done = play(
            refund_payment(instruction, TAGS), (READ_INTENT, found), (create(1000), refunded(1000))
        )
        assert done.user_email == "route@example.com"

    def test_a_customer_that_was_not_expanded_is_read(self) -> None:
        done = play(
            refund_payment(PLAN, TAGS),
            (READ_INTENT, intent(charge(1000), customer="cus_1")),
            (READ_CUSTOMER, CUSTOMER),
            (create(1000), refunded(1000)),
        )
        assert done.user_email == "payer@example.com"

    def test_a_payment_of_nobody_in_particular_tells_nobody(self) -> None:
        done = play(
            refund_payment(PLAN, TAGS),
            (READ_INTENT, intent(charge(1000), customer=None)),
            (create(1000), refunded(1000)),
        )
        assert done.user_email is None


def test_further_parameters_and_metadata_go_with_the_refund() -> None:
    instruction = replace(
        PLAN,
        params={"reason": "duplicate", "refund_application_fee": False},
        metadata={"case": "5"},
    )
    expected = create(1000, reason="duplicate", refund_application_fee=False)
    expected = replace(expected, params={**expected.params, "metadata": {"case": "5", **TAGS}})
    play(
        refund_payment(instruction, TAGS),
        (READ_INTENT, intent(charge(1000))),
        (expected, refunded(1000)),
    )


@pytest.mark.parametrize(
    ("status", "state", "action_type"),
    [
        ("succeeded", State.SUCCEEDED, "refund"),
        ("failed", State.FAILED, "refund"),
        ("canceled", State.FAILED, "refund"),
        ("pending", State.OPEN, "refund_open"),
        ("requires_action", State.OPEN, "refund_open"),
        ("of a later version", State.OPEN, "refund_open"),
    ],
)
def test_only_a_succeeded_refund_has_returned_the_money(
    status: str, state: State, action_type: str
) -> None:
    done = play(
        refund_payment(PLAN, TAGS),
        (READ_INTENT, intent(charge(1000))),
        (create(1000), refunded(1000, status)),
    )
    assert (done.state, done.action_type) == (state, action_type)
    assert done.paid is (status == "succeeded")


class TestPayment:
    def test_a_payment_that_stripe_does_not_know_is_a_definite_failure(self) -> None:
        with pytest.raises(CallFailedError):
            play(refund_payment(PLAN, TAGS), (READ_INTENT, GONE))

    def test_a_charge_that_was_not_expanded_is_read(self) -> None:
        read_charge = StripeCall("charge", "charges.retrieve", {}, "ch_1")
        play(
            refund_payment(PLAN, TAGS),
            (READ_INTENT, intent("ch_1")),
            (read_charge, charge(1000, 400)),
            (create(600), refunded(600)),
        )

    @pytest.mark.parametrize("target", ["pi_1", {"id": "pi_1", "object": "payment_intent"}])
    def test_an_invoice_is_refunded_by_its_one_payment(self, target: Any) -> None:
        play(
            refund_payment(BY_INVOICE, TAGS),
            (LIST, page(by_intent(1, target))),
            (READ_INTENT, intent(charge(1000, 400))),
            (create(600), refunded(600)),
        )

    def test_an_invoice_that_was_paid_by_a_charge_is_refunded_by_it(self) -> None:
        done = play(
            refund_payment(BY_INVOICE, TAGS),
            (LIST, page(invoice_payment(1, type="charge", charge="ch_1"))),
            (READ_CHARGE, charge(1000, 400)),
            (create(600, "charge"), refunded(600)),
        )
        assert done.user_email == "payer@example.com"

    def test_a_part_of_a_charge_is_in_the_charges_currency(self) -> None:
        play(
            refund_payment(replace(BY_INVOICE, amount="6"), TAGS),
            (LIST, page(invoice_payment(1, type="charge", charge="ch_1"))),
            (READ_CHARGE, charge(1000, currency="jpy")),
            (create(6, "charge"), refunded(6)),
        )

    def test_an_invoice_without_a_payment_cannot_be_refunded(self) -> None:
        with pytest.raises(InputError, match="in_1"):
            play(refund_payment(BY_INVOICE, TAGS), (LIST, page()))
        with pytest.raises(InputError, match="in_1"):
            play(refund_payment(BY_INVOICE, TAGS), (LIST, {"object": "list"}))

    def test_an_invoice_with_several_payments_lists_them(self) -> None:
        payments = page(by_intent(1), invoice_payment(2, type="charge", charge={"id": "ch_2"}))
        with pytest.raises(InputError, match="pi_1, ch_2"):
            play(refund_payment(BY_INVOICE, TAGS), (LIST, payments))

    def test_all_pages_of_payments_are_read(self) -> None:
        def after(last: str, count: int) -> StripeCall:
            params = {**LIST.params, "starting_after": last}
            return StripeCall(f"payments.{count}", "invoice_payments.list", params)

        with pytest.raises(InputError, match="pi_1, pi_2, pi_3"):
            play(
                refund_payment(BY_INVOICE, TAGS),
                (LIST, page(by_intent(1, "pi_1"), by_intent(2, "pi_2"), more=True)),
                (after("inpay_2", 2), page(by_intent(3, "pi_3"), more=True)),
                (after("inpay_3", 3), page()),
            )

    def test_a_first_page_that_is_empty_is_the_last_whatever_it_says(self) -> None:
        with pytest.raises(InputError):
            play(refund_payment(BY_INVOICE, TAGS), (LIST, page(more=True)))

    @pytest.mark.parametrize(
        "payment",
        [
            {"type": "payment_record", "payment_record": "pyr_1"},
            {"type": "of_a_later_version", "of_a_later_version": "x_1"},
            {"type": "payment_intent", "payment_intent": None},
            {"type": "charge"},
            {},
        ],
    )
    def test_what_stripe_cannot_refund_is_refused(self, payment: dict[str, Any]) -> None:
        item = {"id": "inpay_1", "payment": payment}
        with pytest.raises(InputError, match="in_1"):
            play(refund_payment(BY_INVOICE, TAGS), (LIST, page(item)))

    def test_an_item_without_a_payment_is_of_no_kind(self) -> None:
        assert payment_of({"id": "inpay_1"}) == ("None", None)
        assert payment_of(by_intent(1)) == ("payment_intent", "pi_1")
