"""The same tests over both databases: a SQLite file, and a real PostgreSQL."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from stripe_billing_router.storage.records import Records
from support.records import Events, open_records


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'db' / 'ledger.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(
        "sqlite_url" if request.param == "sqlite" else "postgres_url"
    )
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "finance_logs"


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def opened(url: str, folder: Path, events: Events) -> Iterator[Callable[..., Records]]:
    """Open records on the database of this test, as often as needed; all are closed."""
    with ExitStack() as stack:

        def open_them(**options: Any) -> Records:
            found = open_records(
                options.pop("url", url), options.pop("folder", folder),
                **{"alert": events, **options},
            )  # fmt: skip
            stack.callback(found.close)
            return found

        yield open_them


@pytest.fixture
def records(opened: Callable[..., Records]) -> Records:
    return opened()
