"""Fixtures that every test may ask for."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import Phase, settings

from support.go_toolchain import is_ci
from support.postgres import PostgresUnavailableError, Server, running_postgres
from support.stripe_mock import StripeMockUnavailableError, running_stripe_mock

# For `make mutate`: that a mutant dies is enough, and how small the example could be does not
# matter. Searching for that takes longer than all else, and remembering it would hide the others.
settings.register_profile(
    "mutation", phases=[Phase.explicit, Phase.generate], database=None, deadline=None
)


@pytest.fixture(scope="session")
def stripe_mock_url() -> Iterator[str]:
    """The base URL of a real stripe-mock; where none can be had, skip with the reason.

    Under CI it must be there: a suite that quietly skips what it was built for proves nothing.
    """
    with ExitStack() as stack:
        try:
            url = stack.enter_context(running_stripe_mock())
        except StripeMockUnavailableError as error:
            if is_ci():
                pytest.fail(str(error), pytrace=False)
            pytest.skip(str(error))
        yield url


@pytest.fixture(scope="session")
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


@pytest.fixture
def postgres_url(postgres: Server) -> Iterator[str]:
    with postgres.database() as url:
        yield url
