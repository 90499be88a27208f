"""The sandbox as a test sees it: what is seeded, scripted, and looked at afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from .account import AccountState
from .cards import behaviour_named
from .failures import Json
from .faults import FaultPlan
from .http_client import http_client_for
from .observation import count, moved
from .records import Effect, RequestRecord, SandboxResponse
from .resources import catalog, refunds
from .resources.customers import new_customer
from .resources.payment_methods import attached, new_payment_method
from .service import Service
from .settling import add_invoice_payment, complete_checkout, settle_payment
from .world import World

if TYPE_CHECKING:
    import stripe

    from .server import SandboxServer


class StripeSandbox:
    """A stateful Stripe in this process, as one live-mode account sees it.

    It answers any well-formed live key; its objects are the JSON that Stripe would send, readable
    as `sandbox.payment_intents["pi_…"]`. It may be used from many threads.

    Args:
        account_id: the account that keys belong to unless `add_account` says otherwise.
        clock: returns the time in seconds since the epoch; `advance` adds to it.
        seed: of the ids that it gives; the same seed gives the same ids.
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
        self._world = World(clock, seed)
        self._service = Service(self._world, account_id, search_lag_s)

    # --- the wire ---

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

        Inside the `with` block it answers at `server.url`. Other processes script and count with
        `RemoteSandbox(server.url)`.

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

    # --- scripting ---

    @property
    def faults(self) -> FaultPlan:
        """What shall go wrong; see `FaultPlan`."""
        return self._service.faults

    def advance(self, *, seconds: float = 0, hours: float = 0, days: float = 0) -> None:
        """Let time pass at Stripe; idempotency keys older than 24 hours are forgotten."""
        self._world.advance(seconds + 3600 * hours + 86400 * days)

    @property
    def now(self) -> float:
        """The time at Stripe, in seconds since the epoch."""
        return self._world.now()

    def revoke(self, key: str) -> None:
        """Answer 401 to this key from now on."""
        self._service.keys.revoked.add(key)

    def deny(self, key: str, path: str, method: str = "*") -> None:
        """Answer 403 to this key where it asks for a path, a pattern as in fnmatch."""
        self._service.keys.denied.setdefault(key, []).append((method, path))

    def settle_payment(self, payment_intent: str, *, succeeded: bool = True) -> None:
        """Decide a PaymentIntent that is `processing`, or whose customer had to authenticate."""
        settle_payment(self._service, payment_intent, succeeded=succeeded)

    def complete_checkout(self, session: str, payment_method: str = "pm_card_visa") -> Json:
        """Let the customer pay on Stripe's page; a declined card leaves the session open."""
        return complete_checkout(self._service, session, payment_method)

    def settle_refund(self, refund: str, status: str = "succeeded") -> None:
        """Decide a refund that is under way: `succeeded`, `failed` or `canceled`."""
        with self._service.lock:
            refunds.settle(self._owner_of(refund), refund, status)

    # --- seeding ---

    def add_account(
        self, account_id: str, *, key: str | None = None, balance: dict[str, int] | None = None
    ) -> None:
        """Add another account, and let a key belong to it.

        Args:
            balance: what is available, in minor units by currency.
        """
        with self._service.lock:
            if account_id not in self._service.accounts:
                self._service.accounts[account_id] = AccountState(account_id, balance)
            if key is not None:
                self._service.keys.account_of[key] = account_id

    def add_product(self, product: str) -> Json:
        """Add a product, or return the one that is there."""
        with self._service.lock:
            known = self.products.get(product)
            return known or self._account.add(catalog.new_product(product, int(self.now)))

    def add_price(
        self,
        price: str,
        *,
        unit_amount: int = 1000,
        currency: str = "usd",
        recurring: bool = False,
        interval: str = "month",
        product: str = "prod_sandbox",
    ) -> Json:
        """Add a price and its product.

        Args:
            unit_amount: in minor units.
            recurring: for subscriptions; Stripe takes one-time prices only on invoice items, and
                recurring ones only in subscriptions.
            interval: `day`, `week`, `month` or `year`.
        """
        with self._service.lock:
            self.add_product(product)
            return self._account.add(
                catalog.new_price(
                    price,
                    int(self.now),
                    product=product,
                    unit_amount=unit_amount,
                    currency=currency,
                    interval=interval if recurring else None,
                )
            )

    def add_customer(
        self,
        customer: str,
        *,
        email: str | None = None,
        payment_method: str | None = None,
        balance: int = 0,
        metadata: dict[str, str] | None = None,
    ) -> Json:
        """Add a customer.

        Args:
            payment_method: their default; a test card such as `pm_card_visa`, which is attached
                under an id of its own, or one that was added by `add_payment_method`.
            balance: in minor units; negative is a credit, positive a debt that the next invoice
                takes in.
        """
        with self._service.lock:
            added = self._account.add(
                new_customer(
                    self._world, customer, email=email, balance=balance, metadata=metadata or {}
                )
            )
            if payment_method is not None:
                added["invoice_settings"]["default_payment_method"] = attached(
                    self._world, self._account, payment_method, customer
                )
            return added

    def add_payment_method(
        self, payment_method: str, behaves: str = "succeeds", *, customer: str | None = None
    ) -> Json:
        """Add a payment method under an id of your own.

        Args:
            behaves: `succeeds`, `processes`, `authentication`, or the decline code that it is
                declined with, such as `insufficient_funds`.
        """
        with self._service.lock:
            self._account.behaviours[payment_method] = behaviour_named(behaves)
            return self._account.add(new_payment_method(payment_method, int(self.now), customer))

    def add_invoice_payment(
        self,
        invoice: str,
        kind: Literal["payment_intent", "charge", "payment_record"] = "payment_intent",
        amount_minor: int = 100,
    ) -> Json:
        """Add a further payment to an invoice, as somebody may in the dashboard.

        Args:
            kind: what it was paid with; a `payment_record` is money from outside Stripe.
        """
        return add_invoice_payment(self._service, invoice, kind, amount_minor)

    def seed_routes(self, routes: Iterable[Any], *, unit_amount: int = 1000) -> None:
        """Add the customers, products and prices that routes name, unless they are there.

        Customers get a card that works; a route's `price_id` becomes a one-time price, its
        `subscription_price_id`, where that is another one, a monthly price.

        Args:
            routes: such as `stripe_billing_router.ROUTING_TABLE.values()`.
            unit_amount: of new prices, in minor units.
        """
        for route in routes:
            currency = getattr(route, "currency", None) or "usd"
            product = route.product_id
            for price, recurring in (
                (route.price_id, False),
                (getattr(route, "subscription_price_id", None), True),
            ):
                if price is not None and price not in self.prices:
                    self.add_price(
                        price,
                        unit_amount=unit_amount,
                        currency=currency,
                        recurring=recurring,
                        product=product,
                    )
            if route.customer_id not in self.customers:
                self.add_customer(
                    route.customer_id,
                    email=getattr(route, "user_email", None),
                    payment_method="pm_card_visa",
                )
            method = getattr(route, "payment_method_id", None)
            if method is not None and method not in self.objects("payment_method"):
                self.add_payment_method(method, customer=route.customer_id)

    def set_balance(self, currency: str, amount_minor: int) -> None:
        """Set what is available in one currency, in minor units."""
        self._account.available_minor[currency] = amount_minor

    # --- looking ---

    @property
    def account_id(self) -> str:
        """The account that keys belong to unless they were given another."""
        return self._account.id

    @property
    def requests(self) -> list[RequestRecord]:
        """Every request so far, in the order of arrival."""
        with self._service.lock:
            return list(self._service.requests)

    def count(self, request: str) -> int:
        """Return how many requests arrived, as in `sandbox.count("POST /v1/refunds")`.

        Args:
            request: a method and a path, both may be patterns as in fnmatch.
        """
        return count(self.requests, request)

    def effects(self) -> list[Effect]:
        """Return all money that moved, in every account: charges, then refunds."""
        with self._service.lock:
            return [effect for state in self._service.accounts.values() for effect in moved(state)]

    def captured_minor(self, currency: str = "usd") -> int:
        """Return the sum of all captured charges in a currency, in minor units, before refunds."""
        return sum(
            effect.amount_minor
            for effect in self.effects()
            if effect.kind == "charge" and effect.currency == currency
        )

    def refunded_minor(self, currency: str = "usd") -> int:
        """Return the sum of all refunds in a currency, in minor units."""
        return sum(
            effect.amount_minor
            for effect in self.effects()
            if effect.kind == "refund" and effect.currency == currency
        )

    def objects(self, kind: str, account_id: str | None = None) -> Mapping[str, Json]:
        """Return the objects of a kind, such as `payment_intent`, by id."""
        return self._service.accounts[account_id or self.account_id].objects[kind]

    @property
    def charges(self) -> Mapping[str, Json]:
        """The charges by id."""
        return self.objects("charge")

    @property
    def checkout_sessions(self) -> Mapping[str, Json]:
        """The checkout sessions by id."""
        return self.objects("checkout.session")

    @property
    def customers(self) -> Mapping[str, Json]:
        """The customers by id; of a deleted one the stub is left."""
        return self.objects("customer")

    @property
    def invoices(self) -> Mapping[str, Json]:
        """The invoices by id; a deleted draft is gone."""
        return self.objects("invoice")

    @property
    def payment_intents(self) -> Mapping[str, Json]:
        """The PaymentIntents by id, those of invoices among them."""
        return self.objects("payment_intent")

    @property
    def prices(self) -> Mapping[str, Json]:
        """The prices by id."""
        return self.objects("price")

    @property
    def products(self) -> Mapping[str, Json]:
        """The products by id."""
        return self.objects("product")

    @property
    def refunds(self) -> Mapping[str, Json]:
        """The refunds by id."""
        return self.objects("refund")

    @property
    def subscriptions(self) -> Mapping[str, Json]:
        """The subscriptions by id."""
        return self.objects("subscription")

    @property
    def _account(self) -> AccountState:
        return self._service.main

    def _owner_of(self, target: str) -> AccountState:
        for state in self._service.accounts.values():
            if state.by_id(target) is not None:
                return state
        return self._account
