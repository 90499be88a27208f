"""Serve a sandbox until it is stopped: `python -m stripe_billing_router.testing --port 12111`."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence

from .sandbox import StripeSandbox


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = _parser().parse_args(arguments)
    sandbox = StripeSandbox(options.account, seed=options.seed, search_lag_s=options.search_lag)
    for customer in options.customer:
        sandbox.add_customer(customer, payment_method="pm_card_visa")
    for price in options.price:
        _add_price(sandbox, price)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with sandbox.serve(options.port) as server:
        sys.stdout.write(f"Listening at {server.url}\n")
        sys.stdout.flush()
        stopped.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stripe_billing_router.testing",
        description="Serve a sandbox Stripe on loopback. Any sk_live_ or rk_live_ key will do; "
        "nothing leaves this machine.",
    )
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes any free one")
    parser.add_argument("--account", default="acct_sandboxmaster", help="the account of all keys")
    parser.add_argument("--seed", type=int, default=0, help="of the ids that it gives")
    parser.add_argument(
        "--search-lag", type=float, default=0.0, metavar="SECONDS",
        help="how long new objects stay invisible to searches",
    )  # fmt: skip
    parser.add_argument(
        "--customer", action="append", default=[], metavar="cus_ID",
        help="add a customer with a card that works; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--price", action="append", default=[], metavar="price_ID:MINOR:CURRENCY[:INTERVAL]",
        help="add a price, recurring if it has an interval (day, week, month, year)",
    )  # fmt: skip
    return parser


def _add_price(sandbox: StripeSandbox, text: str) -> None:
    target, amount, currency, *interval = text.split(":")
    sandbox.add_price(
        target,
        unit_amount=int(amount),
        currency=currency,
        recurring=bool(interval),
        interval=interval[0] if interval else "month",
    )


if __name__ == "__main__":
    sys.exit(main())
