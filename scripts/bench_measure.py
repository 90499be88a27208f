"""How things are measured: in turns, so that what slows the machine down slows both sides down."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

# By the name of a variant: how long each call took, in seconds, round by round.
Times = dict[str, list[list[float]]]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the result: `ours` beside `bare`, both in `unit`; less is better throughout."""

    group: str
    what: str
    unit: str
    ours: float
    bare: float | None = None
    beside: str = "bare SDK"
    # The middle half of the ratios of the single rounds: how far noise moves them.
    noise: tuple[float, float] | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times what stands beside it."""
        return self.ours / self.bare if self.bare else None

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON data."""
        names = ("group", "what", "unit", "ours", "bare", "beside", "ratio", "noise", "note")
        return {name: getattr(self, name) for name in names}


def in_turns(variants: Mapping[str, Callable[[], object]], rounds: int, calls: int) -> Times:
    """Time `calls` calls of each variant in each round; every round begins with another one."""
    return taking_turns(
        {name: partial(_each, call, calls) for name, call in variants.items()}, rounds
    )


def taking_turns(blocks: Mapping[str, Callable[[], list[float]]], rounds: int) -> Times:
    """Let each block measure itself once in each round."""
    times: Times = {name: [] for name in blocks}
    names = list(blocks)
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            times[name].append(blocks[name]())
    return times


def _each(call: Callable[[], object], calls: int) -> list[float]:
    taken = []
    for _ in range(calls):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return taken


def per_call(call: Callable[[int], object], calls: int) -> list[float]:
    """Time what is too short for a clock: return the mean of `calls` calls as one value."""
    started = time.perf_counter()
    for number in range(calls):
        call(number)
    return [(time.perf_counter() - started) / calls]


def quantile(rounds: Sequence[Sequence[float]], share: float) -> float:
    """Return the value below which this share of all calls took."""
    ordered = sorted(value for values in rounds for value in values)
    return ordered[min(len(ordered) - 1, math.floor(share * len(ordered)))]


_SCALE = {"s": 1.0, "ms": 1e3, "µs": 1e6}


def compared(
    times: Times, ours: str, bare: str, *, group: str, what: str, unit: str,
    share: float = 0.5, beside: str = "bare SDK", note: str = "",
) -> Row:  # fmt: skip
    """Return the row of one variant beside another, at a quantile of all their calls."""
    ratios = [
        statistics.median(mine) / statistics.median(others)
        for mine, others in zip(times[ours], times[bare], strict=True)
    ]
    quarters = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else None
    return Row(
        group,
        what,
        unit,
        quantile(times[ours], share) * _SCALE[unit],
        quantile(times[bare], share) * _SCALE[unit],
        beside,
        (quarters[0], quarters[2]) if quarters and share == 0.5 else None,
        note,
    )
