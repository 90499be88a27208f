"""Baked-in keys: written for their owner alone, never where git sees them, read and not run."""

import os
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stripe_billing_router.core.secret import Secret
from stripe_billing_router.errors import ConfigurationError, InvalidKeyError
from stripe_billing_router.keys import baked as baked_keys
from stripe_billing_router.keys.baked import read_baked_keys, write_baked_keys

SECRET = "sk_live_fakeBakedSecret"
PUBLIC = "pk_live_fakeBakedPublic"


def write(path: Path) -> None:
    write_baked_keys(
        path, secret_key=Secret(SECRET), public_key=Secret(PUBLIC), master_account_id="acct_baked"
    )


def refused(path: Path) -> str:
    with pytest.raises(InvalidKeyError) as caught:
        read_baked_keys(path)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "_baked_keys.py"


def test_what_was_written_is_read(path: Path) -> None:
    write(path)
    assert read_baked_keys(path) == {
        "secret_key": Secret(SECRET),
        "public_key": Secret(PUBLIC),
        "master_account_id": Secret("acct_baked"),
    }


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_only_its_owner_may_read_it_whatever_the_umask(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_others_could_read_before_is_replaced(path: Path) -> None:
    path.write_text("")
    path.chmod(0o644)
    # Somebody who has it open keeps the old, empty file.
    with path.open() as opened:
        write(path)
        assert opened.read() == ""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(path)
    before = path.read_text()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigurationError, match="No space left"):
        write(path)
    assert path.read_text() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_missing_folder_is_an_error(path: Path) -> None:
    with pytest.raises(ConfigurationError):
        write(path.parent / "missing" / path.name)


def test_no_file_is_no_answer(path: Path) -> None:
    assert read_baked_keys(path) is None


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o620, 0o602, 0o601, 0o666])
def test_a_file_that_others_may_use_is_refused(path: Path, mode: int) -> None:
    write(path)
    path.chmod(mode)
    assert f"{mode:04o}" in refused(path)


def test_somebody_elses_file_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert "another user" in refused(path)


def test_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    assert "regular file" in refused(tmp_path)
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "regular file" in refused(tmp_path / "pipe")


@pytest.mark.parametrize(
    "text",
    [
        "import os\n",
        "SECRET_KEY = open('/etc/passwd').read()",
        "SECRET_KEY = 'a' + 'b'",
        "SECRET_KEY = f'a'",
        "SECRET_KEY = b'a'",
        "SECRET_KEY = 1",
        "SECRET_KEY: str = 'a'",
        "SECRET_KEY = OTHER = 'a'",
        "SECRET_KEY = 'a'\nSECRET_KEY = 'b'",
        "SECRET_KEYS = 'a'",
        "if True:\n    SECRET_KEY = 'a'",
        "print('x')",
        "SECRET_KEY = '",
        "\x00",
        "(" * 5000,
        "# " + "x" * 70_000,
    ],
)
def test_anything_but_plain_assignments_is_refused_and_not_run(
    path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path.write_text(text)
    path.chmod(0o600)
    assert "bake-keys" in refused(path)
    assert capsys.readouterr().out == ""


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(st.text())
def test_any_value_survives_being_written(path: Path, value: str) -> None:
    write_baked_keys(
        path, secret_key=Secret(value), public_key=Secret(PUBLIC), master_account_id="acct_1"
    )
    assert (read_baked_keys(path) or {})["secret_key"] == Secret(value)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)  # noqa: S607
    return tmp_path


def test_a_path_that_git_would_add_is_refused(repository: Path) -> None:
    folder = repository / "below"
    folder.mkdir()
    with pytest.raises(ConfigurationError, match=r"\.gitignore"):
        write(folder / "_baked_keys.py")
    assert list(folder.iterdir()) == []


def test_a_path_that_git_tracks_is_refused_even_if_it_is_ignored(repository: Path) -> None:
    path = repository / "_baked_keys.py"
    path.write_text("")
    subprocess.run(["git", "-C", repository, "add", path], check=True)  # noqa: S607
    (repository / ".gitignore").write_text("_baked_keys.py\n")
    with pytest.raises(ConfigurationError, match="tracks"):
        write(path)
    assert path.read_text() == ""


def test_a_path_that_git_ignores_is_written(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / ".gitignore").write_text("_baked_keys.py\n")
    # Somebody's variables must not make it look into another repository.
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    write(repository / "_baked_keys.py")
    assert read_baked_keys(repository / "_baked_keys.py")


def test_without_git_a_path_in_a_repository_is_refused(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / ".gitignore").write_text("_baked_keys.py\n")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ConfigurationError):
        write(repository / "_baked_keys.py")


def test_the_default_place_is_one_that_this_project_ignores() -> None:
    assert baked_keys.DEFAULT_FILE.name == "_baked_keys.py"
    assert baked_keys.DEFAULT_FILE.parent.name == "stripe_billing_router"
