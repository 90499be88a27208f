"""Alert sinks that end the process, hang, or are interrupted: the reversal is made all the same."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from stripe_billing_router import AccountMismatchError, alerts
from stripe_billing_router.core.operation import State
from support.platform import BOT, Platform


@pytest.fixture
def never_mind(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    monkeypatch.setattr(alerts, "_PATIENCE_S", 0.2)
    over = threading.Event()
    yield over
    over.set()


def _reversed(platform: Platform) -> bool:
    [payment] = platform.sandbox.payment_intents.values()
    [refund] = platform.sandbox.refunds.values()
    return bool(refund["amount"] == payment["amount"])


def test_a_sink_that_ends_the_process_does_not_keep_a_foreign_charge(platform: Platform) -> None:
    platform.router.register_alert_sink(lambda *_: sys.exit("no alerts today"))
    platform.sandbox.faults.foreign_account("acct_evil", path="/v1/payment_intents")
    with pytest.raises(AccountMismatchError):
        platform.router.charge(BOT, 10)
    assert _reversed(platform)
    assert platform.operation().state is State.ROLLED_BACK


def test_a_sink_that_hangs_does_not_hold_up_the_reversal(
    platform: Platform, never_mind: threading.Event
) -> None:
    ended: list[bool] = []
    platform.router.register_alert_sink(lambda *_: ended.append(never_mind.wait(60)))
    platform.sandbox.faults.foreign_account("acct_evil", path="/v1/payment_intents")
    with pytest.raises(AccountMismatchError):
        platform.router.charge(BOT, 10)
    assert ended == []
    assert _reversed(platform)


def test_an_interrupt_while_people_are_told_does_not_keep_a_foreign_charge(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(platform.parts.mismatches, "_alert", interrupted)
    platform.sandbox.faults.foreign_account("acct_evil", path="/v1/payment_intents")
    with pytest.raises(KeyboardInterrupt):
        platform.router.charge(BOT, 10)
    assert _reversed(platform)
    assert platform.operation().state is State.ROLLED_BACK
