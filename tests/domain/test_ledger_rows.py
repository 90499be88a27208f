"""What an operation's outcome looks like in the ledger and in the journal."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from stripe_billing_router.billing_logger import row_of
from stripe_billing_router.core.calls import Reply
from stripe_billing_router.core.operation import MONEY_ACTIONS, Instruction, Result, State
from stripe_billing_router.domain.flows import Outcome
from stripe_billing_router.domain.ledger_rows import (
    failure_row,
    mismatch_row,
    outcome_row,
    result_of,
    reversal_row,
)
from stripe_billing_router.domain.objects.kind import Reversal
from stripe_billing_router.errors import AccountMismatchError, BillingError, PaymentDeclinedError
from support.operations import OPERATION


def outcome(amount_minor: int | None = 1999, **fields: Any) -> Outcome:
    body = {"id": "pi_1", "object": "payment_intent", "client_secret": "pi_1_secret_2"}
    return replace(
        Outcome(
            state=State.SUCCEEDED,
            reply=Reply.of(body, {"request-id": "req_1"}),
            action_type="charge",
            paid=True,
            amount_minor=amount_minor,
            currency="usd",
            user_email="payer@example.com",
        ),
        **fields,
    )


class TestResult:
    def test_it_is_enough_to_replay_the_receipt_and_holds_no_secret(self) -> None:
        assert result_of(outcome()) == Result(
            body={"id": "pi_1", "object": "payment_intent"},
            paid=True,
            amount="19.99",
            currency="usd",
            request_id="req_1",
        )

    @pytest.mark.parametrize(
        ("minor", "currency", "amount"),
        [(0, "usd", "0.00"), (500, "jpy", "500"), (5120, "kwd", "5.120"), (-100, "usd", "-1.00"),
         (None, "usd", None), (100, None, None), (100, "", None), (100, "of a later year", None)],
    )  # fmt: skip
    def test_its_amount_is_exact_in_its_currency(
        self, minor: int | None, currency: str | None, amount: str | None
    ) -> None:
        result = result_of(outcome(minor, currency=currency, paid=False))
        assert (result.amount, result.currency, result.paid) == (amount, currency, False)


@pytest.mark.parametrize(
    ("body", "amount"),
    [
        ({"amount": 1999, "currency": "usd"}, "19.99"),
        ({"amount_due": 500, "currency": "jpy"}, "500"),
        ({"amount": 1, "amount_due": 2, "currency": "usd"}, "0.01"),
        ({"amount": None, "currency": "usd"}, None),
        ({"amount": "1999", "currency": "usd"}, None),
        ({"amount": 1999, "currency": "of a later year"}, None),
        ({"amount": 1999, "currency": ["usd"]}, None),
        ({"amount": 1999}, None),
        ({"currency": "usd"}, None),
        ({}, None),
    ],
)
def test_the_amount_of_any_object_is_exact_or_none(
    body: dict[str, Any], amount: str | None
) -> None:
    row = mismatch_row(OPERATION, body, "the foreign account acct_Other", "acct_Other")
    assert (None if row["amount"] is None else str(row["amount"])) == amount
    assert (row["destination_account"], row["error"]) == ("acct_Other", 1)


def row_for(settled: Outcome) -> dict[str, Any]:
    return outcome_row(OPERATION, settled, result_of(settled))


class TestOutcomeRow:
    def test_it_is_what_stripe_took(self) -> None:
        row = row_of(**row_for(outcome()))
        assert (row.action_type, row.amount, row.currency) == ("charge", Decimal("19.99"), "usd")
        assert (row.bot_id, row.error) == ("finance:bot", 0)
        assert row.user_email == "payer@example.com"
        assert row.destination_account == "acct_Master1"
        assert json.loads(row.raw_event_json)["id"] == "pi_1"
        assert "secret" not in row.raw_event_json

    def test_the_plans_email_stands_in_for_stripes(self) -> None:
        row = row_for(outcome(user_email=None))
        assert row["user_email"] == "route@example.com"

    def test_what_has_no_amount_has_none(self) -> None:
        assert row_for(outcome(None))["amount"] is None


class TestFailureRow:
    def row(self, error: BillingError, **instruction: Any) -> tuple[Any, dict[str, Any]]:
        operation = replace(
            OPERATION, instruction=replace(OPERATION.instruction, **instruction), attempt=2
        )
        row = row_of(**failure_row(operation, error))
        return row, json.loads(row.raw_event_json)

    def test_it_says_what_was_tried_and_is_never_a_money_row(self) -> None:
        error = PaymentDeclinedError(
            "declined", http_status=402, stripe_code="card_declined",
            decline_code="insufficient_funds", request_id="req_1",
            objects={"payment_intent": "pi_1"},
        )  # fmt: skip
        row, event = self.row(error)
        assert row.action_type in MONEY_ACTIONS
        assert row.error == 1
        assert (row.amount, row.currency) == (Decimal("10.00"), "usd")
        assert (row.user_email, row.destination_account) == ("route@example.com", "acct_Master1")
        assert row.bot_id == "finance:bot"
        assert event == {
            "id": "pi_1",
            "object": "error",
            "code": "payment_declined",
            "message": "declined",
            "money_moved": "no",
            "operation_id": "op_1",
            "idempotency_key": "order-17",
            "attempt": 2,
            "http_status": 402,
            "stripe_code": "card_declined",
            "decline_code": "insufficient_funds",
            "request_id": "req_1",
        }

    def test_a_refunds_amount_is_the_one_asked_for(self) -> None:
        row, _ = self.row(BillingError("no"), amount="7.5", amount_minor=None, currency=None)
        assert (row.amount, row.currency) == (Decimal("7.5"), None)

    def test_what_names_no_amount_has_none(self) -> None:
        row, event = self.row(BillingError("no"), amount_minor=None)
        assert (row.amount, event["id"]) == (None, None)

    def test_a_foreign_account_is_the_destination(self) -> None:
        row, _ = self.row(AccountMismatchError("whose?", foreign_account="acct_Foreign9"))
        assert row.destination_account == "acct_Foreign9"


def test_any_other_row_names_the_bot_and_the_account() -> None:
    reversal = Reversal("payment_intent", "pi_1", True, "refunded", 100, "usd")
    row = row_of(**reversal_row(OPERATION, reversal))
    assert (row.action_type, row.amount, row.error) == ("rollback", Decimal("1.00"), 0)
    assert (row.bot_id, row.destination_account) == ("finance:bot", "acct_Master1")
    assert row_of(**reversal_row(OPERATION, replace(reversal, complete=False))).error == 1


def test_an_instruction_may_name_no_amount() -> None:
    bare = replace(
        OPERATION, instruction=Instruction(action="charge", kind="price", bot_id="finance:bot")
    )
    assert failure_row(bare, BillingError("no"))["amount"] is None
