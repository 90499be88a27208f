"""A platform to charge on: a router over a sandbox, and what operators and finance look at."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stripe_billing_router import BillingRouter
from stripe_billing_router.assembly import Parts, Surroundings, assemble
from stripe_billing_router.core.operation import LedgerRow, Operation, State
from stripe_billing_router.settings import Settings
from stripe_billing_router.testing import RequestRecord, StripeSandbox
from support.ready_ledger import put_empty_ledger

BOT = "finance:finance_router_bot"
OTHER_BOT = "support:helper_bot"
SECRET_KEY = "sk_live_sandboxfakeKeyOfNobody"
PUBLIC_KEY = "pk_live_sandboxfakeKeyOfNobody"

ROUTES = """
stripe:
  default:
    finance:
      finance_router_bot:
        product_id: prod_finance_router
        price_id: price_finance_standard
        customer_id: cus_finance_default
        subscription_price_id: price_finance_monthly
    support:
      helper_bot:
        product_id: prod_support
        price_id: price_support
        customer_id: cus_support
        user_email: support@example.com
  eu:
    finance:
      finance_router_bot:
        product_id: prod_finance_router
        price_id: price_finance_eu
        customer_id: cus_finance_default
        currency: eur
"""


@dataclass
class Platform:
    """A router, the Stripe behind it, and the alerts that it sent."""

    sandbox: StripeSandbox
    folder: Path
    router: BillingRouter
    parts: Parts
    settings: dict[str, Any] = field(default_factory=dict)
    alerts: list[tuple[str, str, str, Any]] = field(default_factory=list)
    marked: int = 0
    others: list[BillingRouter] = field(default_factory=list)

    def another_router(self, **settings: Any) -> BillingRouter:
        """Return a second router over the same database and the same Stripe, as a new process."""
        parts = _parts(self.sandbox, self.folder, **(self.settings | settings))
        self.others.append(BillingRouter(parts))
        return self.others[-1]

    def mark(self) -> None:
        """Count requests from here on."""
        self.marked = len(self.sandbox.requests)

    @property
    def requests(self) -> list[RequestRecord]:
        """The requests since the last mark."""
        return self.sandbox.requests[self.marked :]

    @property
    def paths(self) -> list[str]:
        """The requests since the last mark, as `POST /v1/…` without queries and ids."""
        return [f"{request.method} {_kind(request.path)}" for request in self.requests]

    @property
    def rows(self) -> list[LedgerRow]:
        """The ledger, oldest first."""
        return sorted(self.router.records.ledger(), key=lambda row: row.id)

    @property
    def kinds(self) -> list[tuple[str, int]]:
        """Action type and error of each ledger row, oldest first."""
        return [(row.action_type, row.error) for row in self.rows]

    def operation(self, state: State | None = None) -> Operation:
        """Return the newest operation (of a state)."""
        found = self.router.records.operations(state=state)
        return max(found, key=lambda operation: (operation.created_ms, operation.updated_ms))


def _kind(path: str) -> str:
    parts = path.partition("?")[0].split("/")
    return "/".join(
        "{id}" if "_" in part and any(map(str.isdigit, part)) else part for part in parts
    )


def _parts(
    sandbox: StripeSandbox,
    folder: Path,
    surroundings: Surroundings | None = None,
    **settings: Any,
) -> Parts:
    chosen: dict[str, Any] = {
        "http_client": sandbox.http_client(),
        "secret_key": SECRET_KEY,
        "public_key": PUBLIC_KEY,
        "master_account_id": sandbox.account_id,
        "ledger_dir": folder / "finance_logs",
        "routing_config": folder / "routes.yaml",
        "give_up_after_s": 0.2,
    }
    return assemble(Settings.load(**(chosen | settings)), surroundings)


@contextmanager
def platform_in(folder: Path, **settings: Any) -> Iterator[Platform]:
    """Yield a platform whose customers have a working card."""
    with platform_at(StripeSandbox(), folder, **settings) as platform:
        yield platform


@contextmanager
def platform_at(sandbox: StripeSandbox, folder: Path, **settings: Any) -> Iterator[Platform]:
    """Yield a platform at this Stripe."""
    sandbox.add_customer(
        "cus_finance_default", email="finance@example.com", payment_method="pm_card_visa"
    )
    sandbox.add_customer("cus_support", email="other@example.com", payment_method="pm_card_visa")
    sandbox.add_customer("cus_empty", email="empty@example.com")
    sandbox.add_price("price_finance_standard", unit_amount=2000)
    sandbox.add_price("price_support", unit_amount=500)
    sandbox.add_price("price_finance_eu", unit_amount=1800, currency="eur")
    sandbox.add_price("price_finance_monthly", unit_amount=900, recurring=True)
    sandbox.add_price("price_finance_enterprise", unit_amount=9900)
    (folder / "routes.yaml").write_text(ROUTES, encoding="utf-8")
    ledger = folder / "finance_logs" / "stripe_ledger.db"
    if not settings.keys() & {"ledger_url", "ledger_dir"} and not ledger.exists():
        put_empty_ledger(ledger)
    parts = _parts(sandbox, folder, **settings)
    router = BillingRouter(parts)
    platform = Platform(sandbox, folder, router, parts, settings)
    router.register_alert_sink(
        lambda kind, severity, message, context: platform.alerts.append(
            (kind, severity, message, context)
        )
    )
    try:
        yield platform
    finally:
        for opened in (router, *platform.others):
            opened.close()


def raw(row: LedgerRow) -> dict[str, Any]:
    """Return the Stripe object of a ledger row."""
    body: dict[str, Any] = json.loads(row.raw_event_json)
    return body


PlatformFactory = Callable[..., Platform]
