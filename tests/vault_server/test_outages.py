"""A real Vault that is sealed, killed, restarted, hung or a standby: away, and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stripe_billing_router.errors import ConfigurationError, MissingKeyError
from stripe_billing_router.keys import vault as vault_adapter
from stripe_billing_router.keys.sources import KeySources
from support.loopback import Answer, LoopbackServer, loopback_server
from support.vault_cluster import Node, active_and_standby
from support.vault_places import FIELDS, Place, outage, revealed
from support.vault_server import OwnVault

BESIDE = {
    "secret_key": "sk_live_fakeBeside",
    "public_key": "pk_live_fakeBeside",
    "master_account_id": "acct_realvault",
}


@pytest.fixture
def place(own_vault: OwnVault) -> Place:
    own_vault.mount("secret", 2)
    place = Place(own_vault, "secret", 2)
    place.put()
    return place


@pytest.fixture(params=["token", "token file", "AppRole"])
def login(request: pytest.FixtureRequest, place: Place, tmp_path: Path) -> dict[str, str | Path]:
    """How the adapter logs in."""
    if request.param == "token":
        return {"vault_token": place.token()}
    if request.param == "token file":
        file = tmp_path / "token"
        file.write_text(place.token())
        return {"vault_token_file": file}
    return dict(place.app_role())


def test_a_sealed_server_is_away_until_it_is_unsealed(
    own_vault: OwnVault, place: Place, login: dict[str, str | Path]
) -> None:
    before, during = place.adapter(**login), place.adapter(**login)
    assert revealed(before) == FIELDS
    own_vault.seal()
    assert "503" in outage(before)
    assert "503" in outage(during)
    own_vault.unseal()
    assert revealed(before) == FIELDS
    assert revealed(during) == FIELDS


def test_a_killed_server_is_away_until_it_is_restarted_and_unsealed(
    own_vault: OwnVault, place: Place, login: dict[str, str | Path]
) -> None:
    before, during = place.adapter(**login), place.adapter(**login)
    assert revealed(before) == FIELDS
    own_vault.kill()
    assert "connection failed" in outage(before)
    assert "connection failed" in outage(during)
    own_vault.start()
    assert "503" in outage(before), "sealed, as every Vault is that was restarted"
    assert "503" in outage(during)
    own_vault.unseal()
    assert revealed(before) == FIELDS
    assert revealed(during) == FIELDS


def test_a_server_that_hangs_is_away_until_it_goes_on(
    own_vault: OwnVault,
    place: Place,
    login: dict[str, str | Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its host takes connections, and nobody answers."""
    monkeypatch.setattr(vault_adapter, "_TIMEOUT_S", (0.3, 0.3))
    before, during = place.adapter(**login), place.adapter(**login)
    assert revealed(before) == FIELDS
    own_vault.freeze()
    try:
        assert "too long" in outage(before)
        assert "too long" in outage(during)
    finally:
        own_vault.thaw()
    assert revealed(before) == FIELDS
    assert revealed(during) == FIELDS


def test_a_server_that_was_never_set_up_is_away(binary: Path, tmp_path: Path) -> None:
    with OwnVault.running(binary, tmp_path / "new", initialise=False) as server:
        adapter = Place(server, "secret", 2).adapter(vault_token="hvs.fakeToken")
        assert "50" in outage(adapter)


def test_a_server_that_limits_its_callers_is_away(own_vault: OwnVault, place: Place) -> None:
    token = place.token()
    adapter = place.adapter(vault_token=token)
    assert revealed(adapter) == FIELDS
    quota = {"rate": 1, "interval": "1m", "path": "secret"}
    own_vault.call("POST", "sys/quotas/rate-limit/few", quota)
    own_vault.status("GET", "secret/data/stripe", token=token)
    assert "429" in outage(adapter)
    own_vault.call("DELETE", "sys/quotas/rate-limit/few")
    assert revealed(adapter) == FIELDS


# --- where keys then come from ---


def test_with_vault_away_the_next_source_is_used_and_it_is_told_why(
    own_vault: OwnVault, place: Place, login: dict[str, str | Path]
) -> None:
    own_vault.seal()
    keys = KeySources(place.settings(**login, **BESIDE)).read()
    assert keys.secret.reveal() == BESIDE["secret_key"]
    assert keys.source == "the environment"
    assert "Vault (secret/stripe)" in keys.passed_over
    assert "503" in keys.passed_over


def test_with_vault_away_and_no_other_source_all_that_was_tried_is_named(
    own_vault: OwnVault, place: Place, login: dict[str, str | Path]
) -> None:
    own_vault.kill()
    with pytest.raises(MissingKeyError) as caught:
        KeySources(place.settings(**login)).read()
    message = caught.value.message
    assert caught.value.retryable
    assert "Vault (secret/stripe)" in message
    assert "STRIPE_SECRET_KEY" in message
    assert "_baked_keys.py" in message


def test_a_vault_that_denies_is_no_outage(own_vault: OwnVault, place: Place) -> None:
    login = place.app_role()
    own_vault.call("DELETE", f"sys/policies/acl/{place.policy}")
    with pytest.raises(ConfigurationError, match="403"):
        KeySources(place.settings(**login, **BESIDE)).read()


# --- two servers ---


@pytest.fixture
def elsewhere() -> Iterator[LoopbackServer]:
    """A host that would like to be sent a token."""
    with loopback_server(lambda _request: Answer.json({"data": {"data": FIELDS}})) as server:
        yield server


@pytest.fixture
def cluster(binary: Path, tmp_path: Path, elsewhere: LoopbackServer) -> Iterator[tuple[Node, Node]]:
    with active_and_standby(binary, tmp_path, announced=elsewhere.url) as both:
        yield both


def test_a_standby_hands_on_and_without_its_active_is_away_and_its_redirect_not_followed(
    cluster: tuple[Node, Node], elsewhere: LoopbackServer
) -> None:
    active, standby = cluster
    active.mount("secret", 2)
    Place(active, "secret", 2).put()
    place = Place(standby, "secret", 2)
    for adapter in (place.adapter(vault_token=place.token()), place.adapter(**place.app_role())):
        assert revealed(adapter) == FIELDS
    logins = place.app_role()
    token = place.token()
    active.kill()
    assert "redirect" in outage(place.adapter(vault_token=token))
    assert "redirect" in outage(place.adapter(**logins))
    assert elsewhere.requests == [], "a token was sent there"
    assert standby.status("GET", "secret/data/stripe", token=token) == 307, "as the test means it"


def test_a_standby_is_away_when_all_are_sealed(cluster: tuple[Node, Node]) -> None:
    active, standby = cluster
    active.mount("secret", 2)
    place = Place(standby, "secret", 2)
    place.put()
    token = place.token()
    active.seal()
    assert outage(place.adapter(vault_token=token))
