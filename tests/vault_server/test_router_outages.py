"""A whole router whose Vault goes away: warm it charges on, cold it says what it does instead."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stripe_billing_router.errors import ConfigurationError, MissingKeyError
from stripe_billing_router.settings import VARIABLES
from stripe_billing_router.testing import StripeSandbox
from support.fleet import fleet_in, until
from support.vault_server import OwnVault

BESIDE = {
    "secret_key": "sk_live_fakeBesideTheVault",
    "public_key": "pk_live_fakeBesideTheVault",
    "master_account_id": StripeSandbox().account_id,
}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)


def restart(vault: OwnVault) -> None:
    vault.start()
    vault.unseal()


OUTAGES: list[tuple[str, Callable[[OwnVault], None], Callable[[OwnVault], None]]] = [
    ("sealed", OwnVault.seal, OwnVault.unseal),
    ("killed", OwnVault.kill, restart),
    ("hung", OwnVault.freeze, OwnVault.thaw),
]


@pytest.mark.parametrize(
    ("begin", "end"), [pytest.param(*outage[1:], id=outage[0]) for outage in OUTAGES]
)
def test_warm_charges_go_on_with_one_alert_and_a_new_key_is_found_afterwards(
    own_vault: OwnVault,
    tmp_path: Path,
    begin: Callable[[OwnVault], None],
    end: Callable[[OwnVault], None],
) -> None:
    with fleet_in(tmp_path, own_vault) as fleet:
        assert fleet.charge().paid
        begin(own_vault)
        try:
            until(lambda: fleet.alerts("key_source_unreachable"), "the outage is told of")
            assert all(fleet.charge().paid for _ in range(5))
            fleet.platform.parts.keyring.refresh()
            assert len(fleet.alerts("key_source_unreachable")) == 1
        finally:
            end(own_vault)
        fleet.platform.parts.keyring.refresh()
        new = fleet.rotate()
        assert fleet.charge().paid
        assert fleet.key_in_use == new
        assert len(fleet.alerts("key_source_unreachable")) == 1


def test_each_outage_is_told_of_once(own_vault: OwnVault, tmp_path: Path) -> None:
    with fleet_in(tmp_path, own_vault, key_refresh_s=300.0) as fleet:
        assert fleet.charge().paid
        for outages in (1, 2):
            own_vault.seal()
            fleet.platform.parts.keyring.refresh()
            fleet.platform.parts.keyring.refresh()
            own_vault.unseal()
            fleet.platform.parts.keyring.refresh()
            assert len(fleet.alerts("key_source_unreachable")) == outages


def test_warm_beyond_the_bound_the_keys_are_stale_and_nothing_is_sent(
    own_vault: OwnVault, tmp_path: Path
) -> None:
    with fleet_in(tmp_path, own_vault, key_stale_after_s=1.5) as fleet:
        assert fleet.charge().paid
        own_vault.kill()
        time.sleep(1.6)
        fleet.platform.mark()
        with pytest.raises(MissingKeyError) as caught:
            fleet.charge()
        assert caught.value.money_moved == "no"
        assert caught.value.retryable
        assert fleet.platform.paths == []
        restart(own_vault)
        assert fleet.charge().paid


def test_cold_the_next_source_is_used_until_vault_is_back(
    own_vault: OwnVault, tmp_path: Path
) -> None:
    with fleet_in(tmp_path, own_vault, **BESIDE) as fleet:
        own_vault.seal()
        assert fleet.charge().paid
        assert fleet.key_in_use == BESIDE["secret_key"]
        (alert,) = fleet.alerts("key_source_unreachable")
        assert "environment" in alert
        assert "503" in alert
        own_vault.unseal()
        until(lambda: fleet.key_in_use == fleet.key, "Vault's key is in use")
        fleet.platform.sandbox.revoke(BESIDE["secret_key"])
        fleet.platform.mark()
        assert fleet.charge().paid
        assert 401 not in [request.status for request in fleet.platform.requests]


@pytest.mark.parametrize("begin", [outage[1] for outage in OUTAGES[:2]], ids=["sealed", "killed"])
def test_cold_without_another_source_all_that_was_tried_is_named(
    own_vault: OwnVault, tmp_path: Path, begin: Callable[[OwnVault], None]
) -> None:
    with fleet_in(tmp_path, own_vault) as fleet:
        begin(own_vault)
        with pytest.raises(MissingKeyError) as caught:
            fleet.charge()
        for tried in ("Vault (secret/stripe)", "environment", "_baked_keys.py"):
            assert tried in caught.value.message
        assert fleet.platform.requests == []
        if own_vault.process is None:
            own_vault.start()
        own_vault.unseal()
        assert fleet.charge().paid


def test_cold_a_denial_is_an_error_though_good_keys_stand_beside(
    own_vault: OwnVault, tmp_path: Path
) -> None:
    with fleet_in(tmp_path, own_vault, **BESIDE) as fleet:
        own_vault.call("DELETE", f"sys/policies/acl/{fleet.place.policy}")
        with pytest.raises(ConfigurationError, match="403"):
            fleet.charge()
        assert fleet.platform.requests == []


def test_warm_a_denial_stops_new_operations_until_it_is_taken_back(
    own_vault: OwnVault, tmp_path: Path
) -> None:
    with fleet_in(tmp_path, own_vault, **BESIDE) as fleet:
        assert fleet.charge().paid
        own_vault.call("DELETE", f"sys/policies/acl/{fleet.place.policy}")
        until(lambda: fleet.alerts("key_source_refuses"), "the denial is told of")
        fleet.platform.mark()
        with pytest.raises(ConfigurationError, match="403") as caught:
            fleet.charge()
        assert caught.value.money_moved == "no"
        assert fleet.platform.paths == []
        assert fleet.place.policy, "asking for its name writes it again"
        fleet.platform.parts.keyring.refresh()
        assert fleet.charge().paid
        assert len(fleet.alerts("key_source_refuses")) == 1
