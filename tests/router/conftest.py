"""A platform for each test, over SQLite; where the journal decides, over PostgreSQL as well."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.platform import Platform, platform_in

OVER_BOTH = {"test_business_keys", "test_database_away", "test_recovery"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of some files twice: both databases keep the same promises."""
    if "database" in metafunc.fixturenames and metafunc.module.__name__.rpartition(".")[2] in (
        OVER_BOTH
    ):
        metafunc.parametrize("database", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The settings that name the database; SQLite is the default."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return {}
    return {"ledger_url": request.getfixturevalue("postgres_url")}


@pytest.fixture
def platform(tmp_path: Path, database: dict[str, Any]) -> Iterator[Platform]:
    with platform_in(tmp_path, **database) as built:
        yield built
