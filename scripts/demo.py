"""The main job in a minute, on SQLite and the sandbox Stripe: no network, no key, no server.

What is printed as code is what runs. What is ticked was checked: a fact that does not hold ends the
demo with an error.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

import stripe_billing_router as router
from stripe_billing_router.core.operation import MONEY_ACTIONS, LedgerRow
from stripe_billing_router.settings import VARIABLES
from stripe_billing_router.testing import StripeSandbox

ROUTES = """\
stripe:
  default:
    shop:
      orders:
        product_id: prod_tea
        price_id: price_tea_box
        subscription_price_id: price_tea_monthly
        customer_id: cus_ada
      couriers:
        product_id: prod_parcel
        price_id: price_parcel
        customer_id: cus_ada
  eu:
    shop:
      orders:
        product_id: prod_tea
        price_id: price_tea_box_eu
        customer_id: cus_ada
        currency: eur
"""
MASTER = "acct_demo"
INTRUDER = "acct_intruder"
WIDEST = 100


class Demo:
    """Shows a step, runs its code, and ticks what came of it."""

    def __init__(self, sandbox: StripeSandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self.console = Console(highlight=False)
        self.console.width = min(self.console.width, WIDEST)
        utf8 = self.console.encoding.startswith("utf")
        self.tick, self.cross = ("✓", "✗") if utf8 else ("+", "!")
        self.names: dict[str, Any] = {name: getattr(router, name) for name in router.__all__}
        self.alerts: list[tuple[str, str, str, Mapping[str, Any]]] = []
        self.steps = 0

    def start_router(self) -> None:
        """Set up the default router as a new process of the bots would."""
        router.reset()
        router.configure(
            http_client=self.sandbox.http_client(),
            secret_key="sk_live_THIS0IS0A0FAKE0KEY",  # noqa: S106 - As it says.
            public_key="pk_live_THIS0IS0A0FAKE0KEY",
            master_account_id=MASTER,
            routing_config=self.folder / "routes.yaml",
            ledger_dir=self.folder / "finance_logs",
        )
        router.register_alert_sink(lambda *alert: self.alerts.append(alert))

    def step(self, title: str, *sentences: str) -> None:
        """Begin a step: its title, and what there is to know before it."""
        self.steps += 1
        self.console.print()
        self.console.print(Text(f"{self.steps}  {title}", style="bold cyan"))
        for sentence in sentences:
            self.print(Text(sentence))

    def run(self, code: str) -> Any:
        """Show the line that a bot would write, and run it."""
        for number, line in enumerate(code.splitlines()):
            self.print(Text.assemble(("... " if number else ">>> ", "dim"), (line, "bold")))
        name, _, expression = code.rpartition(" = ")
        value = eval(expression, self.names)  # noqa: S307 - Written below, and shown.
        self.names[name] = value
        return value

    def refused(self, code: str, kind: type[router.BillingError]) -> router.BillingError:
        """Show and run a line that must raise this very error; return it."""
        try:
            self.run(code)
        except kind as error:
            self.expect(f"{type(error).__name__}, money moved: {error.money_moved}", True)
            return error
        self.expect(f"it raises {kind.__name__}", False)
        raise AssertionError("unreachable")

    def expect(self, fact: str, holds: object) -> None:
        """Tick a fact; end the demo if it does not hold."""
        if not holds:
            self.print(Text(f"{self.cross} not so: {fact}", style="bold red"))
            raise SystemExit(1)
        self.print(Text.assemble((f"{self.tick} ", "bold green"), fact))

    def print(self, what: Any) -> None:
        """Print below the step's title."""
        self.console.print(Padding(what, (0, 0, 0, 3), expand=False))

    @contextmanager
    def sends(self, writes: int) -> Iterator[None]:
        """Tick how many requests that could change anything reach the sandbox meanwhile."""
        before = self.sandbox.count("POST *")
        yield
        sent = self.sandbox.count("POST *") - before
        self.expect(f"POST requests to Stripe: {writes}", sent == writes)


def main() -> None:
    """Run all steps in a temporary folder."""
    for variable in VARIABLES.values():
        os.environ.pop(variable, None)  # Whatever is set here, the demo meets nothing real.
    # What the alerts say is shown by the demo itself.
    logging.getLogger("stripe_billing_router").addHandler(logging.NullHandler())
    with tempfile.TemporaryDirectory(prefix="stripe_billing_router-demo-") as folder:
        demo = Demo(seeded_sandbox(), Path(folder))
        (demo.folder / "routes.yaml").write_text(ROUTES, encoding="utf-8")
        introduce(demo)
        demo.start_router()
        try:
            charge_an_amount(demo)
            ask_again(demo)
            charge_a_price(demo)
            charge_in_another_region(demo)
            subscribe(demo)
            refund_a_part(demo)
            decline(demo)
            meet_a_foreign_account(demo)
            show_the_ledger(demo)
        finally:
            router.reset()


def seeded_sandbox() -> StripeSandbox:
    """Return a Stripe that knows our customers and prices."""
    sandbox = StripeSandbox(MASTER, seed=7)
    sandbox.add_customer("cus_ada", email="ada@example.com", payment_method="pm_card_visa")
    sandbox.add_customer(
        "cus_bob",
        email="bob@example.com",
        payment_method="pm_card_chargeDeclinedInsufficientFunds",
    )
    sandbox.add_price("price_tea_box", unit_amount=49_00)
    sandbox.add_price("price_tea_box_eu", unit_amount=45_00, currency="eur")
    sandbox.add_price("price_tea_monthly", unit_amount=9_00, recurring=True)
    sandbox.add_price("price_parcel", unit_amount=6_00)
    return sandbox


def introduce(demo: Demo) -> None:
    """Say what runs here."""
    demo.console.rule("[bold]stripe_billing_router[/bold]")
    demo.console.print(
        "Bots take money by name. The router knows the keys, prices and customers, writes down "
        "what it is about to do, does it at Stripe once, and checks what comes back.\n"
        "Here: SQLite and a sandbox Stripe in this process. No network, no real key."
    )


def charge_an_amount(demo: Demo) -> None:
    """A PaymentIntent."""
    demo.step("A charge by amount")
    with demo.sends(1):
        receipt = demo.run(
            'first = charge("shop:orders", amount="19.99", idempotency_key="order-1")'
        )
        demo.expect(
            f"paid {money(receipt)} by {receipt['customer']}, as the bot's route says",
            receipt.paid and money(receipt) == "19.99 usd" and receipt["customer"] == "cus_ada",
        )


def ask_again(demo: Demo) -> None:
    """The same business key, in what could be another process."""
    demo.step("A retry", "The bot crashed, was started again, and is not sure. It asks again:")
    demo.start_router()
    before, first = len(demo.sandbox.requests), demo.names["first"]
    again = demo.run('charge("shop:orders", amount="19.99", idempotency_key="order-1")')
    demo.expect("the first receipt, replayed", again.replayed and again.id == first.id)
    demo.expect("requests to Stripe: none", len(demo.sandbox.requests) == before)
    demo.expect("the customer paid once", demo.sandbox.captured_minor("usd") == 19_99)


def charge_a_price(demo: Demo) -> None:
    """An invoice."""
    demo.step("A charge by price", "Without an amount it is the route's price, as an invoice.")
    with demo.sends(4):
        receipt = demo.run('charge("shop:orders", idempotency_key="order-2")')
        demo.expect(
            f"{receipt.object} drafted, filled, finalized and paid: {money(receipt)}",
            receipt.paid and receipt.object == "invoice" and money(receipt) == "49.00 usd",
        )


def charge_in_another_region(demo: Demo) -> None:
    """A regional override, and one that does not exist."""
    demo.step("Another region")
    receipt = demo.run(
        'charge("shop:orders", overrides={"region": "eu"},\n       idempotency_key="order-3")'
    )
    demo.expect(f"paid {money(receipt)}", receipt.paid and money(receipt) == "45.00 eur")
    demo.print(Text("A typo never falls back to the base price:"))
    with demo.sends(0):
        error = demo.refused(
            'charge("shop:orders", overrides={"region": "ue"},\n       idempotency_key="order-4")',
            router.UnknownOverrideError,
        )
        demo.print(Text(error.message, style="italic"))


def subscribe(demo: Demo) -> None:
    """A subscription with its first invoice."""
    demo.step("A subscription")
    receipt = demo.run('create_subscription("shop:orders", idempotency_key="club-1")')
    demo.expect(
        f"{receipt.status}; the first invoice is paid: {money(receipt)}",
        receipt.status == "active" and receipt.paid and money(receipt) == "9.00 usd",
    )


def refund_a_part(demo: Demo) -> None:
    """A part of the first charge goes back."""
    demo.step("A partial refund")
    receipt = demo.run('refund("shop:orders", first.id, amount="5.00", idempotency_key="back-1")')
    demo.expect(f"returned {money(receipt)} of 19.99", money(receipt) == "5.00 usd")
    demo.expect("at Stripe, too", receipt.paid and demo.sandbox.refunded_minor("usd") == 5_00)


def decline(demo: Demo) -> None:
    """A card without money, then another card."""
    demo.step("A declined card")
    error = demo.refused(
        'charge("shop:orders", amount="30.00", customer_id="cus_bob",\n'
        '       idempotency_key="order-5")',
        router.PaymentDeclinedError,
    )
    demo.expect("the reason is told: insufficient_funds",
                error.details["decline_code"] == "insufficient_funds")  # fmt: skip
    left = [item for item in demo.sandbox.payment_intents.values() if item["customer"] == "cus_bob"]
    demo.expect(
        "the PaymentIntent is cancelled at Stripe: nothing is left payable",
        [item["status"] for item in left] == ["canceled"],
    )
    demo.print(Text("The same key may try again, with another card:"))
    receipt = demo.run(
        'charge("shop:orders", amount="30.00", customer_id="cus_bob",\n'
        '       idempotency_key="order-5", payment_method="pm_card_visa")'
    )
    attempt = router.get_operation(receipt.operation_id).attempt
    demo.expect(f"attempt {attempt}, paid {money(receipt)}", receipt.paid and attempt == 2)


def meet_a_foreign_account(demo: Demo) -> None:
    """An answer that names somebody else's account."""
    demo.step(
        "A foreign account",
        f"Stripe's answer to this charge will name {INTRUDER} instead of {MASTER}:",
    )
    demo.sandbox.faults.foreign_account(
        INTRUDER, "on_behalf_of", method="POST", path="/v1/payment_intents"
    )
    demo.refused(
        'charge("shop:couriers", amount="75.00", idempotency_key="parcel-1")',
        router.AccountMismatchError,
    )
    kind, severity, message, context = demo.alerts[-1]
    demo.expect(
        "the operator is told:",
        kind == "critical_discrepancy" and context["foreign_account"] == INTRUDER,
    )
    demo.print(Panel(message, title=f"{severity}: {kind}", style="red"))
    operation = router.get_operation(str(context["operation_id"]))
    charged = next(item for item in demo.sandbox.charges.values() if item["amount"] == 75_00)
    demo.expect(
        "at Stripe 75.00 usd had been taken; all of it is refunded",
        charged["amount_refunded"] == 75_00,
    )
    demo.expect(f"the operation is {operation.state}", operation.state == "rolled_back")
    demo.print(Text("This bot is frozen until a person lifts that:"))
    with demo.sends(0):
        demo.refused(
            'charge("shop:couriers", amount="6.00", idempotency_key="parcel-2")',
            router.BotFrozenError,
        )
    demo.print(Text("The others go on:"))
    receipt = demo.run('charge("shop:orders", amount="4.00", idempotency_key="order-6")')
    demo.expect(f"paid {money(receipt)}", receipt.paid)


def show_the_ledger(demo: Demo) -> None:
    """Everything that happened, and that it adds up."""
    demo.step("The ledger", "All of it stands in the table stripe_ledger:")
    rows = list(router.get_router().records.ledger())
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("action_type", "amount", "currency", "bot_id", "destination_account", "error"):
        table.add_column(
            name, justify="right" if name in ("amount", "error") else "left", no_wrap=True
        )
    for row in rows:
        amount = "" if row.amount is None else format(row.amount, "f")
        table.add_row(
            row.action_type,
            amount,
            row.currency,
            row.bot_id,
            row.destination_account,
            str(row.error),
            style="red" if row.error else "" if is_money(row) else "dim",
        )
    demo.print(table)
    demo.print(Text("Failures (error 1) and rollbacks are no money; the rest adds up:"))
    booked, moved = booked_money(rows), moved_money(demo.sandbox)
    net = ", ".join(f"{amount} {currency}" for currency, amount in sorted(booked.items()))
    demo.expect(f"charges and subscriptions less refunds: {net}", len(booked) == 2)
    demo.expect("exactly what moved at Stripe", booked == moved)
    demo.console.print()
    demo.console.rule("[bold green]All of it held[/bold green]")


def money(receipt: router.Receipt) -> str:
    """Return an amount as a person writes it."""
    return f"{receipt.amount} {receipt.currency}"


def is_money(row: LedgerRow) -> bool:
    """Say whether finance adds this row up."""
    return row.error == 0 and row.action_type in MONEY_ACTIONS


def booked_money(rows: list[LedgerRow]) -> dict[str, Decimal]:
    """Add up the money rows by currency."""
    total: dict[str, Decimal] = defaultdict(Decimal)
    for row in filter(is_money, rows):
        sign = -1 if row.action_type == "refund" else 1
        total[str(row.currency)] += sign * (row.amount or Decimal())
    return total


def moved_money(sandbox: StripeSandbox) -> dict[str, Decimal]:
    """Add up what the sandbox really moved, in major units; all currencies here have cents."""
    total: dict[str, Decimal] = defaultdict(Decimal)
    for effect in sandbox.effects():
        sign = -1 if effect.kind == "refund" else 1
        total[effect.currency] += sign * Decimal(effect.amount_minor) / 100
    return total


if __name__ == "__main__":
    main()
