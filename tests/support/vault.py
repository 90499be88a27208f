"""As much of Vault's API as reading one secret takes, on loopback."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from support.loopback import Answer, Request

TOKEN = "hvs.fakeVaultToken1234567890"
FIELDS = {
    "secret_key": "sk_live_fakeVaultSecret",
    "public_key": "pk_live_fakeVaultPublic",
    "master_account_id": "acct_vault",
}


@dataclass
class VaultStub:
    """Respond as a Vault would that holds `fields`; `override` is what it says instead, by path."""

    fields: Mapping[str, Any] = field(default_factory=lambda: dict(FIELDS))
    kv_version: str = "2"
    mount: str = "secret"
    path: str = "stripe"
    namespace: str | None = None
    override: dict[str, Answer] = field(default_factory=dict)
    # What a login must send, by its path.
    logins: dict[str, dict[str, str]] = field(default_factory=dict)

    def __call__(self, request: Request) -> Answer:
        for part, answer in self.override.items():
            if part in request.path:
                return answer
        if request.headers.get("x-vault-namespace") != self.namespace:
            return error(404)
        if request.path in self.logins:
            return self._log_in(request)
        if request.headers.get("x-vault-token") != TOKEN:
            return error(403)
        data = f"/v1/{self.mount}/data/{self.path}"
        if request.path == f"/v1/sys/internal/ui/mounts/{self.mount}/{self.path}":
            options = {"version": self.kv_version} if self.kv_version != "generic" else None
            return Answer.json({"data": {"type": "kv", "options": options}})
        if request.path == data and self.kv_version == "2":
            return Answer.json({"data": {"data": self.fields, "metadata": {"version": 3}}})
        if request.path == f"/v1/{self.mount}/{self.path}" and self.kv_version != "2":
            return Answer.json({"data": self.fields})
        return error(404)

    def _log_in(self, request: Request) -> Answer:
        if "x-vault-token" in request.headers:
            return error(500)  # A login must not show a token to anybody.
        if json.loads(request.body) != self.logins[request.path]:
            return error(400)
        return Answer.json({"auth": {"client_token": TOKEN, "lease_duration": 3600}})


def error(status: int) -> Answer:
    return Answer.json({"errors": ["as Vault says it"]}, status)
