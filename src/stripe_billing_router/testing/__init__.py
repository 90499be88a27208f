"""A Stripe to test against: in-process and stateful, as a transport for the real SDK.

    sandbox = StripeSandbox()
    sandbox.add_customer("cus_x", payment_method="pm_card_visa")
    client = stripe.StripeClient("sk_live_sandboxfake", http_client=sandbox.http_client())

The pytest plugin of this package gives a test the fixture `stripe_sandbox`, with the default
router already connected to it.
"""

from .faults import Fault, FaultKind, FaultPlan
from .records import Effect, RequestRecord, SandboxResponse
from .sandbox import StripeSandbox

__all__ = [
    "Effect",
    "Fault",
    "FaultKind",
    "FaultPlan",
    "RequestRecord",
    "SandboxResponse",
    "StripeSandbox",
]
