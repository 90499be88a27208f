"""Keys baked in at deployment: a generated module that is read, never executed."""

from __future__ import annotations

import ast
import contextlib
import os
import secrets
import shutil
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..core.secret import Secret
from ..errors import ConfigurationError, InvalidKeyError

DEFAULT_FILE: Final = Path(__file__).resolve().parent.parent / "_baked_keys.py"

# Name in the module -> name of the field, as the Vault secret calls it.
_NAMES: Final = {
    "SECRET_KEY": "secret_key",
    "PUBLIC_KEY": "public_key",
    "MASTER_ACCOUNT_ID": "master_account_id",
}

_HEADER: Final = (
    '"""Stripe keys, written by `stripe-billing-router bake-keys`. Never commit."""\n\n'
)

_LARGEST: Final = 64 * 1024


def read_baked_keys(path: Path) -> Mapping[str, Secret] | None:
    """Return the values in `path` by field name, or None if there is no such file.

    Raises:
        InvalidKeyError: others could read or change the file, or it is not what
            `write_baked_keys` writes. The message never quotes it.
    """
    try:
        # Not blocking: the path may be a named pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidKeyError(
            f"The baked-in keys in {path} cannot be read ({os.strerror(error.errno or 0)})",
            "Let the user that runs the bots read the file, or remove it.",
        ) from None
    try:
        # Checked on the open file, so that it cannot be replaced between the check and the read.
        _check_private(os.fstat(descriptor), path)
        # Parsed where it is read: this frame, which raises below, never holds the text.
        values = _parse(os.read(descriptor, _LARGEST + 1))
    finally:
        os.close(descriptor)
    if values is None:
        raise InvalidKeyError(
            f"{path} is not a module that `stripe-billing-router bake-keys` wrote",
            "Write it again with that command, or remove it.",
        )
    return values


def _check_private(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise InvalidKeyError(
            f"The baked-in keys in {path} are not in a regular file",
            "Write it again with `stripe-billing-router bake-keys`, or remove it.",
        )
    if status.st_uid != os.geteuid():
        raise InvalidKeyError(
            f"{path} belongs to another user, who could exchange the keys in it",
            "Write it again as the user that runs the bots.",
        )
    if status.st_mode & 0o077:
        raise InvalidKeyError(
            f"Others may read or write {path}: its mode is {stat.S_IMODE(status.st_mode):04o}",
            "Roll the keys in it, and write it again with `stripe-billing-router bake-keys`, which "
            "makes it readable by its owner only (0600).",
        )


def _parse(text: bytes) -> dict[str, Secret] | None:
    """Return the values of a module of plain assignments, or None if it is anything else."""
    if len(text) > _LARGEST:
        return None
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    values: dict[str, Secret] = {}
    for statement in body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(value))) if (
                name in _NAMES and _NAMES[name] not in values
            ):
                values[_NAMES[name]] = Secret(value)
            case _:
                return None
    return values


def write_baked_keys(
    path: Path, *, secret_key: Secret, public_key: Secret, master_account_id: str
) -> None:
    """Write the module: readable by its owner only, whole or not at all, never where git sees it.

    Raises:
        ConfigurationError: git tracks `path` or would add it, or it cannot be written.
    """
    path = path.absolute()
    _refuse_version_control(path)
    content = _content(secret_key, public_key, master_account_id)
    # In the same folder, so that the rename is atomic, and under a name that git ignores
    # wherever it ignores the real one, should the process be killed in between.
    temporary = path.with_name(f".{secrets.token_hex(8)}{path.name}")
    problem = ""
    try:
        _write_private(temporary, content)
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        problem = os.strerror(error.errno or 0)
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    if problem:
        raise ConfigurationError(
            f"The keys cannot be written to {path} ({problem})",
            "Make the folder writable, or name another file.",
        )


def _content(secret_key: Secret, public_key: Secret, master_account_id: str) -> Secret:
    return Secret(
        f"{_HEADER}SECRET_KEY = {secret_key.reveal()!r}\n"
        f"PUBLIC_KEY = {public_key.reveal()!r}\nMASTER_ACCOUNT_ID = {master_account_id!r}\n"
    )


def _write_private(path: Path, content: Secret) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        # Whatever the umask is.
        os.fchmod(file.fileno(), 0o600)
        file.write(content.reveal().encode())
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refuse_version_control(path: Path) -> None:
    if not any((folder / ".git").exists() for folder in path.parents):
        return
    if _git(path, "ls-files", "--error-unmatch", "--", path.name) == 0:
        raise ConfigurationError(
            f"Git tracks {path}",
            "Remove it from version control, roll any key that it held, and name another file.",
        )
    if _git(path, "check-ignore", "--quiet", "--", path.name) != 0:
        raise ConfigurationError(
            f"{path} is in a git repository that does not ignore it, so the keys could be "
            "committed",
            f"Add {path.name} to .gitignore, or name a file outside of the repository.",
        )


def _git(path: Path, *arguments: str) -> int:
    git = shutil.which("git")
    if git is None:
        # Not known then: neither of the two expected answers is given, and the path is refused.
        return 127
    try:
        return subprocess.run(  # noqa: S603 - Fixed words, and a file name after `--`.
            [git, "-C", str(path.parent), *arguments],
            # Git's own variables could point it at another repository than the file is in.
            env={},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=30,
            check=False,
        ).returncode
    except (OSError, subprocess.TimeoutExpired):
        return 127
