"""Take secrets out of text and JSON before anything is shown, logged or stored.

Recognised: Stripe keys of every kind and mode, webhook secrets, client secrets, Vault and
web tokens, and whatever follows `Bearer`. The patterns err on the side of hiding too much.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

MASK: Final = "[redacted]"

# `sk_`, `rk_`, `pk_`, `sk_org_` in live and test mode, also as Stripe itself shortens them
# (`sk_live_****1234`), but not a bare prefix, which help texts name; `whsec_`; ephemeral keys
# `ek_`; `pi_…_secret_…` client secrets; Vault's `hvs.`/`hvb.`/`hvr.` tokens and the older `s.`;
# JSON Web Tokens, as Kubernetes gives them; `Bearer …` and `Basic …` headers, but no words such as
# "Basic subscription"; the user and password in an address.
_IS_KEY: Final = (
    r"(?:[spr]k_(?:org_)?(?:live|test)_[A-Za-z0-9_\-*]+"
    r"|(?:whsec|ek_live|ek_test)_[A-Za-z0-9_\-+/=]+"
    r"|[a-z]{2,12}_[A-Za-z0-9]+_secret_[A-Za-z0-9_\-%]*"
    r"|(?<![A-Za-z0-9])hv[sbr]\.[A-Za-z0-9_\-.]+"
    r"|\bs\.[A-Za-z0-9]{20,}"
    r"|(?<![A-Za-z0-9])eyJ[A-Za-z0-9_\-]{4,}\.eyJ[A-Za-z0-9_\-]*\.[A-Za-z0-9_\-]*)"
)
_TOKENS: Final = re.compile(_IS_KEY)
_SECRET: Final = re.compile(
    _IS_KEY + r"|(?i:\bbearer\s+)[^\s\"',;]+"
    r"|(?i:\bbasic\s+)(?=[A-Za-z0-9+/]*[0-9=])[A-Za-z0-9+/]{12,}=*"
    r"|(?<=://)[^\s/@:\"]*:[^\s/@\"]+(?=@)"
)

# Every match of the above holds one of these. Looking for them first makes most texts, of which an
# object of Stripe's has a hundred, many times as cheap. Each begins with a plain character: then
# the search passes over all others without trying.
_HINT: Final = re.compile(
    r"_(?:live|test|secret)_|whsec_|hv[sbr]\.|s\.[A-Za-z0-9]{20}|eyJ|://"
    r"|b(?:[eE][aA][rR][eE][rR]|[aA][sS][iI][cC])\s|B(?:[eE][aA][rR][eE][rR]|[aA][sS][iI][cC])\s"
)

# Fields of Stripe's objects that let their holder pay, confirm or read as the customer.
SECRET_FIELDS: Final = frozenset({"client_secret", "ephemeral_key_secret", "secret"})


def holds_secret(text: str) -> bool:
    """Say whether a text holds a key or token itself, and not only a word that comes before one."""
    return _TOKENS.search(text) is not None


def redact(text: str) -> str:
    """Return `text` with every recognised secret replaced by a mask."""
    return _SECRET.sub(MASK, text) if _HINT.search(text) else text


def strip_secrets(value: Any) -> Any:
    """Return a copy of JSON data without secret fields, and with secrets masked in its strings."""
    if isinstance(value, Mapping):
        return {
            redact(_storable(str(key))): strip_secrets(item)
            for key, item in value.items()
            if key not in SECRET_FIELDS
        }
    if isinstance(value, list | tuple):
        return [strip_secrets(item) for item in value]
    return redact(_storable(value)) if isinstance(value, str) else value


def _storable(text: str) -> str:
    """Replace what no database can store as text: NUL and lone surrogates."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    return text.replace("\x00", "\ufffd")
