"""The guard as a command, over folders that a test fills."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from stripe_billing_router.cli.app import app
from support.guarded import git
from support.planted import holds_secrets

Run = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, in no repository."""
    monkeypatch.chdir(holds_secrets(tmp_path))
    return tmp_path


@pytest.fixture
def repository(folder: Path) -> Path:
    """As above, a repository of git's."""
    git("init", "--quiet")
    return folder


@pytest.fixture
def guard() -> Run:
    """Run the command in this process; `status` is how it must end."""

    def invoke(*arguments: str, status: int) -> Result:
        result = CliRunner().invoke(app, ["guard", *arguments], prog_name="stripe-billing-router")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == status, result.output
        return result

    return invoke
