"""A round of kills: a Stripe, a database, lanes of bots that are killed, recovery, and an audit."""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from stripe_billing_router.testing import RemoteSandbox
from support.audit import Audit
from support.kill_lane import ACCOUNT, Lane, router_of
from support.postgres import Server

ROUTES: Final = """
stripe:
  default:
    finance:
      finance_router_bot:
        {product_id: prod_1, price_id: price_standard, customer_id: cus_finance}
    support:
      helper_bot:
        {product_id: prod_2, price_id: price_support, customer_id: cus_support}
"""
SEEDED: Final = (
    "--customer", "cus_finance", "--customer", "cus_support", "--price", "price_standard:2000:usd",
    "--price", "price_support:500:usd", "--price", "price_monthly:900:usd:month",
)  # fmt: skip
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Round:
    """What is played. With `outages` the database goes away now and then."""

    kills: int
    seed: int
    lanes: int = 2
    longest_s: float = 0.25
    fault_rate: float = 0.04
    outages: bool = True
    recovered_after_h: float = 0.0  # Past 1 hour nothing may be sent again, only read.


@dataclass
class Outcome:
    """What a round, or several, came to."""

    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def add(self, other: "Outcome") -> None:
        self.counts.update(other.counts)
        self.violations += other.violations


def play(
    chosen: Round, postgres: Server | None = None, progress: Progress = lambda _: None
) -> Outcome:
    """Play one round on PostgreSQL, or on SQLite where none is given."""
    with tempfile.TemporaryDirectory(prefix="kills-") as name, _stripe(chosen.seed) as stripe:
        folder = Path(name)
        (folder / "routes.yaml").write_text(ROUTES, encoding="utf-8")
        if postgres is None:
            return _Game(chosen, folder, stripe, f"sqlite:///{folder / 'ledger.db'}").play(progress)
        with postgres.database() as url:
            return _Game(chosen, folder, stripe, url, postgres).play(progress)


@contextmanager
def _stripe(seed: int) -> Iterator[RemoteSandbox]:
    """Serve a sandbox in a process of its own."""
    command = [sys.executable, "-m", "stripe_billing_router.testing", "--account", ACCOUNT]
    server = subprocess.Popen(
        [*command, "--seed", str(seed), *SEEDED], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        yield RemoteSandbox(server.stdout.readline().split()[-1])
    finally:
        server.terminate()
        server.communicate()


@dataclass
class _Game:
    chosen: Round
    folder: Path
    stripe: RemoteSandbox
    url: str
    postgres: Server | None = None
    outcome: Outcome = field(default_factory=Outcome)

    def play(self, progress: Progress) -> Outcome:
        lanes = [self._lane(number) for number in range(self.chosen.lanes)]
        # The schema is there before anybody is killed; that making it may be is tested elsewhere.
        first = router_of(lanes[0])
        first.records.operations()
        first.close()
        rate, seed = self.chosen.fault_rate, self.chosen.seed
        self.stripe.fault("random", seed=seed, rate=rate)
        over = threading.Event()
        outages = threading.Thread(target=self._outages, args=(over,), daemon=True)
        if self.chosen.outages:
            outages.start()
        try:
            self._run(lanes, progress)
        finally:
            over.set()
            if self.chosen.outages:
                outages.join()
        time.sleep(0.3)  # What the last bots sent has arrived by then.
        self.stripe.fault("clear")
        self._recover(lanes)
        return self.outcome

    def _lane(self, number: int) -> Lane:
        chosen = self.chosen
        share = chosen.kills // chosen.lanes + (number < chosen.kills % chosen.lanes)
        # On PostgreSQL the lanes are hosts with a spill of their own each; SQLite has one host.
        host = number if self.postgres is not None else 0
        return Lane(
            number=number,
            seed=chosen.seed,
            kills=share,
            longest_s=chosen.longest_s,
            api_base=self.stripe.url,
            ledger_url=self.url,
            ledger_dir=str(self.folder / f"host{host}"),
            routing_config=str(self.folder / "routes.yaml"),
        )

    def _run(self, lanes: list[Lane], progress: Progress) -> None:
        tests = str(Path(__file__).resolve().parents[1])
        paths = [tests, *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "support.kill_lane", lane.to_json()],
                stdout=subprocess.PIPE,
                text=True,
                env=environment,
            )
            for lane in lanes
        ]
        kills = dict.fromkeys(range(len(lanes)), 0)

        def follow(number: int) -> None:
            output = running[number].stdout
            assert output is not None
            for line in output:
                told = json.loads(line)
                kills[number] = told.get("kills", kills[number])
                self.outcome.counts.update(told.get("end", {}))
                progress(sum(kills.values()))

        followers = [threading.Thread(target=follow, args=(n,)) for n in kills]
        for follower in followers:
            follower.start()
        for follower in followers:
            follower.join()
        for lane in running:
            lane.communicate()
            if lane.returncode != 0:
                self.outcome.violations.append(f"a lane ended with status {lane.returncode}")

    # --- the database vanishes --------------------------------------------------------------------

    def _outages(self, over: threading.Event) -> None:
        number = 0
        while not over.wait(1.5):
            number += 1
            self.outcome.counts["outages"] += 1
            if self.postgres is None:
                self._lock_sqlite()
            elif number % 4 == 0 and self.postgres.folder is not None:
                self.postgres.stop()
                over.wait(0.5)
                self.postgres.start()
            else:
                self.postgres.hang_up(self.url)

    def _lock_sqlite(self) -> None:
        path = self.url.removeprefix("sqlite:///")
        with (
            suppress(sqlite3.OperationalError),
            closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as locking,
        ):
            locking.execute("BEGIN IMMEDIATE")
            time.sleep(0.5)
            locking.execute("ROLLBACK")

    # --- what is left -----------------------------------------------------------------------------

    def _recover(self, lanes: list[Lane]) -> None:
        counts = self.outcome.counts
        requests = self.stripe.requests()
        counts["requests"] = len(requests)
        counts["faults"] = sum(request.fault is not None for request in requests)
        later_ms = 0
        for hours in (self.chosen.recovered_after_h, 30.0):
            self.stripe.call("advance", hours=hours)
            later_ms += int(hours * 3_600_000)
            for host in {lane.ledger_dir: lane for lane in lanes}.values():
                router = router_of(host, give_up_after_s=20.0)
                object.__setattr__(router._parts.runtime, "now_ms", _clock(later_ms))
                report = router.recover()
                counts["recovered"] += len(report.operations)
                counts["spilled"] += report.drained
                router.close()
        router = router_of(lanes[0])
        operations = router.records.operations(limit=None)
        rows = list(router.records.ledger())
        router.close()
        audit = Audit(self.stripe.effects(), operations, rows, self._objects)
        self.outcome.violations += audit.at_the_end()
        counts["operations"] = len(operations)
        counts["effects"] = sum(map(len, audit.effects_of.values()))
        counts["money_rows"] = len(audit.money)
        counts.update(f"operations {operation.state}" for operation in operations)

    def _objects(self, kind: str) -> dict[str, dict[str, Any]]:
        return self.stripe.objects(kind)


def _clock(later_ms: int) -> Callable[[], int]:
    return lambda: time.time_ns() // 1_000_000 + later_ms
