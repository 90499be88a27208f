"""The command, as operators run it, with a real Vault: `bake-keys` and `doctor`."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stripe_billing_router.settings import VARIABLES
from stripe_billing_router.testing import StripeSandbox
from support.fleet import fleet_in
from support.platform import ROUTES
from support.vault_places import FIELDS, PLANTED, Place
from support.vault_server import OwnVault


class Operator:
    """Somebody with a shell on the bots' host."""

    def __init__(self, place: Place, folder: Path, stripe: str) -> None:
        self.login = place.app_role()
        self._folder = folder
        (folder / "routes.yaml").write_text(ROUTES)
        self._environment = {
            name: text for name, text in os.environ.items() if name not in VARIABLES.values()
        }
        self._environment |= {
            "VAULT_ADDR": place.server.address,
            "VAULT_ROLE_ID": self.login["vault_role_id"],
            "VAULT_SECRET_ID": self.login["vault_secret_id"],
            "STRIPE_API_BASE": stripe,
            "STRIPE_ROUTING_CONFIG": str(folder / "routes.yaml"),
            "STRIPE_LEDGER_DIR": str(folder / "finance_logs"),
        }

    def run(self, *words: str) -> tuple[int, str]:
        """Run the command; nothing that it says shows a key, a token or a secret id."""
        done = subprocess.run(
            [sys.executable, "-m", "stripe_billing_router", *words],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        shown = done.stdout + done.stderr
        assert [planted for planted in PLANTED if planted in shown] == []
        assert self.login["vault_secret_id"] not in shown
        return done.returncode, shown if "--json" not in words else done.stdout

    def doctor(self) -> dict[str, dict[str, Any]]:
        """Return what the doctor says, by check."""
        checks = json.loads(self.run("doctor", "--json")[1])["checks"]
        return {check["check"]: check for check in checks}


@pytest.fixture
def place(own_vault: OwnVault) -> Place:
    own_vault.mount("secret", 2)
    place = Place(own_vault, "secret", 2)
    place.put(FIELDS | {"master_account_id": StripeSandbox().account_id})
    return place


@pytest.fixture
def operator(place: Place, tmp_path: Path) -> Iterator[Operator]:
    with StripeSandbox().serve() as server:
        yield Operator(place, tmp_path, server.url)


def test_keys_are_baked_from_vault_and_used_while_it_is_away(
    own_vault: OwnVault, operator: Operator, tmp_path: Path
) -> None:
    file = tmp_path / "baked" / "_baked_keys.py"
    file.parent.mkdir()
    code, told = operator.run("bake-keys", "--from", "vault", "--output", str(file))
    assert code == 0, told
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    own_vault.call("DELETE", "sys/mounts/secret")
    with fleet_in(tmp_path, own_vault, baked_keys_file=file) as fleet:
        own_vault.kill()
        assert fleet.charge().paid
        assert fleet.key_in_use == FIELDS["secret_key"]
        (alert,) = fleet.alerts("key_source_unreachable")
        assert "baked-in" in alert


@pytest.mark.parametrize("begin", [OwnVault.seal, OwnVault.kill], ids=["sealed", "killed"])
def test_nothing_is_baked_while_vault_is_away(
    own_vault: OwnVault, operator: Operator, tmp_path: Path, begin: Any
) -> None:
    file = tmp_path / "_baked_keys.py"
    begin(own_vault)
    code, told = operator.run("bake-keys", "--from", "vault", "--output", str(file))
    assert code != 0
    assert "Vault (secret/stripe)" in told
    assert not file.exists()


def test_the_doctor_finds_nothing_wrong_with_a_vault_that_answers(operator: Operator) -> None:
    found = operator.doctor()
    assert found["Vault"]["status"] == "ok"
    assert "from Vault (secret/stripe)" in found["secret key"]["finding"]


def test_the_doctor_tells_an_outage_from_a_denial(
    own_vault: OwnVault, place: Place, operator: Operator
) -> None:
    own_vault.seal()
    sealed = operator.doctor()["Vault"]
    own_vault.unseal()
    own_vault.call("DELETE", f"sys/policies/acl/{place.policy}")
    denied = operator.doctor()["Vault"]
    assert "503" in sealed["finding"]
    assert denied["status"] == "wrong"
    assert "403" in denied["finding"]
    assert sealed["remedy"] != denied["remedy"]
