"""What a sandbox has before a test begins: accounts, customers, prices, payments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from .account import AccountState
from .cards import behaviour_named
from .failures import Json
from .resources import catalog
from .resources.customers import new_customer
from .resources.payment_methods import attached, new_payment_method
from .service import Service
from .settling import add_invoice_payment, add_paid_intent


class Seeding:
    """The methods of a sandbox that add objects without a request."""

    _service: Service

    @property
    def _main(self) -> AccountState:
        return self._service.main

    @property
    def _now(self) -> int:
        return int(self._service.world.now())

    def add_account(
        self, account_id: str, *, key: str | None = None, balance: dict[str, int] | None = None
    ) -> None:
        """Add another account, and assign a key to it.

        Args:
            balance: the available balance, in minor units by currency.
        """
        with self._service.lock:
            if account_id not in self._service.accounts:
                self._service.accounts[account_id] = AccountState(account_id, balance)
            if key is not None:
                self._service.keys.account_of[key] = account_id

    def add_product(self, product: str) -> Json:
        """Add a product, or return the existing one."""
        with self._service.lock:
            known = self._main.objects["product"].get(product)
            return known or self._main.add(catalog.new_product(product, self._now))

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
            return self._main.add(
                catalog.new_price(
                    price,
                    self._now,
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
                under a new id, or one that was added by `add_payment_method`.
            balance: in minor units; negative is a credit, positive a debt that the next invoice
                collects.
        """
        with self._service.lock:
            added = self._main.add(
                new_customer(
                    self._service.world,
                    customer,
                    email=email,
                    balance=balance,
                    metadata=metadata or {},
                )
            )
            if payment_method is not None:
                added["invoice_settings"]["default_payment_method"] = attached(
                    self._service.world, self._main, payment_method, customer
                )
            return added

    def add_payment_method(
        self, payment_method: str, behaves: str = "succeeds", *, customer: str | None = None
    ) -> Json:
        """Add a payment method under a given id.

        Args:
            behaves: `succeeds`, `processes`, `authentication`, or the code of its decline, such as
                `insufficient_funds`.
        """
        with self._service.lock:
            self._main.behaviours[payment_method] = behaviour_named(behaves)
            return self._main.add(new_payment_method(payment_method, self._now, customer))

    def add_payment(
        self,
        payment_intent: str,
        *,
        customer: str | None = None,
        amount_minor: int = 1000,
        currency: str = "usd",
    ) -> Json:
        """Add a PaymentIntent that was paid before the test began, under a given id."""
        return add_paid_intent(self._service, payment_intent, customer, amount_minor, currency)

    def add_invoice_payment(
        self,
        invoice: str,
        kind: Literal["payment_intent", "charge", "payment_record"] = "payment_intent",
        amount_minor: int = 100,
    ) -> Json:
        """Add another payment to an invoice, as a person may in the dashboard.

        Args:
            kind: the kind of payment; a `payment_record` is money from outside Stripe.
        """
        return add_invoice_payment(self._service, invoice, kind, amount_minor)

    def seed_routes(self, routes: Iterable[Any], *, unit_amount: int = 1000) -> None:
        """Add the customers, products and prices of routes, unless they exist.

        Customers get a working card; a route's `price_id` becomes a one-time price, and a different
        `subscription_price_id` a monthly price.

        Args:
            routes: such as `stripe_billing_router.ROUTING_TABLE.values()`.
            unit_amount: of new prices, in minor units.
        """
        known = self._main.objects
        for route in routes:
            currency = getattr(route, "currency", None) or "usd"
            product = route.product_id
            for price, recurring in (
                (route.price_id, False),
                (getattr(route, "subscription_price_id", None), True),
            ):
                if price is not None and price not in known["price"]:
                    self.add_price(
                        price,
                        unit_amount=unit_amount,
                        currency=currency,
                        recurring=recurring,
                        product=product,
                    )
            if route.customer_id not in known["customer"]:
                self.add_customer(
                    route.customer_id,
                    email=getattr(route, "user_email", None),
                    payment_method="pm_card_visa",
                )
            method = getattr(route, "payment_method_id", None)
            if method is not None and method not in known["payment_method"]:
                self.add_payment_method(method, customer=route.customer_id)

    def set_balance(self, currency: str, amount_minor: int) -> None:
        """Set the available balance in one currency, in minor units."""
        self._main.available_minor[currency] = amount_minor
