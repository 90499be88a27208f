"""What the version before left: a database, the files beside one, and pickles.

`data/` was written by the package at schema 0001, before the ledger held an operation's object for
the journal: the same bots, one host with its database, one without.
"""

import pickle
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from stripe_billing_router import Receipt
from stripe_billing_router.testing import StripeSandbox
from support.platform import Platform, platform_at

DATA = Path(__file__).parent / "data"


@pytest.fixture
def receipts() -> dict[str, Receipt]:
    """The receipts that bots of the version before have kept, by business key."""
    found: dict[str, Receipt] = pickle.loads((DATA / "receipts.pickle").read_bytes())  # noqa: S301
    return found


@pytest.fixture
def upgraded(tmp_path: Path) -> Iterator[Platform]:
    """A router over the old database; Stripe knows nothing of what is in it."""
    folder = tmp_path / "finance_logs"
    folder.mkdir(mode=0o700)
    with closing(sqlite3.connect(folder / "stripe_ledger.db")) as database:
        database.executescript((DATA / "ledger.sql").read_text())
    with platform_at(StripeSandbox(seed=7), tmp_path) as built:
        yield built


@pytest.fixture
def with_spool(tmp_path: Path) -> Iterator[Platform]:
    """A router whose database is back, and empty, beside the old files."""
    folder = tmp_path / "finance_logs"
    folder.mkdir(mode=0o700)
    for name in ("journal.jsonl", "stripe_ledger.jsonl", "freezes.json"):
        shutil.copy(DATA / name, folder / name)
    with platform_at(StripeSandbox(seed=7), tmp_path) as built:
        yield built
