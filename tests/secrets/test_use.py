"""What a router gives out and writes down, and secrets that bots put where others belong."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stripe_billing_router import BillingError, BillingRouter
from stripe_billing_router.billing_logger import log_event
from support.nobody import ALL, PUBLIC_KEY, SECRET_KEY, WELL_FORMED
from support.planted import leaking_files, masked
from support.platform import BOT, Platform, platform_in
from support.showing import shown

Seen = Callable[..., list[str]]

AWAY = "postgresql://nobody@127.0.0.1:9/none"


@pytest.fixture(params=["sqlite", "away"])
def platform(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Platform]:
    """A router over SQLite, or over the files that take its place while the database is away."""
    away = {"ledger_url": AWAY} if request.param == "away" else {}
    with platform_in(tmp_path, secret_key=SECRET_KEY, public_key=PUBLIC_KEY, **away) as built:
        yield built


def places(text: str) -> list[int]:
    return [at for at in range(0, len(text), 50) if masked(text[at : at + 200])[1]]


def test_what_a_router_gives_out_shows_no_secret(
    platform: Platform, seen: Seen, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """A client secret of Stripe's is given to who asks for it by name, and shown nowhere."""
    router = platform.router
    receipts = [
        router.charge(BOT, 10, customer_id="cus_empty", idempotency_key="order-1"),
        router.charge(BOT, 10, customer_id="cus_empty", idempotency_key="order-1"),
        router.charge(BOT, 11, idempotency_key="order-2"),
        router.create_customer(BOT, {"email": "a@example.com"}, idempotency_key="order-3"),
    ]
    if platform.router.settings.ledger_url is None:
        receipts.append(
            router.create_checkout_session(
                BOT,
                {"ui_mode": "embedded", "return_url": "https://example.com"},
                idempotency_key="order-4",
            )
        )
    secret = receipts[0]["client_secret"]
    assert masked(secret)[1] == 1, "what is looked for is found"
    operations = [router.get_operation(receipt.operation_id) for receipt in receipts]
    told: list[Any] = [*receipts, *operations, *(operation.receipt for operation in operations)]
    told += [router, platform.alerts, router.records, router.settings, *vars(router).values()]
    assert seen(*told) == []
    text = "\n".join(map(shown, told)) + caplog.text
    assert [text[at - 200 : at + 10] for at in places(text)] == []
    router.close()
    assert list(leaking_files(tmp_path)) == []


PLACES: dict[str, Callable[[BillingRouter, str], object]] = {
    "bot id": lambda router, it: router.charge(it, 10),
    "category": lambda router, it: router.charge(f"{it}:bot", 10),
    "bot name": lambda router, it: router.charge(f"finance:{it}", 10),
    "amount": lambda router, it: router.charge(BOT, it),
    "business key": lambda router, it: router.charge(BOT, 10, idempotency_key=it),
    "inside a business key": lambda router, it: router.charge(
        BOT, 10, idempotency_key=f"order-{it}"
    ),
    "description": lambda router, it: router.charge(BOT, 10, f"paid by {it}"),
    "metadata": lambda router, it: router.charge(BOT, 10, metadata={"note": it}),
    "name of metadata": lambda router, it: router.charge(BOT, 10, metadata={it[:40]: "x"}),
    "price": lambda router, it: router.charge(BOT, price_id=it),
    "behind a price's prefix": lambda router, it: router.charge(BOT, price_id=f"price_{it}"),
    "customer": lambda router, it: router.charge(BOT, 10, customer_id=it),
    "payment method": lambda router, it: router.charge(BOT, 10, payment_method=it),
    "currency": lambda router, it: router.charge(BOT, 10, currency=it),
    "override": lambda router, it: router.charge(BOT, 10, overrides={"region": it}),
    "name of an override": lambda router, it: router.charge(BOT, 10, overrides={it: "x"}),
    "customer's name": lambda router, it: router.create_customer(BOT, {"name": it}),
    "customer's email": lambda router, it: router.create_customer(BOT, {"email": it}),
    "customer's metadata": lambda router, it: router.create_customer(BOT, {"metadata": {"a": it}}),
    "customer's field": lambda router, it: router.create_customer(BOT, {it: "x"}),
    "subscription": lambda router, it: router.create_subscription(BOT, price_id=it),
    "parameter": lambda router, it: router.create_subscription(BOT, description=it),
    "name of a parameter": lambda router, it: router.create_subscription(BOT, **{it: "x"}),  # type: ignore[arg-type]
    "payment": lambda router, it: router.refund(BOT, it),
    "reason": lambda router, it: router.refund(BOT, "pi_1", reason=it),
    "session": lambda router, it: router.create_checkout_session(
        BOT, {"success_url": f"https://example.com/?key={it}"}
    ),
    "balance": lambda router, it: router.get_balance(BOT, currency=it),
    "operation": lambda router, it: router.get_operation(it),
    "route": lambda router, it: router.register_route(
        "a", "b", {"product_id": "prod_1", "price_id": "price_1", "customer_id": it}
    ),
    "description of a route": lambda router, it: router.register_route(
        "a",
        "b",
        {
            "product_id": "prod_1",
            "price_id": "price_1",
            "customer_id": "cus_1",
            "description": it,
        },
    ),
    "field of a route": lambda router, it: router.register_route("a", "b", {it: "x"}),
    "name of a route": lambda router, it: router.register_route(it, it, {}),
    "rule": lambda router, it: router.register_override(
        {"business_category": "finance", "bot_name": "finance_router_bot", "key": it, "value": it}
    ),
    "freeze": lambda router, it: router.freeze(it, reason=it, actor=it),
    "freeze of a bot": lambda router, it: router.freeze("other:bot", reason=f"see {it}", actor=it),
    "unfreeze": lambda router, it: router.unfreeze("other:bot", approver=it),
    "ledger": lambda router, it: log_event(
        action_type="note",
        user_email=it,
        bot_id=it,
        destination_account=it,
        currency=it,
        raw_event_json={"note": [it, {it: it, "client_secret": it}]},
        writer=router.log,
    ),
    "id of a ledger row": lambda router, it: log_event(
        action_type=it, id=it, raw_event_json=f'{{"it": "{it}"}}', writer=router.log
    ),
}


def told(error: BillingError) -> str:
    """Return all that an error says, without its frames: they hold what the bot itself gave."""
    values = [error.args, str(error), repr(error), vars(error), pickle.dumps(error)]
    return repr([*values, error.__notes__ if hasattr(error, "__notes__") else "", copy.copy(error)])


@pytest.mark.parametrize("kind", WELL_FORMED)
def test_a_secret_where_something_else_belongs_is_kept_nowhere(
    platform: Platform, seen: Seen, tmp_path: Path, kind: str
) -> None:
    secret, part = WELL_FORMED[kind], ALL[kind]
    for place, use in PLACES.items():
        text = ""
        try:
            text = repr(use(platform.router, secret))
        except BillingError as error:
            text = told(error)
        assert part not in text, place
    assert seen(platform.alerts) == []
    for request in platform.sandbox.requests:
        assert part not in repr((request.path, request.params, request.idempotency_key))
    platform.router.close()
    assert list(leaking_files(tmp_path)) == []


def test_what_sinks_and_hooks_raise_is_not_logged(platform: Platform, seen: Seen) -> None:
    def leak(*_: Any) -> None:
        raise LookupError(*WELL_FORMED.values())

    platform.router.register_alert_sink(leak)
    platform.router.register_rollback_hook(leak)
    platform.sandbox.faults.foreign_account("acct_elsewhere", method="POST")
    with pytest.raises(BillingError) as caught:
        platform.router.charge(BOT, 10, idempotency_key="order-1")
    assert caught.value.code == "account_mismatch"
    assert seen(caught.value, platform.alerts) == []
