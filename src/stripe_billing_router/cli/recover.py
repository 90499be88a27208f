"""`recover`: finish what dead processes left, and say what a person must look at."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from ..core.operation import Operation, State
from .backend import expect_database, open_router_in_any_case
from .operations import state_text
from .output import Cell, Column, Progress, Table, plural, safe, say
from .routes import Format

if TYPE_CHECKING:
    from ..engine.recovery import Recovered, RecoveryReport
    from ..router import BillingRouter

STILL_UNSETTLED = 3

# What to do about an operation that a recovery leaves in one of these states.
NEXT = {
    State.PENDING: "Another process has just taken it up. Run this again when it has ended.",
    State.UNKNOWN: "Stripe cannot say yet what became of it, or may not be asked. Run this again "
    "in ten minutes. If it stays, look at Stripe for the object whose metadata has the operation's "
    "id in sbr_operation.",
    State.OPEN: "Stripe has accepted it and it is not final: a bank is at work, or the customer "
    "has not paid yet. Run this again later.",
    State.ROLLING_BACK: "It went to a foreign account and is not undone. Look at its objects at "
    "Stripe, keep the bot frozen, and run this again.",
}


def recover(
    output: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TABLE,
) -> None:
    """Finish what dead processes left, and bring back what waits in the files.

    What is younger than an hour is driven on, with the keys and parameters that it began with;
    what is older, and what belongs to a frozen bot, is looked up at Stripe, cleaned up and
    settled, and never sent again. It can run anywhere at any time, also twice at once: nothing is
    paid twice by it.

    The exit status is 0 when nothing is left unsettled, 3 when something is, and 1 for an error.
    What a live process is at work on is left alone and does not count.
    """
    with open_router_in_any_case() as (router, _):
        expect_database(router.settings)
        with Progress("operation") as progress:

            def before_each(number: int, total: int, operation: Operation) -> None:
                if number == 0:
                    _expect_keys(router)
                progress.step(number, total, _described(operation))

            report = router.recover(before_each)
        found = [(done, _detail(router, done)) for done in report.operations]
    if output is Format.JSONL:
        for done, detail in found:
            typer.echo(json.dumps(_as_json(done, detail), ensure_ascii=False))
    else:
        _show(found)
    _sum_up(report, stderr=output is Format.JSONL)
    if report.unsettled:
        raise typer.Exit(STILL_UNSETTLED)


def _expect_keys(router: BillingRouter) -> None:
    """Let a host without keys say so once, instead of once for each operation."""
    assert router.public_key


def _described(operation: Operation) -> str:
    return safe(f"{operation.bot_id} {operation.action} {operation.operation_id}")


def _detail(router: BillingRouter, done: Recovered) -> str:
    """Return why it came to that: its error, or what the journal says of one that is not over."""
    if done.detail or done.after is State.SUCCEEDED:
        return safe(done.detail)
    stored = router.records.find(done.operation_id)
    return safe(stored.error_message or "") if stored else ""


def _as_json(done: Recovered, detail: str) -> dict[str, Any]:
    return {
        "operation_id": done.operation_id,
        "bot_id": safe(done.bot_id),
        "before": done.before,
        "after": done.after,
        "settled": done.after not in NEXT,
        "detail": detail,
    }


def _show(found: Sequence[tuple[Recovered, str]]) -> None:
    columns = (
        Column("operation", folds=18),
        Column("bot", folds=14),
        Column("before → after", folds=9),
        Column("detail", folds=20),
    )

    def cells() -> Iterator[Sequence[Cell]]:
        for done, detail in found:
            change = Text.assemble(state_text(done.before), " → ", state_text(done.after))
            yield done.operation_id, safe(done.bot_id), change, detail or "-"

    if Table(columns).print(cells()):
        say("")


def _sum_up(report: RecoveryReport, *, stderr: bool) -> None:
    if report.drained:
        say(f"Brought back from the files: {plural(report.drained, 'record')}.", stderr=stderr)
    unsettled = len(report.unsettled)
    settled = len(report.operations) - unsettled
    if not report.operations:
        say("No operation waits to be recovered.", stderr=stderr)
    else:
        say(f"Settled: {settled}. Not settled: {unsettled}.", style="bold", stderr=stderr)
    if report.in_progress:
        say(
            f"Left alone: {plural(report.in_progress, 'operation')} that a process is at work on.",
            stderr=stderr,
        )
    for state, advice in NEXT.items():
        left = sum(done.after is state for done in report.unsettled)
        if left:
            say(f"{plural(left, 'operation')} {state}: {advice}", style="yellow", stderr=True)
