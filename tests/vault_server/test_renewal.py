"""Tokens of a real Vault end within seconds here: renewed, replaced, or told of in time."""

import time
from pathlib import Path

import pytest

from stripe_billing_router.settings import VARIABLES
from support.fleet import Fleet, fleet_in, until
from support.vault_places import Place
from support.vault_server import OwnVault

pytestmark = pytest.mark.slow

TTL_S = 4


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def place(own_vault: OwnVault) -> Place:
    return Place(own_vault, "secret", 2)


def charge_for(fleet: Fleet, seconds: float) -> None:
    """Charge twice a second for a while; each charge is paid."""
    ends_s = time.monotonic() + seconds
    while time.monotonic() < ends_s:
        assert fleet.charge().paid
        time.sleep(0.5)


def lives(place: Place, token: str) -> bool:
    return place.server.status("GET", "auth/token/lookup-self", token=token) == 200


def assert_the_next_key_is_found(fleet: Fleet) -> None:
    new = fleet.rotate()
    assert fleet.charge().paid
    assert fleet.key_in_use == new
    assert fleet.platform.alerts == []


@pytest.mark.parametrize("without_default_policy", [False, True])
def test_a_token_is_renewed_before_it_ends(
    own_vault: OwnVault, place: Place, tmp_path: Path, without_default_policy: bool
) -> None:
    token = place.token(ttl=f"{TTL_S}s", no_default_policy=without_default_policy)
    with fleet_in(tmp_path, own_vault, vault_token=token, key_refresh_s=300.0) as fleet:
        charge_for(fleet, TTL_S * 1.5)
        assert lives(place, token)
        assert_the_next_key_is_found(fleet)


def test_a_login_that_cannot_be_renewed_for_ever_is_followed_by_another(
    own_vault: OwnVault, tmp_path: Path
) -> None:
    login = Place(own_vault, "secret", 2).app_role(token_ttl=f"{TTL_S}s", token_max_ttl="6s")
    with fleet_in(tmp_path, own_vault, key_refresh_s=300.0, **login) as fleet:
        charge_for(fleet, 8)
        assert_the_next_key_is_found(fleet)


def test_a_token_that_ends_for_good_is_told_of_while_there_is_time(
    own_vault: OwnVault, place: Place, tmp_path: Path
) -> None:
    token = place.token(ttl=f"{TTL_S}s", explicit_max_ttl=f"{TTL_S}s")
    with fleet_in(tmp_path, own_vault, vault_token=token, key_refresh_s=300.0) as fleet:
        assert fleet.charge().paid
        until(lambda: fleet.platform.alerts, "something is told of")
        assert fleet.alerts("vault_token_ending"), fleet.platform.alerts
        assert lives(place, token), "there was time"
        assert fleet.charge().paid
        assert len(fleet.alerts("vault_token_ending")) == 1


def test_what_vault_agent_writes_in_time_is_taken(
    own_vault: OwnVault, place: Place, tmp_path: Path
) -> None:
    """The agent's tokens end for good; it puts another into the file before that."""
    file, fresh = tmp_path / "token", tmp_path / "token.new"
    fleeting = {"ttl": f"{TTL_S}s", "explicit_max_ttl": f"{TTL_S}s"}
    file.write_text(place.token(**fleeting))
    with fleet_in(tmp_path, own_vault, vault_token_file=file, key_refresh_s=300.0) as fleet:
        ends_s = time.monotonic() + TTL_S * 1.75
        while time.monotonic() < ends_s:
            fresh.write_text(place.token(**fleeting) + "\n")
            fresh.replace(file)
            assert fleet.charge().paid
            time.sleep(0.5)
        assert_the_next_key_is_found(fleet)
