"""What a usable Stripe key and account id look like.

Source: Stripe's "API keys" page for the prefixes. The text after a prefix is opaque there, so only
its alphabet is checked, and that there is some of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ..core.secret import Secret
from ..errors import InvalidKeyError, MasterAccountError

_BODY: Final = re.compile(r"[A-Za-z0-9_]{3,}")
_ACCOUNT: Final = re.compile(r"acct_[A-Za-z0-9_]+")
_PRINTABLE: Final = re.compile(r"[\x21-\x7e]+")

# First match wins. What each is called, for a message that must not show the value.
_KINDS: Final = (
    (re.compile(r"[spr]k_org_"), "an organisation key, which names no single account"),
    (re.compile(r"sk_test_"), "a test-mode secret key"),
    (re.compile(r"rk_test_"), "a test-mode restricted key"),
    (re.compile(r"pk_test_"), "a test-mode publishable key"),
    (re.compile(r"sk_live_"), "a secret key"),
    (re.compile(r"rk_live_"), "a restricted key"),
    (re.compile(r"pk_live_"), "a publishable key"),
    (re.compile(r"whsec_"), "a webhook signing secret"),
    (re.compile(r"ek_(?:live|test)_"), "an ephemeral key"),
    (re.compile(r"[a-z]+_[A-Za-z0-9]+_secret_"), "a client secret"),
    (re.compile(r"acct_"), "an account id"),
    (re.compile(r"ca_"), "a Connect client id"),
    (re.compile(r"[{<$%]"), "a placeholder that was never filled in"),
)


def check_secret_key(value: Secret, source: str) -> Secret:
    """Return the live secret or restricted key in `value`, without blanks around it.

    Raises:
        InvalidKeyError: it is empty, malformed, in test mode or of another kind. The message names
            `source` and what is wrong, never the value.
    """
    return _check(value, "secret key", ("sk_live_", "rk_live_"), source)


def check_public_key(value: Secret, source: str) -> Secret:
    """Return the live publishable key in `value`, without blanks around it.

    Raises:
        InvalidKeyError: as for `check_secret_key`.
    """
    return _check(value, "public key", ("pk_live_",), source)


def check_master_account_id(text: str, source: str) -> str:
    """Return the account id in `text`, without blanks around it.

    Raises:
        MasterAccountError: it is not `acct_` and letters, digits or underscores.
    """
    account = text.strip()
    if _ACCOUNT.fullmatch(account):
        return account
    is_empty = not account
    # Not repeated, also by no traceback with locals: whoever mixed up two variables may have put a
    # key here.
    del text, account
    if is_empty:
        raise MasterAccountError(
            f"The master account id from {source} is empty",
            "Set STRIPE_MASTER_ACCOUNT_ID to the platform's own account (acct_…).",
        )
    raise MasterAccountError(
        f"The master account id from {source} is not an account id",
        "Write acct_ followed by letters, digits or underscores.",
    )


def one_master_account(named: Mapping[str, str | None]) -> str:
    """Return the one account that is named, by whichever sources name one.

    Raises:
        MasterAccountError: none does, one of them is malformed, or two name different ones.
    """
    accounts = {
        source: check_master_account_id(account, source)
        for source, account in named.items()
        if account is not None
    }
    if not accounts:
        raise MasterAccountError(
            "The master account is not named, so no key can be verified to belong to it",
            "Set STRIPE_MASTER_ACCOUNT_ID, or master_account_id in the Vault secret, to the "
            "platform's own account (acct_…).",
        )
    if len(set(accounts.values())) > 1:
        both = " and ".join(f"{account} by {source}" for source, account in accounts.items())
        raise MasterAccountError(
            f"Two different master accounts are named: {both}",
            "Correct one of them, or remove it.",
        )
    return next(iter(accounts.values()))


def hint(key: Secret) -> str:
    """Return what a person may see of a usable key: its kind, and its end if it is long."""
    kind = "_".join(key.reveal().split("_")[:2])
    return f"{kind}_…{key.last4}"


def _check(value: Secret, kind: str, prefixes: tuple[str, ...], source: str) -> Secret:
    stripped, refusal = _judged(value, prefixes)
    if refusal:
        wanted = " or ".join(f"{prefix}…" for prefix in prefixes)
        raise InvalidKeyError(
            f"The {kind} from {source} {refusal}",
            f"Put the live {kind} there ({wanted}). No other source is tried instead, so that no "
            "wrong account is charged.",
        )
    return stripped


def _judged(value: Secret, prefixes: tuple[str, ...]) -> tuple[Secret, str | None]:
    """Return the key without blanks around it, and why it is refused.

    Nothing is raised where the text is a local: tracebacks with locals would show it.
    """
    # A file read into a variable ends in a newline. Sent as it is, it would break the header, and
    # a client's complaint about that would show the whole key.
    text = value.reveal().strip()
    return Secret(text), _refusal(text, prefixes)


def _refusal(text: str, prefixes: tuple[str, ...]) -> str | None:
    if not text:
        return "is empty"
    if not _PRINTABLE.fullmatch(text):
        return "holds a blank, a control character or a character that is not ASCII"
    prefix = next((prefix for prefix in prefixes if text.startswith(prefix)), None)
    if prefix is None:
        return f"is {_kind_of(text)}"
    if not _BODY.fullmatch(text[len(prefix) :]):
        return "is cut short or holds characters that no key has"
    return None


def _kind_of(text: str) -> str:
    return next((name for pattern, name in _KINDS if pattern.match(text)), "not a Stripe key")
