"""`bake-keys`: from Vault, the environment or a prompt, and never on the screen."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from stripe_billing_router.keys.baked import read_baked_keys
from support.loopback import loopback_server
from support.terminal import in_terminal
from support.vault import FIELDS, TOKEN, VaultStub

Run = Callable[..., Result]

SECRET = "sk_live_51PlantedSecretKeyThatNobodyMaySeeWXYZ"
PUBLIC = "pk_live_51PlantedPublicKeyThatNobodyMaySeeQRST"
ACCOUNT = "acct_master"


@pytest.fixture
def set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", SECRET)
    monkeypatch.setenv("STRIPE_PUBLIC_KEY", PUBLIC)
    monkeypatch.setenv("STRIPE_MASTER_ACCOUNT_ID", ACCOUNT)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.py"


def baked(file: Path) -> dict[str, str]:
    fields = read_baked_keys(file)
    assert fields is not None
    return {name: value.reveal() for name, value in fields.items()}


def nothing_shown(text: str) -> bool:
    return "Planted" not in text


@pytest.mark.usefixtures("set_up")
def test_keys_of_the_environment_are_baked_and_not_shown(run: Run, file: Path) -> None:
    result = run("bake-keys", "--from", "environment", "--output", str(file))
    assert baked(file) == {
        "secret_key": SECRET,
        "public_key": PUBLIC,
        "master_account_id": ACCOUNT,
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert nothing_shown(result.output)
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["secret", "key", "sk_live_…WXYZ"] in lines
    assert ["public", "key", "pk_live_…QRST"] in lines
    assert ["master", "account", ACCOUNT] in lines
    assert f"configure(baked_keys_file='{file}')" in result.stdout


@pytest.mark.usefixtures("set_up")
def test_the_default_place_is_where_the_router_looks(
    run: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stripe_billing_router.keys.baked.DEFAULT_FILE", file)
    result = run("bake-keys", "--from", "environment")
    assert f"Wrote {file}" in result.stdout
    assert "configure(" not in result.stdout


@pytest.mark.usefixtures("set_up")
def test_rolled_keys_replace_baked_ones(
    run: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("bake-keys", "--from", "environment", "--output", str(file))
    file.chmod(0o644)
    monkeypatch.setenv("STRIPE_SECRET_KEY", f"{SECRET}2")
    run("bake-keys", "--from", "environment", "--output", str(file))
    assert baked(file)["secret_key"] == f"{SECRET}2"


@pytest.mark.usefixtures("set_up")
@pytest.mark.parametrize("content", ["", "PRECIOUS = 1\n"])
def test_a_file_of_somebody_else_is_never_replaced(run: Run, file: Path, content: str) -> None:
    file.write_text(content, encoding="utf-8")
    result = run("bake-keys", "--from", "environment", "--output", str(file), status=1)
    assert str(file) in result.stderr
    assert file.read_text(encoding="utf-8") == content
    run("bake-keys", "--from", "environment", "--output", str(file.parent), status=1)


@pytest.mark.usefixtures("set_up")
def test_keys_are_not_written_where_git_sees_them(run: Run, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)  # noqa: S607
    file = tmp_path / "keys.py"
    result = run("bake-keys", "--from", "environment", "--output", str(file), status=1)
    assert str(file) in result.stderr
    assert not file.exists()


@pytest.mark.usefixtures("set_up")
@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        ("STRIPE_SECRET_KEY", None, "missing_key"),
        ("STRIPE_PUBLIC_KEY", None, "missing_key"),
        ("STRIPE_SECRET_KEY", "", "invalid_key"),
        ("STRIPE_SECRET_KEY", "sk_test_51PlantedTestKey", "invalid_key"),
        ("STRIPE_SECRET_KEY", PUBLIC, "invalid_key"),
        ("STRIPE_PUBLIC_KEY", SECRET, "invalid_key"),
        ("STRIPE_MASTER_ACCOUNT_ID", None, "master_account"),
        ("STRIPE_MASTER_ACCOUNT_ID", SECRET, "master_account"),
    ],
)
def test_keys_that_would_not_do_are_refused_and_not_shown(
    run: Run,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str | None,
    code: str,
) -> None:
    if value is None:
        monkeypatch.delenv(variable)
    else:
        monkeypatch.setenv(variable, value)
    result = run("bake-keys", "--from", "environment", "--output", str(file), status=1)
    assert result.stderr.startswith(f"Error: {code}: ")
    assert nothing_shown(result.output)
    assert not file.exists()


def test_keys_are_asked_for_without_an_echo(file: Path, environment: dict[str, str]) -> None:
    screen = in_terminal(
        ["bake-keys", "--from", "prompt", "--output", str(file)],
        environment,
        columns=200,
        answers=[("Secret key", SECRET), ("Public key", PUBLIC), ("Master account", ACCOUNT)],
    )
    assert screen.status == 0, screen.text
    assert nothing_shown(screen.raw)
    assert "sk_live_…WXYZ" in screen.text
    assert baked(file) == {
        "secret_key": SECRET,
        "public_key": PUBLIC,
        "master_account_id": ACCOUNT,
    }


def test_a_wrong_answer_is_refused_without_an_echo(file: Path, environment: dict[str, str]) -> None:
    screen = in_terminal(
        ["bake-keys", "--from", "prompt", "--output", str(file)],
        {**environment, "STRIPE_MASTER_ACCOUNT_ID": ACCOUNT},
        answers=[("Secret key", PUBLIC), ("Public key", SECRET)],
    )
    assert screen.status == 1
    assert "publishable" in screen.text
    assert nothing_shown(screen.raw)
    assert not file.exists()


def test_who_ends_the_input_at_the_prompt_writes_nothing(
    file: Path, environment: dict[str, str]
) -> None:
    screen = in_terminal(
        ["bake-keys", "--from", "prompt", "--output", str(file)],
        environment,
        answers=[("Secret key", "\x04")],
    )
    assert screen.status == 1
    assert "Aborted" in screen.text
    assert not file.exists()


def test_without_a_terminal_nothing_is_asked(file: Path, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "stripe_billing_router", "bake-keys", "--from", "prompt"]
    done = subprocess.run(
        [*command, "--output", str(file)],
        env=environment,
        input=f"{SECRET}\n{PUBLIC}\n{ACCOUNT}\n".encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: missing_key: ")
    assert not file.exists()


def test_vault_must_be_set_up_and_answer(
    run: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = ("bake-keys", "--from", "vault", "--output", str(file))
    assert "VAULT_ADDR" in run(*call, status=1).stderr
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:1")
    monkeypatch.setenv("VAULT_TOKEN", "hvs.plantedToken")
    # What the environment holds is not taken instead.
    monkeypatch.setenv("STRIPE_SECRET_KEY", SECRET)
    monkeypatch.setenv("STRIPE_PUBLIC_KEY", PUBLIC)
    result = run(*call, status=1)
    assert "Vault (secret/stripe)" in result.stderr
    assert "planted" not in result.output.lower()
    assert not file.exists()


def test_keys_of_vault_are_baked_and_not_shown(
    run: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with loopback_server(VaultStub()) as vault:
        monkeypatch.setenv("VAULT_ADDR", vault.url)
        monkeypatch.setenv("VAULT_TOKEN", TOKEN)
        result = run("bake-keys", "--from", "vault", "--output", str(file))
        assert baked(file) == FIELDS
        assert not [value for value in FIELDS.values() if value.startswith(("sk", "pk"))
                    and value in result.output]  # fmt: skip
        assert "Vault (secret/stripe)" in result.stdout
        monkeypatch.setenv("STRIPE_MASTER_ACCOUNT_ID", "acct_other")
        result = run("bake-keys", "--from", "vault", "--output", str(file), status=1)
        assert result.stderr.startswith("Error: master_account: ")
        assert "acct_other" in result.stderr


def test_a_secret_of_vault_that_is_no_text_is_refused(
    run: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with loopback_server(VaultStub(fields={**FIELDS, "public_key": 7})) as vault:
        monkeypatch.setenv("VAULT_ADDR", vault.url)
        monkeypatch.setenv("VAULT_TOKEN", TOKEN)
        result = run("bake-keys", "--from", "vault", "--output", str(file), status=1)
    assert result.stderr.startswith("Error: invalid_key: ")
    assert not file.exists()


def test_where_keys_come_from_must_be_said(run: Run) -> None:
    run("bake-keys", status=2)
    run("bake-keys", "--from", "memory", status=2)
