"""The commands of docs/keys-and-rotation.md, run as an operator would on a real Vault."""

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from stripe_billing_router.keys.sources import KeySources
from stripe_billing_router.settings import Settings
from support.pages import ROOT, blocks
from support.planted import holds_secrets
from support.vault_server import OwnVault

PAGE = ROOT / "docs" / "keys-and-rotation.md"
KEYS = {
    "secret_key": "sk_live_fakeOfTheRealVaultPage",
    "public_key": "pk_live_fakeOfTheRealVaultPage",
    "master_account_id": "acct_realvault",
}
NEW_KEY = "sk_live_fakeOfTheRealVaultPageNew"


def test_the_commands_set_vault_up_and_rotate_a_key(
    own_vault: OwnVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holds_secrets(tmp_path / "stripe-keys.json").write_text(json.dumps(KEYS))
    holds_secrets(tmp_path / "new-key.txt").write_text(NEW_KEY + "\n")
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    environment = os.environ | {"VAULT_ADDR": own_vault.address, "VAULT_TOKEN": own_vault.token}
    printed: dict[str, dict[str, str]] = {}

    def run(line: str) -> None:
        words = [str(own_vault.binary), *shlex.split(line)[1:]]
        if words[1] in {"read", "write"} and words[-1].endswith("-id"):
            words.insert(2, "-format=json")
        done = subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"
        if "-format=json" in words:
            printed[words[-1].rpartition("/")[2]] = json.loads(done.stdout)["data"]

    commands = [
        line for block in blocks(PAGE) for line in block.code.splitlines() if "vault " in line[:6]
    ]
    *set_up, rotate = commands
    assert "kv patch" in rotate
    for line in set_up:
        run(line)
    if own_vault.binary.name == "vault":
        own_vault.wait_for_kv2("secret")
    for name in ("VAULT_TOKEN", "VAULT_ADDR"):
        monkeypatch.delenv(name, raising=False)
    sources = KeySources(
        Settings(
            vault_addr=own_vault.address,
            vault_role_id=printed["role-id"]["role_id"],
            vault_secret_id=printed["secret-id"]["secret_id"],
        )
    )
    assert sources.read().secret.reveal() == KEYS["secret_key"]
    run(rotate)
    assert sources.read_again().secret.reveal() == NEW_KEY
    assert sources.read_again().public.reveal() == KEYS["public_key"]
