"""Each test of this folder runs twice: over the sandbox, and over the real stripe-mock."""

from collections.abc import Iterator

import pytest
import stripe

from contract.calls import Stripe
from stripe_billing_router.testing import StripeSandbox
from support.stripe_mock_transport import StripeMockTransport

ACCOUNT = "acct_sandboxmaster"
KEY = "sk_live_sandboxfake"


@pytest.fixture
def over_sandbox() -> Stripe:
    """The SDK over a sandbox that has what the calls name."""
    sandbox = StripeSandbox(ACCOUNT)
    sandbox.add_customer("cus_x", email="x@example.com", payment_method="pm_card_visa")
    sandbox.add_price("price_once", unit_amount=2000)
    sandbox.add_price("price_monthly", unit_amount=900, recurring=True)
    return Stripe(stripe.StripeClient(KEY, http_client=sandbox.http_client()))


@pytest.fixture
def over_stripe_mock(stripe_mock_url: str) -> Iterator[Stripe]:
    """The SDK over stripe-mock, with the same live key and account."""
    transport = StripeMockTransport(stripe_mock_url, ACCOUNT)
    yield Stripe(stripe.StripeClient(KEY, http_client=transport))
    transport.close()


@pytest.fixture(
    params=["sandbox", pytest.param("stripe-mock", marks=pytest.mark.stripe_mock)],
)
def api(request: pytest.FixtureRequest) -> Stripe:
    """Stripe, as one of the two plays it."""
    made = request.getfixturevalue("over_" + request.param.replace("-", "_"))
    assert isinstance(made, Stripe)
    return made
