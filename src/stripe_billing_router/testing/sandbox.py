"""The sandbox as a test sees it: requests, faults, and what happens at Stripe."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .account import AccountState
from .failures import Json
from .faults import FaultPlan
from .http_client import http_client_for
from .observation import Observation
from .records import SandboxResponse
from .resources import refunds
from .seeding import Seeding
from .service import Service
from .settling import complete_checkout, settle_payment
from .world import World

if TYPE_CHECKING:
    import stripe

    from .server import SandboxServer


class StripeSandbox(Seeding, Observation):
    """A stateful Stripe in this process, as seen by one live-mode account.

    It accepts any well-formed live key; its objects are the JSON that Stripe would send, readable
    as `sandbox.payment_intents["pi_…"]`. Safe to use from many threads.

    Args:
        account_id: the account of keys that `add_account` does not assign to another.
        clock: returns the time in seconds since the epoch; `advance` adds to it.
        seed: for the generated ids; the same seed gives the same ids.
        search_lag_s: how long a new object stays invisible to searches, in seconds. Stripe: "Search
            is not for read-after-write flows".
    """

    def __init__(
        self,
        account_id: str = "acct_sandboxmaster",
        *,
        clock: Callable[[], float] = time.time,
        seed: int = 0,
        search_lag_s: float = 0.0,
    ) -> None:
        self._service = Service(World(clock, seed), account_id, search_lag_s)

    def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: str | None = None
    ) -> SandboxResponse:
        """Answer one HTTP request; every transport comes through here.

        Args:
            path: with the query, such as `/v1/customers?limit=3`.
            body: the form of a POST.
        """
        return self._service.handle(method, path, headers, body)

    def http_client(self) -> stripe.HTTPClient:
        """Return a transport for `stripe.StripeClient` or `stripe_billing_router.configure`."""
        return http_client_for(self._service)

    @contextmanager
    def serve(self, port: int = 0) -> Iterator[SandboxServer]:
        """Serve this sandbox on loopback, so that several processes share it.

        Inside the `with` block it answers at `server.url`. Other processes inject faults and count
        with `RemoteSandbox(server.url)`.

        Args:
            port: 0 for any free one.
        """
        # Only tests of several processes pay for the import of a web server.
        from .server import SandboxServer  # noqa: PLC0415

        server = SandboxServer(self, port)
        server.start()
        try:
            yield server
        finally:
            server.stop()

    @property
    def faults(self) -> FaultPlan:
        """The injected faults; see `FaultPlan`."""
        return self._service.faults

    def advance(self, *, seconds: float = 0, hours: float = 0, days: float = 0) -> None:
        """Move Stripe's clock forward; it forgets idempotency keys older than 24 hours."""
        self._service.world.advance(seconds + 3600 * hours + 86400 * days)

    @property
    def now(self) -> float:
        """The time at Stripe, in seconds since the epoch."""
        return self._service.world.now()

    def revoke(self, key: str) -> None:
        """Answer 401 to this key from now on."""
        self._service.keys.revoked.add(key)

    def deny(self, key: str, path: str, method: str = "*") -> None:
        """Answer 403 to this key for a path, a pattern as in fnmatch."""
        self._service.keys.denied.setdefault(key, []).append((method, path))

    def settle_payment(self, payment_intent: str, *, succeeded: bool = True) -> None:
        """Complete or fail a PaymentIntent that is `processing`, or waits for the customer."""
        settle_payment(self._service, payment_intent, succeeded=succeeded)

    def complete_checkout(self, session: str, payment_method: str = "pm_card_visa") -> Json:
        """Pay as the customer on Stripe's page; a declined card leaves the session open."""
        return complete_checkout(self._service, session, payment_method)

    def settle_refund(self, refund: str, status: str = "succeeded") -> None:
        """Finish a pending refund: `succeeded`, `failed` or `canceled`."""
        with self._service.lock:
            refunds.settle(self._owner_of(refund), refund, status)

    def _owner_of(self, target: str) -> AccountState:
        for state in self._service.accounts.values():
            if state.by_id(target) is not None:
                return state
        return self._service.main
