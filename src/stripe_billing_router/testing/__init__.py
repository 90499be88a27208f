"""A Stripe to test against: in-process and stateful, as a transport for the real SDK.

    sandbox = StripeSandbox()
    sandbox.add_customer("cus_x", payment_method="pm_card_visa")
    client = stripe.StripeClient("sk_live_sandboxfake", http_client=sandbox.http_client())

The pytest plugin of this package gives a test the fixture `stripe_sandbox`, with the default
router already connected to it. Nothing is loaded before its first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .connected import router_settings
    from .control import ControlError
    from .faults import Fault, FaultKind, FaultPlan
    from .records import Effect, RequestRecord, SandboxResponse
    from .remote import RemoteSandbox
    from .sandbox import StripeSandbox
    from .server import SandboxServer

__all__ = [
    "ControlError",
    "Effect",
    "Fault",
    "FaultKind",
    "FaultPlan",
    "RemoteSandbox",
    "RequestRecord",
    "SandboxResponse",
    "SandboxServer",
    "StripeSandbox",
    "router_settings",
]

_MODULES = {
    "ControlError": "control",
    "Effect": "records",
    "Fault": "faults",
    "FaultKind": "faults",
    "FaultPlan": "faults",
    "RemoteSandbox": "remote",
    "RequestRecord": "records",
    "SandboxResponse": "records",
    "SandboxServer": "server",
    "StripeSandbox": "sandbox",
    "router_settings": "connected",
}


# A type checker would take every name for one of this package, even a misspelt one.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415 - Only needed here.

        value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
