"""A secret on a real Vault with the documented policy, and what the adapter makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from stripe_billing_router.keys.vault import Vault as Adapter
from stripe_billing_router.keys.vault import VaultRefusedError, VaultUnreachableError
from stripe_billing_router.settings import Settings
from support.go_toolchain import ROOT
from support.vault_server import Vault

POLICY = ROOT / "docs" / "vault-policy.hcl"
FIELDS = {
    "secret_key": "sk_live_fakeOfTheRealVault1",
    "public_key": "pk_live_fakeOfTheRealVault1",
    "master_account_id": "acct_realvault",
}
# How each of them would show in a message: Vault's tokens begin like this.
PLANTED = ("fakeOfTheRealVault", "hvs.", "hvb.")


@dataclass
class Place:
    """One secret on a server, and how the router is set up to read it."""

    server: Vault
    mount: str
    version: int
    path: str = "stripe"

    @property
    def policy(self) -> str:
        """The name of the documented policy on this server, written for this mount and path."""
        name = f"router-{self.mount}-{self.path}".replace("/", "-")
        text = POLICY.read_text()
        text = text.replace("secret/data/stripe", f"{self.mount}/data/{self.path}")
        text = text.replace("secret/stripe", f"{self.mount}/{self.path}")
        self.server.call("PUT", f"sys/policies/acl/{name}", {"policy": text})
        return name

    def put(self, fields: Mapping[str, Any] = FIELDS) -> None:
        """Write the secret, as the operator does."""
        if self.version == 2:
            self.server.call("POST", f"{self.mount}/data/{self.path}", {"data": fields})
        else:
            self.server.call("POST", f"{self.mount}/{self.path}", fields)

    def token(self, **options: Any) -> str:
        """Return a new token that may do what the documented policy says."""
        body = {"policies": [self.policy], "ttl": "1h", **options}
        token: str = self.server.call("POST", "auth/token/create", body)["auth"]["client_token"]
        return token

    def revoke_logins(self) -> None:
        """Revoke every token that has this place's policy."""
        for accessor in self.server.call("LIST", "auth/token/accessors")["data"]["keys"]:
            of = {"accessor": accessor}
            about = self.server.call("POST", "auth/token/lookup-accessor", of)["data"]
            if self.policy in about["policies"]:
                self.server.call("POST", "auth/token/revoke-accessor", of)

    def app_role(self, **options: Any) -> dict[str, str]:
        """Return the settings for logging in by a new AppRole; `options` are the role's."""
        enable(self.server, "approle")
        role = f"auth/approle/role/{self.policy}"
        self.server.call("POST", role, {"token_policies": [self.policy], **options})
        role_id = self.server.call("GET", f"{role}/role-id")["data"]["role_id"]
        secret_id = self.server.call("POST", f"{role}/secret-id", {})["data"]["secret_id"]
        return {"vault_role_id": role_id, "vault_secret_id": secret_id}

    def kubernetes_role(self, **options: Any) -> str:
        """Return a new role for the service account of `ServiceAccounts`."""
        self.server.call(
            "POST",
            f"auth/kubernetes/role/{self.policy}",
            {
                "bound_service_account_names": ["bots"],
                "bound_service_account_namespaces": ["billing"],
                "token_policies": [self.policy],
                **options,
            },
        )
        return self.policy

    def settings(self, **values: Any) -> Settings:
        """Return settings that point here; `values` say how to log in, and what is different."""
        return Settings(
            **{
                "vault_addr": self.server.address,
                "vault_mount": self.mount,
                "vault_path": self.path,
                "baked_keys_file": Path("/nonexistent/_baked_keys.py"),
                **values,
            }
        )

    def adapter(self, **values: Any) -> Adapter:
        """Return the adapter that the tests here are about."""
        return Adapter(self.settings(**values))


@contextmanager
def a_place(
    server: Vault, version: int, *, path: str = "stripe", below: str = ""
) -> Iterator[Place]:
    """Mount an empty KV store and put the secret into it; unmount it afterwards."""
    place = Place(server, f"{below}kv-{uuid4().hex[:12]}", version, path)
    server.mount(place.mount, version)
    try:
        place.put()
        yield place
    finally:
        server.call("DELETE", f"sys/mounts/{place.mount}")


def enable(server: Vault, method: str) -> None:
    """Enable a way to log in, unless it is."""
    if f"{method}/" not in server.call("GET", "sys/auth")["data"]:
        server.call("POST", f"sys/auth/{method}", {"type": method})


def revealed(adapter: Adapter) -> dict[str, str]:
    """Read the secret and return its fields in the open."""
    return {name: secret.reveal() for name, secret in adapter.read().items()}


def refusal(adapter: Adapter) -> str:
    """Read what must be refused, and return the message, which shows no secret."""
    with pytest.raises(VaultRefusedError) as caught:
        adapter.read()
    return _shown(caught.value)


def outage(adapter: Adapter) -> str:
    """Read what cannot be reached, and return the message, which shows no secret."""
    with pytest.raises(VaultUnreachableError) as caught:
        adapter.read()
    return _shown(caught.value)


def _shown(error: Exception) -> str:
    shown = f"{error} {error!r} {error.args} {error.__cause__!r} {error.__context__!r}"
    assert [planted for planted in PLANTED if planted in shown] == []
    return str(error)
