"""A response that does not belong to the master account: five steps, and nothing but its own."""

from decimal import Decimal
from typing import Any

import pytest

from stripe_billing_router import (
    AccountMismatchError,
    BotFrozenError,
    InvalidKeyError,
    KeyAccountMismatchError,
    MasterAccountError,
    OperationRolledBackError,
    RollbackReport,
    StripeUnavailableError,
)
from stripe_billing_router.core.operation import State
from stripe_billing_router.engine.rollback import RollbackManager
from support.platform import BOT, OTHER_BOT, SECRET_KEY, Platform, raw

FOREIGN = "acct_foreign1"
PLACES = ["header", "on_behalf_of", "transfer_data.destination", "issuer.account", "account"]


@pytest.mark.parametrize("expanded", [False, True])
@pytest.mark.parametrize("where", PLACES)
def test_a_foreign_account_is_recorded_frozen_alerted_rolled_back_and_raised(
    platform: Platform, where: str, expanded: bool
) -> None:
    platform.sandbox.faults.foreign_account(
        FOREIGN, where=where, expanded=expanded, method="POST", path="/v1/payment_intents"
    )
    with pytest.raises(AccountMismatchError) as caught:
        platform.router.charge(BOT, 10, idempotency_key="order-1")
    assert FOREIGN in str(caught.value)
    assert caught.value.money_moved == "no"
    row, rollback = platform.rows
    assert (row.action_type, row.error, row.destination_account) == ("charge", 1, FOREIGN)
    assert (row.amount, row.currency) == (Decimal("10.00"), "usd")
    assert raw(row)["id"] in platform.sandbox.payment_intents
    assert (rollback.action_type, rollback.error) == ("rollback", 0)
    assert platform.sandbox.refunded_minor() == platform.sandbox.captured_minor() == 1000
    kind, severity, _, context = platform.alerts[0]
    assert (kind, severity) == ("critical_discrepancy", "critical")
    assert context["foreign_account"] == FOREIGN
    with pytest.raises(BotFrozenError):
        platform.router.charge(BOT, 10)
    assert platform.router.charge(OTHER_BOT, 10).paid


def test_a_rolled_back_key_pays_nothing_any_more(platform: Platform) -> None:
    platform.sandbox.faults.foreign_account(FOREIGN, method="POST")
    with pytest.raises(AccountMismatchError):
        platform.router.charge(BOT, 10, idempotency_key="order-1")
    platform.router.unfreeze(BOT, approver="ops@example.com")
    platform.mark()
    with pytest.raises(OperationRolledBackError):
        platform.router.charge(BOT, 10, idempotency_key="order-1")
    assert platform.requests == []
    assert platform.operation().state is State.ROLLED_BACK


def test_the_freeze_holds_in_another_process(platform: Platform) -> None:
    platform.sandbox.faults.foreign_account(FOREIGN, method="POST")
    with pytest.raises(AccountMismatchError):
        platform.router.charge(BOT, 10)
    with pytest.raises(BotFrozenError):
        platform.another_router().charge(BOT, 10)


def test_the_order_is_row_freeze_alert_rollback(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    real = RollbackManager.auto_rollback

    def watched(self: RollbackManager, *arguments: Any) -> RollbackReport:
        seen.append(f"rollback with {len(platform.alerts)} alerts")
        return real(self, *arguments)

    monkeypatch.setattr(RollbackManager, "auto_rollback", watched)
    platform.router.register_alert_sink(
        lambda *_: seen.append(
            f"alert with {len(platform.rows)} row, {len(platform.router.records.freezes())} freeze"
        )
    )
    platform.sandbox.faults.foreign_account(FOREIGN, method="POST")
    with pytest.raises(AccountMismatchError):
        platform.router.charge(BOT, 10)
    assert seen == ["alert with 1 row, 1 freeze", "rollback with 1 alerts"]


def test_a_sink_that_raises_stops_neither_the_rollback_nor_the_other_sinks(
    platform: Platform,
) -> None:
    later: list[str] = []

    def broken(*_: Any) -> None:
        raise PermissionError("no lock file for you")

    platform.router.register_alert_sink(broken)
    platform.router.register_alert_sink(lambda kind, *_: later.append(kind))
    platform.sandbox.faults.foreign_account(FOREIGN, method="POST")
    with pytest.raises(AccountMismatchError):
        platform.router.charge(BOT, 10)
    assert later == ["critical_discrepancy"]
    assert platform.sandbox.refunded_minor() == 1000


def test_an_alert_fires_though_the_rollback_raises(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("rollback is down")

    monkeypatch.setattr(RollbackManager, "auto_rollback", broken)
    platform.sandbox.faults.foreign_account(FOREIGN, method="POST")
    with pytest.raises(AccountMismatchError) as caught:
        platform.router.charge(BOT, 10)
    assert caught.value.money_moved == "unknown"
    assert [kind for kind, *_ in platform.alerts] == ["critical_discrepancy", "rollback_incomplete"]
    assert platform.operation().state is State.ROLLING_BACK
    with pytest.raises(BotFrozenError):
        platform.router.charge(BOT, 10)


def test_hooks_run_and_one_that_fails_stops_nobody(platform: Platform) -> None:
    reports: list[RollbackReport] = []

    def broken(_: RollbackReport) -> None:
        raise ValueError("hook")

    platform.router.register_rollback_hook(broken)
    platform.router.register_rollback_hook(reports.append)
    platform.sandbox.faults.foreign_account(FOREIGN, method="POST")
    with pytest.raises(AccountMismatchError):
        platform.router.charge(BOT, 10)
    assert [report.complete for report in reports] == [True]
    assert reports[0].reversals[0].refunded_minor == 1000


def test_rolling_back_again_does_nothing_twice(platform: Platform) -> None:
    platform.sandbox.faults.foreign_account(FOREIGN, method="POST")
    with pytest.raises(AccountMismatchError):
        platform.router.charge(BOT, 10)
    gateway = platform.parts.keyring.verified_gateway(platform.sandbox.account_id)
    platform.mark()
    report = platform.router.rollback_manager.auto_rollback(platform.operation(), gateway)
    assert report.complete
    assert [r for r in platform.requests if r.method == "POST"] == []
    assert platform.sandbox.refunded_minor() == 1000


def test_an_unpaid_payment_intent_is_cancelled(platform: Platform) -> None:
    platform.sandbox.faults.foreign_account(FOREIGN, method="POST", path="/v1/payment_intents")
    with pytest.raises(AccountMismatchError):
        platform.router.charge(BOT, 10, customer_id="cus_empty")
    assert [pi["status"] for pi in platform.sandbox.payment_intents.values()] == ["canceled"]


@pytest.mark.parametrize(
    ("path", "left"),
    [("/v1/invoices", None), ("/v1/invoices/*/finalize", "void"), ("/v1/invoices/*/pay", "paid")],
)
def test_an_invoice_is_deleted_voided_or_refunded(
    platform: Platform, path: str, left: str | None
) -> None:
    platform.sandbox.faults.foreign_account(FOREIGN, method="POST", path=path)
    with pytest.raises(AccountMismatchError) as caught:
        platform.router.charge(BOT)
    assert caught.value.money_moved == "no"
    statuses = [invoice["status"] for invoice in platform.sandbox.invoices.values()]
    assert statuses == ([left] if left else [])
    assert platform.sandbox.refunded_minor() == platform.sandbox.captured_minor()


def test_a_subscription_is_cancelled_and_its_first_invoice_refunded(platform: Platform) -> None:
    platform.sandbox.faults.foreign_account(FOREIGN, method="POST", path="/v1/subscriptions")
    with pytest.raises(AccountMismatchError):
        platform.router.create_subscription(BOT)
    assert [sub["status"] for sub in platform.sandbox.subscriptions.values()] == ["canceled"]
    assert platform.sandbox.refunded_minor() == platform.sandbox.captured_minor() == 900


def test_a_checkout_session_is_expired_and_a_new_customer_deleted(platform: Platform) -> None:
    platform.sandbox.faults.foreign_account(FOREIGN, method="POST", path="/v1/checkout/sessions")
    with pytest.raises(AccountMismatchError):
        platform.router.create_checkout_session(BOT, {"success_url": "https://example.com/s"})
    assert [s["status"] for s in platform.sandbox.checkout_sessions.values()] == ["expired"]
    platform.sandbox.faults.foreign_account(FOREIGN, method="POST", path="/v1/customers")
    with pytest.raises(AccountMismatchError):
        platform.router.create_customer(OTHER_BOT, {"email": "new@example.com"})
    assert len([c for c in platform.sandbox.customers.values() if c.get("deleted")]) == 1


def test_a_mismatch_on_a_refund_or_on_a_read_reverses_nothing(platform: Platform) -> None:
    paid = platform.router.charge(BOT, 10)
    platform.sandbox.faults.foreign_account(FOREIGN, method="POST", path="/v1/refunds")
    with pytest.raises(AccountMismatchError):
        platform.router.refund(BOT, paid.id, amount=4)
    assert platform.sandbox.refunded_minor() == 400
    platform.sandbox.faults.foreign_account(FOREIGN, method="GET", path="/v1/balance")
    with pytest.raises(AccountMismatchError) as caught:
        platform.router.get_balance(OTHER_BOT)
    assert caught.value.money_moved == "no"
    assert platform.sandbox.refunded_minor() == 400
    assert {freeze.pattern for freeze in platform.router.records.freezes()} == {BOT, OTHER_BOT}
    assert len([a for a in platform.alerts if a[0] == "critical_discrepancy"]) == 2


def test_a_mismatch_on_the_customers_read_charges_nothing(platform: Platform) -> None:
    platform.sandbox.faults.foreign_account(FOREIGN, method="GET", path="/v1/customers/*")
    with pytest.raises(AccountMismatchError):
        platform.router.charge(BOT, 10)
    assert platform.sandbox.effects() == []
    assert platform.operation().state is State.FAILED


@pytest.mark.parametrize("fault", ["livemode", "malformed"])
def test_a_suspicion_freezes_and_alerts_and_refunds_nothing(platform: Platform, fault: str) -> None:
    where: dict[str, Any] = {"method": "POST", "path": "/v1/payment_intents"}
    if fault == "livemode":
        platform.sandbox.faults.livemode(False, **where)
    else:
        platform.sandbox.faults.foreign_account("obj_123", where="on_behalf_of", **where)
    with pytest.raises(AccountMismatchError) as caught:
        platform.router.charge(BOT, 10)
    assert caught.value.money_moved == "unknown"
    assert platform.sandbox.captured_minor() == 1000
    assert platform.sandbox.refunded_minor() == 0
    assert platform.kinds == [("charge", 1)]
    assert platform.operation().state is State.UNKNOWN
    assert len(platform.router.records.freezes()) == 1


def test_the_master_account_itself_is_no_mismatch(platform: Platform) -> None:
    for where in PLACES:
        platform.sandbox.faults.foreign_account(
            platform.sandbox.account_id, where=where, expanded=True, method="POST"
        )
        assert platform.router.charge(BOT, 10).paid


@pytest.mark.parametrize("status", ["pending", "failed"])
def test_a_refund_that_is_not_done_keeps_the_incident_open(platform: Platform, status: str) -> None:
    platform.sandbox.faults.foreign_account(FOREIGN, method="POST", path="/v1/payment_intents")
    platform.sandbox.faults.refund_status(status)
    with pytest.raises(AccountMismatchError) as caught:
        platform.router.charge(BOT, 10)
    assert caught.value.money_moved == "unknown"
    assert platform.operation().state is State.ROLLING_BACK
    assert ("rollback", 1) in platform.kinds
    assert platform.alerts[-1][0] == "rollback_incomplete"
    with pytest.raises(BotFrozenError):
        platform.router.charge(BOT, 10)


def test_after_a_mismatch_the_key_is_proven_again(platform: Platform) -> None:
    platform.sandbox.faults.foreign_account(FOREIGN, method="POST")
    with pytest.raises(AccountMismatchError):
        platform.router.charge(BOT, 10)
    platform.mark()
    platform.router.charge(OTHER_BOT, 10)
    assert platform.paths[0] == "GET /v1/account"


# The key itself.


def test_a_key_of_another_account_is_refused_before_any_money_moves(platform: Platform) -> None:
    platform.sandbox.add_account(FOREIGN, key="sk_live_sandboxfakeForeign")
    router = platform.another_router(secret_key="sk_live_sandboxfakeForeign")
    seen: list[str] = []
    router.register_alert_sink(lambda kind, *_: seen.append(kind))
    with pytest.raises(KeyAccountMismatchError) as caught:
        router.charge(BOT, 10)
    assert isinstance(caught.value, MasterAccountError)
    assert isinstance(caught.value, AccountMismatchError)
    assert platform.paths == ["GET /v1/account"]
    assert seen == ["critical_discrepancy"]
    assert [(row.error, row.destination_account) for row in platform.rows] == [(1, FOREIGN)]
    assert platform.router.charge(BOT, 10).paid  # nobody was frozen: the key was at fault


def test_a_revoked_key_is_refused_before_anything_else(platform: Platform) -> None:
    platform.sandbox.revoke(SECRET_KEY)
    with pytest.raises(InvalidKeyError):
        platform.router.charge(BOT, 10)
    # It stands in the environment, which has no newer one: asking again would be no use.
    assert platform.paths == ["GET /v1/account"]


def test_a_restricted_key_that_cannot_be_proven_is_refused(platform: Platform) -> None:
    platform.sandbox.deny(SECRET_KEY, "/v1/account")
    with pytest.raises(MasterAccountError) as caught:
        platform.router.charge(BOT, 10)
    assert "permission" in str(caught.value)


@pytest.mark.parametrize("fault", ["server_error", "rate_limit", "refuse", "lose_reply"])
def test_a_proof_without_an_answer_is_no_mismatch(platform: Platform, fault: str) -> None:
    getattr(platform.sandbox.faults, fault)(method="GET", path="/v1/account", times=50)
    with pytest.raises(StripeUnavailableError) as caught:
        platform.router.charge(BOT, 10)
    assert caught.value.retryable
    assert platform.alerts == []
    assert platform.router.records.freezes() == []
