"""The engine where something else fails: nothing is lost, and each step is done all the same."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stripe_billing_router import (
    AccountMismatchError,
    BillingRouter,
    InputError,
    LedgerUnavailableError,
    OutcomeUnknownError,
    RequestRejectedError,
    StripeCallError,
)
from stripe_billing_router.assembly import Surroundings, own_runtime
from stripe_billing_router.core.calls import StripeCall
from stripe_billing_router.core.clean_json import clean
from stripe_billing_router.core.events import Replied
from stripe_billing_router.core.holder import Holder
from stripe_billing_router.core.operation import Instruction, Operation, State
from stripe_billing_router.engine import customer_cache, processes
from stripe_billing_router.engine.customer_cache import CustomerCache
from stripe_billing_router.storage.records import Records
from stripe_billing_router.testing import SandboxResponse, StripeSandbox
from stripe_billing_router.testing.http_client import http_client_for
from support.platform import BOT, Platform, platform_in

AWAY = "postgresql://nobody@127.0.0.1:9/none"


class Wire:
    """The sandbox's wire, on which something happens with the answer to a POST."""

    def __init__(self, sandbox: StripeSandbox) -> None:
        self.sandbox = sandbox
        self.then: Callable[[], object] = lambda: None

    def handle(self, method: str, *rest: object) -> SandboxResponse:
        answer = self.sandbox.handle(method, *rest)  # type: ignore[arg-type]
        if method.upper() == "POST":
            self.then()
        return answer


@pytest.fixture
def slow(platform: Platform) -> Platform:
    platform.sandbox.add_payment_method("pm_slow", "processes", customer="cus_finance_default")
    return platform


def open_charge(platform: Platform) -> str:
    paid = platform.router.charge(BOT, 10, payment_method="pm_slow", idempotency_key="o-1")
    assert platform.operation().state is State.OPEN
    return paid.id


def test_a_mismatch_that_can_be_written_nowhere_is_raised_and_alerted(tmp_path: Path) -> None:
    with platform_in(tmp_path) as platform:
        wire = Wire(platform.sandbox)
        other = platform.another_router(
            http_client=http_client_for(wire),  # type: ignore[arg-type]
            ledger_url=AWAY,
            ledger_dir=tmp_path / "other",
        )
        alerts: list[str] = []
        other.register_alert_sink(lambda kind, *_: alerts.append(kind))
        files, aside = tmp_path / "other", tmp_path / "aside"

        def nowhere_to_write() -> None:
            if files.is_dir():
                files.rename(aside)
                files.write_text("in the way")

        wire.then = nowhere_to_write
        platform.sandbox.faults.foreign_account("acct_foreign1", where="header", method="POST")
        with pytest.raises(AccountMismatchError):
            other.charge(BOT, 10, idempotency_key="order-1")
        assert "critical_discrepancy" in alerts
        assert files.is_file()


def test_a_reversal_that_is_resumed_freezes_a_bot_that_is_not_frozen(platform: Platform) -> None:
    platform.sandbox.faults.foreign_account("acct_foreign1", where="header", method="POST")
    platform.sandbox.faults.refund_status("pending")
    with pytest.raises(AccountMismatchError):
        platform.router.charge(BOT, 10, idempotency_key="order-1")
    assert platform.operation().state is State.ROLLING_BACK
    platform.router.unfreeze(BOT, approver="an operator")
    platform.router.recover()
    assert [freeze.pattern for freeze in platform.router.records.freezes()] == [BOT]


def test_an_open_payment_stays_open_where_stripe_cannot_be_read(slow: Platform) -> None:
    open_charge(slow)
    operation_id = slow.operation().operation_id
    slow.sandbox.faults.server_error(method="GET", path="/v1/payment_intents/*", times=None)
    with pytest.raises(StripeCallError):
        slow.router.get_operation(operation_id, refresh=True)
    slow.sandbox.faults.clear()
    assert slow.router.get_operation(operation_id).state is State.OPEN


def test_an_open_payment_that_ends_canceled_fails_and_the_key_is_free(slow: Platform) -> None:
    target = open_charge(slow)
    slow.sandbox.payment_intents[target]["status"] = "canceled"
    slow.sandbox._service.main.by_id(target)["status"] = "canceled"  # type: ignore[index]
    with pytest.raises(RequestRejectedError):
        slow.router.charge(BOT, 10, payment_method="pm_slow", idempotency_key="o-1")
    assert slow.operation().state is State.FAILED


def test_what_a_freeze_needs(platform: Platform) -> None:
    with pytest.raises(InputError):
        platform.router.freeze(BOT, reason=None)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        platform.router.unfreeze(BOT, approver=None)  # type: ignore[arg-type]
    assert platform.router.unfreeze(BOT, approver="an operator") == 0
    assert "unfreeze" not in [alert[0] for alert in platform.alerts]


def test_a_freeze_that_can_be_written_nowhere_holds_in_this_process(platform: Platform) -> None:
    folder = platform.folder / "nowhere"
    other = platform.another_router(ledger_url=AWAY, ledger_dir=folder)
    folder.write_text("in the way")
    with pytest.raises(LedgerUnavailableError):
        other.freeze(BOT, reason="an incident")


def test_recovery_leaves_alone_what_another_process_has_saved(platform: Platform) -> None:
    """Between its reading and its saving another recovery was quicker."""
    platform.sandbox.faults.server_error(
        method="POST", path="/v1/payment_intents", times=None, executed=True
    )
    with pytest.raises(StripeCallError):
        platform.router.charge(BOT, 10, idempotency_key="order-1")
    now_ms = own_runtime().now_ms
    later = replace(own_runtime(), now_ms=lambda: now_ms() + 2 * 3_600_000)
    platform.sandbox.faults.clear()
    platform.sandbox.faults.server_error(method="GET", path="/v1/payment_intents*", times=None)
    router = platform.another_router(surroundings=Surroundings(later))
    seen: list[tuple[int, int]] = []

    def meanwhile(done: int, of: int, operation: Operation) -> None:
        seen.append((done, of))
        stored = platform.router.records.find(operation.operation_id)
        assert stored is not None
        platform.router.records.save(stored)

    report = router.recover(meanwhile)
    assert seen == [(0, 1)]
    assert [one.after for one in report.unsettled] == [State.UNKNOWN]


def left_unknown(platform: Platform) -> BillingRouter:
    """Leave a charge unknown of which nothing arrived; return a router of two hours later."""
    platform.sandbox.faults.server_error(method="POST", path="/v1/payment_intents", times=None)
    with pytest.raises(StripeCallError):
        platform.router.charge(BOT, 10, idempotency_key="order-1")
    platform.sandbox.faults.clear()
    return hours_later(platform, 2)


def hours_later(platform: Platform, hours: int, **around: Any) -> BillingRouter:
    platform.sandbox.advance(hours=hours)
    now_ms = own_runtime().now_ms
    later = replace(own_runtime(), now_ms=lambda: now_ms() + hours * 3_600_000)
    return platform.another_router(surroundings=Surroundings(later, **around))


def test_what_stripe_cannot_say_because_its_key_is_not_verified_stays_unknown(
    platform: Platform,
) -> None:
    router = left_unknown(platform)
    platform.sandbox.faults.server_error(method="GET", path="/v1/account", times=None)
    (left,) = router.recover().operations
    assert left.after is State.UNKNOWN


def test_an_object_that_is_dead_at_stripe_fails_its_operation(platform: Platform) -> None:
    platform.sandbox.add_payment_method("pm_slow", "processes", customer="cus_finance_default")
    platform.sandbox.faults.server_error(
        method="POST", path="/v1/refunds", times=None, executed=True
    )
    paid = platform.router.charge(BOT, 10, idempotency_key="order-1")
    with pytest.raises(StripeCallError):
        platform.router.refund(BOT, paid.id, idempotency_key="refund-1")
    platform.sandbox.faults.clear()
    (refund,) = platform.sandbox.objects("refund")
    platform.sandbox.settle_refund(refund, "failed")
    (done,) = hours_later(platform, 2).recover().operations
    assert done.after is State.FAILED


def test_of_two_recoveries_one_concludes_and_the_other_says_so(platform: Platform) -> None:
    router = left_unknown(platform)

    def meanwhile(_done: int, _of: int, operation: Operation) -> None:
        stored = platform.router.records.find(operation.operation_id)
        assert stored is not None
        platform.router.records.save(replace(stored, state=State.FAILED))

    (left,) = router.recover(meanwhile).operations
    assert left.after is State.FAILED
    assert left.detail


def test_of_two_recoveries_that_cannot_decide_one_alerts(platform: Platform) -> None:
    left_unknown(platform).close()
    platform.sandbox.faults.server_error(method="GET", path="/v1/payment_intents*", times=None)

    class Slower(Records):
        """Finds that another recovery has just noted that it alerted."""

        def save(self, operation: Operation, **options: Any) -> Operation:
            if operation.error_code == "undecided":
                super().save(operation, **options)
            return super().save(operation, **options)

    router = hours_later(platform, 2, open_records=Slower)
    alerts: list[str] = []
    router.register_alert_sink(lambda kind, *_: alerts.append(kind))
    (left,) = router.recover().operations
    assert left.after is State.UNKNOWN
    assert "operation_undecided" not in alerts


def test_a_reversal_that_another_process_goes_on_with_is_left_to_it(platform: Platform) -> None:
    platform.sandbox.faults.foreign_account("acct_foreign1", where="header", method="POST")
    platform.sandbox.faults.refund_status("pending")
    with pytest.raises(AccountMismatchError):
        platform.router.charge(BOT, 10, idempotency_key="order-1")

    def meanwhile(_done: int, _of: int, operation: Operation) -> None:
        stored = platform.router.records.find(operation.operation_id)
        assert stored is not None
        platform.router.records.save(stored)

    (left,) = platform.another_router().recover(meanwhile).operations
    assert left.after is State.ROLLING_BACK


def test_a_process_that_was_suspended_for_too_long_sends_nothing(platform: Platform) -> None:
    """Between recording a step and sending it the host slept for an hour."""
    clock = [0]
    now_ms = own_runtime().now_ms
    runtime = replace(own_runtime(), now_ms=lambda: now_ms() + clock[0])

    class Sleepy(Records):
        def begin(self, operation: Operation, **options: Any) -> Operation | None:
            existing = super().begin(operation, **options)
            clock[0] = 3_600_000 * (operation.idempotency_key == "order-1")
            return existing

    around = Surroundings(runtime, open_records=Sleepy)
    router = platform.another_router(surroundings=around)
    router.charge(BOT, 10, idempotency_key="order-0")
    platform.mark()
    with pytest.raises(OutcomeUnknownError):
        router.charge(BOT, 10, idempotency_key="order-1")
    assert platform.paths == []


class TestCustomerCache:
    def reply(self, method: str, target: str, **body: object) -> Replied:
        return Replied(StripeCall("read", method, target=target), clean({"id": target, **body}))

    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(customer_cache, "_MOST_KEPT", 2)

    def test_it_is_bounded(self) -> None:
        cache = CustomerCache(60.0)
        for number in range(3):
            cache.note(
                self.reply("customers.retrieve", f"cus_{number}", email=f"{number}@example.com")
            )
            cache.note(self.reply("prices.retrieve", f"price_{number}", currency="eur"))

        def completed(number: int) -> Instruction:
            return cache.complete(
                Instruction(
                    action="charge", kind="price", bot_id=BOT, customer_id=f"cus_{number}",
                    price_id=f"price_{number}",
                )
            )  # fmt: skip

        assert [completed(number).user_email for number in range(3)] == [
            None, "1@example.com", "2@example.com",
        ]  # fmt: skip
        assert [completed(number).currency for number in range(3)] == ["eur", "eur", None]


class TestProcesses:
    def test_a_process_of_another_user_is_alive(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def not_ours(_pid: int, _signal: int) -> None:
            raise PermissionError

        monkeypatch.setattr(os, "kill", not_ours)
        assert processes.is_alive(processes.current_process())

    def test_a_process_id_that_was_given_again_is_not_it(self) -> None:
        here = processes.current_process()
        assert not processes.is_alive(Holder(here.host, here.pid, "1"))

    @pytest.fixture
    def without_proc(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        def missing(*_: object, **__: object) -> str:
            raise FileNotFoundError

        monkeypatch.setattr(Path, "read_text", missing)
        processes._process.cache_clear()
        yield
        processes._process.cache_clear()

    @pytest.mark.usefixtures("without_proc")
    def test_a_system_that_shows_no_start_times_is_believed(self) -> None:
        here = processes.current_process()
        assert here.started == "0"
        assert here.host.endswith("-0")
        assert processes.is_alive(here)
