"""How a router is connected to a sandbox, and to nothing real."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .sandbox import StripeSandbox

# Well-formed for the router, and worthless anywhere else.
SECRET_KEY = "sk_live_sandboxfakekey000000"  # noqa: S105 - It opens nothing.
PUBLIC_KEY = "pk_live_sandboxfakekey000000"

_ROUTING_CONFIG = Path("config/stripe_billing_router.yaml")
# For a project without a routing file: a router needs at least one route.
_ONE_ROUTE = """\
stripe:
  default:
    sandbox:
      bot: {product_id: prod_sandbox, price_id: price_sandbox, customer_id: cus_sandbox}
"""


def router_settings(sandbox: StripeSandbox, folder: Path) -> dict[str, Any]:
    """Return settings for `configure` or `BillingRouter` that reach this sandbox and nothing else.

    The routes are the project's own; without a routing file there is the bot `sandbox:bot`.

    Args:
        folder: for the ledger; it must exist.
    """
    settings: dict[str, Any] = {
        "http_client": sandbox.http_client(),
        "secret_key": SECRET_KEY,
        "public_key": PUBLIC_KEY,
        "master_account_id": sandbox.account_id,
        "ledger_dir": folder,
        "ledger_url": f"sqlite:///{folder / 'ledger.db'}",
        "vault_addr": None,
        "alert_urls": (),
    }
    if not os.environ.get("STRIPE_ROUTING_CONFIG") and not _ROUTING_CONFIG.exists():
        only = folder / "routes.yaml"
        only.write_text(_ONE_ROUTE)
        settings["routing_config"] = only
    return settings
