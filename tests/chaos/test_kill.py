"""Bots that are killed at random moments, restarted and recovered: each order is paid once."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from support.go_toolchain import is_ci
from support.killing import Round, play
from support.postgres import PostgresUnavailableError, Server, running_postgres

KILLS = 30


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    """A real PostgreSQL; where none can be had, skip with the reason, but never under CI."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running_postgres())
        except PostgresUnavailableError as error:
            if is_ci():
                pytest.fail(str(error), pytrace=False)
            pytest.skip(str(error))
        yield server


@pytest.mark.slow
@pytest.mark.parametrize("recovered_after_h", [0.0, 30.0])
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_what_killed_bots_leave_is_paid_once_and_written_down_once(
    database: str, recovered_after_h: float, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue("postgres") if database == "postgresql" else None
    outcome = play(Round(KILLS, seed=1, recovered_after_h=recovered_after_h), server)
    assert not outcome.violations, "\n".join(outcome.violations)
    assert outcome.counts["kills"] == KILLS
    assert outcome.counts["failed_bots"] == 0
    assert outcome.counts["effects"] == outcome.counts["money_rows"] > 0
