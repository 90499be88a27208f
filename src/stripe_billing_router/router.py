"""The router: resolve, permit, run. One object holds what one process needs to take money."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Unpack, cast

from .assembly import Parts, assemble
from .core.deadline import within
from .core.operation import LedgerRow, Operation
from .core.receipt import Receipt
from .core.secret import wrapped
from .core.types import AlertSink, Amount, Overrides
from .domain.operations.balance import intent_to_read_balance
from .domain.operations.charge import intent_to_charge
from .domain.operations.checkout import intent_to_check_out
from .domain.operations.customer import intent_to_create_customer
from .domain.operations.refund import intent_to_refund
from .domain.operations.subscription import intent_to_subscribe
from .engine.recovery import Progress, RecoveryReport
from .engine.rollback import RollbackHook
from .errors import LedgerUnavailableError, UnknownOperationError
from .routing.route import Route
from .routing.table import Resolution
from .settings import Settings
from .storage.errors import StorageError

if TYPE_CHECKING:
    from .core.fields import (
        CheckoutParams,
        CustomerInfo,
        OverrideFields,
        RefundParams,
        RouteFields,
        SettingsOptions,
        SubscriptionParams,
    )


class BillingRouter:
    """Every way by which a bot may move money, over one set of settings.

    Nothing is sent and no key is read until the first helper needs it. Safe to share between
    threads. The module-level helpers of the package use one default router and have the same
    signatures.

    Args:
        parts: what a router consists of, made elsewhere; it is assembled from `settings` if it is
            left out.
        **settings: the fields of `Settings`; they win over the environment.

    Raises:
        ConfigurationError: a setting or the routing file cannot be used.
    """

    def __init__(self, parts: Parts | None = None, /, **settings: Unpack[SettingsOptions]) -> None:
        settings = cast("SettingsOptions", wrapped(settings))
        if parts is None:
            parts = assemble(Settings.load(**settings))
        self._parts = parts
        self.settings = parts.settings
        self.routes = parts.table.routes
        self.records = parts.records
        self.rollback_manager = parts.rollback_manager

    # Keys.

    @property
    def public_key(self) -> str:
        """The publishable key (`pk_live_…`), for a page that shows Stripe's forms.

        Raises:
            ConfigurationError: no source has usable keys.
        """
        return self._parts.keyring.keys.public.reveal()

    # Routes.

    def resolve(self, bot_id: str, overrides: Overrides | None = None) -> Resolution:
        """Return a bot's route with the rules that gave it.

        Raises:
            RoutingError: `bot_id` and `overrides` do not lead to one route.
        """
        return self._parts.table.resolve(bot_id, overrides)

    def resolve_route(self, bot_id: str, overrides: Overrides | None = None) -> Route:
        """Return a bot's route; see the helper of the same name."""
        return self._parts.table.resolve(bot_id, overrides).route

    def register_route(
        self,
        business_category: str,
        bot_name: str,
        route: Route | RouteFields | Mapping[str, Any],
        *,
        domain: str = "stripe",
        region: str = "default",
    ) -> None:
        """Add a route, or replace it; see the helper of the same name."""
        self._parts.table.register(business_category, bot_name, route, domain=domain, region=region)

    def register_override(self, rule: OverrideFields | Mapping[str, Any]) -> None:
        """Add a rule for `overrides`; see the helper of the same name."""
        self._parts.table.register_override(rule)

    # Helpers.

    def charge(
        self,
        bot_id: str,
        amount: Amount | None = None,
        description: str | None = None,
        *,
        price_id: str | None = None,
        currency: str | None = None,
        customer_id: str | None = None,
        payment_method: str | None = None,
        idempotency_key: str | None = None,
        metadata: Mapping[str, str] | None = None,
        overrides: Overrides | None = None,
    ) -> Receipt:
        """Take one payment, of `amount` or of a price; see the helper of the same name."""
        intent = intent_to_charge(
            self.resolve(bot_id, overrides),
            amount=amount,
            description=description,
            price_id=price_id,
            currency=currency,
            customer_id=customer_id,
            payment_method=payment_method,
            metadata=metadata,
            overrides=overrides,
        )
        return self._parts.intake.execute(intent, idempotency_key)

    def create_customer(
        self,
        bot_id: str,
        customer_info: CustomerInfo | Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        overrides: Overrides | None = None,
    ) -> Receipt:
        """Create a customer; see the helper of the same name."""
        found = self.resolve(bot_id, overrides)
        intent = intent_to_create_customer(found, customer_info, overrides=overrides)
        return self._parts.intake.execute(intent, idempotency_key)

    def create_subscription(
        self,
        bot_id: str,
        *,
        price_id: str | None = None,
        customer_id: str | None = None,
        idempotency_key: str | None = None,
        overrides: Overrides | None = None,
        **params: Unpack[SubscriptionParams],
    ) -> Receipt:
        """Subscribe a customer; see the helper of the same name."""
        intent = intent_to_subscribe(
            self.resolve(bot_id, overrides),
            price_id=price_id,
            customer_id=customer_id,
            overrides=overrides,
            params=params,
        )
        return self._parts.intake.execute(intent, idempotency_key)

    def refund(
        self,
        bot_id: str,
        payment_id: str,
        *,
        amount: Amount | None = None,
        reason: str | None = None,
        idempotency_key: str | None = None,
        overrides: Overrides | None = None,
        **params: Unpack[RefundParams],
    ) -> Receipt:
        """Return money of a payment; see the helper of the same name."""
        intent = intent_to_refund(
            self.resolve(bot_id, overrides),
            payment_id,
            amount=amount,
            reason=reason,
            overrides=overrides,
            params=params,
        )
        return self._parts.intake.execute(intent, idempotency_key)

    def create_checkout_session(
        self,
        bot_id: str,
        params: CheckoutParams | Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        overrides: Overrides | None = None,
    ) -> Receipt:
        """Create a Checkout session; see the helper of the same name."""
        found = self.resolve(bot_id, overrides)
        intent = intent_to_check_out(found, params, overrides=overrides)
        return self._parts.intake.execute(intent, idempotency_key)

    def get_balance(
        self,
        bot_id: str,
        *,
        currency: str | None = None,
        overrides: Overrides | None = None,
    ) -> Decimal:
        """Return the available balance in major units; see the helper of the same name."""
        intent = intent_to_read_balance(self.resolve(bot_id, overrides), currency)
        balance = self._parts.intake.read(intent).amount
        assert balance is not None, "a balance is an amount"
        return balance

    # Operations and freezes.

    def log(self, row: LedgerRow) -> bool:
        """Write one row to the ledger; false where its money row is there already.

        Raises:
            LedgerUnavailableError: the row could be written nowhere.
        """
        try:
            return self.records.log(row)
        except StorageError as problem:
            raise LedgerUnavailableError(
                f"The row was not written: {problem}",
                "Repair the database or make the folder writable, then write it again.",
            ) from None

    def get_operation(self, operation_id: str, *, refresh: bool = False) -> Operation:
        """Return an operation; see the helper of the same name."""
        found = self.records.find(operation_id)
        if found is None:
            raise UnknownOperationError(
                f"No operation has the id {operation_id!r}", "See `operations` for the ids."
            )
        if not refresh:
            return found
        with within(self.settings.give_up_after_s):
            return self._parts.lookup.refresh(found)

    def recover(self, progress: Progress | None = None) -> RecoveryReport:
        """Finish what dead processes left; see the helper of the same name."""
        return self._parts.recovery.recover(progress)

    def freeze(self, bot_or_pattern: str, *, reason: str, actor: str = "operator") -> None:
        """Stop the next call of every matching bot; see the helper of the same name."""
        self._parts.freezing.freeze(bot_or_pattern, reason=reason, actor=actor)

    def unfreeze(self, bot_or_pattern: str, *, approver: str) -> int:
        """Lift the freezes with exactly this pattern; see the helper of the same name."""
        return self._parts.freezing.unfreeze(bot_or_pattern, approver=approver)

    def register_alert_sink(self, sink: AlertSink) -> None:
        """Have `sink` called for each alert; see the helper of the same name."""
        self._parts.alerts.register_alert_sink(sink)

    def register_rollback_hook(self, hook: RollbackHook) -> None:
        """Have `hook` called after each rollback; see the helper of the same name."""
        self.rollback_manager.register_hook(hook)

    def close(self) -> None:
        """End connections to Stripe and to the database."""
        self._parts.close()
