"""A login at Vault is kept, renewed before it ends, and replaced when it cannot be."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stripe_billing_router.keys import vault as vault_adapter
from stripe_billing_router.keys import vault_login
from stripe_billing_router.keys.vault import Vault, VaultRefusedError, VaultUnreachableError
from stripe_billing_router.settings import Settings
from support.loopback import Answer, LoopbackServer, loopback_server
from support.vault import FIELDS, TOKEN, VaultStub, error

LOOK_UP, RENEW = "/v1/auth/token/lookup-self", "/v1/auth/token/renew-self"
APP_ROLE = "/v1/auth/approle/login"
BY_ROLE = {"vault_role_id": "role", "vault_secret_id": "fakeSecretId"}


class Clock:
    """The monotonic clock of the adapter, which a test can turn."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    turned = Clock()
    monkeypatch.setattr(vault_adapter, "time", turned)
    monkeypatch.setattr(vault_login, "time", turned)
    return turned


@pytest.fixture
def stub() -> VaultStub:
    stub = VaultStub(ttl_s=3600)
    stub.logins[APP_ROLE] = {"role_id": "role", "secret_id": "fakeSecretId"}
    return stub


@pytest.fixture
def server(stub: VaultStub) -> Iterator[LoopbackServer]:
    with loopback_server(stub) as running:
        yield running


def vault(server: LoopbackServer, **values: Any) -> Vault:
    return Vault(Settings(vault_addr=server.url, **values))


def asked(server: LoopbackServer, path: str) -> int:
    return sum(request.path == path for request in server.requests)


def secret_of(vault: Vault) -> str:
    return vault.read()["secret_key"].reveal()


def test_one_login_serves_many_readings(server: LoopbackServer) -> None:
    reader = vault(server, **BY_ROLE)
    assert [secret_of(reader) for _ in range(3)] == [FIELDS["secret_key"]] * 3
    assert asked(server, APP_ROLE) == 1
    assert asked(server, RENEW) == 0
    assert 1790 < reader.renew_in_s() <= 1800


@pytest.mark.parametrize("values", [BY_ROLE, {"vault_token": TOKEN}])
def test_a_login_is_renewed_when_it_is_half_over(
    server: LoopbackServer, clock: Clock, values: dict[str, str]
) -> None:
    reader = vault(server, **values)
    reader.read()
    for _ in range(5):  # far beyond the first lease
        clock.ahead_s += 1801
        assert reader.renew_in_s() < 0
        assert secret_of(reader) == FIELDS["secret_key"]
        assert reader.renew_in_s() > 1790
    assert asked(server, RENEW) == 5
    assert asked(server, APP_ROLE) <= 1
    assert reader.ends_in_s() is None


def test_a_token_that_never_ends_is_never_renewed(
    stub: VaultStub, server: LoopbackServer, clock: Clock
) -> None:
    stub.ttl_s = 0
    reader = vault(server, vault_token=TOKEN)
    reader.read()
    clock.ahead_s += 10_000_000
    reader.read()
    assert asked(server, RENEW) == 0
    assert reader.renew_in_s() == float("inf")


def test_what_cannot_be_renewed_is_replaced_by_a_new_login(
    stub: VaultStub, server: LoopbackServer, clock: Clock
) -> None:
    reader = vault(server, **BY_ROLE)
    reader.read()
    stub.renewable = False  # it has reached its longest life
    clock.ahead_s += 1801
    reader.read()
    assert asked(server, APP_ROLE) == 2
    assert reader.renew_in_s() > 1790


def test_a_secret_id_for_one_login_lasts_as_long_as_its_token_is_renewed(
    stub: VaultStub, server: LoopbackServer, clock: Clock
) -> None:
    stub.logins_left = 1
    reader = vault(server, **BY_ROLE)
    reader.read()
    for _ in range(3):
        clock.ahead_s += 1801
        assert secret_of(reader) == FIELDS["secret_key"]
    stub.renewable = False
    clock.ahead_s += 1801
    assert secret_of(reader) == FIELDS["secret_key"]  # no new login, but this one still lasts
    ends_in_s = reader.ends_in_s()
    assert ends_in_s is not None
    assert 1700 < ends_in_s < 1800
    assert 0 < reader.renew_in_s() < 900
    clock.ahead_s += 1800
    with pytest.raises(VaultRefusedError, match="logging in"):
        reader.read()


def test_a_login_is_kept_though_the_secret_cannot_be_read(
    stub: VaultStub, server: LoopbackServer
) -> None:
    """Its secret id is spent: without the login, Vault would refuse for good what was an outage."""
    stub.logins_left = 1
    stub.override["/v1/secret/"] = error(503)
    reader = vault(server, **BY_ROLE)
    with pytest.raises(VaultUnreachableError):
        reader.read()
    stub.override.clear()
    assert secret_of(reader) == FIELDS["secret_key"]


def test_a_login_is_kept_though_the_reading_was_given_up(
    stub: VaultStub, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vault_adapter, "_READING_S", 0.2)
    stub.logins_left = 1
    goes_on = threading.Event()

    def slow(request: Any) -> Answer:
        if request.path != APP_ROLE:
            goes_on.wait(60)
        return stub(request)

    server.respond = slow
    reader = vault(server, **BY_ROLE)
    with pytest.raises(VaultUnreachableError):
        reader.read()
    goes_on.set()
    monkeypatch.undo()
    assert secret_of(reader) == FIELDS["secret_key"]


def test_a_token_that_was_handed_in_is_used_up_to_its_end_and_told_of(
    stub: VaultStub, server: LoopbackServer, clock: Clock
) -> None:
    stub.renewable = False
    reader = vault(server, vault_token=TOKEN)
    reader.read()
    assert reader.ends_in_s() is None  # not half over yet: nobody need be woken
    clock.ahead_s += 1801
    reader.read()
    ends_in_s = reader.ends_in_s()
    assert ends_in_s is not None
    assert 1700 < ends_in_s < 1800


def test_a_token_that_may_not_ask_about_itself_is_used_all_the_same(
    stub: VaultStub, server: LoopbackServer
) -> None:
    stub.override[LOOK_UP] = error(403)
    reader = vault(server, vault_token=TOKEN)
    assert secret_of(reader) == FIELDS["secret_key"]
    assert reader.renew_in_s() == float("inf")


def test_a_revoked_token_is_replaced_by_a_new_login(
    stub: VaultStub, server: LoopbackServer
) -> None:
    reader = vault(server, **BY_ROLE)
    reader.read()
    stub.token = "hvs.fakeVaultTokenTheSecond"
    assert secret_of(reader) == FIELDS["secret_key"]
    assert asked(server, APP_ROLE) == 2


def test_a_denied_token_is_told_of_where_a_new_login_fails_too(
    stub: VaultStub, server: LoopbackServer
) -> None:
    stub.logins_left = 1
    reader = vault(server, **BY_ROLE)
    reader.read()
    stub.token = "hvs.fakeVaultTokenTheSecond"
    with pytest.raises(VaultRefusedError, match="status 400"):
        reader.read()


def test_a_token_file_that_was_written_anew_is_read_again(
    tmp_path: Path, stub: VaultStub, server: LoopbackServer
) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    reader = vault(server, vault_token_file=file)
    reader.read()
    stub.token = "hvs.fakeVaultTokenTheSecond"
    with pytest.raises(VaultRefusedError):
        reader.read()
    file.write_text(stub.token + "\n")
    assert secret_of(reader) == FIELDS["secret_key"]


def test_a_kept_login_survives_an_outage(stub: VaultStub, server: LoopbackServer) -> None:
    reader = vault(server, **BY_ROLE)
    reader.read()
    stub.override["/v1/"] = error(503)
    with pytest.raises(VaultUnreachableError):
        reader.read()
    stub.override.clear()
    reader.read()
    assert asked(server, APP_ROLE) == 1


def test_a_vault_that_drips_is_given_up(
    stub: VaultStub, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each wait is short, so that only the bound on the whole reading ends it."""
    monkeypatch.setattr(vault_adapter, "_READING_S", 0.3)

    def drip(_request: Any) -> Answer:
        time.sleep(0.2)
        return Answer.json({"data": {"ttl": 0}})

    server.respond = drip
    with pytest.raises(VaultUnreachableError):
        vault(server, vault_token=TOKEN).read()
