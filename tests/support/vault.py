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
    # How many more logins there may be, as with a secret id of limited use; None for any number.
    logins_left: int | None = None
    # Of each token that is given out or looked up; 0 for one that never ends.
    ttl_s: int = 0
    renewable: bool = True
    # The one token that is good now; a login gives it out.
    token: str = TOKEN

    def __call__(self, request: Request) -> Answer:
        for part, answer in self.override.items():
            if part in request.path:
                return answer
        if request.headers.get("x-vault-namespace") != self.namespace:
            return error(404)
        if request.path in self.logins:
            return self._log_in(request)
        if request.headers.get("x-vault-token") != self.token:
            return error(403)
        return self._about_token(request) or self._secret(request) or error(404)

    def _about_token(self, request: Request) -> Answer | None:
        if request.path == "/v1/auth/token/lookup-self":
            return Answer.json({"data": {"ttl": self.ttl_s, "renewable": self.renewable}})
        if request.path == "/v1/auth/token/renew-self":
            return self._granted() if self.renewable else error(400)
        return None

    def _secret(self, request: Request) -> Answer | None:
        data = f"/v1/{self.mount}/data/{self.path}"
        if request.path == f"/v1/sys/internal/ui/mounts/{self.mount}/{self.path}":
            options = {"version": self.kv_version} if self.kv_version != "generic" else None
            return Answer.json({"data": {"type": "kv", "options": options}})
        if request.path == data and self.kv_version == "2":
            return Answer.json({"data": {"data": self.fields, "metadata": {"version": 3}}})
        if request.path == f"/v1/{self.mount}/{self.path}" and self.kv_version != "2":
            return Answer.json({"data": self.fields})
        return None

    def _log_in(self, request: Request) -> Answer:
        if "x-vault-token" in request.headers:
            return error(500)  # A login must not show a token to anybody.
        if json.loads(request.body) != self.logins[request.path] or self.logins_left == 0:
            return error(400)
        if self.logins_left is not None:
            self.logins_left -= 1
        return self._granted()

    def _granted(self) -> Answer:
        auth = {
            "client_token": self.token,
            "lease_duration": self.ttl_s,
            "renewable": self.renewable,
        }
        return Answer.json({"auth": auth})


def error(status: int) -> Answer:
    return Answer.json({"errors": ["as Vault says it"]}, status)
