"""What is measured: routers, the bare SDK and bare SQLite, all before one sandbox Stripe.

The sandbox runs in a process of its own, as Stripe would, so that it takes none of our time.
"""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import stripe

import stripe_billing_router
from stripe_billing_router import BillingRouter, Receipt
from stripe_billing_router.settings import VARIABLES
from stripe_billing_router.testing.remote import RemoteSandbox

BOT: Final = "bench:bot"
ACCOUNT: Final = "acct_bench"
SECRET_KEY: Final = "sk_live_benchFakeKeyOfNobody"  # noqa: S105 - It opens nothing.
PUBLIC_KEY: Final = "pk_live_benchFakeKeyOfNobody"
ROUTES: Final = """\
stripe:
  default:
    bench:
      bot:
        product_id: prod_bench
        price_id: price_bench
        subscription_price_id: price_bench_monthly
        customer_id: cus_bench
"""
_PACKAGE: Final = Path(stripe_billing_router.__file__).parent


def environment(**variables: str) -> dict[str, str]:
    """Return an environment without the product's own variables, in which our package is found."""
    own = set(VARIABLES.values())
    inherited = {name: value for name, value in os.environ.items() if name not in own}
    return {**inherited, "PYTHONPATH": str(_PACKAGE.parent), **variables}


@contextmanager
def served_sandbox() -> Iterator[str]:
    """Yield the address of a sandbox Stripe in a process of its own."""
    command = [sys.executable, "-m", "stripe_billing_router.testing", "--account", ACCOUNT]
    command += ["--customer", "cus_bench", "--price", "price_bench:1000:usd"]
    command += ["--price", "price_bench_monthly:1000:usd:month"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as server:
        try:
            said = server.stdout.readline() if server.stdout else ""
            yield said.split()[-1]
        finally:
            server.terminate()


@dataclass
class Stage:
    """One address of Stripe's, and those who charge there."""

    url: str
    folder: Path
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.stripe = RemoteSandbox(self.url)
        self.routes = self.folder / "routes.yaml"
        self.routes.write_text(ROUTES)

    def key(self) -> str:
        """Return a new business key."""
        return f"bench-{os.getpid()}-{next(self.numbers)}"

    @contextmanager
    def router(
        self, name: str, ledger_url: str | None = None, *, warm_up: int = 3
    ) -> Iterator[BillingRouter]:
        """Yield a router that has charged `warm_up` times, by default on a SQLite file."""
        router = BillingRouter(
            secret_key=SECRET_KEY,
            public_key=PUBLIC_KEY,
            master_account_id=ACCOUNT,
            api_base=self.url,
            vault_addr=None,
            alert_urls=(),
            routing_config=self.routes,
            ledger_dir=self.folder / name,
            ledger_url=ledger_url,
        )
        with closing(router):
            for _ in range(warm_up):
                self.charge(router)
            yield router

    def charge(self, router: BillingRouter) -> Receipt:
        """Charge an amount, under a new business key."""
        return router.charge(BOT, "10.00", idempotency_key=self.key())

    def parameters(self) -> Mapping[str, Any]:
        """Return what a router sends for an amount charge, for the SDK to send the same."""
        sent = [item for item in self.stripe.requests() if item.path == "/v1/payment_intents"]
        return sent[-1].params

    @contextmanager
    def delay(self, seconds: float) -> Iterator[None]:
        """Let Stripe take its time for a charge."""
        if seconds:
            self.stripe.fault("delay", seconds=seconds, times=None, path="/v1/payment_intents")
        try:
            yield
        finally:
            self.stripe.fault("clear")

    def requests(self) -> int:
        """Return how many requests arrived at Stripe."""
        return self.stripe.count("* /v1/*")


class BareSdk:
    """The SDK as its documentation shows it, with its default HTTP client."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._client = stripe.StripeClient(SECRET_KEY, base_addresses={"api": stage.url})
        self._parameters: Any = stage.parameters()

    def charge(self) -> None:
        """Create a PaymentIntent with the very parameters of a router."""
        self._client.v1.payment_intents.create(
            self._parameters, {"idempotency_key": self._stage.key()}
        )


class BareSqlite:
    """The same rows in the same tables with the same durability, by nothing but `sqlite3`."""

    def __init__(self, warm: Path, own: Path) -> None:
        with closing(sqlite3.connect(warm)) as source, closing(sqlite3.connect(own)) as target:
            source.backup(target)
        self._connection = sqlite3.connect(own, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._operation = self._last("stripe_operations")
        self._entry = self._last("stripe_ledger")
        self._object_id = str(json.loads(self._entry["raw_event_json"])["id"])
        self._numbers = itertools.count()

    def intend(self) -> str:
        """Commit the intent of a charge; return its id."""
        name = f"op_bare_{next(self._numbers)}"
        with self._transaction():
            self._insert(
                "stripe_operations", {**self._operation, "operation_id": name, "result": None}
            )
        return name

    def settle(self, name: str) -> None:
        """Commit the outcome of a charge, with its ledger row."""
        values = {**self._operation, "operation_id": name}
        with self._transaction():
            self._connection.execute(
                "UPDATE stripe_operations SET steps = :steps, result = :result, state = :state, "
                "updated_ms = :updated_ms WHERE operation_id = :operation_id",
                values,
            )
            self._insert("stripe_ledger", self._new_entry(name))

    def log(self) -> None:
        """Commit one ledger row."""
        row = self._new_entry(f"row_bare_{next(self._numbers)}")
        with self._transaction():
            self._insert("stripe_ledger", row)

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def _new_entry(self, name: str) -> dict[str, Any]:
        text = self._entry["raw_event_json"].replace(self._object_id, f"pi_{name}")
        return {**self._entry, "id": f"led_{name}", "raw_event_json": text}

    def _last(self, table: str) -> dict[str, Any]:
        found = self._connection.execute(f"SELECT * FROM {table} ORDER BY rowid DESC LIMIT 1")  # noqa: S608 - Our own names.
        names = [column[0] for column in found.description]
        return dict(zip(names, found.fetchone(), strict=True))

    def _insert(self, table: str, row: Mapping[str, Any]) -> None:
        places = ", ".join("?" * len(row))
        self._connection.execute(f"INSERT INTO {table} VALUES ({places})", tuple(row.values()))  # noqa: S608 - Our own names.

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        yield
        self._connection.execute("COMMIT")
