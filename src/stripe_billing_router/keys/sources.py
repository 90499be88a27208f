"""Where the keys come from: Vault, then the environment, then the values baked in at deployment.

A source that is not set up is passed over; one that cannot be reached is passed over with an alert;
one that answers badly is an error at once. Falling back from a bad answer could charge through an
account that nobody meant.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..core.secret import Secret
from ..errors import ConfigurationError, MissingKeyError
from ..settings import Settings
from .formats import check_public_key, check_secret_key, one_master_account

if TYPE_CHECKING:
    from .vault import Vault

_ENVIRONMENT: Final = "the environment"


@dataclass(frozen=True, slots=True)
class Keys:
    """The two keys and the account that they must belong to."""

    secret: Secret
    public: Secret
    master_account_id: str
    source: str
    # Why a source that comes before this one was not used, if it could not be reached.
    passed_over: str = ""


class SourceAwayError(Exception):
    """The source that is set up first cannot be reached now."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A source's answer; what is None is not in it."""

    source: str
    secret: Secret | None
    public: Secret | None
    master_account_id: Secret | None
    # How the two keys are called there, for messages.
    names: tuple[str, str]


class KeySources:
    """The three sources in their order; one thread at a time.

    Raised by all that read: `MissingKeyError` (no source has the keys, or one has only half),
    `InvalidKeyError` (empty, malformed, in test mode or of another kind), `MasterAccountError` (not
    named, malformed, or named twice), and `ConfigurationError` where Vault is set up and refuses.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def read(self) -> Keys:
        """Return the keys of the first source that has them."""
        away = ""
        passed_over: list[str] = []
        try:
            keys = self._from_vault()
        except SourceAwayError as error:
            away = str(error)
            passed_over.append(away)
        else:
            if keys is not None:
                return keys
            passed_over.append("Vault is not set up (VAULT_ADDR)")
        for find in (_from_environment, _from_baked_file):
            found, why_not = find(self._settings)
            if found is not None:
                return _instead(found, self._settings, away)
            passed_over.append(why_not)
        raise MissingKeyError(
            "There are no Stripe keys. Tried, in this order: " + "; ".join(passed_over) + ". "
            "Set STRIPE_SECRET_KEY and STRIPE_PUBLIC_KEY, or VAULT_ADDR, or bake them in with "
            "`stripe-billing-router bake-keys`.",
            retryable=bool(away),
        )

    def read_again(self) -> Keys:
        """Return what the keys are now, where Vault is set up from nowhere but there.

        Raises `SourceAwayError` while it cannot be reached.
        """
        return self._from_vault() or self.read()

    @property
    def can_change(self) -> bool:
        """Whether the keys may become others while the process runs, and should be read again."""
        return self._settings.vault_addr is not None

    def due_in_s(self) -> float:
        """Return in how many seconds the keys should be read for the sake of Vault's login."""
        return math.inf if self._vault is None else self._vault.renew_in_s()

    def login_ends_in_s(self) -> float | None:
        """Return the seconds until Vault's token ends, if nothing renews or replaces it."""
        return None if self._vault is None else self._vault.ends_in_s()

    def _from_vault(self) -> Keys | None:
        """Return Vault's keys; None where it is not set up. Raises `SourceAwayError`."""
        if self._vault is None:
            return None
        from .vault import VaultRefusedError, VaultUnreachableError  # noqa: PLC0415 - Loads hvac.

        source = self._vault.source
        try:
            found = _found(source, self._vault.read(), ("secret_key", "public_key"))
        except VaultUnreachableError as error:
            away, refusal = f"{source} cannot be reached: {error}", ""
        except VaultRefusedError as error:
            away, refusal = "", str(error)
        else:
            return _checked(found, self._settings)
        if away:
            raise SourceAwayError(away)
        raise ConfigurationError(
            f"{source} does not give the Stripe keys: {refusal}. No other source is tried: "
            "correct it, or unset VAULT_ADDR."
        )

    @cached_property
    def _vault(self) -> Vault | None:
        if self._settings.vault_addr is None:
            return None
        # hvac is slow to import, and few processes need it.
        from .vault import Vault  # noqa: PLC0415

        return Vault(self._settings)


# What each of the others returns: what it has, or why it has nothing.
_Result = tuple[_Found | None, str]


def _from_environment(settings: Settings) -> _Result:
    if settings.secret_key is None and settings.public_key is None:
        return None, f"{_ENVIRONMENT} has neither STRIPE_SECRET_KEY nor STRIPE_PUBLIC_KEY"
    names = ("STRIPE_SECRET_KEY", "STRIPE_PUBLIC_KEY")
    return _Found(_ENVIRONMENT, settings.secret_key, settings.public_key, None, names), ""


def _from_baked_file(settings: Settings) -> _Result:
    from .baked import DEFAULT_FILE, read_baked_keys  # noqa: PLC0415 - Rarely needed.

    path: Path = settings.baked_keys_file or DEFAULT_FILE
    fields = read_baked_keys(path)
    if fields is None:
        return None, f"no keys are baked in ({path})"
    return _found(f"the baked-in keys ({path})", fields, ("SECRET_KEY", "PUBLIC_KEY")), ""


def _found(source: str, fields: Mapping[str, Secret], names: tuple[str, str]) -> _Found:
    return _Found(
        source,
        fields.get("secret_key"),
        fields.get("public_key"),
        fields.get("master_account_id"),
        names,
    )


def _instead(found: _Found, settings: Settings, away: str) -> Keys:
    """Return the keys of a source after the first, of which `away` says why it was not asked."""
    try:
        return replace(_checked(found, settings), passed_over=away)
    except ConfigurationError as error:
        if not away:
            raise
        kind, problem = type(error), error.message
    raise kind(f"{away}. What comes next cannot be used: {problem}", retryable=True)


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
    by_source = found.master_account_id
    return one_master_account(
        {
            "STRIPE_MASTER_ACCOUNT_ID": settings.master_account_id,
            found.source: None if by_source is None else by_source.reveal(),
        }
    )
