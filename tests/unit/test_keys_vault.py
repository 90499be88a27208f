"""Keys from Vault, over real hvac and real sockets: read, passed over, or refused."""

import json
import logging
import socket
import socketserver
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stripe_billing_router.errors import (
    BillingError,
    ConfigurationError,
    InvalidKeyError,
    MasterAccountError,
    MissingKeyError,
)
from stripe_billing_router.keys import vault as vault_adapter
from stripe_billing_router.keys.sources import Keys, KeySources
from stripe_billing_router.settings import Settings
from support.loopback import Answer, LoopbackServer, loopback_server
from support.vault import FIELDS, TOKEN, VaultStub, error

# What stands in the environment beside Vault: the source that must be used, or must not be.
BESIDE = {"secret_key": "sk_live_fakeBeside", "public_key": "pk_live_fakeBeside"}
PLANTED = (TOKEN, "fakeVaultSecret", "fakeSecretId", "fakeJwt", "fakeBeside", "fakeProxyPassword")


@pytest.fixture
def stub() -> VaultStub:
    return VaultStub()


@pytest.fixture
def vault(stub: VaultStub) -> Iterator[LoopbackServer]:
    with loopback_server(stub) as server:
        yield server


@pytest.fixture(autouse=True)
def planted_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant what hvac and requests would obey if they were let."""
    (tmp_path / ".vault-token").write_text("hvs.fakeTokenOfSomebodyElse")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("VAULT_TOKEN", "hvs.fakeTokenFromElsewhere")
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://user:fakeProxyPassword@127.0.0.1:1")


def resolve(vault: LoopbackServer | str, **values: Any) -> Keys:
    values = {
        "vault_addr": vault if isinstance(vault, str) else vault.url,
        "vault_token": TOKEN,
        "baked_keys_file": Path("/nonexistent/_baked_keys.py"),
        **values,
    }
    return KeySources(Settings(**values)).read()


def refused(vault: LoopbackServer | str, **values: Any) -> BillingError:
    """Resolve keys that must be refused, although good ones stand beside."""
    with pytest.raises(ConfigurationError) as caught:
        resolve(vault, **{**BESIDE, "master_account_id": "acct_vault", **values})
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [frame.locals for frame in told.stack if "/keys/" in frame.filename]
    assert ours
    shown = f"{caught.value} {caught.value!r} {vars(caught.value)} {ours}"
    assert [planted for planted in PLANTED if planted in shown] == []
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value


def passed_over(vault: LoopbackServer | str, **values: Any) -> str:
    """Resolve keys that must come from the source beside, and return what is told of Vault."""
    keys = resolve(vault, **{**BESIDE, "master_account_id": "acct_vault", **values})
    assert keys.secret.reveal() == "sk_live_fakeBeside"
    assert keys.source == "the environment"
    assert "Vault (secret/stripe)" in keys.passed_over
    assert [planted for planted in PLANTED if planted in keys.passed_over] == []
    return keys.passed_over


# --- reading ---


@pytest.mark.parametrize("version", ["2", "1", "generic"])
def test_the_kv_version_is_found_out(stub: VaultStub, vault: LoopbackServer, version: str) -> None:
    stub.kv_version = version
    keys = resolve(vault)
    assert keys.secret.reveal() == FIELDS["secret_key"]
    assert keys.public.reveal() == FIELDS["public_key"]
    assert keys.master_account_id == "acct_vault"
    assert keys.source == "Vault (secret/stripe)"


def test_vault_comes_before_the_environment(vault: LoopbackServer) -> None:
    assert resolve(vault, **BESIDE).secret.reveal() == FIELDS["secret_key"]


def test_mount_path_and_namespace_are_asked_for(stub: VaultStub, vault: LoopbackServer) -> None:
    stub.mount, stub.path, stub.namespace = "kv-live", "team/stripe", "org/payments"
    keys = resolve(
        vault, vault_mount="kv-live", vault_path="team/stripe", vault_namespace="org/payments"
    )
    assert keys.source == "Vault (kv-live/team/stripe)"


def test_keys_with_a_newline_at_their_end_are_taken(stub: VaultStub, vault: LoopbackServer) -> None:
    stub.fields = {name: text + "\n" for name, text in FIELDS.items()}
    assert resolve(vault).secret.reveal() == FIELDS["secret_key"]


# --- logging in ---


def assert_from_vault(keys: Keys) -> None:
    assert keys.secret.reveal() == FIELDS["secret_key"]


def test_by_a_token_file(tmp_path: Path, vault: LoopbackServer) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    assert_from_vault(resolve(vault, vault_token=None, vault_token_file=file))


def test_by_app_role(stub: VaultStub, vault: LoopbackServer) -> None:
    stub.logins["/v1/auth/approle/login"] = {"role_id": "role", "secret_id": "fakeSecretId"}
    assert_from_vault(
        resolve(vault, vault_token=None, vault_role_id="role", vault_secret_id="fakeSecretId\n")
    )


def test_by_kubernetes(tmp_path: Path, stub: VaultStub, vault: LoopbackServer) -> None:
    file = tmp_path / "jwt"
    file.write_text("fakeJwt.a.b\n")
    stub.logins["/v1/auth/kubernetes/login"] = {"role": "bots", "jwt": "fakeJwt.a.b"}
    assert_from_vault(
        resolve(
            vault,
            vault_token=None,
            vault_kubernetes_role="bots",
            vault_kubernetes_token_file=file,
        )
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "no login"),
        ({"vault_role_id": "role"}, "VAULT_SECRET_ID"),
        ({"vault_token_file": "/nonexistent"}, "VAULT_TOKEN_FILE"),
        (
            {"vault_kubernetes_role": "x", "vault_kubernetes_token_file": "/nonexistent"},
            "VAULT_KUBERNETES_TOKEN_FILE",
        ),
        ({"vault_role_id": "role", "vault_secret_id": "fakeSecretId"}, "status 403"),
        ({"vault_token": TOKEN + "\nX-Header: y"}, "InvalidHeader"),
        ({"vault_token": "hvs.fakeOther"}, "status 403"),
        ({"vault_token": TOKEN, "vault_cacert": "/nonexistent"}, "VAULT_CACERT"),
    ],
)
def test_a_login_that_cannot_work_is_an_error(
    vault: LoopbackServer, values: dict[str, str], said: str
) -> None:
    assert said in str(refused(vault, **{"vault_token": None, **values}))


def test_a_token_of_somebody_else_is_never_used(vault: LoopbackServer) -> None:
    refused(vault, vault_token=None)
    assert vault.requests == []


# --- what cannot be reached is passed over, with an alert ---


def test_a_refused_connection_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    passed_over(f"http://127.0.0.1:{port}")


def test_an_unknown_host_is_passed_over() -> None:
    passed_over("https://vault.invalid:8200")


@pytest.mark.parametrize("where", ["mounts", "data"])
@pytest.mark.parametrize(
    "answer",
    [
        error(429), error(472), error(473), error(500), error(501), error(502), error(503),
        error(504), Answer(503, b"<html>"), Answer(raw=b"", then="close"),
        Answer(raw=b"", then="reset"), Answer(raw=b"", then="hang"),
        Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", then="close"),
    ],
)  # fmt: skip
def test_an_outage_is_passed_over(
    stub: VaultStub,
    vault: LoopbackServer,
    where: str,
    answer: Answer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if answer.then == "hang":
        monkeypatch.setattr(vault_adapter, "_TIMEOUT_S", (0.3, 0.3))
        monkeypatch.setattr(vault_adapter, "_READING_S", 60.0)
    stub.override[where] = answer
    before = set(threading.enumerate())
    passed_over(vault)
    # Each request has its own limit: none was still under way when the whole reading had to end.
    assert not [one for one in set(threading.enumerate()) - before if "-vault" in one.name]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_never_carries_the_token_elsewhere(
    stub: VaultStub, vault: LoopbackServer, status: int
) -> None:
    with loopback_server(VaultStub()) as elsewhere:
        for part in ("mounts", "data"):
            stub.override = {part: Answer(status, headers={"Location": f"{elsewhere.url}/v1/x"})}
            assert "redirect" in passed_over(vault)
        assert elsewhere.requests == []


def test_without_another_source_the_error_says_that_vault_was_away(
    stub: VaultStub, vault: LoopbackServer
) -> None:
    stub.override["mounts"] = error(503)
    with pytest.raises(MissingKeyError) as caught:
        resolve(vault)
    assert "Vault (secret/stripe)" in str(caught.value)
    assert "STRIPE_SECRET_KEY" in str(caught.value)
    assert caught.value.retryable


# --- what answers badly is an error, whatever stands beside ---


@pytest.mark.parametrize("where", ["mounts", "data"])
@pytest.mark.parametrize(
    "answer",
    [
        error(400), error(401), error(403), error(404), error(405), error(412), error(418),
        Answer(200, b"<html>a login page</html>"), Answer(204), Answer.json([]), Answer.json({}),
        Answer.json({"data": None}), Answer.json({"data": {"data": None}}),
    ],
)  # fmt: skip
def test_a_bad_answer_is_an_error(
    stub: VaultStub, vault: LoopbackServer, where: str, answer: Answer
) -> None:
    stub.override[where] = answer
    refused(vault)


def test_another_kind_of_mount_is_an_error(stub: VaultStub, vault: LoopbackServer) -> None:
    stub.override["mounts"] = Answer.json({"data": {"type": "database", "options": None}})
    assert "KV" in str(refused(vault))


def test_a_login_without_a_token_is_an_error(stub: VaultStub, vault: LoopbackServer) -> None:
    stub.override["login"] = Answer.json({"auth": None})
    refused(vault, vault_token=None, vault_role_id="role", vault_secret_id="fakeSecretId")


@pytest.mark.parametrize("name", ["secret_key", "public_key"])
def test_a_missing_field_is_an_error(stub: VaultStub, vault: LoopbackServer, name: str) -> None:
    stub.fields = {field: text for field, text in FIELDS.items() if field != name}
    caught = refused(vault)
    assert isinstance(caught, MissingKeyError)
    assert name in str(caught)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("secret_key", ""),
        ("secret_key", "sk_test_fakeVaultSecret"),
        ("secret_key", "pk_live_fakeVaultSecret"),
        ("public_key", "sk_live_fakeVaultSecret"),
        ("secret_key", 7),
        ("public_key", ["pk_live_fakeVaultSecret"]),
    ],
)
def test_a_bad_key_is_an_error(
    stub: VaultStub, vault: LoopbackServer, name: str, value: object
) -> None:
    stub.fields = {**FIELDS, name: value}
    assert isinstance(refused(vault), InvalidKeyError)


class NoTls(socketserver.BaseRequestHandler):
    """Answers the first words of TLS with something else."""

    def handle(self) -> None:
        self.request.recv(4096)
        self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


class NobodyBehind(socketserver.BaseRequestHandler):
    """Hangs up, as a balancer does that has no Vault to hand the connection on to."""

    def handle(self) -> None:
        self.request.recv(4096)


@contextmanager
def raw_server(handler: type[socketserver.BaseRequestHandler]) -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_server_that_is_not_trusted_is_an_error() -> None:
    """Whether expired or somebody in between: only a person can tell."""
    with raw_server(NoTls) as address:
        refused(address)


def test_a_balancer_with_nobody_behind_it_is_passed_over() -> None:
    with raw_server(NobodyBehind) as address:
        passed_over(address)


def test_the_master_account_may_be_named_by_the_settings_too(
    stub: VaultStub, vault: LoopbackServer
) -> None:
    assert resolve(vault, master_account_id="acct_vault").master_account_id == "acct_vault"
    with pytest.raises(MasterAccountError, match="acct_other"):
        resolve(vault, master_account_id="acct_other")
    stub.fields = {name: FIELDS[name] for name in ("secret_key", "public_key")}
    assert resolve(vault, master_account_id="acct_vault").master_account_id == "acct_vault"
    with pytest.raises(MasterAccountError, match="STRIPE_MASTER_ACCOUNT_ID"):
        resolve(vault)


def test_nothing_is_logged_that_is_secret(
    stub: VaultStub, vault: LoopbackServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    resolve(vault)
    stub.override["data"] = Answer(403, json.dumps({"errors": [TOKEN]}).encode())
    refused(vault)
    assert [planted for planted in PLANTED if planted in caplog.text] == []
