"""A real Vault for every test here, and a mount of its own with a policy of least privilege."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.go_toolchain import is_ci
from support.vault_places import Place, a_place
from support.vault_server import OwnVault, Vault, can_be_had_at_once, find_binary

NO_SERVER = "no vault or bao on the PATH, and none compiled yet: make test-vault does (12 min)"


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark each test here; skip it where there is no server, but never under CI."""
    item.add_marker(pytest.mark.vault)
    if not (can_be_had_at_once() or is_ci()):
        item.add_marker(pytest.mark.skip(reason=NO_SERVER))


@pytest.fixture(scope="session")
def binary() -> Path:
    """The server's program."""
    found = find_binary()
    if found is None:
        if os.environ.get("TEST_VAULT_ADDR"):
            pytest.skip("the server of TEST_VAULT_ADDR is not ours to stop, and there is no other")
        pytest.fail(NO_SERVER, pytrace=False)
    return found


@pytest.fixture(scope="session")
def vault(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Vault]:
    """A server that nobody may stop or seal: the one that TEST_VAULT_ADDR names, or our own."""
    named = os.environ.get("TEST_VAULT_ADDR", "").rstrip("/")
    if named:
        yield Vault(named, os.environ.get("TEST_VAULT_TOKEN", ""))
        return
    binary: Path = request.getfixturevalue("binary")
    with OwnVault.running(binary, tmp_path_factory.mktemp("vault")) as server:
        yield server


@pytest.fixture
def own_vault(binary: Path, tmp_path: Path) -> Iterator[OwnVault]:
    """A server that the test may stop, seal, and set up as it likes."""
    with OwnVault.running(binary, tmp_path / "vault") as server:
        yield server


@pytest.fixture(params=[2, 1], ids=["kv2", "kv1"])
def place(request: pytest.FixtureRequest, vault: Vault) -> Iterator[Place]:
    """The secret in an own KV mount, once of each version."""
    with a_place(vault, request.param) as made:
        yield made


@pytest.fixture
def kv2(vault: Vault) -> Iterator[Place]:
    """The secret in an own mount of KV 2."""
    with a_place(vault, 2) as made:
        yield made
