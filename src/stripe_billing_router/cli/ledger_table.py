"""The ledger for a person: rows under their days, and sums that finance can believe."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from decimal import Context, Decimal, Inexact, InvalidOperation

from rich.text import Text

from ..core.operation import MONEY_ACTIONS, LedgerRow
from . import when
from .output import Cell, Column, Table, console, safe

# Wide enough for every sum of amounts; what would be rounded raises instead.
_EXACT = Context(prec=1000, traps=[Inexact, InvalidOperation])


class Totals:
    """Sums of money rows by currency and action, exact."""

    def __init__(self) -> None:
        self._sums: dict[str, dict[str, Decimal]] = defaultdict(dict)
        self._rows: dict[str, int] = defaultdict(int)

    def add(self, row: LedgerRow) -> None:
        """Count a row, if it is money."""
        if row.error or row.action_type not in MONEY_ACTIONS or row.amount is None:
            return
        sums = self._sums[row.currency or ""]
        before = sums.get(row.action_type, Decimal(0))
        sums[row.action_type] = _EXACT.add(before, row.amount)
        self._rows[row.currency or ""] += 1

    def lines(self) -> Iterator[tuple[str, int, dict[str, Decimal], Decimal]]:
        """Yield currency, number of rows, sums by action, and the net of refunds."""
        for currency in sorted(self._sums):
            sums = self._sums[currency]
            net = Decimal(0)
            for action, amount in sums.items():
                net = (_EXACT.subtract if action == "refund" else _EXACT.add)(net, amount)
            yield currency, self._rows[currency], sums, net


def show_rows(rows: Iterable[LedgerRow], totals: Totals) -> int:
    """Print the rows as they come, add them to `totals`, and return how many there were."""
    out = console()
    by_day = out.is_terminal
    columns = (
        Column("UTC" if by_day else "date and time (UTC)"),
        Column("action", folds=12),
        Column("amount", right=True),
        Column("bot", folds=18),
        Column("Stripe object, or error", folds=14),
    )

    def cells() -> Iterator[Sequence[Cell] | str]:
        last: date | None = None
        for row in rows:
            totals.add(row)
            day = when.day(row.timestamp_ms)
            if by_day and day != last:
                yield f"{day:%Y-%m-%d}"
            last = day
            yield _cells(row, when.clock if by_day else when.full)

    return Table(columns, out).print(cells())


def _cells(row: LedgerRow, time_of: Callable[[int], str]) -> Sequence[Cell]:
    style = "red" if row.error else "" if row.action_type in MONEY_ACTIONS else "dim"
    return (
        time_of(row.timestamp_ms),
        Text(safe(row.action_type), style),
        Text(_amount(row), style),
        safe(row.bot_id or "-"),
        Text(_object(row), style),
    )


def _amount(row: LedgerRow) -> str:
    if row.amount is None:
        return "-"
    return f"{row.amount:f} {safe(row.currency or '?')}"


def _object(row: LedgerRow) -> str:
    try:
        raw = json.loads(row.raw_event_json)
    except ValueError:
        raw = None
    raw = raw if isinstance(raw, dict) else {}
    words = [raw.get("code") or "error"] if row.error else []
    words += [raw["id"]] if raw.get("id") else []
    if raw.get("actor"):  # A freeze has no Stripe object: its actor and reason are shown.
        words += [f"{raw['actor']}:", raw["reason"]] if raw.get("reason") else [raw["actor"]]
    return safe(" ".join(str(word) for word in words)) or "-"


def show_sums(totals: Totals) -> None:
    """Print the sums, a line for each currency, where there is money."""
    lines = list(totals.lines())
    if not lines:
        return
    columns = [Column("money"), Column("rows", right=True)]
    columns += [Column(action, right=True) for action in MONEY_ACTIONS]
    columns.append(Column("net of refunds", right=True))
    out = console()
    out.print()
    Table(columns, out).print(
        [
            currency or "?",
            f"{count}",
            *(_plain(sums.get(action)) for action in MONEY_ACTIONS),
            Text(_plain(net), "bold"),
        ]
        for currency, count, sums, net in lines
    )


def _plain(amount: Decimal | None) -> str:
    return "-" if amount is None else f"{amount:f}"
