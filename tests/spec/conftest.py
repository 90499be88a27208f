"""The owner's examples need a routing file in its usual place, and a default router."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import stripe_billing_router as billing
from stripe_billing_router.testing import StripeSandbox
from support.platform import PUBLIC_KEY, SECRET_KEY
from support.stripe_mock_transport import StripeMockTransport

MASTER = "acct_master"

# The owner's minimal routing file.
ROUTING = """\
stripe:
  default:
    finance:
      finance_router_bot:
        product_id: prod_finance_router
        price_id: price_finance_standard
        customer_id: cus_finance_default
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A deployment as the owner describes it: YAML in config/, keys and account by environment."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "stripe_billing_router.yaml").write_text(ROUTING)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STRIPE_SECRET_KEY", SECRET_KEY)
    monkeypatch.setenv("STRIPE_PUBLIC_KEY", PUBLIC_KEY)
    monkeypatch.setenv("STRIPE_MASTER_ACCOUNT_ID", MASTER)
    billing.reset()
    yield tmp_path
    billing.reset()


@pytest.fixture
def sandbox(home: Path) -> StripeSandbox:
    """A Stripe that knows what the examples name."""
    stripe = StripeSandbox(account_id=MASTER)
    stripe.add_customer("cus_finance_default", email="f@example.com", payment_method="pm_card_visa")
    stripe.add_customer("cus_new_bot_default", payment_method="pm_card_visa")
    stripe.add_price("price_finance_standard", unit_amount=2000)
    stripe.add_price("price_finance_eu", unit_amount=1800, currency="eur")
    stripe.add_price("price_finance_enterprise", unit_amount=9900)
    stripe.add_price("price_new_bot_standard", unit_amount=100)
    billing.configure(http_client=stripe.http_client(), give_up_after_s=0.2)
    return stripe


@pytest.fixture(params=["sandbox", "stripe-mock"])
def anywhere(request: pytest.FixtureRequest, home: Path) -> str:
    """The default router over the sandbox, then over a real stripe-mock."""
    if request.param == "sandbox":
        request.getfixturevalue("sandbox")
    else:
        url = request.getfixturevalue("stripe_mock_url")
        client: Any = StripeMockTransport(url, account_id=MASTER)
        billing.configure(http_client=client, api_base=url, give_up_after_s=0.2)
    return str(request.param)
