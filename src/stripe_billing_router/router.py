"""The router: resolve, permit, run. One object holds what one process needs to take money."""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from . import billing_logger
from .alerts import Alerts, Sink
from .core.deadline import within
from .core.identifiers import check_idempotency_key
from .core.ids import operation_id, random_key, time_sorted_id
from .core.operation import Freeze, LedgerRow, Operation, State
from .core.receipt import Receipt
from .core.secret import Secret, wrapped
from .domain.operations.intent import (
    Intent,
    intent_to_charge,
    intent_to_check_out,
    intent_to_create_customer,
    intent_to_read_balance,
    intent_to_refund,
    intent_to_subscribe,
)
from .domain.requests import check_text
from .engine.customer_cache import CustomerCache
from .engine.engine import Engine
from .engine.lookup import OutcomeLookup
from .engine.mismatch import MismatchHandler
from .engine.outcomes_writer import OutcomeWriter
from .engine.processes import current_process, is_alive
from .engine.recovery import Progress, Recovery, RecoveryReport
from .engine.rollback import RollbackHook, RollbackManager
from .engine.sender import Runtime, Sender
from .errors import InputError, LedgerUnavailableError, PaymentDeclinedError, UnknownOperationError
from .gateway.clock import ClockCheckedGateway
from .gateway.gateway import StripeGateway
from .keys.keyring import Keyring
from .keys.sources import KeySources
from .redaction import redact
from .routing.file import load_routes
from .routing.route import Route
from .routing.table import Resolution, RoutingTable, RoutingTableView
from .settings import Settings
from .storage.errors import StorageError
from .storage.records import Records


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class BillingRouter:
    """Every way by which a bot may move money, over one set of settings.

    Takes the fields of `Settings` as keyword arguments; they win over the environment. Nothing is
    sent and no key is read until the first helper needs it. Safe to share between threads. The
    module-level helpers of the package use one default router and have the same signatures.
    """

    def __init__(self, **settings: Any) -> None:
        settings = wrapped(settings)
        self.settings = Settings.load(**settings)
        self._table = RoutingTable()
        self._table.replace_all(load_routes(self.settings.routing_config))
        self.routes = RoutingTableView(self._table)
        self._alerts = Alerts(self.settings.alert_urls)
        self._known = CustomerCache(self.settings.customer_cache_s)
        self._runtime = runtime = Runtime(_now_ms, time.sleep, current_process, is_alive)
        self.records = Records(
            self.settings.database_url,
            self.settings.ledger_dir,
            now_ms=_now_ms,
            database_away=self.settings.database_away,
            on_event=self._alerts.send,
        )
        self._keyring = Keyring(
            KeySources(self.settings),
            self._open_gateway,
            self._alerts,
            refresh_s=self.settings.key_refresh_s,
            stale_after_s=self.settings.key_stale_after_s,
        )
        sender = Sender(runtime)
        self.rollback_manager = RollbackManager(
            records=self.records, sender=sender, runtime=runtime
        )
        self._mismatches = MismatchHandler(
            records=self.records,
            rollback_manager=self.rollback_manager,
            alert=self._alerts.send,
            distrust_key=self._keyring.distrust,
            runtime=runtime,
        )
        outcomes = OutcomeWriter(records=self.records, mismatches=self._mismatches, runtime=runtime)
        self._lookup = lookup = OutcomeLookup(
            outcomes=outcomes,
            verified_gateway=self._keyring.verified_gateway,
            mismatches=self._mismatches,
            sender=sender,
        )
        self._engine = Engine(
            records=self.records,
            verified_gateway=self._keyring.verified_gateway,
            mismatches=self._mismatches,
            lookup=lookup,
            outcomes=outcomes,
            runtime=runtime,
            sender=sender,
            lease_s=self.settings.lease_s,
            on_reply=self._known.note,
        )

    # Keys.

    def _open_gateway(self, secret: Secret) -> ClockCheckedGateway:
        gateway = StripeGateway(
            secret,
            api_base=self.settings.api_base,
            http_client=self.settings.http_client,
            connect_timeout_s=self.settings.connect_timeout_s,
            read_timeout_s=self.settings.read_timeout_s,
            call_timeout_s=self.settings.call_timeout_s,
        )
        return ClockCheckedGateway(gateway, self._runtime, self._alerts, self._keyring.distrust)

    @property
    def public_key(self) -> str:
        """The publishable key (`pk_live_…`), for a page that shows Stripe's forms."""
        return self._keyring.keys.public.reveal()

    # Routes.

    def resolve(self, bot_id: str, overrides: Mapping[str, str] | None = None) -> Resolution:
        """Return a bot's route with the rules that gave it. Raises `RoutingError`."""
        return self._table.resolve(bot_id, overrides)

    def resolve_route(self, bot_id: str, overrides: Mapping[str, str] | None = None) -> Route:
        """Return a bot's route; it carries no key. Raises `RoutingError`."""
        return self._table.resolve(bot_id, overrides).route

    def register_route(
        self,
        business_category: str,
        bot_name: str,
        route: Mapping[str, Any] | Route,
        *,
        domain: str = "stripe",
        region: str = "default",
    ) -> None:
        """Add a route, or replace it; readers see it whole or not at all."""
        self._table.register(business_category, bot_name, route, domain=domain, region=region)

    def register_override(self, rule: Mapping[str, Any]) -> None:
        """Add a rule by which `overrides={key: value}` changes fields of a bot's route."""
        self._table.register_override(rule)

    # Helpers.

    def charge(
        self,
        bot_id: str,
        amount: Any = None,
        description: str | None = None,
        *,
        price_id: str | None = None,
        currency: str | None = None,
        customer_id: str | None = None,
        payment_method: str | None = None,
        idempotency_key: str | None = None,
        metadata: Mapping[str, str] | None = None,
        overrides: Mapping[str, str] | None = None,
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
        return self._execute(intent, idempotency_key)

    def create_customer(
        self,
        bot_id: str,
        customer_info: Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        overrides: Mapping[str, str] | None = None,
    ) -> Receipt:
        """Create a customer; see the helper of the same name."""
        found = self.resolve(bot_id, overrides)
        intent = intent_to_create_customer(found, customer_info, overrides=overrides)
        return self._execute(intent, idempotency_key)

    def create_subscription(
        self,
        bot_id: str,
        *,
        price_id: str | None = None,
        customer_id: str | None = None,
        idempotency_key: str | None = None,
        overrides: Mapping[str, str] | None = None,
        **params: Any,
    ) -> Receipt:
        """Subscribe a customer; see the helper of the same name."""
        intent = intent_to_subscribe(
            self.resolve(bot_id, overrides),
            price_id=price_id,
            customer_id=customer_id,
            overrides=overrides,
            params=params,
        )
        return self._execute(intent, idempotency_key)

    def refund(
        self,
        bot_id: str,
        payment_id: str,
        *,
        amount: Any = None,
        reason: str | None = None,
        idempotency_key: str | None = None,
        overrides: Mapping[str, str] | None = None,
        **params: Any,
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
        return self._execute(intent, idempotency_key)

    def create_checkout_session(
        self,
        bot_id: str,
        params: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        overrides: Mapping[str, str] | None = None,
    ) -> Receipt:
        """Create a Checkout session; see the helper of the same name."""
        found = self.resolve(bot_id, overrides)
        intent = intent_to_check_out(found, params, overrides=overrides)
        return self._execute(intent, idempotency_key)

    def get_balance(
        self,
        bot_id: str,
        *,
        currency: str | None = None,
        overrides: Mapping[str, str] | None = None,
    ) -> Decimal:
        """Return the available balance in major units; see the helper of the same name."""
        intent = intent_to_read_balance(self.resolve(bot_id, overrides), currency)
        balance = self._execute(intent, None, keyed=True).amount
        assert balance is not None, "a balance is an amount"
        return balance

    def _execute(
        self, intent: Intent, idempotency_key: str | None, *, keyed: bool | None = None
    ) -> Receipt:
        keyed = idempotency_key is not None if keyed is None else keyed
        key = random_key() if idempotency_key is None else check_idempotency_key(idempotency_key)
        instruction = self._known.complete(intent.instruction)
        try:
            with within(self.settings.give_up_after_s):
                account = self._keyring.keys.master_account_id
                now_ms = _now_ms()
                wanted = Operation(
                    operation_id=operation_id(account, instruction.bot_id, instruction.action, key),
                    bot_id=instruction.bot_id,
                    action=instruction.action,
                    idempotency_key=key,
                    account=account,
                    attempt=1,
                    state=State.PENDING,
                    fingerprint=intent.fingerprint,
                    request_fingerprint=intent.request_fingerprint,
                    instruction=instruction,
                    created_ms=now_ms,
                    updated_ms=now_ms,
                )
                return self._engine.execute(wanted, keyed=keyed)
        except PaymentDeclinedError:
            # What was remembered of the customer's default method may be out of date.
            self._known.forget(instruction.customer_id)
            raise

    # Operations and freezes.

    def log(self, row: LedgerRow) -> bool:
        """Write one row to the ledger; false where its money row is there already.

        Raises `LedgerUnavailableError` when it could be written nowhere.
        """
        try:
            return self.records.log(row)
        except StorageError as problem:
            raise LedgerUnavailableError(f"the row was not written: {problem}") from None

    def get_operation(self, operation_id: str, *, refresh: bool = False) -> Operation:
        """Return an operation; with `refresh`, ask Stripe first where it is not final.

        Raises `UnknownOperationError` when nothing has this id.
        """
        found = self.records.find(operation_id)
        if found is None:
            raise UnknownOperationError(f"no operation has the id {operation_id!r}")
        if not refresh:
            return found
        with within(self.settings.give_up_after_s):
            return self._lookup.refresh(found)

    def recover(self, progress: Progress | None = None) -> RecoveryReport:
        """Finish what dead processes left; see the helper of the same name."""
        recovery = Recovery(
            records=self.records,
            engine=self._engine,
            lookup=self._lookup,
            mismatches=self._mismatches,
            verified_gateway=self._keyring.verified_gateway,
            alert=self._alerts.send,
            runtime=self._runtime,
            resume_within_s=self.settings.resume_within_s,
            give_up_after_s=self.settings.give_up_after_s,
        )
        return recovery.recover(progress)

    def freeze(self, bot_or_pattern: str, *, reason: str, actor: str = "operator") -> None:
        """Stop the next call of every bot that matches, in every process, until it is lifted.

        `bot_or_pattern` is a bot id, with or without its domain, or a pattern with `*` and `?`.
        """
        pattern = check_text("bot_or_pattern", bot_or_pattern, 200)
        why, who = check_text("reason", reason, 500), check_text("actor", actor, 200)
        if not (pattern and why and who):
            raise InputError("a freeze needs a bot or pattern, a reason and who asked for it")
        now_ms = _now_ms()
        freeze = Freeze(
            id=time_sorted_id("frz", now_ms),
            pattern=pattern.removeprefix("stripe:"),
            reason=why,
            actor=who,
            created_ms=now_ms,
        )
        try:
            self.records.freeze(freeze, self._policy_row("freeze", freeze.pattern, who, why))
        except StorageError as problem:
            raise LedgerUnavailableError(
                f"{pattern} is frozen in this process only, nothing could be written: {problem}"
            ) from None
        self._alerts.send("freeze", "warning", f"{pattern} was frozen by {who}: {why}", {})

    def unfreeze(self, bot_or_pattern: str, *, approver: str) -> int:
        """Lift the freezes with exactly this pattern; return how many there were."""
        pattern, who = (
            check_text("bot_or_pattern", bot_or_pattern, 200),
            check_text("approver", approver, 200),
        )
        if not (pattern and who):
            raise InputError("unfreeze needs the frozen bot or pattern and who approves it")
        pattern = pattern.removeprefix("stripe:")
        row = self._policy_row("unfreeze", pattern, who, "")
        lifted = self.records.unfreeze(pattern, lifted_by=redact(who), row=row)
        if lifted:
            self._alerts.send("unfreeze", "warning", f"{pattern} was unfrozen by {who}", {})
        return lifted

    def _policy_row(self, action: str, pattern: str, actor: str, reason: str) -> LedgerRow:
        rows: list[LedgerRow] = []
        billing_logger.log_event(
            action_type=action,
            bot_id=pattern,
            raw_event_json={"object": action, "actor": actor, "reason": reason},
            writer=rows.append,
        )
        return rows[0]

    def register_alert_sink(self, sink: Sink) -> None:
        """Have `sink(kind, severity, message, context)` called for each alert."""
        self._alerts.register_alert_sink(sink)

    def register_rollback_hook(self, hook: RollbackHook) -> None:
        """Have `hook(report)` called after each rollback."""
        self.rollback_manager.register_hook(hook)

    def close(self) -> None:
        """End connections to Stripe and to the database."""
        self._keyring.close()
        self.records.close()
