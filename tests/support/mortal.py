"""Processes that die at a chosen moment, inside one process: routers over one sandbox.

Every request and every commit of a router is a moment at which its process may die, be paused
while others go on, or lose the database. What a dead process would still do is not done.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from stripe_billing_router import BillingRouter
from stripe_billing_router.assembly import Surroundings, assemble
from stripe_billing_router.core.holder import Holder
from stripe_billing_router.core.ports import Runtime
from stripe_billing_router.settings import Settings
from stripe_billing_router.storage.errors import DatabaseUnavailableError
from stripe_billing_router.storage.records import Records
from stripe_billing_router.testing import SandboxResponse, StripeSandbox
from stripe_billing_router.testing.http_client import http_client_for
from support.platform import PUBLIC_KEY, ROUTES, SECRET_KEY
from support.ready_ledger import put_empty_ledger

# What may happen at a moment. `late`: the process dies, and its request arrives at Stripe later.
What = Literal["dies_before", "dies_after", "dies_late", "waits_before", "waits_after"]
_MORTAL = ("begin", "save", "log", "freeze", "replay", "find", "operations")


class DeadProcess(BaseException):
    """Stands for the end of a process: no handler of `Exception` sees it."""


@dataclass
class Moment:
    """What happens to a process at its n-th request or commit from now."""

    what: What
    countdown: int


@dataclass
class Process:
    """One process on one of two hosts."""

    world: "World"
    pid: int
    host: int
    moment: Moment | None = None
    dead: bool = False

    @property
    def holder(self) -> Holder:
        return Holder(f"host{self.host}", self.pid, "1")

    def live_through(self, act: Callable[[], Any], late: Callable[[], Any] | None = None) -> Any:
        """Do one request or commit, unless the process dies of it."""
        if self.dead:
            raise DeadProcess
        what = self._what()
        if what in ("dies_before", "dies_late"):
            if what == "dies_late" and late is not None:
                self.world.in_flight.append(late)
            self._die()
        if what == "waits_before":
            self.world.meanwhile()
        result = act()
        if what == "dies_after":
            self._die()
        if what == "waits_after":
            self.world.meanwhile()
        return result

    def _what(self) -> What | None:
        if self.moment is None:
            return None
        self.moment.countdown -= 1
        if self.moment.countdown >= 0:
            return None
        what, self.moment = self.moment.what, None
        return what

    def _die(self) -> None:
        self.dead = True
        raise DeadProcess


class _Wire:
    """The sandbox's service, as one process reaches it."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def handle(self, *request: Any) -> SandboxResponse:
        sandbox = self._process.world.sandbox
        answer = self._process.live_through(
            lambda: sandbox.handle(*request), late=lambda: sandbox.handle(*request)
        )
        return cast("SandboxResponse", answer)


def _records_of(process: Process) -> Callable[..., Records]:
    def build(*arguments: Any, **options: Any) -> Records:
        records = Records(*arguments, **options)
        for name in _MORTAL:
            setattr(records, name, _mortal(process, getattr(records, name)))
        database: Any = records._storage.database
        database.run = _leaving(process.world, database.run)
        return records

    return build


def _mortal(process: Process, method: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *values, **named: process.live_through(lambda: method(*values, **named))


def _leaving(world: "World", run: Callable[..., Any]) -> Callable[..., Any]:
    """Let the database be away, or go away with the reply to a commit."""

    def leaving(*values: Any, **named: Any) -> Any:
        if world.database_away:
            raise DatabaseUnavailableError("the test took the database away")
        result = run(*values, **named)
        if world.database_leaves_in is not None:
            world.database_leaves_in -= 1
            if world.database_leaves_in < 0:
                world.database_away, world.database_leaves_in = True, None
                raise DatabaseUnavailableError("the database went away after the commit")
        return result

    return leaving


@dataclass
class World:
    """A sandbox, a database, two hosts, a clock, and the processes that came and went."""

    now_ms: int = 1_800_000_000_000
    stripe_ahead_s: float = 0.0
    database_away: bool = False
    database_leaves_in: int | None = None
    processes: list[Process] = field(default_factory=list)
    routers: list[BillingRouter] = field(default_factory=list)
    in_flight: list[Callable[[], Any]] = field(default_factory=list)
    alerts: list[tuple[str, str]] = field(default_factory=list)
    meanwhile: Callable[[], Any] = lambda: None

    def __post_init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="chaos-")
        self.folder = Path(self._folder.name)
        (self.folder / "routes.yaml").write_text(ROUTES, encoding="utf-8")
        put_empty_ledger(self.folder / "ledger.db")
        self.sandbox = StripeSandbox(clock=lambda: self.now_ms / 1000 + self.stripe_ahead_s)
        for customer in ("cus_finance_default", "cus_support"):
            self.sandbox.add_customer(
                customer, email=f"{customer}@example.com", payment_method="pm_card_visa"
            )
        self.sandbox.add_price("price_finance_standard", unit_amount=2000)
        self.sandbox.add_price("price_support", unit_amount=500)
        self.sandbox.add_price("price_finance_monthly", unit_amount=900, recurring=True)

    def _tick(self) -> int:
        self.now_ms += 1
        return self.now_ms

    def start_process(self, *, host: int = 0, retries: bool = False) -> BillingRouter:
        """Return the router of a new process."""
        process = Process(self, pid=100 + len(self.processes), host=host)
        self.processes.append(process)
        settings = Settings.load(
            http_client=http_client_for(cast("Any", _Wire(process))),
            secret_key=SECRET_KEY,
            public_key=PUBLIC_KEY,
            master_account_id=self.sandbox.account_id,
            ledger_url=f"sqlite:///{self.folder / 'ledger.db'}",
            ledger_dir=self.folder / f"host{host}",
            routing_config=self.folder / "routes.yaml",
            give_up_after_s=0.9 if retries else 0.2,
        )
        runtime = Runtime(
            now_ms=self._tick,
            sleep=lambda seconds: None,
            holder=lambda: process.holder,
            is_alive=self._is_alive,
        )
        around = Surroundings(runtime, open_records=_records_of(process))
        router = BillingRouter(assemble(settings, around))
        router.register_alert_sink(lambda kind, _, message, __: self.alerts.append((kind, message)))
        self.routers.append(router)
        return router

    def process_of(self, router: BillingRouter) -> Process:
        return self.processes[self.routers.index(router)]

    def _is_alive(self, holder: Holder) -> bool:
        return any(p.holder == holder and not p.dead for p in self.processes)

    def let_arrive(self) -> None:
        """Let the requests of dead processes arrive at Stripe."""
        waiting, self.in_flight = self.in_flight, []
        for request in waiting:
            request()

    def pass_time(self, seconds: float) -> None:
        """Let time pass for everybody; no request is on its way for that long."""
        if seconds >= 40:
            self.let_arrive()
        self.now_ms += int(seconds * 1000)

    def close(self) -> None:
        for router in self.routers:
            router.records._storage.database.close()
        self._folder.cleanup()
