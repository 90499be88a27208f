"""What a customer or a bank decides later: a payment that was under way succeeds or fails."""

from __future__ import annotations

from .cards import declining
from .resources.payments import fail, succeed
from .service import Service


def settle_payment(service: Service, target: str, *, succeeded: bool) -> None:
    """Decide a PaymentIntent; see `StripeSandbox.settle_payment`."""
    with service.lock:
        account = next(
            (state for state in service.accounts.values() if state.by_id(target)), service.main
        )
        intent = account.find("payment_intent", target)
        if intent["status"] not in ("processing", "requires_action"):
            raise ValueError(f"{target} is {intent['status']}: nothing is left to be decided")
        if succeeded:
            succeed(account, intent)
        else:
            fail(account, intent, declining("generic_decline"))
