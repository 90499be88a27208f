"""`operations`: the journal as a list, and one of its operations in full."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import Result

from stripe_billing_router.cli.operations import MEANINGS, UNSETTLED
from stripe_billing_router.core.operation import Instruction, Operation, State, StepRecord
from stripe_billing_router.core.operation import Result as Outcome
from stripe_billing_router.storage.records import Records
from support.records import BOT, operation
from support.terminal import in_terminal

Run = Callable[..., Result]
START_MS = 1_782_907_200_000  # 2026-07-01 12:00:00 UTC


@pytest.fixture
def begin(records: Records) -> Callable[..., Operation]:
    """Write an operation in the state that it shall have."""

    def write(key: str, state: State = State.PENDING, **changes: Any) -> Operation:
        intent = operation(key, **{"created_ms": START_MS, "updated_ms": START_MS, **changes})
        assert records.begin(intent) is None
        return records.save(replace(intent, state=state))

    return write


Begin = Callable[..., Operation]


def keys(run: Run, *arguments: str) -> list[str]:
    lines = run("operations", *arguments, "--format", "jsonl").stdout.splitlines()
    return [json.loads(line)["idempotency_key"] for line in lines]


def test_operations_by_state_and_bot_the_newest_first(run: Run, begin: Begin) -> None:
    begin("old", State.SUCCEEDED, created_ms=START_MS)
    begin("lost", State.UNKNOWN, created_ms=START_MS + 1)
    begin("other", State.FAILED, created_ms=START_MS + 2, bot_id="analytics:new_bot")
    begin("waits", State.AWAITING_APPROVAL, created_ms=START_MS + 3)
    assert keys(run) == ["waits", "other", "lost", "old"]
    assert keys(run, "--state", "unknown") == ["lost"]
    assert keys(run, "--state", "unknown", "--state", "failed") == ["other", "lost"]
    assert keys(run, "--unsettled") == ["waits", "lost"]
    assert keys(run, "--unsettled", "--state", "failed") == ["waits", "other", "lost"]
    assert keys(run, "--bot", "analytics:new_bot") == ["other"]
    assert keys(run, "--bot", "stripe:analytics:new_bot") == ["other"]
    assert keys(run, "--bot", "finance:finance_router_bot", "--unsettled") == ["waits", "lost"]
    assert keys(run, "--limit", "2") == ["waits", "other"]


def test_what_is_not_over_is_every_state_that_may_change_of_itself() -> None:
    over = {State.SUCCEEDED, State.FAILED, State.ROLLED_BACK, State.DENIED}
    assert set(UNSETTLED) == set(State) - over
    assert MEANINGS.keys() == set(State)


def test_the_table_of_operations(run: Run, begin: Begin) -> None:
    instruction = Instruction(
        action="charge", kind="amount", bot_id=BOT, amount_minor=1999, currency="usd"
    )
    first = begin("first", State.FAILED, instruction=instruction)
    by_price = Instruction(action="charge", kind="price", bot_id=BOT, price_id="price_1")
    second = begin("second", State.OPEN, instruction=by_price, created_ms=START_MS + 1000)
    result = run("operations", "--limit", "2")
    assert [line.split() for line in result.stdout.splitlines()[1:3]] == [
        ["2026-07-01", "12:00:01", "open", "charge", "-", BOT, second.operation_id],
        ["2026-07-01", "12:00:00", "failed", "charge", "19.99", "usd", BOT, first.operation_id],
    ]
    assert result.stdout.endswith("\n\n2 operations.\n")
    assert "1 operation, the newest; there are more." in run("operations", "--limit", "1").stdout
    nothing = run("operations", "--state", "denied")
    assert (nothing.stdout, nothing.stderr) == ("", "No operations match.\n")


def test_one_operation_with_its_steps_and_receipt(run: Run, begin: Begin) -> None:
    steps = (
        StepRecord(step="customer", method="customers.retrieve", target="cus_1",
                   first_sent_ms=START_MS, reply={"id": "cus_1", "object": "customer"}),
        StepRecord(step="create", method="payment_intents.create", first_sent_ms=START_MS + 1000,
                   reply={"id": "pi_1", "status": "succeeded"}, attempt=2),
    )  # fmt: skip
    outcome = Outcome(
        body={"id": "pi_1", "object": "payment_intent", "status": "succeeded"},
        paid=True,
        amount="10.00",
        currency="usd",
        request_id="req_1",
    )
    done = begin("order-1", State.SUCCEEDED, steps=steps, result=outcome, attempt=2)
    text = run("operations", done.operation_id).stdout
    lines = [line.split() for line in text.splitlines()]
    assert lines[0] == [done.operation_id, "succeeded"]
    assert "The same key always returns this receipt." in text
    for expected in (
        "business key  order-1", "amount 10.00 usd", "attempt 2", "action charge, by amount",
        "created 2026-07-01 12:00:00 UTC",
        "1 1 2026-07-01 12:00:00 customers.retrieve cus_1 cus_1",
        "2 2 2026-07-01 12:00:01 payment_intents.create pi_1 succeeded",
        "object payment_intent pi_1", "paid yes", "request req_1",
    ):  # fmt: skip
        assert expected.split() in lines
    assert "Error" not in text


def test_one_operation_with_its_failure(run: Run, begin: Begin) -> None:
    failure = {"kind": "declined", "stripe_code": "card_declined", "request_id": "req_1"}
    steps = (
        StepRecord(step="create", method="payment_intents.create", failure=failure),
        StepRecord(step="remove.create", method="payment_intents.cancel", unknown_sends=2),
        StepRecord(step="more", method="payment_intents.retrieve"),
    )
    failed = begin(
        "order-1", State.FAILED, steps=steps,
        error_code="payment_declined", error_message="The card was declined.",
    )  # fmt: skip
    text = run("operations", failed.operation_id).stdout
    assert "declined card_declined req_1" in text
    assert "not known, 2 sends without an answer" in text
    assert "payment_intents.retrieve  not known" in text
    assert "not yet" in text
    assert "payment_declined" in text
    assert "The card was declined." in text
    assert "Receipt" not in text


def test_one_operation_of_which_nothing_was_sent(run: Run, begin: Begin) -> None:
    waits = begin("order-1", State.AWAITING_APPROVAL, steps=())
    assert "none: nothing was sent" in run("operations", waits.operation_id).stdout


def test_one_operation_as_json_is_the_whole_of_it(run: Run, begin: Begin) -> None:
    wanted = begin("order-1", State.UNKNOWN)
    (line,) = run("operations", wanted.operation_id, "--format", "jsonl").stdout.splitlines()
    found = json.loads(line)
    assert found["state"] == "unknown"
    assert found["plan"]["amount_minor"] == 1000
    assert found["steps"][0]["method"] == "payment_intents.create"


def test_an_id_that_nothing_has_is_an_error(run: Run, records: Records) -> None:
    result = run("operations", "op_nothing", status=1)
    assert result.stderr.startswith("Error: unknown_operation: ")
    assert "'op_nothing'" in result.stderr


@pytest.mark.parametrize("also", [("--state", "open"), ("--unsettled",), ("--bot", "a:b")])
def test_an_id_goes_with_no_filter(run: Run, also: tuple[str, ...]) -> None:
    run("operations", "op_1", *also, status=2)


def test_a_terminal_gets_lines_that_fit(begin: Begin, environment: dict[str, str]) -> None:
    waits = begin("order-1", State.AWAITING_APPROVAL, bot_id="research:market:summary_bot")
    for arguments in (["operations"], ["operations", waits.operation_id]):
        screen = in_terminal(arguments, environment, columns=80)
        assert screen.status == 0
        assert max(map(len, screen.lines)) <= 80
        assert waits.operation_id[:18] in screen.text
