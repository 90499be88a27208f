"""The way to Stripe for one step: a key that is refused is replaced, and the step sent again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from ..core.calls import CallFailedError, FailureKind, Reply, StripeCall
from ..core.ports import Gateway
from ..domain.resend import RESEND_AFTER_401_MS

# How many newer keys one request tries, if they are rolled in quick succession.
MOST_ROLLS: Final = 3


class RenewingGateway:
    """A gateway that asks for a newer key where its own is refused.

    A 401 is answered before anything is executed, so the same idempotency key is still unused.
    """

    def __init__(self, gateway: Gateway, instead_of: Callable[[Gateway], Gateway | None]) -> None:
        self._gateway = gateway
        self._instead_of = instead_of

    def send(self, call: StripeCall, *, idempotency_key: str | None) -> Reply:
        """Make one request; see `Gateway.send`."""
        began_s = time.time()
        outcome = self._sent(call, idempotency_key)
        for _ in range(MOST_ROLLS):
            if isinstance(outcome, Reply) or outcome.failure.kind is not FailureKind.AUTHENTICATION:
                break
            newer = self._instead_of(self._gateway)
            if newer is None or abs(time.time() - began_s) > RESEND_AFTER_401_MS / 1000:
                break
            self._gateway = newer
            outcome = self._sent(call, idempotency_key)
        if isinstance(outcome, Reply):
            return outcome
        raise outcome

    def _sent(self, call: StripeCall, idempotency_key: str | None) -> Reply | CallFailedError:
        try:
            return self._gateway.send(call, idempotency_key=idempotency_key)
        except CallFailedError as failed:
            return failed
