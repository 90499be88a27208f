"""A process that stands still between two sends, while others go on with its operation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stripe_billing_router import OutcomeUnknownError
from support.platform import BOT, Platform


@pytest.mark.parametrize("hours", [1, 30])
def test_a_host_that_was_suspended_between_two_sends_does_not_send_again(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    asleep_ms = 0

    def fall_asleep(_: float) -> None:
        nonlocal asleep_ms
        asleep_ms = hours * 3600 * 1000
        platform.sandbox.advance(hours=hours)  # after a day Stripe has forgotten the key

    sender: Any = platform.parts.engine._driver._sender
    around = sender._runtime
    monkeypatch.setattr(
        sender,
        "_runtime",
        replace(around, now_ms=lambda: around.now_ms() + asleep_ms, sleep=fall_asleep),
    )
    platform.sandbox.faults.lose_reply(path="/v1/payment_intents")
    with pytest.raises(OutcomeUnknownError):
        platform.router.charge(BOT, 10, idempotency_key="order-1")

    assert len(platform.sandbox.payment_intents) == 1
    assert platform.paths.count("POST /v1/payment_intents") == 1
