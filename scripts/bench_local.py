"""What never leaves the process or the machine: routes, the ledger, imports, the first charge."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

import yaml

from bench_measure import Row, compared, in_turns, per_call, taking_turns
from bench_stage import (
    ACCOUNT,
    BOT,
    PUBLIC_KEY,
    SECRET_KEY,
    BareSqlite,
    Stage,
    environment,
)
from stripe_billing_router.billing_logger import log_event
from stripe_billing_router.core.operation import LedgerRow
from stripe_billing_router.routing.file import load_routes
from stripe_billing_router.routing.route import build_route
from stripe_billing_router.routing.table import RoutingTable

_FEW: Final = 10
_ROUTE: Final = {"product_id": "prod_bench", "price_id": "price_bench", "customer_id": "cus_bench"}


def routing(*, quick: bool) -> Iterator[Row]:
    """Measure look-ups and registrations in a small table and in a large one."""
    many = 1_000 if quick else 100_000
    sizes = {"few": _FEW, "many": many}
    tables = {name: RoutingTable() for name in sizes}
    for name, table in tables.items():
        table.replace_all(
            {
                ("stripe", "default", "bench", f"bot_{number}"): build_route(_ROUTE, "bench")
                for number in range(sizes[name])
            }
        )
    chance = random.Random(0)  # noqa: S311 - No secret.
    bots = {
        name: [f"bench:bot_{chance.randrange(size)}" for _ in range(1000)]
        for name, size in sizes.items()
    }
    rounds, calls = (2, 100) if quick else (15, 10_000)
    resolving = {
        name: partial(per_call, partial(_resolve, table, bots[name]), calls)
        for name, table in tables.items()
    }
    registering = {
        name: partial(per_call, partial(_register, table), calls // 5)
        for name, table in tables.items()
    }
    for what, blocks in (("resolve a bot", resolving), ("register a route", registering)):
        yield compared(
            taking_turns(blocks, rounds), "many", "few", group="Routes", unit="µs",
            what=f"{what} among {many:,}", beside=f"among {_FEW}",
        )  # fmt: skip


def _resolve(table: RoutingTable, bots: list[str], number: int) -> None:
    table.resolve(bots[number % len(bots)])


def _register(table: RoutingTable, number: int) -> None:
    # A hundred names, so that the small table stays small.
    table.register("bench", f"new_{number % 100}", _ROUTE)


def route_loading(folder: Path, *, quick: bool) -> Iterator[Row]:
    """Measure how long a routing file takes, beside a loader that checks nothing."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for count in (100, 1_000) if quick else (1_000, 10_000, 100_000):
        file = folder / f"{count}.yaml"
        file.write_text(_routing_file(count))
        variants = {
            "ours": lambda file=file: load_routes(file),
            "bare": lambda file=file: yaml.load(file.read_bytes(), Loader=loader),  # noqa: S506 - A safe loader.
        }
        rounds = 1 if quick or count > 10_000 else 3
        row = compared(
            in_turns(variants, rounds, 1), "ours", "bare", group="Routes", unit="s",
            what=f"load {count:,} from YAML", beside=f"yaml.load, {loader.__name__}",
        )  # fmt: skip
        yield Row(
            row.group, row.what, row.unit, row.ours, row.bare, row.beside,
            note=f"{row.ours / count * 1e6:.0f} µs per route",
        )  # fmt: skip


def _routing_file(count: int) -> str:
    lines = ["stripe:", "  default:", "    bench:"]
    for number in range(count):
        lines.append(f"      bot_{number}:")
        lines += [f"        {name}: {value}_{number}" for name, value in _ROUTE.items()]
    return "\n".join(lines) + "\n"


def ledger(stage: Stage, *, quick: bool) -> Iterator[Row]:
    """Measure one row written by `log_event`, beside the same insert and commit by hand."""
    with (
        stage.router("ledger") as router,
        closing(
            BareSqlite(stage.folder / "ledger" / "stripe_ledger.db", stage.folder / "bare.db")
        ) as bare,
    ):
        charged = next(router.records.ledger(newest_first=True))
        event = json.loads(charged.raw_event_json)

        def write(row: LedgerRow) -> None:
            router.records.log(row)

        def log() -> None:
            log_event(
                action_type="charge",
                amount=charged.amount,
                currency=charged.currency,
                bot_id=charged.bot_id,
                user_email=charged.user_email,
                destination_account=charged.destination_account,
                raw_event_json={**event, "id": stage.key()},
                writer=write,
            )

        times = in_turns({"ours": log, "bare": bare.log}, *((2, 10) if quick else (20, 50)))
    yield compared(
        times, "ours", "bare", group="Ledger", unit="ms",
        what="log_event on SQLite, p50", beside="sqlite3: insert and commit",
    )  # fmt: skip


_IMPORTS: Final = (
    "import stripe",
    "import stripe_billing_router",
    "from stripe_billing_router import charge",
)
_TIMED_IMPORT: Final = "import time; s = time.perf_counter(); {}; print(time.perf_counter() - s)"


def imports(*, quick: bool) -> Iterator[Row]:
    """Measure imports, each in a fresh process."""

    def timed(statement: str) -> list[float]:
        return [float(_run(_TIMED_IMPORT.format(statement)))]

    blocks = {statement: lambda given=statement: timed(given) for statement in _IMPORTS}
    taking_turns(blocks, 1)  # Compiled and in the file cache from here on.
    times = taking_turns(blocks, 1 if quick else 21)
    for statement in _IMPORTS[1:]:
        yield compared(
            times, statement, _IMPORTS[0], group="A fresh process", unit="ms",
            what=statement, beside=_IMPORTS[0], note="promised: at most 0.35",
        )  # fmt: skip


_FIRST_CHARGE: Final = """
import time; s = time.perf_counter()
from stripe_billing_router import charge
charge({bot!r}, "10.00", idempotency_key={key!r})
print(time.perf_counter() - s)
"""
_FIRST_SDK_CHARGE: Final = """
import time; s = time.perf_counter()
import stripe
client = stripe.StripeClient({secret!r}, base_addresses={{"api": {url!r}}})
client.v1.payment_intents.create({parameters!r}, {{"idempotency_key": {key!r}}})
print(time.perf_counter() - s)
"""


def first_charge(stage: Stage, *, quick: bool) -> Iterator[Row]:
    """Measure the first charge of a fresh process, imports included."""
    with stage.router("first"):
        pass  # The database is there, as it is on every day but the first.
    parameters = dict(stage.parameters())
    variables = environment(
        STRIPE_SECRET_KEY=SECRET_KEY,
        STRIPE_PUBLIC_KEY=PUBLIC_KEY,
        STRIPE_MASTER_ACCOUNT_ID=ACCOUNT,
        STRIPE_API_BASE=stage.url,
        STRIPE_ROUTING_CONFIG=str(stage.routes),
        STRIPE_LEDGER_DIR=str(stage.folder / "first"),
    )

    def ours() -> list[float]:
        return [float(_run(_FIRST_CHARGE.format(bot=BOT, key=stage.key()), variables))]

    def bare() -> list[float]:
        program = _FIRST_SDK_CHARGE.format(
            secret=SECRET_KEY, url=stage.url, parameters=parameters, key=stage.key()
        )
        return [float(_run(program))]

    times = taking_turns({"ours": ours, "bare": bare}, 1 if quick else 15)
    yield compared(
        times, "ours", "bare", group="A fresh process", unit="ms",
        what="its first amount charge", note="3 requests beside 1",
    )  # fmt: skip


def _run(program: str, variables: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=variables or environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout
