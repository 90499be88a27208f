"""Print the rooms of the package: what imports what, circles, and imports that run upwards.

Rooms are the files and folders at the package's level; which may import which is one table in
`tests/test_tidy.py`, which also fails on what is printed here as a circle or as upwards.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from test_tidy import ROOMS, circles, imports, modules, room


def main() -> None:
    """Print a line for each room from the top down, then the sums."""
    arrows: dict[str, set[str]] = defaultdict(set)
    for module in modules().values():
        for found in imports(module):
            if found.ours and room(found.of) != room(module.name):
                arrows[room(module.name)].add(room(found.of))
    floors = list(ROOMS)
    upwards = [
        f"{here} -> {there}"
        for here, others in arrows.items()
        for there in sorted(others)
        if floors.index(there) > floors.index(here)
    ]
    for name in reversed(floors):
        lines = sum(module.lines for module in modules().values() if room(module.name) == name)
        others = ", ".join(other or "__init__" for other in sorted(arrows[name]))
        print(f"{name or '__init__':18} {lines:6,} lines  -> {others}")
    count = sum(map(len, arrows.values()))
    print(
        f"{len(floors)} rooms, {count} arrows, {len(circles())} circles, "
        f"{len(upwards)} upwards {' '.join(upwards)}".rstrip()
    )


if __name__ == "__main__":
    main()
