"""`doctor`: what an operator reads, what a script gets, and that it moves and makes nothing."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from stripe_billing_router import BillingRouter
from stripe_billing_router.doctor import account, examination
from stripe_billing_router.keys import vault as vault_adapter
from stripe_billing_router.storage import status
from stripe_billing_router.storage.database import CONNECT_TIMEOUT_S
from stripe_billing_router.testing import StripeSandbox
from support.commands import run_command
from support.site import PUBLIC, SECRET
from support.terminal import in_terminal
from support.vault import TOKEN

Run = Callable[..., Result]


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[StripeSandbox]:
    """A Stripe on loopback, and the keys of its account in the environment."""
    stripe = StripeSandbox()
    with stripe.serve() as server:
        monkeypatch.setenv("STRIPE_API_BASE", server.url)
        monkeypatch.setenv("STRIPE_SECRET_KEY", SECRET)
        monkeypatch.setenv("STRIPE_PUBLIC_KEY", PUBLIC)
        monkeypatch.setenv("STRIPE_MASTER_ACCOUNT_ID", stripe.account_id)
        yield stripe


@pytest.fixture
def shell(sandbox: StripeSandbox, environment: dict[str, str]) -> dict[str, str]:
    """The environment of another process, with what `sandbox` has set."""
    return dict(os.environ)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
    }


def row(result: Result, about: str) -> str:
    (found,) = [line for line in result.stdout.splitlines() if f"  {about}  " in line]
    return found


def test_a_router_that_is_set_up_is_well(run: Run, sandbox: StripeSandbox) -> None:
    result = run("doctor")
    assert row(result, "secret key").startswith("ok ")
    assert "sk_live_…WXYZ from the environment" in row(result, "secret key")
    assert row(result, "account").startswith("ok ")
    assert row(result, "addresses").startswith("warning ")
    assert " 0 wrong" not in result.stdout
    assert result.stdout.splitlines()[-1].startswith("2 warnings, ")


def test_what_is_wrong_is_told_with_what_to_do_and_the_status_is_1(
    run: Run, sandbox: StripeSandbox, tmp_path: Path
) -> None:
    (tmp_path / "routes.yaml").write_text("stripe: {}\n", encoding="utf-8")
    sandbox.revoke(SECRET)
    result = run("doctor", status=1)
    assert row(result, "routing file").startswith("wrong ")
    assert row(result, "account").startswith("wrong ")
    assert " → " in row(result, "account")
    # One failing check never hides another.
    assert row(result, "folder").startswith("info ")


def test_wrong_use_is_2(run: Run) -> None:
    run("doctor", "--jsno", status=2)
    run("doctor", "everything", status=2)


def test_a_machine_gets_one_document(run: Run, sandbox: StripeSandbox) -> None:
    well = json.loads(run("doctor", "--json").stdout)
    assert well["status"] == "warning"
    assert well["counts"]["wrong"] == 0
    assert sum(well["counts"].values()) == len(well["checks"])
    by_name = {(check["section"], check["check"]): check for check in well["checks"]}
    account = by_name["keys", "account"]
    assert set(account) == {"section", "check", "status", "finding", "remedy"}
    assert (account["status"], account["remedy"]) == ("ok", None)
    sandbox.revoke(SECRET)
    ill = json.loads(run("doctor", "--json", status=1).stdout)
    assert ill["status"] == "wrong"


def test_it_moves_no_money_and_makes_nothing(
    run: Run, sandbox: StripeSandbox, tmp_path: Path
) -> None:
    before = files(tmp_path)
    run("doctor")
    assert files(tmp_path) == before
    assert [(request.method, request.path) for request in sandbox.requests] == [
        ("GET", "/v1/account")
    ]


def test_it_leaves_a_ledger_in_use_as_it_is(
    run: Run, sandbox: StripeSandbox, ledger_dir: Path
) -> None:
    sandbox.add_customer("cus_finance_default", payment_method="pm_card_visa")
    router = BillingRouter(http_client=sandbox.http_client())
    assert router.charge("finance:finance_router_bot", "10.00", idempotency_key="order-1").paid
    router.close()
    before, asked = files(ledger_dir), len(sandbox.requests)
    result = run("doctor")
    assert row(result, "database").startswith("ok ")
    assert files(ledger_dir) == before
    assert [request.path for request in sandbox.requests[asked:]] == ["/v1/account"]


def test_no_secret_is_shown_whatever_is_wrong(
    run: Run, sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in (
        ("VAULT_ADDR", "http://127.0.0.1:1"),
        ("VAULT_TOKEN", "hvs.PlantedTokenThatNobodyMaySee"),
        ("STRIPE_LEDGER_URL", "postgresql://ada:PlantedPassword@127.0.0.1:1/billing"),
        ("STRIPE_ALERT_URLS", "nobody-knows://PlantedPassword@host"),
        ("STRIPE_PUBLIC_KEY", SECRET),
        ("STRIPE_MASTER_ACCOUNT_ID", SECRET),
        ("STRIPE_VAULT_PATH", SECRET),
        ("STRIPE_ROUTING_CONFIG", f"/nowhere/{SECRET}"),
    ):
        monkeypatch.setenv(variable, value)
        for arguments in (("doctor",), ("doctor", "--json")):
            assert "Planted" not in run(*arguments, status=None).output


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_it_fits_a_terminal(shell: dict[str, str], columns: int) -> None:
    bad = {"STRIPE_SECRET_KEY": PUBLIC, "STRIPE_LEDGER_URL": "postgresql://a@127.0.0.1:1/billing"}
    screen = in_terminal(["doctor"], shell | bad, columns=columns)
    assert screen.status == 1
    assert "Keys and account" in screen.text
    assert "→ " in screen.text
    shown = screen.text.partition("This host")[2].splitlines()
    assert max(map(len, shown)) <= columns


def test_it_says_what_it_is_doing_in_a_terminal_only(shell: dict[str, str]) -> None:
    assert "Looking …" in in_terminal(["doctor"], shell).text
    done = run_command("doctor", env=shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout


# How long each of them is waited for, cut down to what a test may take.
SOON = """
from stripe_billing_router.doctor import account
from stripe_billing_router.keys import vault
from stripe_billing_router.storage import status
account._ANSWER_S = 0.5
status.CONNECT_TIMEOUT_S = 2
vault._TIMEOUT_S, vault._READING_S = (0.3, 0.3), 0.5
from stripe_billing_router.cli import main
main()
"""


def test_it_ends_whatever_hangs(shell: dict[str, str], tmp_path: Path) -> None:
    """Vault, Stripe and the database take the connection, and never say a word."""
    with ExitStack() as stack:
        ports: Iterator[int] = (
            stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
            for _ in range(3)
        )
        hanging = {
            "STRIPE_API_BASE": f"http://127.0.0.1:{next(ports)}",
            "VAULT_ADDR": f"http://127.0.0.1:{next(ports)}",
            "VAULT_TOKEN": TOKEN,
            "STRIPE_LEDGER_URL": f"postgresql://ada@127.0.0.1:{next(ports)}/billing",
        }
        done = subprocess.run(
            [sys.executable, "-c", SOON, "doctor", "--json"],
            env=shell | hanging,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 1
    found: dict[str, Any] = {check["check"]: check for check in json.loads(done.stdout)["checks"]}
    assert found["Vault"]["status"] == "warning"
    assert found["account"]["status"] == "wrong"
    assert found["database"]["status"] == "wrong"
    assert found["routing file"]["status"] == "ok"
    assert found["secret key"]["status"] == "ok"


def test_its_own_limits_end_a_part_before_all_is_given_up() -> None:
    assert vault_adapter._READING_S + account._ANSWER_S < examination.LONGEST_S
    assert CONNECT_TIMEOUT_S + status._WAIT_S < examination.LONGEST_S
