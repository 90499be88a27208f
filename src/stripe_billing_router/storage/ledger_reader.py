"""Read the ledger as one ordered stream, with the rows that are still in the spool."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from ..core.operation import LedgerRow
from .ledger import PAGE_ROWS, LedgerFilter

# (the row to continue after, how many) -> the next rows
Page = Callable[[LedgerRow | None, int], Sequence[LedgerRow]]


def read_ledger(
    page: Page,
    spooled: Callable[[], dict[str, LedgerRow]],
    wanted: LedgerFilter,
    *,
    newest_first: bool,
    limit: int | None,
) -> Iterator[LedgerRow]:
    """Yield the rows that `wanted` accepts in order of time, each id once, at most `limit`."""

    def order(row: LedgerRow) -> tuple[int, str]:
        return row.timestamp_ms, row.id

    waiting = sorted(filter(wanted.accepts, spooled().values()), key=order, reverse=newest_first)
    rows = heapq.merge(_pages(page, limit), waiting, key=order, reverse=newest_first)
    return islice(_each_once(rows), limit)


def _pages(page: Page, limit: int | None) -> Iterator[LedgerRow]:
    size = PAGE_ROWS if limit is None else max(1, min(limit, PAGE_ROWS))
    last: LedgerRow | None = None
    while True:
        rows = page(last, size)
        yield from rows
        if len(rows) < size:
            return
        last = rows[-1]


def _each_once(rows: Iterator[LedgerRow]) -> Iterator[LedgerRow]:
    last_id: str | None = None
    for row in rows:  # The same id has the same time, so the two are adjacent.
        if row.id != last_id:
            yield row
        last_id = row.id
