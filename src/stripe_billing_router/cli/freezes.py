"""`freeze`, `unfreeze` and `freezes`: stop bots, let them continue, and list who stopped whom."""

from __future__ import annotations

import getpass
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from ..core.bot_ids import matches, spellings
from ..core.operation import Freeze
from ..errors import InputError, LedgerUnavailableError
from . import when
from .backend import database_name, expect_database, open_records, open_router_in_any_case
from .output import Cell, Column, Table, plural, safe, say
from .routes import Format

if TYPE_CHECKING:
    from ..router import BillingRouter

BotOrPattern = Annotated[
    str,
    typer.Argument(
        metavar="BOT_OR_PATTERN",
        help="A bot id, or a pattern with * and ?, such as 'finance:*' (quote it).",
    ),
]


def freeze(
    pattern: BotOrPattern,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; the bots' error says it.")],
    by: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who asks. Default: your login name.")
    ] = None,
) -> None:
    """Stop the next call of every matching bot, in every process, until it is lifted.

    Calls in progress are not interrupted. The freeze is recorded in the ledger.
    """
    with open_router_in_any_case() as (router, has_routes):
        expect_database(router.settings)
        router.freeze(pattern, reason=reason, actor=by or _login_name())
        where = database_name(router.settings)
        is_away, folder = router.records.degraded, router.settings.ledger_dir.absolute()
        bots = _routed_bots(router, pattern)
    if is_away:
        raise LedgerUnavailableError(
            f"The database is unavailable, so {pattern} is frozen on this host only, by the files "
            f"in {folder}",
            "Freeze on each host, or stop the bots there otherwise. The freeze reaches the other "
            "hosts when the database is available again.",
        )
    say(f"Frozen: {safe(pattern)}, in {where}.", style="bold")
    if bots:
        named = ", ".join(bots[:5]) + (f" and {len(bots) - 5} more" if len(bots) > 5 else "")
        say(f"It stops {plural(len(bots), 'routed bot')}: {named}.")
    elif has_routes:
        say("No bot of the routing file matches it.", style="yellow", stderr=True)
    say(f"To lift it: stripe-billing-router unfreeze '{safe(pattern)}' --approver NAME")


def unfreeze(
    pattern: BotOrPattern,
    approver: Annotated[str, typer.Option(metavar="NAME", help="Who approves it.")],
) -> None:
    """Lift the freezes with exactly this bot or pattern.

    A freeze of `finance:*` is lifted by `finance:*`, and not by one of its bots.
    """
    with open_router_in_any_case() as (router, _):
        expect_database(router.settings)
        lifted = router.unfreeze(pattern, approver=approver)
        others = router.records.freezes()
    if not lifted:
        held = ", ".join(dict.fromkeys(other.pattern for other in others)) or "none"
        raise InputError(
            f"No freeze is for exactly {pattern!r} (those in force are for: {held})",
            "Name the pattern exactly as it was frozen.",
        )
    say(f"Lifted: {safe(pattern)} ({plural(lifted, 'freeze')}).", style="bold")
    for other in others:
        if matches(other.pattern, spellings(pattern)[0]):
            say(
                f"Still stopped by the freeze of {safe(other.pattern)}.",
                style="yellow",
                stderr=True,
            )


def freezes(
    everything: Annotated[
        bool, typer.Option("--all", help="Those that were lifted as well.")
    ] = False,
    output: Annotated[Format, typer.Option("--format", help="How to write them.")] = Format.TABLE,
) -> None:
    """List the freezes in force: who stopped whom, when and why."""
    with open_records() as records:
        found = records.freezes(include_lifted=everything)
    if output is Format.JSONL:
        for each in found:
            typer.echo(json.dumps(asdict(each)))
        return
    columns = [
        Column("frozen", folds=14),
        Column("since (UTC)"),
        Column("by", folds=8),
        Column("why", folds=16),
    ]
    if everything:
        columns.append(Column("lifted", folds=10))
    if not Table(columns).print(_cells(each, everything=everything) for each in found):
        say("No bot is frozen.", style="dim", stderr=True)


def _cells(each: Freeze, *, everything: bool) -> Sequence[Cell]:
    cells: list[Cell] = [
        Text(safe(each.pattern), "" if each.lifted_ms is not None else "bold red"),
        when.full(each.created_ms),
        safe(each.actor),
        safe(each.reason),
    ]
    if everything and each.lifted_ms is not None:
        cells.append(f"{when.full(each.lifted_ms)} by {safe(each.lifted_by)}")
    elif everything:
        cells.append("no")
    return cells


def _routed_bots(router: BillingRouter, pattern: str) -> list[str]:
    bots = {
        spellings(f"{domain}:{category}:{name}")[-1]
        for domain, _, category, name in router.routes
        if matches(pattern, f"{domain}:{category}:{name}")
    }
    return sorted(bots)


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # A container's user may have no name.
        return "operator"
