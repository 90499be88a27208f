"""Walk one warm charge through the package: its own calls, the modules, the moves between them.

A call is the start of one function of ours (a generator counts each time it goes on, as Python's
profiler reports it); a move is a call or a return that leads into another module. The sandbox runs
in a process of its own and is not part of the walk.

    python scripts/trace_charge.py            # the three figures
    python scripts/trace_charge.py --walk     # and every call, in order
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import stripe_billing_router
from bench_stage import Stage, served_sandbox

PACKAGE = Path(stripe_billing_router.__file__).parent


@dataclass
class Walk:
    """The calls of one charge, in order, each as its module, function and depth."""

    calls: list[tuple[str, str, int]] = field(default_factory=list)
    modules: Counter[str] = field(default_factory=Counter)  # how often each is called into
    moves: int = 0


@contextmanager
def traced() -> Iterator[Walk]:
    """Note every call of ours in this thread."""
    walk = Walk()
    stack: list[str] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        file = frame.f_code.co_filename
        if not file.startswith(str(PACKAGE)):
            return
        here = stack[-1] if stack else ""
        if event == "call":
            module = ".".join(Path(file).relative_to(PACKAGE).with_suffix("").parts)
            walk.calls.append((module, frame.f_code.co_name, len(stack)))
            walk.modules[module] += module != here
            walk.moves += module != here
            stack.append(module)
        elif event == "return":
            stack.pop()
            walk.moves += bool(stack) and stack[-1] != here

    sys.setprofile(note)
    try:
        yield walk
    finally:
        sys.setprofile(None)


def main() -> None:
    """Print what one warm amount charge on SQLite walks through."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--walk", action="store_true", help="print every call, in order")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served_sandbox() as url:
        stage = Stage(url, Path(folder))
        with stage.router("traced") as router:
            key = stage.key()
            with traced() as walk:
                router.charge("bench:bot", "10.00", idempotency_key=key)
    if wanted.walk:
        for module, function, depth in walk.calls:
            print(f"{'  ' * depth}{module}.{function}")
    often = ", ".join(f"{name} {times}" for name, times in walk.modules.most_common(8))
    print(
        f"{len(walk.calls)} calls, {len(walk.modules)} modules, {walk.moves} moves between modules"
    )
    print(f"entered most often: {often}")


if __name__ == "__main__":
    main()
