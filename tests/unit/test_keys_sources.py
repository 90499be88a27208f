"""Where keys come from, in their order; Vault's part of it has its own file."""

import os
from pathlib import Path
from typing import Any

import pytest

from stripe_billing_router.core.secret import Secret
from stripe_billing_router.errors import (
    BillingError,
    InvalidKeyError,
    MasterAccountError,
    MissingKeyError,
)
from stripe_billing_router.keys.baked import write_baked_keys
from stripe_billing_router.keys.sources import Keys, KeySources, check
from stripe_billing_router.settings import VARIABLES, Settings

ENVIRONMENT: dict[str, Any] = {
    "secret_key": "sk_live_fakeEnvSecret",
    "public_key": "pk_live_fakeEnvPublic",
    "master_account_id": "acct_master",
}


def resolve(tmp_path: Path, **values: Any) -> Keys:
    # Never the generated module that a developer may have in the package's folder.
    values.setdefault("baked_keys_file", tmp_path / "_baked_keys.py")
    keys = KeySources(Settings(**values)).read()
    assert not keys.passed_over
    return keys


def bake(tmp_path: Path, account: str = "acct_baked") -> Path:
    path = tmp_path / "_baked_keys.py"
    write_baked_keys(
        path,
        secret_key=Secret("sk_live_fakeBakedSecret"),
        public_key=Secret("pk_live_fakeBakedPublic"),
        master_account_id=account,
    )
    return path


def test_the_environment_comes_before_the_baked_in_keys(tmp_path: Path) -> None:
    bake(tmp_path)
    keys = resolve(tmp_path, **ENVIRONMENT)
    assert keys.secret.reveal() == "sk_live_fakeEnvSecret"
    assert keys.public.reveal() == "pk_live_fakeEnvPublic"
    assert (keys.master_account_id, keys.source) == ("acct_master", "the environment")


def test_the_baked_in_keys_come_last(tmp_path: Path) -> None:
    path = bake(tmp_path)
    keys = resolve(tmp_path)
    assert keys.secret.reveal() == "sk_live_fakeBakedSecret"
    assert keys.master_account_id == "acct_baked"
    assert str(path) in keys.source


def test_keys_show_nothing(tmp_path: Path) -> None:
    assert "fake" not in repr(resolve(tmp_path, **ENVIRONMENT))


def test_configure_wins_over_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for field, text in ENVIRONMENT.items():
        monkeypatch.setenv(VARIABLES[field], text)
    for variable in set(os.environ) & {"VAULT_ADDR", "VAULT_TOKEN"}:
        monkeypatch.delenv(variable)
    settings = Settings.load(
        secret_key="rk_live_fakeConfigured", baked_keys_file=tmp_path / "none.py"
    )
    assert KeySources(settings).read().secret.reveal() == "rk_live_fakeConfigured"


def test_without_any_source_the_error_names_all_of_them(tmp_path: Path) -> None:
    with pytest.raises(MissingKeyError) as caught:
        resolve(tmp_path)
    for word in ("VAULT_ADDR", "STRIPE_SECRET_KEY", "STRIPE_PUBLIC_KEY", "_baked_keys.py"):
        assert word in str(caught.value)
    assert isinstance(caught.value, RuntimeError)


@pytest.mark.parametrize("missing", ["secret_key", "public_key"])
def test_half_of_the_keys_is_an_error_and_not_a_reason_to_go_on(
    tmp_path: Path, missing: str
) -> None:
    bake(tmp_path)
    with pytest.raises(MissingKeyError, match=VARIABLES[missing]):
        resolve(tmp_path, **{**ENVIRONMENT, missing: None})


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("secret_key", ""),
        ("public_key", ""),
        ("secret_key", "sk_test_fake123"),
        ("public_key", "pk_test_fake123"),
        ("secret_key", "pk_live_fake123"),
        ("public_key", "sk_live_fake123"),
        ("secret_key", "nonsense"),
    ],
)
def test_a_bad_key_is_an_error_and_not_a_reason_to_go_on(
    tmp_path: Path, field: str, text: str
) -> None:
    bake(tmp_path)
    with pytest.raises(InvalidKeyError):
        resolve(tmp_path, **{**ENVIRONMENT, field: text})


def test_without_a_master_account_no_key_is_used(tmp_path: Path) -> None:
    with pytest.raises(MasterAccountError, match="STRIPE_MASTER_ACCOUNT_ID"):
        resolve(tmp_path, **{**ENVIRONMENT, "master_account_id": None})


@pytest.mark.parametrize("text", ["", "master", "sk_live_fakeMixedUp"])
def test_a_malformed_master_account_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(MasterAccountError) as caught:
        resolve(tmp_path, **{**ENVIRONMENT, "master_account_id": text})
    assert "fakeMixedUp" not in str(caught.value)


def test_two_different_master_accounts_are_an_error(tmp_path: Path) -> None:
    bake(tmp_path, account="acct_other")
    with pytest.raises(MasterAccountError) as caught:
        resolve(tmp_path, master_account_id="acct_master")
    assert "acct_master" in str(caught.value)
    assert "acct_other" in str(caught.value)


def test_the_same_master_account_twice_is_none(tmp_path: Path) -> None:
    bake(tmp_path, account="acct_master")
    assert resolve(tmp_path, master_account_id="acct_master").master_account_id == "acct_master"


def test_a_baked_in_module_that_others_can_read_is_an_error(tmp_path: Path) -> None:
    bake(tmp_path).chmod(0o644)
    with pytest.raises(InvalidKeyError, match="0644"):
        resolve(tmp_path)


def test_the_environment_is_not_held_up_by_a_bad_module_after_it(tmp_path: Path) -> None:
    bake(tmp_path).chmod(0o644)
    assert resolve(tmp_path, **ENVIRONMENT).source == "the environment"


def test_every_error_says_that_no_money_moved(tmp_path: Path) -> None:
    for values in ({}, {"secret_key": ""}, {**ENVIRONMENT, "master_account_id": ""}):
        with pytest.raises(BillingError) as caught:
            resolve(tmp_path, **values)
        assert caught.value.money_moved == "no"


def test_each_source_says_what_it_has_whatever_the_others_have(tmp_path: Path) -> None:
    bake(tmp_path).chmod(0o644)
    settings = Settings(baked_keys_file=tmp_path / "_baked_keys.py", **ENVIRONMENT)
    vault, environment, baked = KeySources(settings).answers()
    assert not vault.decides
    assert environment.found is not None
    assert check(environment.found, settings).errors == {}
    assert isinstance(baked.error, InvalidKeyError)
    assert [each.name for each in (vault, environment, baked)] == [
        "Vault", "environment", "baked-in keys",
    ]  # fmt: skip


def test_each_part_of_a_source_is_checked_on_its_own() -> None:
    settings = Settings(
        secret_key="sk_test_fake123",
        public_key=None,
        master_account_id="nonsense",
        baked_keys_file=Path("/nonexistent"),
    )
    _, environment, _ = KeySources(settings).answers()
    assert environment.found is not None
    errors = check(environment.found, settings).errors
    assert {name: type(error) for name, error in errors.items()} == {
        "secret key": InvalidKeyError,
        "public key": MissingKeyError,
        "master account": MasterAccountError,
    }
    assert all(error.remedy for error in errors.values())


def test_a_vault_that_is_away_makes_what_is_wrong_after_it_worth_another_try(
    tmp_path: Path,
) -> None:
    bake(tmp_path).chmod(0o644)
    away = {"vault_addr": "http://127.0.0.1:1", "vault_token": "t"}
    with pytest.raises(InvalidKeyError) as caught:
        resolve(tmp_path, **away)
    assert caught.value.retryable
    assert "0644" in caught.value.problem
    assert "Vault" in caught.value.problem
