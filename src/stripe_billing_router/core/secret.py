"""A text that must not be seen: Stripe keys, Vault tokens, addresses that hold a password."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any, Final, NoReturn, Self

MASK: Final = "**********"

# Four characters of a short secret would be most of it.
_LONG_ENOUGH_FOR_LAST4: Final = 16


class Secret:
    """Hold a text so that nothing but `reveal()` gives it away.

    It is masked in `repr`, `str`, f-strings and dumps, has no `__dict__`, cannot be changed, and
    cannot be pickled; a copy is the same object. What it cannot do is hide from code in the same
    process that looks for it.
    """

    __slots__ = ("__value",)
    __value: str

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            # The value itself is never part of the message: it may be a secret of another type.
            raise TypeError(f"a secret is text, not {type(value).__name__}")
        object.__setattr__(self, "_Secret__value", value)

    def reveal(self) -> str:
        """Return the text itself; for the one place that needs it."""
        return self.__value

    @property
    def last4(self) -> str:
        """The last four characters, for a person to tell two secrets apart; empty if it is short.

        Enough is left unseen that the rest cannot be guessed from them.
        """
        return self.__value[-4:] if len(self.__value) >= _LONG_ENOUGH_FOR_LAST4 else ""

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # The time taken says nothing about how much of two secrets is the same.
        return hmac.compare_digest(_encoded(self), _encoded(other))

    def __hash__(self) -> int:
        return hash((Secret, self.__value))

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, format_spec: str) -> str:
        # A format specification could otherwise cut the mask to nothing, or fail with a message.
        return MASK

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a secret cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a secret cannot be changed")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a secret cannot be pickled: it would leave the process readable")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled: it would leave the process readable")


def wrapped(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return named values with each text in them as a `Secret`, and of bytes only the type.

    For the first line of a function that takes settings: a traceback with locals shows what the
    function was given, whatever goes wrong in it or below.
    """
    return {name: _wrapped(value) for name, value in values.items()}


def _wrapped(value: Any) -> Any:
    if isinstance(value, str):
        return Secret(value)
    if isinstance(value, list | tuple):
        return tuple(map(_wrapped, value))
    return type(value) if isinstance(value, bytes | bytearray) else value


def _encoded(secret: Secret) -> bytes:
    return secret.reveal().encode("utf-8", "surrogatepass")
