"""An operation gives its receipt back for ever."""

from dataclasses import replace
from decimal import Decimal

from stripe_billing_router.core.operation import Result
from support.operations import OPERATION

RESULT = Result(
    body={"id": "pi_1", "status": "succeeded"},
    paid=True,
    amount="19.99",
    currency="usd",
    request_id="req_1",
)


def test_without_a_result_there_is_no_receipt() -> None:
    assert OPERATION.receipt is None


def test_a_result_is_replayed_as_a_receipt() -> None:
    receipt = replace(OPERATION, result=RESULT).receipt
    assert receipt is not None
    assert receipt.to_dict() == {"id": "pi_1", "status": "succeeded"}
    assert (receipt.paid, receipt.amount, receipt.currency) == (True, Decimal("19.99"), "usd")
    assert (receipt.bot_id, receipt.operation_id) == ("finance:bot", "op_1")
    assert (receipt.idempotency_key, receipt.request_id) == ("order-17", "req_1")
    assert receipt.replayed


def test_the_first_receipt_has_stripes_whole_answer() -> None:
    whole = {"id": "pi_1", "client_secret": "pi_1_secret_2"}
    receipt = OPERATION.receipt_from(RESULT, body=whole, replayed=False)
    assert receipt["client_secret"] == "pi_1_secret_2"
    assert not receipt.replayed


def test_what_has_no_amount_has_none() -> None:
    receipt = OPERATION.receipt_from(replace(RESULT, amount=None), replayed=True)
    assert receipt.amount is None
