"""JSON without secrets, with a type that proves it: looked through once, where it enters.

The gateway makes one of each answer of Stripe's, and `billing_logger` of what comes from outside;
whatever has this type is written down as it is. What has not is looked through first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn, cast

from ..redaction import SECRET_FIELDS, redact, strip_secrets


class CleanText(str):
    """JSON text that holds no secret and that every database can store."""

    __slots__ = ()


class CleanJson(dict[str, Any]):
    """A JSON object that holds no secret. Made by `clean` and `as_stored` only; never changed."""

    __slots__ = ("_text",)

    def __init__(self, value: Mapping[str, Any], text: str | None = None) -> None:
        super().__init__(value)
        self._text = None if text is None else CleanText(text)

    @property
    def text(self) -> CleanText:
        """The object as compact JSON, encoded once."""
        if self._text is None:
            self._text = CleanText(_READABLE.encode(self))
        return self._text

    def entries(self) -> list[CleanJson]:
        """Return the objects on a page of a list: they are as clean as the page."""
        return [CleanJson(item) for item in self.get("data", []) if isinstance(item, dict)]

    def _unchangeable(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("what was looked through for secrets is not changed after that")

    # To a type checker a method that never returns is no override of those that do.
    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = cast(
        "Any", _unchangeable
    )

    def __reduce__(self) -> tuple[Any, ...]:
        return (CleanJson, (dict(self),))


def clean(value: Mapping[str, Any]) -> CleanJson:
    """Return a JSON object without its secret fields, and with secrets masked in its texts."""
    if isinstance(value, CleanJson):
        return value
    kept = {name: item for name, item in value.items() if name not in SECRET_FIELDS}
    text = _READABLE.encode(kept)
    if is_surely_clean(text):
        return CleanJson(kept, text)
    return CleanJson(strip_secrets(value))


def as_stored(value: Mapping[str, Any]) -> CleanJson:
    """Return what the journal holds as what it was when it was written."""
    return CleanJson(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple | set | frozenset) else str(value)


# Neither fails on a value: after a call, a record must be written. What people search is written
# as it is read.
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), default=_plain)
# Encodes a value as one line of JSON; what JSON does not know becomes text.
to_json: Final = _ENCODER.encode
_READABLE: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=_plain)


def is_surely_clean(text: str) -> bool:
    """Say whether JSON text needs no look at each of its texts, which costs several times more.

    Escapes could hide something and addresses make the search slow: such text gets that look.
    """
    if not text.isascii() or "\\" in text or "://" in text or 'secret"' in text:
        return False
    return redact(text) == text
