"""Names and ids: what a bot, a Stripe object, metadata and a business key may look like.

Everything is checked before a request is made: the SDK itself sends an empty id, which turns a
read of one object into a list of all, and puts text of any kind into paths.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from ..errors import InputError, InvalidBotIdError, InvalidIdentifierError, RouteKeyOverrideError
from ..redaction import holds_secret

DEFAULT_DOMAIN: Final = "stripe"
DEFAULT_REGION: Final = "default"

# What a domain, region, category, bot and override may be named. No colon, which separates them;
# none of `*?[`, which limits and freezes match with.
NAME_PATTERN: Final = r"[A-Za-z0-9_.\-]{1,100}"
_NAME: Final = re.compile(NAME_PATTERN)
_BOT_ID: Final = re.compile(rf"(?:({NAME_PATTERN}):)?({NAME_PATTERN}):({NAME_PATTERN})")

# Stripe's ids: a prefix that names the kind, then letters, digits and underscores. Payment methods
# of older integrations are cards, sources and bank accounts; prices of older ones are plans.
_PREFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "account": ("acct",),
    "charge": ("ch", "py"),
    "checkout_session": ("cs",),
    "customer": ("cus",),
    "invoice": ("in",),
    "payment": ("pi", "in"),
    "payment_intent": ("pi",),
    "payment_method": ("pm", "card", "src", "ba"),
    "price": ("price", "plan"),
    "product": ("prod",),
    "refund": ("re", "pyr"),
    "subscription": ("sub",),
}
LONGEST_ID: Final = 255
_SHOWN: Final = 60

# Stripe allows 50 pairs per object; ten are kept for the router's own.
_MOST_METADATA: Final = 40
_LONGEST_METADATA_KEY: Final = 40
_LONGEST_METADATA_VALUE: Final = 500
RESERVED_METADATA_PREFIX: Final = "sbr_"

_LONGEST_KEY: Final = 255
# The key and every text inside a call come from the caller; how deep to look is a bound on work.
_DEEPEST: Final = 16

_KEY_FIELD: Final = re.compile(
    r"(?:secret|public|publishable|private|restricted|stripe|api)[^a-z0-9]*keys?(?![a-z])"
    r"|stripe[^a-z0-9]*secret"
)
# Not inside a word: a bot may well be called `task_live_2`.
_KEY_VALUE: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:[spr]k_(?:org_)?(?:live|test)_|whsec_)[A-Za-z0-9]"
)

_CLIENT_SECRET: Final = re.compile(r"(?<![A-Za-z0-9])(?:pi|seti|cs|src)_[A-Za-z0-9_]+_secret_")

# Of Vault, and of Kubernetes.
_TOKEN: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:hv[sbr]\.[A-Za-z0-9_\-]{8}|eyJ[A-Za-z0-9_\-]{4,}\.eyJ)"
)


_ORDER_ID: Final = "Use the order's id."
_OTHER_KEY: Final = "Use another metadata key: 1 to 40 printable characters without brackets."
_NO_KEYS: Final = (
    "Remove it: routes, overrides and calls carry no keys. Keep keys in Vault or in the router's "
    "environment."
)


class BotId(NamedTuple):
    """Who calls: the three parts of a bot id."""

    domain: str
    category: str
    name: str

    @property
    def canonical(self) -> str:
        """The one spelling that is logged, journalled and limited: without the default domain."""
        if self.domain == DEFAULT_DOMAIN:
            return f"{self.category}:{self.name}"
        return f"{self.domain}:{self.category}:{self.name}"


def parse_bot_id(text: object) -> BotId:
    """Take `category:bot` or `domain:category:bot` apart; the domain defaults to `stripe`.

    Parts are 1 to 100 ASCII letters, digits, `_`, `.` and `-`.
    Raises InvalidBotIdError for anything else.
    """
    match = _BOT_ID.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise InvalidBotIdError(
            f"{shown(text)} is not a bot id",
            "Write 'category:bot' or 'domain:category:bot', each part of ASCII letters, digits, "
            "'_', '.' and '-'.",
        )
    domain, category, name = match.groups()
    return BotId(domain or DEFAULT_DOMAIN, category, name)


def check_name(what: str, value: object) -> str:
    """Return `value` if it may name a domain, region, business category, bot or override.

    Raises InvalidBotIdError that says which of them (`what`) it was meant to be.
    """
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    raise InvalidBotIdError(
        f"{shown(value)} cannot name {_a(what)}",
        "Use 1 to 100 ASCII letters, digits, '_', '.' and '-'.",
    )


def id_pattern(kind: str) -> str:
    """Return the regular expression of a Stripe id of this kind."""
    return rf"^(?:{'|'.join(_PREFIXES[kind])})_[A-Za-z0-9_]+$"


_ID: Final = {kind: re.compile(id_pattern(kind)[1:-1]) for kind in _PREFIXES}


def check_id(kind: str, value: object) -> str:
    """Return `value` if it has the form of a Stripe id of this kind (`"price"`, `"customer"`, …).

    `"payment"` is what a refund takes: a payment intent or an invoice. Only the form is checked;
    whether the object exists is for Stripe to say.
    Raises InvalidIdentifierError that names what was expected, and what the value seems to be.
    """
    if (
        isinstance(value, str)
        and len(value) <= LONGEST_ID
        and _ID[kind].fullmatch(value)
        and not _KEY_VALUE.search(value)
        # A client secret begins with the id of its object and would pass as one.
        and not _CLIENT_SECRET.search(value)
    ):
        return value
    remedy = f"Pass the id of {_a(kind)}."
    if isinstance(value, str) and "_secret_" in value:
        remedy = "Pass what precedes '_secret_'."
    raise InvalidIdentifierError(_id_problem(kind, value), remedy)


def _id_problem(kind: str, value: object) -> str:
    wanted = " or ".join(f"{prefix}_…" for prefix in _PREFIXES[kind])
    noun = f"{kind.replace('_', ' ')} id ({wanted})"
    if not isinstance(value, str):
        return f"The {noun} is {_a(type(value).__name__)}, not a text"
    if not value:
        return f"The {noun} is empty"
    if len(value) > LONGEST_ID:
        return f"The {noun} has {len(value)} characters, more than {LONGEST_ID}"
    if _KEY_VALUE.search(value):
        return f"The {noun} is or holds a Stripe key"
    if "_secret_" in value:
        return f"The {noun} is a client secret"
    is_like = next((other for other in _ID if _ID[other].fullmatch(value)), None)
    if is_like is not None:
        return f"{shown(value)} is {_a(is_like)} id, not {_a(kind)} id ({wanted})"
    return f"{shown(value)} is not {_a(kind)} id ({wanted})"


def check_idempotency_key(key: object) -> str:
    """Return a business key: 1 to 255 printable ASCII characters, no space at either end.

    Raises InputError. The bound is Stripe's for the keys that are made of it.
    """
    if not isinstance(key, str):
        raise InputError(
            f"An idempotency key must be a text, not {_a(type(key).__name__)}", _ORDER_ID
        )
    if (
        not 1 <= len(key) <= _LONGEST_KEY
        or not (key.isascii() and key.isprintable())
        or key != key.strip()
    ):
        raise InputError(
            f"{shown(key)} cannot be an idempotency key",
            f"Use 1 to {_LONGEST_KEY} printable ASCII characters without a space at either end, "
            "for example the order's id.",
        )
    if _KEY_VALUE.search(key) or _CLIENT_SECRET.search(key) or _TOKEN.search(key):
        raise InputError(
            "The idempotency key holds a Stripe key, a client secret or a token, and would be "
            "stored",
            _ORDER_ID,
        )
    return key


def check_metadata(metadata: object) -> dict[str, str]:
    """Return metadata as Stripe takes it; whole numbers become text, and None is no pair.

    At most 40 pairs (Stripe's 50 less the router's own), keys of up to 40 characters without
    square brackets, values of 1 to 500. Keys that begin with `sbr_` are the router's.
    Raises InputError, and RouteKeyOverrideError for a Stripe key.
    """
    if metadata is None:
        return {}
    if not isinstance(metadata, Mapping):
        raise InputError(
            f"Metadata must be a mapping of text to text, not {_a(type(metadata).__name__)}",
            "Pass a mapping such as {'order': '1001'}.",
        )
    if len(metadata) > _MOST_METADATA:
        raise InputError(
            f"Metadata has {len(metadata)} pairs, more than {_MOST_METADATA}", "Pass fewer pairs."
        )
    refuse_stripe_keys(metadata, "metadata")
    return {_metadata_key(key): _metadata_value(key, value) for key, value in metadata.items()}


def _metadata_key(key: object) -> str:
    if not isinstance(key, str) or not 1 <= len(key) <= _LONGEST_METADATA_KEY:
        raise InputError(
            f"The metadata key {shown(key)} is not a text of 1 to 40 characters", _OTHER_KEY
        )
    if "[" in key or "]" in key or not key.isprintable():
        raise InputError(
            f"The metadata key {shown(key)} holds a square bracket or control character", _OTHER_KEY
        )
    if key.lower().startswith(RESERVED_METADATA_PREFIX):
        raise InputError(
            f"The metadata key {shown(key)} begins with 'sbr_', which the router reserves",
            _OTHER_KEY,
        )
    return key


def _metadata_value(key: object, value: object) -> str:
    # `True` would read "True" at Stripe and "true" in the SDK's own encoding: say what is meant.
    text = str(value) if type(value) is int and value.bit_length() <= 64 else value
    if not isinstance(text, str):
        raise InputError(
            f"The metadata value of {shown(key)} must be a text or a whole number, not "
            f"{_a(type(value).__name__)}",
            "Convert it to the text that you want to read at Stripe.",
        )
    if not 1 <= len(text) <= _LONGEST_METADATA_VALUE:
        raise InputError(
            f"The metadata value of {shown(key)} has {len(text)} characters, not 1 to 500",
            "Shorten it, or leave an empty pair out.",
        )
    if "\0" in text or not is_unicode(text):
        raise InputError(
            f"The metadata value of {shown(key)} cannot be written as UTF-8 text",
            "Pass valid Unicode text without a null character.",
        )
    return text


def refuse_stripe_keys(value: object, where: str) -> None:
    """Look through mappings and lists for a field that names a Stripe key, or a text that is one.

    Raises RouteKeyOverrideError that names `where`; the router injects its own keys, always.
    """
    waiting: list[tuple[object, str, int]] = [(value, where, 0)]
    while waiting:
        item, path, depth = waiting.pop()
        if isinstance(item, str):
            if _KEY_VALUE.search(item):
                raise RouteKeyOverrideError(f"{path} holds a Stripe key", _NO_KEYS)
        elif depth >= _DEEPEST:
            raise InputError(f"{path} is nested more than {_DEEPEST} levels deep", "Flatten it.")
        elif isinstance(item, Mapping):
            for name, inner in item.items():
                inner_path = f"{path}.{str(name)[:_SHOWN]}"
                if _KEY_FIELD.search(str(name).lower()):
                    raise RouteKeyOverrideError(f"{inner_path} names a Stripe key", _NO_KEYS)
                waiting.append((inner, inner_path, depth + 1))
        elif isinstance(item, list | tuple | set | frozenset):
            waiting += [(inner, path, depth + 1) for inner in item]


def refuse_secrets(**values: object) -> None:
    """Refuse what everyone with access to Stripe or the ledger could read there."""
    if holds_secret(json.dumps(values)):
        name = next(name for name, value in values.items() if holds_secret(json.dumps(value)))
        raise InputError(
            f"{name} holds what looks like a key or another secret, and would be stored at Stripe "
            "and in the ledger",
            "Remove it from the call.",
        )


def shown(value: object) -> str:
    """Return a short form of a value for an error message; only the type of what is not a text."""
    if not isinstance(value, str):
        return _a(type(value).__name__)
    return repr(value) if len(value) <= _SHOWN else f"{value[:_SHOWN]!r}…"


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeio' else 'a'} {noun.replace('_', ' ')}"


def is_unicode(text: str) -> bool:
    """Say whether a text can be sent at all: lone surrogates cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
