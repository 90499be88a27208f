"""Bot ids as operators write them: with the default domain or without."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final

from .identifiers import DEFAULT_DOMAIN

_PREFIX: Final = f"{DEFAULT_DOMAIN}:"


def spellings(bot_id: str) -> tuple[str, ...]:
    """Return the ways to write `bot_id`, the canonical one (with its domain) first."""
    if bot_id.startswith(_PREFIX) and bot_id.count(":") == 2:
        return bot_id, bot_id.removeprefix(_PREFIX)
    if bot_id.count(":") == 1:
        return _PREFIX + bot_id, bot_id
    return (bot_id,)


def matches(pattern: str, bot_id: str) -> bool:
    """Tell whether `pattern` (`*`, `?` and `[…]` as in fnmatch) covers `bot_id`."""
    return any(fnmatchcase(spelling, pattern) for spelling in spellings(bot_id))
