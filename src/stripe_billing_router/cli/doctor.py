"""`doctor`: what is wrong with how the router is set up here, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from .output import Cell, Column, Table, console, plural, safe, say

if TYPE_CHECKING:
    from ..doctor import Check, Diagnosis

_STYLES = {
    "ok": "green",
    "info": "dim",
    "not checked": "dim",
    "warning": "bold yellow",
    "wrong": "bold red",
}
_TITLES = {
    "host": "This host",
    "settings": "Settings",
    "keys": "Keys and account",
    "routing": "Routes and limits",
    "ledger": "Ledger",
    "files": "Files beside the ledger",
    "alerts": "Alerts",
}


def doctor(
    as_json: Annotated[
        bool, typer.Option("--json", help="Write one JSON document instead of the table.")
    ] = False,
) -> None:
    """Say what is wrong with how the router is set up here, and what to do about it.

    It looks at the settings, where each key comes from and whose it is, the routing and the limits
    file, the ledger, the files beside it, and the alerts. It takes half a minute at most, whatever
    hangs.

    It moves no money and writes no record: Stripe is asked for `GET /v1/account` only, and a
    database or table that is not there yet is not made. To see whether the folder of the ledger
    can be written, a file is written there and removed.

    The exit status is 1 if anything is wrong, else 0, also with warnings. Run it as the user that
    runs the bots, in their environment; what a program sets with `configure` is looked at by
    `stripe_billing_router.doctor.diagnose(get_router().settings)`.
    """
    from ..doctor import diagnose  # noqa: PLC0415 - Brings nearly everything with it.

    waiting = console(stderr=True)
    with waiting.status("Looking …") if waiting.is_terminal else nullcontext():
        found = diagnose()
    if as_json:
        typer.echo(json.dumps(_as_json(found), ensure_ascii=False, indent=2))
    else:
        _show(found)
    if found.status == "wrong":
        raise typer.Exit(1)


def _as_json(found: Diagnosis) -> dict[str, object]:
    return {
        "status": found.status,
        "counts": {status: found.count(status) for status in type(found.status)},
        "checks": [
            {
                "section": check.section,
                "check": check.name,
                "status": check.status,
                "finding": check.finding,
                "remedy": check.remedy or None,
            }
            for check in found.checks
        ],
    }


def _show(found: Diagnosis) -> None:
    out = console()
    if out.is_terminal:
        columns = (Column("found"), Column("what"), Column("", folds=24))
        Table(columns, out).print(_in_sections(found.checks))
    else:
        names = ("found", "part", "what", "")
        Table([Column(name) for name in names], out).print(map(_on_one_line, found.checks))
    counts = ", ".join(
        plural(count, status) if status == "warning" else f"{count} {status}"
        for status in reversed(type(found.status))
        if (count := found.count(status))
    )
    say(f"\n{counts}.", style="bold")


def _in_sections(checks: Sequence[Check]) -> Iterator[Sequence[Cell] | str]:
    """Yield each section with its title, and what to do below each finding."""
    for section, those in groupby(checks, key=lambda check: check.section):
        yield _TITLES.get(section, section)
        for check in those:
            style = _STYLES[check.status]
            is_bad = check.status in {"warning", "wrong"}
            text = Text(safe(check.finding), style="" if is_bad or check.status == "ok" else "dim")
            yield Text(f"  {check.status}", style), safe(check.name), text
            if check.remedy:
                yield "", "", Text(f"→ {safe(check.remedy)}", style="cyan")


def _on_one_line(check: Check) -> Sequence[Cell]:
    remedy = f" → {safe(check.remedy)}" if check.remedy else ""
    return check.status, check.section, check.name, f"{safe(check.finding)}{remedy}"
