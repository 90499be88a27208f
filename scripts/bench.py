"""Measure the router beside the bare SDK, in one run on one machine: ratios, and how they came.

`make bench`, or `python scripts/bench.py [--quick] [--json FILE] [--no-postgres]`. Everything stays
on loopback. Times differ from machine to machine; what can be compared are the ratios.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import stripe
from rich import box
from rich.console import Console
from rich.table import Table

import bench_charges
import bench_local
from bench_measure import Row
from bench_stage import Stage, served_sandbox

ROOT = Path(__file__).resolve().parent.parent
# Progress and notes; the result alone goes to stdout.
aside = Console(stderr=True, highlight=False)


def main() -> int:
    """Run all measurements and print them."""
    options = _options()
    started = time.monotonic()
    rows: list[Row] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        stage = Stage(stack.enter_context(served_sandbox()), folder)
        postgres_url = stack.enter_context(_postgres()) if options.postgres else None
        quick: bool = options.quick
        parts: dict[str, Iterator[Row]] = {
            "charges": bench_charges.charges(stage, postgres_url, quick=quick),
            "requests and commits": bench_charges.counts(stage),
            "the ledger": bench_local.ledger(stage, quick=quick),
            "routes": bench_local.routing(quick=quick),
            "routing files": bench_local.route_loading(folder, quick=quick),
            "imports": bench_local.imports(quick=quick),
            "first charges": bench_local.first_charge(stage, quick=quick),
        }
        for number, (name, part) in enumerate(parts.items(), start=1):
            with aside.status(f"{number}/{len(parts)} {name}"):
                rows += part
            aside.print(
                f"{number}/{len(parts)} {name}: {time.monotonic() - started:.0f} s", style="dim"
            )
    show(rows)
    if options.json:
        found = {"machine": machine(), "rows": [row.to_json() for row in rows]}
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the router beside the bare SDK.")
    parser.add_argument("--quick", action="store_true", help="a few calls of each: to see it run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there as well")
    parser.add_argument(
        "--no-postgres", dest="postgres", action="store_false", help="leave PostgreSQL out"
    )
    return parser.parse_args()


@contextmanager
def _postgres() -> Iterator[str | None]:
    """Yield the URL of an empty PostgreSQL with durable commits, or None where there is none."""
    sys.path.append(str(ROOT / "tests"))
    from support import postgres  # noqa: PLC0415 - Only the tests' folder has it.

    postgres.SMALL_AND_FORGETFUL["fsync"] = "on"
    with ExitStack() as stack:
        try:
            server = stack.enter_context(postgres.running_postgres())
        except postgres.PostgresUnavailableError as error:
            aside.print(f"Without PostgreSQL: {error}", style="yellow")
            yield None
            return
        yield stack.enter_context(server.database())


def machine() -> dict[str, Any]:
    """Describe what was measured on."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "stripe": stripe.VERSION,
        "sqlalchemy": sa.__version__,
        "sqlite": sqlite3.sqlite_version,
        "busy": f"{os.getloadavg()[0]:.1f} processes wanted a core, ours among them",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def show(rows: list[Row]) -> None:
    """Print a table for each group, and what it was measured on."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    for group, members in itertools.groupby(rows, key=lambda row: row.group):
        table = Table(
            "", "ours", "beside", "ratio", "noise", "beside what",
            box=box.SIMPLE_HEAD, pad_edge=False, expand=True, show_edge=False,
        )  # fmt: skip
        for column, width in zip(table.columns, (42, 9, 9, 5, 11), strict=False):
            column.width, column.no_wrap = width, True
            column.justify = "right" if column.header else "left"
        table.columns[-1].style = "dim"
        for row in members:
            table.add_row(row.what, *_cells(row))
        console.print(f"\n[bold]{group}[/bold]")
        console.print(table)
    console.print()
    for name, value in machine().items():
        console.print(f"{name}: {value}", style="dim")


def _cells(row: Row) -> tuple[str, str, str, str, str]:
    if row.bare is None:
        return _number(row.ours, row.unit), "", "", "", row.note
    return (
        _number(row.ours, row.unit),
        _number(row.bare, row.unit),
        f"{row.ratio:.2f}",
        f"{row.noise[0]:.2f}-{row.noise[1]:.2f}" if row.noise else "",
        f"{row.beside}; {row.note}" if row.note else row.beside,
    )


def _number(value: float, unit: str) -> str:
    if unit in {"requests", "commits"}:
        return f"{value:.0f}"
    return f"{value:#.3g} {unit}" if value < 100 else f"{value:,.0f} {unit}"


if __name__ == "__main__":
    sys.exit(main())
