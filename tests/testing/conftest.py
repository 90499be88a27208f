"""A sandbox and the real SDK on top of it."""

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from stripe_billing_router.testing import StripeSandbox

KEY = "sk_live_sandboxfake"
# As the router does: whatever version the installed SDK would choose.
API_VERSION = "2026-10-28.endive"


@pytest.fixture
def sandbox() -> StripeSandbox:
    """A sandbox with one customer whose default card works, and two prices."""
    sandbox = StripeSandbox()
    sandbox.add_customer("cus_x", email="x@example.com", payment_method="pm_card_visa")
    sandbox.add_customer("cus_bare", email="bare@example.com")
    sandbox.add_price("price_once", unit_amount=2000)
    sandbox.add_price("price_monthly", unit_amount=900, recurring=True)
    return sandbox


@pytest.fixture
def client(sandbox: StripeSandbox) -> stripe.StripeClient:
    """The real SDK, talking to the sandbox."""
    return stripe.StripeClient(KEY, http_client=sandbox.http_client(), stripe_version=API_VERSION)


@pytest.fixture
def pay(client: stripe.StripeClient) -> Callable[..., Any]:
    """Create and confirm a PaymentIntent for a customer who is away, as the router does."""

    def pay(key: str | None = None, **changes: Any) -> Any:
        params: dict[str, Any] = {
            "amount": 1000,
            "currency": "usd",
            "customer": "cus_x",
            "payment_method": "pm_card_visa",
            "confirm": True,
            "off_session": True,
            "error_on_requires_action": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            **changes,
        }
        options: Any = {"idempotency_key": key} if key else {}
        return client.v1.payment_intents.create(params, options)  # type: ignore[arg-type]

    return pay
