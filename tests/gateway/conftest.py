"""A server in Stripe's place, and what is said to it."""

from collections.abc import Iterator

import pytest

from stripe_billing_router.core.secret import Secret
from stripe_billing_router.gateway.gateway import StripeGateway
from support.loopback import Answer, LoopbackServer, loopback_server
from support.payments import INTENT, PLANTED_KEY


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    """Answers everything with a paid PaymentIntent until told otherwise."""
    with loopback_server(lambda _request: Answer.json(INTENT)) as running:
        yield running


@pytest.fixture
def gateway(server: LoopbackServer) -> Iterator[StripeGateway]:
    opened = StripeGateway(
        Secret(PLANTED_KEY),
        api_base=server.url,
        connect_timeout_s=2.0,
        read_timeout_s=1.0,
        call_timeout_s=2.0,
    )
    yield opened
    opened.close()
