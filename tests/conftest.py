"""Fixtures that every test may ask for."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from support.go_toolchain import is_ci
from support.memory import keep_scratch_in_memory
from support.postgres import PostgresUnavailableError, Server, running_postgres
from support.stripe_mock import StripeMockUnavailableError, running_stripe_mock
from support.vault_server import can_be_had_at_once

keep_scratch_in_memory()

# Looks at all that the suite prints and writes.
pytest_plugins = ("support.planted",)
FindLeaks = Callable[[Path], list[str]]

# How long an example takes, or the making of one, is the machine's affair and no fault of ours. All
# else is as Hypothesis has it by default, which is not the same under CI.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")
# For `make mutate`: that a mutant dies is enough, and how small the example could be does not
# matter. Searching for that takes longer than all else, and remembering it would hide the others.
settings.register_profile(
    "mutation",
    settings.get_profile("suite"),
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
    database=None,
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Under CI leave the real Vault to `make test-vault` where it has to be compiled first.

    Nothing is lost by that, as .ci/run calls both; and so none of these tests ever skips there.
    Asked for by their mark, they run, or fail.
    """
    if not is_ci() or can_be_had_at_once() or "vault" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("vault")]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


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
def postgres(find_leaks: FindLeaks) -> Iterator[Server]:
    """A real PostgreSQL; where none can be had, skip with the reason, but never under CI."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running_postgres())
        except PostgresUnavailableError as error:
            if is_ci():
                pytest.fail(str(error), pytrace=False)
            pytest.skip(str(error))
        yield server
        if server.folder is not None:
            assert find_leaks(server.folder / "data") == []


@pytest.fixture
def postgres_url(postgres: Server) -> Iterator[str]:
    with postgres.database() as url:
        yield url
