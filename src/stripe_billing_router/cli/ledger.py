"""`ledger`: what was taken and returned, as a table, JSON lines or CSV."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from enum import StrEnum
from itertools import dropwhile, islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..core.clean_json import to_json
from ..core.operation import MONEY_ACTIONS, LedgerRow
from . import ledger_table
from .backend import now_ms, open_records
from .output import plural, say
from .when import parse_when

if TYPE_CHECKING:
    from ..storage.records import Records

SHOWN_ROWS = 50

# A spreadsheet takes a cell that begins with one of these for a formula (OWASP: CSV injection).
_FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_NUMBERS = frozenset({"amount", "timestamp_ms", "error"})


class Format(StrEnum):
    """How rows are written."""

    TABLE = "table"
    JSONL = "jsonl"
    CSV = "csv"


def ledger(
    bot: Annotated[str | None, typer.Option(metavar="BOT_ID", help="Only this bot's rows.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only rows from this time on.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only rows before this time.")
    ] = None,
    object_id: Annotated[
        str | None,
        typer.Option("--object", metavar="ID", help="Only rows of this Stripe object: pi_…, in_…"),
    ] = None,
    errors: Annotated[bool, typer.Option("--errors", help="Only rows with error=1.")] = False,
    money: Annotated[
        bool, typer.Option("--money", help="Only money: charges, subscriptions, refunds.")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help=f"Only the newest N rows; 0 for all. A table without a time or an object shows "
            f"{SHOWN_ROWS}, everything else is not limited.",
        ),
    ] = None,
    sums: Annotated[bool, typer.Option("--sums", help="Only the sums of a table.")] = False,
    output: Annotated[Format, typer.Option("--format", help="How to write them.")] = Format.TABLE,
) -> None:
    """Show the ledger, the oldest row first, with sums by currency.

    TIME is a date, a date and time, or how long ago: 2026-07-01, 2026-07-01T12:30+02:00, 24h, 7d.
    Without a zone it is UTC, as is everything shown. `--since 2026-07-01 --until 2026-08-01` is
    July.

    Sums are of the money rows among those shown: successful charges, first payments of
    subscriptions, and refunds, which are taken off the net.

    `jsonl` and `csv` write the ten columns of `stripe_ledger`, amounts as exact text. In `csv` a
    text that a spreadsheet would take for a formula (it begins with = + - @ or a tab) gets an
    apostrophe in front; `jsonl` changes nothing.
    """
    if errors and money:
        raise typer.BadParameter("--errors and --money exclude each other: errors are not money")
    if sums and output is not Format.TABLE:
        raise typer.BadParameter(f"--sums go with --format table, not {output.value}")
    wanted: dict[str, Any] = {
        "bot": bot,
        "object_id": object_id,
        "since_ms": _when("--since", since),
        "until_ms": _when("--until", until),
        "error": True if errors else False if money else None,
    }
    if limit is None and output is Format.TABLE and not (sums or since or until or object_id):
        limit = SHOWN_ROWS
    with open_records() as records:
        selection = Selection(records, wanted, money=money)
        rows, is_cut = selection.newest(limit) if limit else (selection.all(), False)
        if output is Format.TABLE:
            _show(rows, sums_only=sums, is_cut=is_cut)
        else:
            {Format.JSONL: write_jsonl, Format.CSV: write_csv}[output](rows)


def _when(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_when(text, now_ms())
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


class Selection:
    """The rows that were asked for, read as they are needed."""

    def __init__(self, records: Records, wanted: dict[str, Any], *, money: bool) -> None:
        self._records = records
        self._wanted = wanted
        self._money = money

    def all(self, **changes: Any) -> Iterator[LedgerRow]:
        """Yield all of them in order of time."""
        rows = self._records.ledger(**{**self._wanted, **changes})
        if not self._money:
            return rows
        return (row for row in rows if row.action_type in MONEY_ACTIONS)

    def newest(self, limit: int) -> tuple[Iterator[LedgerRow], bool]:
        """Return the newest `limit` in order of time, and whether there are others.

        Where they begin is looked up first, so that none is kept in memory however many they are.
        """
        start: LedgerRow | None = None
        count = 0
        for row in islice(self.all(newest_first=True), limit + 1):
            count += 1
            if count <= limit:
                start = row
        if start is None:
            return iter(()), False
        begin = (start.timestamp_ms, start.id)
        rows = self.all(since_ms=start.timestamp_ms)
        return dropwhile(lambda row: (row.timestamp_ms, row.id) < begin, rows), count > limit


def _show(rows: Iterator[LedgerRow], *, sums_only: bool, is_cut: bool) -> None:
    totals = ledger_table.Totals()
    count = 0
    if sums_only:
        for row in rows:
            totals.add(row)
            count += 1
    else:
        count = ledger_table.show_rows(rows, totals)
    if not count:
        say("No rows match.", style="dim", stderr=True)
        return
    ledger_table.show_sums(totals)
    note = f"{plural(count, 'row')}"
    if is_cut:
        note += ", the newest; sums are of these only. --limit 0 shows all"
    say(f"\n{note}.", style="yellow" if is_cut else "dim")


def write_jsonl(rows: Iterator[LedgerRow]) -> None:
    """Write one JSON object a line: the ten columns."""
    from ..storage import codec  # noqa: PLC0415 - Not needed for the table, nor for `--help`.

    for row in rows:
        sys.stdout.write(to_json(codec.row_values(row)) + "\n")


def write_csv(rows: Iterator[LedgerRow]) -> None:
    """Write the ten columns under their names, without formulas."""
    from ..storage import codec  # noqa: PLC0415 - As above.

    writer = csv.DictWriter(
        sys.stdout,
        codec.LEDGER_COLUMNS,
        lineterminator="\n",
        # With such line ends a lone carriage return is not quoted of itself.
        quoting=csv.QUOTE_NONNUMERIC,
    )
    writer.writeheader()
    for row in rows:
        values = codec.row_values(row)
        writer.writerow({name: _cell(name, value) for name, value in values.items()})


def _cell(name: str, value: Any) -> Any:
    if name not in _NUMBERS and isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value
