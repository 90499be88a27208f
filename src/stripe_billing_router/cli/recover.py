"""`recover`: finish what dead processes left, and report what an operator must check."""

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
    State.PENDING: "Another process has just continued it. Run this again when it has ended.",
    State.UNKNOWN: "Stripe does not show its outcome yet, or cannot be asked. Run this again in "
    "ten minutes. If it stays unknown, find the object at Stripe whose metadata has the "
    "operation's id in sbr_operation.",
    State.OPEN: "Stripe has accepted it and it is not final: a bank is processing it, or the "
    "customer has not paid yet. Run this again later.",
    State.ROLLING_BACK: "It went to a foreign account and is not reversed. Check its objects at "
    "Stripe, keep the bot frozen, and run this again.",
}


def recover(
    output: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TABLE,
) -> None:
    """Finish what dead processes left, and replay the spooled records.

    Operations younger than an hour are continued with the keys and parameters that they began
    with. Older ones, and those of frozen bots, are looked up at Stripe, cleaned up and finished,
    and never sent again. It can run anywhere at any time, also twice at once: it never pays twice.

    The exit status is 0 when every operation is finished, 3 when one is not, and 1 for an error.
    Operations that a live process has in progress are left alone and do not count.
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
    """Return the reason: its error, or what the journal says of one that is not finished."""
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
        say(f"Replayed from the spool: {plural(report.drained, 'record')}.", stderr=stderr)
    unfinished = len(report.unsettled)
    finished = len(report.operations) - unfinished
    if not report.operations:
        say("There is no operation to recover.", stderr=stderr)
    else:
        say(f"Finished: {finished}. Not finished: {unfinished}.", style="bold", stderr=stderr)
    if report.in_progress:
        say(
            f"Left alone: {plural(report.in_progress, 'operation')} in progress in a live process.",
            stderr=stderr,
        )
    for state, advice in NEXT.items():
        left = sum(done.after is state for done in report.unsettled)
        if left:
            say(f"{plural(left, 'operation')} {state}: {advice}", style="yellow", stderr=True)
