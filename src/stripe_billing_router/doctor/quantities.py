"""Counts, lists and lengths of time, as findings write them."""

from __future__ import annotations


def span(seconds: float) -> str:
    """Return a length of time as people say it: `45 s`, `58 min`, `7 h`, `30 days`."""
    for unit_s, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * unit_s:
            return f"{seconds / unit_s:.0f} {unit}"
    return f"{seconds:.0f} s"


def plural(count: int, noun: str) -> str:
    """Return `1 route`, `2 routes`, …."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def first_few(names: list[str], most: int = 5) -> str:
    """Join the first names, and say how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
