"""A charge by price: draft, item, finalize, pay; and nothing payable left where that fails."""

from dataclasses import replace
from typing import Any

import pytest

from stripe_billing_router.core.calls import CallFailedError, Failure, FailureKind, StripeCall
from stripe_billing_router.core.operation import Instruction, State
from stripe_billing_router.domain.flows import UncleanError
from stripe_billing_router.domain.objects.invoice import remove
from stripe_billing_router.domain.operations.charge import charge_by_price
from stripe_billing_router.errors import LimitExceededError
from support.scripted import DECLINED, FORBIDDEN, GONE, REJECTED, Answer, play

PLAN = Instruction(
    action="charge",
    kind="price",
    bot_id="finance:bot",
    price_id="price_1",
    customer_id="cus_1",
    currency="usd",
    metadata={"order": "17"},
)
TAGS = {"sbr_operation": "op_1"}


def invoice(status: str, due: int | None = 2000, total: int | None = 2000, **fields: Any) -> Any:
    return {
        "id": "in_1", "object": "invoice", "status": status, "amount_due": due, "total": total,
        "currency": "usd", **fields,
    }  # fmt: skip


DRAFT = StripeCall(
    "invoice",
    "invoices.create",
    {
        "customer": "cus_1",
        "currency": "usd",
        "auto_advance": False,
        "collection_method": "charge_automatically",
        "pending_invoice_items_behavior": "exclude",
        "metadata": {"order": "17", "sbr_operation": "op_1"},
    },
)
ITEM = StripeCall(
    "item",
    "invoice_items.create",
    {
        "customer": "cus_1",
        "invoice": "in_1",
        "pricing": {"price": "price_1"},
        "quantity": 1,
        "metadata": {"sbr_operation": "op_1"},
    },
)
FINALIZE = StripeCall("finalize", "invoices.finalize_invoice", {"auto_advance": False}, "in_1")
PAY = StripeCall("pay", "invoices.pay", {"off_session": True}, "in_1")
READ = StripeCall("remove.read", "invoices.retrieve", {}, "in_1")
DELETE = StripeCall("remove.delete", "invoices.delete", {}, "in_1")
VOID = StripeCall("remove.void", "invoices.void_invoice", {}, "in_1")

PAID = invoice("paid", amount_paid=2000, customer_email="payer@example.com")
Exchange = tuple[StripeCall, Answer]
DRAFTED: Exchange = (DRAFT, invoice("draft"))
WITH_ITEM: Exchange = (ITEM, {"id": "ii_1", "object": "invoiceitem"})
FINALIZED: Exchange = (FINALIZE, invoice("open"))
VOIDED: tuple[Exchange, Exchange] = ((READ, invoice("open")), (VOID, invoice("void")))


def test_an_invoice_is_drafted_filled_finalized_and_paid() -> None:
    done = play(charge_by_price(PLAN, TAGS), DRAFTED, WITH_ITEM, FINALIZED, (PAY, PAID))
    assert (done.state, done.paid, done.action_type) == (State.SUCCEEDED, True, "charge")
    assert (done.amount_minor, done.currency) == (2000, "usd")
    assert done.user_email == "payer@example.com"
    assert done.reply.body == PAID


def test_what_the_plan_names_is_sent() -> None:
    instruction = replace(
        PLAN, currency="eur", description="Order 17", payment_method_id="pm_1",
        user_email="route@example.com",
    )  # fmt: skip
    drafted = replace(DRAFT, params={**DRAFT.params, "currency": "eur", "description": "Order 17"})
    pay = replace(PAY, params={"payment_method": "pm_1", "off_session": True})
    done = play(
        charge_by_price(instruction, TAGS),
        (drafted, invoice("draft")), WITH_ITEM, FINALIZED, (pay, PAID),
    )  # fmt: skip
    assert done.user_email == "route@example.com"


def test_an_invoice_that_was_paid_by_finalizing_is_not_paid_again() -> None:
    """A balance of the customer's may cover it, or it comes to nothing."""
    done = play(
        charge_by_price(PLAN, TAGS),
        DRAFTED, WITH_ITEM, (FINALIZE, invoice("paid", 0, 2000, amount_paid=0)),
    )  # fmt: skip
    assert (done.state, done.paid, done.amount_minor) == (State.SUCCEEDED, True, 0)


@pytest.mark.parametrize(
    ("status", "state", "action_type"),
    [
        ("paid", State.SUCCEEDED, "charge"),
        ("void", State.FAILED, "charge"),
        ("draft", State.OPEN, "charge_open"),
        ("open", State.OPEN, "charge_open"),
        ("uncollectible", State.OPEN, "charge_open"),
        ("of a later version", State.OPEN, "charge_open"),
    ],
)
def test_only_a_void_invoice_is_dead_for_every_other_can_still_be_paid(
    status: str, state: State, action_type: str
) -> None:
    paid_or_not = invoice(status, amount_paid=1900)
    done = play(charge_by_price(PLAN, TAGS), DRAFTED, WITH_ITEM, FINALIZED, (PAY, paid_or_not))
    assert (done.state, done.action_type) == (state, action_type)
    assert done.paid is (status == "paid")
    assert done.amount_minor == (1900 if status == "paid" else 2000)


class TestCurrency:
    """An invoice has one currency, and it must be its price's."""

    NAMELESS = replace(PLAN, currency=None)
    PRICE = StripeCall("price", "prices.retrieve", {}, "price_1")
    REST = (WITH_ITEM, FINALIZED, (PAY, PAID))

    def test_a_price_tells_the_currency_that_the_route_does_not_name(self) -> None:
        price = {"id": "price_1", "object": "price", "currency": "usd"}
        play(charge_by_price(self.NAMELESS, TAGS), (self.PRICE, price), DRAFTED, *self.REST)

    @pytest.mark.parametrize("answer", [GONE, FORBIDDEN, {"id": "price_1"}, {"currency": ["usd"]}])
    def test_where_the_price_cannot_be_read_stripe_decides(self, answer: Answer) -> None:
        params = {name: value for name, value in DRAFT.params.items() if name != "currency"}
        draft = (replace(DRAFT, params=params), invoice("draft"))
        play(charge_by_price(self.NAMELESS, TAGS), (self.PRICE, answer), draft, *self.REST)

    def test_a_read_without_an_answer_ends_it_before_anything_is_made(self) -> None:
        with pytest.raises(CallFailedError):
            play(
                charge_by_price(self.NAMELESS, TAGS),
                (self.PRICE, Failure(FailureKind.SERVER, http_status=503)),
            )


class TestExcess:
    """An invoice's amount is not always its price: taxes, and the customer's earlier debts."""

    @pytest.mark.parametrize(
        ("due", "total", "permitted"),
        [
            (2001, 2000, None),  # an earlier debt
            (2001, 2001, 2000),  # tax on top of what was permitted
            (2001, 2000, 5000),
            (1, 0, None),
            (None, 2000, 2000),  # Stripe did not say what it comes to
        ],
    )
    def test_more_than_permitted_is_voided_and_refused(
        self, due: int | None, total: int | None, permitted: int | None
    ) -> None:
        instruction = replace(PLAN, permitted_minor=permitted)
        with pytest.raises(LimitExceededError) as caught:
            play(
                charge_by_price(instruction, TAGS),
                DRAFTED, WITH_ITEM, (FINALIZE, invoice("open", due, total)), *VOIDED,
            )  # fmt: skip
        assert caught.value.money_moved == "no"

    @pytest.mark.parametrize(
        ("due", "total", "permitted"),
        [(2000, 2000, None), (2000, 2000, 2000), (2000, None, 2000), (2000, None, None),
         (1500, 2000, 1500),
         (0, 0, None), (0, 0, 0)],
    )  # fmt: skip
    def test_what_is_permitted_is_paid(
        self, due: int, total: int | None, permitted: int | None
    ) -> None:
        instruction = replace(PLAN, permitted_minor=permitted)
        finalized = invoice("open", due, total)
        play(
            charge_by_price(instruction, TAGS),
            DRAFTED,
            WITH_ITEM,
            (FINALIZE, finalized),
            (PAY, PAID),
        )


class TestDefiniteFailure:
    def test_a_draft_that_was_refused_leaves_nothing(self) -> None:
        with pytest.raises(CallFailedError) as caught:
            play(charge_by_price(PLAN, TAGS), (DRAFT, REJECTED))
        assert caught.value.failure == REJECTED

    def test_an_item_that_was_refused_deletes_the_draft(self) -> None:
        with pytest.raises(CallFailedError) as caught:
            play(
                charge_by_price(PLAN, TAGS),
                DRAFTED, (ITEM, REJECTED), (READ, invoice("draft")), (DELETE, {"deleted": True}),
            )  # fmt: skip
        assert caught.value.failure == REJECTED

    def test_an_invoice_that_was_not_finalized_is_deleted(self) -> None:
        with pytest.raises(CallFailedError):
            play(
                charge_by_price(PLAN, TAGS),
                DRAFTED, WITH_ITEM, (FINALIZE, REJECTED),
                (READ, invoice("draft")), (DELETE, {"deleted": True}),
            )  # fmt: skip

    def test_a_decline_voids_the_open_invoice(self) -> None:
        with pytest.raises(CallFailedError) as caught:
            play(
                charge_by_price(PLAN, TAGS),
                DRAFTED, WITH_ITEM, FINALIZED, (PAY, DECLINED), *VOIDED,
            )  # fmt: skip
        assert caught.value.failure == DECLINED

    def test_an_invoice_that_was_paid_after_all_counts(self) -> None:
        instruction = replace(PLAN, user_email="route@example.com")
        done = play(
            charge_by_price(instruction, TAGS),
            DRAFTED, WITH_ITEM, FINALIZED, (PAY, DECLINED), (READ, PAID),
        )  # fmt: skip
        assert (done.state, done.amount_minor) == (State.SUCCEEDED, 2000)
        assert done.user_email == "route@example.com"

    @pytest.mark.parametrize("problem", [FORBIDDEN, REJECTED])
    def test_a_removal_that_fails_leaves_the_operation_unclean(self, problem: Failure) -> None:
        for last in ((READ, problem),), ((READ, invoice("open")), (VOID, problem)):
            with pytest.raises(UncleanError) as caught:
                play(
                    charge_by_price(PLAN, TAGS),
                    DRAFTED, WITH_ITEM, FINALIZED, (PAY, DECLINED), *last,
                )  # fmt: skip
            assert caught.value.failure == problem


class TestRemoval:
    def test_a_draft_that_was_deleted_is_gone_for_good(self) -> None:
        assert play(remove("in_1"), (READ, GONE)) is None

    def test_a_void_invoice_is_left_alone(self) -> None:
        assert play(remove("in_1"), (READ, invoice("void"))) is None

    @pytest.mark.parametrize("status", ["open", "uncollectible", "of a later version"])
    def test_whatever_might_still_be_paid_is_voided(self, status: str) -> None:
        left = play(remove("in_1"), (READ, invoice(status)), (VOID, invoice("void")))
        assert left is None

    def test_a_paid_one_is_returned(self) -> None:
        left = play(remove("in_1"), (READ, PAID))
        assert left is not None
        assert left.body == PAID

    def test_its_step_names_can_be_its_own(self) -> None:
        def at(call: StripeCall) -> StripeCall:
            return replace(call, step=call.step.replace("remove", "rollback.in_1"))

        for status, call in ("draft", DELETE), ("open", VOID):
            removal = remove("in_1", prefix="rollback.in_1")
            assert play(removal, (at(READ), invoice(status)), (at(call), {})) is None
