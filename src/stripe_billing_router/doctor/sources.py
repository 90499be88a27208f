"""What each source of keys has, one after the other: none hides another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..core.secret import Secret
from ..errors import BillingError, ConfigurationError, MasterAccountError
from ..keys.baked import DEFAULT_FILE, read_baked_keys
from ..keys.formats import check_public_key, check_secret_key, hint, one_master_account
from ..settings import Settings
from .words import span

VARIABLE: Final = "STRIPE_MASTER_ACCOUNT_ID"


@dataclass(frozen=True, slots=True)
class Usable:
    """Keys that may be used as far as their form goes; None is what may not, or is not there."""

    secret: Secret | None
    public: Secret | None
    account: str | None
    # What is wrong with each of the three, by its name.
    problems: dict[str, str]

    @property
    def shown(self) -> str:
        """What a person may see of the keys."""
        return " and ".join(hint(key) for key in (self.secret, self.public) if key is not None)


@dataclass(frozen=True, slots=True)
class Source:
    """One source: it has something (`usable`), or says why not.

    `name` is the check's, `told` how messages call it. `away` is an outage, `refused` an answer
    that ends the search for keys; with neither and nothing usable it is not set up.
    """

    name: str
    told: str
    finding: str
    usable: Usable | None = None
    away: str = ""
    refused: str = ""
    # When a login ends that nothing renews or replaces.
    login_ends_s: float = math.inf

    @property
    def decides(self) -> bool:
        """Whether the router looks no further than here."""
        return self.usable is not None or bool(self.refused)


def sources(settings: Settings) -> tuple[Source, ...]:
    """Return what the sources have, in the order in which the router asks them."""
    return _vault(settings), _environment(settings), _baked(settings)


def _vault(settings: Settings) -> Source:
    name = "Vault"
    if settings.vault_addr is None:
        return Source(name, name, "not set up (VAULT_ADDR)")
    from ..keys.vault import Vault, VaultRefusedError, VaultUnreachableError  # noqa: PLC0415 - hvac is slow to import.

    vault = Vault(settings)
    where = str(settings.vault_addr)
    if settings.vault_namespace:
        where += f", namespace {settings.vault_namespace}"
    login = _login(settings)
    try:
        fields = vault.read()
    except VaultUnreachableError as error:
        return Source(name, vault.source, f"{where}, login by {login}", away=str(error))
    except VaultRefusedError as error:
        return Source(name, vault.source, f"{where}, login by {login}", refused=str(error))
    usable = _usable(
        settings,
        vault.source,
        (fields.get("secret_key"), fields.get("public_key"), fields.get("master_account_id")),
        ("secret_key", "public_key"),
    )
    named = ", ".join(sorted({"secret_key", "public_key", "master_account_id"} & set(fields)))
    place = f"{settings.vault_mount}/{settings.vault_path} (KV version {vault.kv_version})"
    ends_s, is_renewable = vault.login_lasts()
    return Source(
        name,
        vault.source,
        f"{where}, login by {login}{_lasting(ends_s, is_renewable)}; {place} has "
        f"{named or 'none of our fields'}",
        usable,
        login_ends_s=ends_s if settings.vault_token is not None and not is_renewable else math.inf,
    )


def _lasting(ends_s: float, is_renewable: bool) -> str:
    if math.isinf(ends_s):
        return ""
    return f" (ends in {span(ends_s)}, {'' if is_renewable else 'not '}renewable)"


def _login(settings: Settings) -> str:
    """Name the login that is taken: the first that is set up."""
    for name, setting in (
        ("token", settings.vault_token),
        ("token file", settings.vault_token_file),
        ("AppRole", settings.vault_role_id),
        ("Kubernetes role", settings.vault_kubernetes_role),
    ):
        if setting is not None:
            return name
    return "nothing: no login is set up"


def _environment(settings: Settings) -> Source:
    name, told = "environment", "the environment"
    names = ("STRIPE_SECRET_KEY", "STRIPE_PUBLIC_KEY")
    keys = (settings.secret_key, settings.public_key)
    there = [variable for variable, key in zip(names, keys, strict=True) if key is not None]
    if not there:
        return Source(name, told, f"neither {names[0]} nor {names[1]} is set")
    usable = _usable(settings, told, (*keys, None), names)
    return Source(name, told, f"has {' and '.join(there)}", usable)


def _baked(settings: Settings) -> Source:
    path = settings.baked_keys_file or DEFAULT_FILE
    name, told = "baked-in keys", f"the baked-in keys ({path})"
    try:
        fields = read_baked_keys(path)
    except ConfigurationError as error:
        return Source(name, told, str(path), refused=error.message)
    if fields is None:
        return Source(name, told, f"there are none ({path})")
    wanted = (fields.get("secret_key"), fields.get("public_key"), fields.get("master_account_id"))
    usable = _usable(settings, told, wanted, ("SECRET_KEY", "PUBLIC_KEY"))
    return Source(name, told, f"{path}, readable by its owner only", usable)


def _usable(
    settings: Settings,
    told: str,
    found: tuple[Secret | None, Secret | None, Secret | None],
    names: tuple[str, str],
) -> Usable:
    problems: dict[str, str] = {}
    keys: dict[str, Secret] = {}
    for kind, key, name, check in (
        ("secret key", found[0], names[0], check_secret_key),
        ("public key", found[1], names[1], check_public_key),
    ):
        if key is None:
            problems[kind] = f"{name} is missing in {told}. Put it there."
            continue
        try:
            keys[kind] = check(key, told)
        except BillingError as error:
            problems[kind] = error.message
    named = found[2].reveal() if found[2] is not None else None
    account, problem = named_account({VARIABLE: settings.master_account_id, told: named})
    if problem:
        problems["master account"] = problem
    return Usable(keys.get("secret key"), keys.get("public key"), account, problems)


def named_account(named: Mapping[str, str | None]) -> tuple[str | None, str]:
    """Return the master account that is named, or why there is none."""
    try:
        return one_master_account(named), ""
    except MasterAccountError as error:
        return None, error.message
