"""Where the keys come from: Vault, then the environment, then the values baked in at deployment.

A source that is not set up is passed over; one that cannot be reached is passed over with an alert;
one that answers badly is an error at once. Falling back from a bad answer could charge through an
account that the operator did not choose.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..core.secret import Secret
from ..errors import ConfigurationError, MasterAccountError, MissingKeyError
from ..settings import Settings
from .formats import check_public_key, check_secret_key, one_master_account

if TYPE_CHECKING:
    from .vault import Vault

ACCOUNT_VARIABLE: Final = "STRIPE_MASTER_ACCOUNT_ID"


@dataclass(frozen=True, slots=True)
class Keys:
    """The two keys and the account that they must belong to."""

    secret: Secret
    public: Secret
    master_account_id: str
    source: str
    # Why an earlier source was not used, if it could not be reached.
    passed_over: str = ""


class SourceAwayError(Exception):
    """The first source that is set up cannot be reached now."""


@dataclass(frozen=True, slots=True)
class Found:
    """The keys that a source holds, unchecked; what is None is not in it."""

    source: str  # its name in messages
    secret: Secret | None
    public: Secret | None
    master_account_id: Secret | None
    # The names of the two keys there, for messages.
    names: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of one source: the keys that it holds (`found`), or the `reason` why not.

    With `error` no further source is asked; with `is_away` it could not be reached; with neither
    it is not set up. `name` is a stable name for programs.
    """

    name: str
    source: str
    found: Found | None = None
    reason: str = ""
    is_away: bool = False
    error: ConfigurationError | None = None

    @property
    def decides(self) -> bool:
        """Whether the router looks no further than here."""
        return self.found is not None or self.error is not None

    @property
    def passed_over(self) -> str:
        """Why the next source is asked."""
        if self.is_away:
            return f"{self.source} cannot be reached: {self.reason}"
        return f"{self.name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Checked:
    """Those of a source's keys whose form is valid, and the error of each other one."""

    secret: Secret | None
    public: Secret | None
    master_account_id: str | None
    # By `secret key`, `public key` and `master account`.
    errors: Mapping[str, ConfigurationError]


class KeySources:
    """The three sources in their order; one thread at a time.

    Raised by all that read: `MissingKeyError` (no source has the keys, or one has only half),
    `InvalidKeyError` (empty, malformed, in test mode or of another kind), `MasterAccountError` (not
    named, malformed, or named twice), and `ConfigurationError` where Vault is set up and refuses.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def answers(self) -> Iterator[Answer]:
        """Ask one source after the other, in the order in which `read` does."""
        yield self._ask_vault()
        yield _ask_environment(self._settings)
        yield _ask_baked_file(self._settings)

    def read(self) -> Keys:
        """Return the keys of the first source that has them."""
        away = ""
        passed_over: list[str] = []
        for answer in self.answers():
            if answer.decides:
                return self._keys(answer, away)
            away = answer.passed_over if answer.is_away else away
            passed_over.append(answer.passed_over)
        raise MissingKeyError(
            f"There are no Stripe keys (asked in this order: {'; '.join(passed_over)})",
            "Set STRIPE_SECRET_KEY and STRIPE_PUBLIC_KEY, or VAULT_ADDR, or bake them in with "
            "`stripe-billing-router bake-keys`.",
            retryable=bool(away),
        )

    def read_again(self) -> Keys:
        """Return the current keys; where Vault is set up, from Vault only.

        Raises `SourceAwayError` while it cannot be reached.
        """
        answer = self._ask_vault()
        if answer.is_away:
            raise SourceAwayError(answer.passed_over)
        return self._keys(answer, "") if answer.decides else self.read()

    @property
    def can_change(self) -> bool:
        """Whether the keys may change while the process runs, and should be read again."""
        return self._settings.vault_addr is not None

    def due_in_s(self) -> float:
        """Return in how many seconds the keys should be read to keep the login at Vault."""
        return math.inf if self.vault is None else self.vault.renew_in_s()

    def login_ends_in_s(self) -> float | None:
        """Return the seconds until Vault's token ends, if nothing renews or replaces it."""
        return None if self.vault is None else self.vault.ends_in_s()

    @cached_property
    def vault(self) -> Vault | None:
        """The connection to Vault; None where it is not set up."""
        if self._settings.vault_addr is None:
            return None
        # hvac is slow to import, and few processes need it.
        from .vault import Vault  # noqa: PLC0415

        return Vault(self._settings)

    def _ask_vault(self) -> Answer:
        name = "Vault"
        if self.vault is None:
            return Answer(name, name, reason="not set up (VAULT_ADDR)")
        from .vault import VaultRefusedError, VaultUnreachableError  # noqa: PLC0415 - Loads hvac.

        source = self.vault.source
        try:
            fields = self.vault.read()
        except VaultUnreachableError as error:
            return Answer(name, source, reason=str(error), is_away=True)
        except VaultRefusedError as error:
            reason = str(error)
        else:
            return Answer(name, source, _found(source, fields, ("secret_key", "public_key")))
        refused = ConfigurationError(
            f"{source} does not give the Stripe keys: {reason}",
            "Correct it, or unset VAULT_ADDR. No other source is tried.",
        )
        return Answer(name, source, reason=reason, error=refused)

    def _keys(self, answer: Answer, away: str) -> Keys:
        """Return the keys of an answer; `away` is why an earlier source could not be reached."""
        try:
            if answer.error is not None:
                raise answer.error
            assert answer.found is not None, "an answer that decides has keys or an error"
            return replace(_complete(answer.found, self._settings), passed_over=away)
        except ConfigurationError as error:
            if not away:
                raise
            kind, problem, remedy = type(error), error.problem, error.remedy
        raise kind(f"{away}, and the next source cannot be used: {problem}", remedy, retryable=True)


def _ask_environment(settings: Settings) -> Answer:
    name, source = "environment", "the environment"
    names = ("STRIPE_SECRET_KEY", "STRIPE_PUBLIC_KEY")
    if settings.secret_key is None and settings.public_key is None:
        return Answer(name, source, reason=f"neither {names[0]} nor {names[1]} is set")
    return Answer(
        name, source, Found(source, settings.secret_key, settings.public_key, None, names)
    )


def _ask_baked_file(settings: Settings) -> Answer:
    from .baked import DEFAULT_FILE, read_baked_keys  # noqa: PLC0415 - Rarely needed.

    path: Path = settings.baked_keys_file or DEFAULT_FILE
    name, source = "baked-in keys", f"the baked-in keys ({path})"
    try:
        fields = read_baked_keys(path)
    except ConfigurationError as error:
        return Answer(name, source, reason=error.problem, error=error)
    if fields is None:
        return Answer(name, source, reason=f"there are none ({path})")
    return Answer(name, source, _found(source, fields, ("SECRET_KEY", "PUBLIC_KEY")))


def _found(source: str, fields: Mapping[str, Secret], names: tuple[str, str]) -> Found:
    return Found(
        source,
        fields.get("secret_key"),
        fields.get("public_key"),
        fields.get("master_account_id"),
        names,
    )


def check(found: Found, settings: Settings) -> Checked:
    """Check the form of each key and of the master account on its own."""
    errors: dict[str, ConfigurationError] = {}
    keys: dict[str, Secret] = {}
    for kind, key, name, check_key in (
        ("secret key", found.secret, found.names[0], check_secret_key),
        ("public key", found.public, found.names[1], check_public_key),
    ):
        try:
            if key is None:
                raise _missing([name], found.source)
            keys[kind] = check_key(key, found.source)
        except ConfigurationError as error:
            errors[kind] = error
    account = None
    try:
        account = _master_account(found, settings)
    except MasterAccountError as error:
        errors["master account"] = error
    return Checked(keys.get("secret key"), keys.get("public key"), account, errors)


def _complete(found: Found, settings: Settings) -> Keys:
    """Return the keys if all of them may be used, or raise what is wrong with the first."""
    halves = zip((found.secret, found.public), found.names, strict=True)
    missing = [name for half, name in halves if half is None]
    if missing:
        raise _missing(missing, found.source)
    checked = check(found, settings)
    for error in checked.errors.values():
        raise error
    assert checked.secret is not None
    assert checked.public is not None
    assert checked.master_account_id is not None
    return Keys(checked.secret, checked.public, checked.master_account_id, found.source)


def _missing(names: list[str], source: str) -> MissingKeyError:
    verb = "is" if len(names) == 1 else "are"
    return MissingKeyError(
        f"{' and '.join(names)} {verb} missing in {source}",
        "Put what is missing there. No other source is tried.",
    )


def _master_account(found: Found, settings: Settings) -> str:
    """Return the one id that is named, by the settings, the source, or both."""
    by_source = found.master_account_id
    return one_master_account(
        {
            ACCOUNT_VARIABLE: settings.master_account_id,
            found.source: None if by_source is None else by_source.reveal(),
        }
    )
