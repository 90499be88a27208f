"""The engine's order: an intent before the first call, an outcome after it, alerts at the end."""

import os
import pickle
import signal
import subprocess
import sys
import time
import traceback
from contextlib import closing
from pathlib import Path
from sqlite3 import connect
from typing import Any

import pytest

from stripe_billing_router import (
    BillingError,
    LedgerUnavailableError,
    PaymentDeclinedError,
    Receipt,
    billing_logger,
)
from stripe_billing_router.core.operation import State
from stripe_billing_router.testing import StripeSandbox
from support.platform import BOT, SECRET_KEY, Platform, platform_in, raw


def stored(folder: Path) -> list[tuple[str, str]]:
    """Read the journal as another process would: state and steps of each operation."""
    path = folder / "finance_logs" / "stripe_ledger.db"
    with closing(connect(path, timeout=0.1)) as connection:
        return connection.execute("select state, steps from stripe_operations").fetchall()


class Watching:
    """Wraps the sandbox's HTTP client and looks at the database while a call is under way."""

    def __init__(self, sandbox: StripeSandbox, folder: Path) -> None:
        self.inner = sandbox.http_client()
        self.folder = folder
        self.seen: list[tuple[str, str, str]] = []

    def client(self) -> Any:
        import stripe  # noqa: PLC0415 - Only this test stands below the SDK.

        watching = self

        class Client(stripe.HTTPClient):
            name = "watching"

            def request(
                self, method: str, url: str, headers: Any, post_data: Any = None, **_: Any
            ) -> tuple[Any, int, Any]:
                state, steps = stored(watching.folder)[-1]
                watching.seen.append((f"{method} {url.partition('/v1')[2]}", state, steps))
                # A transaction left open across the call would hold this write up.
                with closing(
                    connect(watching.folder / "finance_logs" / "stripe_ledger.db", timeout=0.1)
                ) as other:
                    other.execute("begin immediate")
                    other.rollback()
                return watching.inner.request(method, url, headers, post_data)

            def close(self) -> None:
                pass

        return Client()


def test_the_intent_is_committed_before_the_first_call_and_no_transaction_is_open(
    platform: Platform,
) -> None:
    watching = Watching(platform.sandbox, platform.folder)
    router = platform.another_router(http_client=watching.client())
    router.charge(BOT, 10)
    router.charge(BOT)
    states = {state for _, state, _ in watching.seen}
    assert states == {"pending"}
    for call, _, steps in watching.seen:
        if call.startswith("post"):
            step = {"/payment_intents": "create", "/invoices": "invoice", "/invoiceitems": "item"}
            last = call.partition(" ")[2]
            name = step.get(last, last.rpartition("/")[2])
            assert f'"{name}"' in steps, f"{call} was sent before its record was committed"


def test_outcome_and_ledger_row_stand_or_fall_together(platform: Platform) -> None:
    receipt = platform.router.charge(BOT, 10)
    operation = platform.router.get_operation(receipt.operation_id)
    assert operation.state is State.SUCCEEDED
    assert raw(platform.rows[0])["id"] == receipt.id
    assert operation.receipt == receipt


def test_a_process_killed_after_the_send_pays_once_when_its_key_comes_again(
    tmp_path: Path,
) -> None:
    """A real process dies in the middle of a call; another continues with the same key."""
    with platform_in(tmp_path) as platform, platform.sandbox.serve() as server:
        script = (
            f"import stripe_billing_router as s\ns.charge({BOT!r}, 10, idempotency_key='order-1')\n"
        )
        platform.sandbox.faults.delay(60, method="POST")
        environment = {
            **os.environ,
            "STRIPE_API_BASE": server.url,
            "STRIPE_SECRET_KEY": SECRET_KEY,
            "STRIPE_PUBLIC_KEY": "pk_live_sandboxfake1",
            "STRIPE_MASTER_ACCOUNT_ID": platform.sandbox.account_id,
            "STRIPE_LEDGER_DIR": str(tmp_path / "finance_logs"),
            "STRIPE_ROUTING_CONFIG": str(tmp_path / "routes.yaml"),
        }
        with subprocess.Popen([sys.executable, "-c", script], env=environment) as process:
            while platform.sandbox.count("POST /v1/payment_intents") == 0:
                assert process.poll() is None, "it ended before it was killed"
                time.sleep(0.01)
            process.kill()
        assert process.returncode == -signal.SIGKILL
        assert platform.operation().state is State.PENDING
        platform.sandbox.faults.clear()
        router = platform.another_router(give_up_after_s=20)
        receipt = router.charge(BOT, 10, idempotency_key="order-1")
        assert receipt.paid
        assert platform.sandbox.captured_minor() == 1000
        assert platform.kinds == [("charge", 0)]


def test_nowhere_to_write_means_nothing_is_sent(tmp_path: Path) -> None:
    with platform_in(tmp_path, database_away="refuse") as platform:
        no_folder = tmp_path / "routes.yaml" / "ledger.db"
        router = platform.another_router(
            ledger_url=f"sqlite:///{no_folder}", database_away="refuse"
        )
        with pytest.raises(LedgerUnavailableError) as caught:
            router.charge(BOT, 10)
        assert caught.value.money_moved == "no"
        assert platform.requests == []


def test_with_the_database_away_rows_go_to_the_jsonl_file(tmp_path: Path) -> None:
    with platform_in(tmp_path) as platform:
        router = platform.another_router(ledger_url="postgresql://nobody@127.0.0.1:9/none")
        receipt = router.charge(BOT, 10)
        assert receipt.paid
        lines = (tmp_path / "finance_logs" / "stripe_ledger.jsonl").read_text().splitlines()
        assert len(lines) == 1
        assert receipt.id in lines[0]


def test_every_outcome_goes_through_log_event(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    real = billing_logger.log_event

    def watched(**columns: Any) -> str:
        seen.append(columns["action_type"])
        return real(**columns)

    monkeypatch.setattr(billing_logger, "log_event", watched)
    paid = platform.router.charge(BOT, 10)
    platform.router.refund(BOT, paid.id)
    with pytest.raises(PaymentDeclinedError):
        platform.router.charge(BOT, 1, payment_method="pm_card_chargeDeclined")
    assert seen == ["charge", "refund", "charge"]


def test_a_fault_in_an_answer_is_an_unknown_outcome_not_a_crash(platform: Platform) -> None:
    platform.sandbox.faults.not_json(method="POST", times=50)
    with pytest.raises(BillingError) as caught:
        platform.router.charge(BOT, 10, idempotency_key="order-1")
    assert caught.value.money_moved == "unknown"
    platform.sandbox.faults.clear()
    assert platform.router.charge(BOT, 10, idempotency_key="order-1").paid
    assert platform.sandbox.captured_minor() == 1000


def test_client_secrets_and_keys_show_nowhere(
    platform: Platform, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    receipt = platform.router.charge(BOT, 10, customer_id="cus_empty")
    secret = receipt["client_secret"]
    errors: list[BaseException] = []
    wrong: list[dict[str, Any]] = [
        {"payment_method": "pm_card_chargeDeclined"},
        {"customer_id": SECRET_KEY},
    ]
    for arguments in wrong:
        try:
            platform.router.charge(BOT, 10, **arguments)
        except BillingError as caught:
            errors.append(caught)
    shown = [repr(receipt), str(receipt), caplog.text, capfd.readouterr().err]
    shown += [pickle.dumps(receipt).decode("latin-1"), repr(platform.router.__dict__)]
    for error in errors:
        shown += [repr(error), str(error), pickle.dumps(error).decode("latin-1")]
    assert errors[0].__traceback__ is not None
    ours = errors[0].__traceback__.tb_next  # below the test itself, whose variables hold them all
    shown += traceback.TracebackException(
        type(errors[0]), errors[0], ours, capture_locals=True
    ).format()
    platform.router.records.close()
    for path in (platform.folder / "finance_logs").iterdir():
        shown.append(path.read_bytes().decode("latin-1"))
    assert len(errors) == 2
    for planted in (secret, SECRET_KEY, "pk_live_sandboxfakeKeyOfNobody"):
        assert [text for text in shown if planted in text] == []


def test_a_receipt_survives_a_pickle_without_its_client_secret(platform: Platform) -> None:
    receipt = platform.router.charge(BOT, 10, customer_id="cus_empty")
    copied = pickle.loads(pickle.dumps(receipt))  # noqa: S301 - Ours, made on the line above.
    assert isinstance(copied, Receipt)
    assert (copied.id, copied.amount) == (receipt.id, receipt.amount)
    assert "client_secret" not in copied
