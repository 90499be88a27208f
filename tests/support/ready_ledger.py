"""An empty SQLite ledger as a copy: making its schema takes longer than most tests.

How it is made, and brought up to date, tests/storage tests.
"""

import os
import tempfile
from functools import cache
from pathlib import Path

from support.records import open_records


def put_empty_ledger(file: Path) -> None:
    """Put one where a router expects its own, as it would have made it."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as written:
        written.write(_empty_ledger())


@cache
def _empty_ledger() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "ledger.db")
        records = open_records(f"sqlite:///{file}", Path(folder, "spill"))
        assert records.freezes() == []
        records.close()
        return file.read_bytes()
