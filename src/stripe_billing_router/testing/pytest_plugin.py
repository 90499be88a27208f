"""The pytest plugin: a test that requests `stripe_sandbox` pays at a sandbox only.

pytest loads this module in every run where the package is installed, so it imports nothing of ours
until a test requests a fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from . import StripeSandbox


@pytest.fixture
def stripe_sandbox_settings() -> dict[str, Any]:
    """Give settings for the router of `stripe_sandbox`; override it in a conftest to add your own.

    Its values override the fixture's own settings, such as `routing_config`.
    """
    return {}


@pytest.fixture
def stripe_sandbox(
    tmp_path: Path, stripe_sandbox_settings: dict[str, Any]
) -> Iterator[StripeSandbox]:
    """Give a fresh sandbox, with the default router connected to it and a new ledger.

    The customers and prices in the routing file exist, each customer with a working card; call
    `seed_routes` after `register_route`. Without a routing file there is one bot, `sandbox:bot`. No
    key, Vault or database of the environment is used, and the router is reset afterwards.
    """
    import stripe_billing_router as router  # noqa: PLC0415 - See the module's docstring.

    from .connected import router_settings  # noqa: PLC0415
    from .sandbox import StripeSandbox  # noqa: PLC0415

    sandbox = StripeSandbox()
    folder = tmp_path / "stripe_sandbox"
    folder.mkdir()
    router.configure(**router_settings(sandbox, folder) | stripe_sandbox_settings)
    try:
        sandbox.seed_routes(router.ROUTING_TABLE.values())
        yield sandbox
    finally:
        router.reset()
