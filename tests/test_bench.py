"""`make bench` runs through and prints every row; what the numbers are is the machine's affair."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

GROUPS = {
    "A warm amount charge; Stripe answers at once": 4,
    "A warm amount charge; Stripe answers after 100 ms": 2,
    "16 threads, time per charge; Stripe answers at once": 1,
    "16 threads, time per charge; Stripe answers after 100 ms": 1,
    "Requests to Stripe": 6,
    "Durable commits": 6,
    "Ledger": 1,
    "Routes": 4,
    "A fresh process": 3,
}


@pytest.mark.slow
def test_a_quick_run_prints_every_row_and_writes_them_as_json(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    options = ["--quick", "--no-postgres", "--json", str(file)]
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "bench.py"), *options],
        env={**environment, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    groups = [row["group"] for row in rows]
    assert {group: groups.count(group) for group in groups} == GROUPS
    assert all(f"\n{row['what']} " in done.stdout for row in rows)
    assert all(row["ratio"] > 0 for row in rows if row["bare"] is not None)
    counted = {(row["group"], row["what"]): row["ours"] for row in rows if row["bare"] is None}
    assert counted["Requests to Stripe", "amount charge"] == 1
    assert counted["Durable commits", "amount charge"] == 2
    assert "_live_" not in done.stdout + done.stderr
