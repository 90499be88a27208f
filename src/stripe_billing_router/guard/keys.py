"""Stripe keys in the bytes of any file, whatever its form or encoding.

Stripe documents the prefixes of its keys and calls the rest opaque. Those in use have 24 letters
and digits or, since 2019, about 100, drawn at random. What is reported has at least 16 of them in
one run, of two kinds (capitals, small letters, digits) and of eight different ones: a random key
of 24 falls short of that less often than once in 100 million. `sk_live_...`, `sk_test_123`,
`sk_live_xxxxxxxxxxxxxxxxxxxxxxxx` and `sk_live_your_secret_key` do fall short.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_KINDS: Final = {
    b"sk": "key-secret",
    b"rk": "key-restricted",
    b"pk": "key-publishable",
    b"wh": "key-webhook",
}
_KEY: Final = re.compile(
    rb"(sk_org_(?:live_|test_)?|[srp]k_(?:live|test)_|whsec_)"
    # Up to the next prefix: a name such as pk_test_ may come right before a key.
    rb"((?:(?![srp]k_(?:live|test|org)_|whsec_)[A-Za-z0-9_]){16,})"
)
_ZEROS: Final = rb"\0{0,6}"
_WIDE: Final = re.compile(
    rb"(?:"
    + b"|".join(
        b"".join(bytes([letter]) + _ZEROS for letter in prefix)
        for prefix in (b"sk_live_", b"sk_test_", b"rk_live_", b"rk_test_", b"pk_live_", b"pk_test_",
                       b"sk_org_", b"whsec_")
    )
    + rb")(?:[A-Za-z0-9_]"
    + _ZEROS
    + rb"){16,}"
)  # fmt: skip
_CODE: Final = rb"(?:3[0-9]|[46][1-9a-fA-F]|5[0-9aAfF]|7[0-9aA])"
# A letter, digit or _ as JSON, YAML, JavaScript and URLs may write it; the other backslash is
# that of a text in a text.
_ESCAPED: Final = re.compile(
    rb"\\\\?(?:u00%(code)b|x%(code)b|u\{%(code)b\})|%%%(code)b" % {b"code": _CODE}
)
_RUN: Final = re.compile(rb"[A-Za-z0-9]{16,}")
# What precedes a key in escaped text is not part of a word: "\nsk_live_…", "%3Dsk_live_…".
_ESCAPE: Final = re.compile(rb"(?:\\[abfnrtv0]|\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|%[0-9A-F]{2})\Z")
_CLASSES: Final = (re.compile(rb"[a-z]"), re.compile(rb"[A-Z]"), re.compile(rb"[0-9]"))
# No random key holds a word of this length.
_PLACEHOLDER: Final = re.compile(
    rb"(?i)example|placeholder|your(?:stripe|secret|key|own)|changeme|redacted|replace(?:me|with)"
    rb"|(?:secret|publishable|restricted|stripe|api)key(?:here|\Z)"
)
# How base64 begins that holds a key and nothing else, as in a Kubernetes Secret: the groups of
# four characters that the first three or six of a prefix make.
_BASE64: Final = re.compile(
    rb"(?:c2tfbGl2|c2tfdGVz|c2tfb3Jn|cmtfbGl2|cmtfdGVz|cGtfbGl2|cGtfdGVz|d2hzZWNf)"
    rb"[A-Za-z0-9+/]{16,}={0,2}"
)
# Each match of the above holds one of these: looking for them costs next to nothing.
_HINTS: Final = (
    *(b"k_live_", b"k_test_", b"sk_org_", b"whsec_"),
    *(b"c2tfbGl2", b"c2tfdGVz", b"c2tfb3Jn", b"cmtfbGl2", b"cmtfdGVz", b"cGtfbGl2", b"cGtfdGVz"),
    b"d2hzZWNf",
)


@dataclass(frozen=True, slots=True)
class Key:
    """A key that was found; `shown` is its prefix and last four characters."""

    offset: int
    rule: str
    shown: str
    value: bytes

    def __repr__(self) -> str:
        return f"Key({self.shown} at {self.offset})"


def find_keys(data: bytes) -> Iterator[Key]:
    """Yield the keys in `data`, also in UTF-16, UTF-32, escapes, or base64 of the key alone."""
    known = set()
    if any(hint in data for hint in _HINTS):
        for key in (*_plain(data), *_encoded(data)):
            known.add(key.offset)
            yield key
    # Of the same length, so that what is found is where it was.
    spread = _ESCAPED.sub(_spread, data)
    if b"\0" in spread:
        narrow = spread.replace(b"\0", b"")
        if any(hint in narrow for hint in _HINTS):
            yield from (key for key in _wide(spread) if key.offset not in known)


def _spread(escape: re.Match[bytes]) -> bytes:
    letter = bytes.fromhex(escape[0].rstrip(b"}")[-2:].decode())
    return letter.ljust(len(escape[0]), b"\0")


def _plain(data: bytes) -> Iterator[Key]:
    for match in _KEY.finditer(data):
        prefix, body = match.groups()
        run = max(_RUN.findall(body), key=len, default=b"")
        before = data[max(0, match.start() - 6) : match.start()]
        if _is_random(run) and (_begins_word(before) or len(run) >= 24):
            rule = "key-organization" if b"_org_" in prefix else _KINDS[prefix[:2]]
            shown = f"{prefix.decode()}…{body[-4:].decode()}"
            yield Key(match.start(), rule, shown, match[0])


def _begins_word(before: bytes) -> bool:
    return not before[-1:].isalnum() or _ESCAPE.search(before) is not None


def _is_random(run: bytes) -> bool:
    if len(run) < 16 or len(set(run)) < 8 or _PLACEHOLDER.search(run):
        return False
    return sum(kind.search(run) is not None for kind in _CLASSES) >= 2


def _wide(data: bytes) -> Iterator[Key]:
    """Yield keys that have zero bytes between their characters.

    It is text of two or four bytes each, or `_spread` has put them there.
    """
    for match in _WIDE.finditer(data):
        if b"\0" in match[0].rstrip(b"\0"):
            for key in _plain(match[0].replace(b"\0", b"")):
                yield Key(match.start(), key.rule, key.shown, key.value)


def _encoded(data: bytes) -> Iterator[Key]:
    for match in _BASE64.finditer(data):
        text = match[0].rstrip(b"=")
        try:
            decoded = base64.b64decode(text[: len(text) // 4 * 4] + _last_group(text))
        except (binascii.Error, ValueError):
            continue
        for key in _plain(decoded):
            if key.offset == 0:
                yield Key(match.start(), key.rule, f"{key.shown}, in base64", key.value)


def _last_group(text: bytes) -> bytes:
    rest = text[len(text) // 4 * 4 :]
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""
