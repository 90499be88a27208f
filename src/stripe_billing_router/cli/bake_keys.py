"""`bake-keys`: write the Stripe keys into a module that the router reads when nothing else is set.

No key is ever shown: at most its last four characters, to tell two keys apart.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..core.secret import Secret
from ..errors import ConfigurationError, InvalidKeyError, MissingKeyError
from .backend import load_settings
from .output import facts, heading, say

if TYPE_CHECKING:
    from ..settings import Settings

_OURS = b"bake-keys"


class Source(StrEnum):
    """Where the keys are taken from."""

    VAULT = "vault"
    ENVIRONMENT = "environment"
    PROMPT = "prompt"


@dataclass(frozen=True, slots=True)
class _Found:
    """What a source has, unchecked; None is what it lacks."""

    source: str
    secret: Secret | None
    public: Secret | None
    account: str | None


def bake_keys(
    source: Annotated[
        Source,
        typer.Option(
            "--from",
            help="Vault (VAULT_ADDR …), the environment (STRIPE_SECRET_KEY, STRIPE_PUBLIC_KEY), or "
            "a prompt that does not echo.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Where to write them. Default: in the installed package, where the router looks.",
        ),
    ] = None,
) -> None:
    """Bake the Stripe keys in, for hosts that have neither Vault nor an environment to hold them.

    The router asks Vault first, then the environment, then this file. It is readable by its owner
    only, and is refused where git would see it. The keys are checked for their form; Stripe is not
    asked.
    """
    from ..keys.baked import DEFAULT_FILE, write_baked_keys  # noqa: PLC0415 - For --help.
    from ..keys.formats import check_public_key, check_secret_key, hint  # noqa: PLC0415 - As above.

    path = (output or DEFAULT_FILE).absolute()
    _expect_replaceable(path)
    settings = load_settings()
    found = _READERS[source](settings)
    secret = check_secret_key(_present(found.secret, "secret key", found), found.source)
    public = check_public_key(_present(found.public, "public key", found), found.source)
    account = _master_account(found, settings)
    write_baked_keys(path, secret_key=secret, public_key=public, master_account_id=account)
    say(f"Wrote {path}, readable by its owner only.", style="bold")
    facts(
        (
            ("taken from", found.source),
            ("secret key", hint(secret)),
            ("public key", hint(public)),
            ("master account", account),
        )
    )
    heading("Next")
    for step in _next_steps(path, is_default=output is None):
        say(f"  - {step}")


def _next_steps(path: Path, *, is_default: bool) -> list[str]:
    steps = []
    if not is_default:
        steps.append(f"Have the bots call configure(baked_keys_file={str(path)!r}).")
    steps += [
        "Run the bots as this user: the router refuses another user's file.",
        "Vault and the environment come first: unset them where this file is to be used.",
        "After rolling a key at Stripe, run this again and restart the bots.",
        "Keep the file out of images, backups and version control.",
    ]
    return steps


def _expect_replaceable(path: Path) -> None:
    """Refuse to replace a file that this command has not written."""
    problem = ""
    try:
        with path.open("rb") as file:
            ours = _OURS in file.readline(200)
    except FileNotFoundError:
        return
    except OSError as error:
        problem = f"{path} cannot be replaced: {error.strerror}"
    else:
        problem = "" if ours else f"{path} is not a file of bake-keys, so nothing was written"
    if problem:
        raise ConfigurationError(problem, "Name another file, or remove this one.")


def _present(secret: Secret | None, name: str, found: _Found) -> Secret:
    if secret is None:
        raise MissingKeyError(
            f"There is no {name} in {found.source}, so nothing was written",
            "Put it there, or choose another source by --from.",
        )
    return secret


def _master_account(found: _Found, settings: Settings) -> str:
    """Return the one account that the source and STRIPE_MASTER_ACCOUNT_ID name."""
    from ..keys.formats import one_master_account  # noqa: PLC0415 - For --help.

    named = {"STRIPE_MASTER_ACCOUNT_ID": settings.master_account_id, found.source: found.account}
    return one_master_account(named)


def _from_vault(settings: Settings) -> _Found:
    if settings.vault_addr is None:
        raise MissingKeyError("Vault is not set up", "Set VAULT_ADDR and a login.")
    from ..keys.vault import Vault, VaultRefusedError, VaultUnreachableError  # noqa: PLC0415 - hvac is slow to import.

    vault = Vault(settings)
    fields: dict[str, Any] = {}
    problem = ""
    try:
        fields = dict(vault.read())
    except (VaultRefusedError, VaultUnreachableError) as error:
        problem = f"{vault.source} does not give the Stripe keys: {error}"
    if problem:
        raise ConfigurationError(problem, "Correct it, or choose another source by --from.")
    wanted = [fields.get(name) for name in ("secret_key", "public_key", "master_account_id")]
    if not all(isinstance(field, Secret | None) for field in wanted):
        raise InvalidKeyError(f"A field of {vault.source} is not a text", "Correct the secret.")
    secret, public, account = wanted
    return _Found(vault.source, secret, public, account.reveal() if account is not None else None)


def _from_environment(settings: Settings) -> _Found:
    return _Found("the environment", settings.secret_key, settings.public_key, None)


def _from_prompt(settings: Settings) -> _Found:
    if not sys.stdin.isatty():
        raise MissingKeyError(
            "There is no terminal for the prompt, and keys that are piped in may be stored on the "
            "way",
            "Use --from environment or --from vault.",
        )
    secret = _ask("Secret key (sk_live_… or rk_live_…, not shown)")
    public = _ask("Public key (pk_live_…, not shown)")
    account = None
    if settings.master_account_id is None:
        account = _ask("Master account (acct_…, not shown)").reveal()
    return _Found("the prompt", secret, public, account)


def _ask(question: str) -> Secret:
    try:
        return Secret(getpass.getpass(f"{question}: "))
    except (EOFError, KeyboardInterrupt):
        raise typer.Abort from None


_READERS: dict[Source, Callable[[Any], _Found]] = {
    Source.VAULT: _from_vault,
    Source.ENVIRONMENT: _from_environment,
    Source.PROMPT: _from_prompt,
}
