"""Where the keys come from: Vault, then the environment, then the values baked in at deployment.

A source that is not set up is passed over; one that cannot be reached is passed over with an alert;
one that answers badly is an error at once. Falling back from a bad answer could charge through an
account that nobody meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stripe_billing_router.domain.keys import (
    check_master_account_id,
    check_public_key,
    check_secret_key,
)
from stripe_billing_router.errors import (
    ConfigurationError,
    MasterAccountError,
    MissingKeyError,
)
from stripe_billing_router.secret import Secret
from stripe_billing_router.settings import Settings

# `Alerts.send`, or anything that is called like it.
Alert = Callable[..., object]

_ENVIRONMENT: Final = "the environment"


@dataclass(frozen=True, slots=True)
class Keys:
    """The two keys and the account that they must belong to."""

    secret: Secret
    public: Secret
    master_account_id: str
    source: str


@dataclass(frozen=True, slots=True)
class _Found:
    """A source's answer; what is None is not in it."""

    source: str
    secret: Secret | None
    public: Secret | None
    master_account_id: Secret | None
    # How the two keys are called there, for messages.
    names: tuple[str, str]


def resolve_keys(settings: Settings, alert: Alert) -> Keys:
    """Return the keys of the first source that has them.

    `alert` is called with kind, severity, message and context when a source that is set up could
    not be reached and another one is used.

    Raises:
        MissingKeyError: no source has them, or one has only half; names all that was tried.
        InvalidKeyError: a key is empty, malformed, in test mode or of another kind.
        MasterAccountError: the master account is not named, is malformed, or is named twice.
        ConfigurationError: Vault is set up and refuses.
    """
    passed_over: list[str] = []
    unreachable = ""
    for find in (_from_vault, _from_environment, _from_baked_file):
        found, why_not, away = find(settings)
        if found is None:
            passed_over.append(why_not)
            unreachable = why_not if away else unreachable
            continue
        keys = _checked(found, settings)
        if unreachable:
            alert(
                "key_source_unreachable",
                "error",
                f"{unreachable}. The Stripe keys from {keys.source} are used instead.",
                {"source": keys.source},
            )
        return keys
    raise MissingKeyError(
        "There are no Stripe keys. Tried, in this order: " + "; ".join(passed_over) + ". "
        "Set STRIPE_SECRET_KEY and STRIPE_PUBLIC_KEY, or VAULT_ADDR, or bake them in with "
        "`stripe-billing-router bake-keys`.",
        retryable=bool(unreachable),
    )


# What each source returns: what it has, or why it has nothing, and whether that is an outage.
_Result = tuple[_Found | None, str, bool]


def _from_vault(settings: Settings) -> _Result:
    if settings.vault_addr is None:
        return None, "Vault is not set up (VAULT_ADDR)", False
    # hvac is slow to import, and few processes need it.
    from stripe_billing_router.adapters.vault import (  # noqa: PLC0415
        Vault,
        VaultRefusedError,
        VaultUnreachableError,
    )

    vault = Vault(settings)
    try:
        return _found(vault.source, vault.read(), ("secret_key", "public_key")), "", False
    except VaultUnreachableError as error:
        return None, f"{vault.source} cannot be reached: {error}", True
    except VaultRefusedError as error:
        refusal = str(error)
    raise ConfigurationError(
        f"{vault.source} does not give the Stripe keys: {refusal}. No other source is tried: "
        "correct it, or unset VAULT_ADDR."
    )


def _from_environment(settings: Settings) -> _Result:
    if settings.secret_key is None and settings.public_key is None:
        return None, f"{_ENVIRONMENT} has neither STRIPE_SECRET_KEY nor STRIPE_PUBLIC_KEY", False
    names = ("STRIPE_SECRET_KEY", "STRIPE_PUBLIC_KEY")
    return _Found(_ENVIRONMENT, settings.secret_key, settings.public_key, None, names), "", False


def _from_baked_file(settings: Settings) -> _Result:
    from stripe_billing_router.adapters.baked_keys import (  # noqa: PLC0415 - Rarely needed.
        DEFAULT_FILE,
        read_baked_keys,
    )

    path: Path = settings.baked_keys_file or DEFAULT_FILE
    fields = read_baked_keys(path)
    if fields is None:
        return None, f"no keys are baked in ({path})", False
    return _found(f"the baked-in keys ({path})", fields, ("SECRET_KEY", "PUBLIC_KEY")), "", False


def _found(source: str, fields: Mapping[str, Secret], names: tuple[str, str]) -> _Found:
    return _Found(
        source,
        fields.get("secret_key"),
        fields.get("public_key"),
        fields.get("master_account_id"),
        names,
    )


def _checked(found: _Found, settings: Settings) -> Keys:
    if found.secret is None or found.public is None:
        halves = zip((found.secret, found.public), found.names, strict=True)
        missing = " and ".join(name for half, name in halves if half is None)
        raise MissingKeyError(
            f"The Stripe keys in {found.source} are not complete: {missing} is missing. Put it "
            "there; no other source is tried."
        )
    return Keys(
        secret=check_secret_key(found.secret, found.source),
        public=check_public_key(found.public, found.source),
        master_account_id=_master_account(found, settings),
        source=found.source,
    )


def _master_account(found: _Found, settings: Settings) -> str:
    """Return the one id that is named, by the settings, the source, or both."""
    named: dict[str, str] = {}
    if settings.master_account_id is not None:
        named["STRIPE_MASTER_ACCOUNT_ID"] = check_master_account_id(
            settings.master_account_id, "STRIPE_MASTER_ACCOUNT_ID"
        )
    if found.master_account_id is not None:
        named[found.source] = check_master_account_id(
            found.master_account_id.reveal(), found.source
        )
    accounts = set(named.values())
    if not accounts:
        raise MasterAccountError(
            "The master account is not named, so that no key can be proven to belong to it. Set "
            "STRIPE_MASTER_ACCOUNT_ID, or master_account_id in the Vault secret, to the platform's "
            "own account (acct_…)."
        )
    if len(accounts) > 1:
        told = " and ".join(f"{account} by {source}" for source, account in named.items())
        raise MasterAccountError(
            f"Two different master accounts are named: {told}. Correct one of them, or remove it."
        )
    return accounts.pop()
