"""Charges beside the bare SDK: how long one takes, many at once, and what it asks of others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Final

import sqlalchemy as sa
from sqlalchemy import event

from bench_measure import Row, Times, compared, in_turns, quantile, taking_turns
from bench_stage import BOT, BareSdk, BareSqlite, Stage

# A short answer of Stripe's; a charge takes it several times as long.
REAL_DELAY_S: Final = 0.1
THREADS: Final = 16
BARE: Final = "bare SDK"

# Who charges, by name: routers by their database, and the bare SDK.
Sides = dict[str, Callable[[], object]]


def charges(stage: Stage, postgres_url: str | None, *, quick: bool) -> Iterator[Row]:
    """Measure amount charges, with Stripe answering at once and after a while."""
    files = stage.folder / "sqlite" / "stripe_ledger.db", stage.folder / "by_hand.db"
    with ExitStack() as stack:
        routers = {"SQLite": stack.enter_context(stage.router("sqlite"))}
        if postgres_url is not None:
            routers["PostgreSQL"] = stack.enter_context(stage.router("postgresql", postgres_url))
        sides: Sides = {name: partial(stage.charge, router) for name, router in routers.items()}
        sides[BARE] = BareSdk(stage).charge
        by_hand = stack.enter_context(closing(BareSqlite(*files)))
        yield from _one_at_a_time(sides, by_hand, quick=quick)
        with stage.delay(REAL_DELAY_S):
            yield from _as_from_afar(sides, quick=quick)
        for delay_s in (0.0, REAL_DELAY_S):
            with stage.delay(delay_s):
                yield from _many_at_once(sides, delay_s, quick=quick)


def _one_at_a_time(sides: Sides, by_hand: BareSqlite, *, quick: bool) -> Iterator[Row]:
    def commits() -> None:
        by_hand.settle(by_hand.intend())

    def charge_by_hand() -> None:
        name = by_hand.intend()
        sides[BARE]()
        by_hand.settle(name)

    variants = {**sides, "commits": commits, "by hand": charge_by_hand}
    times = in_turns(variants, *((2, 10) if quick else (20, 75)))
    group = f"A warm amount charge; Stripe answers {_when(0)}"
    yield from _quantiles(times, sides, group)
    yield compared(
        times, "commits", BARE, group=group, unit="ms", what="two bare SQLite commits, p50",
        note="the disk's share",
    )  # fmt: skip
    yield compared(
        times, "SQLite", "by hand", group=group, unit="ms", what="SQLite, p50",
        beside="bare SDK between two bare commits: as durable",
    )  # fmt: skip


def _as_from_afar(sides: Sides, *, quick: bool) -> Iterator[Row]:
    times = in_turns(sides, *((2, 2) if quick else (10, 10)))
    yield from _quantiles(
        times, sides, f"A warm amount charge; Stripe answers {_when(REAL_DELAY_S)}"
    )


def _quantiles(times: Times, sides: Sides, group: str) -> Iterator[Row]:
    for name in sides:
        for label, share in (("p50", 0.5), ("p99", 0.99)):
            if name != BARE:
                what = f"{name}, {label}"
                yield compared(times, name, BARE, group=group, what=what, unit="ms", share=share)


def _many_at_once(sides: Sides, delay_s: float, *, quick: bool) -> Iterator[Row]:
    each = 2 if quick else 10 if delay_s else 25
    # The same threads all along: the SDK keeps a connection for each.
    with ThreadPoolExecutor(THREADS) as threads:
        blocks = {name: partial(_together, threads, call, each) for name, call in sides.items()}
        taking_turns(blocks, 1)
        times = taking_turns(blocks, 2 if quick else 6)
    per_second = {name: f"{1 / quantile(times[name], 0.5):,.0f}" for name in sides}
    for name in sides:
        if name != BARE:
            yield compared(
                times, name, BARE, what=name, unit="ms",
                group=f"{THREADS} threads, time per charge; Stripe answers {_when(delay_s)}",
                note=f"{per_second[name]} and {per_second[BARE]} charges/s",
            )  # fmt: skip


def _when(delay_s: float) -> str:
    return f"after {delay_s * 1000:.0f} ms" if delay_s else "at once"


def _together(threads: ThreadPoolExecutor, call: Callable[[], object], each: int) -> list[float]:
    """Return the time per charge, as one value, when all threads make `each` of them."""
    start = threading.Barrier(THREADS + 1)

    def work() -> None:
        start.wait()
        for _ in range(each):
            call()

    running = [threads.submit(work) for _ in range(THREADS)]
    start.wait()
    started = time.perf_counter()
    for one in running:
        one.result()
    return [(time.perf_counter() - started) / (THREADS * each)]


def counts(stage: Stage) -> Iterator[Row]:
    """Count what each operation asks of Stripe and of the disk."""
    with (
        _commits() as committed,
        stage.router("counts") as router,
        stage.router("counts", warm_up=0) as cold,
    ):
        paid = stage.charge(router)
        router.charge(BOT, idempotency_key=stage.key())  # The price is known from here on.
        operations: dict[str, Callable[[], object]] = {
            "amount charge": lambda: stage.charge(router),
            "amount charge, the first of a process": lambda: stage.charge(cold),
            "the same key once more": lambda: router.charge(
                BOT, "10.00", idempotency_key=paid.idempotency_key
            ),
            "charge by price": lambda: router.charge(BOT, idempotency_key=stage.key()),
            "subscription": lambda: router.create_subscription(BOT, idempotency_key=stage.key()),
            "refund": lambda: router.refund(BOT, paid.id, idempotency_key=stage.key()),
        }
        found: dict[str, tuple[int, int]] = {}
        for name, operation in operations.items():
            requests, commits = stage.requests(), committed()
            operation()
            found[name] = stage.requests() - requests, committed() - commits
    for name, (requests, _) in found.items():
        yield Row("Requests to Stripe", name, "requests", requests)
    for name, (_, commits) in found.items():
        yield Row("Durable commits", name, "commits", commits)


@contextmanager
def _commits() -> Iterator[Callable[[], int]]:
    """Count the commits of transactions that may write, of every router."""
    seen = [0]

    def count(connection: sa.Connection) -> None:
        seen[0] += not connection.get_execution_options().get("sbr_reads_only", False)

    event.listen(sa.Engine, "commit", count)
    try:
        yield lambda: seen[0]
    finally:
        event.remove(sa.Engine, "commit", count)
