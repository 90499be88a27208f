"""Planted secrets of every kind, and a look at all that was logged."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apprise
import pytest

from stripe_billing_router.settings import VARIABLES
from support.nobody import ALL
from support.platform import ROUTES
from support.showing import shown


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True, scope="session")
def _apprise_is_loaded() -> None:
    # Its plugins warn of what Python deprecates, at the first address only.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        apprise.Apprise().add("json://127.0.0.1")


@pytest.fixture
def routes(tmp_path: Path) -> Path:
    file = tmp_path / "routes.yaml"
    file.write_text(ROUTES, encoding="utf-8")
    return file


@pytest.fixture
def seen(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Return a function: which secrets do these values, all logs and both streams show?"""
    caplog.set_level(logging.DEBUG)
    for name in ("stripe", "urllib3", "hvac", "sqlalchemy", "alembic", "apprise", "psycopg"):
        logging.getLogger(name).setLevel(logging.NOTSET)

    def look(*values: Any) -> list[str]:
        streams = capfd.readouterr()
        text = "\n".join([*map(shown, values), caplog.text, streams.out, streams.err])
        return [name for name, part in ALL.items() if part in text]

    return look
