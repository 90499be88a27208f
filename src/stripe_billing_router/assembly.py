"""Builds one router's parts from its settings: the only place that wires them to each other."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .alerts import Alerts
from .core.events import Declined, Events, Replied
from .core.ports import Runtime
from .core.secret import Secret
from .engine.customer_cache import CustomerCache
from .engine.driver import Driver
from .engine.engine import Engine
from .engine.freezing import Freezing
from .engine.intake import Intake
from .engine.lease import Leases
from .engine.lookup import OutcomeLookup
from .engine.mismatch import MismatchHandler
from .engine.outcomes_writer import OutcomeWriter
from .engine.processes import current_process, is_alive
from .engine.recovery import Recovery
from .engine.rollback import RollbackManager
from .engine.sender import Sender
from .gateway.clock import ClockCheckedGateway
from .gateway.gateway import StripeGateway
from .keys.keyring import Keyring
from .keys.sources import KeySources
from .routing.file import load_routes
from .routing.table import RoutingTable
from .settings import Settings
from .storage.records import Records


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def own_runtime() -> Runtime:
    """Return the clock and the process that a router really has."""
    return Runtime(_now_ms, time.sleep, current_process, is_alive)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a router has of its process: tests turn the clock, shorten waits, break the records.

    `key_pause_s` is how often at most the source of the keys is asked when keys are refused, in
    seconds; `open_records` takes the arguments of `Records`.
    """

    runtime: Runtime = field(default_factory=own_runtime)
    key_pause_s: float = 1.0
    open_records: Callable[..., Records] = Records


@dataclass(frozen=True, slots=True)
class Parts:
    """One router's parts."""

    settings: Settings
    runtime: Runtime
    table: RoutingTable
    alerts: Alerts
    records: Records
    keyring: Keyring
    cache: CustomerCache
    mismatches: MismatchHandler
    rollback_manager: RollbackManager
    lookup: OutcomeLookup
    engine: Engine
    intake: Intake
    freezing: Freezing

    @property
    def recovery(self) -> Recovery:
        """What finishes the operations that dead processes left."""
        return Recovery(
            records=self.records,
            engine=self.engine,
            lookup=self.lookup,
            mismatches=self.mismatches,
            verified_gateway=self.keyring.verified_gateway,
            alert=self.alerts,
            runtime=self.runtime,
            resume_within_s=self.settings.resume_within_s,
            give_up_after_s=self.settings.give_up_after_s,
        )

    def close(self) -> None:
        """End connections to Stripe and to the database."""
        self.keyring.close()
        self.records.close()


def assemble(settings: Settings, surroundings: Surroundings | None = None) -> Parts:
    """Build the parts. Nothing is sent and no key is read until the first operation.

    Raises `RoutingConfigError` and `ConfigurationError` for what cannot be used.
    """
    around = surroundings or Surroundings()
    runtime = around.runtime
    table = RoutingTable()
    table.replace_all(load_routes(settings.routing_config))
    alerts, events = Alerts(settings.alert_urls), Events()
    cache = CustomerCache(settings.customer_cache_s)
    events.subscribe(Replied, cache.note)
    events.subscribe(Declined, cache.forget)
    records = around.open_records(
        settings.database_url,
        settings.ledger_dir,
        now_ms=runtime.now_ms,
        database_away=settings.database_away,
        alert=alerts,
    )
    keyring = _keyring(settings, around, alerts)
    driver = Driver(Sender(runtime), events)
    rollback_manager = RollbackManager(records=records, driver=driver, runtime=runtime)
    mismatches = MismatchHandler(
        records=records,
        rollback_manager=rollback_manager,
        alert=alerts,
        distrust_key=keyring.distrust,
        runtime=runtime,
    )
    outcomes = OutcomeWriter(records=records, mismatches=mismatches, runtime=runtime)
    lookup = OutcomeLookup(
        outcomes=outcomes,
        driver=driver,
        mismatches=mismatches,
        verified_gateway=keyring.verified_gateway,
    )
    engine = Engine(
        records=records,
        leases=Leases(records, runtime, settings.lease_s),
        driver=driver,
        lookup=lookup,
        outcomes=outcomes,
        mismatches=mismatches,
        verified_gateway=keyring.verified_gateway,
        runtime=runtime,
    )
    return Parts(
        settings=settings,
        runtime=runtime,
        table=table,
        alerts=alerts,
        records=records,
        keyring=keyring,
        cache=cache,
        mismatches=mismatches,
        rollback_manager=rollback_manager,
        lookup=lookup,
        engine=engine,
        intake=Intake(engine, keyring, cache, events, runtime, settings.give_up_after_s),
        freezing=Freezing(records, alerts, runtime),
    )


def _keyring(settings: Settings, around: Surroundings, alerts: Alerts) -> Keyring:
    def open_gateway(secret: Secret) -> ClockCheckedGateway:
        gateway = StripeGateway(
            secret,
            api_base=settings.api_base,
            http_client=settings.http_client,
            connect_timeout_s=settings.connect_timeout_s,
            read_timeout_s=settings.read_timeout_s,
            call_timeout_s=settings.call_timeout_s,
        )
        return ClockCheckedGateway(gateway, around.runtime, alerts, keyring.distrust)

    keyring = Keyring(
        KeySources(settings),
        open_gateway,
        alerts,
        refresh_s=settings.key_refresh_s,
        stale_after_s=settings.key_stale_after_s,
        pause_s=around.key_pause_s,
    )
    return keyring
