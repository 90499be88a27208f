"""Settings: from arguments, from the environment, or refused without showing a value."""

import copy
import ipaddress
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_billing_router.core.secret import Secret
from stripe_billing_router.errors import ConfigurationError
from stripe_billing_router.settings import STRIPE_API, VARIABLES, Settings, is_loopback

KEY = "sk_live_fakeSettingsKey123"

# The names of the contract, written out once more: a renamed one must fail here.
CONTRACT = {
    "STRIPE_ROUTING_CONFIG", "STRIPE_LIMITS_CONFIG", "STRIPE_MASTER_ACCOUNT_ID",
    "STRIPE_SECRET_KEY", "STRIPE_PUBLIC_KEY", "STRIPE_LEDGER_URL", "STRIPE_LEDGER_DIR",
    "STRIPE_API_BASE", "STRIPE_ALERT_URLS", "STRIPE_VAULT_MOUNT", "STRIPE_VAULT_PATH",
    "VAULT_ADDR", "VAULT_TOKEN", "VAULT_TOKEN_FILE", "VAULT_ROLE_ID", "VAULT_SECRET_ID",
    "VAULT_KUBERNETES_ROLE", "VAULT_KUBERNETES_TOKEN_FILE", "VAULT_NAMESPACE", "VAULT_CACERT",
}  # fmt: skip

SECRET_FIELDS = [
    "secret_key", "public_key", "ledger_url", "vault_token", "vault_role_id", "vault_secret_id",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)


def refused(**values: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        Settings(**values)
    # pydantic's own error holds the values.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return str(caught.value)


def test_the_variables_are_those_of_the_contract() -> None:
    assert set(VARIABLES.values()) == CONTRACT
    assert set(VARIABLES) <= set(Settings.model_fields)


def test_without_anything_set_the_defaults_hold() -> None:
    settings = Settings.load()
    assert settings.routing_config == Path("config/stripe_billing_router.yaml")
    assert settings.ledger_dir == Path("finance_logs")
    assert settings.api_base == STRIPE_API == "https://api.stripe.com"
    assert settings.database_away == "spill"
    assert (settings.lease_s, settings.resume_within_s) == (30, 3600)
    assert (settings.vault_mount, settings.vault_path) == ("secret", "stripe")
    assert settings.secret_key is None
    assert settings.ledger_url is None


@pytest.mark.parametrize("field", sorted(VARIABLES))
def test_each_variable_sets_its_field_and_an_argument_wins(
    field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = {"api_base": "http://127.0.0.1:{}", "vault_addr": "https://vault-{}:8200"}
    form = addresses.get(field, "value-{}")
    monkeypatch.setenv(VARIABLES[field], form.format(1))
    assert plain(getattr(Settings.load(), field)) == form.format(1)
    given: dict[str, Any] = {field: form.format(2)}
    assert plain(getattr(Settings.load(**given), field)) == form.format(2)
    assert getattr(Settings(), field) == Settings.model_fields[field].default


def plain(value: Any) -> str:
    if isinstance(value, tuple):
        (value,) = value
    return value.reveal() if isinstance(value, Secret) else str(value)


@pytest.mark.parametrize("variable", ["SECRET_KEY", "secret_key", "stripe_secret_key", "LEASE_S"])
def test_no_other_variable_has_an_effect(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "12")
    assert Settings.load() == Settings()


def test_no_env_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text(f"STRIPE_SECRET_KEY={KEY}\n")
    monkeypatch.chdir(tmp_path)
    assert Settings.load().secret_key is None


def test_an_empty_key_is_not_the_same_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in ("secret_key", "public_key", "master_account_id"):
        monkeypatch.setenv(VARIABLES[field], "")
    settings = Settings.load()
    assert settings.secret_key == settings.public_key == Secret("")
    assert settings.master_account_id == ""


def test_any_other_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in VARIABLES.keys() - {"secret_key", "public_key", "master_account_id"}:
        monkeypatch.setenv(VARIABLES[field], "")
    assert Settings.load() == Settings()


def test_alert_addresses_are_split_at_blanks_and_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_ALERT_URLS", " json://a/x, json://b \n json://c,")
    addresses = [url.reveal() for url in Settings.load().alert_urls]
    assert addresses == ["json://a/x", "json://b", "json://c"]
    assert len(Settings(alert_urls=["json://a", "json://b"]).alert_urls) == 2


def test_an_unknown_setting_is_refused() -> None:
    assert "secret_kye" in refused(secret_kye=KEY)


def test_settings_cannot_be_changed() -> None:
    settings = Settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.api_base = "http://127.0.0.1"  # type: ignore[misc]


@pytest.mark.parametrize(
    "address",
    [
        "https://api.stripe.com",
        "https://api.stripe.com/",
        "HTTPS://API.STRIPE.COM",
        "http://127.0.0.1:12111",
        "http://127.8.9.10:1/",
        "https://localhost:8443",
        "http://[::1]:12111",
    ],
)
def test_stripe_itself_and_loopback_addresses_may_be_asked(address: str) -> None:
    assert Settings(api_base=address).api_base == address.rstrip("/").lower()


@pytest.mark.parametrize(
    "address",
    [
        "", "api.stripe.com", "http://api.stripe.com", "https://api.stripe.com:8443",
        "https://api.stripe.com.example.com", "https://example.com", "https://example.com#127.0.0.1",
        "https://api.stripe.com@example.com", "https://u:p@127.0.0.1", "http://127.0.0.1@example.com",
        "http://127.0.0.1/v1", "http://127.0.0.1?x", "http://127.0.0.1#", "http://127.0.0.1?",
        "ftp://127.0.0.1", "file:///etc/passwd", "http://", "http://127.0.0.1:0",
        "http://127.0.0.1:99999", "http://127.0.0.1:x", "http://127.1", "http://0x7f.0.0.1",
        "http://2130706433", "http://0.0.0.0", "http://[::ffff:127.0.0.1]", "http://[::1",
        "http://127.0.0.1\\@example.com", "http://127.0.0.1\t.example.com", "http://127.0.0.1 ",
        "http://localhost.example.com", "http://ⓛocalhost", "http://127.0.0.\uff11",
    ],
)  # fmt: skip
def test_no_other_address_may_be_asked(address: str) -> None:
    assert "api_base (STRIPE_API_BASE): " in refused(api_base=address)


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://vault.example.com:8200/", "https://vault.example.com:8200"),
        ("http://127.0.0.1:8200", "http://127.0.0.1:8200"),
        (None, None),
    ],
)
def test_vault_is_asked_over_tls_or_on_loopback(address: str | None, kept: str | None) -> None:
    assert Settings(vault_addr=address).vault_addr == kept


@pytest.mark.parametrize(
    "address",
    ["http://vault.example.com:8200", "https://u:hunter2@vault:8200", "unix:///run/vault.sock",
     "vault:8200", "https://vault/v1?token=hunter2"],
)  # fmt: skip
def test_other_vault_addresses_are_refused_and_not_repeated(address: str) -> None:
    assert "hunter2" not in refused(vault_addr=address)


@pytest.mark.parametrize("path", ["", "/", "..", "a/../b", "a//b", "./a", "a?b", "a#b", "a%2fb",
                                  "a b", "a\n", "é"])  # fmt: skip
def test_a_vault_path_stays_below_its_mount(path: str) -> None:
    refused(vault_path=path)
    refused(vault_mount=path)


def test_a_vault_path_may_have_several_parts() -> None:
    assert Settings(vault_path="/team/stripe-live_1.0/").vault_path == "team/stripe-live_1.0"


@pytest.mark.parametrize(
    "values",
    [
        {"lease_s": 0}, {"lease_s": -1}, {"lease_s": float("nan")}, {"lease_s": float("inf")},
        {"give_up_after_s": "soon"}, {"customer_cache_s": -1}, {"database_away": "ignore"},
        {"connect_timeout_s": 0}, {"read_timeout_s": 10, "call_timeout_s": 5},
    ],
)  # fmt: skip
def test_times_and_choices_are_checked(values: dict[str, Any]) -> None:
    assert refused(**values)


@pytest.mark.parametrize("field", SECRET_FIELDS)
def test_a_secret_is_shown_by_nothing(field: str) -> None:
    given: dict[str, Any] = {field: KEY}
    settings = Settings(**given, alert_urls=f"slack://{KEY}")
    shown = [
        repr(settings), str(settings), f"{settings}", repr(settings.model_dump()),
        settings.model_dump_json(), repr(vars(settings)), repr(copy.deepcopy(settings)),
        repr(dict(settings)), repr(settings.model_copy()),
    ]  # fmt: skip
    assert [text for text in shown if "fakeSettings" in text] == []
    assert getattr(copy.deepcopy(settings), field).reveal() == KEY
    with pytest.raises(TypeError):
        pickle.dumps(settings)


@pytest.mark.parametrize("field", SECRET_FIELDS)
def test_a_secret_of_the_wrong_type_is_not_repeated(field: str) -> None:
    assert "fakeSettings" not in refused(**{field: [KEY]})
    assert "fakeSettings" not in refused(**{field: KEY.encode()})


def test_an_http_client_is_kept_but_not_shown() -> None:
    client = object()
    settings = Settings(http_client=client)
    assert settings.http_client is client
    assert "http_client" not in repr(settings) + str(settings.model_dump())


def test_the_environment_is_not_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", KEY)
    before = dict(os.environ)
    Settings.load()
    assert dict(os.environ) == before


@given(st.ip_addresses())
def test_only_this_machine_is_loopback(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    assert is_loopback(str(address)) == (str(address).startswith("127.") or str(address) == "::1")
