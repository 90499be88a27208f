"""What finance reads: exact amounts, one money row per Stripe object, no secrets."""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from stripe_billing_router import InputError
from stripe_billing_router.storage import ledger_reader
from stripe_billing_router.storage.records import Records
from support.records import BOT, operation, row


@pytest.mark.parametrize("amount", ["10.00", "0.29", "19.990", "1234567890123456.789", "100000"])
def test_amounts_are_exact(records: Records, amount: str) -> None:
    records.log(row(amount=Decimal(amount)))
    assert [str(found.amount) for found in records.ledger()] == [amount]


def test_a_row_comes_back_as_it_was(records: Records) -> None:
    given = row()
    empty = row(
        None, action_type="freeze", amount=None, currency=None, user_email=None, bot_id=None,
        destination_account=None,
    )  # fmt: skip
    assert records.log(given)
    assert records.log(empty)
    assert list(records.ledger()) == [given, empty]


@pytest.mark.parametrize("action_type", ["charge", "subscription", "refund"])
def test_one_stripe_object_is_money_once(records: Records, action_type: str) -> None:
    first = row("in_1", action_type=action_type)
    assert records.log(first)
    assert not records.log(row("in_1"))
    records.begin(operation())
    records.save(operation(), rows=[row("in_1", action_type=action_type), row("in_2")])
    ids = [json.loads(found.raw_event_json)["id"] for found in records.ledger()]
    assert ids == ["in_1", "in_2"]


def test_rows_that_are_not_money_may_name_an_object_again(records: Records) -> None:
    assert records.log(row("pi_1"))
    assert records.log(row("pi_1", error=1))
    assert records.log(row("pi_1", error=1))
    assert records.log(row("pi_1", action_type="rollback"))
    assert len(list(records.ledger(object_id="pi_1"))) == 4


def test_the_same_row_again_is_no_second_row_and_no_complaint(records: Records) -> None:
    given = row()
    assert records.log(given)
    assert records.log(given)
    assert list(records.ledger()) == [given]


def test_another_row_with_the_same_id_is_refused_and_not_passed_over(records: Records) -> None:
    given = row("pi_1", action_type="note")
    assert records.log(given)
    assert not records.log(replace(given, amount=Decimal("7.00")))
    assert list(records.ledger()) == [given]


def test_rows_are_found_by_bot_time_and_object(records: Records) -> None:
    rows = [
        row(f"pi_{number}", timestamp_ms=number, bot_id=bot, error=number % 2)
        for number, bot in enumerate([BOT, "finance:finance_router_bot", "stripe:growth:b", None])
    ]
    for given in reversed(rows):
        records.log(given)

    def numbers(**wanted: Any) -> list[int]:
        return [found.timestamp_ms for found in records.ledger(**wanted)]

    assert numbers() == [0, 1, 2, 3]
    assert numbers(newest_first=True) == [3, 2, 1, 0]
    assert numbers(newest_first=True, limit=2) == [3, 2]
    assert numbers(limit=0) == []
    assert numbers(bot=BOT) == numbers(bot="finance:finance_router_bot") == [0, 1]
    assert numbers(since_ms=1, until_ms=3) == [1, 2]
    assert numbers(object_id="pi_2") == [2]
    assert numbers(error=True) == [1, 3]
    assert numbers(action_type="charge", error=False) == [0, 2]
    assert numbers(action_type="refund") == []


def test_more_rows_than_a_page_come_in_order_each_once(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_reader, "PAGE_ROWS", 3)
    for number in range(10):
        records.log(row(f"pi_{number}", timestamp_ms=number // 4))  # Several rows of one time.
    for newest_first in (False, True):
        found = [row.id for row in records.ledger(newest_first=newest_first)]
        assert found == sorted(found, reverse=newest_first)
        assert len(set(found)) == 10


def test_secrets_do_not_get_into_the_ledger(records: Records) -> None:
    secret = "sk_live_" + "Z" * 24
    body = {"id": "pi_1", "client_secret": "pi_1_secret_Z", "note": f"key {secret}"}
    records.log(row(raw_event_json=json.dumps(body), user_email=secret))
    (found,) = records.ledger()
    assert json.loads(found.raw_event_json) == {"id": "pi_1", "note": "key [redacted]"}
    assert secret not in repr(found)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""},
        {"action_type": ""},
        {"error": 2},
        {"timestamp_ms": -1},
        {"timestamp_ms": 2**70},
        {"amount": Decimal("NaN")},
        {"amount": None},
        {"currency": None},
        {"raw_event_json": "[]"},
        {"raw_event_json": '{"id": NaN}'},
    ],
)
def test_what_the_ledger_cannot_hold_is_refused(records: Records, changes: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        records.log(row(**changes))
    assert list(records.ledger()) == []


def test_a_row_of_the_engine_is_kept_whatever_its_text_is(records: Records) -> None:
    """After a call a record must be written, and PostgreSQL takes less than Python does."""
    records.begin(operation())
    odd = json.dumps({"id": "pi_1", "note": "a\0b\ud800c", "emoji": "\U0001f600"})
    records.save(
        operation(error_message="x\0y\ud800"),
        rows=[row(raw_event_json=odd), row(raw_event_json="no JSON", user_email="x\0y")],
    )
    assert len(list(records.ledger())) == 2
    assert len(list(records.ledger(object_id="pi_1"))) == 1


def test_the_ledger_is_read_by_others_while_it_grows(opened: Callable[..., Records]) -> None:
    writer, reader = opened(), opened()
    for number in range(3):
        writer.log(row(f"pi_{number}"))
        assert len(list(reader.ledger())) == number + 1
