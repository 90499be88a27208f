"""Keys, passwords and tokens in their own places: whatever fails there, no frame or log shows one.

A traceback with locals shows what each function was given and what it held. So no function raises
while one of its variables holds a secret in the open.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stripe_billing_router import BillingError, BillingRouter, Settings, configure, reset
from stripe_billing_router.alerts import Alerts
from stripe_billing_router.core.calls import CallFailedError
from stripe_billing_router.core.secret import Secret
from stripe_billing_router.gateway.gateway import StripeGateway
from stripe_billing_router.keys.baked import read_baked_keys, write_baked_keys
from stripe_billing_router.keys.sources import KeySources
from stripe_billing_router.keys.vault import Vault, VaultRefusedError, VaultUnreachableError
from support.loopback import Answer, loopback_server
from support.nobody import (
    ALERT_URL,
    ALL,
    CLIENT_SECRET,
    DATABASE_URL,
    KUBERNETES_TOKEN,
    ORGANISATION_KEY,
    PUBLIC_KEY,
    ROLE_ID,
    SECRET_ID,
    SECRET_KEY,
    VAULT_TOKEN,
    WEBHOOK_SECRET,
)
from support.payments import CREATE, INTENT
from support.planted import holds_secrets
from support.platform import BOT
from support.vault import VaultStub

Seen = Callable[..., list[str]]

EVERYTHING: dict[str, Any] = {
    "secret_key": SECRET_KEY,
    "public_key": PUBLIC_KEY,
    "master_account_id": "acct_nobody",
    "ledger_url": DATABASE_URL,
    "alert_urls": ALERT_URL,
    "vault_token": VAULT_TOKEN,
    "vault_role_id": ROLE_ID,
    "vault_secret_id": SECRET_ID,
}
VARIABLES = {
    "STRIPE_SECRET_KEY": SECRET_KEY,
    "STRIPE_PUBLIC_KEY": PUBLIC_KEY,
    "STRIPE_LEDGER_URL": DATABASE_URL,
    "STRIPE_ALERT_URLS": f"{ALERT_URL}, {ALERT_URL}/2",
    "VAULT_TOKEN": VAULT_TOKEN,
    "VAULT_ROLE_ID": ROLE_ID,
    "VAULT_SECRET_ID": SECRET_ID,
}


OURS = (
    BillingError, CallFailedError, VaultUnreachableError, VaultRefusedError, KeyboardInterrupt,
)  # fmt: skip


def failure(call: Callable[[], Any]) -> BaseException:
    try:
        call()
    except OURS as error:
        return error
    raise AssertionError("it was to fail")


# --- settings -------------------------------------------------------------------------------------


def test_settings_show_nothing(seen: Seen) -> None:
    settings = Settings(**EVERYTHING)
    assert seen(settings, settings.alert_urls, settings.database_url, dict(settings)) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret_kye": SECRET_KEY},
        {"lease_s": -1},
        {"api_base": "ftp://nowhere"},
        {"secret_key": [SECRET_KEY]},
        {"secret_key": SECRET_KEY.encode()},
        {"alert_urls": 7, "secret_key": bytearray(SECRET_KEY.encode())},
    ],
    ids="-".join,
)
def test_a_wrong_setting_shows_none_of_the_others(seen: Seen, wrong: dict[str, Any]) -> None:
    values = EVERYTHING | wrong
    assert seen(*(failure(lambda use=use: use(**values)) for use in (Settings, configure))) == []  # type: ignore[misc]
    reset()


@pytest.mark.parametrize(
    "field",
    [
        "master_account_id", "vault_addr", "vault_mount", "vault_path", "vault_namespace",
        "vault_kubernetes_role", "api_base", "vault_token_file", "vault_kubernetes_token_file",
        "vault_cacert", "routing_config", "limits_config", "ledger_dir", "database_away", "lease_s",
        "baked_keys_file",
    ],
)  # fmt: skip
def test_a_secret_where_another_setting_belongs_is_refused(seen: Seen, field: str) -> None:
    for secret in (SECRET_KEY, ORGANISATION_KEY, WEBHOOK_SECRET, VAULT_TOKEN, KUBERNETES_TOKEN):
        told = failure(lambda secret=secret: Settings(**{field: secret}))  # type: ignore[misc]
        assert field in str(told)
        assert seen(told) == []


def test_the_environment_shows_nothing(
    seen: Seen, monkeypatch: pytest.MonkeyPatch, routes: Path
) -> None:
    for variable, value in VARIABLES.items():
        monkeypatch.setenv(variable, value)
    settings = Settings.load()
    assert settings.secret_key == Secret(SECRET_KEY)
    monkeypatch.setenv("VAULT_ADDR", "http://elsewhere")
    assert seen(settings, failure(Settings.load), failure(BillingRouter)) == []


def test_a_router_that_cannot_be_built_shows_nothing(seen: Seen, routes: Path) -> None:
    for wrong in (
        {"routing_config": routes.with_name("missing.yaml")},
        {"routing_config": routes, "ledger_url": DATABASE_URL.replace("postgresql", "mysql")},
        {"routing_config": routes, "ledger_url": DATABASE_URL.replace(":9", ":port")},
        {"routing_config": routes, "ledger_url": f"nonsense {ALL['database password']}"},
        {"routing_config": routes, "alert_urls": f"nonsense://{ALL['alert token']}"},
        {"routing_config": routes, "alert_urls": f"slack://{ALL['alert token']}"},
    ):
        values = EVERYTHING | wrong
        assert seen(failure(lambda values=values: configure(**values))) == [], wrong  # type: ignore[misc]


def test_a_router_shows_nothing(seen: Seen, routes: Path, tmp_path: Path) -> None:
    values = EVERYTHING | {"routing_config": routes, "ledger_dir": tmp_path / "finance_logs"}
    router = BillingRouter(**values, database_away="refuse", give_up_after_s=0.2)
    try:
        away = failure(lambda: router.charge(BOT, 10))
        held = [
            *vars(router).values(),
            router._parts.keyring._held,
            router.records._storage.database,
        ]
        assert seen(router, away, *held) == []
    finally:
        router.close()


# --- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "secret",
    [
        f"sk_test_fake{ALL['secret key']}", f"{SECRET_KEY} x", f"{SECRET_KEY}\n\n\0",
        ORGANISATION_KEY, WEBHOOK_SECRET, PUBLIC_KEY, VAULT_TOKEN, f"{SECRET_KEY}-",
    ],
)  # fmt: skip
def test_a_key_that_is_refused_is_not_shown(seen: Seen, secret: str) -> None:
    good: dict[str, Any] = {
        "secret_key": SECRET_KEY, "public_key": PUBLIC_KEY, "master_account_id": "acct_1",
    }  # fmt: skip
    for field in ("secret_key", "public_key"):
        values = good | {field: secret if field == "secret_key" or secret != PUBLIC_KEY else "pk_"}
        assert seen(failure(KeySources(Settings(**values)).read)) == []


def test_keys_show_nothing(seen: Seen) -> None:
    settings = Settings(secret_key=SECRET_KEY, public_key=PUBLIC_KEY, master_account_id="acct_1")
    sources = KeySources(settings)
    assert seen(sources.read(), sources, vars(sources)) == []


@pytest.mark.parametrize("spoil", ["open", "no module", "cut", "huge"])
def test_a_baked_module_that_is_refused_shows_nothing(
    seen: Seen, tmp_path: Path, spoil: str
) -> None:
    file = tmp_path / "baked_keys.py"
    keys = {"secret_key": Secret(SECRET_KEY), "public_key": Secret(PUBLIC_KEY)}
    write_baked_keys(file, **keys, master_account_id="acct_1")
    assert seen(read_baked_keys(file)) == []
    text = file.read_text()
    changed = {"no module": text + "x = 1\n", "cut": text[:-3], "huge": text + " " * 70_000}
    file.write_text(changed.get(spoil, text))
    file.chmod(0o644 if spoil == "open" else 0o600)
    assert seen(failure(lambda: read_baked_keys(file))) == []


def test_keys_that_cannot_be_baked_are_not_shown(
    seen: Seen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {"secret_key": Secret(SECRET_KEY), "public_key": Secret(PUBLIC_KEY)}

    def bake(file: Path) -> BaseException:
        return failure(lambda: write_baked_keys(file, **keys, master_account_id="acct_1"))

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert seen(bake(tmp_path / "missing" / "keys.py"), bake(tmp_path / "keys.py")) == []


# --- Vault ----------------------------------------------------------------------------------------

LOGINS: dict[str, dict[str, Any]] = {
    "token": {"vault_token": VAULT_TOKEN},
    "app role": {"vault_role_id": ROLE_ID, "vault_secret_id": SECRET_ID},
    "kubernetes": {"vault_kubernetes_role": "bots"},
    "token file": {},
}
QUOTING = f"{VAULT_TOKEN} {SECRET_ID} {KUBERNETES_TOKEN} {SECRET_KEY}"
ANSWERS = {
    "good": None,
    "denied": Answer.json({"errors": [QUOTING]}, 403),
    "bad request": Answer.json({"errors": [QUOTING]}, 400),
    "sealed": Answer.json({"errors": [QUOTING]}, 503),
    "not JSON": Answer(200, QUOTING.encode()),
    "another JSON": Answer.json({"data": QUOTING, "auth": [QUOTING]}),
    "a wrapped login": Answer.json({"auth": None, "wrap_info": {"token": VAULT_TOKEN}}),
    "redirect": Answer(307, b"", {"Location": f"https://elsewhere/{VAULT_TOKEN}"}),
    "cut short": Answer(raw=b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"a', then="close"),
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("login", LOGINS)
def test_vault_shows_nothing(seen: Seen, tmp_path: Path, login: str, answer: str) -> None:
    files: dict[str, Any] = {"vault_kubernetes_token_file": tmp_path / "token_of_pod"}
    files["vault_kubernetes_token_file"].write_text(KUBERNETES_TOKEN)
    if login == "token file":
        files["vault_token_file"] = tmp_path / "token_of_agent"
        files["vault_token_file"].write_text(VAULT_TOKEN)
    stub = VaultStub(fields={"secret_key": SECRET_KEY, "public_key": PUBLIC_KEY})
    if (bad := ANSWERS[answer]) is not None:
        stub.override["/v1/"] = bad
    with loopback_server(stub) as server:
        settings = Settings(vault_addr=server.url, **LOGINS[login], **files)
        vault = Vault(settings)
        told = failure(vault.read)
        assert server.requests, "it was asked"
        assert seen(told, vault, vars(vault), failure(KeySources(settings).read)) == []


def test_what_vault_gave_is_not_shown(seen: Seen) -> None:
    with loopback_server(VaultStub()) as server:
        stub_token = "hvs.fakeVaultToken1234567890"
        vault = Vault(Settings(vault_addr=server.url, vault_token=stub_token))
        fields = vault.read()
        assert set(fields) >= {"secret_key", "public_key"}
        assert seen(fields, vault, vars(vault)) == []


# --- the way to Stripe ----------------------------------------------------------------------------


def test_the_debug_output_of_http_shows_no_key(
    seen: Seen, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """`debuglevel` is the well-known way to see what a program sends: it prints every header."""
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    paid = {**INTENT, "client_secret": CLIENT_SECRET}
    with loopback_server(lambda _request: Answer.json(paid)) as server:
        gateway = StripeGateway(Secret(SECRET_KEY), api_base=server.url)
        reply = gateway.send(CREATE, idempotency_key="key-1")
        assert server.requests[0].headers["authorization"] == f"Bearer {SECRET_KEY}"
        assert reply.whole is not None
        assert reply.whole["client_secret"] == CLIENT_SECRET
        assert seen(repr(reply), gateway, vars(gateway)) == []


def interrupted_by(connect: Callable[[str, int], Any]) -> BaseException:
    """Interrupt `connect` (host, port) from the server that it has just reached."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1)
                os.kill(os.getpid(), signal.SIGINT)
                done.wait(20)

        done = threading.Event()
        thread = threading.Thread(target=accept, daemon=True)
        # Python leaves the signal ignored where it was started so, as shells do in the background.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        thread.start()
        try:
            return failure(lambda: connect("127.0.0.1", server.getsockname()[1]))
        finally:
            done.set()
            thread.join()
            signal.signal(signal.SIGINT, before)


def test_an_interrupt_while_stripe_is_asked_shows_nothing(seen: Seen) -> None:
    def send(host: str, port: int) -> None:
        gateway = StripeGateway(Secret(SECRET_KEY), api_base=f"http://{host}:{port}")
        gateway.send(CREATE, idempotency_key="key-1")

    told = interrupted_by(send)
    assert isinstance(told, KeyboardInterrupt)
    assert seen(told) == []


def test_an_interrupt_while_the_database_is_reached_shows_nothing(
    seen: Seen, routes: Path, tmp_path: Path
) -> None:
    def use(host: str, port: int) -> None:
        url = DATABASE_URL.replace("127.0.0.1:9", f"{host}:{port}")
        values = EVERYTHING | {"ledger_url": url, "alert_urls": (), "routing_config": routes}
        router = BillingRouter(**values, ledger_dir=tmp_path / "finance_logs")
        router.freeze(BOT, reason="incident")

    told = interrupted_by(use)
    assert isinstance(told, KeyboardInterrupt)
    assert seen(told) == []


# --- alerts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["good", "fault", "none"])
def test_an_alert_address_is_in_no_log(seen: Seen, answer: str) -> None:
    """Apprise and urllib3 write addresses into their debug logs, paths with tokens included."""
    with loopback_server(lambda _request: Answer(500 if answer == "fault" else 200)) as server:
        port = server.url.rpartition(":")[2] if answer != "none" else "9"
        urls = [
            ALERT_URL.replace(":9/", f":{port}/"),
            f"form://127.0.0.1:{port}/hook/{ALL['alert token']}?+X-Token={ALL['alert password']}",
        ]
        alerts = Alerts([Secret(url) for url in urls])
        alerts("freeze", "critical", f"{SECRET_KEY} {CLIENT_SECRET}", {"it": WEBHOOK_SECRET})
        told = "".join(request.body for request in server.requests)
        assert ("freeze" in told) == (answer != "none")
        assert [name for name, part in ALL.items() if part in told] == []
        assert seen(alerts, vars(alerts)) == []


@pytest.mark.parametrize("scheme", ["nonsense", "slack", "tgram", "mailto", "json"])
def test_an_alert_address_that_cannot_be_used_is_not_quoted(seen: Seen, scheme: str) -> None:
    url = Secret(f"{scheme}://{ALL['alert token']}:%zz@:port/{ALL['alert password']}")
    assert seen(failure(lambda: Alerts([url]))) == []


def test_what_is_planted_is_found(seen: Seen, tmp_path: Path) -> None:
    """The look itself: a secret in a frame below this one, in a suppressed cause, in a note."""
    file = holds_secrets(tmp_path / "leaking.py")
    file.write_text("def fail(key):\n    held = [key]\n    raise LookupError\n")
    leaking: dict[str, Any] = {}
    exec(compile(file.read_text(), "/elsewhere/leaking.py", "exec"), leaking)  # noqa: S102

    def fail() -> None:
        leaking["fail"](SECRET_KEY)

    with pytest.raises(LookupError) as caught:
        fail()
    assert seen(caught.value) == ["secret key"]
    noted = BillingError("x")
    noted.add_note(WEBHOOK_SECRET)
    assert seen(noted) == ["webhook secret"]
