"""One lane of bots that are killed: a process that forks one bot after another and kills each.

Run as a program, with a `Lane` as JSON. The bots are processes of their own, forked from one that
has imported everything, so that a kill costs milliseconds; each builds its router anew. A bot
reports the numbers of the orders that it begins and ends, so that the next one can go on with
what was cut off.
"""

import gc
import hashlib
import json
import logging
import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Final

from stripe_billing_router import (
    BillingError,
    BillingRouter,
    LedgerUnavailableError,
    OperationInProgressError,
)

BOTS: Final = ("finance:finance_router_bot", "support:helper_bot")
SECRET_KEY: Final = "sk_live_sandboxfakeKeyOfNobody"
PUBLIC_KEY: Final = "pk_live_sandboxfakeKeyOfNobody"
ACCOUNT: Final = "acct_sandboxmaster"
# How long a SQLite writer may wait here: short, so that a lock held longer is an outage.
LOCK_WAIT_S: Final = 0.1
RETRIED: Final = 0.65  # The others are left for `recover`.
RECOVERING: Final = 0.1  # Bots that begin with `recover`.
LONGEST_START_S: Final = 10.0
SHARED: Final = 0.15  # Orders that every lane tries at the same time.


@dataclass(frozen=True)
class Lane:
    """What one lane does. `longest_s` is the longest life of a bot."""

    number: int
    seed: int
    kills: int
    longest_s: float
    api_base: str
    ledger_url: str
    ledger_dir: str
    routing_config: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def router_of(lane: Lane, **settings: Any) -> BillingRouter:
    """Build the router of one process; it waits a twentieth as long as in production."""
    router = BillingRouter(
        api_base=lane.api_base,
        ledger_url=lane.ledger_url,
        ledger_dir=lane.ledger_dir,
        routing_config=lane.routing_config,
        secret_key=SECRET_KEY,
        public_key=PUBLIC_KEY,
        master_account_id=ACCOUNT,
        vault_addr=None,
        **({"give_up_after_s": 2.0} | settings),
    )
    object.__setattr__(router._parts.runtime, "sleep", lambda seconds: time.sleep(seconds / 20))
    database: Any = router.records._storage.database
    if database.is_sqlite:
        database._lock_wait_s = LOCK_WAIT_S
        database._start()
    return router


def buy(router: BillingRouter, order: str) -> None:
    """Buy what this order is for: the same order is always the same purchase."""
    digest = hashlib.sha256(order.encode()).digest()
    bot, kind = BOTS[digest[0] % 2], digest[1] % 20
    if kind < 6:
        router.charge(bot, 10, idempotency_key=order)
    elif kind < 8:
        _buy_with_a_bad_card_first(router, bot, order)
    elif kind < 9:
        _buy_without_a_key(router, bot, f"{1 + int.from_bytes(digest[2:5], 'big') / 100:.2f}")
    elif kind < 14:
        router.charge(bot, idempotency_key=order)
    elif kind < 16:
        router.create_subscription(bot, price_id="price_monthly", idempotency_key=order)
    elif kind < 19:
        paid = router.charge(bot, 10, idempotency_key=f"{order}-paid")
        router.refund(bot, paid.id, amount=4, idempotency_key=order)
    else:
        router.create_checkout_session(
            bot, {"success_url": "https://shop.example"}, idempotency_key=order
        )


def _buy_with_a_bad_card_first(router: BillingRouter, bot: str, order: str) -> None:
    try:
        router.charge(bot, 10, payment_method="pm_card_chargeDeclined", idempotency_key=order)
    except BillingError as error:
        if error.money_moved != "no":
            raise
    router.charge(bot, 10, payment_method="pm_card_visa", idempotency_key=order)


def _buy_without_a_key(router: BillingRouter, bot: str, amount: str) -> None:
    try:
        router.charge(bot, amount)
    except OperationInProgressError as named:
        router.charge(bot, amount, idempotency_key=named.idempotency_key)


class LaneRun:
    """Forks, kills, and hands the next bot what the last one left."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.random = random.Random(f"{lane.seed}/{lane.number}")  # noqa: S311 - No secret.
        self.next = 0
        self.cut_off: list[str] = []
        self.kills = self.kills_at_work = self.failed_bots = 0
        self.done: set[str] = set()

    def run(self, tell: Callable[[int], None]) -> None:
        while self.kills < self.lane.kills:
            self._one_bot()
            if self.kills % 10 == 0:
                tell(self.kills)

    def _one_bot(self) -> None:
        report, tell = os.pipe()
        seed = self.random.random()
        pid = os.fork()
        if pid == 0:
            os.close(report)
            self._live(tell, seed)
        os.close(tell)
        # Its time runs from the first thing that it does, however busy the machine is.
        select.select([report], [], [], LONGEST_START_S)
        time.sleep(self.random.uniform(0.0, self.lane.longest_s))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        with os.fdopen(report) as lines:
            begun, done = self._heard(lines.read().split())
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            self.kills += 1
            self.kills_at_work += bool(begun)
        else:
            self.failed_bots += 1
        self.done |= done
        self.cut_off = [order for order in begun if self.random.random() < RETRIED]

    def _heard(self, words: list[str]) -> tuple[list[str], set[str]]:
        """Return the orders that were begun and not ended, and those that were paid."""
        begun: list[str] = []
        done: set[str] = set()
        for word in words:
            what, order = word[0], word[1:]
            if what == "b":
                begun.append(order)
            elif order in begun:
                begun.remove(order)
            if what == "d":
                done.add(order)
            if order.startswith("lane"):
                self.next = max(self.next, int(order.rpartition("-")[2]))
        return begun, done

    def _live(self, tell: int, seed: float) -> None:
        """Live the life of one bot; it never returns."""
        try:
            chance = random.Random(seed)  # noqa: S311 - No secret.
            router = router_of(self.lane)
            if chance.random() < RECOVERING:
                self._recover(router, tell)
            waiting = list(self.cut_off)
            while True:
                order = waiting.pop() if waiting else self._next_order(chance)
                os.write(tell, f"b{order}\n".encode())
                outcome = "d"
                try:
                    buy(router, order)
                except BillingError:
                    outcome = "f"  # The bot goes on; the order is left to recovery.
                os.write(tell, f"{outcome}{order}\n".encode())
        except BaseException:
            logging.getLogger("bot").exception("a bot stopped by itself")
            os._exit(3)

    def _recover(self, router: BillingRouter, tell: int) -> None:
        os.write(tell, b"r\n")
        with suppress(LedgerUnavailableError):
            router.recover()

    def _next_order(self, chance: random.Random) -> str:
        if chance.random() < SHARED:
            return f"shared{self.lane.seed}-{int(time.time() * 8) % 1_000_000}"
        self.next += 1
        return f"lane{self.lane.number}-{self.next}"


def main() -> None:
    lane = Lane(**json.loads(sys.argv[1]))
    logging.getLogger("stripe_billing_router").setLevel(logging.CRITICAL + 1)
    router = router_of(lane)  # Imports all that a bot imports.
    with suppress(BillingError):
        buy(router, f"first{lane.number}-0")
    router.close()
    del router
    gc.collect()
    gc.freeze()
    run = LaneRun(lane)
    run.run(lambda kills: _tell({"kills": kills}))
    counted = {
        "kills": run.kills, "kills_at_work": run.kills_at_work, "failed_bots": run.failed_bots,
        "done": len(run.done),
    }  # fmt: skip
    _tell({"end": counted})


def _tell(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
