"""The command on a real SQLite ledger in a folder of its own, with nothing else set up."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from stripe_billing_router.billing_logger import log_event
from stripe_billing_router.cli.app import app
from stripe_billing_router.core.operation import LedgerRow
from stripe_billing_router.settings import VARIABLES
from stripe_billing_router.storage.codec import row_columns
from stripe_billing_router.storage.records import Records
from support.records import open_records

ROOT = Path(__file__).resolve().parent.parent.parent

ROUTES = """\
stripe:
  default:
    finance:
      finance_router_bot:
        product_id: prod_finance_router
        price_id: price_finance_standard
        customer_id: cus_finance_default
    analytics:
      new_bot:
        product_id: prod_new_bot
        price_id: price_new_bot_standard
        subscription_price_id: price_new_bot_monthly
        customer_id: cus_new_bot_default
        description: The daily report
  eu:
    finance:
      finance_router_bot:
        product_id: prod_finance_router
        price_id: price_finance_eu
        customer_id: cus_finance_default
        currency: eur
research:
  default:
    market:
      summary_bot:
        product_id: prod_summary
        price_id: price_summary
        customer_id: cus_summary
"""


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """No setting but the routing file and the folder of the ledger; no key anywhere."""
    for variable in (*VARIABLES.values(), "NO_COLOR", "FORCE_COLOR", "COLUMNS", "GITHUB_ACTIONS"):
        monkeypatch.delenv(variable, raising=False)
    routing_file = tmp_path / "routes.yaml"
    routing_file.write_text(ROUTES, encoding="utf-8")
    monkeypatch.setenv("STRIPE_ROUTING_CONFIG", str(routing_file))
    monkeypatch.setenv("STRIPE_LEDGER_DIR", str(tmp_path / "finance_logs"))
    monkeypatch.chdir(tmp_path)
    return dict(os.environ)


@pytest.fixture
def ledger_dir(tmp_path: Path) -> Path:
    return tmp_path / "finance_logs"


@pytest.fixture
def records(ledger_dir: Path) -> Iterator[Records]:
    """The records that the command reads; the database is there when they are."""
    opened = open_records(f"sqlite:///{ledger_dir / 'stripe_ledger.db'}", ledger_dir)
    assert opened.freezes() == []
    yield opened
    opened.close()


@pytest.fixture
def log(records: Records) -> Callable[..., str]:
    """Write one row as a helper of the router would."""

    def write(**columns: Any) -> str:
        rows: list[LedgerRow] = []
        values = {
            "action_type": "charge",
            "amount": "1.00",
            "currency": "usd",
            "bot_id": "finance:finance_router_bot",
        }
        log_event(**{**values, **columns}, writer=rows.append)
        assert records.log(rows[0])
        return rows[0].id

    return write


@pytest.fixture
def fill(records: Records, ledger_dir: Path) -> Callable[[list[LedgerRow]], None]:
    """Put many rows into the table at once: a commit for each would take its time."""

    def write(rows: list[LedgerRow]) -> None:
        assert records.freezes() == [], "the table is there"
        columns = [row_columns(row) for row in rows]
        places = ", ".join(f":{name}" for name in columns[0])
        with closing(sqlite3.connect(ledger_dir / "stripe_ledger.db")) as database, database:
            for values in columns:
                values["amount"] = str(values["amount"])
                database.execute(f"INSERT INTO stripe_ledger VALUES ({places})", values)  # noqa: S608

    return write


Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Run the command in this process; `status` is how it must end, None if that is no matter."""

    def invoke(*arguments: str, status: int | None = 0) -> Result:
        result = CliRunner().invoke(app, list(arguments), prog_name="stripe-billing-router")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert status in (None, result.exit_code), result.output
        return result

    return invoke
