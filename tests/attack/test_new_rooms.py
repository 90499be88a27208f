"""Records that hold odd texts, rows that others wrote, and who else reads what is written here."""

from __future__ import annotations

import json
import pickle
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import stripe

from stripe_billing_router import (
    AccountMismatchError,
    BotFrozenError,
    OperationRolledBackError,
    PaymentDeclinedError,
    Receipt,
)
from stripe_billing_router.billing_logger import log_event
from stripe_billing_router.core import ids
from stripe_billing_router.core.operation import LedgerRow, State
from stripe_billing_router.core.secret import Secret
from stripe_billing_router.gateway.gateway import StripeGateway
from stripe_billing_router.testing import StripeSandbox
from support.loopback import Answer, loopback_server
from support.payments import CREATE
from support.platform import BOT, Platform, platform_at, raw

KEY = "sk_live_" + "51HxMisplacedKeyOfNobody"

Change = Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]


class _Changed(stripe.HTTPClient):
    """Stripe, with another answer to each payment that is created."""

    name = "changed"

    def __init__(self, inner: Any, change: Change) -> None:
        super().__init__()
        self._inner = inner
        self._change = change

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        **_: Any,
    ) -> tuple[Any, int, Mapping[str, str]]:
        body, status, answered = self._inner.request(method, url, headers, post_data)
        if method.upper() == "POST" and url.endswith("/payment_intents"):
            status, changed = self._change(json.loads(body))
            body = json.dumps(changed)
        return body, status, answered


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Callable[[Change], Platform]]:
    """Return a function that builds a platform whose Stripe changes its answers."""
    built: list[Any] = []

    def build(change: Change) -> Platform:
        sandbox = StripeSandbox()
        client = _Changed(sandbox.http_client(), change)
        built.append(platform_at(sandbox, tmp_path, http_client=client))
        platform: Platform = built[-1].__enter__()
        return platform

    yield build
    for context in built:
        context.__exit__(None, None, None)


ODD = pytest.mark.parametrize("odd", ["\x00", "\ud800"], ids=["nul", "surrogate"])


@ODD
def test_a_decline_is_recorded_whatever_characters_its_message_has(
    answering: Callable[[Change], Platform], odd: str
) -> None:
    message = f"Your card{odd} was declined."
    error = {"type": "card_error", "code": "card_declined", "message": message}
    platform = answering(lambda _: (402, {"error": error}))
    for _ in range(2):
        with pytest.raises(PaymentDeclinedError):
            platform.router.charge(BOT, 5, idempotency_key="order-1")
    operation = platform.operation()
    assert operation.state is State.FAILED
    assert odd not in (operation.error_message or "")
    assert platform.alerts == []
    assert not list(platform.folder.rglob("set_aside.jsonl"))


@ODD
def test_a_mismatch_is_recorded_and_freezes_whatever_characters_the_answer_has(
    answering: Callable[[Change], Platform], odd: str
) -> None:
    def change(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return 200, {**body, f"a{odd}b": {"object": "thing", "account": "acct_Foreign1"}}

    platform = answering(change)
    with pytest.raises(AccountMismatchError):
        platform.router.charge(BOT, 5, idempotency_key="order-1")
    assert [kind for kind, *_ in platform.alerts] == ["critical_discrepancy"]
    assert platform.operation().state is State.ROLLED_BACK
    assert platform.kinds == [("charge", 1), ("rollback", 0)]
    freeze = platform.router.records.freezes()[0]
    assert odd not in freeze.reason
    assert all(odd not in name for row in platform.rows for name in raw(row))
    with pytest.raises(OperationRolledBackError):
        platform.another_router().charge(BOT, 5, idempotency_key="order-1")
    with pytest.raises(BotFrozenError):
        platform.another_router().charge(BOT, 6)


@pytest.mark.parametrize(
    "text",
    [
        f'{{"id":"evt_1","note":"{KEY}","note":"fine"}}',
        f'{{"id":"evt_1","note":"\\u0073{KEY[1:]}","note":"fine"}}',
        f'{{"id":"evt_1","note":"{KEY}","note":"f\u00efne"}}',
    ],
    ids=["plain", "escaped", "not ASCII"],
)
def test_a_key_behind_a_repeated_name_is_not_stored(platform: Platform, text: str) -> None:
    row = LedgerRow(
        id="row_1",
        action_type="note",
        amount=None,
        currency=None,
        timestamp_ms=1,
        user_email=None,
        bot_id=None,
        destination_account=None,
        raw_event_json=text,
        error=0,
    )
    assert platform.router.log(row)
    assert "MisplacedKey" not in platform.rows[0].raw_event_json


def test_a_row_that_was_changed_after_it_was_cleaned_is_looked_through_again(
    platform: Platform,
) -> None:
    def add_a_note(row: LedgerRow) -> None:
        platform.router.log(replace(row, user_email=f"{KEY}@example.com"))

    log_event(action_type="note", writer=add_a_note)
    assert "MisplacedKey" not in str(platform.rows[0].user_email)


def test_a_key_in_capitals_does_not_become_one_in_the_currency(platform: Platform) -> None:
    log_event(action_type="note", currency=KEY.upper(), writer=platform.router.log)
    assert platform.rows[0].currency == "[redacted]"


def test_a_signal_handler_may_name_a_row_while_one_is_being_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As one does that freezes or logs: the thread that it interrupts holds the lock."""
    monkeypatch.setattr(ids, "_sequence", ids._Sequence())
    named: list[str] = []
    depth = 0

    def handler(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal depth
        if frame.f_code is ids.time_sorted_id.__code__ and event == "line" and depth == 0:
            depth += 1
            named.append(ids.time_sorted_id("led", 1))
            depth -= 1
        return handler

    def name_one() -> None:
        sys.settrace(handler)
        try:
            named.append(ids.time_sorted_id("led", 1))
        finally:
            sys.settrace(None)

    thread = threading.Thread(target=name_one, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert len(set(named)) == len(named) > 1


def test_listed_operations_have_their_whole_receipts(platform: Platform) -> None:
    charged = platform.router.charge(BOT, 5)
    page = {"mode": "payment", "success_url": "https://example.com/s"}
    session = platform.router.create_checkout_session(BOT, page)
    found = {one.operation_id: one.receipt for one in platform.router.records.operations()}
    assert found[charged.operation_id] == charged
    assert found[session.operation_id] == session


def test_a_receipt_is_pickled_under_the_path_that_every_version_has(platform: Platform) -> None:
    receipt = platform.router.charge(BOT, 5)
    pickled = pickle.dumps(receipt)
    assert b"stripe_billing_router.receipt" in pickled
    assert b"stripe_billing_router.core" not in pickled
    loaded = pickle.loads(pickled)  # noqa: S301 - Our own.
    assert isinstance(loaded, Receipt)
    assert loaded == receipt


def test_a_receipt_says_what_it_said_though_a_bot_wrote_its_money_row(
    platform: Platform,
) -> None:
    router, records = platform.router, platform.router.records
    receipt = router.charge(BOT, 5, idempotency_key="order-1")
    with closing(records._storage.database._engine.raw_connection()) as connection:
        connection.cursor().execute("DELETE FROM stripe_ledger")
        connection.commit()
    log_event(
        action_type="charge",
        amount=5,
        currency="usd",
        raw_event_json={"id": receipt.id, "note": "by hand"},
        writer=router.log,
    )
    again = router.charge(BOT, 5, idempotency_key="order-1")
    assert (again.object, again.status) == (receipt.object, receipt.status)


def test_a_receipt_whose_ledger_row_was_deleted_says_what_was_paid(platform: Platform) -> None:
    page = {"success_url": "https://example.com/s"}
    first = platform.router.create_checkout_session(BOT, page, idempotency_key="page-1")
    paid = platform.router.charge(BOT, 10, idempotency_key="order-1")
    database: Any = platform.router.records._storage.database
    with database.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM stripe_ledger")
    again = platform.router.create_checkout_session(BOT, page, idempotency_key="page-1")
    assert (again.id, again["url"]) == (first.id, first["url"])
    replayed = platform.router.charge(BOT, 10, idempotency_key="order-1")
    assert (replayed.id, replayed.paid, replayed.amount) == (paid.id, True, paid.amount)
    assert platform.sandbox.captured_minor() == 1000


def test_a_number_that_is_infinite_here_is_kept_as_it_was_written() -> None:
    answer = Answer(200, b'{"id": "pi_1", "object": "payment_intent", "odd": 1e999, "even": 1.5}')
    with loopback_server(lambda _request: answer) as server:
        gateway = StripeGateway(Secret("sk_live_fakeOfNobody"), api_base=server.url)
        body = gateway.send(CREATE, idempotency_key="key-1").body
        assert (body["odd"], body["even"]) == ("1e999", 1.5)
        gateway.close()
